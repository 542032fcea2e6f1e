"""Feeds: the newest snapshot of a folder that another process writes, read by one thread for all screens."""

from __future__ import annotations

import threading
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from textual.message import Message
from textual.message_pump import MessagePump

from mnist_tui.experiment.preset_files import PresetError
from mnist_tui.runs.event_log import EpochReader
from mnist_tui.runs.events import EpochEnded
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.process_folder import ProcessFolder
from mnist_tui.runs.state import fitting
from mnist_tui.runs.watch import FolderWatch, RunSnapshot, RunWatch
from mnist_tui.wording import counted, percent

if TYPE_CHECKING:
    from mnist_tui.experiment.presets import Preset

READ_SECONDS = 0.2
CACHED_EPOCHS = 8

SnapshotT = TypeVar("SnapshotT")


class FolderFeed(Generic[SnapshotT]):
    """The feed of a run's or a study's folder, which is read for as long as a screen shows it.

    Args:
        snapshot: the snapshot until the folder has been read.
        watch: returns a new watch on the folder.

    Attributes:
        snapshot: the newest snapshot.
        read: whether the folder has been read.
    """

    @dataclass
    class Changed(Message):
        """Posted when the run or the study has changed, or the epoch at a run's cursor."""

        feed: FolderFeed[Any]

    def __init__(self, snapshot: SnapshotT, watch: Callable[[], FolderWatch[SnapshotT]]) -> None:
        self.snapshot = snapshot
        self.read = False
        self._watch = watch
        self._viewers: list[MessagePump] = []
        self._stop: threading.Event | None = None

    def join(self, viewer: MessagePump) -> None:
        """Post a message to the viewer now and at every change; the first viewer starts the reading."""
        self._viewers.append(viewer)
        if self._stop is None:
            self._stop = stop = threading.Event()
            threading.Thread(target=self._follow, args=(stop,), name="feed", daemon=True).start()
        viewer.post_message(self.Changed(self))

    def leave(self, viewer: MessagePump) -> None:
        """Post no more messages to the viewer; reading stops when no viewer is left."""
        if viewer in self._viewers:
            self._viewers.remove(viewer)
        if not self._viewers and self._stop is not None:
            self._stop.set()
            self._stop = None

    def _post_changed(self) -> None:
        for viewer in tuple(self._viewers):
            viewer.post_message(self.Changed(self))

    def _follow(self, stop: threading.Event) -> None:
        """Read, in a thread. An unexpected error ends the app: a screen that stands still would mislead."""
        try:
            follow(self._watch(), self._update, stop)
        except Exception as error:
            for viewer in self._viewers[:1]:
                viewer.call_later(_raise, error)

    def _update(self, snapshot: SnapshotT) -> None:
        self.snapshot, self.read = snapshot, True
        self._post_changed()


def follow(watch: FolderWatch[SnapshotT], show: Callable[[SnapshotT], object], stop: threading.Event) -> None:
    """Call `show` with every new snapshot until `stop` is set. This blocks: call it in a thread."""
    while not stop.is_set():
        snapshot = watch.new_snapshot()
        if snapshot is not None:
            show(snapshot)
        stop.wait(READ_SECONDS)


def _raise(error: Exception) -> None:
    raise error


class RunFeed(FolderFeed[RunSnapshot]):
    """The feed of a run for all its screens, which share the epoch cursor.

    Attributes:
        cursor: the epoch that the screens show; None for the newest.
    """

    def __init__(self, folder: RunFolder) -> None:
        super().__init__(RunSnapshot(folder), partial(RunWatch, folder))
        self.folder = folder
        self.cursor: int | None = None
        self.epochs = EpochReader(folder.events_file)
        self._cached: dict[int, EpochEnded] = {}

    @cached_property
    def _preset(self) -> Preset | None:
        try:
            return self.folder.preset()
        except PresetError:
            return None

    @property
    def name(self) -> str:
        """The name of the run's preset; the run's id if the preset cannot be read."""
        return self._preset.name if self._preset else self.folder.id

    @property
    def title(self) -> str:
        """The title of the run's network; its `name` if it has none."""
        return (self._preset.title if self._preset else "") or self.name

    @property
    def newest(self) -> int:
        """The last epoch that has ended; 0 before the first."""
        history = self.snapshot.run.history
        return history[-1].epoch if history else 0

    @property
    def epoch(self) -> int:
        """The epoch that the screens show; 0 before the first has ended."""
        return self.newest if self.cursor is None else min(self.cursor, self.newest)

    def move(self, to: int | None) -> None:
        """Move the cursor to an epoch, or to the nearest one that has ended; None follows the newest."""
        cursor = None if to is None or not self.newest else max(1, min(to, self.newest))
        if cursor != self.cursor:
            self.cursor = cursor
            self._post_changed()

    def ended(self, epoch: int) -> EpochEnded | None:
        """Return an epoch's event with its matrix, from the log; None if the epoch has not ended."""
        if epoch not in self._cached and (ended := self.epochs.epoch(epoch)) is not None:
            ended = replace(ended, confusion=fitting(ended.confusion, self.snapshot.run.data) or ())
            while len(self._cached) >= CACHED_EPOCHS:
                del self._cached[next(iter(self._cached))]
            self._cached[epoch] = ended
        return self._cached.get(epoch)

    def _update(self, snapshot: RunSnapshot) -> None:
        if len(snapshot.run.history) < len(self.snapshot.run.history):
            self._cached = {}
        super()._update(snapshot)


FeedT = TypeVar("FeedT", bound=FolderFeed[Any])


class Followed(Generic[FeedT]):
    """The runs or the studies that are followed until they end, so that the app announces the end on any screen.

    Args:
        viewer: gets the messages of every feed that is followed.
        make_feed: returns a new feed of a folder.
        feeds: stores the feeds by the folder's path: for good, or, with weak references, while a screen shows them.
    """

    def __init__(
        self, viewer: MessagePump, make_feed: Callable[[Any], FeedT], feeds: MutableMapping[Path, FeedT]
    ) -> None:
        self._viewer, self._make_feed, self._feeds = viewer, make_feed, feeds
        self._followed: dict[Path, FeedT] = {}
        self._lived: set[Path] = set()
        self._resumed: set[Path] = set()

    def feed(self, folder: ProcessFolder) -> FeedT:
        """Return the folder's feed: the same one for every screen that shows the folder at a time."""
        feed = self._feeds.get(folder.path)
        if feed is None:
            self._feeds[folder.path] = feed = self._make_feed(folder)
        return feed

    def follow(self, folder: ProcessFolder, *, resumed: bool = False) -> FeedT:
        """Return the folder's feed, and post its messages to the viewer from now on, until the run or study has ended.

        Args:
            resumed: whether a new worker continues a run or study whose end was seen already.
        """
        feed = self.feed(folder)
        if resumed:
            self._resumed.add(folder.path)
        if folder.path not in self._followed:
            self._followed[folder.path] = feed
            feed.join(self._viewer)
        return feed

    def forget(self, folder: ProcessFolder) -> None:
        """Stop following a folder that is about to be deleted; its end is not announced."""
        self._lived.discard(folder.path)
        self._leave(folder.path)
        self._feeds.pop(folder.path, None)

    def has_ended(self, feed: FeedT) -> bool:
        """Return whether a run or study was live when it was last read and has ended now; then stop following it."""
        path = feed.snapshot.folder.path
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
        for path in tuple(self._followed):
            self._leave(path)

    def _leave(self, path: Path) -> None:
        if (feed := self._followed.pop(path, None)) is not None:
            feed.leave(self._viewer)


def end_of(name: str, snapshot: RunSnapshot) -> str:
    """Return a sentence about the end of a run: state, epochs, accuracy, and the reason unless it has finished."""
    ended, epochs = snapshot.run.ended, len(snapshot.run.history)
    scored = ended.test_accuracy if ended else None
    accuracy = f", {snapshot.run.scored_on} accuracy {percent(scored)}" if scored is not None else ""
    reason = f": {snapshot.reason}" if snapshot.reason and snapshot.state != "finished" else ""
    after = f" after {counted(epochs, 'epoch')}" if epochs else ""
    return f"Run {name} ({snapshot.folder.id}) {snapshot.state}{after}{accuracy}{reason}"
