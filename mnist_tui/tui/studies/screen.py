"""The screen of one study: its trials as a table and a plot, its progress and its workers, live or ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from textual import getters, on, work
from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.content import Content

from mnist_tui.clocks import RemoteClock
from mnist_tui.runs.folder import RunFolder
from mnist_tui.studies.state import TrialRow
from mnist_tui.studies.trial_table import TableShape, workers_text
from mnist_tui.studies.watch import StudySnapshot
from mnist_tui.tui.bench import Route
from mnist_tui.tui.run_screen import FeedScreen
from mnist_tui.tui.studies import study_commands, study_view
from mnist_tui.tui.studies.plots import IMPORTANCES, PlotContent, PlotPane, plot_of
from mnist_tui.tui.studies.study_view import RowCache, StudyFeed, TrialListing, listing, screen_shape
from mnist_tui.tui.terminal.keymap import bind, pane_title
from mnist_tui.tui.widgets.controls import KeyFooter, SidePanel
from mnist_tui.tui.widgets.plots.trials import TrialPlot
from mnist_tui.tui.widgets.row_table import RowTable
from mnist_tui.tui.widgets.run_status import ProgressLine, StatusLine
from mnist_tui.tui.widgets.tab_strip import TabStrip
from mnist_tui.tui.widgets.text import Line

PARTS = ("table", "plot", "notes")
"""The parts of the screen; a small window shows one at a time."""
TABLE_FRAME, SMALL_TABLE_FRAME = 3, 2
"""Lines of the table's pane around its rows: the head and the borders, of which a small window has only the upper."""
CHOSEN_LINES = 5
"""Lines of the pane with the chosen trial below the table of a small window."""
STARTING = """\
The study's process is starting. It plans the trials and starts the workers, which takes some seconds.
The trials will stand here, with a plot of their scores below."""
NOTHING_PLANNED = "The study ended before it planned a trial; r trains what is missing."
LEAST_PLOT = 9
"""Lines from which a small window shows the plot below the table."""
PLOT_SECONDS = 0.08
"""Delay of the plot after a move of the cursor, so that a key held down does not redraw it at every row."""


class StudyProgress(ProgressLine):
    """The progress of a study in one line."""

    HELP = """
    **Progress of the study.** The bar is filled by the trials that have ended and by the epochs of those that train.
    Before the trials are planned a short bar moves. What is left is the time to the end of the last trial.
    """
    LEAST_BAR = 8

    def show_study(self, snapshot: StudySnapshot, now: float) -> None:
        """Show a study at `now`, in seconds since 1970; until its trials are planned, a short bar moves."""
        share, texts = study_view.share_done(snapshot.study), study_view.progress_parts(snapshot, now)
        planning = snapshot.live and not snapshot.study.total
        self.show_progress(share, snapshot.state, texts, pulse_at=now if planning else None)


class StudyScreen(FeedScreen[StudyFeed]):
    """The screen of one study, live or ended.

    Args:
        clock: returns seconds since the Unix epoch; None for the clock of the study's process.
    """

    TAB = "studies"
    CSS_PATH = "study.tcss"
    GUIDE = "studies"
    TITLE = "Study"
    LISTS_RUNS = True
    SAYS_END = True
    AUTO_FOCUS = "RowTable"
    HELP = """
    **Study.** Each row is a trial, a run of its own; the best come first. Enter opens its run, live or with its
    results, and Esc there leads back. Space marks; `o` compares the marked trials, `E` reports on them, of a study of
    seeds on all where none is marked; `e` opens one in the editor. `x` stops the study, `r` trains what is missing. The
    study is a process of its own: leaving this screen, or the app, leaves it training; `mnist-tui studies` and F5 show
    it again. `p` shows the next plot, `P` the one before; `g` takes trials that differ in their seed or fold alone
    together; `c` writes the table into a CSV file.
    """
    BINDINGS = [
        bind("study.open", "enter", "open", "Open", "The trial's run: live, or its results"),
        bind("study.view", "v", "view", "View", "Table, plot or notes, where the window is small"),
        bind("study.plot", "p", "plot(1)", "Plot", "The next plot: parameters, importances, curves one by one"),
        bind("study.plot_before", "P", "plot(-1)", "Plot before", "The plot before", hidden=True),
        bind("study.stop", "x", "stop", "Stop", "Stop the study; what is missing can be resumed"),
        bind("study.resume", "r", "resume", "Resume", "Train what is missing, failed trials again"),
        bind("study.edit", "e", "edit", "Edit", "The chosen trial's experiment in the editor"),
        bind("study.compare", "o", "compare", "Compare", "Compare the marked trials, or those of the same values"),
        bind("study.mark", "space", "mark", "Mark", "Mark the trial for comparing"),
        bind("study.seeds", "g", "together", "Group", "Seeds or folds of the same values as one row, and back"),
        bind("study.sort", "s", "sort", "Sort", "Sort by the next column", hidden=True),
        bind("study.reverse", "S", "reverse", "Reverse", "Sort the other way round", hidden=True),
        bind("study.best", "b", "best", "Best", "Best first again, and to the best", hidden=True),
        bind("study.all", "a", "mark_all", "Mark all", "Mark all trials, or none", hidden=True),
        bind("study.csv", "c", "csv", "CSV", "Write the table of trials into a CSV file", hidden=True),
        bind("study.export", "E", "export", "Export", "Report over the marked trials", hidden=True),
        bind("study.copy", "y", "copy", "Copy", "Its command line to the clipboard", hidden=True),
        bind("study.back", "escape", "back", "Back", "Back to where you were; this one goes on"),
        bind("study.presets", "d", "presets", "Detach", "To the presets; the study goes on", hidden=True),
    ]

    status = getters.query_one(StatusLine)
    progress = getters.query_one(StudyProgress)
    workers_line = getters.query_one("#study-workers", Line)
    reason = getters.query_one("#study-reason", Line)
    body = getters.query_one("#study-body", Vertical)
    table = getters.query_one(RowTable)
    table_pane = getters.query_one("#study-table", Vertical)
    plots = getters.query_one(PlotPane)
    nothing = getters.query_one("#study-nothing", Line)
    panel = getters.query_one(SidePanel)
    side = getters.query_one("#study-notes", Line)
    trial_text = getters.query_one("#study-trial", Line)

    def __init__(self, feed: StudyFeed, clock: Callable[[], float] | None = None) -> None:
        super().__init__(feed)
        self._heard, self._clock = RemoteClock(), clock
        self._rows = RowCache()
        self._listed = TrialListing()
        self._plot_due = False
        self._possible: tuple[object, ...] = ()
        self._content = PlotContent()
        self._explained = -1

    @property
    def ended_runs(self) -> list[RunFolder]:
        ended = [row for row in self._listed.trials if row.state not in {"running", "waiting"}]
        return study_commands.runs_of(self.feed.folder, ended)

    def choose_run(self, folder: RunFolder) -> None:
        self.feed.choose(folder.id)

    @property
    def subject(self) -> Path:
        return self.feed.folder.path

    def shown_again(self, route: Route) -> None:
        if route.run is not None:
            self.feed.choose(route.run.id)

    def compose(self) -> ComposeResult:
        yield TabStrip()
        yield StatusLine(study_view.study_title(self.snapshot), f"study {self.feed.folder.id.rpartition('-')[2]}")
        yield StudyProgress()
        yield Line(id="study-workers", cut=True)
        yield Line(id="study-reason")
        with Vertical(id="study-body"):
            with Vertical(id="study-table", classes="pane -stacked") as pane:
                pane.border_title = pane_title("Trials")
                yield Line(id="study-nothing")
                yield RowTable()
            with Container(id="study-lower"):
                yield PlotPane()
                with Vertical(id="study-side"):
                    with Vertical(id="study-chosen", classes="pane -stacked") as pane:
                        pane.border_title = pane_title("Chosen trial")
                        yield Line(id="study-trial")
                    with SidePanel(id="study-panel", classes="pane -stacked") as panel:
                        panel.border_title = pane_title(study_view.NOTES)
                        yield Line(id="study-notes")
        yield KeyFooter()

    def on_mount(self) -> None:
        self._show_part(self.feed.view.shown)
        self.feed.join(self)
        self.call_after_refresh(self.redraw_again)

    def on_resize(self) -> None:
        self._dirty = True
        self.call_after_refresh(self.redraw)

    def snapshot_changed(self) -> None:
        if not self._listed.rows:
            self.redraw()

    def tick(self) -> None:
        now = self._clock() if self._clock else self._heard(self.snapshot.study.updated)
        self.progress.show_study(self.snapshot, now)

    def draw(self) -> None:
        snapshot, study = self.snapshot, self.snapshot.study
        self.status.show(snapshot.state, study_view.study_title(snapshot))
        self.workers_line.say(workers_text(study))
        self.workers_line.display = bool(study.workers)
        why = snapshot.reason if snapshot.state != "finished" else ""
        self.reason.say(why)
        self.reason.display = bool(why)
        title, notes = study_view.notes_of(snapshot)
        self.panel.border_title = pane_title(title)
        self.panel.set_class(title != study_view.NOTES, "-brief")
        self.side.say(notes)
        shape, same = screen_shape(study)
        alike = ", ".join(f"{title} {value}" for title, value in same.items())
        self.table_pane.border_title = pane_title("Trials", note=f"the same in all: {alike}" if alike else "")
        self._list(shape)
        self.set_class(not self.table.keys, "-unplanned")
        self.nothing.say(STARTING if snapshot.live or snapshot.state == "starting" else NOTHING_PLANNED)
        self._share_room()
        self._draw_plot(shape)
        self._show_trial()

    def _share_room(self) -> None:
        """Give the plot the room that the table does not need; in a small window, if that is enough for a plot."""
        needed = len(self.table.keys) + (TABLE_FRAME if self._shows_all_parts else SMALL_TABLE_FRAME)
        room = self.body.size.height - (0 if self._shows_all_parts else CHOSEN_LINES) - needed
        self.set_class(not self._shows_all_parts and room >= LEAST_PLOT, "-both")
        is_limited = bool(self.table.keys) and (self._shows_all_parts or self.has_class("-both"))
        self.table_pane.styles.max_height = needed if is_limited else None

    def _list(self, shape: TableShape) -> None:
        view = self.feed.view
        self._listed = listed = listing(self.snapshot, view, self._rows, shape, self.app.settings.glyphs)
        first = not self.table.keys
        self.table.show(study_view.table_columns(shape), listed.rows, listed.order)
        if first and view.chosen:
            self.table.choose(view.chosen)
        wanted = next((row for row in self.snapshot.study.rows if view.wanted and row.run == view.wanted), None)
        if wanted is not None:
            self.feed.view = replace(self.feed.view, wanted="")
            self.table.choose(listed.key_of(wanted.number))

    def _draw_plot(self, shape: TableShape) -> None:
        study, chosen = self.snapshot.study, self.table.chosen or ""
        plot, best = plot_of(study, self.feed.view.plot), self._listed.key_of(study.best)
        if plot == IMPORTANCES and self._explained != study.count("finished"):
            self._explained = study.count("finished")
            self._explain()
        content = replace(self._content, predicted=self.snapshot.out_of_fold)
        self.plots.show(plot, study, self._listed.trials, shape, chosen=chosen, best=best, content=content)

    @work(group="importances", exclusive=True, exit_on_error=False)
    async def _explain(self) -> None:
        """Compute the importances of the parameters in a process of their own, which imports what takes seconds."""
        shares, note = await study_commands.importances_of(self.feed.folder)
        self._content = PlotContent(shares, note)
        self._plot_again()

    def _show_trial(self) -> None:
        chosen = self.chosen
        text: str | Content = ""
        if chosen is None:
            text = "\n".join(study_view.repetition_lines(self.snapshot))
        else:
            facts, width = study_view.trial_facts(chosen, self.snapshot.study), self.trial_text.size.width
            shape, _ = screen_shape(self.snapshot.study)
            shown = self.table.fitting_columns | shape.omitted if self.feed.view.shown == "table" else frozenset[str]()
            if self._shows_all_parts:
                text = study_view.facts_in_columns(facts, width)
            else:
                text = study_view.facts_in_lines(facts, shown, width)
        self.trial_text.say(text)
        state = chosen.state if chosen else ""
        several = len(self._listed.trials) > 1
        possible = (chosen is None, state, self.snapshot.state, bool(self.targets), self._shows_all_parts, several)
        if possible != self._possible:
            self._possible = possible
            self.refresh_bindings()

    @property
    def snapshot(self) -> StudySnapshot:
        return self.feed.snapshot

    @property
    def _chosen_rows(self) -> Sequence[TrialRow]:
        return self._listed.trials_of(self.table.chosen or "")

    @property
    def chosen(self) -> TrialRow | None:
        """The trial under the cursor; under a point, its best trial or else its first."""
        rows = self._chosen_rows
        return next((row for row in rows if row.number == self.snapshot.study.best), rows[0] if rows else None)

    @property
    def targets(self) -> Sequence[TrialRow]:
        """The marked trials in the order of their marks; else all trials of seeds or folds, or the chosen trials."""
        study, marked = self.snapshot.study, self.feed.view.marked
        rows = [row for number in marked if (row := study.row(number)) is not None]
        return rows or (study.rows if study.repeats else self._chosen_rows)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if not self.is_mounted:
            return True
        if action in {"mark", "mark_all", "sort", "reverse"}:
            return bool(self._listed.trials)
        if action in {"open", "edit"}:
            return self.chosen is not None
        study, requested = self.snapshot.study, self.snapshot.requested
        conditions = {
            "view": lambda: not self._shows_all_parts and bool(study.rows),
            "plot": lambda: bool(study.rows),
            "best": lambda: study.best is not None,
            "together": lambda: not study.repeats and len({row.repetition for row in study.rows}) > 1,
            "compare": lambda: len(study.rows) > 1,
            "export": lambda: bool(self.targets),
            "csv": lambda: bool(study.rows),
            "stop": lambda: self.snapshot.live,
            "resume": lambda: study.resumable,
            "copy": lambda: requested is not None and bool(requested.command),
        }
        return conditions[action]() if action in conditions else True

    def _change_view(self, **changes: Any) -> None:
        self.feed.view = replace(self.feed.view, **changes)
        self._dirty = True
        self.redraw()

    @on(RowTable.CursorMoved)
    def _moved(self) -> None:
        self.feed.view = replace(self.feed.view, chosen=self.table.chosen or "")
        if self._listed.rows:
            self._show_trial()
            if not self._plot_due:
                self._plot_due = True
                self.set_timer(PLOT_SECONDS, self._plot_again)

    def _plot_again(self) -> None:
        self._plot_due = False
        if self.is_current:
            self._draw_plot(screen_shape(self.snapshot.study)[0])

    @on(TrialPlot.TrialStep)
    def _step(self, message: TrialPlot.TrialStep) -> None:
        message.stop()
        self.table.action_move(message.by)

    @on(TrialPlot.TrialPointed)
    def _picked(self, message: TrialPlot.TrialPointed) -> None:
        message.stop()
        self.table.choose(message.key)

    @on(RowTable.HeadClicked)
    def _sort_by(self, message: RowTable.HeadClicked) -> None:
        self._change_view(order=self._listed.order.by(message.column))

    def action_sort(self) -> None:
        columns = study_view.table_columns(screen_shape(self.snapshot.study)[0])
        self._change_view(order=self._listed.order.next(columns))

    def action_reverse(self) -> None:
        self._change_view(order=self._listed.order.by(self._listed.order.column))

    def action_best(self) -> None:
        self._change_view(order=None)
        self.table.choose(self._listed.key_of(self.snapshot.study.best))

    @on(RowTable.Marked)
    def action_mark(self) -> None:
        """Mark or unmark the chosen row."""
        self._mark([row.number for row in self._chosen_rows])

    def action_mark_all(self) -> None:
        self._mark([row.number for row in self.snapshot.study.rows])

    def _mark(self, numbers: Sequence[int]) -> None:
        marked = self.feed.view.marked
        new = [number for number in numbers if number not in marked]
        kept = (*marked, *new) if new else tuple(number for number in marked if number not in numbers)
        self._change_view(marked=kept)

    def action_together(self) -> None:
        self._change_view(together=not self.feed.view.together)

    def action_plot(self, by: int) -> None:
        """Show the plot so many places further on; if only one part is visible and it is another one, show the plot."""
        is_visible = self._shows_all_parts or self.feed.view.shown == "plot" or self.has_class("-both")
        if not is_visible:
            self._show_part("plot")
            return
        self._change_view(plot=plot_of(self.snapshot.study, self.feed.view.plot, after=by))
        self._focus_part()

    @property
    def _shows_all_parts(self) -> bool:
        return self.has_class("-wide") or self.has_class("-huge")

    def action_view(self) -> None:
        """Show the next part: table, plot or notes."""
        self._show_part(PARTS[(PARTS.index(self.feed.view.shown) + 1) % len(PARTS)])

    def _show_part(self, shown: str) -> None:
        for part in PARTS:
            self.set_class(part == shown, f"-part-{part}")
        self._change_view(shown=shown)
        self._focus_part()

    def _focus_part(self) -> None:
        """Focus the visible part, so that the arrow keys choose trials there too."""
        if self._shows_all_parts or self.feed.view.shown == "table":
            self.table.focus()
        elif self.feed.view.shown == "plot":
            self.plots.focus_plot(plot_of(self.snapshot.study, self.feed.view.plot))
        else:
            self.panel.focus()

    @on(RowTable.Opened)
    def action_open(self) -> None:
        if self.chosen is not None:
            study_commands.open_trial(self.app, self.feed.folder, self.chosen)

    def action_edit(self) -> None:
        if self.chosen is not None:
            study_commands.edit_trial(self.app, self.feed.folder, self.chosen)

    def action_compare(self) -> None:
        """Compare the marked or chosen trials if there are several, else all seeds or folds of the chosen trial."""
        rows = list(self.targets)
        if len(rows) < 2 and (chosen := self.chosen) is not None:
            rows = [row for row in self.snapshot.study.rows if row.point == chosen.point]
        study_commands.compare_runs(self, study_commands.runs_of(self.feed.folder, rows))

    def action_export(self) -> None:
        study_commands.export_trials(self.app, self.feed.folder, self.targets)

    def action_csv(self) -> None:
        study_commands.ask_for_csv(self, self.snapshot)

    def action_copy(self) -> None:
        from mnist_tui.tui.terminal.desktop import copy

        if self.snapshot.requested is not None:
            copy(self.app, self.snapshot.requested.command, self.feed.folder.path / "copied-command.txt")

    def action_stop(self) -> None:
        study_commands.stop_study(self, self.snapshot)

    def action_resume(self) -> None:
        study_commands.resume_study(self, self.feed.folder)

    def action_presets(self) -> None:
        if self.snapshot.live:
            self.notify("The study goes on; F5 shows it again.", title="Detached")
        self.app.show(Route("presets"))
