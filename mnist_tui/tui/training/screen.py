"""The training screen: a run's curves, confusion matrix, progress and device. Commands go through the run's folder."""

from __future__ import annotations

import time
from asyncio import to_thread
from collections.abc import Callable, Sequence

from textual import getters, on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from mnist_tui.clocks import RemoteClock
from mnist_tui.errors import RunError
from mnist_tui.experiment.preset_files import PresetError
from mnist_tui.experiment.presets import length_in_words
from mnist_tui.report.result_words import score_difference
from mnist_tui.runs import control
from mnist_tui.runs.diagnosis import Finding, diagnose
from mnist_tui.runs.events import Ended, Matrix
from mnist_tui.runs.results import results_of
from mnist_tui.runs.state import RESUMABLE, EpochRow
from mnist_tui.runs.watch import BROKEN, RunSnapshot
from mnist_tui.tui import run_commands
from mnist_tui.tui.bench import Route
from mnist_tui.tui.experiment_words import dataset_title
from mnist_tui.tui.feed import RunFeed
from mnist_tui.tui.run_screen import RunScreen
from mnist_tui.tui.terminal.keymap import bind, key_of, pane_keys, pane_title
from mnist_tui.tui.training.device import DeviceLoads
from mnist_tui.tui.training.panes import DETAILS, Notice, details, log_text
from mnist_tui.tui.widgets.confusion import DIGITS, NOT_EVALUATED, NOTHING, ConfusionView, class_names
from mnist_tui.tui.widgets.controls import KeyFooter, SidePanel
from mnist_tui.tui.widgets.plots.curves import CURVE_HELP, CurvePlots, curve_keys
from mnist_tui.tui.widgets.plots.plot import Plot
from mnist_tui.tui.widgets.run_status import Banner, RunProgress, StatusLine, sample_line
from mnist_tui.tui.widgets.tab_strip import TabStrip
from mnist_tui.tui.widgets.text import FactGrid, Line
from mnist_tui.wording import loss, percent

VIEWS = ("-curves", "-matrix", "-device", "-details")
"""What a narrow window shows, one after the other; another one shows the details in place of the matrix."""
OF_TRAINING = {"pause", "continue", "step", "checkpoint", "extend", "edit", "resume", "weights", "diagnosis"}
"""Commands that are left out for an evaluation, an ensemble or an import: nothing is trained there."""
DIAGNOSIS_SHARE = 0.005
"""The largest share of the time that a live run's diagnosis may take."""


class TrainingScreen(RunScreen):
    """The screen of a run, live or ended.

    Args:
        feed: the run's feed.
        clock: returns seconds since the Unix epoch; None for the clock of the run's worker.
    """

    GUIDE = "screens#training"
    CSS_PATH = "training.tcss"
    AUTO_FOCUS = ""
    SAYS_END = True
    HELP = """
    **Training.** The network trains in a process of its own; pause, stop and checkpoint happen between two chunks of
    its steps. `d` opens the presets while it trains; `mnist-tui attach latest` shows it again, also if the window was
    closed. `a` trains longer, `e` opens the experiment in the editor, `E` exports a run that has ended. A run that was
    stopped, failed or crashed can be resumed. Arrow keys or the mouse look at an earlier epoch; `f` follows the newest
    again.
    """
    MORE_HELP = CURVE_HELP
    BINDINGS = [
        bind("training.pause", "p,space", "send('pause')", "Pause", "Pause the training"),
        bind("training.continue", "p,space", "send('continue')", "Resume", "Go on with the training"),
        bind("training.resume", "p,space", "resume", "Resume", "Go on from the last checkpoint"),
        bind("training.view", "v", "view", "View", "Curves, matrix, device or details, in a narrow window"),
        bind("training.stop", "s", "send('stop')", "Stop, save", "End the training now and save it"),
        bind("training.results", "r", "show('results')", "Results", "Scores, confusions, complexity, export"),
        bind("training.diagnosis", "i", "show('diagnosis')", "Diagnosis", "How the training went, and what to do next"),
        bind("training.detach", "d", "detach", "Presets", "To the presets; the training goes on", hidden=True),
        bind("training.extend", "a", "extend", "Add epochs", "Train to a later epoch, also after the end"),
        bind("training.export", "E", "export", "Export", "Report, weights, tables as files"),
        bind("training.edit", "e", "edit", "Train again", "Its experiment in the editor: train it again with changes"),
        bind("training.presets", "d", "show('presets')", "Presets", "To the presets", hidden=True),
        bind("training.matrix", "m", "show('matrix')", "Matrix", "The confusion matrix in full"),
        bind("training.gallery", "g", "show('gallery')", "Images", "The images behind the matrix"),
        bind("training.weights", "w", "show('weights')", "Weights", "Weights and biases layer by layer"),
        bind("training.details", "v", "details", "Details", "Data, device, program, checkpoint", hidden=True),
        bind("training.checkpoint", "c", "send('checkpoint')", "Checkpoint", "Save a checkpoint now"),
        bind("training.step", "n", "send('step')", "One epoch", "Train one epoch, then pause"),
        bind("training.back", "escape", "back", "Back", "Back to where you were; the training goes on"),
        bind("training.discard", "x", "discard", "Discard", "End it if it trains, and delete its files"),
        *curve_keys("curves"),
    ]

    status = getters.query_one(StatusLine)
    sample = getters.query_one("#sample", Banner)
    outcome = getters.query_one("#outcome", Line)
    progress = getters.query_one(RunProgress)
    plots = getters.query_one(CurvePlots)
    matrix = getters.query_one(ConfusionView)
    notice = getters.query_one(Notice)
    loads = getters.query_one(DeviceLoads)
    details = getters.query_one("#details FactGrid", FactGrid)
    log_lines = getters.query_one("#log-lines", Line)

    def __init__(self, feed: RunFeed, clock: Callable[[], float] | None = None) -> None:
        super().__init__(feed)
        self.folder = feed.folder
        self._worker_clock, self._clock = RemoteClock(), clock
        self._state, self._stopping, self._has_begun = "", False, False
        self._final: Matrix | None = None
        self._final_requested = False
        self._warned: int | None = None
        self._findings: tuple[Finding, ...] = ()
        self._diagnosed: tuple[tuple[str, Ended | None], tuple[EpochRow, ...]] = (("", None), ())
        self._next_diagnosis, self._length, self._planned = 0.0, "", -1
        try:
            self._preset = feed.folder.preset()
        except PresetError:
            self._preset = None

    def compose(self) -> ComposeResult:
        yield TabStrip()
        yield StatusLine(self._title(), self.folder.id)
        yield Banner(id="sample")
        yield RunProgress()
        yield Line(id="outcome")
        with Horizontal(id="body"):
            note = self._preset.experiment.loss_note if self._preset else ""
            yield CurvePlots(note, id="curves")
            with Vertical(id="side"):
                yield ConfusionView(self._key("matrix"))
                yield Notice()
                with Vertical(id="device", classes="pane -stacked"):
                    yield DeviceLoads()
                with SidePanel(id="log", classes="pane -stacked"):
                    yield Line(id="log-lines")
                with SidePanel(id="details", classes="pane -stacked"):
                    yield FactGrid(DETAILS)
        yield KeyFooter()

    def _key(self, name: str) -> str:
        return key_of(f"training.{name}", TrainingScreen, self.app.settings.keys)

    def _title(self) -> str:
        """Return the network and the dataset: the requested dataset until the run has loaded one."""
        if self._preset is None:
            return "experiment.toml cannot be read"
        data = self.snapshot.run.data
        name = self._preset.title or self._preset.name
        return f"{name}, on {data.title if data else dataset_title(self._preset.experiment.dataset.name)}"

    def on_mount(self) -> None:
        self.add_class(VIEWS[0])
        view = self._key("view")
        self.query_one("#device").border_title = pane_title("Device")
        self.query_one("#device").border_subtitle = pane_keys({view: "details"})
        self.query_one("#details").border_title = pane_title("Details", view)
        self.query_one("#log").border_title = pane_title("Log")

    def snapshot_changed(self) -> None:
        if self.snapshot.run.updated is not None:
            warnings = self.snapshot.run.warnings
            for text in warnings[len(warnings) if self._warned is None else self._warned :]:  # only new ones
                self.notify(text, severity="warning", timeout=10)
            self._warned = len(warnings)
        if (has_begun := bool(self.snapshot.run.history)) != self._has_begun:
            self._has_begun = has_begun
            self.refresh_bindings()
        if self._state != self.snapshot.state:
            self._state = self.snapshot.state
            self._stopping = self._stopping and self.snapshot.live
            self.redraw()
            self.refresh_bindings()

    def tick(self) -> None:
        planned = self._preset.experiment.training.epochs if self._preset else 0
        now = self._clock() if self._clock else self._worker_clock(self.snapshot.run.updated)
        self.progress.show_run(self.snapshot.run, self.snapshot.state, now, planned, stopping=self._stopping)

    def draw(self) -> None:
        snapshot, run = self.snapshot, self.snapshot.run
        if self._preset is not None and snapshot.run.epochs != self._planned:
            self._planned = snapshot.run.epochs
            self._length = length_in_words(self._preset, self._planned) if run.origin is None else ""
        self.status.show(snapshot.state, self._title(), self._length)
        self.sample.say(sample_line(run.data is not None and run.data.sample))
        outcome = outcome_lines(snapshot)
        self.outcome.say("\n".join(outcome))
        augmented = self._preset is not None and self._preset.experiment.augmentation is not None
        self.plots.show(run, self.feed.cursor, augmented=augmented)
        epoch = self.feed.epoch
        ended = self.feed.ended(epoch) if epoch != run.confusion_epoch else None
        matrix, epoch = (ended.confusion, epoch) if ended else (run.confusion, run.confusion_epoch)
        names = class_names(run, self._preset.experiment.classes if self._preset else len(DIGITS))
        waiting, when = (NOTHING, ", after training") if run.origin is None else (NOT_EVALUATED, "")
        if matrix is None and run.ended is not None:
            self._read_final()
            self.matrix.show(self._final, names, f"{run.evaluated_set}{when}", waiting=waiting)
        else:
            self.matrix.show(matrix, names, f"evaluated after epoch {epoch}", waiting=waiting)
        self.matrix.set_class(not snapshot.live and matrix is None and self._final is None, "-nothing")
        self.set_class(snapshot.state in BROKEN, "-broken")
        untrained = not snapshot.live and not run.history and run.progress is None
        self.set_class(untrained, "-untrained")
        self.set_class(not snapshot.live and snapshot.state not in BROKEN, "-ended")
        findings = self._diagnose()
        is_told = untrained and snapshot.state == "stopped" and bool(findings) and len(outcome) == 1  # by the diagnosis
        self.outcome.display = not snapshot.live and not (is_told and not self.has_class("-narrow"))
        self.query_one(KeyFooter).relabel("discard", "Discard" if snapshot.live else "Delete")
        keys = {"extend": self._key("extend"), "resume": self._key("resume")}
        self.notice.show(findings, run.warnings, keys, self._key("diagnosis"))
        self.loads.show(run.loads)
        self.log_lines.say(log_text(snapshot))
        if self.has_class("-details") or self.has_class("-ended"):
            self.details.show(details(snapshot, () if untrained else findings))

    def _read_final(self) -> None:
        """Read the matrix of the final evaluation once, for a run that was stopped in its first epoch."""
        if self._final_requested:
            return
        self._final_requested = True

        async def read() -> None:
            rows = (await to_thread(results_of, self.folder, self.snapshot.run) or {}).get("confusion_matrix")
            self._final = tuple(tuple(row) for row in rows) if rows else None
            self._dirty = True
            self.redraw()

        self.run_worker(read())

    def _diagnose(self) -> tuple[Finding, ...]:
        """Return the diagnosis. It is repeated when an epoch has ended, less often if it takes long."""
        run, now = self.snapshot.run, time.monotonic()
        if self._preset is None or run.origin is not None or (self.snapshot.live and not run.history):
            return ()
        end, history = self._diagnosed
        if end != (self.snapshot.state, run.ended) or (history is not run.history and now >= self._next_diagnosis):
            self._findings = diagnose(run, self._preset.experiment, self.snapshot.state)
            self._diagnosed = ((self.snapshot.state, run.ended), run.history)
            self._next_diagnosis = now + (time.monotonic() - now) / DIAGNOSIS_SHARE
        return self._findings

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        state, live, has_begun = self.snapshot.state, self.snapshot.live, bool(self.snapshot.run.history)
        has_network = has_begun or ((ended := self.snapshot.run.ended) is not None and ended.test_accuracy is not None)
        allowed = {
            "pause": state == "running",
            "continue": state == "paused",
            "step": state in {"running", "paused"} and not run_commands.is_trained(self.snapshot),
            "send": live,
            "checkpoint": live and has_begun,
            "matrix": has_network,
            "gallery": has_network,
            "weights": has_network,
            "detach": live,
            "resume": state in RESUMABLE,
            "diagnosis": has_begun or not live,
            "extend": run_commands.can_extend(self.snapshot, self._preset.experiment if self._preset else None),
            "edit": not live and self._preset is not None,
            "export": not live,
            "presets": not live,
            "results": not live,
            "view": self.has_class("-narrow"),
            "details": not self.has_class("-narrow"),
        }
        command = str(parameters[0]) if action in {"send", "show"} else action
        if command in OF_TRAINING and self.snapshot.run.origin is not None:
            return False
        return allowed.get(command, allowed.get(action, True))

    def action_send(self, command: control.CommandName) -> None:
        if command == "stop":
            self._stopping = run_commands.stop(self.app, self.folder) or self._stopping
            return
        try:
            control.send(self.folder, command)
        except (RunError, OSError) as error:
            self.notify(str(error), severity="warning")
            return
        if command == "checkpoint":
            self.notify("A checkpoint was asked for.", timeout=3)

    def action_extend(self) -> None:
        run_commands.ask_to_extend(self.app, self.snapshot, self._preset.experiment if self._preset else None)

    def action_edit(self) -> None:
        run_commands.edit_again(self.app, self.folder)

    def action_export(self) -> None:
        self.app.show(Route("export", runs=[self.folder]))

    def action_discard(self) -> None:
        run_commands.ask_to_discard(self.app, self.snapshot)

    def action_resume(self) -> None:
        run_commands.resume(self.app, self.folder)

    def action_detach(self) -> None:
        self.notify(
            f"Run {self.folder.id} trains on; F3 or mnist-tui attach latest shows it.", title="The training goes on"
        )
        self.app.show(Route("presets"))

    def action_plot(self, what: str) -> None:
        """Zoom, pan, scale or choose the curves."""
        self.plots.action_view(what)

    @on(ConfusionView.CellChosen)
    def _cell_chosen(self, message: ConfusionView.CellChosen) -> None:
        self.app.show(Route("gallery", run=self.folder, cell=(message.true, message.predicted)))

    @on(Plot.EpochPointed)
    def _epoch_pointed(self, message: Plot.EpochPointed) -> None:
        self.look_at(message.epoch)

    @on(Notice.DiagnosisAsked)
    def _diagnosis_asked(self) -> None:
        self.action_show("diagnosis")

    def action_view(self) -> None:
        """Show the next of the panes, in a narrow window."""
        self._next_view(VIEWS)

    def action_details(self) -> None:
        """Show the details in place of the matrix, or hide them."""
        self._next_view((VIEWS[0], VIEWS[-1]))

    def _next_view(self, views: Sequence[str]) -> None:
        now = next((view for view in views if self.has_class(view)), views[0])
        self.remove_class(*VIEWS)
        self.add_class(views[(views.index(now) + 1) % len(views)])
        self.set_focus(self.query_one("#details") if self.has_class("-details") else None)
        self.draw()


def outcome_lines(snapshot: RunSnapshot) -> list[str]:
    """Return lines about the end of a run and its scores, compared with the published ones; none while it is live."""
    if snapshot.live:
        return []
    ended, state = snapshot.run.ended, snapshot.state.capitalize()
    reason = snapshot.reason if snapshot.state != "finished" else ""
    if reason.startswith(snapshot.state):  # "stopped in epoch 2 …"
        lines = [f"{reason[0].upper()}{reason[1:]}."]
    else:
        lines = [f"{state}: {reason}" if reason else f"{state}."]
    if ended is not None and ended.test_accuracy is not None:
        of = snapshot.run.scored_on
        scores = f"{of} accuracy {percent(ended.test_accuracy)}, {of} loss {loss(ended.test_loss)}"
        if ended.macro_f1 is not None:
            scores += f", macro F1 {percent(ended.macro_f1)}"
        history = snapshot.run.history
        if snapshot.state == "stopped" and history:
            scores += f" (at the stop; curves and matrix end with epoch {history[-1].epoch:,})"
        lines.append(scores)
    if ended is not None and ended.refused:
        lines.append(f"Not resumed: {ended.refused}")
    if len(lines) == 2 and len(lines[0]) <= len("Finished."):
        lines = [f"{lines[0].rstrip('.')}: {lines[1]}"]
    return lines + _published(snapshot)


def _published(snapshot: RunSnapshot) -> list[str]:
    """Return a comparison, ``Published: test accuracy 97.62 % (ours −0.02 points), …``; nothing without scores."""
    reference, ended = snapshot.reference, snapshot.run.ended
    if reference is None or ended is None or ended.test_accuracy is None:
        return []
    parts: list[str] = []
    for score, theirs, ours in (
        ("accuracy", reference.accuracy, ended.test_accuracy),
        ("loss", reference.loss, ended.test_loss),
    ):
        if theirs is not None:
            published = percent(theirs) if score == "accuracy" else loss(theirs)
            parts.append(f"{score} {published} ({'' if parts else 'ours '}{score_difference(score, ours, theirs)})")
    return [f"Published: test {', '.join(parts)}"] if parts else []
