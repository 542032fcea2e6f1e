"""The list of all studies, newest first. A thread reads their folders."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal
from textual.message import Message
from textual.worker import Worker

from mnist_tui.errors import RequestError
from mnist_tui.studies.folder import StudyFolder, study_folders
from mnist_tui.studies.state import LIVE, StudyState
from mnist_tui.studies.trial_table import metric_text
from mnist_tui.studies.watch import StudySnapshot, StudyWatch
from mnist_tui.tui.bench import BenchScreen, Route
from mnist_tui.tui.studies import study_commands, words
from mnist_tui.tui.widgets.adapted import KeyFooter
from mnist_tui.tui.widgets.row_table import RowColumn, RowTable, TableRow
from mnist_tui.tui.widgets.text import Line
from mnist_tui.wording import count, counted, moment

LOOK_SECONDS = 1.5
COLUMNS = (
    RowColumn("state", "state", toned=True),
    RowColumn("title", "study", least=16),
    RowColumn("done", "trials", right=True),
    RowColumn("best", "best", right=True, need=4),
    RowColumn("failed", "failed", right=True, need=3),
    RowColumn("started", "started", need=2),
    RowColumn("id", "id", need=1),
)
TONES = {"finished": "row-table--good", "failed": "row-table--bad", "crashed": "row-table--bad"}


@dataclass(frozen=True)
class KnownStudy:
    """A study of the list.

    Attributes:
        state: None if the study cannot be read.
        problem: why it cannot be read.
        started: seconds since the Unix epoch; None if the study cannot be read.
    """

    folder: StudyFolder
    state: StudyState | None = None
    problem: str = ""
    started: float | None = None

    @property
    def live(self) -> bool:
        return self.state is not None and self.state.state in LIVE


class StudiesScreen(BenchScreen[None]):
    """The list of studies."""

    CSS_PATH = "studies.tcss"
    GUIDE = "studies"
    TITLE = "Studies"
    AUTO_FOCUS = "RowTable"
    LEADS_TO_RUNS = True
    HELP = """
    **Studies.** Seeds and sweeps, each a folder that names its runs. Enter opens one: its trials, live. `w` on a
    preset, Ctrl+G in the editor, makes one. `x` stops, `r` trains what is missing, Delete asks whether the runs go too.
    """
    BINDINGS = [
        Binding("enter", "open", "Open", tooltip="Its trials", id="studies.open"),
        Binding("x", "stop", "Stop", tooltip="Stop it; what is missing can be resumed", id="studies.stop"),
        Binding("r", "resume", "Resume", tooltip="Train what is missing", id="studies.resume"),
        Binding("delete", "delete", "Delete", tooltip="Delete it; asks about its runs", id="studies.delete"),
        Binding("escape", "presets", "Presets", tooltip="Back to the presets", id="studies.presets"),
    ]

    class StudiesRead(Message):
        """The studies' folders have been read."""

        def __init__(self, found: list[KnownStudy]) -> None:
            super().__init__()
            self.found = found

    table = getters.query_one(RowTable)
    found = getters.query_one("#found", Line)
    nothing = getters.query_one("#nothing", Line)
    told = getters.query_one("#told", Line)

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[str, KnownStudy] = {}
        self._watches: dict[Path, StudyWatch] = {}
        self._started: dict[Path, float] = {}
        self._looking = False
        self._kind: tuple[object, ...] = ()

    def compose(self) -> ComposeResult:
        with Horizontal(id="top"):
            yield Line("studies", id="word")
            yield Line("reading …", id="found")
        yield Line(id="nothing")
        yield RowTable()
        yield Line(id="told")
        yield KeyFooter()

    def on_mount(self) -> None:
        self._look_again()
        self.set_interval(LOOK_SECONDS, self._look_again)

    def _look_again(self) -> None:
        if self.is_current and not self._looking:
            self._looking = True
            self._look()

    @work(thread=True, group="look", exit_on_error=False)
    def _look(self) -> None:
        found: list[KnownStudy] = []
        try:
            for folder in study_folders(self.app.options.runs_dir):
                found.append(self._read(folder))
        finally:
            self.post_message(self.StudiesRead(found))

    def _read(self, folder: StudyFolder) -> KnownStudy:
        """Read what has been added to a study since the last time. Runs in a thread."""
        watch = self._watches.setdefault(folder.path, StudyWatch(folder))
        try:
            if folder.path not in self._started:
                self._started[folder.path] = folder.study().created
            while watch.read():
                pass
        except RequestError as error:
            return KnownStudy(folder, problem=str(error))
        return KnownStudy(folder, watch.study, started=self._started[folder.path])

    @on(StudiesRead)
    def _show_studies(self, message: StudiesRead) -> None:
        message.stop()
        self._looking = False
        if not (self.is_attached and self.app.is_running):
            return
        self._known = {known.folder.id: known for known in message.found}
        self.table.show(COLUMNS, [_row(known) for known in self._known.values()])
        self.found.say(counted(self._known, "study"))
        self.set_class(not self._known, "-empty")
        if not self._known:
            self.nothing.say(f"there are no studies in {self.app.options.runs_dir}; Esc, then w on a preset makes one")
        self._show_details()

    @property
    def _chosen(self) -> KnownStudy | None:
        return self._known.get(self.table.chosen or "")

    @on(RowTable.CursorMoved)
    def _show_details(self) -> None:
        known = self._chosen
        state = known.state if known else None
        if known is None:
            text = ""
        elif state is None:
            text = known.problem
        else:
            finished = state.best_row
            best = f"best #{finished.number}: {words.values_text(finished)}" if finished else ""
            parts = [known.folder.id, best, state.reason, *state.notes[:1]]
            text = " · ".join(part for part in parts if part)
        self.told.say(text)
        kind = (known is None, state.state if state else "")
        if kind != self._kind:
            self._kind = kind
            self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Enable the keys that can be used on the chosen study."""
        if not self.is_mounted:
            return True
        known = self._chosen
        state = known.state if known else None
        match action:
            case "open":
                return state is not None
            case "delete":
                return known is not None
            case "stop":
                return state is not None and state.state in {"starting", "running"}
            case "resume":
                return (
                    state is not None
                    and not state.live
                    and (state.state != "finished" or any(not row.settled for row in state.rows))
                )
            case _:
                return True

    @on(RowTable.Opened)
    def action_open(self) -> None:
        if self._chosen is not None and self._chosen.state is not None:
            self.app.show(Route("study", study=self._chosen.folder))

    def action_presets(self) -> None:
        self.app.show(Route("presets"))

    def action_stop(self) -> None:
        known = self._chosen
        if known is not None and known.state is not None:
            study_commands.stop_study(self, StudySnapshot(known.folder, known.state))

    def action_resume(self) -> None:
        if self._chosen is not None:
            study_commands.resume_study(self, self._chosen.folder)

    def action_delete(self) -> None:
        """Ask what to delete; a running study has to be stopped first."""
        known = self._chosen
        if known is None:
            return
        if known.live:
            self.notify("It is running; stop it first (x).", title="The study is not deleted", severity="warning")
            return
        state = known.state
        runs = len({row.run for row in state.rows if row.run and not row.deleted}) if state else 0

        def answered(choice: str | None) -> None:
            if choice in {"study", "runs"}:
                study_commands.delete_study_and_runs(self, known.folder, runs=choice == "runs")

        title = state.title if state and state.title else known.folder.id
        self.app.push_screen(study_commands.DeleteStudyQuestion(title, runs), answered)

    @on(Worker.StateChanged)
    def _command_ended(self, event: Worker.StateChanged) -> None:
        if event.worker.group == "order" and event.worker.is_finished:
            self._look_again()


def _row(known: KnownStudy) -> TableRow:
    state = known.state
    if state is None:
        cells = ("broken", known.folder.id, "", "", "", "", known.folder.id)
        return TableRow(known.folder.id, cells, tone="row-table--bad")
    planned = state.total
    best = state.best_row
    failed = state.count("failed")
    cells = (
        state.state,
        state.title or known.folder.id,
        f"{state.done:,}/{planned:,}",
        metric_text(best, state.metric) if best else "",
        count(failed) if failed else "",
        moment(known.started),
        known.folder.id,
    )
    tone = "row-table--live" if state.state in LIVE else TONES.get(state.state, "row-table--odd")
    return TableRow(known.folder.id, cells, tone=tone)
