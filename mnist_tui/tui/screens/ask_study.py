"""Asks before a study of very many trials is started, before one is stopped, and before one is deleted."""

from __future__ import annotations

from collections.abc import Iterable

from textual.binding import Binding
from textual.widget import Widget
from textual.widgets import Button, Static

from mnist_tui.tui.screens.dialog import DialogScreen
from mnist_tui.tui.study_watch import StudySnapshot
from mnist_tui.wording import counted


class AskManyScreen(DialogScreen[bool]):
    """Whether to start a study of very many trials; thinking again is the default.

    Args:
        sentence: how many, and what of: ``40 × 30 values = 1,200 trials``.
    """

    TITLE = "Start so many trials?"
    HELP = """
    **Very many trials.** Each is a training of its own. A random or tpe search finds good values with far fewer.
    """
    BINDINGS = [
        Binding("s,y", "start", "Start", tooltip="Start them all", id="ask-many.start"),
        Binding("escape,k,n", "keep", "Back", tooltip="Back to the form", id="ask-many.keep"),
    ]

    def __init__(self, sentence: str) -> None:
        super().__init__()
        self._sentence = sentence

    def body(self) -> Iterable[Widget]:
        yield Static(self._sentence, markup=False)
        yield Static("Each is a training of its own. A random or tpe search needs fewer.", markup=False)

    def buttons(self) -> Iterable[Button]:
        yield Button("Bac[u]k[/u]", variant="primary", id="keep")
        yield Button("[u]S[/u]tart", variant="warning", id="start")

    def action_start(self) -> None:
        self.dismiss(True)

    def action_keep(self) -> None:
        self.dismiss(False)


class AskStopScreen(DialogScreen[bool]):
    """Whether to stop a study; letting it go on is the default.

    Args:
        snapshot: the study as it is now.
    """

    TITLE = "Stop this study?"
    HELP = """
    **Stopping a study.** Trials under way stop and save, and count as missing; those that have ended are kept. `r`, or
    the same command again, trains what is missing.
    """
    BINDINGS = [
        Binding("x,s,y", "stop", "Stop", tooltip="Stop it now", id="ask-stop.stop"),
        Binding("escape,k,n", "keep", "Go on", tooltip="Let it go on", id="ask-stop.keep"),
    ]

    def __init__(self, snapshot: StudySnapshot) -> None:
        super().__init__()
        self._snapshot = snapshot

    def body(self) -> Iterable[Widget]:
        study = self._snapshot.study
        running, done = study.count("running"), study.done
        planned = max(study.trials, len(study.rows))
        yield Static(f"{study.title}\n{done:,} of {counted(planned, 'trial')} ended, {running:,} running", markup=False)
        if self._snapshot.word == "stopping":
            yield Static("It is stopping already. Once more ends it at once: running trials are lost.", markup=False)
        else:
            yield Static("Running trials stop and count as missing; resuming trains what is missing.", markup=False)

    def buttons(self) -> Iterable[Button]:
        yield Button("[u]K[/u]eep going", variant="primary", id="keep")
        yield Button("[u]S[/u]top", variant="warning", id="stop")

    def action_stop(self) -> None:
        self.dismiss(True)

    def action_keep(self) -> None:
        self.dismiss(False)


class AskDeleteStudyScreen(DialogScreen[str]):
    """What goes of a study: nothing ("keep", the default), the study alone ("study"), or its runs too ("runs").

    Args:
        title: the study's.
        runs: how many runs it has.
    """

    TITLE = "Delete this study?"
    HELP = """
    **Deleting a study.** The study alone: its table and log go, its runs stay in the list of runs. With its runs: their
    folders go too, with weights, results and exports. Neither can be undone.
    """
    BINDINGS = [
        Binding("d", "study", "Study alone", tooltip="Delete the study, keep its runs", id="ask-study.study"),
        Binding("a", "runs", "All", tooltip="Delete the study and all its runs", id="ask-study.runs"),
        Binding("escape,k,n", "keep", "Keep", tooltip="Keep it", id="ask-study.keep"),
    ]

    def __init__(self, title: str, runs: int) -> None:
        super().__init__()
        self._title, self._runs = title, runs

    def body(self) -> Iterable[Widget]:
        yield Static(f"{self._title}\n{counted(self._runs, 'run')}", markup=False)
        yield Static("The study alone, or also its runs with weights, results and exports?", markup=False)

    def buttons(self) -> Iterable[Button]:
        yield Button("[u]K[/u]eep", variant="primary", id="keep")
        yield Button("Stu[u]d[/u]y alone", variant="warning", id="study")
        yield Button("[u]A[/u]ll", variant="error", id="runs")

    def action_study(self) -> None:
        self.dismiss("study")

    def action_runs(self) -> None:
        self.dismiss("runs")

    def action_keep(self) -> None:
        self.dismiss("keep")
