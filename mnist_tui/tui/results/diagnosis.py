"""The diagnosis of a run: the verdict and further findings, each with its evidence and with what can be done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count

from textual import getters, on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static

from mnist_tui.columns import Column
from mnist_tui.runs.advice import Action, Edit
from mnist_tui.runs.diagnosis import Finding, diagnose
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.state import RESUMABLE, RunState
from mnist_tui.tui import run_commands
from mnist_tui.tui.bench import Route
from mnist_tui.tui.feed import RunFeed
from mnist_tui.tui.run_screen import RunScreen, run_keys
from mnist_tui.tui.terminal.keymap import bind, key_of, pane_title
from mnist_tui.tui.widgets.controls import KeyFooter
from mnist_tui.tui.widgets.plots.curves import CURVE_HELP, CurvePlots, curve_keys
from mnist_tui.tui.widgets.plots.plot import Plot
from mnist_tui.tui.widgets.run_status import StatusLine
from mnist_tui.tui.widgets.tab_strip import TabStrip
from mnist_tui.tui.widgets.text import Line, TableView
from mnist_tui.wording import DASH, loss, percent

EPOCH_COLUMNS = tuple(
    Column(title, right=True)
    for title in ("epoch", "training loss", "validation loss", "training accuracy", "validation accuracy")
)
EPOCHS_LEAST = 6
"""Lines from which the epochs are listed below the findings."""
LINES = 9
"""The number of lines that have a digit as their key."""


class Advised(Line, can_focus=True):
    """A line with something that can be done, and its key.

    Args:
        key: the key, as it is shown.
        what: an action, or the epoch to look at.
    """

    HELP = """
    **What can be done.** Enter, a click or the key after the line does it: more epochs, the rest of a stopped run, the
    editor with a changed parameter, or several seeds. *Show epoch* moves the epoch cursor there, for the curves and the
    matrix.
    """
    BINDINGS = [bind("diagnosis.do", "enter", "do", "Do it", "Do what the line says")]

    @dataclass
    class Chosen(Message):
        """Posted when the line is chosen, with its action or its epoch."""

        what: Action | int

    def __init__(self, key: str, label: str, what: Action | int) -> None:
        super().__init__()
        self.key, self.what = key, what
        self._label = label
        self._colour(False)

    def _colour(self, chosen: bool) -> None:
        """Give the key the accent colour, which is hard to read on a chosen line, so that there it has the text's."""
        self.update(Content.assemble(f"{self._label}  ", (self.key, "" if chosen else "$accent")))

    def on_focus(self) -> None:
        self._colour(True)

    def on_blur(self) -> None:
        self._colour(False)

    def action_do(self) -> None:
        self.post_message(self.Chosen(self.what))

    def on_click(self) -> None:
        self.action_do()


class FindingView(Vertical, can_focus=True):
    """A box with a finding, its evidence and its advice. The box takes the focus if there is nothing to do."""

    HELP = """
    **Finding.** Its colour and its first word are its weight: a *problem* spoils the run, a *warning* costs accuracy, a
    *note* explains, *good* is good news. Below stand the figures behind it and what can be done.
    """

    def __init__(self, finding: Finding, keys: Mapping[str, str], first: int) -> None:
        """Initialise the box.

        Args:
            keys: the keys of actions by their names.
            first: the digit of the first line without a key of its own.
        """
        super().__init__(classes=f"-{finding.severity}")
        self.finding, self.first, self._keys = finding, first, keys
        self._numbers = count(first)
        self.border_title = Content.assemble((f"{finding.severity.capitalize()}  {finding.headline}", "bold"))

    def compose(self) -> ComposeResult:
        finding = self.finding
        yield Static(finding.evidence, markup=False)
        if finding.advice:
            yield Static(Content.assemble(("Advice: ", "bold"), finding.advice), classes="advice")
        with Vertical(classes="actions"):
            for action in finding.actions:
                yield Advised(self._key(action.name), action.label, action)
            if finding.since is not None:
                yield Advised(self._key(), f"Show epoch {finding.since}, where it begins, in the curves", finding.since)

    def _key(self, name: str = "") -> str:
        """Return the key of an action, or else the next digit; Enter beyond the last digit."""
        return self._keys.get(name) or (str(at) if (at := next(self._numbers)) <= LINES else "Enter")

    def on_mount(self) -> None:
        self.can_focus = not self.query(Advised)


class DiagnosisScreen(RunScreen):
    """The screen with the findings about a run, which are updated after each epoch."""

    GUIDE = "screens#weights-diagnosis-results"
    CSS_PATH = "diagnosis.tcss"
    AUTO_FOCUS = ""
    HELP = """
    **Diagnosis.** Rules examine the run's own figures: losses, accuracies, the confusion matrix, the weights. The first
    box is the verdict. Each box names its evidence, so that it can be quoted, and what can be done: the arrow keys
    choose a line, Enter or its key does it. `a` trains longer, `e` opens the experiment in the editor. A wide window
    shows the curves beside them.
    """
    MORE_HELP = CURVE_HELP
    BINDINGS = [
        bind("diagnosis.extend", "a", "extend", "Add epochs", "Train to a later epoch; the advised one is filled in"),
        bind("diagnosis.edit", "e", "edit", "Train again", "Its experiment in the editor: train it again with changes"),
        bind("diagnosis.resume", "p", "resume", "Resume", "Go on with a run that was stopped, failed or crashed"),
        bind("diagnosis.seeds", "s", "advised('seeds')", "Seeds", "Train the same experiment in several seeds"),
        bind("diagnosis.up", "up,k", "step(-1)", "Up", "The line or finding before", hidden=True),
        bind("diagnosis.down", "down,j", "step(1)", "Down", "The next line or finding", hidden=True),
        bind("diagnosis.page-up", "pageup", "page(-1)", "Page up", "Scroll up", hidden=True),
        bind("diagnosis.page-down", "pagedown", "page(1)", "Page down", "Scroll down", hidden=True),
        *run_keys("diagnosis", "matrix", "gallery", "weights"),
        *(
            bind(
                f"diagnosis.line-{n}",
                f"{n}",
                f"line({n})",
                f"Line {n}",
                "Do what the line of that number says",
                hidden=True,
            )
            for n in range(1, LINES + 1)
        ),
        bind("diagnosis.back", "escape,i", "back", "Back", "Back to where you were"),
        *curve_keys("diagnosis"),
    ]

    status = getters.query_one(StatusLine)
    boxes = getters.query_one("#findings", VerticalScroll)
    plots = getters.query_one(CurvePlots)

    def __init__(self, feed: RunFeed) -> None:
        super().__init__(feed)
        self._judged: tuple[RunState, str] | None = None
        self._findings: tuple[Finding, ...] = ()
        self._state = ""
        self._cursor_before = feed.cursor

    @property
    def shown_run(self) -> RunFolder:
        return self.feed.folder

    def compose(self) -> ComposeResult:
        yield TabStrip()
        yield StatusLine(self.feed.title, self.feed.folder.id)
        with Horizontal():
            with Vertical(id="left"):
                with VerticalScroll(id="findings", can_focus=False):
                    yield Static("experiment.toml cannot be read, so nothing can be said", id="nothing", markup=False)
                with Vertical(id="epochs", classes="pane") as pane:
                    pane.border_title = pane_title("Epochs", note="the newest, and the best one by its validation loss")
                    yield TableView(EPOCH_COLUMNS)
            yield CurvePlots(self.experiment.loss_note if self.experiment else "", id="curves")
        yield KeyFooter()

    def draw(self) -> None:
        run, state = self.snapshot.run, self.snapshot.state
        cursor = "" if self.feed.cursor is None else f"; cursor at {self.feed.cursor}"
        self.status.show(state, f"Diagnosis after epoch {self.feed.newest}{cursor}: {self.feed.title}")
        self._draw_curves()
        self.query_one("#nothing").display = self.experiment is None
        if self.experiment is None or (run, state) == self._judged:
            return
        self._judged = (run, state)
        findings = diagnose(run, self.experiment, state)
        if findings != self._findings:
            self._findings = findings
            self.call_later(self._show, findings)

    def on_resize(self) -> None:
        self.call_after_refresh(self._draw_curves)

    def _draw_curves(self) -> None:
        """Draw the curves, if the window is wide enough for them."""
        if self.plots.display:
            augmented = self.experiment is not None and self.experiment.augmentation is not None
            self.plots.show(self.snapshot.run, self.feed.cursor, augmented=augmented)
        self._fit_epochs()

    def _fit_epochs(self) -> None:
        """Show the epochs below the findings if those leave room for them."""
        needed = sum(box.outer_size.height + box.styles.margin.height for box in self.query(FindingView))
        room = self.query_one("#left").size.height - needed - self.boxes.styles.padding.height
        has_any = needed and self.snapshot.run.history and not self.has_class("-narrow")
        self.set_class(bool(has_any) and room >= EPOCHS_LEAST, "-has-epochs")
        self.call_after_refresh(self._show_epochs)

    def _show_epochs(self) -> None:
        """List the newest epochs for which there is room, and the best one if it is not among them."""
        run, room = self.snapshot.run, self.query_one("#epochs").content_size.height - 1
        if room < 1:
            return
        newest = list(reversed(run.history[-room:]))
        if run.best is not None and run.best not in newest:
            newest[-1:] = [run.best]
        rows = [
            [
                f"{row.epoch:,}",
                *(DASH if value is None else loss(value) for value in (row.loss, row.val_loss)),
                *(percent(value) for value in (row.accuracy, row.val_accuracy)),
            ]
            for row in newest
        ]
        best = newest.index(run.best) if run.best in newest else None
        self.query_one("#epochs TableView", TableView).show(rows, best)

    async def _show(self, findings: tuple[Finding, ...]) -> None:
        """Show the findings; a box that has not changed stays, and so does the focus."""
        places = self._places
        at = places.index(self.focused) if self.focused in places else 0
        boxes = list(self.query(FindingView))
        same = 0
        while same < min(len(boxes), len(findings)) and boxes[same].finding == findings[same]:
            same += 1
        own = self.app.settings.keys
        keys = {name: key_of(f"diagnosis.{name}", DiagnosisScreen, own) for name in ("extend", "resume", "seeds")}
        first, views = 1, list[FindingView]()
        for finding in findings:
            views.append(FindingView(finding, keys, first))
            first += sum(action.name not in keys for action in finding.actions) + (finding.since is not None)
        async with self.batch():
            for box in boxes[same:]:
                await box.remove()
            await self.boxes.mount_all(views[same:])
        if self.focused is None and (places := self._places):
            places[min(at, len(places) - 1)].focus(scroll_visible=bool(boxes))
        self.refresh_bindings()
        self.call_after_refresh(self._fit_epochs)

    @property
    def _places(self) -> list[Widget]:
        """The widgets that take the focus, in their order: lines with actions, and boxes without any."""
        return [each for each in self.boxes.query("*") if isinstance(each, Advised | FindingView) and each.can_focus]

    @on(Advised.Chosen)
    def _chosen(self, message: Advised.Chosen) -> None:
        if not isinstance(message.what, int):
            self._carry_out(message.what)
            return
        self.look_at(message.what)
        if not self.plots.display:
            self.app.show(Route("training", run=self.feed.folder))

    @on(Plot.EpochPointed)
    def _epoch_pointed(self, message: Plot.EpochPointed) -> None:
        self.look_at(message.epoch)

    def action_plot(self, what: str) -> None:
        """Zoom, pan, scale or choose the curves."""
        self.plots.action_view(what)

    def _carry_out(self, action: Action) -> None:
        run_commands.carry_out(self.app, self.snapshot, self.feed.folder.preset(), action)

    @property
    def _actions(self) -> dict[str, Action]:
        """The first action of each name, without the edits."""
        actions = [action for finding in self._findings for action in finding.actions if not isinstance(action, Edit)]
        return {action.name: action for action in reversed(actions)}

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "resume":
            return self.snapshot.state in RESUMABLE
        if action == "extend":
            return run_commands.can_extend(self.snapshot, self.experiment)
        if action == "edit":
            return not self.snapshot.live and self.experiment is not None
        if action == "plot":
            return self.plots.display
        if action == "line":
            return any(line.key == str(parameters[0]) for line in self.query(Advised))
        return action != "advised" or str(parameters[0]) in self._actions

    def snapshot_changed(self) -> None:
        if self._state != self.snapshot.state:
            self._state = self.snapshot.state
            self.refresh_bindings()

    def action_back(self) -> None:
        """Go back; the run's other screens show the epoch that they showed before."""
        self.feed.move(self._cursor_before)
        super().action_back()

    def action_resume(self) -> None:
        run_commands.resume_and_show(self.app, self.feed.folder)

    def action_extend(self) -> None:
        run_commands.ask_to_extend(self.app, self.snapshot, self.experiment)

    def action_edit(self) -> None:
        run_commands.edit_again(self.app, self.feed.folder)

    def action_line(self, number: int) -> None:
        """Do what the line with a digit says."""
        line = next((line for line in self.query(Advised) if line.key == str(number)), None)
        if line is not None:
            line.action_do()

    def action_advised(self, name: str) -> None:
        self._carry_out(self._actions[name])

    def action_step(self, by: int) -> None:
        """Move the focus by a number of lines, at most to the first or the last one."""
        places = self._places
        if places:
            at = places.index(self.focused) + by if self.focused in places else 0
            places[max(0, min(at, len(places) - 1))].focus()

    def action_page(self, by: int) -> None:
        self.boxes.scroll_relative(y=by * self.boxes.size.height, animate=False)
