"""Recorded runs with the pieces that only a report reads: predictions, weights, labels, seeds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from mnist_tui.experiment.parameters import apply_texts
from mnist_tui.experiment.presets import Preset, edited, find_preset
from mnist_tui.experiment.shapes import pixels_shape
from mnist_tui.runs.event_log import EventLog
from mnist_tui.runs.events import Distribution, Ended, LayerWeights, WeightsSeen
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.statistics import statistics_of
from tests.present import present
from tests.report.recorded import matrix, recorded_run


def changed(name: str, **texts: str) -> Preset:
    """A built-in preset with parameters as the command line writes them."""
    preset = find_preset(name)
    return edited(preset, apply_texts(preset.experiment, texts))


def furnished_run(runs_dir: Path, preset: Preset | None = None, **how: Any) -> RunFolder:
    """A recorded run with `predictions.npz` that agrees with its matrix, and weights after two epochs."""
    folder = recorded_run(runs_dir, preset, **how)
    of = folder.preset().experiment
    classes = np.arange(of.classes)
    labels = np.repeat(classes.astype(np.uint8), 1000)
    predicted = np.concatenate([np.repeat(classes, row) for row in matrix(classes=of.classes)])
    probabilities = np.full((len(labels), of.classes), 0.1 / of.classes, np.float32)
    probabilities[np.arange(len(labels)), predicted] += 0.9
    wrong = np.flatnonzero(predicted != labels).astype(np.int32)
    np.savez_compressed(
        folder.predictions_file,
        probabilities=probabilities,
        labels=labels,
        misclassified=wrong,
        misclassified_images=np.full((len(wrong), *pixels_shape(of.image_shape)), 100, np.uint8),
    )
    spread = Distribution(low=-1.0, high=1.0, counts=(1, 2, 1), mean=0.0, deviation=0.5)
    log = EventLog(folder.events_file)
    for epoch in (0, 3):
        log.append(WeightsSeen(time=5.0 + epoch, epoch=epoch, layers=(LayerWeights(name="output", weights=spread),)))
    log.close()
    return folder


def with_statistics(folder: RunFolder) -> RunFolder:
    """The run, with the statistics of its predictions in its results, as a worker saves them."""
    results = json.loads(folder.results_file.read_text(encoding="utf-8"))
    results["statistics"] = present(statistics_of(folder)).to_document(results["class_names"])
    folder.results_file.write_text(json.dumps(results), encoding="utf-8")
    return folder


def seed_runs(runs_dir: Path, seeds: range, **texts: str) -> list[RunFolder]:
    """Runs of one experiment that differ in their seed; each starts one second after the previous run."""
    return [
        furnished_run(runs_dir, changed("hog", epochs="3", seed=str(seed), **texts), created=1_772_000_000.0 + seed)
        for seed in seeds
    ]


def scored(folder: RunFolder, accuracy: float) -> None:
    """Set the run's test accuracy, in its results and at the end of its log."""
    results = json.loads(folder.results_file.read_text(encoding="utf-8"))
    results["test"]["accuracy"] = accuracy
    folder.results_file.write_text(json.dumps(results), encoding="utf-8")
    log = EventLog(folder.events_file)
    log.append(Ended(time=1.0, state="finished", reason="done", test_loss=0.07, test_accuracy=accuracy, macro_f1=0.98))
    log.close()
