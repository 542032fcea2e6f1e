"""What is done with a study and its trials: opened, edited, compared, exported, stopped, resumed. The table is a
subclass's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from textual import work

from mnist_tui.experiment.problem import RequestError
from mnist_tui.runs.collection.summaries import RunSummary
from mnist_tui.runs.folder import RunFolder
from mnist_tui.studies.state import TrialRow
from mnist_tui.tui.bench import BenchScreen, Route
from mnist_tui.tui.dialogs import Answer, Question, answer_keys
from mnist_tui.tui.study_feed import StudyFeed
from mnist_tui.tui.study_watch import StudySnapshot
from mnist_tui.tui.terminal.keyboard import TAKES_KEYBOARD
from mnist_tui.wording import counted

NOTICE_SECONDS = 12
RESUMABLE = ("stopped", "failed", "crashed")


class StopStudyQuestion(Question):
    """Whether to stop a study; letting it go on is the default."""

    TITLE = "Stop this study?"
    HELP = """
    **Stopping a study.** Trials under way stop and save, and count as missing; those that have ended are kept. `r`, or
    the same command again, trains what is missing.
    """
    ANSWERS = (
        Answer("keep", "escape,k,n", "Keep going", "Let it go on", "primary"),
        Answer("stop", "x,s,y", "Stop", "Stop it now", "warning"),
    )
    BINDINGS = answer_keys("ask-stop", ANSWERS)

    def __init__(self, snapshot: StudySnapshot) -> None:
        study = snapshot.study
        planned = counted(max(study.trials, len(study.rows)), "trial")
        what = "Running trials stop and count as missing; resuming trains what is missing."
        if snapshot.state == "stopping":
            what = "It is stopping already. Once more ends it at once: running trials are lost."
        super().__init__(f"{study.title}\n{study.done:,} of {planned} ended, {study.count('running'):,} running", what)


class DeleteStudyQuestion(Question):
    """What to delete of a study: nothing (the default), the study alone, or its runs too."""

    TITLE = "Delete this study?"
    HELP = """
    **Deleting a study.** The study alone: its table and log go, its runs stay in the list of runs. With its runs: their
    folders go too, with weights, results and exports. Neither can be undone.
    """
    ANSWERS = (
        Answer("keep", "escape,k,n", "Keep", "Keep it", "primary"),
        Answer("study", "d", "Study alone", "Delete the study, keep its runs", "warning"),
        Answer("runs", "a", "All", "Delete the study and all its runs", "error"),
    )
    BINDINGS = answer_keys("ask-study", ANSWERS)

    def __init__(self, title: str, runs: int) -> None:
        super().__init__(
            f"{title}\n{counted(runs, 'run')}", "The study alone, or also its runs with weights, results and exports?"
        )


class StudyActions(BenchScreen[None]):
    """Acts on a study, on the trial under its table's cursor, or on the marked ones.

    Args:
        feed: the study's.
    """

    def __init__(self, feed: StudyFeed) -> None:
        super().__init__()
        self.feed = feed

    @property
    def snapshot(self) -> StudySnapshot:
        """The study as it was last seen."""
        return self.feed.snapshot

    @property
    def chosen(self) -> TrialRow | None:
        """The trial under the cursor; of a point its best, else its first."""
        raise NotImplementedError

    @property
    def targets(self) -> Sequence[TrialRow]:
        """The marked trials in the order of their marks, else those of the chosen row, in a study of seeds all."""
        raise NotImplementedError

    def may(self, action: str) -> bool:
        """Whether one of these actions means something now."""
        chosen, snapshot = self.chosen, self.snapshot
        match action:
            case "open" | "edit":
                return chosen is not None
            case "compare":
                return len(self.snapshot.study.rows) > 1
            case "export":
                return bool(self.targets)
            case "stop":
                return snapshot.live
            case "resume":
                return snapshot.state in RESUMABLE or (snapshot.state == "finished" and bool(self._missing))
            case "copy":
                return snapshot.asked is not None and bool(snapshot.asked.command)
            case _:
                return True

    @property
    def _missing(self) -> list[TrialRow]:
        return [row for row in self.snapshot.study.rows if not row.settled]

    def folder_of(self, row: TrialRow) -> RunFolder | None:
        """The folder of the trial's run; None where it has none (any more)."""
        if not row.run:
            return None
        folder = self.feed.folder.run(row.run)
        return folder if folder.experiment_file.is_file() else None

    def action_open(self) -> None:
        """The run's training screen while it trains, else its results; the way back leads here."""
        row = self.chosen
        if row is None:
            return
        folder = self.folder_of(row)
        if folder is None:
            self._refuse(f"Trial #{row.number}", _no_run(row))
        else:
            self.app.show(
                Route("training" if row.state == "running" else "results", run=folder, study=self.feed.folder)
            )

    def action_edit(self) -> None:
        """The trial's experiment in the editor, that of its run or, before it has one, as it was planned."""
        row = self.chosen
        if row is None:
            return
        try:
            folder = self.folder_of(row)
            if folder is not None:
                self.app.show(Route("editor", preset=folder.preset()))
            else:
                from mnist_tui.studies.trials import with_values

                base = with_values(self.feed.folder.bases()[row.base], row.values)
                training = base.experiment.training.model_copy(update={"seed": row.seed})
                experiment = base.experiment.model_copy(update={"training": training})
                self.app.show(Route("editor", preset=replace(base, experiment=experiment)))
        except (RequestError, KeyError) as error:
            self._refuse(f"Trial #{row.number} cannot be edited", str(error))

    def action_compare(self) -> None:
        """The targets if they are several; else the trials of the chosen one's seeds, of a study of seeds all."""
        rows = list(self.targets)
        if len(rows) < 2 and (chosen := self.chosen) is not None:
            rows = [row for row in self.snapshot.study.rows if row.point == chosen.point]
        folders = [folder for row in rows if (folder := self.folder_of(row)) is not None]
        if len(folders) < 2:
            self.notify("Mark two trials or more with Space, then o compares them.", title="Nothing to compare with")
            return
        self._compare(folders)

    @work(thread=True, group=TAKES_KEYBOARD, exclusive=True, exit_on_error=False)
    def _compare(self, folders: Sequence[RunFolder]) -> None:
        from mnist_tui.runs.collection.summaries import summary_of

        found: list[RunSummary] = []
        for folder in folders:
            try:
                found.append(summary_of(folder))
            except (RequestError, OSError, TypeError) as error:
                self.app.call_from_thread(self._refuse, f"{folder.id} is left out", str(error))
        if len(found) > 1:
            self.app.call_from_thread(self._show_compared, found)

    def _show_compared(self, found: Sequence[RunSummary]) -> None:
        if self.is_current:
            self.app.show(Route("compare", summaries=found))

    def action_export(self) -> None:
        """One report over the targets that have ended, with weights and tables of each."""
        ended = [row for row in self.targets if row.state not in {"running", "waiting"}]
        folders = [folder for row in ended if (folder := self.folder_of(row)) is not None]
        if not folders:
            self._refuse("Nothing to export", "None of these trials has ended with a run that is still there.")
            return
        self.app.show(Route("export", runs=folders))

    def action_copy(self) -> None:
        from mnist_tui.tui.terminal.clipboard import copy

        asked = self.snapshot.asked
        if asked is not None:
            copy(self.app, asked.command, self.feed.folder.path / "copied-command.txt")

    def action_stop(self) -> None:
        """Asks first, unless the settings say otherwise."""
        if not self.app.settings.confirm:
            self._stop("stop")
        else:
            self.app.push_screen(StopStudyQuestion(self.snapshot), self._stop)

    def _stop(self, answer: str | None) -> None:
        if answer == "stop":
            self._order("stop")

    def action_resume(self) -> None:
        self._order("resume")

    @work(thread=True, group="order", exit_on_error=False)
    def _order(self, what: str) -> None:
        from mnist_tui.studies import start

        app, folder = self.app, self.feed.folder
        try:
            at_once = (start.stop if what == "stop" else start.resume)(folder)
        except (RequestError, OSError) as error:
            app.call_from_thread(self._refuse, f"The study cannot {what}", str(error))
            return
        said = "it goes on"
        if what == "stop":
            how = "are lost" if at_once else "save and count as missing"
            said = f"asked to stop{' at once' if at_once else ''}; trials under way {how}"
        app.call_from_thread(app.notify, said, title="Study", timeout=4, markup=False)
        if what == "resume":
            app.call_from_thread(app.studies.resumed, folder)

    def _refuse(self, title: str, why: str) -> None:
        self.notify(why, title=title, severity="warning", timeout=NOTICE_SECONDS, markup=False)


def _no_run(row: TrialRow) -> str:
    if row.deleted or row.run:
        return "Its run was deleted; what is known of it is in the table."
    if row.state == "waiting":
        return "It waits for a worker and has no run yet."
    return f"It has no run{': ' + row.reason if row.reason else ''}."
