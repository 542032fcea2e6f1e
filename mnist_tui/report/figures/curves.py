"""Draw a training's history: accuracy, loss and learning rate by epoch, with the best and the last epoch marked."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import TYPE_CHECKING, Any

from mnist_tui.report.figures.drawing import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    PAGE,
    SMALL,
    VERMILION,
    Drawing,
    FigureData,
    annotate,
    drawable,
    finite,
    panel,
    percentages,
    plain_logarithmic,
    share_limits,
    spans_decades,
    whole_numbers,
    without_data,
)
from mnist_tui.runs.state import EpochRow
from mnist_tui.wording import count, counted, loss, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TOP, FOOT = 13.0, 10.0
"""Millimetres above a pair of panels, for legend and marks, and below it, for the epochs."""
HEIGHT, LOW = 44.0, 13.0
"""Heights of a panel, and of the learning rate's."""
LEFT, WIDTH, SECOND = 14.0, 61.0, 95.0
STRETCHES = 150
"""A longer curve is divided into this number of stretches, and drawn by the lowest and highest value of each."""
MOST_MARKED = 15
"""Up to this number of epochs, each has its marker."""
MARKERS = 9
ENDINGS = {
    "diverged": "It diverged after epoch {last}.",
    "stopped": "It was stopped after epoch {last}.",
    "failed": "It failed after epoch {last}.",
    "crashed": "Its worker died after epoch {last}.",
}
HEADINGS = {
    "epoch": "epoch",
    "loss": "training loss (mean over the epoch)",
    "accuracy": "training accuracy (mean over the epoch; 1 = all)",
    "val_loss": "validation loss",
    "val_accuracy": "validation accuracy (1 = all)",
    "learning_rate": "learning rate",
    "seconds": "time (s)",
    "images_per_second": "images per second (1/s)",
    "plain_loss": "training loss after the epoch, dropout off",
    "plain_accuracy": "training accuracy after the epoch, dropout off (1 = all)",
}


Style = dict[str, Any]
CURVES: dict[str, tuple[str, Style]] = {
    "": (
        "training, mean over the epoch",
        {"color": VERMILION, "linestyle": (0, (4, 1.6)), "marker": "o", "markerfacecolor": "white"},
    ),
    "val_": ("validation", {"color": BLUE, "linestyle": "-", "marker": "s"}),
    "plain_": ("training, dropout off", {"color": GREEN, "linestyle": (0, (1, 1.2)), "marker": "^"}),
}
"""The curves of a panel by the prefix of their field in the rows: label and style. They differ without colour, too."""


@dataclass(frozen=True)
class _Marks:
    """The epochs to mark; None for no mark."""

    best: int | None
    stop: int | None


def history_figure(
    name: str, rows: Sequence[EpochRow], *, best: int | None, stopped_early: bool, ended: str
) -> Drawing:
    """Draw accuracy and loss side by side, with the learning rate below them where it changes.

    Args:
        rows: one an epoch, in order; None is a gap.
        best: the epoch with the lowest validation loss.
        stopped_early: whether early stopping ended the training, after the last row.
        ended: the run's state (``finished``, ``stopped``, ``diverged``, ``failed``, ``crashed``, or a live one).
    """
    data = FigureData(tuple(HEADINGS.values()), tuple(tuple(getattr(row, key) for key in HEADINGS) for row in rows))
    if not rows:
        return without_data(name, "Training history.", "No epoch ended, so there is no history to draw.", data)
    changes = len({row.learning_rate for row in rows}) > 1
    height = TOP + HEIGHT + FOOT + (LOW + FOOT + 5 if changes else 0)
    alt = _description(rows, best, stopped_early, ended)
    marked = best if best and any(row.epoch == best for row in rows) else None
    marks = _Marks(marked, rows[-1].epoch if stopped_early else None)
    caption = _caption(rows, marks, changes, ended)
    return Drawing(name, caption, alt, data, (PAGE, height), partial(_paint, tuple(rows), marks, changes))


def _paint(rows: tuple[EpochRow, ...], marks: _Marks, changes: bool, figure: Figure) -> None:
    accuracy, losses = (panel(figure, left, TOP, WIDTH, HEIGHT) for left in (LEFT, SECOND))
    _curves(accuracy, rows, "accuracy", marks)
    accuracy.set_ylabel("accuracy (%)")
    percentages(accuracy.yaxis)
    accuracy.set_ylim(share_limits(_all_values(rows, "accuracy")))
    _curves(losses, rows, "loss", marks)
    _scale(losses, _all_values(rows, "loss"))
    losses.set_ylabel("loss (cross-entropy)")
    _legend(figure, rows)
    if changes:
        _rates(panel(figure, LEFT, TOP + HEIGHT + FOOT + 5, SECOND + WIDTH - LEFT, LOW), rows)


def _curves(axes: Axes, rows: Sequence[EpochRow], metric: str, marks: _Marks) -> None:
    drawn = False
    for prefix, (_, style) in CURVES.items():
        epochs, values = _thinned_curve(rows, f"{prefix}{metric}")
        if any(map(math.isfinite, values)):
            drawn = True
            axes.plot(epochs, values, markevery=_markers(values), **style)
    if not drawn:
        axes.text(0.5, 0.5, "no finite value", transform=axes.transAxes, ha="center", va="center", color=GREY)
        axes.set_yticks([])
    _epochs(axes, rows)
    _mark(axes, rows, marks)


def _epochs(axes: Axes, rows: Sequence[EpochRow]) -> None:
    first, last = rows[0].epoch, rows[-1].epoch
    margin = max(0.5, 0.02 * (last - first))
    axes.set_xlim(first - margin, last + margin)
    axes.set_xlabel("epoch")
    whole_numbers(axes.xaxis, 5)
    axes.grid(axis="y")


def _mark(axes: Axes, rows: Sequence[EpochRow], marks: _Marks) -> None:
    """Draw lines at the marked epochs, each named above the axes in a row of its own."""
    named = [
        (marks.best, "best", (0, (1, 1.5)), 0),
        (marks.stop, "stopped early", (0, (6, 2)), 0 if marks.best is None else 1),
    ]
    middle = (rows[0].epoch + rows[-1].epoch) / 2
    for epoch, what, dashes, row in named:
        if epoch is not None:
            axes.axvline(epoch, color=BLACK, linewidth=0.6, linestyle=dashes, zorder=1)
            text, offset = f"{what}: epoch {epoch:,}", (0, 2 + row * SMALL * 1.15)
            side = "right" if epoch > middle else "left"
            annotate(axes, text, (epoch, 1), offset, xycoords=("data", "axes fraction"), ha=side, va="bottom")


def _scale(axes: Axes, values: Sequence[float]) -> None:
    if spans_decades(values):
        axes.set_yscale("log", nonpositive="mask")
        plain_logarithmic(axes.yaxis)
    elif values and min(values) >= 0:
        axes.set_ylim(0, 1.05 * max(values) or 1)


def _legend(figure: Figure, rows: Sequence[EpochRow]) -> None:
    from matplotlib.lines import Line2D

    plain = any(row.plain_accuracy is not None or row.plain_loss is not None for row in rows)
    curves = [curve for prefix, curve in CURVES.items() if plain or prefix != "plain_"]
    figure.legend(
        [Line2D([], [], **style) for _, style in curves],
        [label for label, _ in curves],
        loc="upper left",
        bbox_to_anchor=(LEFT / PAGE - 0.012, 1),
        ncols=len(curves),
        borderaxespad=0.2,
        handlelength=3.2,
        columnspacing=1.6,
        borderpad=0.1,
    )


def _rates(axes: Axes, rows: Sequence[EpochRow]) -> None:
    epochs, rates = _thinned_curve(rows, "learning_rate")
    axes.plot(epochs, rates, color=BLACK, marker="." if len(rows) <= MOST_MARKED else "", linewidth=0.8)
    _epochs(axes, rows)
    _scale(axes, _finite_values(rows, "learning_rate"))
    if axes.get_yscale() == "linear":
        axes.locator_params(axis="y", nbins=3)
    axes.set_title("learning rate", fontweight="normal")


def _thinned_curve(rows: Sequence[EpochRow], field: str) -> tuple[list[int], list[float]]:
    """Return a curve's epochs and values, NaN for gaps; a long curve keeps each stretch's extremes and gaps."""
    points = [(row.epoch, _value(row, field)) for row in rows]
    if len(points) > 2 * STRETCHES:
        size = math.ceil(len(points) / STRETCHES)
        points = [point for first in range(0, len(points), size) for point in _extremes(points[first : first + size])]
    return [epoch for epoch, _ in points], [value for _, value in points]


def _extremes(stretch: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    known = [point for point in stretch if math.isfinite(point[1])]
    gaps = [point for point in stretch if not math.isfinite(point[1])]
    ends = {choice(known, key=lambda point: point[1]) for choice in (min, max)} if known else set()
    return sorted([*ends, *gaps[:1]])


def _value(row: EpochRow, field: str) -> float:
    value = getattr(row, field)
    known = drawable(value) if finite(value) else None
    return math.nan if known is None else known


def _markers(values: Sequence[float]) -> list[int]:
    """Return the places of markers: all of a few points, else even ones and those that stand alone between gaps."""
    known = [place for place, value in enumerate(values) if math.isfinite(value)]
    if len(known) <= MOST_MARKED:
        return known
    stride = len(known) / MARKERS
    chosen = {known[int(number * stride)] for number in range(MARKERS)} | {known[-1]}
    neighbours = {place + step for place in known for step in (-1, 1)}
    return sorted(chosen | (set(known) - neighbours))


def _finite_values(rows: Sequence[EpochRow], field: str) -> list[float]:
    return [value for row in rows if math.isfinite(value := _value(row, field))]


def _all_values(rows: Sequence[EpochRow], metric: str) -> list[float]:
    return [value for prefix in CURVES for value in _finite_values(rows, f"{prefix}{metric}")]


def _caption(rows: Sequence[EpochRow], marks: _Marks, changes: bool, ended: str) -> str:
    parts = [
        f"Training history, {counted(rows, 'epoch')}.",
        "Training figures are means over an epoch's batches, with any dropout on.",
        "Validation figures are measured after the epoch.",
    ]
    if marks.best is not None:
        parts.append(f"The validation loss was lowest after epoch {count(marks.best)}.")
    if marks.stop is not None:
        parts.append(f"Early stopping ended the training after epoch {count(marks.stop)}.")
    if ended in ENDINGS:
        parts.append(ENDINGS[ended].format(last=count(rows[-1].epoch)))
    if spans_decades(_all_values(rows, "loss")):
        parts.append("The loss axis is logarithmic.")
    if not changes and rows[0].learning_rate is not None:
        parts.append(f"The learning rate was {rows[0].learning_rate:.4g} throughout.")
    return " ".join(parts)


def _description(rows: Sequence[EpochRow], best: int | None, stopped_early: bool, ended: str) -> str:
    """Describe the curves with their values."""
    last = rows[-1].epoch
    parts = [f"Curves of accuracy and loss over {counted(len(rows), 'epoch')}."]
    for what, field in (("Validation", "val_accuracy"), ("Training", "accuracy")):
        if values := _finite_values(rows, field):
            parts.append(f"{what} accuracy {_change_in_words(values[0], values[-1], percent)}.")
    for what, field in (("Validation", "val_loss"), ("Training", "loss")):
        values = _finite_values(rows, field)
        gaps = len(rows) - len(values)
        without = f", not finite in {counted(gaps, 'epoch')}" if gaps else ""
        change = f"{_change_in_words(values[0], values[-1], loss)}{without}" if values else "was never finite"
        parts.append(f"{what} loss {change}.")
    lowest = next((row.val_loss for row in rows if row.epoch == best), None)
    if lowest is not None:
        parts.append(f"Lowest validation loss {loss(lowest)} after epoch {count(best)}.")
    if stopped_early:
        parts.append(f"Stopped early after epoch {count(last)}.")
    if ended in ENDINGS:
        parts.append(ENDINGS[ended].format(last=count(last)))
    if rates := _finite_values(rows, "learning_rate"):
        way = f"{rates[0]:.4g} throughout" if len(set(rates)) == 1 else f"from {rates[0]:.4g} to {rates[-1]:.4g}"
        parts.append(f"Learning rate {way}.")
    return " ".join(parts)


def _change_in_words(first: float, last: float, in_words: Callable[[float], str]) -> str:
    if in_words(first) == in_words(last):
        return f"is {in_words(last)}"
    return f"{'rises' if last > first else 'falls'} from {in_words(first)} to {in_words(last)}"


assert set(HEADINGS) == {entry.name for entry in fields(EpochRow)}
