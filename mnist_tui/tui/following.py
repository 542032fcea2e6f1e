"""The runs and studies that the app follows, so that their end is announced on any screen."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from textual.message_pump import MessagePump

from mnist_tui.runs.process_folder import ProcessFolder
from mnist_tui.runs.watch import RunSnapshot
from mnist_tui.tui.feed import RunFeed
from mnist_tui.wording import counted, percent

if TYPE_CHECKING:
    from mnist_tui.tui.studies.trial_rows import StudyFeed

FeedT = TypeVar("FeedT", RunFeed, "StudyFeed")


class Followed(Generic[FeedT]):
    """Follows runs or studies until each has ended.

    Args:
        viewer: gets the messages of every feed that is followed.
        make_feed: makes the feed of a folder.
        feeds: keeps the feeds, by the folder's path: for good, or, with weak references, while a screen shows them.
    """

    def __init__(
        self, viewer: MessagePump, make_feed: Callable[[Any], FeedT], feeds: MutableMapping[Path, FeedT]
    ) -> None:
        self._viewer, self._make_feed, self._feeds = viewer, make_feed, feeds
        self._followed: dict[Path, FeedT] = {}
        self._lived: set[Path] = set()
        self._resumed: set[Path] = set()

    def feed(self, folder: ProcessFolder) -> FeedT:
        """Return the folder's feed: the same one for every screen that shows it at a time."""
        feed = self._feeds.get(folder.path)
        if feed is None:
            self._feeds[folder.path] = feed = self._make_feed(folder)
        return feed

    def follow(self, folder: ProcessFolder, *, resumed: bool = False) -> FeedT:
        """Return the folder's feed, and tell the viewer of it from now on, until it has ended.

        Args:
            resumed: whether it goes on although it was last seen ended.
        """
        feed = self.feed(folder)
        if resumed:
            self._resumed.add(folder.path)
        if folder.path not in self._followed:
            self._followed[folder.path] = feed
            feed.join(self._viewer)
        return feed

    def forget(self, folder: ProcessFolder) -> None:
        """Tell the viewer no more of a folder that is to be deleted, nor of its end."""
        self._lived.discard(folder.path)
        self._leave(folder.path)
        self._feeds.pop(folder.path, None)

    def has_ended(self, feed: FeedT) -> bool:
        """Return whether it lived when it was last seen and has ended since; then it is no longer followed."""
        path = feed.folder.path
        if not feed.read:
            return False
        if feed.snapshot.live:
            self._lived.add(path)
            self._resumed.discard(path)
            return False
        if path in self._resumed:
            return False
        lived = path in self._lived
        self._lived.discard(path)
        self._leave(path)
        return lived

    @property
    def followed(self) -> list[FeedT]:
        """The feeds that are followed."""
        return list(self._followed.values())

    def leave_all(self) -> None:
        """Follow nothing any more."""
        for path in tuple(self._followed):
            self._leave(path)

    def _leave(self, path: Path) -> None:
        if (feed := self._followed.pop(path, None)) is not None:
            feed.leave(self._viewer)


def end_of(name: str, snapshot: RunSnapshot) -> str:
    """Return a sentence that says how a run ended."""
    ended = snapshot.run.ended
    scores = f", test accuracy {percent(ended.test_accuracy)}" if ended and ended.test_accuracy is not None else ""
    reason = f": {snapshot.reason}" if snapshot.reason else ""
    epochs = len(snapshot.run.history)
    after = f" after {counted(epochs, 'epoch')}" if epochs else ""
    return f"{name} ({snapshot.folder.id}) {snapshot.state}{after}{scores}{reason}"
