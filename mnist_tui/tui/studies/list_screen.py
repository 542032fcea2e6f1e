"""The list of all studies, newest first. A thread reads their folders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from textual import getters, on, work
from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.content import Content
from textual.message import Message
from textual.worker import Worker

from mnist_tui.errors import RequestError
from mnist_tui.studies.folder import StudyFolder, study_folders
from mnist_tui.studies.spec import Study
from mnist_tui.studies.state import StudyState
from mnist_tui.studies.trial_table import (
    METRIC_NAMES,
    in_rank_order,
    known_values,
    metric_text,
    score_of,
    spread_text,
    values_text,
)
from mnist_tui.studies.watch import StudySnapshot, StudyWatch
from mnist_tui.tui.bench import BenchScreen, Route
from mnist_tui.tui.studies import study_commands
from mnist_tui.tui.studies.plots import PlotPane, plot_of
from mnist_tui.tui.studies.study_view import RowCache, screen_shape, table_columns
from mnist_tui.tui.terminal.keymap import bind, key_of, pane_title
from mnist_tui.tui.widgets.controls import KeyFooter
from mnist_tui.tui.widgets.row_table import RowColumn, RowOrder, RowTable, TableRow, sorted_rows, tone
from mnist_tui.tui.widgets.tab_strip import TabStrip
from mnist_tui.tui.widgets.text import Line
from mnist_tui.wording import count, counted, moment, seconds, sentence_of

READ_SECONDS = 1.5
LIST_FRAME = 3
"""Lines of the list that hold no study: its borders and its head."""
LEAST_PLOT, LEAST_TRIALS = 12, 4
"""Lines below the chosen study from which its plot, or only its trials, are shown there."""
SIDE_BY_SIDE = 110
"""Columns of a window from which the plot and the trials stand side by side."""
MOST_VALUES = 6
"""The most values of a parameter that are listed."""
TALL = 36
"""Lines of a window from which a long list leaves half of it to the chosen study."""
BRIEF = 30
"""Lines of a window below which one line, without notes, is said about the chosen study."""
OTHER_LINES_BRIEF, OTHER_LINES, OTHER_LINES_TALL = 4, 5, 7
"""Lines of the tabs, the keys and the pane with the details of the chosen study, in a low, medium and tall window."""
DEFAULT_PRESET = "raw"
"""The preset of a new study before any preset was used."""
EMPTY = """There are no studies yet in {folder}.

A study trains one preset several times: with several seeds, or with several values of a parameter.
{key} starts one of the preset {preset}; w on the presets (F2) starts one of another preset."""
COLUMNS = (
    RowColumn("state", "State", toned=True),
    RowColumn("title", "Study", least=30),
    RowColumn("done", "Trials", right=True),
    RowColumn("score", "Score", right=True, need=7),
    RowColumn("measure", "Score is", need=3),
    RowColumn("best", "Best trial", need=2, least=28),
    RowColumn("failed", "Failed", right=True, need=5),
    RowColumn("time", "Took", right=True, need=1),
    RowColumn("started", "Started", need=4),
)
NEWEST_FIRST = RowOrder("started", True)
SHORT_MEASURES = {"val_accuracy": "best validation", "val_loss": "smallest loss"}


@dataclass(frozen=True)
class ListedStudy:
    """A study of the list.

    Attributes:
        study: None if the study cannot be read; then `problem` says why.
        requested: the study as it was asked for; None if it cannot be read.
    """

    folder: StudyFolder
    study: StudyState | None = None
    problem: str = ""
    requested: Study | None = None

    @property
    def title(self) -> str:
        """The study's title; the id if nothing can be read."""
        own = self.study.title if self.study else ""
        return own or (self.requested.title if self.requested else "") or self.folder.id

    @property
    def created(self) -> float | None:
        """When the study was created, in seconds since the Unix epoch; None if it cannot be read."""
        return self.requested.created if self.requested else None


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
    **Studies.** Seeds, folds and sweeps, each a folder that names its runs; the plot and the trials of the chosen one
    stand below the list where there is room. Enter opens one: its trials, live. `w` starts one of the preset that was
    used last; `w` on a preset and Ctrl+G in the editor start others. `s` sorts, `x` stops, `r` trains what is missing,
    Delete asks whether the runs go too.
    """
    BINDINGS = [
        bind("studies.open", "enter", "open", "Open", "Its trials"),
        bind("studies.new", "w", "new", "New study", "Start a study of the preset that was used last"),
        bind("studies.stop", "x", "stop", "Stop", "Stop it; what is missing can be resumed"),
        bind("studies.resume", "r", "resume", "Resume", "Train what is missing"),
        bind("studies.sort", "s", "sort", "Sort", "Sort by the next column"),
        bind("studies.reverse", "S", "reverse", "Reverse", "Sort the other way round", hidden=True),
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
    trials = getters.query_one("#trials > RowTable", RowTable)
    plots = getters.query_one(PlotPane)

    def __init__(self) -> None:
        super().__init__()
        self._listed: dict[str, ListedStudy] = {}
        self._watches: dict[Path, StudyWatch] = {}
        self._requested: dict[Path, Study] = {}
        self._reading = False
        self._possible: tuple[object, ...] = ()
        self._order = NEWEST_FIRST
        self._trial_rows = RowCache()

    def compose(self) -> ComposeResult:
        yield TabStrip()
        with Vertical(id="studies", classes="pane"):
            yield Line(id="nothing")
            yield RowTable()
        with Vertical(id="chosen", classes="pane -stacked") as pane:
            pane.border_title = pane_title("Chosen study")
            yield Line(id="details")
        with Container(id="preview"):
            yield PlotPane(preview=True)
            with Vertical(id="trials", classes="pane -stacked") as pane:
                pane.border_title = pane_title("Trials")
                yield Line("No trial is planned yet.", id="no-trials")
                yield RowTable()
        yield KeyFooter()

    def on_mount(self) -> None:
        self.pane.border_title = pane_title("Studies", note="reading …")
        self.trials.can_focus = False
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
            if folder.path not in self._requested:
                self._requested[folder.path] = folder.study()
            while watch.read():
                pass
        except RequestError as error:
            return ListedStudy(folder, problem=str(error))
        return ListedStudy(folder, watch.study, requested=self._requested[folder.path])

    @on(StudiesRead)
    def _show_studies(self, message: StudiesRead) -> None:
        message.stop()
        self._reading = False
        if not (self.is_attached and self.app.is_running):
            return
        self._listed = {listed.folder.id: listed for listed in message.listed}
        self._list()
        self.pane.border_title = pane_title("Studies", note=f"{len(self._listed):,}")
        self.set_class(not self._listed, "-empty")
        if not self._listed:
            preset, key = self._preset_name, key_of("studies.new", StudiesScreen, self.app.settings.keys)
            self.nothing.say(EMPTY.format(key=key, preset=preset, folder=self.app.options.runs_dir))
        self._show_details()

    def _list(self) -> None:
        """List the studies in the present order; without a value last, equal ones newest first."""
        newest_first = sorted(self._listed.values(), key=lambda listed: listed.folder.id, reverse=True)
        ordered = sorted_rows(newest_first, SORT_KEYS[self._order.column], self._order.descending)
        self.table.show(COLUMNS, list(map(_row, ordered)), self._order)

    @on(RowTable.HeadClicked)
    def _sort_by(self, message: RowTable.HeadClicked) -> None:
        self._order = self._order.by(message.column)
        self._list()

    def action_sort(self) -> None:
        self._order = self._order.next(COLUMNS)
        self._list()

    def action_reverse(self) -> None:
        self._order = self._order.by(self._order.column)
        self._list()

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
        self.details.say(_details(chosen) if chosen else "")
        self.query_one("#chosen").border_title = pane_title("Chosen study", note=chosen.title if chosen else "")
        self._show_preview()
        possible = (chosen is None, study.state if study else "")
        if possible != self._possible:
            self._possible = possible
            self.refresh_bindings()

    def _show_preview(self) -> None:
        """Show the first plot of the chosen study and its trials, best first, where there is room for them."""
        study = self._chosen.study if self._chosen else None
        is_tall, is_brief = self.size.height >= TALL, self.size.height < BRIEF
        others = OTHER_LINES_TALL if is_tall else OTHER_LINES_BRIEF if is_brief else OTHER_LINES
        needed, lines = len(self._listed) + LIST_FRAME, self.size.height - others
        listed = min(needed, lines // 2) if is_tall else needed
        room = lines - listed if study is not None else 0
        is_wide = self.size.width >= SIDE_BY_SIDE
        has_plot, has_trials = room >= LEAST_PLOT, room >= (LEAST_PLOT if is_wide else LEAST_TRIALS)
        is_planned = study is not None and bool(study.rows)
        self.set_class(is_brief, "-brief")
        self.set_class(has_plot and is_planned, "-plot")
        self.set_class(has_trials and (is_wide or not has_plot or not is_planned), "-trials")
        self.set_class(not is_planned, "-unplanned")
        self.pane.styles.height = listed if has_plot or has_trials else None
        if study is None or not room:
            return
        shape = screen_shape(study)[0]
        rows, best = in_rank_order(study.rows, study.metric, compares=study.compares), str(study.best or "")
        if self.has_class("-plot"):
            self.plots.show(plot_of(study, ""), study, rows, shape, chosen="", best=best)
        if self.has_class("-trials"):
            cells = self._trial_rows.of(rows, shape, (), study.best, self.app.settings.glyphs)
            self.trials.show(table_columns(shape), cells)

    def on_resize(self) -> None:
        self._show_preview()

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

        self.app.push_screen(study_commands.DeleteStudyQuestion(chosen.title, runs), answered)

    @on(Worker.StateChanged)
    def _command_ended(self, event: Worker.StateChanged) -> None:
        if event.worker.group == "order" and event.worker.is_finished:
            self._read_again()


def _details(listed: ListedStudy) -> Content:
    """Return lines about a study: its best trial or mean; why it ended, or a note; its values and its id."""
    study, lines = listed.study, list[Content]()
    if study is None:
        return Content(listed.problem)
    if (best := study.best_row) is not None:
        seed = len({row.seed for row in study.rows}) > 1
        score = f"{METRIC_NAMES[study.metric]} {metric_text(best, study.metric)}"
        found = f"best #{best.number}: {values_text(best, seed=seed)} · {score}"
        lines.append(Content.styled(found, "bold $foreground"))
    elif scores := _repeated_scores(study):
        of = "accuracy on the images held out" if study.kind == "folds" else "test accuracy"
        found = f"mean {of} {spread_text('test_accuracy', scores)} over {counted(scores, study.kind[:-1])}"
        lines.append(Content.styled(found, "bold $foreground"))
    reason = study.reason if study.state != "finished" else ""
    remarks = [*([reason] if reason else []), *study.notes]
    lines += [Content(sentence_of(text)) for text in remarks[:1]]
    lines.append(Content(" · ".join([*_values_tried(listed), listed.folder.id])))
    return Content("\n").join(lines)


def _values_tried(listed: ListedStudy) -> list[str]:
    """Return for each parameter its name and its values: ``hidden 50, 100, 200``; of many the first and the last."""
    texts: list[str] = []
    for axis in listed.requested.axes if listed.requested else ():
        values = axis.values
        shown = values if len(values) <= MOST_VALUES else (*values[: MOST_VALUES - 2], "…", values[-1])
        texts.append(f"{axis.name} {', '.join(shown)}")
    return texts


def _repeated_scores(study: StudyState) -> list[float]:
    """Return the test accuracies of the seeds, or those of the folds on their images; none for other studies."""
    done = [row for row in study.rows if row.state == "finished"] if study.repeats else []
    return known_values(done, "test_accuracy")


def _score(study: StudyState) -> tuple[str, str]:
    """Return the best score of a study that compares trials, or the mean over its seeds or folds, and which it is."""
    if study.best_row is not None:
        return metric_text(study.best_row, study.metric), SHORT_MEASURES[study.metric]
    if scores := _repeated_scores(study):
        measure = "mean held-out" if study.kind == "folds" else "mean test"
        return spread_text("test_accuracy", scores), measure
    return "", ""


def _score_key(listed: ListedStudy) -> float | None:
    study = listed.study
    if study is None or study.best_row is None:
        scores = _repeated_scores(study) if study else []
        return fmean(scores) if scores else None
    return score_of(study.best_row, study.metric, study.metric)


def _seconds(study: StudyState) -> float | None:
    """Return the time from the start of a study's newest process to its end, or until now."""
    end = study.updated if study.live else study.ended or study.updated
    return None if study.started is None or end is None else max(0.0, end - study.started)


def _best_values(study: StudyState) -> str:
    return values_text(study.best_row, seed=False) if study.best_row is not None else ""


SORT_KEYS: dict[str, Callable[[ListedStudy], Any]] = {
    "state": lambda listed: listed.study.state if listed.study else "broken",
    "title": lambda listed: listed.title.casefold(),
    "done": lambda listed: listed.study.total if listed.study else None,
    "score": _score_key,
    "measure": lambda listed: _score(listed.study)[1] or None if listed.study else None,
    "best": lambda listed: _best_values(listed.study) or None if listed.study else None,
    "failed": lambda listed: listed.study.count("failed") if listed.study else None,
    "time": lambda listed: _seconds(listed.study) if listed.study else None,
    "started": lambda listed: listed.created,
}


def _row(listed: ListedStudy) -> TableRow:
    study, name = listed.study, listed.folder.id
    if study is None:
        cells = ("broken", name, *[""] * (len(COLUMNS) - 2))
        return TableRow(name, cells, tone=tone("broken"))
    failed = study.count("failed")
    cells = (
        study.state,
        listed.title,
        f"{study.done:,}/{study.total:,}" if study.total else "",
        *_score(study),
        _best_values(study),
        count(failed) if failed else "",
        seconds(_seconds(study)),
        moment(listed.created),
    )
    return TableRow(name, cells, tone=tone(study.state))
