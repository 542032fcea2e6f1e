"""One run as all its screens see it: the newest snapshot, and the epoch looked at. One thread reads the folder."""

from __future__ import annotations

from textual.message import Message
from textual.message_pump import MessagePump

from mnist_tui.runs.events import EpochEnded
from mnist_tui.runs.fast_log_reader import EpochReader
from mnist_tui.runs.folder import RunFolder
from mnist_tui.tui.reader import Reader
from mnist_tui.tui.watch import RunWatch, Snapshot

CACHED_EPOCHS = 8


class RunFeed:
    """Follows a run for as long as a screen shows it.

    Attributes:
        snapshot: the run as it was last seen.
        cursor: the epoch that is looked at; None follows the newest.
        read: whether `snapshot` is the run's: its folder has been looked at.
    """

    class Changed(Message):
        """The run, or the epoch that is looked at, is no longer as it was."""

        def __init__(self, feed: RunFeed) -> None:
            super().__init__()
            self.feed = feed

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.snapshot = Snapshot(folder)
        self.cursor: int | None = None
        self.read = False
        self.epochs = EpochReader(folder.events_file)
        self._cached: dict[int, EpochEnded] = {}
        self._reader = Reader(lambda: RunWatch(folder), self._take, lambda: self.Changed(self))

    def join(self, viewer: MessagePump) -> None:
        """From now on the viewer gets `Changed`; the first one starts the reading."""
        self._reader.join(viewer)

    def leave(self, viewer: MessagePump) -> None:
        """The viewer gets nothing more; the last one ends the reading."""
        self._reader.leave(viewer)

    @property
    def newest(self) -> int:
        """The last epoch that has ended; 0 before the first."""
        history = self.snapshot.run.history
        return history[-1].epoch if history else 0

    @property
    def epoch(self) -> int:
        """The epoch that is looked at: the cursor's, else the newest; 0 before the first."""
        return self.newest if self.cursor is None else min(self.cursor, self.newest)

    def move(self, to: int | None) -> None:
        """Looks at that epoch, or the nearest there is; None follows the newest again."""
        cursor = None if to is None or not self.newest else max(1, min(to, self.newest))
        if cursor != self.cursor:
            self.cursor = cursor
            self._reader.tell()

    def ended(self, epoch: int) -> EpochEnded | None:
        """An epoch's event with its matrix, from the log; None where it has not ended."""
        if epoch not in self._cached:
            found = self.epochs.epoch(epoch)
            if found is None:
                return None
            while len(self._cached) >= CACHED_EPOCHS:
                del self._cached[next(iter(self._cached))]
            self._cached[epoch] = found
        return self._cached[epoch]

    def _take(self, snapshot: Snapshot) -> None:
        """In the reading thread."""
        if len(snapshot.run.history) < len(self.snapshot.run.history):
            self._cached = {}
        self.snapshot, self.read = snapshot, True
