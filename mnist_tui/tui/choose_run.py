"""The dialog that asks for one of several runs, each named by what it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual.widget import Widget
from textual.widgets import Static

from mnist_tui.columns import Column, text_table
from mnist_tui.privacy import last_name
from mnist_tui.runs.collection.summaries import RunSummary
from mnist_tui.tui.dialogs import ChooseScreen
from mnist_tui.tui.runs.run_rows import changes_of
from mnist_tui.wording import percent

COLUMNS = (
    Column("Run", least=12),
    Column("Changed", need=4, least=30),
    Column("Dataset", need=1, least=8),
    Column("State", need=2),
    Column("Epochs", right=True, need=3),
    Column("Test acc.", right=True),
    Column("Id"),
)
MARGIN = 10
"""Columns of the window without room for text: the border of the dialog, its padding, its scroll bar, the rest."""


class ChooseRunScreen(ChooseScreen):
    """A list of runs; its result is the index of the chosen one, or None if it was cancelled.

    Args:
        chosen: the index of the run that has the cursor at first.
    """

    def __init__(self, title: str, runs: Sequence[RunSummary], chosen: int = 0) -> None:
        rows = [_cells(run, changes) for run, changes in zip(runs, changes_of(runs).values(), strict=True)]
        self._table_in = lambda width: text_table(COLUMNS, rows, max(20, width - MARGIN))
        super().__init__(title, lambda width: self._table_in(width).lines, chosen)

    def body(self) -> Iterable[Widget]:
        yield Static(classes="heads", markup=False)
        yield from super().body()

    def on_resize(self) -> None:
        self.query_one(".heads", Static).update(self._table_in(self.app.size.width).header)

    def on_mount(self) -> None:
        self.add_class("-wide-list")


def _cells(run: RunSummary, changes: str) -> tuple[str, ...]:
    accuracy = percent(run.accuracy_on_test_set)
    return (
        run.shown_name,
        run.origin or changes,
        last_name(run.dataset),
        run.state,
        run.epochs_in_words,
        accuracy,
        run.short,
    )
