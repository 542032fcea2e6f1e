"""A short way to an experiment with one parameter changed."""

from __future__ import annotations

from mnist_tui.experiment.parameters import apply_texts
from mnist_tui.experiment.spec import Experiment


def with_text(experiment: Experiment, name: str, text: str) -> Experiment:
    """Return the experiment with one parameter changed."""
    return apply_texts(experiment, {name: text})
