"""Plots of what the parameters of a study do: a map over two of them, their importances, and the learning curve."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mnist_tui.columns import cut_end
from mnist_tui.runs.collection.learning_curve import LearningPoint
from mnist_tui.settings import BAR_FULL
from mnist_tui.tui.widgets.plots.axes import Plane, plane_of
from mnist_tui.tui.widgets.plots.compared import accuracy_limits
from mnist_tui.tui.widgets.plots.raster import Row, fitting_parts
from mnist_tui.tui.widgets.plots.trials import (
    TRIAL_KEYS,
    TrialPlot,
    TrialScore,
    labels_that_fit,
    mark_legend,
    nearest,
    trial_marks,
)
from mnist_tui.wording import count, percent

SHADES = " ░▒▓█"
ASCII_SHADES = " .:+#"
"""The characters of a map's cells, from the worst score to the best, where no colours tell them apart."""
LONGEST_LABEL = 12
NARROWEST_CELL = 4
LEAST_COLUMNS, LEAST_ROWS = 24, 5
OTHER_ROWS = 2
"""The rows of a map that hold no cell: its lower axis, and the name of that."""


@dataclass(frozen=True)
class ScoreMap:
    """The scores of a study's trials over two of its parameters.

    Attributes:
        title: the score and the two parameters.
        names: the parameter of the lower axis, and that of the left one.
        columns, rows: the labels of the values or ranges of values, in rising order.
        scores: the mean score of the trials in each cell, by column and row; a cell without trials is missing.
        texts: these scores as text.
        cell_of: the column and the row of each trial, by its key.
        smaller: whether smaller scores are better.
    """

    title: str
    names: tuple[str, str]
    columns: tuple[str, ...]
    rows: tuple[str, ...]
    scores: Mapping[tuple[int, int], float]
    texts: Mapping[tuple[int, int], str]
    cell_of: Mapping[str, tuple[int, int]]
    smaller: bool = False

    def shade(self, cell: tuple[int, int]) -> int:
        """Return the shade of a cell, from 0 for the worst score to 4 for the best."""
        low, high = min(self.scores.values()), max(self.scores.values())
        share = (self.scores[cell] - low) / (high - low) if high > low else 1.0
        return round((1 - share if self.smaller else share) * (len(SHADES) - 1))


class MapPlot(TrialPlot):
    """The scores of a study's trials over two parameters, as a map of shaded cells."""

    HELP = """
    **Map of two parameters.** Each cell is a pair of values and the mean score of its trials; where there are many
    values, it is a range around a value, `~180`. The stronger its shade, the better the score (a contour plot in
    cells). `·` stands where no trial was made. The cell
    with the best trial has ★, that of the chosen trial ◆. A click chooses the best trial of a cell.
    """

    _map: ScoreMap | None = None
    _best = ""

    def show(self, scores: ScoreMap | None, chosen: str, best: str) -> None:
        """Draw the map; None if no trial has a score yet."""
        if (scores, chosen, best) != (self._map, self.chosen, self._best):
            self._map, self.chosen, self._best = scores, chosen, best
            self.draw()

    @property
    def _layout(self) -> tuple[int, int, int]:
        """Return the columns of the labels, and the columns and the rows of a cell."""
        assert self._map is not None
        width, height = self.inside
        labels = min(LONGEST_LABEL, max(map(len, (*self._map.rows, self._map.names[1])))) + 1
        return labels, max(1, (width - labels) // len(self._map.columns)), (height - OTHER_ROWS) // len(self._map.rows)

    def lines(self) -> list[Row]:
        found, marks = self._map, self.marks
        if found is None:
            return self.framed((("title", "Map of two parameters"),), [(("muted", "no trial has a score yet"),)])
        title: Row = (("title", found.title), ("muted", f" {marks.dot} stronger is better"))
        labels, wide, high = self._layout
        if self.inside[0] < LEAST_COLUMNS or high < 1 or wide < NARROWEST_CELL:
            return self.framed(title, [(("muted", "too small for so many values: enlarge the window"),)])
        body: list[Row] = []
        for row in reversed(range(len(found.rows))):
            for line in range(high):
                middle = line == high // 2
                name = found.rows[row] if middle else found.names[1] if row == len(found.rows) - 1 and not line else ""
                tone = "text" if middle else "muted"
                cells = (self._cell(found, (column, row), wide, middle) for column in range(len(found.columns)))
                body.append(((tone, f"{cut_end(name, labels - 1):>{labels - 1}} "), *cells))
        under = "".join(cut_end(name, wide - 1).center(wide) for name in found.columns)
        body += [(("text", " " * labels + under),), (("muted", " " * labels + found.names[0].center(len(under))),)]
        legend = mark_legend(self.chosen, self._best, marks)
        return self.framed(title, body, lambda room: fitting_parts(legend, room, "  "), TRIAL_KEYS)

    def _cell(self, found: ScoreMap, cell: tuple[int, int], wide: int, middle: bool) -> tuple[str, str]:
        marks = self.marks
        if cell not in found.scores:
            return "muted", (marks.dot if middle else "").center(wide)
        shade, text = found.shade(cell), ""
        if middle:
            places = {found.cell_of.get(key): mark for key, _, mark in trial_marks(self.chosen, self._best, marks)}
            mark = places.get(cell, "")
            text = f"{mark}{found.texts[cell]}"
            text = f" {text} " if len(text) + 2 <= wide - 1 else cut_end(text, wide - 1)
        if marks.tinted and marks.colours:
            return f"text/heat{shade}", f"{text.center(wide - 1)} "
        fill = (ASCII_SHADES if marks.inks else SHADES)[shade]
        return "text", f"{text.center(wide - 1, fill)} "

    def key_at(self, x: int, y: int) -> str | None:
        found = self._map
        if found is None:
            return None
        labels, wide, high = self._layout
        if x < labels or high < 1:
            return None
        cell = (x - labels) // wide, len(found.rows) - 1 - y // high
        return next((key for key, place in found.cell_of.items() if place == cell), None)


class ImportancePlot(TrialPlot):
    """The share of the score's variance that each parameter explains, as bars."""

    HELP = """
    **Importances.** Each bar is the share of the score's variance, over all combinations of the values, that a
    parameter explains alone (fANOVA by Optuna). A parameter of small importance could be left as it is. With few
    trials the shares are rough.
    """

    _shares: tuple[tuple[str, float], ...] = ()
    _note = ""

    def show(self, shares: Sequence[tuple[str, float]], note: str, chosen: str) -> None:
        """Draw a bar for each pair of a parameter and its share; the note says of what, or why there are none."""
        self.chosen = chosen
        if (tuple(shares), note) != (self._shares, self._note):
            self._shares, self._note = tuple(shares), note
            self.draw()

    def lines(self) -> list[Row]:
        (width, height), title = self.inside, (("title", "Importance of the parameters"),)
        note: list[Row] = [(("muted", line),) for line in textwrap.wrap(self._note, max(20, width))]
        if not self._shares:
            return self.framed(title, note, keys=TRIAL_KEYS)
        names = min(max(len(name) for name, _ in self._shares), 24)
        room = max(1, width - names - 10)
        full = BAR_FULL["ascii" if self.marks.inks else "braille"]
        gap = 1 if height >= 2 * len(self._shares) + len(note) else 0
        body: list[Row] = []
        for name, share in self._shares:
            bar = full * max(1 if share else 0, round(room * share))
            body.append(
                (("text", f"{cut_end(name, names):<{names}} "), ("training", bar), ("text", f" {percent(share, 0)}"))
            )
            body += [(("text", ""),)] * gap
        return self.framed(title, [*body, *note], keys=TRIAL_KEYS)

    def key_at(self, x: int, y: int) -> str | None:
        return None


class LearningPlot(TrialPlot):
    """The accuracy on the training images and on others against the number of training images."""

    HELP = """
    **Learning curve.** The lower axis is the number of training images, logarithmic: from 500 to 1,000 it is as far as
    from 5,000 to 10,000. One line is the accuracy on images that the network was not trained on, the other that on its
    training images. Where the first still rises, more images help; where it is level and the other is far above it,
    the network overfits. Each circle is a trial. The sentences below say it in words.
    """

    _points: tuple[LearningPoint, ...] = ()
    _scores: tuple[TrialScore, ...] = ()
    _of = "test"
    _words: tuple[str, ...] = ()
    _plane: Plane | None = None

    def show(
        self, points: Sequence[LearningPoint], scores: Sequence[TrialScore], chosen: str, of: str, words: Sequence[str]
    ) -> None:
        """Draw the curve.

        Args:
            scores: the trials; x is the logarithm (base 10) of the images, y the accuracy in per cent.
            of: the images of the scores, as in ``test accuracy``.
            words: sentences about the curve; the last ones are left out where there is no room for them.
        """
        new = (tuple(points), tuple(scores), chosen, of, tuple(words))
        if new != (self._points, self._scores, self.chosen, self._of, self._words):
            self._points, self._scores, self.chosen, self._of, self._words = new
            self.draw()

    def lines(self) -> list[Row]:
        (width, height), marks = self.inside, self.marks
        title: Row = (("title", f"Learning curve: {self._of} accuracy"), ("muted", " by training images (log axis)"))
        self._plane = None
        if not self._points:
            return self.framed(title, [(("muted", "no trial has ended yet"),)])
        wrapped = [
            textwrap.wrap(" ".join(self._words[:sentences]), max(20, width))
            for sentences in range(len(self._words), 0, -1)
        ]
        fitting = next((found for found in wrapped if len(found) <= height // 3), [])
        words: list[Row] = [(("muted", line),) for line in fitting]
        size = (width, height - len(words))
        if size[0] < LEAST_COLUMNS or size[1] < LEAST_ROWS:
            return self.framed(title, words)
        places = [math.log10(point.images) for point in self._points]
        score_line = [(x, 100 * point.score) for x, point in zip(places, self._points, strict=True)]
        train_line = [
            (x, 100 * point.train) for x, point in zip(places, self._points, strict=True) if point.train is not None
        ]
        margin = 0.06 * (places[-1] - places[0]) or 0.5
        heights = [y for _, y in (*score_line, *train_line)] + [score.y for score in self._scores]
        plane, picture = plane_of(
            (places[0] - margin, places[-1] + margin), accuracy_limits(heights), size, marks, unit=" %"
        )
        self._plane = plane
        ticks = [(x, count(point.images)) for x, point in zip(places, self._points, strict=True)]
        strokes = [
            replace(plane.stroke("training", train_line), dashed=not marks.colours),
            plane.stroke("validation", score_line),
            plane.stroke("training", train_line, marks.runs[2]),
            plane.stroke("text", [(score.x, score.y) for score in self._scores], marks.plain),
            plane.stroke("validation", [(s.x, s.y) for s in self._scores if s.key == self.chosen], marks.validation),
        ]
        picture = replace(picture, x_ticks=labels_that_fit(plane, ticks), strokes=tuple(strokes))
        legend: list[Row] = [
            (("validation", marks.line), ("muted", f" {self._of}")),
            *([(("training", marks.runs[2]), ("muted", " training"))] if train_line else []),
            (("text", marks.plain), ("muted", " trial")),
            (("validation", marks.validation), ("muted", " chosen")),
        ]
        body = [*self.paint(picture), *words]
        return self.framed(title, body, lambda room: fitting_parts(legend, room, "  "), TRIAL_KEYS)

    def key_at(self, x: int, y: int) -> str | None:
        if self._plane is None:
            return None
        return nearest(self._plane, self._scores, x - (self.margin - self.side), y)
