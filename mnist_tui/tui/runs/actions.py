"""What is done with a run of a list: opened, resumed, edited, exported, labelled, deleted. The list is a subclass's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from textual import work
from textual.binding import Binding

from mnist_tui.experiment.problem import RequestError
from mnist_tui.runs.collection.summaries import RunSummary
from mnist_tui.runs.folder import RunError, RunFolder
from mnist_tui.runs.library import delete_run
from mnist_tui.runs.names_and_notes import LONGEST_NAME, LONGEST_NOTE, Label, read_label, write_label
from mnist_tui.runs.state import DAMAGED, LIVE, RESUMABLE
from mnist_tui.tui import run_commands
from mnist_tui.tui.bench import Bench, BenchScreen, Route
from mnist_tui.tui.dialogs import Answer, Question, TextScreen, answer_keys, too_long
from mnist_tui.wording import counted

LISTED = 6
"""Runs that are named before they are deleted."""


class DeleteRunsQuestion(Question):
    """Whether to delete runs; keeping them is the default."""

    HELP = "**Deleting runs.** Their folders go with all files: log, weights, results, exports. It cannot be undone."
    ANSWERS = (
        Answer("delete", "d,y", "Delete", "Delete them with all their files", "error"),
        Answer("keep", "escape,k,n", "Keep", "Keep them", "primary"),
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


class RunActions(BenchScreen[None]):
    """Acts on the run under a list's cursor, or on the marked ones."""

    BINDINGS = [
        Binding("enter", "open", "Open", tooltip="Watch it while it trains, else its results", id="runs.open"),
        Binding("w", "watch", "Curves", tooltip="Its curves on the training screen", id="runs.watch", show=False),
        Binding("r", "report", "Results", tooltip="Scores, confusions, export", id="runs.report", show=False),
        Binding("R", "rename", "Rename", tooltip="A name of your own for it", id="runs.rename", show=False),
        Binding("e", "edit", "Edit", tooltip="Its experiment in the editor, as a new one", id="runs.edit", show=False),
        Binding("E", "export", "Export", tooltip="Report over the marked runs, weights, tables", id="runs.export"),
        Binding("O", "open_report", "Open report", tooltip="The exported report", id="runs.open-report", show=False),
        Binding("p", "resume", "Resume", tooltip="Go on with it from its checkpoint", id="runs.resume", show=False),
    ]

    @property
    def chosen(self) -> Sequence[RunSummary]:
        """The run under the cursor, or the runs of its group; none where the list is empty."""
        raise NotImplementedError

    @property
    def targets(self) -> Sequence[RunSummary]:
        """The marked runs, else the chosen ones."""
        raise NotImplementedError

    def look_again(self) -> None:
        """Has the list follow what was done to a run."""
        raise NotImplementedError

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Which keys mean something for what is chosen."""
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

    def open_run(self) -> None:
        """The chosen run's screen: training while it lives, else its results."""
        if self.chosen and self.chosen[0].state == DAMAGED:
            self._refuse("cannot be opened", self.chosen[0].damaged)
        elif self.chosen:
            open_run(self.app, self.chosen[0])

    def action_watch(self) -> None:
        self.app.show(Route("training", run=folder_of(self.chosen[0])))

    def action_report(self) -> None:
        self.app.show(Route("results", run=folder_of(self.chosen[0])))

    def action_export(self) -> None:
        """Exports the marked runs, else the chosen, with one report over all; none that lives."""
        ended = [run for run in self._ended("is not exported", "it can be once it has ended") if self._whole(run)]
        if ended:
            by_age = sorted(ended, key=lambda run: (run.started, run.run))
            self.app.show(Route("export", runs=[folder_of(run) for run in by_age]))

    def action_open_report(self) -> None:
        """The report over several marked runs, where those are exported; else the one among the run's own exports."""
        from mnist_tui.tui.export.request import default_folder, report_in
        from mnist_tui.tui.terminal.keymap import key_of
        from mnist_tui.tui.terminal.opener import show

        places = [default_folder([folder_of(run) for run in runs]) for runs in (self.targets, self.chosen) if runs]
        found = next(filter(None, map(report_in, places)), None)
        if found is None:
            export = key_of("runs.export", RunActions, self.app.settings.keys)
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
        """The study that the chosen run is a trial of, with that trial chosen; says where it is none's."""
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
        run_commands.resume(self.app, folder_of(self.chosen[0]))
        self.look_again()

    def action_note(self) -> None:
        self._ask("note", "Note", "What you want to remember of this run; `note=` in a filter finds it.", LONGEST_NOTE)

    def action_rename(self) -> None:
        self._ask("name", "Name", "Shown in place of the preset's name; its folder keeps its own.", LONGEST_NAME)

    def _ask(self, field: str, title: str, about: str, longest: int) -> None:
        run = self.chosen[0]
        label = read_label(folder_of(run))

        def keep(text: str | None) -> None:
            if text is not None:
                changed = Label(text, label.note) if field == "name" else Label(label.name, text)
                self._label(run, changed)

        self.app.push_screen(
            TextScreen(f"{title} of {run.run}", about, getattr(label, field), problem=too_long(longest)), keep
        )

    def _label(self, run: RunSummary, label: Label) -> None:
        try:
            write_label(folder_of(run), label)
        except RunError as error:
            self._refuse("is not labelled", str(error))
        self.look_again()

    def action_delete(self) -> None:
        """Deletes the marked runs, else the chosen; none that lives. Several are always asked about."""
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
        """The targets that have ended; says of the others that and why they are left out."""
        live = [run for run in self.targets if run.state in LIVE]
        if live:
            some = ", ".join(f"{run.run} ({run.state})" for run in live[:3])
            self._refuse(refused, f"{some}: {why}")
        return [run for run in self.targets if run.state not in LIVE]

    def _whole(self, run: RunSummary) -> bool:
        """Whether the run can be exported; says of a damaged one that it is left out."""
        if run.state == DAMAGED:
            self._refuse("is not exported", f"{run.run}: {run.damaged}")
        return run.state != DAMAGED

    @work(thread=True, group="delete", exit_on_error=False)
    def _delete(self, runs: Sequence[RunSummary]) -> None:
        for run in runs:
            try:
                delete_run(folder_of(run))
            except RunError as error:
                self.app.call_from_thread(self._refuse, "is not deleted", str(error))
        self.app.call_from_thread(self.look_again)

    def _refuse(self, what: str, why: str) -> None:
        self.notify(why, title=f"The run {what}", severity="warning", timeout=10, markup=False)


def open_run(app: Bench, run: RunSummary) -> None:
    """A run's screen: training while it lives, else its results."""
    if run.state in LIVE:
        app.show(Route("training", run=folder_of(run)))
    else:
        app.show(Route("results", run=folder_of(run)))


def folder_of(run: RunSummary) -> RunFolder:
    return RunFolder(Path(run.folder))
