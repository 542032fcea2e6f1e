"""The dialog that makes an ensemble of runs: their mean or their majority vote, and a name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from textual.widget import Widget
from textual.widgets import Static

from mnist_tui.columns import Column
from mnist_tui.runs.collection.summaries import RunSummary
from mnist_tui.runs.folder import RunFolder
from mnist_tui.tui.evaluations.dialogs import EvaluationDialog, field
from mnist_tui.tui.run_commands import folder_of
from mnist_tui.tui.runs.run_rows import changes_of
from mnist_tui.tui.terminal.keymap import bind
from mnist_tui.tui.widgets.controls import ValueSelect
from mnist_tui.tui.widgets.text import TableView
from mnist_tui.wording import counted, percent

MOST_LISTED = 6
COLUMNS = (
    Column("Run", least=12),
    Column("Changed", need=2, least=10),
    Column("State", need=1),
    Column("Test acc.", right=True),
    Column("Id"),
)


class EnsembleScreen(EvaluationDialog):
    """The dialog that asks how the predictions of runs are combined.

    Args:
        runs: the marked runs, at least two.
    """

    TITLE = "Ensemble"
    ACCEPT = "Make ensemble"
    FIRST_FOCUS = "#accept"
    GUIDE = "screens#runs-and-comparing"
    HELP = """
    **Ensemble.** The predictions of several runs for the same test images, combined: by the mean of their
    probabilities, or by a vote, in which each run has one voice and a tie is decided by the mean. Nothing is trained.
    The result is a run of its own, with scores, matrix and images; its report compares it with each member. Esc closes
    the dialog; the work goes on and ends with a notice.
    """
    BINDINGS = [bind("ensemble.cancel", "escape", "cancel", "Close", "Close; the work under way goes on")]

    def __init__(self, runs: Sequence[RunSummary]) -> None:
        super().__init__(f"{self.TITLE} of {counted(runs, 'run')}")
        self._runs = runs
        self._members = TableView(COLUMNS)

    def form(self) -> Iterable[Widget]:
        changes = changes_of(self._runs)
        self._members.show([_cells(run, changes[run.run]) for run in self._runs[:MOST_LISTED]])
        yield self._members
        if (more := len(self._runs) - MOST_LISTED) > 0:
            yield Static(f"and {more} more", markup=False)
        methods = [("Mean probability", "mean"), ("Majority vote", "vote")]
        yield field("Combine by", ValueSelect(methods, compact=True, allow_blank=False, id="ensemble-method"))

    def request(self) -> Callable[[], RunFolder]:
        members = [folder_of(run) for run in self._runs]
        vote = self.query_one("#ensemble-method", ValueSelect).value == "vote"
        return partial(self.app.starter.ensemble, members, vote=vote, name=self.chosen_name.value)


def _cells(run: RunSummary, changes: str) -> tuple[str, ...]:
    return run.shown_name, run.origin or changes, run.state, percent(run.accuracy_on_test_set), run.short
