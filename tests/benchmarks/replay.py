"""An app that watches a run of 10,000 epochs grow: `python -m tests.benchmarks.replay`.

Events are appended as a worker would, faster; a real app on a terminal of 120×40 follows them, and its memory is read
on the way. How long a redraw takes is measured in a second app, without a terminal, in processor time.
"""

from __future__ import annotations

import asyncio
import math
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from mnist_tui.experiment.presets import find_preset
from mnist_tui.runs.event_log import EventLog
from mnist_tui.runs.events import DataReady, EpochEnded, Event, ModelBuilt, Progress, RunStarted
from mnist_tui.runs.folder import Launch, RunFolder, create
from mnist_tui.runs.process_folder import this_process
from mnist_tui.tui.app import AppOptions, BenchApp
from tests.benchmarks import results
from tests.terminal import Terminal

EPOCHS = 10_000
STEPS = 118
MARKS = (1_000, 2_000, 5_000, 10_000)
NAMES = tuple(map(str, range(10)))
REDRAWS = 20


def beginning(folder: RunFolder) -> list[Event]:
    return [
        RunStarted(run=folder.id, epochs=EPOCHS, total=198_760, trainable=198_760),
        DataReady(
            name="mnist",
            title="MNIST",
            class_names=NAMES,
            sha256={},
            source="a folder",
            sample=False,
            verified=True,
            train=60_000,
            validation=0,
            test=10_000,
            inputs=784,
        ),
        ModelBuilt(device="CPU:0", device_name="", program="xla", total=198_760, trainable=198_760, steps=STEPS),
    ]


def an_epoch(number: int) -> list[Event]:
    """Two looks into the epoch, and its end."""
    loss = 0.08 + 2 * math.exp(-number / 500) + 0.02 * math.sin(number)
    wrong = 5 + number % 7
    matrix = tuple(tuple(1000 - 9 * wrong if true == said else wrong for said in range(10)) for true in range(10))
    running = [
        Progress(epoch=number, step=step, steps=STEPS, images_per_second=6e4, loss=loss, accuracy=0.9)
        for step in (STEPS // 3, 2 * STEPS // 3)
    ]
    ended = EpochEnded(
        epoch=number,
        loss=loss,
        accuracy=0.97,
        val_loss=loss * 1.1,
        val_accuracy=0.96,
        learning_rate=0.001,
        seconds=2.0,
        images_per_second=6e4,
        confusion=matrix,
    )
    return [*running, ended]


def recorded(place: Path) -> tuple[RunFolder, EventLog]:
    folder = create(place / "runs", find_preset("raw"), Launch(time.time(), "mnist-tui train"))
    folder.write_status(this_process("running"))
    log = EventLog(folder.events_file)
    for event in beginning(folder):
        log.append(event)
    return folder, log


def memories(folder: RunFolder, log: EventLog) -> dict[int, int]:
    """Bytes that the app holds when it shows each of MARKS."""
    found: dict[int, int] = {}
    with Terminal(["attach", folder.id], columns=120, rows=40) as terminal:
        process = psutil.Process(terminal.process.pid)
        for number in range(1, EPOCHS + 1):
            for event in an_epoch(number):
                log.append(event)
            if number % 100 == 0:
                terminal.pump(0.5)
            if number in MARKS:
                terminal.wait_for(f"evaluated after epoch {number}")
                terminal.pump(1.0)
                found[number] = process.memory_info().rss
    return found


async def redraws(folder: RunFolder, log: EventLog, done: int) -> list[float]:
    """Processor seconds from a changed run, and from a moved cursor, to a frame that is composed."""
    found: list[float] = []
    app = BenchApp(AppOptions(action="watch", run=folder, runs_dir=folder.path.parent))
    async with app.run_test(size=(120, 40)) as pilot:
        screen: Any = app.screen
        while screen.feed.newest < done:
            await pilot.pause(0.1)
        for turn in range(REDRAWS):
            if turn % 2:
                screen.feed.move(done - 100 * turn)
            else:
                for event in an_epoch(done := done + 1):
                    log.append(event)
                while screen.feed.newest < done:
                    await asyncio.sleep(0.05)
            await asyncio.sleep(1.0)
            screen._dirty = True
            began = time.process_time()
            screen.redraw()
            await pilot.pause()
            found.append(time.process_time() - began)
    return found


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        os.environ["MNIST_TUI_CONFIG"] = f"{place}/settings.toml"
        os.environ["MNIST_TUI_RUNS"] = f"{place}/runs"
        folder, log = recorded(Path(place))
        held = memories(folder, log)
        drawn = asyncio.run(redraws(folder, log, EPOCHS))
    body = "\n".join(
        [
            "| figure | measured | wanted |",
            "| --- | --- | --- |",
            *(f"| memory at epoch {number:,} | {held[number] / 1e6:.1f} MB | ≤ 150 MB |" for number in MARKS),
            f"| from epoch 1,000 to 10,000 | {(held[MARKS[-1]] - held[MARKS[0]]) / 1e6:+.1f} MB | ≤ 20 MB |",
            f"| a redraw at epoch 10,000, median of {len(drawn)} | {1000 * statistics.median(drawn):.0f} ms | |",
            f"| the slowest of them | {1000 * max(drawn):.0f} ms | ≤ 50 ms |",
        ]
    )
    print(body)
    results.write("Watching 10,000 epochs", body)


if __name__ == "__main__":
    sys.exit(main())
