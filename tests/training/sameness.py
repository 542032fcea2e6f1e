"""When two trainings count as the same: everything but what a clock measured, to the bit."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TypeVar

import numpy as np

from mnist_tui.runs.epoch_predictions import PredictionsReader
from mnist_tui.runs.event_log import EpochReader, EventTail
from mnist_tui.runs.events import Event
from mnist_tui.runs.folder import RunFolder
from mnist_tui.training import checkpoint
from tests.present import present
from tests.runs.epochs_of import epochs_of

Kind = TypeVar("Kind", bound=Event)


def events(folder: RunFolder, kind: type[Kind]) -> list[Kind]:
    return [event for event in EventTail(folder.events_file).read_all() if isinstance(event, kind)]


def figures(rows):
    """Epochs without what a clock measured."""
    clocks = ("time", "seconds", "images_per_second")
    return [{key: value for key, value in asdict(row).items() if key not in clocks} for row in rows]


def same_snapshot(one, other):
    pairs = [
        *zip(one.model, other.model, strict=True),
        *zip(one.optimizer, other.optimizer, strict=True),
        *zip(one.best.weights if one.best else (), other.best.weights if other.best else (), strict=True),
    ]
    same_arrays = all(a.dtype == b.dtype and a.tobytes() == b.tobytes() for a, b in pairs)
    numbers = [
        (s.learning_rate, s.best_epoch, s.best_loss, replace(s.position, seconds=0.0))
        + ((s.best.epoch, s.best.value, s.best.waited) if s.best else ())
        for s in (one, other)
    ]
    return same_arrays and numbers[0] == numbers[1]


def same_measures(one, other):
    """Whether two runs predicted the same, and had the same weights, after each epoch that both kept or told of.

    On a busy machine a run leaves some out: what is measured may take a fiftieth of the training's time. The last
    epoch is always there.
    """
    predicted = [PredictionsReader(run.predicted_file) for run in (one, other)]
    both = sorted(set(predicted[0].epochs()) & set(predicted[1].epochs()))
    assert both[-1] == max(epoch.epoch for epoch in epochs_of(one.events_file))
    for epoch in both:
        a, b = (present(file.read(epoch)) for file in predicted)
        assert (a.classes.tobytes(), a.probabilities.tobytes()) == (b.classes.tobytes(), b.probabilities.tobytes())
    first, second = (
        {each.epoch: each.layers for each in EpochReader(run.events_file).all_weights()} for run in (one, other)
    )
    shared = first.keys() & second.keys()
    assert {0, both[-1]} <= shared
    assert all(first[epoch] == second[epoch] for epoch in shared)
    return True


def same_run(one, other):
    """Whether two runs have, to the bit, the same weights, optimizer, history, scores and probabilities."""
    assert same_measures(one, other)
    assert figures(epochs_of(one.events_file)) == figures(epochs_of(other.events_file))
    assert same_snapshot(checkpoint.load(one.checkpoint), checkpoint.load(other.checkpoint))
    first, second = one.results(), other.results()
    for key in ("state", "test", "train", "confusion_matrix", "epochs_run", "best_epoch", "weights_of_epoch"):
        assert first[key] == second[key]
    with np.load(one.predictions_file) as a, np.load(other.predictions_file) as b:
        assert all(a[name].tobytes() == b[name].tobytes() for name in a.files)
    return True
