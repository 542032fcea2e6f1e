"""The list of all runs: sort, filter, mark, compare, name, export, delete and open them. A thread reads the folders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input

from mnist_tui.errors import RequestError, RunError
from mnist_tui.runs.collection.filters import parse
from mnist_tui.runs.collection.listing import Change, RunListing
from mnist_tui.runs.collection.summaries import RunSummary
from mnist_tui.runs.deletion import delete_run
from mnist_tui.runs.folder import LONGEST_NAME, LONGEST_NOTE, read_label, write_label
from mnist_tui.runs.naming import SkippedEntry
from mnist_tui.runs.state import DAMAGED, LIVE, RESUMABLE
from mnist_tui.tui.bench import BenchScreen, Route
from mnist_tui.tui.dialogs import Choice, Question, TextScreen, answer_keys, too_long
from mnist_tui.tui.run_commands import folder_of, open_run, resume
from mnist_tui.tui.runs import run_rows
from mnist_tui.tui.widgets.controls import KeyFooter
from mnist_tui.tui.widgets.row_table import RowTable
from mnist_tui.tui.widgets.text import Line
from mnist_tui.wording import counted

LISTED = 6
"""How many runs are named before they are deleted."""
LOOK_SECONDS = 1.0
WHOLE_LOOK = 10
"""How many times only the files of live runs are read, until the files of all runs are."""
FILTER_HELP = "filter: words, hidden>200, lr<=0.001, accuracy>97, state=finished, dataset=fashion-mnist"


class RunFilter(Input):
    """Filters the list while the user types; the list's own keys go to the list."""

    HELP = """
    **Filter.** Terms joined by blanks must all hold. A term compares a parameter by its name on the command line
    (`hidden>200`, `lr<=0.001`, `optimizer=adam`, `ppc!=4`) or a figure (`accuracy>0.97`, `>97` or `>97%`, `f1`, `loss`,
    `val-accuracy`, `parameters`, `done`, `time` in seconds, `started>=2026-03`), or a text (`state=finished`,
    `preset=seed*`, `note=…`). Of several layers the largest counts. Any other word must stand in the row.
    """
    BINDINGS = [
        *(
            Binding(key, action, name, show=False, tooltip=f"In the list: {about}", id=f"runs.filter-{key}")
            for key, action, name, about in (
                ("down", "screen.table('move', 1)", "Down", "the row below"),
                ("up", "screen.table('move', -1)", "Up", "the row above"),
                ("pagedown", "screen.table('page', 1)", "Page down", "a page down"),
                ("pageup", "screen.table('page', -1)", "Page up", "a page up"),
            )
        ),
        Binding("escape", "screen.clear", "Clear", tooltip="Clear the filter and go to the list", id="runs.unfilter"),
    ]


class DeleteRunsQuestion(Question):
    """Asks whether to delete runs; keeping them is the default."""

    HELP = "**Deleting runs.** Their folders go with all files: log, weights, results, exports. It cannot be undone."
    ANSWERS = (
        Choice("delete", "d,y", "Delete", "Delete them with all their files", "error"),
        Choice("keep", "escape,k,n", "Keep", "Keep them", "primary"),
    )
    BINDINGS = answer_keys("ask", ANSWERS)

    def __init__(self, runs: Sequence[RunSummary]) -> None:
        lines = [f"{run.run}  {run.shown_name}, {run.state}" for run in runs[:LISTED]]
        if len(runs) > LISTED:
            lines.append(f"and {len(runs) - LISTED} more")
        super().__init__(
            "\n".join(lines),
            "All files of the folder go: log, weights, results. It cannot be undone.",
            title="Delete a run" if len(runs) == 1 else f"Delete {counted(len(runs), 'run')}",
        )


class RunsScreen(BenchScreen[None]):
    """Lists all runs.

    Attributes:
        runs: the runs that have been read so far, by id.
    """

    CSS_PATH = "runs.tcss"
    TITLE = "Runs"
    AUTO_FOCUS = "RowTable"
    LEADS_TO_RUNS = True
    HELP = """
    **Runs.** Enter opens a run: its training screen while it trains, else its results. Space marks a run; `o` compares
    the curves, parameters and scores of the marked runs, or, without marks, of the run and its other seeds. `v` shows
    runs that differ only in their seed as one row, mean ± standard deviation. `E` exports one report about the marked
    runs, with weights and tables of each; `O` opens it. Name and note are yours; the run's folder keeps its name.
    """
    BINDINGS = [
        Binding("enter", "open", "Open", tooltip="Watch it while it trains, else its results", id="runs.open"),
        Binding("w", "watch", "Curves", tooltip="Its curves on the training screen", id="runs.watch", show=False),
        Binding("r", "report", "Results", tooltip="Scores, confusions, export", id="runs.report", show=False),
        Binding("R", "rename", "Rename", tooltip="A name of your own for it", id="runs.rename", show=False),
        Binding("e", "edit", "Edit", tooltip="Its experiment in the editor, as a new one", id="runs.edit", show=False),
        Binding("E", "export", "Export", tooltip="Report over the marked runs, weights, tables", id="runs.export"),
        Binding("O", "open_report", "Open report", tooltip="The exported report", id="runs.open-report", show=False),
        Binding("p", "resume", "Resume", tooltip="Go on with it from its checkpoint", id="runs.resume", show=False),
        Binding("space", "mark", "Mark", tooltip="Mark the run, or its group, for comparing", id="runs.mark"),
        Binding("o", "compare", "Compare", tooltip="Compare the marked runs, or this one's seeds", id="runs.compare"),
        Binding("slash", "filter", "Filter", key_display="/", tooltip="Filter the list", id="runs.filter"),
        Binding("s", "sort", "Sort", tooltip="Sort by the next column", id="runs.sort"),
        Binding("S", "reverse", "Reverse", tooltip="Sort the other way round", id="runs.reverse", show=False),
        Binding("v", "groups", "Seeds", tooltip="Groups of seeds as one row, and back", id="runs.groups"),
        Binding("n", "note", "Note", tooltip="A note of your own", id="runs.note"),
        Binding("a", "mark_all", "Mark all", tooltip="Mark all that are listed, or none", id="runs.all", show=False),
        Binding("t", "studies", "Studies", tooltip="Seeds and sweeps", id="runs.studies", show=False),
        Binding("T", "study", "Its study", tooltip="The study that the run belongs to", id="runs.study", show=False),
        Binding("delete,x", "delete", "Delete", tooltip="Delete it, or the marked ones", id="runs.delete"),
        Binding("escape", "clear", "Presets", tooltip="Clear the filter; then back to the presets", id="runs.back"),
    ]

    class FoldersRead(Message):
        """A thread has read some of the folders; without a change, it has read all of them."""

        def __init__(self, change: Change | None) -> None:
            super().__init__()
            self.change = change

    table = getters.query_one(RowTable)
    terms = getters.query_one(RunFilter)
    found = getters.query_one("#found", Line)
    wrong = getters.query_one("#wrong", Line)
    nothing = getters.query_one("#nothing", Line)
    details = getters.query_one("#details", Line)

    def __init__(self) -> None:
        super().__init__()
        self.runs: dict[str, RunSummary] = {}
        self._listed: list[RunSummary] = []
        self._marked: dict[str, None] = {}
        self._order = run_rows.NEWEST_FIRST
        self._matches = parse("")
        self._grouped = False
        self._looks = 0
        self._is_reading = False
        self._kind = (0, "")
        self._skipped: tuple[SkippedEntry, ...] = ()

    def compose(self) -> ComposeResult:
        with Horizontal(id="top"):
            yield Line("runs", id="word")
            yield RunFilter(placeholder=FILTER_HELP, compact=True, id="filter")
            yield Line("reading …", id="found")
        yield Line(id="wrong")
        yield Line(id="nothing")
        yield RowTable()
        yield Line(id="details")
        yield KeyFooter()

    def on_mount(self) -> None:
        self._listing = RunListing(self.app.options.runs_dir)
        self.look_again()
        self.set_interval(LOOK_SECONDS, self.look_again)

    def look_again(self) -> None:
        """Have the folders read, unless this is being done or the screen is not seen."""
        if self.is_current and not self._is_reading:
            self._is_reading = True
            self._read_folders(self._looks % WHOLE_LOOK == 0)
            self._looks += 1

    @property
    def has_read_all(self) -> bool:
        """Whether all folders have been read once."""
        return self._looks > 1 or (self._looks == 1 and not self._is_reading)

    @work(thread=True, group="look", exit_on_error=False)
    def _read_folders(self, whole: bool) -> None:
        try:
            for change in self._listing.look(whole=whole):
                self.post_message(self.FoldersRead(change))
            if whole:
                self._listing.save()
        finally:
            self.post_message(self.FoldersRead(None))

    @on(FoldersRead)
    def _show_read(self, message: FoldersRead) -> None:
        message.stop()
        if not (self.is_attached and self.app.is_running):
            return
        change = message.change
        if change is None:
            self._is_reading = False
            self._warn_of_skipped(self._listing.skipped)
        else:
            self.runs |= {run.run: run for run in change.runs}
            for run in change.gone:
                self.runs.pop(run, None)
                self._marked.pop(run, None)
        if change is not None or self._looks == 1:
            self._list()

    def _list(self) -> None:
        """Show the runs that match the filter."""
        self._listed = run_rows.sorted_runs(filter(self._matches, self.runs.values()), self._order)
        if self._grouped:
            rows = run_rows.rows_of_groups(self._groups(), self._marked)
        else:
            rows = run_rows.rows_of_runs(self._listed, self._marked)
        reads_first = not self.has_read_all
        self.table.show(run_rows.COLUMNS, rows, self._order, more=reads_first)
        is_filtered = bool(self.terms.value.strip())
        shown = f"{len(self._listed):,} of {len(self.runs):,}" if is_filtered else counted(self.runs, "run")
        marked = f", {len(self._marked):,} marked" if self._marked else ""
        skipped = f", {counted(self._skipped, 'entry')} passed over" if self._skipped else ""
        self.found.say(("reading … " if reads_first else "") + shown + marked + skipped)
        self.set_class(not rows, "-empty")
        self.nothing.say(self._why_nothing() if not rows else "")
        self._show_details()

    def _warn_of_skipped(self, entries: Sequence[SkippedEntry]) -> None:
        """Warn once of entries of the runs folder that could not be read."""
        if entries and set(entries) != set(self._skipped):
            some = ", ".join(map(str, entries[:3])) + (" …" if len(entries) > 3 else "")
            count = "An entry" if len(entries) == 1 else counted(entries, "entry")
            self.notify(some, title=f"{count} of the runs folder passed over", severity="warning")
        self._skipped = tuple(entries)

    def _why_nothing(self) -> str:
        if self.runs:
            return "no run fits the filter; Esc clears it"
        if self._is_reading:
            return ""
        return f"there are no runs in {self.app.options.runs_dir}; Esc, then t on a preset makes one"

    def _groups(self) -> list[run_rows.SeedGroup]:
        return run_rows.groups_of(self._listed)

    @property
    def chosen(self) -> Sequence[RunSummary]:
        """The run under the cursor, or the runs of its group; none if the list is empty."""
        key = self.table.chosen
        if self._grouped:
            return next((group.runs for group in self._groups() if group.group == key), ())
        return (self.runs[key],) if key in self.runs else ()

    @property
    def targets(self) -> list[RunSummary]:
        """The marked runs, else the chosen one."""
        return [self.runs[run] for run in sorted(self._marked) if run in self.runs] or list(self.chosen)

    @on(RowTable.CursorMoved)
    def _show_details(self) -> None:
        chosen = self.chosen
        lines: list[str] = []
        if len(chosen) > 1:
            lines = run_rows.group_lines(next(group for group in self._groups() if group.group == self.table.chosen))
        elif chosen:
            lines = run_rows.run_lines(chosen[0])
        self.details.say("\n".join(lines))
        kind = (len(chosen), chosen[0].state if chosen else "")
        if kind != self._kind:
            self._kind = kind
            self.refresh_bindings()

    @on(Input.Changed, "#filter")
    def _filtered(self, event: Input.Changed) -> None:
        try:
            self._matches, problem = parse(event.value), ""
        except RequestError as error:
            problem = f"{error}; the list is as before"
        self.wrong.say(problem)
        self.wrong.set_class(bool(problem), "-shown")
        if not problem:
            self._list()

    @on(Input.Submitted, "#filter")
    def _to_list(self) -> None:
        self.table.focus()

    @on(RowTable.HeadClicked)
    def _sort_by(self, event: RowTable.HeadClicked) -> None:
        self._order = self._order.by(event.column)
        self._list()

    @on(RowTable.Marked)
    def action_mark(self) -> None:
        """Mark what is chosen, or remove its mark, and go to the next row."""
        self._mark(self.chosen)
        self.table.action_move(1)

    def action_mark_all(self) -> None:
        self._mark(self._listed)

    def _mark(self, runs: Sequence[RunSummary]) -> None:
        """Mark the runs, in the order of marking; if all are marked already, remove their marks."""
        marks = {run.run: None for run in runs}
        if marks.keys() <= self._marked.keys():
            self._marked = {run: None for run in self._marked if run not in marks}
        else:
            self._marked = self._marked | marks
        self._list()

    def action_sort(self) -> None:
        self._order = self._order.next(run_rows.COLUMNS)
        self._list()

    def action_reverse(self) -> None:
        self._order = self._order.by(self._order.column)
        self._list()

    def action_groups(self) -> None:
        """Show groups of seeds as one row each, or all runs; the cursor stays on its run."""
        chosen = self.chosen
        self._grouped = not self._grouped
        self._list()
        if chosen:
            self.table.choose(chosen[0].group if self._grouped else chosen[0].run)

    def action_filter(self) -> None:
        self.terms.focus()

    def action_clear(self) -> None:
        """Clear the filter; if there is none, go back to the presets."""
        if self.terms.value or self.terms.has_focus:
            self.terms.value = ""
            self.table.focus()
        else:
            self.app.show(Route("presets"))

    def action_table(self, action: str, by: int) -> None:
        """Move the cursor of the list while the filter has the focus."""
        getattr(self.table, f"action_{action}")(by)

    @on(RowTable.Opened)
    def action_open(self) -> None:
        """Open the chosen run; compare the runs of a group."""
        chosen = self.chosen
        if len(chosen) > 1:
            self._compare(_by_age(chosen))
        elif chosen and chosen[0].state == DAMAGED:
            self._refuse("cannot be opened", chosen[0].damaged)
        elif chosen:
            open_run(self.app, chosen[0])

    def action_compare(self) -> None:
        """Compare the marked runs in their order; else the runs that differ from the chosen one in their seed alone."""
        marked = [self.runs[run] for run in self._marked if run in self.runs]
        group = self.chosen[0].group
        runs = marked or _by_age([run for run in self.runs.values() if run.group == group])
        if len(runs) < 2:
            self.notify("Mark two runs or more with Space, then o compares them.", title="Nothing to compare with")
            return
        self._compare(runs)

    def _compare(self, runs: Sequence[RunSummary]) -> None:
        self.app.show(Route("compare", summaries=runs))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if not self.is_mounted:
            return True
        chosen = self.chosen
        one = chosen[0] if len(chosen) == 1 else None
        match action:
            case "open" | "mark" | "mark_all" | "compare" | "delete" | "edit" | "export":
                return bool(chosen)
            case "open_report":
                return bool(self.targets)
            case "note" | "rename" | "watch" | "study":
                return one is not None
            case "report":
                return one is not None and one.state not in (*LIVE, DAMAGED)
            case "resume":
                return one is not None and one.state in RESUMABLE
            case _:
                return True

    def action_watch(self) -> None:
        self.app.show(Route("training", run=folder_of(self.chosen[0])))

    def action_report(self) -> None:
        self.app.show(Route("results", run=folder_of(self.chosen[0])))

    def action_export(self) -> None:
        """Export the marked runs, else the chosen ones, with one report about all; not live or damaged runs."""
        ended = self._ended("is not exported", "it can be once it has ended")
        for run in ended:
            if run.state == DAMAGED:
                self._refuse("is not exported", f"{run.run}: {run.damaged}")
        intact = [run for run in ended if run.state != DAMAGED]
        if intact:
            self.app.show(Route("export", runs=[folder_of(run) for run in _by_age(intact)]))

    def action_open_report(self) -> None:
        """Open the exported report about the marked runs, else the report among the run's own exports."""
        from mnist_tui.tui.export.request import default_folder, report_in
        from mnist_tui.tui.terminal.desktop import show
        from mnist_tui.tui.terminal.keymap import key_of

        places = [default_folder([folder_of(run) for run in runs]) for runs in (self.targets, self.chosen) if runs]
        found = next(filter(None, map(report_in, places)), None)
        if found is None:
            export = key_of("runs.export", RunsScreen, self.app.settings.keys)
            self._refuse("has no report yet", f"There is none in {places[0]}; {export} exports one.")
        else:
            show(self.app, found, "Report")

    def action_edit(self) -> None:
        try:
            self.app.show(Route("editor", preset=folder_of(self.chosen[0]).preset()))
        except RequestError as error:
            self._refuse("cannot be edited", str(error))

    def action_studies(self) -> None:
        self.app.show(Route("studies"))

    def action_study(self) -> None:
        """Show the study that the chosen run belongs to, with the cursor on the run's trial."""
        from mnist_tui.studies.folder import find_study

        folder = folder_of(self.chosen[0])
        try:
            study = folder.launch().study
            if not study:
                raise RunError(f"{folder.id} was trained on its own")
            self.app.show(Route("study", study=find_study(self.app.options.runs_dir, study), run=folder))
        except (RequestError, TypeError) as error:
            self._refuse("belongs to no study", str(error))

    def action_resume(self) -> None:
        resume(self.app, folder_of(self.chosen[0]))
        self.look_again()

    def action_note(self) -> None:
        self._ask("note", "Note", "What you want to remember of this run; `note=` in a filter finds it.", LONGEST_NOTE)

    def action_rename(self) -> None:
        self._ask("name", "Name", "Shown in place of the preset's name; its folder keeps its own.", LONGEST_NAME)

    def _ask(self, field: str, title: str, about: str, longest: int) -> None:
        run = self.chosen[0]
        label = read_label(folder_of(run))

        def save(text: str | None) -> None:
            if text is None:
                return
            try:
                write_label(folder_of(run), replace(label, **{field: text}))
            except RunError as error:
                self._refuse("is not labelled", str(error))
            self.look_again()

        screen = TextScreen(f"{title} of {run.run}", about, getattr(label, field), problem=too_long(longest))
        self.app.push_screen(screen, save)

    def action_delete(self) -> None:
        """Delete the marked runs, else the chosen ones; not live runs. For several runs it always asks."""
        ended = self._ended("is not deleted", "stop it first, on its training screen (w, then s)")
        if not ended:
            return
        if not self.app.settings.confirm and len(ended) == 1:
            self._delete(ended)
            return

        def answered(answer: str | None) -> None:
            if answer == "delete":
                self._delete(ended)

        self.app.push_screen(DeleteRunsQuestion(ended), answered)

    def _ended(self, refused: str, why: str) -> list[RunSummary]:
        """Return the targets that have ended; warn of live ones."""
        live = [run for run in self.targets if run.state in LIVE]
        if live:
            some = ", ".join(f"{run.run} ({run.state})" for run in live[:3])
            self._refuse(refused, f"{some}: {why}")
        return [run for run in self.targets if run.state not in LIVE]

    @work(thread=True, group="delete", exit_on_error=False)
    def _delete(self, runs: Sequence[RunSummary]) -> None:
        for run in runs:
            try:
                delete_run(folder_of(run))
            except RunError as error:
                self.app.call_from_thread(self._refuse, "is not deleted", str(error))
        self.app.call_from_thread(self.look_again)

    def _refuse(self, what: str, why: str) -> None:
        self.notify(why, title=f"The run {what}", severity="warning", timeout=10)


def _by_age(runs: Sequence[RunSummary]) -> list[RunSummary]:
    return sorted(runs, key=lambda run: (run.started, run.run))
