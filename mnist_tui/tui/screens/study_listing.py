"""What a study's table lists for a way of looking at it: trials, or points of trials, in their order. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mnist_tui.settings import Glyphs
from mnist_tui.studies.state import StudyState, TrialRow
from mnist_tui.tui.screens import study_points, study_rows
from mnist_tui.tui.screens.study_rows import Order, Rows, Shape
from mnist_tui.tui.study_feed import View
from mnist_tui.tui.study_watch import StudySnapshot
from mnist_tui.tui.widgets.tables.row_table import Row


@dataclass(frozen=True)
class Listing:
    """The table's contents.

    Attributes:
        trials: a trial a row, of a point one with its means; without the rows of means below those of seeds.
        members: the trials of each row that stands for several, by its key.
        rows: all that is shown.
    """

    trials: Sequence[TrialRow] = ()
    members: Mapping[str, Sequence[TrialRow]] = field(default_factory=dict[str, Sequence[TrialRow]])
    rows: Sequence[Row] = ()
    order: Order = Order()  # noqa: RUF009 - frozen

    def trials_of(self, key: str) -> Sequence[TrialRow]:
        """The trials that the row of that key stands for; none for one of means."""
        return self.members.get(key) or [row for row in self.trials if str(row.number) == key]

    def key_of(self, number: int | None) -> str:
        """The key of the row that a trial is in; empty for None."""
        found = (key for key, rows in self.members.items() if any(row.number == number for row in rows))
        return next(found, "" if number is None else str(number))


def listing(snapshot: StudySnapshot, view: View, made: Rows, shape: Shape, glyphs: Glyphs) -> Listing:
    """What is listed; rows that have not changed are those that were made before."""
    study, marked = snapshot.study, set(view.marked)
    order = order_of(study, view.order)
    if view.together:
        found = study_points.points(study.rows, order, shape)
        members = {str(one.number): trials for one, trials in found}
        rows = study_points.point_rows(found, shape, marked, study.best, glyphs)
        return Listing([one for one, _ in found], members, rows, order)
    trials = study_rows.in_order(study.rows, order, shape)
    rows = made.of(trials, shape, marked, study.best, glyphs)
    return Listing(trials, {}, [*rows, *study_points.seed_rows(snapshot.summaries, shape)], order)


def order_of(study: StudyState, asked: Order) -> Order:
    """Best first, unless asked otherwise; in a study that is no contest by seed, or as they are trained."""
    if study.compares or asked != Order():
        return asked
    return Order("seed" if study.kind == "seeds" else "number")
