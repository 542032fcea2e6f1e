"""A run as it happens: curves, confusion matrix, progress, device. Commands go through the run's folder."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Footer, Static

from mnist_tui.experiment.presets import PresetError
from mnist_tui.runs import control
from mnist_tui.runs.folder import RunError, RunFolder
from mnist_tui.runs.state import RESUMABLE
from mnist_tui.tui.screens.outcome import outcome_lines, side_lines
from mnist_tui.tui.watch import BROKEN, RunWatch, Snapshot, follow
from mnist_tui.tui.widgets.confusion import DIGITS, ConfusionView
from mnist_tui.tui.widgets.curves import Curve
from mnist_tui.tui.widgets.progress import RunProgress
from mnist_tui.tui.widgets.status import Banner, StatusLine, sample_line

if TYPE_CHECKING:
    from mnist_tui.tui.app import BenchApp

REDRAWS_A_SECOND = 3
VIEWS = ("-curves", "-matrix", "-device")


class TrainingScreen(Screen[None]):
    """Watches one run, live or ended.

    Args:
        folder: the run.
        clock: seconds since the Unix epoch.
    """

    CSS_PATH = "training.tcss"
    HELP = """
    **Training.** The network trains in a process of its own. Pause, stop and checkpoint are asked of it and happen
    between two chunks of steps. Detach goes back to the presets and leaves it training; `mnist-tui attach latest` shows
    it again. A run that was stopped, failed or crashed can be resumed.
    """
    BINDINGS = [
        Binding("p,space", "send('pause')", "Pause", tooltip="Pause the training"),
        Binding("p,space", "send('continue')", "Resume", tooltip="Go on with the training"),
        Binding("p,space", "resume", "Resume", tooltip="Go on with the training, from its checkpoint"),
        Binding("r", "results", "Results", tooltip="Scores, confusions, complexity, export"),
        Binding("v", "view", "View", tooltip="Curves, matrix or device, where the window is narrow"),
        Binding("s", "send('stop')", "Stop, save", tooltip="End the training now and save what it has learnt"),
        Binding("d", "detach", "Detach", tooltip="Back to the presets; the training goes on"),
        Binding("c", "send('checkpoint')", "Checkpoint", tooltip="Save a checkpoint now"),
        Binding("d,escape", "presets", "Presets", tooltip="Back to the presets"),
    ]

    class Changed(Message):
        """The run is no longer as it was."""

        def __init__(self, snapshot: Snapshot) -> None:
            super().__init__()
            self.snapshot = snapshot

    if TYPE_CHECKING:
        app = getters.app(BenchApp)

    status = getters.query_one(StatusLine)
    sample = getters.query_one("#sample", Banner)
    outcome = getters.query_one("#outcome", Static)
    progress = getters.query_one(RunProgress)
    matrix = getters.query_one(ConfusionView)
    panel = getters.query_one("#device-panel", VerticalScroll)
    side = getters.query_one("#device", Static)

    def __init__(self, folder: RunFolder, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self.folder = folder
        self.snapshot = Snapshot(folder)
        self._clock = clock
        self._stop = threading.Event()
        self._dirty = False
        self._warned: int | None = None
        try:
            self._preset = folder.preset()
        except PresetError:
            self._preset = None

    def compose(self) -> ComposeResult:
        yield StatusLine(self._what(), self.folder.id)
        yield Banner(id="sample")
        yield RunProgress()
        yield Static("", id="outcome", markup=False)
        with Horizontal(id="body"):
            with Vertical(id="curves"):
                yield Curve("loss", id="loss")
                yield Curve("accuracy", id="accuracy")
            with Vertical(id="side"):
                yield ConfusionView()
                with VerticalScroll(id="device-panel"):
                    yield Static("", id="device", markup=False)
        yield Footer()

    def _what(self, data: str | None = None) -> str:
        """The preset and the data: those that the run has, once it is known whether it got what it wanted."""
        if self._preset is None:
            return "experiment.toml cannot be read"
        return f"{self._preset.name} on {data or self._preset.experiment.dataset.name}"

    def on_mount(self) -> None:
        self.add_class(VIEWS[0])
        self._follow()
        self.set_interval(1 / REDRAWS_A_SECOND, self._redraw)

    def on_unmount(self) -> None:
        self._stop.set()

    @work(thread=True, group="watch")
    def _follow(self) -> None:
        follow(RunWatch(self.folder), lambda snapshot: self.post_message(self.Changed(snapshot)), self._stop)

    @on(Changed)
    def _take(self, message: Changed) -> None:
        before, self.snapshot = self.snapshot, message.snapshot
        self._dirty = True
        self._warn(message.snapshot.run.warnings)
        if before.word != self.snapshot.word:
            self._redraw()
            self.refresh_bindings()

    def _warn(self, warnings: tuple[str, ...]) -> None:
        """Warnings that come while one watches also pop up; earlier ones stand in the panel."""
        if self._warned is not None:
            for text in warnings[self._warned :]:
                self.notify(text, severity="warning", timeout=10, markup=False)
        self._warned = len(warnings)

    def on_screen_resume(self) -> None:
        self._dirty = True

    def _redraw(self) -> None:
        """Draws what has changed; the clock of a live run ticks even where nothing has."""
        if not self.is_current or not self.is_mounted:
            return
        snapshot, run = self.snapshot, self.snapshot.run
        if snapshot.live or self._dirty:
            planned = self._preset.experiment.training.epochs if self._preset else 0
            self.progress.show(run, snapshot.word, self._clock(), planned)
        if not self._dirty:
            return
        self._dirty = False
        self.status.show(snapshot.word, self._what(run.data.name if run.data else None))
        self.sample.say(sample_line(run.data is not None and run.data.sample))
        self.outcome.update("\n".join(outcome_lines(snapshot)))
        self.outcome.display = not snapshot.live
        for curve in self.query(Curve):
            curve.show(run)
        names = run.data.class_names if run.data else DIGITS
        self.matrix.show(run.confusion, names, f"evaluated after epoch {run.confusion_epoch}")
        self.matrix.set_class(not snapshot.live and run.confusion is None, "-nothing")
        self.set_class(snapshot.word in BROKEN, "-broken")
        self.panel.border_title = "[b]log and device[/b]" if snapshot.word in BROKEN else "[b]device[/b]"
        self.side.update("\n".join(side_lines(snapshot)))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Which keys mean something now."""
        word, live = self.snapshot.word, self.snapshot.live
        match action, parameters:
            case "send", ("pause",):
                return word == "running"
            case "send", ("continue",):
                return word == "paused"
            case "send", _:
                return live
            case "detach", _:
                return live
            case "resume", _:
                return word in RESUMABLE
            case "presets" | "results", _:
                return not live
            case "view", _:
                return self.has_class("-narrow")
            case _:
                return True

    def action_send(self, command: control.CommandName) -> None:
        """Leaves a command for the worker."""
        try:
            control.send(self.folder, command)
        except (RunError, OSError) as error:
            self.notify(str(error), severity="warning", markup=False)
            return
        if command in {"stop", "checkpoint"}:
            self.notify("asked to stop and save" if command == "stop" else "checkpoint asked for", timeout=3)

    def action_resume(self) -> None:
        self.app.resume_run(self.folder)

    def action_detach(self) -> None:
        self.notify(f"{self.folder.id} goes on; mnist-tui attach latest shows it", title="Detached", markup=False)
        self.app.show_presets()

    def action_presets(self) -> None:
        self.app.show_presets()

    def action_results(self) -> None:
        self.app.show_results(self.folder)

    def action_view(self) -> None:
        """The next of curves, matrix and device, where there is no room for all."""
        now = next(view for view in VIEWS if self.has_class(view))
        self.remove_class(now)
        self.add_class(VIEWS[(VIEWS.index(now) + 1) % len(VIEWS)])
