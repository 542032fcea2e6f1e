"""The list of all studies, newest first. A thread reads their folders."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from textual import getters, on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.worker import Worker

from mnist_tui.errors import RequestError
from mnist_tui.studies.folder import StudyFolder, study_folders
from mnist_tui.studies.state import StudyState
from mnist_tui.studies.trial_table import (
    METRIC_NAMES,
    in_rank_order,
    known_values,
    metric_text,
    spread_text,
    table_shape,
    values_text,
)
from mnist_tui.studies.watch import StudySnapshot, StudyWatch
from mnist_tui.tui.bench import BenchScreen, Route
from mnist_tui.tui.studies import study_commands
from mnist_tui.tui.studies.plots import PlotPane, plot_of
from mnist_tui.tui.terminal.keymap import bind, key_of, pane_title
from mnist_tui.tui.widgets.controls import KeyFooter
from mnist_tui.tui.widgets.row_table import RowColumn, RowTable, TableRow, tone
from mnist_tui.tui.widgets.tab_strip import TabStrip
from mnist_tui.tui.widgets.text import Line
from mnist_tui.wording import count, counted, moment

READ_SECONDS = 1.5
LIST_FRAME = 3
"""Lines of the list that hold no study: its borders and its head."""
ROOMY = 16
"""Lines below the list from which the chosen study's plot is shown there."""
DEFAULT_PRESET = "raw"
"""The preset of a new study before any preset was used."""
EMPTY = """There are no studies yet in {folder}.

A study trains one preset several times: with several seeds, or with several values of a parameter.
{key} starts one of the preset {preset}; w on the presets (F2) starts one of another preset."""
COLUMNS = (
    RowColumn("state", "state", toned=True),
    RowColumn("title", "study", least=16),
    RowColumn("done", "trials", right=True),
    RowColumn("best", "score", right=True, need=4),
    RowColumn("failed", "failed", right=True, need=3),
    RowColumn("started", "started", need=2),
    RowColumn("id", "id", need=1),
)


@dataclass(frozen=True)
class ListedStudy:
    """A study of the list.

    Attributes:
        study: None if the study cannot be read; then `problem` says why.
        created: seconds since the Unix epoch; None if the study cannot be read.
    """

    folder: StudyFolder
    study: StudyState | None = None
    problem: str = ""
    created: float | None = None


class StudiesScreen(BenchScreen[None]):
    """The list of studies."""

    MAIN = True
    TAB = "studies"
    CSS_PATH = "studies.tcss"
    GUIDE = "studies"
    TITLE = "Studies"
    AUTO_FOCUS = "RowTable"
    KEPT = True
    HELP = """
    **Studies.** Seeds, folds and sweeps, each a folder that names its runs; the plot of the chosen one stands below the
    list where there is room. Enter opens one: its trials, live. `w` starts one of the preset that was used last; `w` on
    a preset and Ctrl+G in the editor start others. `x` stops, `r` trains what is missing, Delete asks whether the runs
    go too.
    """
    BINDINGS = [
        bind("studies.open", "enter", "open", "Open", "Its trials"),
        bind("studies.new", "w", "new", "New study", "Start a study of the preset that was used last"),
        bind("studies.stop", "x", "stop", "Stop", "Stop it; what is missing can be resumed"),
        bind("studies.resume", "r", "resume", "Resume", "Train what is missing"),
        bind("studies.delete", "delete", "delete", "Delete", "Delete it; asks about its runs"),
        bind("studies.back", "escape", "back", "Back", "Back to where you were"),
    ]

    @dataclass
    class StudiesRead(Message):
        """Posted when the studies' folders have been read."""

        listed: list[ListedStudy]

    table = getters.query_one(RowTable)
    pane = getters.query_one("#studies", Vertical)
    nothing = getters.query_one("#nothing", Line)
    details = getters.query_one("#details", Line)
    plots = getters.query_one(PlotPane)

    def __init__(self) -> None:
        super().__init__()
        self._listed: dict[str, ListedStudy] = {}
        self._watches: dict[Path, StudyWatch] = {}
        self._created: dict[Path, float] = {}
        self._reading = False
        self._possible: tuple[object, ...] = ()

    def compose(self) -> ComposeResult:
        yield TabStrip()
        with Vertical(id="studies", classes="pane"):
            yield Line(id="nothing")
            yield RowTable()
        with Vertical(id="chosen", classes="pane -stacked") as pane:
            pane.border_title = pane_title("Chosen study")
            yield Line(id="details")
        yield PlotPane(preview=True)
        yield KeyFooter()

    def on_mount(self) -> None:
        self.pane.border_title = pane_title("Studies", note="reading …")
        self._read_again()
        self.set_interval(READ_SECONDS, self._read_again)

    def _read_again(self) -> None:
        if self.is_current and not self._reading:
            self._reading = True
            self._read_all()

    @work(thread=True, group="look", exit_on_error=False)
    def _read_all(self) -> None:
        listed: list[ListedStudy] = []
        try:
            for folder in study_folders(self.app.options.runs_dir):
                listed.append(self._read(folder))
        finally:
            self.post_message(self.StudiesRead(listed))

    def _read(self, folder: StudyFolder) -> ListedStudy:
        """Read a study's new events, in a thread."""
        watch = self._watches.setdefault(folder.path, StudyWatch(folder))
        try:
            if folder.path not in self._created:
                self._created[folder.path] = folder.study().created
            while watch.read():
                pass
        except RequestError as error:
            return ListedStudy(folder, problem=str(error))
        return ListedStudy(folder, watch.study, created=self._created[folder.path])

    @on(StudiesRead)
    def _show_studies(self, message: StudiesRead) -> None:
        message.stop()
        self._reading = False
        if not (self.is_attached and self.app.is_running):
            return
        self._listed = {listed.folder.id: listed for listed in message.listed}
        self.table.show(COLUMNS, list(map(_row, message.listed)))
        self.pane.border_title = pane_title("Studies", note=counted(self._listed, "study"))
        self.set_class(not self._listed, "-empty")
        if not self._listed:
            preset, key = self._preset_name, key_of("studies.new", StudiesScreen, self.app.settings.keys)
            self.nothing.say(EMPTY.format(key=key, preset=preset, folder=self.app.options.runs_dir))
        self._show_details()

    @property
    def _preset_name(self) -> str:
        return self.app.selected or DEFAULT_PRESET

    def action_new(self) -> None:
        """Open the form of a study of the preset that was used last."""
        from mnist_tui.experiment.preset_files import PresetError
        from mnist_tui.experiment.presets import find_preset

        try:
            preset = find_preset(self._preset_name)
        except PresetError:
            preset = find_preset(DEFAULT_PRESET)
        self.app.show(Route("sweep", preset=preset))

    @property
    def _chosen(self) -> ListedStudy | None:
        return self._listed.get(self.table.chosen or "")

    @on(RowTable.CursorMoved)
    def _show_details(self) -> None:
        chosen = self._chosen
        study = chosen.study if chosen else None
        text = chosen.problem if chosen else ""
        if chosen is not None and study is not None:
            text = "\n".join(_details(chosen.folder, study))
        self.details.say(text)
        self._draw_plot()
        possible = (chosen is None, study.state if study else "")
        if possible != self._possible:
            self._possible = possible
            self.refresh_bindings()

    def _draw_plot(self) -> None:
        """Draw the first plot of the chosen study, where there is room for one."""
        study = self._chosen.study if self._chosen else None
        rows = len(self._listed) + LIST_FRAME
        is_shown = study is not None and bool(study.rows) and self.size.height - rows >= ROOMY
        self.set_class(is_shown, "-plot")
        self.pane.styles.height = min(rows, self.size.height // 2) if is_shown else None
        if study is not None and is_shown:
            shape = table_shape(study)
            rows = in_rank_order(study.rows, study.metric, compares=study.compares)
            best = str(study.best or "")
            self.plots.show(plot_of(study, ""), study, rows, shape, chosen="", best=best)

    def on_resize(self) -> None:
        self._draw_plot()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if not self.is_mounted:
            return True
        chosen = self._chosen
        study = chosen.study if chosen else None
        allowed = {
            "open": study is not None,
            "delete": chosen is not None,
            "stop": study is not None and study.state in {"starting", "running"},
            "resume": study is not None and study.resumable,
        }
        return allowed.get(action, True)

    @on(RowTable.Opened)
    def action_open(self) -> None:
        if self._chosen is not None and self._chosen.study is not None:
            self.app.show(Route("study", study=self._chosen.folder))

    def action_stop(self) -> None:
        if self._chosen is not None and self._chosen.study is not None:
            study_commands.stop_study(self, StudySnapshot(self._chosen.folder, self._chosen.study))

    def action_resume(self) -> None:
        if self._chosen is not None:
            study_commands.resume_study(self, self._chosen.folder)

    def action_delete(self) -> None:
        """Delete the study, and its runs if the user wants that. A running study has to be stopped first."""
        chosen = self._chosen
        if chosen is None:
            return
        study = chosen.study
        if study is not None and study.live:
            self.notify("It is running; stop it first (x).", title="The study is not deleted", severity="warning")
            return
        runs = len({row.run for row in study.rows if row.run and not row.deleted}) if study else 0

        def answered(choice: str | None) -> None:
            if choice in {"study", "runs"}:
                study_commands.delete_study_and_runs(self, chosen.folder, runs=choice == "runs")

        title = study.title if study and study.title else chosen.folder.id
        self.app.push_screen(study_commands.DeleteStudyQuestion(title, runs), answered)

    @on(Worker.StateChanged)
    def _command_ended(self, event: Worker.StateChanged) -> None:
        if event.worker.group == "order" and event.worker.is_finished:
            self._read_again()


def _details(folder: StudyFolder, study: StudyState) -> list[str]:
    """Return lines about a study: its best trial or its mean, why it ended, its first note."""
    lines: list[str] = []
    if (best := study.best_row) is not None:
        score = f"{METRIC_NAMES[study.metric]} {metric_text(best, study.metric)}"
        seed = len({row.seed for row in study.rows}) > 1
        lines.append(f"best #{best.number}: {values_text(best, seed=seed)} · {score}")
    elif scores := _repeated_scores(study):
        of = "accuracy on the images held out" if study.kind == "folds" else "test accuracy"
        lines.append(f"mean {of} {spread_text('test_accuracy', scores)} over {counted(scores, study.kind[:-1])}")
    reason = study.reason if study.state != "finished" else ""
    return [" · ".join(filter(None, [folder.id, *lines, reason])), *study.notes[:1]]


def _repeated_scores(study: StudyState) -> list[float]:
    """Return the test accuracies of the seeds, or those of the folds on their images; none for other studies."""
    done = [row for row in study.rows if row.state == "finished"] if study.repeats else []
    return known_values(done, "test_accuracy")


def _score(study: StudyState) -> str:
    """Return the best score of a study that compares trials, or the mean over its seeds or folds; empty for none."""
    if study.best_row is not None:
        return metric_text(study.best_row, study.metric)
    return spread_text("test_accuracy", scores) if (scores := _repeated_scores(study)) else ""


def _row(listed: ListedStudy) -> TableRow:
    study, name = listed.study, listed.folder.id
    if study is None:
        return TableRow(name, ("broken", name, "", "", "", "", name), tone=tone("broken"))
    failed = study.count("failed")
    cells = (
        study.state,
        study.title or name,
        f"{study.done:,}/{study.total:,}",
        _score(study),
        count(failed) if failed else "",
        moment(listed.created),
        name,
    )
    return TableRow(name, cells, tone=tone(study.state))
