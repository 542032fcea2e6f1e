"""What an attached app costs a training, and how fast it answers: `python -m tests.benchmarks.attached`.

The starter cnn trains on all cores, headless; the app is attached to it and taken away again, in turns. Share of a core
and bytes are those of the app's own process over quiet time; a key's answer is the time from the key to the changed
text's arrival at a terminal of 120×40.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from mnist_tui.runs.control import send
from mnist_tui.runs.event_log import replayed
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.library import find_run
from mnist_tui.runs.state import EpochRow
from tests.benchmarks import results
from tests.benchmarks.pairs import ratio
from tests.terminal import COMMAND, Terminal

COLUMNS, ROWS = 120, 40
EVALUATED = re.compile(r"evaluated after epoch (\d+)")
TURN_EPOCHS = 3
PRESSES = 60
QUIET_SECONDS = 30.0


def epochs_of(folder: RunFolder) -> tuple[EpochRow, ...]:
    return replayed(folder.events_file).history


def wait_for_epochs(folder: RunFolder, count: int, terminal: Terminal | None = None) -> tuple[EpochRow, ...]:
    """Until so many more epochs have ended whole; those epochs. The first may have begun before: it does not count."""
    begun = len(epochs_of(folder)) + 1
    while len(rows := epochs_of(folder)) < begun + count:
        if terminal is None:
            time.sleep(0.5)
        else:
            terminal.drain(0.5)
    return rows[begun : begun + count]


def slowdown(folder: RunFolder, turns: int) -> list[tuple[float, float]]:
    """Seconds an epoch, attached and alone, turn by turn."""
    pairs: list[tuple[float, float]] = []
    for _ in range(turns):
        with Terminal(["attach", folder.id], columns=COLUMNS, rows=ROWS) as terminal:
            terminal.wait_for(lambda text: EVALUATED.search(text) is not None)
            attached = wait_for_epochs(folder, TURN_EPOCHS, terminal)
        alone = wait_for_epochs(folder, TURN_EPOCHS)
        pairs.append(
            (statistics.median(row.seconds for row in attached), statistics.median(row.seconds for row in alone))
        )
    return pairs


def quiet(folder: RunFolder, *options: str) -> tuple[float, float, float]:
    """Share of one core, bytes a second, memory in bytes of an app that nobody touches."""
    with Terminal(["attach", folder.id, *options], columns=COLUMNS, rows=ROWS) as terminal:
        terminal.wait_for(lambda text: EVALUATED.search(text) is not None)
        terminal.drain(3.0)
        process = psutil.Process(terminal.process.pid)
        began, before = time.monotonic(), sum(process.cpu_times()[:2])
        count = terminal.drain(QUIET_SECONDS)
        took = time.monotonic() - began
        return (sum(process.cpu_times()[:2]) - before) / took, count / took, float(process.memory_info().rss)


def answers(folder: RunFolder) -> list[float]:
    """Seconds from a key, one epoch back or on, to the bytes of that epoch's matrix."""
    found: list[float] = []
    random.seed(0)
    with Terminal(["attach", folder.id], columns=COLUMNS, rows=ROWS) as terminal:
        terminal.wait_for(lambda text: EVALUATED.search(text) is not None)
        terminal.press(",")
        terminal.wait_for(lambda text: "│ epoch" in text)  # the cursor of the curves; a busy machine draws it late
        terminal.settle()
        shown = EVALUATED.search(terminal.text)
        assert shown is not None
        here = int(shown[1])
        for turn in range(PRESSES):
            terminal.drain(random.uniform(0.1, 0.7))
            wanted = here - 1 if turn % 2 == 0 else here
            began = time.perf_counter()
            terminal.press("," if turn % 2 == 0 else ".")
            heard = b""
            while f"evaluated after epoch {wanted}".encode() not in heard:
                heard += terminal.take(1.0)
                assert time.perf_counter() - began < 5, heard
            found.append(time.perf_counter() - began)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.attached", description=__doc__)
    parser.add_argument("--turns", type=int, default=10, help="attached and alone (default %(default)s)")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        os.environ |= {"MNIST_TUI_RUNS": f"{place}/runs", "MNIST_TUI_CONFIG": f"{place}/settings.toml"}
        subprocess.run(
            [*COMMAND, "train", "--preset", "cnn", "--epochs", "10000", "--detach"], check=True, capture_output=True
        )
        folder = find_run(Path(place) / "runs", "latest")
        try:
            wait_for_epochs(folder, 2)
            body = measured(folder, asked.turns)
        finally:
            send(folder, "stop")
            while psutil.pid_exists(folder.status().pid) and folder.state() == "running":
                time.sleep(0.2)
    print(body)
    results.write("The app attached to a training", body)


def measured(folder: RunFolder, turns: int) -> str:
    pressed = sorted(answers(folder))
    share, rate, memory = quiet(folder)
    _, slow_rate, _ = quiet(folder, "--refresh", "slow")
    slowed = ratio(slowdown(folder, turns))
    p95 = pressed[int(0.95 * len(pressed))]
    return "\n".join(
        [
            "| figure | measured | wanted |",
            "| --- | --- | --- |",
            f"| key to changed frame, median of {len(pressed)} | {1000 * statistics.median(pressed):.0f} ms | |",
            f"| key to changed frame, 95th percentile | {1000 * p95:.0f} ms | ≤ 100 ms |",
            f"| the app's share of one core | {share:.1%} | ≤ 5 % |",
            f"| bytes to the terminal at 120×40 | {rate / 1000:.1f} kB/s | ≤ 15 kB/s |",
            f"| the same with `--refresh slow` | {slow_rate / 1000:.1f} kB/s | ≤ 3 kB/s |",
            f"| the app's memory | {memory / 1e6:.0f} MB | ≤ 150 MB |",
            f"| an epoch attached ÷ alone ({turns} turns of {TURN_EPOCHS} epochs) | {slowed.median:.3f} "
            f"({slowed.low:.3f}–{slowed.high:.3f}) | ≤ 1.03 |",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
