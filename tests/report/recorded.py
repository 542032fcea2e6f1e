"""A run's folder as a worker leaves it, without a worker: for exports, summaries and the commands that read runs."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mnist_tui.data.catalogue import KNOWN
from mnist_tui.experiment.complexity import of
from mnist_tui.experiment.parameters import apply_texts
from mnist_tui.experiment.presets import Preset, edited, find_preset
from mnist_tui.runs.event_log import EventLog
from mnist_tui.runs.events import Ended, ModelBuilt, RunStarted
from mnist_tui.runs.folder import Launch, RunFolder, create
from mnist_tui.runs.process_folder import Status
from mnist_tui.runs.weight_formats import WEIGHT_FORMATS
from tests.runs.sample_events import data_ready, epoch

CREATED = 1_772_000_000.0
DIGITS = tuple("0123456789")
PLATFORM: dict[str, Any] = {
    "os": "Testix 1 (Linux 6)",
    "machine": "x86_64",
    "cpu": "Test | CPU_1 *fast*",
    "cores": 4,
    "memory": 16_000_000_000,
    "python": "3.11.9",
    "host": "bench",
    "versions": {"tensorflow": "2.21.0", "keras": "3.12.0", "numpy": "2.3.0"},
}


def matrix(right: int = 980, classes: int = 10) -> tuple[tuple[int, ...], ...]:
    """The counts of 1,000 images of each class; wrong predictions name the next class."""

    def count(row: int, column: int) -> int:
        return right if column == row else 1000 - right if column == (row + 1) % classes else 0

    return tuple(tuple(count(row, column) for column in range(classes)) for row in range(classes))


def recorded_run(
    runs_dir: Path,
    preset: Preset | None = None,
    *,
    epochs: int = 3,
    state: str = "finished",
    reason: str = "all 3 epochs done",
    class_names: tuple[str, ...] = DIGITS,
    title: str = "MNIST",
    sample: bool = False,
    created: float = CREATED,
    start: str = "",
) -> RunFolder:
    """A run that ended in `state` after three epochs, with results unless it failed."""
    if preset is None:
        raw = find_preset("raw")
        preset = edited(raw, apply_texts(raw.experiment, {"epochs": str(epochs)}))
    if len(class_names) != preset.experiment.classes:
        dataset = preset.experiment.dataset.model_copy(update={"classes": len(class_names)})
        preset = replace(preset, experiment=preset.experiment.model_copy(update={"dataset": dataset}))
    folder = create(
        runs_dir, preset, Launch(created=created, command=f"mnist-tui train --preset raw --epochs {epochs}")
    )
    counted = of(preset.experiment)
    known = KNOWN["mnist"]
    sha256 = dict(known.sha256)
    data: dict[str, Any] = {
        "name": "mnist",
        "title": title,
        "sha256": sha256,
        "source": "/data/mnist",
        "sample": sample,
        "verified": not sample,
        "train": 60_000,
        "validation": 0,
        "test": 10_000,
    }
    log = EventLog(folder.events_file)
    log.append(
        RunStarted(
            time=created,
            run=folder.id,
            epochs=preset.experiment.training.epochs,
            total=counted.total,
            trainable=counted.trainable,
            platform=PLATFORM,
        )
    )
    log.append(data_ready(time=created + 1, class_names=class_names, inputs=counted.inputs, **data))
    log.append(
        ModelBuilt(
            time=created + 2,
            device="CPU:0",
            device_name="Test CPU",
            program="graph",
            total=counted.total,
            trainable=counted.trainable,
            steps=118,
            threads=4,
            cpu_features="avx2 fma",
            start=start,
        )
    )
    for number in range(1, 4):
        loss, accuracy = 1.0 / number if number < 3 else float("nan"), 0.9 + number / 100
        values = {"loss": loss, "accuracy": accuracy, "val_loss": 0.5 / number, "val_accuracy": 0.95}
        log.append(epoch(number, time=created + 2 + number, **values, confusion=matrix(970, len(class_names))))
    scored = state != "failed"
    if scored:
        _write_results(folder, data, class_names, state, reason)
        folder.model_file.write_bytes(b"the model")
    log.append(
        Ended(
            time=created + 9,
            state=state,
            reason=reason,
            test_loss=0.07 if scored else None,
            test_accuracy=0.98 if scored else None,
            macro_f1=0.98 if scored else None,
            where="" if scored else "job.py:1",
        )
    )
    log.close()
    folder.write_status(Status(state, pid=1, process_start=created, host="bench", heartbeat=created + 9, reason=reason))
    return folder


def _write_results(
    folder: RunFolder, data: dict[str, Any], class_names: tuple[str, ...], state: str, reason: str
) -> None:
    results: dict[str, Any] = {
        "state": state,
        "reason": reason,
        "dataset": data,
        "class_names": list(class_names),
        "test": {
            "loss": 0.07,
            "accuracy": 0.98,
            "macro_f1": 0.98,
            "per_class": [
                {"class": name, "precision": 0.98, "recall": 0.98, "f1": 0.98, "support": 1000} for name in class_names
            ],
        },
        "train": {"loss": 0.02, "accuracy": 0.995},
        "confusion_matrix": [list(row) for row in matrix(classes=len(class_names))],
        "timings": {"data": 0.5, "features": 0.1, "build": 0.4, "train": 4.6, "evaluate": 0.3, "total": 7.0},
        "platform": {**PLATFORM, "device": "CPU:0", "device_name": "Test CPU"},
        "epochs_run": 3,
        "best_epoch": 3,
        "weights_of_epoch": 3,
    }
    folder.results_file.write_text(json.dumps(results), encoding="utf-8")


def copying_job(job: str, folder: RunFolder, arguments: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
    """Replace the worker that writes weights: every format gets the bytes of the recorded model."""
    formats, out = arguments[: arguments.index("--out")], Path(arguments[-1])
    paths = [out / WEIGHT_FORMATS[name].file for name in formats]
    for path in paths:
        path.write_bytes(folder.model_file.read_bytes())
    return subprocess.CompletedProcess([job], 0, json.dumps([str(path) for path in paths]).encode() + b"\n", b"")
