"""Start, resume, extend and discard runs from any screen, with the dialogs that ask first."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from textual import getters, on
from textual.widget import Widget
from textual.widgets import Input, Label, Static

from mnist_tui.data.errors import DataError
from mnist_tui.errors import RequestError, RunError
from mnist_tui.experiment.shapes import MAX_EPOCHS
from mnist_tui.files import why_unwritten
from mnist_tui.runs import control
from mnist_tui.runs import start as run_start
from mnist_tui.runs.advice import Action, Edit, Extend, Resume, Seeds
from mnist_tui.runs.deletion import discard_run
from mnist_tui.runs.diagnosis import diagnose
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.state import EXTENDABLE, LIVE, RESUMABLE
from mnist_tui.runs.watch import RunSnapshot
from mnist_tui.tui.bench import Bench, Route, subject_of
from mnist_tui.tui.dialogs import Choice, FormDialog, Question, answer_keys
from mnist_tui.tui.terminal.keyboard import TAKES_KEYBOARD
from mnist_tui.tui.terminal.keymap import bind
from mnist_tui.unexpected import logged
from mnist_tui.wording import count, counted, percent, seconds

if TYPE_CHECKING:
    from mnist_tui.experiment.presets import Preset
    from mnist_tui.experiment.spec import Experiment
    from mnist_tui.runs.collection.summaries import RunSummary


QUICK_SHARE, QUICK_LEAST = 10, 3
"""A quick run has a tenth of the planned epochs, and at least three."""


class BusyQuestion(Question):
    """The question whether a new run waits (the default), starts now, or not at all, while the device is busy."""

    TITLE = "The device is busy"
    HELP = """
    **A busy device.** Two trainings on one device slow each other down, and on a GPU the second may find too little
    memory. A run that waits starts by itself once all runs made before it on this device have ended; it can be stopped
    meanwhile, and it needs no window. A run cannot wait for processes of other programs.
    """
    ANSWERS = (
        Choice("wait", "w", "Wait in line", "Begin once the runs before this one have ended", "primary"),
        Choice("now", "s", "Start now", "Train at the same time"),
        Choice("cancel", "escape,c", "Cancel", "Start no training"),
    )
    BINDINGS = answer_keys("busy", ANSWERS)


class ExtendScreen(FormDialog[int]):
    """The question up to which epoch a run is to train; its result is the number of epochs that are added to the plan.

    Args:
        experiment: the run's experiment; None if it cannot be read.
        advised: how many more epochs are suggested for a run that is live or has finished.
    """

    TITLE = "Add epochs"
    ACCEPT = "Train"
    HELP = """
    **More epochs.** Type the epoch to reach; the arrow keys up and down change it. A live run changes its plan; a run
    that has ended goes on from its checkpoint, exactly as if it had been planned so. If early stopping had ended it,
    its patience begins again. A schedule that spans all epochs (cosine, one-cycle) is stretched over them.
    """
    BINDINGS = [
        bind("extend.cancel", "escape", "cancel", "Cancel", "Leave the plan as it is"),
        bind("extend.more", "up", "more(1)", "One more", "One epoch more", hidden=True),
        bind("extend.less", "down", "more(-1)", "One less", "One epoch less", hidden=True),
    ]

    number = getters.query_one(Input)
    plan = getters.query_one("#plan", Static)

    def __init__(self, snapshot: RunSnapshot, experiment: Experiment | None, advised: int = 5) -> None:
        super().__init__()
        self._snapshot, self._training = snapshot, experiment.training if experiment is not None else None
        self._planned = snapshot.run.epochs or (self._training.epochs if self._training is not None else 0)
        self._done = len(snapshot.run.history)
        has_rest = snapshot.state in RESUMABLE and self._done < self._planned
        # `runs.start.extend` adds the new epochs to this number, too
        self._base = self._done if snapshot.state == "finished" else self._planned
        self._first = self._planned if has_rest else self._base + 1
        self._suggested = self._planned if has_rest else min(self._base + advised, MAX_EPOCHS)

    def fields(self) -> Iterable[Widget]:
        yield Static(f"Run {self._snapshot.folder.id}\n{self._where()}", markup=False)
        yield Label("Train to epoch:")
        yield Input(str(self._suggested), type="integer", max_length=7, select_on_focus=True)
        yield Static("", id="plan", markup=False)

    def _where(self) -> str:
        """Return where the run is: ``Stopped after epoch 12 of 50``."""
        return f"{self._snapshot.state.capitalize()} {self._snapshot.run.reached} of {self._planned:,}"

    def on_mount(self) -> None:
        self._show_plan()

    @property
    def _epoch(self) -> int | None:
        """The typed epoch; None if the run cannot train to it."""
        text = self.number.value.strip()
        epoch = int(text) if text.isdecimal() else 0
        return epoch if self._first <= epoch <= MAX_EPOCHS else None

    @on(Input.Changed)
    def _show_plan(self) -> None:
        epoch = self._epoch
        if epoch is not None:
            self.plan.update("\n".join(self._lines(epoch)))
        self.show_problem("" if epoch else self._problem())
        self.plan.display = epoch is not None
        self.accept_button.disabled = epoch is None

    def _problem(self) -> str:
        needed = f"A whole number from {self._first:,} to {MAX_EPOCHS:,} is needed"
        if self.number.value.strip().isdecimal() and int(self.number.value) < self._first:
            return f"{needed}: {self._reason()}"
        return f"{needed}."

    def _reason(self) -> str:
        """Return why fewer epochs are not possible, and what is."""
        if self._base == self._done and self._first != self._planned:
            return f"the run has already trained {counted(self._done, 'epoch')}."
        return f"this run is planned for {counted(self._planned, 'epoch')}. For fewer, train it again (e)."

    def _lines(self, epoch: int) -> Iterable[str]:
        left, each = epoch - self._done, self._snapshot.run.seconds_an_epoch
        yield f"{counted(left, 'more epoch')}{f', {seconds(left * each)} at {seconds(each)} each' if each else ''}."
        if epoch == self._planned:
            return
        if self._training is not None and self._training.schedule.SPANS_EPOCHS:
            kind = self._training.schedule.kind
            yield f"The {kind} schedule is stretched over the new total: its learning rate rises again."
        if self._training is not None and self._training.early_stopping is not None:
            yield "Early stopping may still end it sooner."

    def accept(self) -> None:
        if self._epoch is None:
            self.number.focus()
        else:
            self.dismiss(self._epoch - self._base)

    def action_more(self, by: int) -> None:
        self.number.value = str(max(self._first, (self._epoch or self._first) + by))


class DiscardQuestion(Question):
    """The question whether to discard a run; keeping it is the default."""

    TITLE = "Discard this run?"
    TITLE_OF_ENDED = "Delete this run?"
    HELP = """
    **Discarding a run.** The training ends at once, nothing is saved, and the run's folder is deleted with its weights,
    its history and its checkpoint, also the epochs that it had finished before it was trained longer. It cannot be
    brought back. *Stop and save* ends the training, too, but keeps the run with all its epochs.
    """
    ANSWERS = (
        Choice("keep", "escape,k,n", "Keep it", "Leave the run as it is", "primary"),
        Choice("stop", "s", "Stop and save", "End it now and keep the run with all its epochs"),
        Choice("discard", "d,y", "Discard", "End it, save nothing, delete its files", "error"),
        Choice("delete", "d,y", "Delete", "Delete all its files", "error"),
    )
    BINDINGS = answer_keys("discard", ANSWERS)

    def __init__(self, snapshot: RunSnapshot) -> None:
        done, planned = len(snapshot.run.history), snapshot.run.epochs
        epochs = f"{count(done)} of {counted(planned, 'epoch')} done" if planned else "no epoch done"
        ends = "It ends at once and nothing is saved.\n" if snapshot.live else ""
        super().__init__(
            f"Run {snapshot.folder.id}\n{snapshot.state}, {epochs}",
            *_earlier_result(snapshot),
            f"{ends}Weights, history and checkpoint are deleted with\n{snapshot.folder.path}",
            without=("delete",) if snapshot.live else ("stop", "discard"),
            title="" if snapshot.live else self.TITLE_OF_ENDED,
        )


def _earlier_result(snapshot: RunSnapshot) -> Iterable[str]:
    """Yield what a live run loses that had finished before it was trained longer."""
    before = snapshot.run.finished_before
    if snapshot.live and before is not None:
        of, scored = snapshot.run.scored_on, before.test_accuracy
        accuracy = f" with {of} accuracy {percent(scored)}" if scored is not None else ""
        yield (
            f"It had finished after {counted(snapshot.run.finished_epochs, 'epoch')}{accuracy}. "
            "That result is deleted, too; Stop and save keeps all epochs."
        )


def train(bench: Bench, preset: Preset, started: Callable[[], None] = lambda: None) -> None:
    """Start a training and show it; ask first if the device is busy.

    Args:
        started: called when the training has started.
    """
    bench.selected = preset.name

    async def ask_and_start() -> None:
        wait = await ask_to_wait(bench)
        if wait is not None and (folder := start(bench, preset, wait=wait)) is not None:
            started()
            bench.show(Route("training", run=folder))

    bench.run_worker(ask_and_start, group=TAKES_KEYBOARD, exclusive=True)


def train_label(experiment: Experiment | None) -> str:
    """Return the label of a key that trains an experiment: ``Train 100 epochs``; ``Train`` without epochs."""
    if experiment is None or not experiment.trains_in_epochs:
        return "Train"
    return f"Train {counted(experiment.training.epochs, 'epoch')}"


def quick_epochs(experiment: Experiment) -> int | None:
    """Return the number of epochs of a quick run; None if the whole training is not longer than that."""
    planned = experiment.training.epochs
    epochs = max(QUICK_LEAST, planned // QUICK_SHARE)
    return epochs if experiment.trains_in_epochs and epochs < planned else None


def quick_preset(preset: Preset) -> Preset | None:
    """Return the preset with the epochs of a quick run; None where there is none.

    Raises:
        RequestError: the experiment does not allow so few epochs.
    """
    from mnist_tui.experiment.parameters import apply_texts
    from mnist_tui.experiment.presets import edited

    epochs = quick_epochs(preset.experiment)
    return None if epochs is None else edited(preset, apply_texts(preset.experiment, {"epochs": str(epochs)}))


def train_quickly(bench: Bench, preset: Preset) -> None:
    """Train a preset for fewer epochs; if that is not possible, show the reason in a notice."""
    try:
        quick = quick_preset(preset)
    except RequestError as error:  # a schedule may need more epochs
        bench.report_error("A quick run is not possible", str(error))
    else:
        train(bench, quick or preset)


def start(bench: Bench, preset: Preset, *, wait: bool = False) -> RunFolder | None:
    """Start a run; if it cannot start, show the reason in a notice and return None."""
    try:
        return bench.starter.start(preset, wait=wait)
    except (RequestError, DataError, OSError) as error:
        bench.call_later(bench.report_error, "The training cannot start", str(error))
        return None


async def ask_to_wait(bench: Bench) -> bool | None:
    """Return whether a new run is to wait, after a question if the device is busy; None if no run is to start.

    Call this function in a worker of the app.
    """
    busy = await asyncio.to_thread(bench.starter.busy)
    if busy is None:
        return False
    line = "If it waits, the new run starts by itself when the runs before it have ended."
    question = BusyQuestion(busy.text, line) if busy.line else BusyQuestion(busy.text, without=("wait",))
    choice = await bench.push_screen_wait(question)
    return None if choice == "cancel" else choice == "wait"


def resume(bench: Bench, folder: RunFolder) -> bool:
    """Continue a run in a new worker and return True; if this fails, show the reason in a notice."""
    try:
        run_start.resume(folder)
        bench.following.follow(folder, resumed=True)
    except (RequestError, OSError) as error:
        bench.report_error("The training cannot go on", str(error))
        return False
    return True


def resume_and_show(bench: Bench, folder: RunFolder) -> None:
    """Continue a run and show its training screen."""
    if resume(bench, folder):
        bench.show(Route("training", run=folder))


def edit_again(bench: Bench, folder: RunFolder) -> None:
    """Open the editor with a run's experiment, to train it again with changes."""
    try:
        folder.check_trained_here("cannot be trained again")
        bench.show(Route("editor", preset=folder.preset()))
    except RequestError as error:
        bench.warn(str(error), "The run cannot be edited")


def can_extend(snapshot: RunSnapshot, experiment: Experiment | None) -> bool:
    """Return whether epochs can be added to a run."""
    in_epochs = experiment is None or experiment.trains_in_epochs
    is_training = in_epochs and snapshot.run.origin is None
    return snapshot.state in EXTENDABLE and is_training and not (snapshot.live and is_trained(snapshot))


def is_trained(snapshot: RunSnapshot) -> bool:
    """Return whether training is over, and the network is being evaluated or saved."""
    phase = snapshot.run.phase
    return phase is not None and phase.name in {"evaluating", "saving"}


def ask_to_extend(bench: Bench, snapshot: RunSnapshot, experiment: Experiment | None) -> None:
    """Ask to which epoch a run is to train, extend or resume the run, and show its training screen."""

    def answered(more: int | None) -> None:
        if more is None:
            return
        if more:
            extend(bench, snapshot.folder, more)
        else:
            resume(bench, snapshot.folder)
        bench.show(Route("training", run=snapshot.folder))

    findings = diagnose(snapshot.run, experiment, snapshot.state) if experiment is not None else ()
    advised = (action.epochs for finding in findings for action in finding.actions if isinstance(action, Extend))
    bench.push_screen(ExtendScreen(snapshot, experiment, next(advised, 5)), answered)


def extend(bench: Bench, folder: RunFolder, epochs: int) -> None:
    """Extend a run by some epochs, with a new worker if it has ended, and show the outcome in a notice.

    This happens in a thread, as a live worker needs a moment to accept the command.
    """

    def work() -> None:
        try:
            new_worker = run_start.extend(folder, epochs)
        except Exception as error:  # nothing else would report an error of this thread
            bench.call_from_thread(bench.report_error, "The run cannot be extended", _sentence(error))
            return
        if new_worker:
            bench.call_from_thread(bench.following.follow, folder, resumed=True)
        bench.call_from_thread(bench.notify, f"The run was asked for {counted(epochs, 'more epoch')}.", timeout=3)

    bench.run_worker(work, thread=True, group="extend", exit_on_error=False)


def carry_out(bench: Bench, snapshot: RunSnapshot, preset: Preset, action: Action) -> None:
    """Do what an advice about a run says, and show the screen where it happens.

    Args:
        preset: the run's preset and experiment.
    """
    match action:
        case Extend():
            ask_to_extend(bench, snapshot, preset.experiment)
        case Resume():
            resume_and_show(bench, snapshot.folder)
        case Edit():
            from mnist_tui.tui.editor.draft import Draft

            draft = Draft(preset)
            draft.adopt(action.applied(preset.experiment))
            bench.kept_edits[subject_of(preset)] = draft
            bench.show(Route("editor", preset=preset))
        case Seeds(seeds=seeds):
            bench.show(Route("sweep", preset=preset, seeds=seeds))
        case _:
            raise AssertionError(action)


def ask_to_discard(bench: Bench, snapshot: RunSnapshot) -> None:
    """Discard a live run or delete an ended one; ask first, unless the settings say otherwise."""

    def answered(answer: str | None) -> None:
        if answer in {"discard", "delete"}:
            discard(bench, snapshot.folder, "Discarded" if snapshot.live else "Deleted")
        elif answer == "stop":
            stop(bench, snapshot.folder)

    if bench.settings.confirm:
        bench.push_screen(DiscardQuestion(snapshot), answered)
    else:
        answered("discard")


def stop(bench: Bench, folder: RunFolder) -> bool:
    """Ask a live run to stop and to save, show the outcome in a notice, and return whether the run was asked."""
    try:
        control.send(folder, "stop")
    except (RunError, OSError) as error:
        bench.warn(str(error), "The run is not stopped")
        return False
    bench.notify("The run was asked to stop and save.", timeout=3)
    return True


def discard(bench: Bench, folder: RunFolder, title: str = "Discarded") -> None:
    """Close a run's screens, then end and delete the run in a thread, and show the outcome in a notice.

    Args:
        title: of the notice.
    """
    bench.following.forget(folder)
    bench.close_run(folder)

    def work() -> None:
        try:
            discard_run(folder)
        except Exception as error:  # nothing else would report an error of this thread
            bench.call_from_thread(bench.report_error, "The run is not deleted", _sentence(error))
            return
        bench.call_from_thread(bench.notify, f"Run {folder.id} and its files are gone.", title=title)

    bench.run_worker(work, thread=True, group="discard", exit_on_error=False)


def _sentence(error: Exception) -> str:
    """Return the message for an error; an unexpected error is logged with its traceback."""
    if isinstance(error, OSError):
        return why_unwritten(error)
    return str(error) if isinstance(error, RequestError) else logged(error)


def open_run(bench: Bench, run: RunSummary) -> None:
    """Show a run: its training screen while it is live, else its results."""
    bench.show(Route("training" if run.state in LIVE else "results", run=folder_of(run)))


def folder_of(run: RunSummary) -> RunFolder:
    return RunFolder(Path(run.folder))
