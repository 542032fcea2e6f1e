"""The runs that this app has shown: one feed each, read on while they live, so that their end is noticed anywhere."""

from __future__ import annotations

from pathlib import Path
from weakref import WeakValueDictionary

from textual.message_pump import MessagePump

from mnist_tui.experiment.presets import PresetError
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.watch import RunSnapshot
from mnist_tui.tui.feed import RunFeed
from mnist_tui.wording import counted, percent


class Following:
    """Follows runs until each has ended.

    Args:
        viewer: gets `RunFeed.RunChanged` of every run that is followed.
    """

    def __init__(self, viewer: MessagePump) -> None:
        self._viewer = viewer
        self._feeds: WeakValueDictionary[Path, RunFeed] = WeakValueDictionary()
        self._followed: dict[Path, RunFeed] = {}
        self._live: dict[Path, bool] = {}
        self._names: dict[Path, str] = {}

    def feed(self, folder: RunFolder) -> RunFeed:
        """The run's feed: the same one for every screen that shows it at a time."""
        feed = self._feeds.get(folder.path)
        if feed is None:
            self._feeds[folder.path] = feed = RunFeed(folder)
        return feed

    def follow(self, folder: RunFolder) -> None:
        """From now on the viewer is told of the run, until it has ended."""
        if folder.path not in self._followed:
            self._followed[folder.path] = feed = self.feed(folder)
            feed.join(self._viewer)

    def follow_again(self, folder: RunFolder) -> None:
        """As `follow`, for a run that had ended and goes on."""
        self._live[folder.path] = True
        self._followed.pop(folder.path, None)
        self.follow(folder)

    def forget(self, folder: RunFolder) -> None:
        """The viewer is no longer told of the run, nor of its end: it is to be deleted."""
        self._live[folder.path] = False
        self._leave(folder.path)

    def name(self, folder: RunFolder) -> str:
        """The name of the run's preset; its id where that cannot be read."""
        if folder.path not in self._names:
            try:
                self._names[folder.path] = folder.preset().name
            except PresetError:
                self._names[folder.path] = folder.id
        return self._names[folder.path]

    def has_ended(self, feed: RunFeed) -> bool:
        """Whether the run lived when it was last looked at and does not any more; then it is no longer followed."""
        path, snapshot = feed.folder.path, feed.snapshot
        if snapshot.run.updated is None and snapshot.live:
            return False
        lived = self._live.get(path)
        if snapshot.live:
            self._live[path] = True
            return False
        self._live[path] = False
        self._leave(path)
        return bool(lived)

    @property
    def folders(self) -> list[RunFolder]:
        """The runs that are followed."""
        return [feed.folder for feed in tuple(self._followed.values())]

    def _leave(self, path: Path) -> None:
        feed = self._followed.pop(path, None)
        if feed is not None:
            feed.leave(self._viewer)

    def leave_all(self) -> None:
        """Nothing is followed any more."""
        for path in tuple(self._followed):
            self._leave(path)


def end_of(name: str, snapshot: RunSnapshot) -> str:
    """A run's end in a sentence."""
    ended = snapshot.run.ended
    scores = f", test accuracy {percent(ended.test_accuracy)}" if ended and ended.test_accuracy is not None else ""
    reason = f": {snapshot.reason}" if snapshot.reason else ""
    epochs = len(snapshot.run.history)
    after = f" after {counted(epochs, 'epoch')}" if epochs else ""
    return f"{name} ({snapshot.folder.id}) {snapshot.state}{after}{scores}{reason}"
