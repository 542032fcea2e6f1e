"""One study as its screens see it: the newest snapshot, and how it is looked at. One thread reads the folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from textual.message import Message
from textual.message_pump import MessagePump

from mnist_tui.studies.folder import StudyFolder
from mnist_tui.tui.feed import FolderFeed
from mnist_tui.tui.studies.trial_rows import StudyView
from mnist_tui.tui.study_watch import StudySnapshot, StudySnapshots


class StudyFeed(FolderFeed[StudySnapshot]):
    """Follows a study for as long as someone looks.

    Attributes:
        view: how it is looked at.
    """

    class StudyChanged(Message):
        """The study is no longer as it was."""

        def __init__(self, feed: StudyFeed) -> None:
            super().__init__()
            self.feed = feed

    def __init__(self, folder: StudyFolder) -> None:
        super().__init__(StudySnapshot(folder))
        self.folder = folder
        self.view = StudyView()

    def _watch(self) -> StudySnapshots:
        return StudySnapshots(self.folder)

    def _changed(self) -> Message:
        return self.StudyChanged(self)

    def choose(self, run: str) -> None:
        """The trial of that run is to be chosen, once it is there."""
        self.view = replace(self.view, wanted=run)


class StudiesFollowed:
    """The studies that this app has shown: one feed each, read on while they live, so that their end is noticed.

    Args:
        viewer: gets `StudyFeed.StudyChanged` of every study that is followed.
    """

    def __init__(self, viewer: MessagePump) -> None:
        self._viewer = viewer
        self._feeds: dict[Path, StudyFeed] = {}
        self._live: dict[Path, bool] = {}
        self._joined: set[Path] = set()
        self._resumed: set[Path] = set()

    def feed(self, folder: StudyFolder) -> StudyFeed:
        """The study's feed, followed from now on: the same one for every screen."""
        feed = self._feeds.setdefault(folder.path, StudyFeed(folder))
        if folder.path not in self._joined:
            self._joined.add(folder.path)
            feed.join(self._viewer)
        return feed

    def resumed(self, folder: StudyFolder) -> None:
        """The study goes on, though what was seen of it last was its end."""
        self._resumed.add(folder.path)
        self.feed(folder)

    def has_ended(self, feed: StudyFeed) -> bool:
        """Whether the study lived when it was last looked at and does not any more; then it is no longer followed."""
        path = feed.folder.path
        if not feed.read:
            return False
        lived, self._live[path] = self._live.get(path, False), feed.snapshot.live
        if feed.snapshot.live:
            self._resumed.discard(path)
            return False
        if path in self._resumed:
            return False
        self.leave(path)
        return lived

    def forget(self, folder: StudyFolder) -> None:
        """The study is to be deleted: nothing more is told of it."""
        self._live[folder.path] = False
        self.leave(folder.path)
        self._feeds.pop(folder.path, None)

    @property
    def live(self) -> list[StudyFolder]:
        """Those whose process lived when they were last looked at."""
        return [feed.folder for path, feed in self._feeds.items() if path in self._joined and feed.snapshot.live]

    def leave(self, path: Path) -> None:
        """Stops following one."""
        if path in self._joined:
            self._joined.discard(path)
            self._feeds[path].leave(self._viewer)

    def leave_all(self) -> None:
        """Nothing is followed any more."""
        for path in tuple(self._joined):
            self.leave(path)
