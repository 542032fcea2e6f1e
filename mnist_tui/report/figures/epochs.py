"""Draw what was recorded over the epochs: accuracy, loss and learning rate, of one run and of several; the weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from mnist_tui.report.figures import drawing as draw
from mnist_tui.report.figures.drawing import Drawing, FigureData
from mnist_tui.runs.events import Distribution, WeightsSeen
from mnist_tui.runs.state import EpochRow
from mnist_tui.wording import count, counted, loss, noun, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


TOP, FOOT = 12.0, 9.0
"""Millimetres above a pair of panels, for legend and marks, and below it, for the epochs."""
HEIGHT, LOW = 26.0, 10.0
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
    "plain_loss": "plain training loss (after the epoch, without dropout and augmentation)",
    "plain_accuracy": "plain training accuracy (after the epoch, without dropout and augmentation; 1 = all)",
}
CURVES: dict[str, tuple[str, dict[str, Any]]] = {
    "": (
        "training, mean over the epoch",
        {"color": draw.VERMILION, "linestyle": (0, (4, 1.6)), "marker": "o", "markerfacecolor": "white"},
    ),
    "val_": ("validation", {"color": draw.BLUE, "linestyle": "-", "marker": "s"}),
    "plain_": ("training, plain", {"color": draw.GREEN, "linestyle": (0, (1, 1.2)), "marker": "^"}),
}
"""The label and the style of each curve, by the prefix of its field in the rows. Styles differ without colour, too."""
ON_TEST = "validation on the test images"
"""The label of the validation curve if the test set is the validation data."""
BEST, STOPPED = "lowest validation loss", "stopped early"
DASHES = {BEST: (0, (1, 1.5)), STOPPED: (0, (6, 2))}
"""The marks of epochs, each with the dashes of its line."""


def history_figure(
    name: str,
    rows: Sequence[EpochRow],
    *,
    best: int | None,
    stopped_early: bool,
    ended: str,
    on_test: bool,
    loss_note: str = "",
) -> Drawing:
    """Draw accuracy and loss side by side, with the learning rate below them where it changes.

    Args:
        rows: one for each epoch, in order; a value of None becomes a gap in its curve.
        best: the epoch with the lowest validation loss.
        stopped_early: whether early stopping ended the training, after the last row.
        ended: the run's state (``finished``, ``stopped``, ``diverged``, ``failed``, ``crashed``, or a live one).
        on_test: whether the test set is the validation data.
        loss_note: what the losses are computed with, for the caption; empty for the plain loss.
    """
    data = FigureData(tuple(HEADINGS.values()), tuple(tuple(getattr(row, key) for key in HEADINGS) for row in rows))
    if not rows:
        return draw.without_data(name, "Training history.", "No epoch ended, so there is no history to draw.", data)
    changes = len({row.learning_rate for row in rows}) > 1
    height = TOP + HEIGHT + FOOT + (LOW + FOOT + 5 if changes else 0)
    marks: dict[str, int] = {}
    if best is not None and any(row.epoch == best for row in rows):
        marks[BEST] = best
    if stopped_early:
        marks[STOPPED] = rows[-1].epoch
    caption, alt = _caption(rows, marks, ended, on_test), _description(rows, marks, ended)
    if loss_note:
        caption = f"{caption} The losses: {loss_note}."
    paint = partial(_paint, tuple(rows), marks, changes, on_test)
    return Drawing(name, caption, alt, data, (draw.PAGE, height), paint)


def _paint(rows: tuple[EpochRow, ...], marks: dict[str, int], changes: bool, on_test: bool, figure: Figure) -> None:
    accuracy, losses = (draw.panel(figure, left, TOP, WIDTH, HEIGHT) for left in (LEFT, SECOND))
    _curves(accuracy, rows, "accuracy", marks)
    accuracy.set_ylabel("accuracy (%)")
    draw.percentages(accuracy.yaxis)
    accuracy.set_ylim(draw.most_share_limits(_all_values(rows, "accuracy")))
    _curves(losses, rows, "loss", marks)
    _scale(losses, _all_values(rows, "loss"))
    losses.set_ylabel("loss (cross-entropy)")
    _legend(figure, rows, on_test)
    if changes:
        _rates(draw.panel(figure, LEFT, TOP + HEIGHT + FOOT + 5, SECOND + WIDTH - LEFT, LOW), rows)


def _curves(axes: Axes, rows: Sequence[EpochRow], metric: str, marks: dict[str, int]) -> None:
    drawn = False
    for prefix, (_, style) in CURVES.items():
        epochs, values = _thinned_curve(rows, f"{prefix}{metric}")
        if any(map(math.isfinite, values)):
            drawn = True
            axes.plot(epochs, values, markevery=_markers(values), **style)
    if not drawn:
        axes.text(0.5, 0.5, "no finite value", transform=axes.transAxes, ha="center", va="center", color=draw.GREY)
        axes.set_yticks([])
    _epochs(axes, rows)
    _mark_epochs(axes, rows, marks)


def _epochs(axes: Axes, rows: Sequence[EpochRow]) -> None:
    first, last = rows[0].epoch, rows[-1].epoch
    margin = max(0.5, 0.02 * (last - first))
    axes.set_xlim(first - margin, last + margin)
    axes.set_xlabel("epoch")
    draw.whole_numbers(axes.xaxis, 5)
    axes.grid(axis="y")


def _mark_epochs(axes: Axes, rows: Sequence[EpochRow], marks: dict[str, int]) -> None:
    """Draw a line at each marked epoch; the marks' names stand above the axes, one below the other."""
    middle = (rows[0].epoch + rows[-1].epoch) / 2
    for number, (mark, epoch) in enumerate(marks.items()):
        axes.axvline(epoch, color=draw.BLACK, linewidth=0.6, linestyle=DASHES[mark], zorder=1)
        text, offset = f"{mark}: epoch {epoch:,}", (0, 2 + number * draw.SMALL * 1.15)
        side = "right" if epoch > middle else "left"
        draw.annotate(axes, text, (epoch, 1), offset, xycoords=("data", "axes fraction"), ha=side, va="bottom")


def _scale(axes: Axes, values: Sequence[float], *, logarithmic: bool | None = None) -> None:
    if draw.spans_decades(values) if logarithmic is None else logarithmic:
        axes.set_yscale("log", nonpositive="mask")
        draw.plain_logarithmic(axes.yaxis)
    elif values and min(values) >= 0:
        axes.set_ylim(0, 1.05 * max(values) or 1)


def _legend(figure: Figure, rows: Sequence[EpochRow], on_test: bool) -> None:
    from matplotlib.lines import Line2D

    plain = any(row.plain_accuracy is not None or row.plain_loss is not None for row in rows)
    labels = {prefix: label for prefix, (label, _) in CURVES.items() if plain or prefix != "plain_"}
    labels |= {"val_": ON_TEST} if on_test else {}
    lines = [Line2D([], [], label=label, **CURVES[prefix][1]) for prefix, label in labels.items()]
    spaces = {"borderaxespad": 0.2, "handlelength": 3.2, "columnspacing": 1.6, "borderpad": 0.1}
    draw.legend(figure, LEFT / draw.PAGE - 0.012, handles=lines, ncols=len(lines), **spaces)


def _rates(axes: Axes, rows: Sequence[EpochRow]) -> None:
    epochs, rates = _thinned_curve(rows, "learning_rate")
    axes.plot(epochs, rates, color=draw.BLACK, marker="." if len(rows) <= MOST_MARKED else "", linewidth=0.8)
    _epochs(axes, rows)
    _scale(axes, _finite_values(rows, "learning_rate"))
    if axes.get_yscale() == "linear":
        axes.locator_params(axis="y", nbins=3)
    axes.set_title("learning rate", fontweight="normal")


def _thinned_curve(rows: Sequence[EpochRow], field: str) -> tuple[list[int], list[float]]:
    """Return a curve's epochs and values, NaN for gaps; of a long curve, each stretch's extremes and first gap."""
    points = [(row.epoch, _value(row, field)) for row in rows]
    if len(points) > 2 * STRETCHES:
        size = math.ceil(len(points) / STRETCHES)
        points = [point for first in range(0, len(points), size) for point in _extremes(points[first : first + size])]
    return [epoch for epoch, _ in points], [value for _, value in points]


def _extremes(stretch: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    finite = [point for point in stretch if math.isfinite(point[1])]
    gaps = [point for point in stretch if not math.isfinite(point[1])]
    ends = {choice(finite, key=lambda point: point[1]) for choice in (min, max)} if finite else set()
    return sorted([*ends, *gaps[:1]])


def _value(row: EpochRow, field: str) -> float:
    value = draw.drawable(getattr(row, field))
    return math.nan if value is None else value


def _markers(values: Sequence[float]) -> list[int]:
    """Return the indices of points with markers: all of a few; of many, some at even distances and isolated points."""
    finite = [place for place, value in enumerate(values) if math.isfinite(value)]
    if len(finite) <= MOST_MARKED:
        return finite
    stride = len(finite) / MARKERS
    chosen = {finite[int(number * stride)] for number in range(MARKERS)} | {finite[-1]}
    neighbours = {place + step for place in finite for step in (-1, 1)}
    return sorted(chosen | (set(finite) - neighbours))


def _finite_values(rows: Sequence[EpochRow], field: str) -> list[float]:
    return [value for row in rows if math.isfinite(value := _value(row, field))]


def _all_values(rows: Sequence[EpochRow], metric: str) -> list[float]:
    return [value for prefix in CURVES for value in _finite_values(rows, f"{prefix}{metric}")]


def _caption(rows: Sequence[EpochRow], marks: dict[str, int], ended: str, on_test: bool) -> str:
    images = "the test images" if on_test else "images held out of training"
    parts = [f"Accuracy and loss, validation on {images}"]
    if BEST in marks:
        parts[0] += f"; lowest validation loss at epoch {count(marks[BEST])}"
    parts[0] += "."
    if STOPPED in marks:
        parts.append(f"Early stopping ended the training after epoch {count(marks[STOPPED])}.")
    if ended in ENDINGS:
        parts.append(ENDINGS[ended].format(last=count(rows[-1].epoch)))
    parts.append(draw.values_below(_all_values(rows, "accuracy")))
    if draw.spans_decades(_all_values(rows, "loss")):
        parts.append("The loss axis is logarithmic.")
    return " ".join(filter(None, parts))


def _description(rows: Sequence[EpochRow], marks: dict[str, int], ended: str) -> str:
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
    lowest = next((row.val_loss for row in rows if row.epoch == marks.get(BEST)), None)
    if lowest is not None:
        parts.append(f"Lowest validation loss {loss(lowest)} after epoch {count(marks[BEST])}.")
    if STOPPED in marks:
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


@dataclass(frozen=True)
class RunCurves:
    """A run in the figure that lays the curves of several runs over each other, those on one dataset in a row."""

    label: str
    rows: tuple[EpochRow, ...]
    dataset: str


RUN_STYLES: tuple[dict[str, Any], ...] = (
    {"color": draw.BLUE, "linestyle": "-", "marker": "o"},
    {"color": draw.VERMILION, "linestyle": (0, (5, 1.5)), "marker": "s"},
    {"color": draw.GREEN, "linestyle": (0, (1, 1.2)), "marker": "^"},
    {"color": draw.BLACK, "linestyle": (0, (6, 1.5, 1, 1.5)), "marker": "D"},
    {"color": "#cc79a7", "linestyle": (0, (3, 1)), "marker": "v"},
    {"color": "#e69f00", "linestyle": (0, (8, 2)), "marker": "P"},
    {"color": "#56b4e9", "linestyle": (0, (4, 1, 1, 1, 1, 1)), "marker": "X"},
    {"color": draw.GREY, "linestyle": (0, (2, 2)), "marker": "*"},
)
"""The style of each run in a comparison; dashes and markers distinguish the runs without colour."""
LEGEND_COLUMNS, LEGEND_LABEL = 2, 46
"""Columns of the legend of runs, and the most letters of a run's label in it."""


def comparison_figure(name: str, runs: Sequence[RunCurves], *, images: str) -> Drawing:
    """Lay the validation accuracy and the validation loss of runs over each other: one style a run, one row a dataset.

    Args:
        runs: at most as many as RUN_STYLES, each with at least one epoch.
        images: the images on which the curves were measured, in words.
    """
    headings = ("run", *HEADINGS.values())
    data = FigureData(
        headings, tuple((run.label, *(getattr(row, key) for key in HEADINGS)) for run in runs for row in run.rows)
    )
    groups = list(_by_dataset(runs).values())
    titles = draw.LINE if len(groups) > 1 else 0
    top = math.ceil(len(runs) / LEGEND_COLUMNS) * draw.LINE + 4 + titles
    between = FOOT + titles + 3
    logarithmic = any(draw.spans_decades(_values_of(group, "val_loss")) for group in groups)
    caption = f"Accuracy and loss of {counted(runs, 'run')} after each epoch, {images}."
    if len(groups) > 1:
        caption += " One row for each dataset."
    below = {draw.values_below(_values_of(group, "val_accuracy")) for group in groups} - {""}
    caption += f" {below.pop()}" if len(groups) == len(below) == 1 else ""
    caption += " The lowest accuracies are not drawn." if len(groups) > 1 and below else ""
    if logarithmic:
        caption += " Loss axes are logarithmic." if len(groups) > 1 else " The loss axis is logarithmic."
    last = "; ".join(
        f"{run.label}: {percent(run.rows[-1].val_accuracy)} and {loss(run.rows[-1].val_loss)} after epoch "
        f"{count(run.rows[-1].epoch)}"
        for run in runs
    )
    size = (draw.PAGE, top + len(groups) * HEIGHT + (len(groups) - 1) * between + FOOT)
    return Drawing(
        name, caption, f"{caption} {last}.", data, size, partial(_paint_runs, tuple(runs), top, between, logarithmic)
    )


def _by_dataset(runs: Sequence[RunCurves]) -> dict[str, list[RunCurves]]:
    groups: dict[str, list[RunCurves]] = {}
    for run in runs:
        groups.setdefault(run.dataset, []).append(run)
    return groups


def _values_of(runs: Sequence[RunCurves], field: str) -> list[float]:
    return [value for run in runs for value in _finite_values(run.rows, field)]


def _paint_runs(runs: tuple[RunCurves, ...], top: float, between: float, logarithmic: bool, figure: Figure) -> None:
    from matplotlib.lines import Line2D

    groups, styles = _by_dataset(runs), {run.label: style for run, style in zip(runs, RUN_STYLES, strict=False)}
    for number, (dataset, group) in enumerate(groups.items()):
        upper = top + number * (HEIGHT + between)
        accuracy, losses = (draw.panel(figure, left, upper, WIDTH, HEIGHT) for left in (LEFT, SECOND))
        _paint_group(accuracy, losses, [(run, styles[run.label]) for run in group])
        _scale(losses, _values_of(group, "val_loss"), logarithmic=logarithmic)
        if len(groups) > 1:
            accuracy.set_title(draw.one_line(dataset), fontweight="normal", loc="left")
    lines = [Line2D([], [], label=draw.one_line(label, LEGEND_LABEL), **style) for label, style in styles.items()]
    spaces = {"borderaxespad": 0.2, "handlelength": 3.2, "columnspacing": 1.6, "borderpad": 0.1}
    draw.legend(figure, LEFT / draw.PAGE - 0.012, handles=lines, ncols=LEGEND_COLUMNS, **spaces)


def _paint_group(accuracy: Axes, losses: Axes, group: Sequence[tuple[RunCurves, dict[str, Any]]]) -> None:
    runs = [run for run, _ in group]
    for axes, field in ((accuracy, "val_accuracy"), (losses, "val_loss")):
        for run, style in group:
            epochs, values = _thinned_curve(run.rows, field)
            axes.plot(epochs, values, markevery=_markers(values), **style)
        _epochs(axes, sorted((row for run in runs for row in run.rows), key=lambda row: row.epoch))
    accuracy.set_ylabel("accuracy (%)")
    draw.percentages(accuracy.yaxis)
    accuracy.set_ylim(draw.most_share_limits(_values_of(runs, "val_accuracy")))
    losses.set_ylabel("loss (cross-entropy)")


QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
WEIGHT_TOP, WEIGHT_HEAD, WEIGHT_FOOT, WEIGHT_GAP = 0.5, draw.LINE + 0.8, 9.0, 3.5
"""Millimetres above all panels, above each, below the last, and between two."""
WEIGHT_HIGHEST, PAGE_HEIGHT = 26.0, 225.0
WEIGHT_LEFT, WEIGHT_WIDTH, WEIGHT_SECOND = 16.0, 58.0, 99.0
MOST_LAYERS = 12
"""The most layers drawn; of a deeper network, the first layers and the last one."""
WEIGHT_HEADINGS = ("epoch", "layer", "array", "lowest", "5 % quantile", "25 % quantile", "median", "75 % quantile",
            "95 % quantile", "highest", "mean", "standard deviation", "dead units (1 = all)")  # fmt: skip
ARRAYS = ("weights", "biases")
History = dict[int, tuple[float, ...]]
"""For each epoch with recorded values the lowest one, QUANTILES, and the highest."""


def weight_figure(name: str, events: Sequence[WeightsSeen]) -> Drawing:
    """Draw each layer's weights on the left and biases on the right, as bands of quantiles over the epochs.

    Args:
        events: the recorded distributions; epoch 0 is before training.
    """
    ordered = sorted(events, key=lambda event: event.epoch)
    rows = tuple(row for event in ordered for row in _rows(event))
    data = FigureData(WEIGHT_HEADINGS, rows)
    layers = list(dict.fromkeys(layer.name for event in ordered for layer in event.layers))
    if not rows:
        why = "Nothing was recorded of the weights, so there is nothing to draw."
        return draw.without_data(name, "Weights and biases.", why, data)
    shown = layers if len(layers) <= MOST_LAYERS else [*layers[: MOST_LAYERS - 1], layers[-1]]
    arrays: dict[tuple[str, str], History] = {(layer, kind): {} for layer in shown for kind in ARRAYS}
    for epoch, layer, kind, *line in rows:
        if layer in shown:
            arrays[layer, kind][epoch] = tuple(line[: len(QUANTILES) + 2])
    height = min(WEIGHT_HIGHEST, (PAGE_HEIGHT - WEIGHT_TOP - WEIGHT_FOOT) / len(shown) - WEIGHT_HEAD - WEIGHT_GAP)
    whole = WEIGHT_TOP + len(shown) * (WEIGHT_HEAD + height + WEIGHT_GAP) - WEIGHT_GAP + WEIGHT_FOOT
    more = len(layers) - len(shown)
    left_out = f" {counted(more, 'layer')} in the middle {noun(more, 'is', 'are')} left out." if more else ""
    caption = (
        "Weights and biases by epoch; epoch 0 is before training. Lines: median; dark band: half of the values; "
        f"light band: 90 %; dotted: lowest and highest.{left_out}"
    )
    last = [(layer, kind, list(history.values())[-1]) for (layer, kind), history in arrays.items() if history]
    ranges = "; ".join(f"{layer} {kind} {line[1]:.3g} to {line[-2]:.3g}" for layer, kind, line in last)
    epoch = count(ordered[-1].epoch)
    alt = f"Bands of weights and biases by epoch. After epoch {epoch}, 90 % of the values: {ranges}."
    return Drawing(name, caption, alt, data, (draw.PAGE, whole), partial(_paint_weights, shown, arrays, height))


def _rows(event: WeightsSeen) -> Iterator[tuple[Any, ...]]:
    for layer in event.layers:
        for kind in ARRAYS:
            spread: Distribution | None = getattr(layer, kind)
            if spread is not None:
                line = (spread.low, *map(spread.quantile, QUANTILES), spread.high)
                yield event.epoch, layer.name, kind, *line, spread.mean, spread.deviation, layer.dead


def _paint_weights(
    layers: Sequence[str], arrays: dict[tuple[str, str], History], height: float, figure: Figure
) -> None:
    epochs = [epoch for history in arrays.values() for epoch in history]
    for number, layer in enumerate(layers):
        top = WEIGHT_TOP + number * (WEIGHT_HEAD + height + WEIGHT_GAP) + WEIGHT_HEAD
        for left, kind, color in zip((WEIGHT_LEFT, WEIGHT_SECOND), ARRAYS, (draw.BLUE, draw.VERMILION), strict=True):
            if history := arrays[layer, kind]:
                axes = draw.panel(figure, left, top, WEIGHT_WIDTH, height)
                _bands(axes, history, color)
                axes.set_title(f"{draw.one_line(layer)}, {kind}", fontweight="normal", pad=2)
                _axis(axes, (min(epochs), max(epochs)), number == len(layers) - 1)
            else:
                draw.write(figure, left, top - WEIGHT_HEAD + 0.5, f"{draw.one_line(layer)}: no {kind}", color=draw.GREY)


def _bands(axes: Axes, history: History, color: str) -> None:
    """Draw bands of quantiles over several epochs; for one epoch a bar instead."""
    epochs = list(history)
    low, least, lower, middle, upper, most, high = (list(line) for line in zip(*history.values(), strict=True))
    if len(epochs) == 1:
        at = epochs[0]
        axes.plot([at, at], [least[0], most[0]], color=color, alpha=0.35, linewidth=6, solid_capstyle="butt")
        axes.plot([at, at], [lower[0], upper[0]], color=color, linewidth=6, solid_capstyle="butt")
        axes.plot([at] * 3, [low[0], middle[0], high[0]], linestyle="", marker="_", color=draw.BLACK, markersize=7)
        return
    axes.fill_between(epochs, least, most, facecolor=color, alpha=0.22, linewidth=0)
    axes.fill_between(epochs, lower, upper, facecolor=color, alpha=0.5, linewidth=0)
    axes.plot(epochs, middle, color=draw.BLACK, linewidth=0.9)
    for line in (low, high):
        axes.plot(epochs, line, color=draw.GREY, linewidth=0.6, linestyle=(0, (1, 1.5)))


def _axis(axes: Axes, ends: tuple[int, int], last: bool) -> None:
    margin = max(0.5, 0.01 * (ends[1] - ends[0]))
    axes.set_xlim(ends[0] - margin, ends[1] + margin)
    axes.axhline(0, color=draw.GREY, linewidth=0.4, zorder=0)
    axes.locator_params(axis="y", nbins=3)
    axes.set_ylabel("value")
    if last:
        draw.whole_numbers(axes.xaxis, 4)
        axes.set_xlabel("epoch")
    else:
        axes.set_xticks([])
