"""Several models side by side: what each is made of, what it costs, and what its parameters buy in accuracy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from mnist_tui.experiment.complexity import Complexity
from mnist_tui.report.complexity.comparison_words import comparison_sentences
from mnist_tui.report.complexity.model import ComparedModel
from mnist_tui.report.figures.capacity import CapacityPoint
from mnist_tui.wording import DASH, count, percent, size


@dataclass(frozen=True)
class ModelComparison:
    """Models side by side.

    Attributes:
        headings: of the columns, the model's name first.
        rows: a row a model, in words.
        numbers: the columns that hold numbers, from 0.
        words: sentences about what stands out.
    """

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: frozenset[int]
    words: tuple[str, ...]


@dataclass(frozen=True)
class ModelProperty:
    """A property of the models.

    Attributes:
        key: its name in a document.
        value: for documents; None where it is not known.
        text: for a table.
    """

    heading: str
    key: str
    value: Callable[[ComparedModel], Any]
    text: Callable[[ComparedModel], str]


def _sizes(values: Sequence[int]) -> str:
    """``9-9-16``; more than two of a size as ``4 × 512``; ``none``."""
    runs = [(value, len(list(run))) for value, run in groupby(values)]
    return "-".join(f"{n} × {value}" if n > 2 else "-".join([str(value)] * n) for value, n in runs) or "none"


def _interval(ends: tuple[float, float] | None) -> str:
    return " to ".join(map(percent, ends)) if ends else DASH


def _count_property(heading: str, key: str, of: Callable[[Complexity], int]) -> ModelProperty:
    return ModelProperty(heading, key, lambda model: of(model.complexity), lambda model: f"{of(model.complexity):,}")


MODELS_PER_TABLE = 5
"""Models that fit beside each other on a page."""
POINTS_HEADING = "points per 1,000 parameters"
TEXT_KEYS = ("name", "dataset", "filters", "units")
"""Columns that hold no numbers."""
PROPERTIES = (
    ModelProperty("model", "name", lambda model: model.name, lambda model: model.name),
    ModelProperty("dataset", "dataset", lambda model: model.data, lambda model: model.data),
    ModelProperty(
        "convolutions (filters)", "filters", lambda model: list(model.filters), lambda model: _sizes(model.filters)
    ),
    ModelProperty(
        "dense hidden layers (neurons)", "units", lambda model: list(model.units), lambda model: _sizes(model.units)
    ),
    _count_property("inputs", "inputs", lambda c: c.inputs),
    _count_property("weights", "weights", lambda c: c.weights),
    _count_property("biases", "biases", lambda c: c.biases),
    _count_property("batch normalisation", "other", lambda c: c.other),
    _count_property("parameters", "total", lambda c: c.total),
    _count_property("trainable", "trainable", lambda c: c.trainable),
    _count_property("fully connected, weights", "dense_weights", lambda c: c.dense_weights),
    _count_property("fully connected, biases", "dense_biases", lambda c: c.dense_biases),
    _count_property("MACs an image", "macs", lambda c: c.macs),
    ModelProperty(
        "memory (float32)", "bytes", lambda model: model.complexity.bytes, lambda model: size(model.complexity.bytes)
    ),
    ModelProperty("test accuracy", "accuracy", lambda model: model.accuracy, lambda model: percent(model.accuracy)),
    ModelProperty(
        "its standard deviation", "deviation", lambda model: model.deviation, lambda model: percent(model.deviation)
    ),
    ModelProperty(
        "95 % interval of the mean",
        "interval",
        lambda model: model.interval and list(model.interval),
        lambda model: _interval(model.interval),
    ),
    ModelProperty("runs", "runs", lambda model: model.runs, lambda model: count(model.runs or None)),
    ModelProperty(
        POINTS_HEADING,
        "points_per_1000_parameters",
        lambda model: None if model.points is None else round(model.points, 6),
        lambda model: DASH if model.points is None else f"{model.points:.3g}",
    ),
)
SHOWN_IF: dict[str, Callable[[Sequence[ComparedModel]], bool]] = {
    "dataset": lambda models: len({model.data for model in models}) > 1,
    "filters": lambda models: any(model.filters for model in models),
    "other": lambda models: any(model.complexity.other for model in models),
    "trainable": lambda models: any(model.complexity.non_trainable for model in models),
    "accuracy": lambda models: any(model.accuracy is not None for model in models),
    "deviation": lambda models: any(model.deviation is not None for model in models),
    "interval": lambda models: any(model.interval is not None for model in models),
    "runs": lambda models: any(model.runs > 1 for model in models),
    "points_per_1000_parameters": lambda models: any(model.accuracy is not None for model in models),
}
"""Columns that say nothing unless this holds."""


def compare_models(models: Sequence[ComparedModel]) -> ModelComparison:
    """Models side by side, in their order."""
    columns = shown_properties(models)
    return ModelComparison(
        tuple(column.heading for column in columns),
        tuple(tuple(column.text(model) for column in columns) for model in models),
        frozenset(place for place, column in enumerate(columns) if column.key not in TEXT_KEYS),
        comparison_sentences(models),
    )


def transposed(found: ModelComparison, abreast: int = MODELS_PER_TABLE) -> list[tuple[tuple[str, ...], ...]]:
    """The rows with a property each, the models' names in the first: as often as needed, so many models at a time."""
    return [
        tuple(zip(found.headings, *found.rows[start : start + abreast], strict=True))
        for start in range(0, len(found.rows), abreast)
    ]


def shown_properties(models: Sequence[ComparedModel]) -> list[ModelProperty]:
    """The columns that say something of these models."""
    return [column for column in PROPERTIES if SHOWN_IF.get(column.key, bool)(models)]


def capacity_points(models: Sequence[ComparedModel]) -> list[CapacityPoint]:
    """The models whose accuracy is known, for the figure of accuracy against parameters."""
    return [
        CapacityPoint(model.name, model.complexity.total, model.accuracy, model.deviation, bool(model.filters))
        for model in models
        if model.accuracy is not None
    ]
