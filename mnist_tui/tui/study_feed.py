"""One study as its screens see it: the newest snapshot, and how the person looks at it."""

from __future__ import annotations

from dataclasses import replace

from textual.message import Message

from mnist_tui.studies.folder import StudyFolder
from mnist_tui.studies.watch import StudySnapshot, StudyWatch
from mnist_tui.tui.feed import FolderFeed
from mnist_tui.tui.studies.trial_rows import StudyView


class StudyFeed(FolderFeed[StudySnapshot]):
    """Follows a study as long as it has viewers, and keeps how the person looks at it."""

    class StudyChanged(Message):
        """The study has changed."""

        def __init__(self, feed: StudyFeed) -> None:
            super().__init__()
            self.feed = feed

    def __init__(self, folder: StudyFolder) -> None:
        super().__init__(StudySnapshot(folder))
        self.folder = folder
        self.view = StudyView()

    def _watch(self) -> StudyWatch:
        return StudyWatch(self.folder)

    def _changed(self) -> Message:
        return self.StudyChanged(self)

    def choose(self, run: str) -> None:
        """Choose the trial of a run, once the trial is there."""
        self.view = replace(self.view, wanted=run)
