"""Folders of runs that never trained: many of them, quickly, with every file that a list looks at."""

from __future__ import annotations

import json
import math
import os
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mnist_tui.experiment.complexity import of
from mnist_tui.experiment.parameters import apply_texts
from mnist_tui.experiment.presets import edited, find_preset
from mnist_tui.runs.event_log import encode
from mnist_tui.runs.events import Ended, EpochEnded, Event, Phase, RunStarted
from mnist_tui.runs.folder import Launch, RunFolder, create
from mnist_tui.runs.origin import Origin
from mnist_tui.runs.process_folder import Status
from tests.runs.sample_events import data_ready, epoch, progress

BEGIN = 1_700_000_000.0
OLD = 1_600_000_000
"""A time of files long settled."""


def epoch_ended(number: int, *, best: float = 0.98, seed: int = 0, at: float = BEGIN) -> EpochEnded:
    """An epoch of a training that nears an accuracy of `best`."""
    noise = random.Random(seed * 100_003 + number).uniform(-0.002, 0.002)
    accuracy = best - 0.3 * math.exp(-number / 4) + noise
    return epoch(
        number,
        time=at + number,
        loss=2 * math.exp(-number / 5) + 0.08,
        accuracy=accuracy,
        val_loss=1.8 * math.exp(-number / 5) + 0.1 + noise,
        val_accuracy=accuracy - 0.005,
        seconds=2.0,
    )


def finished_run(
    runs_dir: Path,
    preset: str = "raw",
    *,
    epochs: int = 3,
    created: float = BEGIN,
    texts: dict[str, str] | None = None,
    test_accuracy: float = 0.97,
    state: str = "finished",
    sample: bool = False,
    origin: Origin | None = None,
) -> RunFolder:
    """A run that ended, its files old enough to be settled; one with an origin was not trained, it has no epochs."""
    found = find_preset(preset)
    experiment = apply_texts(found.experiment, {"epochs": str(epochs), **(texts or {})})
    preset_run = replace(edited(found, experiment), origin="run")
    launch = Launch(created=created, command=f"mnist-tui train --preset {preset}")
    folder = create(runs_dir, preset_run, launch, origin=origin)
    epochs = 0 if origin is not None else epochs
    total, seed = of(experiment).total, experiment.training.seed
    events: list[Event] = [
        RunStarted(time=created, run=folder.id, epochs=epochs, total=total, trainable=total),
        data_ready(time=created, name=experiment.dataset.name, sample=sample),
        Phase(time=created, name="training"),
    ]
    for number in range(1, epochs + 1):
        events += [
            progress(60, time=created + number, epoch=number, steps=118),
            epoch_ended(number, best=test_accuracy + 0.01, seed=seed, at=created),
        ]
    scored = state in {"finished", "stopped"}
    events.append(
        Ended(
            time=created + epochs + 1,
            state=state,
            reason="as told",
            test_loss=0.1 if scored else None,
            test_accuracy=test_accuracy if scored else None,
            macro_f1=test_accuracy - 0.001 if scored else None,
        )
    )
    write_events(folder, events)
    if scored:
        test = {"loss": 0.1, "accuracy": test_accuracy, "macro_f1": test_accuracy - 0.001, "per_class": []}
        folder.results_file.write_text(json.dumps({"state": state, "test": test}))
    folder.write_status(Status(state, reason="as told"))
    settle(folder)
    return folder


def write_events(folder: RunFolder, events: Sequence[Event]) -> None:
    with folder.events_file.open("a", encoding="utf-8") as log:
        log.writelines(f"{encode(event)}\n" for event in events)


def settle(folder: RunFolder) -> None:
    """Makes the run's files old."""
    for path in folder.path.iterdir():
        if path.is_file():
            os.utime(path, (OLD, OLD))


def many_runs(runs_dir: Path, count: int, epochs: int) -> None:
    """Finished runs of four presets, changed in this and that, a minute between them."""
    rng = random.Random(4)
    for number in range(count):
        texts = {"hidden": str(rng.choice((100, 150, 200, 250, 300))), "seed": str(number % 5)}
        if rng.random() < 0.3:
            texts["lr"] = rng.choice(("0.01", "0.0005", "0.0001"))
        finished_run(
            runs_dir,
            rng.choice(("raw", "hog", "cnn", "fashion")),
            epochs=epochs,
            created=BEGIN + 60 * number,
            texts=texts,
            test_accuracy=round(rng.uniform(0.9, 0.985), 4),
        )
