"""The part of the app that shows studies: their screens, and which of them are followed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual.screen import Screen

from mnist_tui.tui.terminal.terminal_app import NOTICE_SECONDS, TerminalApp

if TYPE_CHECKING:
    from mnist_tui.experiment.presets import Preset
    from mnist_tui.runs.folder import RunFolder
    from mnist_tui.studies.folder import StudyFolder
    from mnist_tui.tui.study_feed import StudiesFollowed, StudyFeed


class StudiesApp(TerminalApp):
    """Shows studies.

    Attributes:
        origin: the study from which the run that is shown was opened; None where it was opened elsewhere.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.origin: StudyFolder | None = None
        self._studies: StudiesFollowed | None = None

    @property
    def studies(self) -> StudiesFollowed:
        """The studies whose end is told on any screen."""
        if self._studies is None:
            from mnist_tui.tui.study_feed import StudiesFollowed

            self._studies = StudiesFollowed(self)
        return self._studies

    def _go(self, screen: Screen[Any], origin: StudyFolder | None = None) -> None:
        """Shows a screen in place of all present ones."""
        raise NotImplementedError

    def watch_run(self, folder: RunFolder) -> None:
        """The training screen, on any run."""
        raise NotImplementedError

    def show_results(self, folder: RunFolder) -> None:
        """The results of a run that has ended."""
        raise NotImplementedError

    def study_screen(self, folder: StudyFolder, run: str = "") -> Screen[Any]:
        """The screen of a study, with the trial of that run chosen."""
        from mnist_tui.tui.studies.screen import StudyScreen

        feed = self.studies.feed(folder)
        if run:
            feed.choose(run)
        return StudyScreen(feed)

    def show_study(self, folder: StudyFolder, run: str = "") -> None:
        """A study, with the trial of that run chosen; over the list that it was opened from."""
        if getattr(self.screen, "LEADS_TO_RUNS", False):
            self.push_screen(self.study_screen(folder, run))
        else:
            self._go(self.study_screen(folder, run))

    def show_studies(self) -> None:
        """The list of all studies."""
        from mnist_tui.tui.studies.list_screen import StudiesScreen

        self._go(StudiesScreen())

    def show_sweep(self, preset: Preset) -> None:
        """The form of a sweep that starts from `preset`, over the present screen."""
        from mnist_tui.tui.sweep.screen import SweepScreen

        self.push_screen(SweepScreen(preset))

    def show_trial(self, study: StudyFolder, folder: RunFolder, *, live: bool) -> None:
        """One of a study's runs, live or its results; the way back leads to the study."""
        self.origin = study
        if live:
            self.watch_run(folder)
        else:
            self.show_results(folder)

    def back_to_study(self) -> None:
        """From a run back to the study that it was opened from, as it was left."""
        from mnist_tui.tui.studies.screen import StudyScreen

        if self.origin is None:
            return
        if not any(isinstance(screen, StudyScreen) for screen in self.screen_stack):
            self.show_study(self.origin)
        while not isinstance(self.screen, StudyScreen):
            self.pop_screen()

    def on_study_feed_changed(self, message: StudyFeed.Changed) -> None:
        """A followed study has moved on: it is told, on any screen, when it has ended."""
        message.stop()
        if self.studies.has_ended(message.feed):
            from mnist_tui.tui.studies.words import ended

            snapshot = message.feed.snapshot
            good = snapshot.word in {"finished", "stopped"}
            self.notify(
                ended(snapshot.study.title or message.feed.folder.id, snapshot),
                title="Study ended",
                severity="information" if good else "error",
                timeout=NOTICE_SECONDS,
                markup=False,
            )
            if self.settings.bell:
                self.bell()

    def on_unmount(self) -> None:
        if self._studies is not None:
            self._studies.leave_all()
