"""The words above and below a curve: what each mark means and its value, best epoch, smallest and largest. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count, zip_longest

from mnist_tui.runs.state import EpochRow, RunState
from mnist_tui.tui.widgets.plots.marks import Marks
from mnist_tui.tui.widgets.plots.raster import Row
from mnist_tui.tui.widgets.plots.series import SERIES, Measure
from mnist_tui.tui.widgets.plots.tracks import History

LONG = ("training", "validation", "training without dropout")
SHORT = ("train", "val", "no dropout")
EARLY_STOPPING = "early stopping"


@dataclass(frozen=True)
class Legend:
    """All that the words are made of.

    Attributes:
        cursor: the epoch looked at; None for the newest.
        span: the epochs seen, in words; empty for all.
    """

    run: RunState
    measure: Measure
    history: History
    marks: Marks
    cursor: int | None = None
    log: bool = False
    span: str = ""

    @property
    def row(self) -> EpochRow | None:
        """The epoch whose values are told."""
        rows = self.run.history
        if self.cursor is None:
            return rows[-1] if rows else None
        at = bisect_left(rows, self.cursor, key=lambda row: row.epoch)
        return rows[at] if at < len(rows) and rows[at].epoch == self.cursor else None

    def heading(self, width: int) -> Row:
        """One line: the measure, and every series with its mark and its value at the epoch looked at."""
        for names, short in ((LONG, False), (SHORT, False), (SHORT, True)):
            found = self._heading(names, short=short)
            if row_length(found) <= width - (0 if short else 4):
                return ruled(found, width, self.marks)
        return ruled(self._heading(("", "", ""), short=True), width, self.marks)

    def _heading(self, names: Sequence[str], *, short: bool) -> Row:
        gap = " " if short else "  "
        parts: list[tuple[str, str]] = [("title", self.measure.short if short else self.measure.title)]
        if self.log:
            parts.append(("muted", " log" if short else " (logarithmic)"))
        row, now = self.row, self.run.progress
        if row is None and self.cursor is None and now is not None and self.measure.running:
            value = self.measure.written(getattr(now, self.measure.running), short)
            return (*parts, ("running", f"{gap}{self.marks.running}"), ("text", f" running mean {value}"))
        if row is None:
            return tuple(parts)
        if self.cursor is not None:
            parts.append(
                (
                    "cursor",
                    f"{self.marks.cursor}{row.epoch}" if short else f"{gap}{self.marks.cursor} epoch {row.epoch}",
                )
            )
        elif names is LONG:
            parts.append(("muted", f"{gap}epoch {row.epoch}"))
        for series, name, mark, field in self._series(names):
            value = self.measure.written(getattr(row, field), short)
            parts.append((series, f"{gap}{mark[:1] if short else mark}"))
            parts.append(("text", f"{_spaced(name)} {value}"))
        return tuple(parts)

    def _series(self, names: Sequence[str]) -> list[tuple[str, str, str, str]]:
        """Of each series that has values: tone, name, mark, field. A lone one needs no name."""
        marks = (self.marks.line, self.marks.validation, self.marks.plain)
        fields = self.measure.fields
        found = list(zip(SERIES, names, marks, fields, strict=False))
        if len(fields) == 1:
            return [("training", "", self.marks.line, fields[0])]
        return [entry for entry in found if entry[0] != "plain" or self.history.tracks[entry[3]].xs]

    def caption(self, width: int) -> Row:
        """One line: what is seen, the best epoch, an early end, smallest and largest values; what fits."""
        best, newest = self.history.tracks["val_loss"].lowest, self.run.history[-1:]
        parts: list[Row] = [(("muted", self.span),)] if self.span else []
        if best is not None:
            parts.append((("best", self.marks.best), ("muted", f" best epoch {best[0]:.0f}")))
        if self.stopped is not None:
            parts.append((("best", self.marks.stopped), ("muted", f" early stopping after epoch {self.stopped}")))
        if self.cursor is not None and newest:
            now: Row = (("muted", "now"),)
            for tone, name, mark, field in self._series(SHORT):
                value = self.measure.written(getattr(newest[0], field), True)
                now = (*now, (tone, f" {mark[:1]}"), ("muted", f"{_spaced(name)} {value}"))
            parts.append(now)
        for tone, name, mark, field in self._series(SHORT):
            track = self.history.tracks[field]
            if track.lowest is not None:
                low, high = (self.measure.written(value, True) for value in (track.lowest[1], track.highest))
                parts.append(((tone, mark[:1]), ("muted", f"{_spaced(name)} min {low} max {high}")))
        return _fitting(parts, width, f" {self.marks.dot} ")

    @property
    def stopped(self) -> int | None:
        """The epoch after which early stopping ended the run."""
        ended = self.run.ended
        early = ended is not None and ended.reason.startswith(EARLY_STOPPING)
        return self.run.history[-1].epoch if early and self.run.history else None


def _spaced(name: str) -> str:
    return f" {name}" if name else ""


def row_length(row: Row) -> int:
    return sum(len(text) for _, text in row)


def ruled(row: Row, width: int, marks: Marks) -> Row:
    """A heading: words in a line that goes on to the right edge."""
    left = 2 if row_length(row) <= width - 4 else 0
    words = _cut(row, width - left)
    rest = max(0, width - left - row_length(words) - 1)
    lead: Row = (("rule", marks.rule + " "),) if left else ()
    tail: Row = (("rule", " " + marks.rule * rest),) if rest else ()
    return (*lead, *words, *tail)


def _fitting(parts: Sequence[Row], width: int, between: str) -> Row:
    """The first parts, as many as there is room for."""
    kept: Row = ()
    for part in parts:
        more = (*kept, ("muted", between), *part) if kept else part
        if row_length(more) > width:
            continue
        kept = more
    return kept


def _cut(row: Row, width: int) -> Row:
    kept: list[tuple[str, str]] = []
    for tone, text in row:
        room = width - sum(len(known) for _, known in kept)
        if room > 0:
            kept.append((tone, text[:room]))
    return tuple(kept)


def side_by_side(entries: Sequence[Row], width: int) -> list[Row]:
    """Entries side by side, as many as fit into each line."""
    if not entries:
        return []
    widest = min(width, max(map(row_length, entries)) + 2)
    across = max(1, width // widest)
    lines: list[Row] = []
    for first in range(0, len(entries), across):
        line: list[tuple[str, str]] = []
        for entry in entries[first : first + across]:
            cut = _cut(entry, widest)
            line += [*cut, ("text", " " * (widest - row_length(cut)))]
        lines.append(tuple(line))
    return lines


def changed(before: Row, after: Row) -> tuple[int, int] | None:
    """The first and the one after the last character that differ in text or tone; None where none does."""
    if before == after:
        return None
    old, new = ([(tone, character) for tone, text in row for character in text] for row in (before, after))
    differs = [at for at, a, b in zip(count(), *zip(*zip_longest(old, new), strict=True)) if a != b]
    return differs[0], differs[-1] + 1
