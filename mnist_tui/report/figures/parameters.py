"""Draw accuracies against what was varied: one parameter, two of them, or the number of training images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from mnist_tui.report.figures import drawing as draw
from mnist_tui.report.figures.drawing import Drawing, FigureData
from mnist_tui.runs.collection.learning_curve import LearningPoint
from mnist_tui.wording import count, counted, percent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LEFT, TOP, WIDTH, HEIGHT, FOOT = 15.0, 5.0, 138.0, 38.0, 11.0
MAP_LEFT, MAP_ROW, MAP_WIDTH = 26.0, 7.0, 120.0
SHADES = ("#f7fbff", "#4a98c9")
"""The colours of the lowest and the highest accuracy of a map; black numbers can be read on both."""


@dataclass(frozen=True)
class ParameterPoint:
    """The accuracy with one value of a parameter.

    Attributes:
        text: the value as text.
        accuracies: those of all runs with this value, from 0 to 1.
    """

    text: str
    accuracies: tuple[float, ...]

    @property
    def mean(self) -> float:
        return sum(self.accuracies) / len(self.accuracies)


def parameter_figure(name: str, parameter: str, points: Sequence[ParameterPoint], of: str) -> Drawing:
    """Draw the accuracies for each value of a parameter, and a line through their means if the values are numbers.

    Args:
        of: the images of the accuracies, as in ``test accuracy``.
    """
    rows = tuple((point.text, accuracy) for point in points for accuracy in point.accuracies)
    data = FigureData((parameter, f"{of} accuracy (1 = all)"), rows)
    caption = f"{of.capitalize()} accuracy for each value of {parameter}; the line goes through the means."
    listed = "; ".join(f"{point.text}: {percent(point.mean)}" for point in points)
    alt = f"{of.capitalize()} accuracy by {parameter}, means of {counted(rows, 'run')}. {listed}."
    size = (draw.PAGE, TOP + HEIGHT + FOOT)
    return Drawing(name, caption, alt, data, size, partial(_paint_parameter, parameter, tuple(points), of))


def _paint_parameter(parameter: str, points: tuple[ParameterPoint, ...], of: str, figure: Figure) -> None:
    axes = draw.panel(figure, LEFT, TOP, WIDTH, HEIGHT)
    places: list[float] = [float(at) for at in range(len(points))]
    try:
        places = [float(point.text) for point in points]
        if draw.spans_decades(places) and min(places) > 0:
            axes.set_xscale("log")
        axes.set_xticks(places, [point.text for point in points], minor=False)
        axes.set_xticks([], minor=True)
        axes.plot(places, [point.mean for point in points], color=draw.BLUE, linewidth=0.8)
    except ValueError:  # values that are no numbers
        axes.set_xticks(places, [draw.one_line(point.text, 14) for point in points])
        axes.set_xlim(-0.5, len(points) - 0.5)
    marks = [(x, accuracy) for x, point in zip(places, points, strict=True) for accuracy in point.accuracies]
    draw.draw_markers(axes, marks, "o", color=draw.BLUE, markersize=4, markerfacecolor="white")
    axes.set_ylim(draw.share_limits([y for _, y in marks], least=0.004))
    axes.set_xlabel(parameter)
    axes.set_ylabel(f"{of} accuracy (%)")
    draw.percentages(axes.yaxis)
    axes.grid()


def learning_figure(name: str, points: Sequence[LearningPoint], of: str) -> Drawing:
    """Draw the accuracies on training and on other images against the number of training images (logarithmic).

    Args:
        of: the other images, as in ``test accuracy``.
    """
    rows = tuple((point.images, point.score, point.train, len(point.scores)) for point in points)
    headings = ("training images", f"{of} accuracy (1 = all)", "training accuracy (1 = all)", "runs")
    caption = f"Learning curve: {of} and training accuracy by the number of training images, on a logarithmic axis."
    listed = "; ".join(f"{counted(point.images, 'image')}: {percent(point.score)}" for point in points)
    alt = f"{of.capitalize()} accuracy by the number of training images. {listed}."
    size = (draw.PAGE, TOP + HEIGHT + FOOT)
    data = FigureData(headings, rows)
    return Drawing(name, caption, alt, data, size, partial(_paint_learning, tuple(points), of))


def _paint_learning(points: tuple[LearningPoint, ...], of: str, figure: Figure) -> None:
    axes = draw.panel(figure, LEFT, TOP, WIDTH, HEIGHT)
    axes.set_xscale("log")
    scores = [(point.images, score) for point in points for score in point.scores]
    trained = [(point.images, point.train) for point in points if point.train is not None]
    draw.draw_markers(axes, scores, "o", color=draw.VERMILION, markersize=3.5, markerfacecolor="white")
    means = [point.score for point in points]
    axes.plot([point.images for point in points], means, color=draw.VERMILION, label=f"{of} accuracy")
    if trained:
        how: dict[str, Any] = {"color": draw.BLUE, "marker": "^", "markersize": 4, "linestyle": (0, (4, 2))}
        axes.plot([x for x, _ in trained], [y for _, y in trained], label="training accuracy", **how)
    axes.set_ylim(draw.share_limits([y for _, y in (*scores, *trained)], least=0.01))
    axes.set_xticks([point.images for point in points], [count(point.images) for point in points])
    axes.set_xticks([], minor=True)
    axes.set_xlabel("training images")
    axes.set_ylabel("accuracy (%)")
    draw.percentages(axes.yaxis)
    axes.grid()
    axes.legend(loc="lower right", fontsize=draw.SMALL)


def map_figure(
    name: str,
    parameters: tuple[str, str],
    values: tuple[Sequence[str], Sequence[str]],
    means: Mapping[tuple[str, str], float],
    of: str,
) -> Drawing:
    """Draw the mean accuracy for each pair of two parameters' values, as a map of shaded cells with numbers.

    Args:
        parameters: the one of the columns, and the one of the rows.
        values: the values of each as text, in the order of the axes.
        means: the mean accuracy from 0 to 1 by column and row; a pair without runs is missing.
        of: the images of the accuracies, as in ``test accuracy``.
    """
    data = FigureData(
        (*parameters, f"mean {of} accuracy (1 = all)"), tuple((*pair, mean) for pair, mean in means.items())
    )
    caption = f"Mean {of} accuracy in per cent by {parameters[0]} and {parameters[1]}; the darker, the higher."
    best = max(means, key=lambda pair: means[pair])
    alt = (
        f"Map of {counted(means, 'pair')} of values. The highest mean {of} accuracy is {percent(means[best])}, with "
        f"{parameters[0]} {best[0]} and {parameters[1]} {best[1]}."
    )
    columns, rows = map(tuple, values)
    size = (draw.PAGE, TOP + MAP_ROW * len(rows) + FOOT)
    paint = partial(_paint_map, parameters, columns, rows, dict(means))
    return Drawing(name, caption, alt, data, size, paint)


def _paint_map(
    parameters: tuple[str, str],
    columns: tuple[str, ...],
    rows: tuple[str, ...],
    means: dict[tuple[str, str], float],
    figure: Figure,
) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    axes = draw.panel(figure, MAP_LEFT, TOP, MAP_WIDTH, MAP_ROW * len(rows))
    low, high = min(means.values()), max(means.values())
    shades = LinearSegmentedColormap.from_list("accuracies", SHADES)
    for across, column in enumerate(columns):
        for down, row in enumerate(rows):
            mean = means.get((column, row))
            if mean is None:
                continue
            shade = shades((mean - low) / (high - low) if high > low else 0.5)
            axes.axvspan(
                across, across + 1, down / len(rows), (down + 1) / len(rows), facecolor=shade, edgecolor="white"
            )
            axes.text(across + 0.5, down + 0.5, f"{100 * mean:.2f}", ha="center", va="center", fontsize=draw.SMALL)
    axes.set_xlim(0, len(columns))
    axes.set_ylim(0, len(rows))
    axes.set_xticks([at + 0.5 for at in range(len(columns))], [draw.one_line(text, 12) for text in columns])
    axes.set_yticks([at + 0.5 for at in range(len(rows))], [draw.one_line(text, 12) for text in rows])
    axes.tick_params(length=0)
    axes.set_xlabel(parameters[0])
    axes.set_ylabel(parameters[1])
