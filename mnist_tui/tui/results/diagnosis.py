"""The diagnosis of a run: findings with their evidence and advice, worst first."""

from __future__ import annotations

from dataclasses import dataclass

from textual import getters, on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from mnist_tui.runs.diagnosis import SEVERITIES, Finding, diagnose
from mnist_tui.runs.state import RunState
from mnist_tui.tui.feed import RunFeed
from mnist_tui.tui.run_screen import RunScreen
from mnist_tui.tui.widgets.controls import KeyFooter
from mnist_tui.tui.widgets.run_status import StatusLine
from mnist_tui.tui.widgets.tab_strip import TabStrip


class FindingView(Static, can_focus=True):
    """A finding of the diagnosis with its evidence and advice."""

    HELP = """
    **Finding.** A diagnosis, the figures behind it, and what to try. If it holds from a certain epoch on, Enter or a
    click moves the epoch cursor there, also for the curves and the matrix.
    """
    BINDINGS = [
        Binding("enter", "look", "To that epoch", tooltip="Move the cursor to its first epoch", id="diagnosis.look")
    ]

    @dataclass
    class Chosen(Message):
        """Posted when a finding is chosen, with its first epoch, to which the epoch cursor must move."""

        epoch: int

    def __init__(self, finding: Finding) -> None:
        super().__init__()
        self.show(finding)

    def show(self, finding: Finding) -> None:
        self.finding = finding
        for severity in SEVERITIES:
            self.set_class(severity == finding.severity, f"-{severity}")
        self.border_title = Content.assemble(
            (finding.severity.upper(), "bold"), " ", (finding.headline, "bold $foreground")
        )
        lines = [Content(finding.evidence)]
        if finding.advice:
            lines.append(Content.assemble(("Advice: ", "bold"), finding.advice))
        self.update(Content("\n").join(lines))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return action != "look" or self.finding.since is not None

    def action_look(self) -> None:
        if self.finding.since is not None:
            self.post_message(self.Chosen(self.finding.since))

    def on_click(self) -> None:
        self.action_look()


class DiagnosisScreen(RunScreen):
    """The screen with the findings about a run, which are updated after each epoch."""

    CSS_PATH = "diagnosis.tcss"
    HELP = """
    **Diagnosis.** Rules examine the run's own figures: losses, accuracies, the confusion matrix, the weights. A
    *problem* spoils the run, a *warning* costs accuracy, a *note* explains. Each finding names its evidence, so that it
    can be quoted. Only the run's folder is read.
    """
    BINDINGS = [
        Binding("up,k", "step(-1)", "Up", tooltip="The finding before", show=False, id="diagnosis.up"),
        Binding("down,j", "step(1)", "Down", tooltip="The next finding", show=False, id="diagnosis.down"),
        Binding("pageup", "page(-1)", "Page up", tooltip="Scroll up", show=False, id="diagnosis.page-up"),
        Binding("pagedown", "page(1)", "Page down", tooltip="Scroll down", show=False, id="diagnosis.page-down"),
        Binding("escape,i", "dismiss", "Back", tooltip="Back to the run", id="diagnosis.back"),
    ]

    status = getters.query_one(StatusLine)

    def __init__(self, feed: RunFeed) -> None:
        super().__init__(feed)
        self._judged: RunState | None = None
        self._findings: tuple[Finding, ...] = ()

    def compose(self) -> ComposeResult:
        yield TabStrip()
        yield StatusLine("diagnosis", self.feed.folder.id)
        with Vertical(id="findings"):
            yield Static("experiment.toml cannot be read, so nothing can be said", id="nothing", markup=False)
        yield KeyFooter()

    def draw(self) -> None:
        run = self.snapshot.run
        cursor = "" if self.feed.cursor is None else f"; cursor at {self.feed.cursor}"
        self.status.show(self.snapshot.state, f"diagnosis after epoch {self.feed.newest}{cursor}")
        self.query_one("#nothing").display = self.experiment is None
        if self.experiment is None or run is self._judged:
            return
        self._judged = run
        findings = diagnose(run, self.experiment)
        if findings != self._findings:
            self._findings = findings
            self._show(findings)

    def _show(self, findings: tuple[Finding, ...]) -> None:
        """Show the findings in the views that exist already, as far as possible, so that the focus stays."""
        views = list(self.query(FindingView))
        for view, finding in zip(views, findings, strict=False):
            view.show(finding)
        for view in views[len(findings) :]:
            view.remove()
        self.query_one("#findings").mount_all(FindingView(finding) for finding in findings[len(views) :])
        if not views:
            self.call_after_refresh(self.action_step, 0)

    @on(FindingView.Chosen)
    def _chosen(self, message: FindingView.Chosen) -> None:
        self.look_at(message.epoch)

    def action_step(self, by: int) -> None:
        """Move the focus by a number of findings, at most to the first or the last one."""
        views = list(self.query(FindingView))
        if views:
            at = views.index(self.focused) + by if isinstance(self.focused, FindingView) else 0
            views[max(0, min(at, len(views) - 1))].focus()

    def action_page(self, by: int) -> None:
        findings = self.query_one("#findings")
        findings.scroll_relative(y=by * findings.size.height, animate=False)
