"""What is asked about a run: how many epochs more it is to train, and whether it is to be discarded."""

from __future__ import annotations

from collections.abc import Iterable

from textual import getters, on
from textual.binding import Binding
from textual.widget import Widget
from textual.widgets import Input, Label, Static

from mnist_tui.experiment.spec import MAX_EPOCHS, Experiment
from mnist_tui.runs.watch import RunSnapshot
from mnist_tui.tui.dialogs import Choice, FormDialog, Question, answer_keys
from mnist_tui.wording import count, counted, seconds

USUAL = 5


class ExtendScreen(FormDialog[int]):
    """Asks for a number of epochs; gives None to leave the plan as it is.

    Args:
        snapshot: the run as it is now.
        experiment: the run's; None where it cannot be read.
    """

    TITLE = "Extend the run"
    ACCEPT = "Extend (enter)"
    HELP = """
    **More epochs.** A run that trains only changes its plan; one that has ended goes on from its checkpoint, exactly as
    if it had been planned so. Where early stopping had ended it, its patience begins anew. A cosine schedule spans all
    epochs and is stretched.
    """
    BINDINGS = [
        Binding("escape", "cancel", "Cancel", tooltip="Leave the plan as it is", id="extend.cancel"),
        Binding("up", "more(1)", "One more", tooltip="One epoch more", id="extend.more", show=False),
        Binding("down", "more(-1)", "One less", tooltip="One epoch less", id="extend.less", show=False),
    ]

    number = getters.query_one(Input)
    plan = getters.query_one("#plan", Static)

    def __init__(self, snapshot: RunSnapshot, experiment: Experiment | None) -> None:
        super().__init__()
        self._snapshot, self._experiment = snapshot, experiment

    def fields(self) -> Iterable[Widget]:
        run = self._snapshot.run
        epochs = f"{count(len(run.history))} of {counted(self._planned(), 'epoch')} done"
        yield Static(f"Run {self._snapshot.folder.id}\n{self._snapshot.state}, {epochs}", markup=False)
        yield Label("Epochs more:")
        yield Input(str(USUAL), type="integer", max_length=7, select_on_focus=True)
        yield Static("", id="plan", markup=False)

    def on_mount(self) -> None:
        self._show_plan()

    def _planned(self) -> int:
        planned = self._experiment.training.epochs if self._experiment is not None else 0
        return self._snapshot.run.epochs or planned

    def _epochs(self) -> int | None:
        """What was typed; None where it cannot be added."""
        text = self.number.value.strip()
        epochs = int(text) if text.isdecimal() else 0
        return epochs if 1 <= epochs <= MAX_EPOCHS - self._base() else None

    def _base(self) -> int:
        """The number of epochs that more are added to: see `runs.start.extend`."""
        return len(self._snapshot.run.history) if self._snapshot.state == "finished" else self._planned()

    @on(Input.Changed)
    def _show_plan(self) -> None:
        epochs = self._epochs()
        if epochs is not None:
            self.plan.update("\n".join(self._lines(epochs)))
        self.show_problem("" if epochs else f"A whole number from 1 to {MAX_EPOCHS - self._base():,} is needed.")
        self.plan.display = epochs is not None
        self.accept_button.disabled = epochs is None

    def _lines(self, epochs: int) -> Iterable[str]:
        run, total = self._snapshot.run, self._base() + epochs
        left = total - len(run.history)
        yield f"{counted(total, 'epoch')} will be planned, {count(left)} still to train."
        if (each := run.seconds_an_epoch) is not None:
            yield f"{count(left)} at {seconds(each)} each: {seconds(left * each)}."
        training = self._experiment.training if self._experiment is not None else None
        if training is not None and training.schedule.SPANS_EPOCHS:
            yield "The cosine schedule is stretched over the new total: its learning rate rises again."
        if training is not None and training.early_stopping is not None:
            yield "Early stopping may still end it sooner."

    def accept(self) -> None:
        epochs = self._epochs()
        if epochs is None:
            self.number.focus()
        else:
            self.dismiss(epochs)

    def action_more(self, by: int) -> None:
        self.number.value = str(max(1, (self._epochs() or 1) + by))


class DiscardQuestion(Question):
    """Whether to discard a run; keeping it is the default."""

    TITLE = "Discard this run?"
    HELP = """
    **Discarding a run.** The training ends at once, nothing is saved, and the run's folder is deleted with its weights,
    its history and its checkpoint. It cannot be brought back.
    """
    ANSWERS = (
        Choice("keep", "escape,k,n", "Keep it", "Leave the run as it is", "primary"),
        Choice("discard", "x,y", "Discard (x)", "End it, save nothing, delete its files", "error"),
    )
    BINDINGS = answer_keys("discard", ANSWERS)

    def __init__(self, snapshot: RunSnapshot) -> None:
        done, planned = len(snapshot.run.history), snapshot.run.epochs
        epochs = f"{count(done)} of {counted(planned, 'epoch')} done" if planned else "no epoch done"
        ends = "It ends at once and nothing is saved.\n" if snapshot.live else ""
        super().__init__(
            f"Run {snapshot.folder.id}\n{snapshot.state}, {epochs}",
            f"{ends}Weights, history and checkpoint are deleted with\n{snapshot.folder.path}",
        )
