"""Panes of the training screen in words: the notice of the diagnosis, the details, the log of a run that failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textual import events, getters
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from mnist_tui.runs.diagnosis import SEVERITIES, Finding
from mnist_tui.runs.events import computation
from mnist_tui.runs.watch import BROKEN, RunSnapshot
from mnist_tui.tui.terminal.keymap import pane_title
from mnist_tui.tui.widgets.text import Line
from mnist_tui.wording import count, counted

DETAILS = (
    "Warning",
    "Data",
    "Validation",
    "Inputs",
    "Parameters",
    "Device",
    "GPU",
    "Program",
    "Start",
    "Step",
    "Rate",
    "Checkpoint",
    "Findings",
    "Folder",
)
"""The names of all details, in their order."""


class Notice(Vertical):
    """The verdict of the diagnosis in a box of its colour, and the run's warnings. A click posts `DiagnosisAsked`."""

    HELP = """
    **Diagnosis.** The verdict about this run, and what can be done: one key does that, another one, or a click, opens
    all findings with their evidence.
    """
    DEFAULT_CSS = """
    Notice {
        height: auto;
        & > Static { height: auto; }
        & > #headline { text-style: bold; }
        & > #evidence { max-height: 4; }
        & > .-empty { display: none; }
    }
    """

    class DiagnosisAsked(Message):
        """Posted when the notice is clicked."""

    headline = getters.query_one("#headline", Line)
    evidence = getters.query_one("#evidence", Line)
    warnings = getters.query_one("#warnings", Line)
    ways = getters.query_one("#ways", Static)

    def __init__(self) -> None:
        super().__init__(classes="pane -stacked -empty")
        self.border_title = pane_title("Diagnosis")
        self._shown: tuple[object, ...] = ()
        self._ways: list[Content] = []

    def compose(self) -> ComposeResult:
        yield Line(id="headline")
        yield Line(id="evidence")
        yield Line(id="warnings", classes="-empty")
        yield Static(id="ways", markup=False)

    def show(
        self, findings: Sequence[Finding], warnings: Sequence[str], keys: Mapping[str, str], more_key: str
    ) -> None:
        """Show the first of the findings and all warnings.

        Args:
            keys: the keys of actions that the screen itself can do, by the actions' names.
            more_key: the key that leads to the diagnosis, where all actions can be done.
        """
        verdict = findings[0] if findings else None
        if (shown := (verdict, len(findings), tuple(warnings))) == self._shown:
            return
        self._shown = shown
        self.set_class(verdict is None and not warnings, "-empty")
        for severity in SEVERITIES:
            self.set_class(verdict is not None and severity == verdict.severity, f"-{severity}")
        self.headline.say(verdict.headline if verdict else "")
        self.evidence.say(verdict.evidence if verdict else "")
        self.warnings.say("\n".join(f"Warning: {text}" for text in warnings))
        self.warnings.set_class(not warnings, "-empty")
        actions = verdict.actions if verdict else ()
        ways = [(keys[action.name], action.label) for action in actions if action.name in keys]
        ways.append((more_key, "What to do" if actions and not ways else "More about it"))
        self._ways = [Content.assemble((key, "$accent"), f" {label}") for key, label in ways]
        self._show_ways()

    def on_resize(self) -> None:
        self._show_ways()

    def _show_ways(self) -> None:
        """Show what can be done in one line, or in a line for each if they need more."""
        line = Content("   ").join(self._ways)
        self.ways.update(line if line.cell_length <= self.ways.size.width else Content("\n").join(self._ways))

    def on_click(self, event: events.Click) -> None:
        event.stop()
        self.post_message(self.DiagnosisAsked())


def details(snapshot: RunSnapshot, findings: Sequence[Finding] = ()) -> Mapping[str, str]:
    """Return what else is known about a run, by the names in DETAILS: data, device, program, checkpoint and so on."""
    run, data, model, load = snapshot.run, snapshot.run.data, snapshot.run.model, snapshot.run.load
    facts = {"Warning": "\n".join(run.warnings), "Folder": str(snapshot.folder.path)}
    if data is not None:
        trained = f"{data.train:,} training, " if run.origin is None else ""
        facts["Data"] = f"{data.title}: {trained}{data.test:,} {data.evaluated}"
        if run.origin is None:
            facts["Validation"] = counted(data.validation, "image") if data.validation else f"the {data.evaluated}"
        facts["Inputs"] = count(data.inputs)
    if (total := model.total if model else run.start.total if run.start else None) is not None:
        facts["Parameters"] = count(total)
    if model is not None:
        facts["Device"] = f"{model.device} ({model.device_name})" if model.device_name else model.device
        facts["Program"] = computation(model)
        if model.start:
            facts["Start"] = model.start
    if load is not None and not load.gpus:
        facts["GPU"] = "none found"
    last = run.progress or (run.history[-1] if run.history else None)
    if run.progress is not None and snapshot.live:
        facts["Step"] = f"{run.progress.step:,} of {run.progress.steps:,} in epoch {run.progress.epoch:,}"
    if last is not None and last.learning_rate is not None:
        facts["Rate"] = f"learning rate {last.learning_rate:.4g}"
    if run.checkpoint is not None:
        steps = f", step {run.checkpoint.step:,} of the next" if run.checkpoint.step else ""
        facts["Checkpoint"] = f"after epoch {run.checkpoint.epoch:,}{steps}"
    facts["Findings"] = "\n".join(finding.headline for finding in findings)
    return facts


def log_text(snapshot: RunSnapshot) -> str:
    """Return where a run has failed, the last lines of its log, and the log's path; empty for other runs.

    Lines that are the reason, which is said above, are left out.
    """
    if snapshot.state not in BROKEN:
        return ""
    where, reason = (snapshot.run.ended.where, snapshot.run.ended.reason) if snapshot.run.ended else ("", "")
    lines = [f"at {where}"] if where else []
    if not snapshot.log:
        lines.append("The log has no line about the failure.")
    elif not all(line in reason for line in snapshot.log):
        lines += ["Last lines of the log:", *snapshot.log]
    return "\n".join([*lines, f"Whole log: {snapshot.folder.log_file}"])
