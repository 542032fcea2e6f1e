"""The list of all runs, with sorting, filter and marks, and the commands on runs. A thread reads the folders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from textual import getters, on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input

from mnist_tui.errors import RequestError, RunError
from mnist_tui.runs.collection.filters import UnfinishedFilterError, begun_names, parse
from mnist_tui.runs.collection.summaries import Change, RunListing, RunSummary
from mnist_tui.runs.deletion import delete_run
from mnist_tui.runs.folder import LONGEST_NAME, LONGEST_NOTE, RunFolder, read_label, write_label
from mnist_tui.runs.naming import SkippedEntry
from mnist_tui.runs.state import DAMAGED, LIVE, RESUMABLE
from mnist_tui.tui.bench import BenchScreen, Route
from mnist_tui.tui.dialogs import Choice, Question, TextScreen, answer_keys, too_long
from mnist_tui.tui.run_commands import edit_again, folder_of, open_run, resume
from mnist_tui.tui.runs import run_rows
from mnist_tui.tui.runs.preview import RunPreview
from mnist_tui.tui.terminal.keymap import bind, pane_title
from mnist_tui.tui.widgets.controls import KeyFooter
from mnist_tui.tui.widgets.row_table import RowTable
from mnist_tui.tui.widgets.tab_strip import TabStrip
from mnist_tui.tui.widgets.text import Line
from mnist_tui.wording import capitalized, counted, noun

LISTED = 6
"""The most runs that the question before a deletion names."""
LEAST_ROWS, LIST_FRAME = 6, 4
"""The rows of the list that have room in any case, and the lines around them."""
ROOM_FOR_PREVIEW = 16
"""The lines below a short list from which the chosen run's curves and matrix are shown."""
READ_SECONDS = 1.0
NAMED = 3
"""The largest number of names in the hint about a filter that is being typed."""
WHOLE_EVERY = 10
"""Every tenth reading reads the files of all runs; the others read the files of live runs only."""
FILTER_HELP = "/ filters: words, hidden>200, lr<=0.001, accuracy>97, state=finished, dataset=fashion-mnist"


class RunFilter(Input):
    """The field for the filter; keys that move the cursor go to the list. While empty it says what can be typed."""

    HELP = """
    **Filter.** Terms joined by blanks must all hold. A term compares a parameter by its name on the command line
    (`hidden>200`, `lr<=0.001`, `optimizer=adam`, `ppc!=4`) or a figure (`accuracy>0.97`, `>97` or `>97%`, `f1`, `loss`,
    `val-accuracy`, `parameters`, `done`, `time` in seconds, `started>=2026-03`), or a text (`state=finished`,
    `preset=seed*`, `note=…`). Of several layers the largest counts. Any other word must stand in the row.
    The beginning of a name is enough (`acc > 97`), capitals and blanks around a sign do not matter.
    """
    BINDINGS = [
        *(
            bind(f"runs.filter-{key}", key, f"screen.table({action})", name, f"In the list: {about}", hidden=True)
            for key, action, name, about in (
                ("down", "'move', 1", "Down", "the row below"),
                ("up", "'move', -1", "Up", "the row above"),
                ("pagedown", "'page', 1", "Page down", "a page down"),
                ("pageup", "'page', -1", "Page up", "a page up"),
            )
        ),
        bind("runs.unfilter", "escape", "screen.clear", "Clear", "Clear the filter and go to the list"),
    ]

    def on_resize(self) -> None:
        examples = FILTER_HELP.split(", ")
        fitting = [text for n in range(len(examples)) if len(text := ", ".join(examples[: n + 1])) < self.size.width]
        self.placeholder = fitting[-1] if fitting else ""


class DeleteRunsQuestion(Question):
    """The question whether to delete runs; keeping them is the default."""

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
            "All files in the folder are deleted: log, weights, results, and the reports and tables exported into it. "
            "This cannot be undone.",
            title="Delete a run" if len(runs) == 1 else f"Delete {counted(len(runs), 'run')}",
        )


class RunsScreen(BenchScreen[None]):
    """The list of all runs.

    Attributes:
        runs: the runs that have been read so far, by id.
    """

    GUIDE = "screens#runs-and-comparing"
    CSS_PATH = "runs.tcss"
    TITLE = "Runs"
    AUTO_FOCUS = "RowTable"
    LISTS_RUNS = True
    MAIN = True
    KEPT = True
    HELP = """
    **Runs.** Enter opens a run: its training screen while it trains, else its results. Space marks a run; `o` compares
    the curves, parameters and scores of the marked runs, or, without marks, of the run and its other seeds. `v` shows
    runs that differ only in their seed as one row, mean ± standard deviation. `E` exports one report about the marked
    runs, with weights and tables of each; `O` opens it. `b` makes an ensemble of the marked runs. Name and note are
    yours; the run's folder keeps its name.
    """
    BINDINGS = [
        bind("runs.open", "enter", "open", "Open", "Watch it while it trains, else its results"),
        bind("runs.mark", "space", "mark", "Mark", "Mark the run, or its group, for comparing; or unmark it"),
        bind("runs.compare", "o", "compare", "Compare", "Compare the marked runs, or this one's seeds"),
        bind("runs.watch", "w", "show('training')", "Curves", "Its curves on the training screen", hidden=True),
        bind("runs.report", "r", "show('results')", "Results", "Scores, confusions, export", hidden=True),
        bind("runs.rename", "R", "rename", "Rename", "A name of your own for it", hidden=True),
        bind("runs.edit", "e", "edit", "Train again", "Its experiment in the editor: train it again with changes"),
        bind("runs.export", "E", "export", "Export", "Report over the marked runs, weights, tables"),
        bind("runs.open-report", "O", "open_report", "Open report", "The exported report", hidden=True),
        bind("runs.resume", "p", "resume", "Resume", "Go on with it from its checkpoint", hidden=True),
        bind("runs.ensemble", "b", "ensemble", "Ensemble…", "The mean of the marked runs' predictions, or their vote"),
        bind("runs.import", "i", "show('import')", "Import…", "A model or predictions from another program"),
        bind("runs.filter", "slash", "filter", "Filter", "Filter the list", display="/"),
        bind("runs.sort", "s", "sort", "Sort", "Sort by the next column"),
        bind("runs.reverse", "S", "reverse", "Reverse", "Sort the other way round", hidden=True),
        bind("runs.groups", "v", "groups", "Seeds", "Groups of seeds as one row, and back"),
        bind("runs.note", "n", "note", "Note", "A note of your own"),
        bind("runs.all", "a", "mark_all", "Mark all", "Mark all that are listed, or none", hidden=True),
        bind("runs.studies", "t", "show('studies')", "Studies", "Seeds, folds and sweeps", hidden=True),
        bind("runs.study", "T", "study", "Its study", "The study that the run belongs to", hidden=True),
        bind("runs.delete", "delete,x", "delete", "Delete", "Delete it, or the marked ones"),
        bind("runs.back", "escape", "clear", "Back", "Clear the filter; then back to where you were"),
    ]

    @dataclass
    class FoldersRead(Message):
        """Posted when a thread has read some of the folders; without a change, when it has read all of them."""

        change: Change | None

    table = getters.query_one(RowTable)
    terms = getters.query_one(RunFilter)
    wrong = getters.query_one("#wrong", Line)
    nothing = getters.query_one("#nothing", Line)
    details = getters.query_one("#details", Line)
    preview = getters.query_one(RunPreview)

    def __init__(self) -> None:
        super().__init__()
        self.runs: dict[str, RunSummary] = {}
        self._listed: list[RunSummary] = []
        self._marked: dict[str, None] = {}
        self._order = run_rows.NEWEST_FIRST
        self._matches = parse("")
        self._hint = ""
        self._grouped = False
        self._reads = 0
        self._is_reading = False
        self._possible = (0, "")
        self._skipped: tuple[SkippedEntry, ...] = ()

    def compose(self) -> ComposeResult:
        yield TabStrip()
        with Vertical(id="list", classes="pane -stacked") as pane:
            pane.border_title = pane_title("Runs", note="reading …")
            yield RunFilter(placeholder=FILTER_HELP, compact=True, id="filter")
            yield Line(id="wrong")
            yield RowTable()
            yield Line(id="nothing")
        with Vertical(id="chosen", classes="pane -stacked") as pane:
            pane.border_title = pane_title("Chosen run")
            yield Line(id="details")
            yield RunPreview()
        yield KeyFooter()

    def on_mount(self) -> None:
        self._listing = RunListing(self.app.options.runs_dir)
        self.read_again()
        self.set_interval(READ_SECONDS, self.read_again)

    def on_screen_resume(self) -> None:
        self.read_again(whole=True)

    def read_again(self, *, whole: bool = False) -> None:
        """Start to read the folders, unless a thread reads them already or the screen is not visible."""
        if self.is_current and not self._is_reading:
            self._is_reading = True
            self._read_folders(whole or self._reads % WHOLE_EVERY == 0)
            self._reads += 1

    @property
    def has_read_all(self) -> bool:
        """Whether all folders have been read once."""
        return self._reads > 1 or (self._reads == 1 and not self._is_reading)

    @work(thread=True, group="look", exit_on_error=False)
    def _read_folders(self, whole: bool) -> None:
        try:
            for change in self._listing.changes(whole=whole):
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
        if (change := message.change) is None:
            self._is_reading = False
            self._warn_of_skipped(self._listing.skipped)
        else:
            self.runs |= {run.run: run for run in change.runs}
            for run in change.gone:
                self.runs.pop(run, None)
                self._marked.pop(run, None)
        if change is not None or self._reads == 1:
            self._list()

    def _list(self) -> None:
        self._listed = run_rows.sorted_runs(filter(self._matches, self.runs.values()), self._order)
        rows = (
            run_rows.rows_of_groups(self._groups, self._marked)
            if self._grouped
            else run_rows.rows_of_runs(self._listed, self._marked)
        )
        reads_first = not self.has_read_all
        self.table.show(run_rows.columns_in(self.size.width), rows, self._order, more=reads_first)
        is_filtered = bool(self.terms.value.strip())
        shown = f"{len(self._listed):,} of {len(self.runs):,}" if is_filtered else f"{len(self.runs):,}"
        marked = f", {len(self._marked):,} marked" if self._marked else ""
        skipped = f", {counted(self._skipped, 'entry')} passed over" if self._skipped else ""
        hint = f" · {self._hint}" if self._hint else ""
        note = ("reading … " if reads_first else "") + shown + marked + skipped + hint
        self.query_one("#list").border_title = pane_title("Runs", note=note)
        self.query_one(KeyFooter).relabel("compare", f"Compare {len(self._marked):,}" if self._marked else "Compare")
        self.set_class(not rows, "-empty")
        self._share_room()
        reason = f"there are no runs in {self.app.options.runs_dir}; Esc, then t on a preset makes one"
        if self.runs:
            reason = "No run fits the filter; Esc clears it."
        self.nothing.say("" if rows or (self._is_reading and not self.runs) else reason)
        self._show_details()

    def on_resize(self) -> None:
        self.call_after_refresh(self._list)

    def _share_room(self) -> None:
        """Give the chosen run the room that the list does not need, and its preview if there is enough of it."""
        needed = max(LEAST_ROWS, len(self.table.keys)) + LIST_FRAME
        spare = self.size.height - needed
        is_roomy = spare >= ROOM_FOR_PREVIEW or self.has_class("-tall")
        self.set_class(is_roomy, "-roomy")
        self.query_one("#list").styles.max_height = needed if is_roomy else None

    def _warn_of_skipped(self, entries: Sequence[SkippedEntry]) -> None:
        if entries and set(entries) != set(self._skipped):
            first = "Not read: " + ", ".join(map(str, entries[:3])) + (" …" if len(entries) > 3 else "")
            count = "An entry" if len(entries) == 1 else counted(entries, "entry")
            self.notify(first, title=f"{count} of the runs folder passed over", severity="warning")
        self._skipped = tuple(entries)

    @property
    def _groups(self) -> list[run_rows.SeedGroup]:
        return run_rows.groups_of(self._listed)

    @property
    def chosen(self) -> Sequence[RunSummary]:
        """The run under the cursor, or the runs of its group; none if the list is empty."""
        key = self.table.chosen
        if self._grouped:
            return next((group.runs for group in self._groups if group.group == key), ())
        return (self.runs[key],) if key in self.runs else ()

    @property
    def ended_runs(self) -> list[RunFolder]:
        return [folder_of(run) for run in self._listed if run.state not in (*LIVE, DAMAGED)]

    def choose_run(self, folder: RunFolder) -> None:
        run = self.runs.get(folder.id)
        if run is not None:
            self.table.choose(run.group if self._grouped else run.run)

    @property
    def targets(self) -> list[RunSummary]:
        """The marked runs, else the chosen one."""
        return [self.runs[run] for run in sorted(self._marked) if run in self.runs] or list(self.chosen)

    @on(RowTable.CursorMoved)
    def _show_details(self) -> None:
        chosen = self.chosen
        lines: list[str] = []
        if len(chosen) > 1:
            lines = run_rows.group_lines(next(group for group in self._groups if group.group == self.table.chosen))
        elif chosen:
            lines = run_rows.run_lines(chosen[0])
        self.details.say(run_rows.emphasised(lines))
        if not chosen and self.runs:
            self.details.say("No run is chosen.")
        shown = chosen[0] if chosen and chosen[0].state != DAMAGED else None
        self.preview.show(folder_of(shown) if shown else None)
        possible = (len(chosen), chosen[0].state if chosen else "")
        if possible != self._possible:
            self._possible = possible
            self.refresh_bindings()

    @on(Input.Changed, "#filter")
    def _filtered(self, event: Input.Changed) -> None:
        self._hint = ""
        try:
            matches, problem = parse(event.value), ""
        except UnfinishedFilterError:
            problem = ""
        except RequestError as error:
            problem = f"{error}; the list is as before"
        else:
            names = begun_names(event.value)[:NAMED]
            if names and not any(map(matches, self.runs.values())):
                self._hint = f"{' or '.join(names)}: type >, < or = and a value"
                matches = parse(event.value.rpartition(" ")[0])
            self._matches = matches
        self._list()
        self.wrong.say(problem)
        self.wrong.set_class(bool(problem), "-shown")

    @on(Input.Submitted, "#filter")
    def _focus_list(self) -> None:
        self.table.focus()

    @on(RowTable.HeadClicked)
    def _sort_by(self, event: RowTable.HeadClicked) -> None:
        self._order = self._order.by(event.column)
        self._list()

    @on(RowTable.Marked)
    def action_mark(self) -> None:
        """Mark or unmark the chosen run or group."""
        self._mark(self.chosen)

    def action_mark_all(self) -> None:
        self._mark(self._listed)

    def _mark(self, runs: Sequence[RunSummary]) -> None:
        """Mark runs after the runs that are marked; if all of them are marked already, remove their marks."""
        marks = dict.fromkeys(run.run for run in runs)
        if marks.keys() <= self._marked.keys():
            self._marked = {run: None for run in self._marked if run not in marks}
        else:
            self._marked |= marks
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
        """Clear the filter; if there is none, go back."""
        if self.terms.value or self.terms.has_focus:
            self.terms.value = ""
            self.table.focus()
        else:
            self.app.back()

    def action_table(self, action: str, by: int) -> None:
        """Move the cursor of the list while the filter has the focus."""
        getattr(self.table, f"action_{action}")(by)

    @on(RowTable.Opened)
    def action_open(self) -> None:
        """Open the chosen run; compare the runs of a group."""
        chosen = self.chosen
        if len(chosen) > 1:
            self.app.show(Route("compare", summaries=_by_age(chosen)))
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
        else:
            self.app.show(Route("compare", summaries=runs))

    def action_ensemble(self) -> None:
        """Combine the marked runs in their order."""
        marked = [self.runs[run] for run in self._marked if run in self.runs]
        self.app.show(Route("ensemble", summaries=marked))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if not self.is_mounted:
            return True
        chosen = self.chosen
        one = chosen[0] if len(chosen) == 1 else None
        if action == "show":
            action = str(parameters[0])
        if action == "ensemble":
            return sum(run in self.runs for run in self._marked) > 1
        if action == "edit":
            return bool(chosen) and not (one and one.origin)
        if action in {"open", "mark", "mark_all", "compare", "delete", "export"}:
            return bool(chosen)
        if action in {"note", "rename", "training", "study"}:
            return one is not None
        if action == "results":
            return one is not None and one.state not in (*LIVE, DAMAGED)
        if action == "resume":
            return one is not None and one.state in RESUMABLE
        return action != "open_report" or bool(self.targets)

    def refuse(self, action: str, parameters: tuple[object, ...]) -> bool:
        if action != "ensemble":
            return False
        self.notify("Mark two runs or more with Space, then b combines them.", title="Nothing to combine")
        return True

    def action_show(self, name: str) -> None:
        """Show a screen about the chosen run, or the list of studies."""
        self.app.show(Route(name, run=folder_of(self.chosen[0]) if self.chosen else None))

    def action_export(self) -> None:
        """Export the marked runs, else the chosen ones, in one report; live and damaged runs are refused."""
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
        report = next(filter(None, map(report_in, places)), None)
        if report is None:
            export = key_of("runs.export", RunsScreen, self.app.settings.keys)
            self._refuse("has no report yet", f"There is none in {places[0]}; {export} exports one.")
        else:
            show(self.app, report, "Report")

    def action_edit(self) -> None:
        edit_again(self.app, folder_of(self.chosen[0]))

    def action_study(self) -> None:
        """Show the study of the chosen run, with the cursor on the run's trial."""
        from mnist_tui.studies.folder import find_study

        folder = folder_of(self.chosen[0])
        try:
            study = folder.launch().study
            if not study:
                raise RunError(f"run {folder.id} was trained on its own")
            self.app.show(Route("study", study=find_study(self.app.options.runs_dir, study), run=folder))
        except (RequestError, TypeError) as error:
            self._refuse("belongs to no study", str(error))

    def action_resume(self) -> None:
        resume(self.app, folder_of(self.chosen[0]))
        self.read_again()

    def action_note(self) -> None:
        self._ask("note", "Note", "What you want to remember of this run; the filter note=word finds it.", LONGEST_NOTE)

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
            self.read_again()

        screen = TextScreen(
            f"{title} of {run.run}", about, getattr(label, field), problem=too_long(longest), keep="Save"
        )
        self.app.push_screen(screen, save)

    def action_delete(self) -> None:
        """Delete the marked runs, else the chosen ones, but no live runs. Several runs are never deleted unasked."""
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
        """Return the targets that have ended; warn about live ones."""
        live = [f"{run.run} ({run.state})" for run in self.targets if run.state in LIVE]
        if live:
            self._refuse(refused, f"{capitalized(noun(live, 'run', 'runs'))} {', '.join(live[:3])}: {why}")
        return [run for run in self.targets if run.state not in LIVE]

    @work(thread=True, group="delete", exit_on_error=False)
    def _delete(self, runs: Sequence[RunSummary]) -> None:
        for run in runs:
            try:
                delete_run(folder_of(run))
            except RunError as error:
                self.app.call_from_thread(self._refuse, "is not deleted", str(error))
            else:
                self.app.call_from_thread(self.app.close_run, folder_of(run))
        self.app.call_from_thread(self.read_again)

    def _refuse(self, what: str, why: str) -> None:
        self.notify(why, title=f"The run {what}", severity="warning", timeout=10)


def _by_age(runs: Sequence[RunSummary]) -> list[RunSummary]:
    return sorted(runs, key=lambda run: (run.started, run.run))
