"""Draw the distributions of the weights and biases of a network's layers over the epochs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from mnist_tui.report.figures.drawing import (
    BLACK,
    BLUE,
    GREY,
    LINE,
    PAGE,
    VERMILION,
    Drawing,
    FigureData,
    one_line,
    panel,
    whole_numbers,
    without_data,
    write,
)
from mnist_tui.runs.events import Distribution, WeightsSeen
from mnist_tui.wording import count, counted, noun

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
WEIGHT_TOP, WEIGHT_HEAD, WEIGHT_FOOT, WEIGHT_GAP = 0.5, LINE + 0.8, 9.0, 3.5
"""Millimetres above all panels, above each, below the last, and between two."""
WEIGHT_HIGHEST, PAGE_HEIGHT = 26.0, 225.0
WEIGHT_LEFT, WEIGHT_WIDTH, WEIGHT_SECOND = 16.0, 58.0, 99.0
MOST_LAYERS = 12
"""The most layers drawn: of more, the first ones and the last."""
WEIGHT_HEADINGS = ("epoch", "layer", "array", "lowest", "5 % quantile", "25 % quantile", "median", "75 % quantile",
            "95 % quantile", "highest", "mean", "standard deviation", "dead units (1 = all)")  # fmt: skip
ARRAYS = ("weights", "biases")
History = dict[int, tuple[float, ...]]
"""For each epoch with recorded values the lowest one, QUANTILES, and the highest."""


def quantile(spread: Distribution, share: float) -> float:
    """Return a quantile, read off a histogram whose values are taken as evenly spread within each bin."""
    left = share * sum(spread.counts)
    width = (spread.high - spread.low) / len(spread.counts)
    for number, inside in enumerate(spread.counts):
        if inside and left <= inside:
            return spread.low + (number + left / inside) * width
        left -= inside
    return spread.high


def weight_figure(name: str, seen: Sequence[WeightsSeen]) -> Drawing:
    """Draw each layer's weights at the left and biases at the right, as bands of quantiles over the epochs.

    Args:
        seen: the recorded distributions; epoch 0 is before training.
    """
    ordered = sorted(seen, key=lambda event: event.epoch)
    data = FigureData(WEIGHT_HEADINGS, tuple(row for event in ordered for row in _rows(event)))
    layers = list(dict.fromkeys(layer.name for event in ordered for layer in event.layers))
    if not data.rows:
        why = "Nothing was recorded of the weights, so there is nothing to draw."
        return without_data(name, "Weights and biases.", why, data)
    shown = layers if len(layers) <= MOST_LAYERS else [*layers[: MOST_LAYERS - 1], layers[-1]]
    arrays = {(layer, kind): _history(ordered, layer, kind) for layer in shown for kind in ARRAYS}
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
    return Drawing(name, caption, alt, data, (PAGE, whole), partial(_paint_weights, shown, arrays, height))


def _rows(event: WeightsSeen) -> Iterator[tuple[object, ...]]:
    for layer in event.layers:
        for kind in ARRAYS:
            spread: Distribution | None = getattr(layer, kind)
            if spread is not None:
                line = _quantile_line(spread)
                yield event.epoch, layer.name, kind, *line, spread.mean, spread.deviation, layer.dead


def _quantile_line(spread: Distribution) -> tuple[float, ...]:
    return (spread.low, *(quantile(spread, share) for share in QUANTILES), spread.high)


def _history(seen: Sequence[WeightsSeen], layer: str, kind: str) -> History:
    return {
        event.epoch: _quantile_line(spread)
        for event in seen
        for part in event.layers
        if part.name == layer and (spread := getattr(part, kind)) is not None
    }


def _paint_weights(
    layers: Sequence[str], arrays: dict[tuple[str, str], History], height: float, figure: Figure
) -> None:
    epochs = [epoch for history in arrays.values() for epoch in history]
    for number, layer in enumerate(layers):
        top = WEIGHT_TOP + number * (WEIGHT_HEAD + height + WEIGHT_GAP) + WEIGHT_HEAD
        for left, kind, color in zip((WEIGHT_LEFT, WEIGHT_SECOND), ARRAYS, (BLUE, VERMILION), strict=True):
            if history := arrays[layer, kind]:
                axes = panel(figure, left, top, WEIGHT_WIDTH, height)
                _bands(axes, history, color)
                axes.set_title(f"{one_line(layer)}, {kind}", fontweight="normal", pad=2)
                _axis(axes, (min(epochs), max(epochs)), number == len(layers) - 1)
            else:
                write(figure, left, top - WEIGHT_HEAD + 0.5, f"{one_line(layer)}: no {kind}", color=GREY)


def _bands(axes: Axes, history: History, color: str) -> None:
    """Draw bands for several epochs, or a bar with its ends for one."""
    epochs = list(history)
    low, least, lower, middle, upper, most, high = (list(line) for line in zip(*history.values(), strict=True))
    if len(epochs) == 1:
        at = epochs[0]
        axes.plot([at, at], [least[0], most[0]], color=color, alpha=0.35, linewidth=6, solid_capstyle="butt")
        axes.plot([at, at], [lower[0], upper[0]], color=color, linewidth=6, solid_capstyle="butt")
        axes.plot([at] * 3, [low[0], middle[0], high[0]], linestyle="", marker="_", color=BLACK, markersize=7)
        return
    axes.fill_between(epochs, least, most, facecolor=color, alpha=0.22, linewidth=0)
    axes.fill_between(epochs, lower, upper, facecolor=color, alpha=0.5, linewidth=0)
    axes.plot(epochs, middle, color=BLACK, linewidth=0.9)
    for line in (low, high):
        axes.plot(epochs, line, color=GREY, linewidth=0.6, linestyle=(0, (1, 1.5)))


def _axis(axes: Axes, ends: tuple[int, int], last: bool) -> None:
    margin = max(0.5, 0.01 * (ends[1] - ends[0]))
    axes.set_xlim(ends[0] - margin, ends[1] + margin)
    axes.axhline(0, color=GREY, linewidth=0.4, zorder=0)
    axes.locator_params(axis="y", nbins=3)
    axes.set_ylabel("value")
    if last:
        whole_numbers(axes.xaxis, 4)
        axes.set_xlabel("epoch")
    else:
        axes.set_xticks([])
