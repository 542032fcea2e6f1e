"""Bases of the screens that follow a run or a study: redrawing what has changed; the epoch cursor's keys."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Generic, TypeVar

from textual import on
from textual.binding import Binding

from mnist_tui.errors import RequestError
from mnist_tui.experiment.spec import Experiment
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.watch import RunSnapshot
from mnist_tui.tui.bench import BenchScreen
from mnist_tui.tui.feed import FolderFeed, RunFeed
from mnist_tui.tui.terminal.keymap import bind

JUMP = 10
FeedT = TypeVar("FeedT", bound=FolderFeed[Any])


def epoch_keys(section: str, verb: str) -> list[Binding]:
    """Return keys for a screen's `action_epoch`; their ids begin with `section`, their tooltips with `verb`."""
    return [
        bind(f"{section}.{name}", keys, f"epoch({by})", label, f"{verb} the epoch {where}", hidden=True)
        for name, keys, by, label, where in (
            ("earlier", "left,comma", -1, "Earlier", "before"),
            ("later", "right,full_stop", 1, "Later", "after"),
            ("much-earlier", "shift+left,less_than_sign", -JUMP, f"{JUMP} earlier", f"{JUMP} before"),
            ("much-later", "shift+right,greater_than_sign", JUMP, f"{JUMP} later", f"{JUMP} after"),
        )
    ]


def run_keys(section: str, *names: str) -> list[Binding]:
    """Return keys that show other screens of the same run, as on its training screen; the help lists them."""
    return [
        bind(f"{section}.{name}", key, f"show('{name}')", label, about, hidden=True)
        for name, key, label, about in (
            ("matrix", "m", "Matrix", "The confusion matrix in full"),
            ("gallery", "g", "Images", "The images behind the matrix"),
            ("weights", "w", "Weights", "Weights and biases layer by layer"),
            ("diagnosis", "i", "Diagnosis", "How the training went, and what to do next"),
        )
        if name in names
    ]


class FeedScreen(BenchScreen[None], Generic[FeedT]):
    """A screen of a run or a study, live or ended; a subclass composes it and draws.

    Args:
        feed: shared by all screens that show the same run or study.
    """

    def __init__(self, feed: FeedT) -> None:
        super().__init__()
        self.feed = feed
        self._dirty = True

    def draw(self) -> None:
        """Show the feed's snapshot; called after changes."""

    def tick(self) -> None:
        """Update clocks; called at each redraw of a live run or study, also without changes."""

    def snapshot_changed(self) -> None:
        """React to a change at once, before the next redraw; called at every change."""

    @on(FolderFeed.Changed)
    def _feed_changed(self, message: FolderFeed.Changed) -> None:
        message.stop()
        if self.feed.read:
            self._dirty = True
            self.snapshot_changed()

    def on_unmount(self) -> None:
        self.feed.leave(self)

    def on_screen_resume(self) -> None:
        self._dirty = True
        self.call_after_refresh(self.redraw)

    def redraw_again(self) -> None:
        """Redraw now, and again after the interval that follows from the settings and the terminal's speed."""
        self.redraw()
        self.set_timer(self.app.refresh_seconds, self.redraw_again)

    def redraw(self) -> None:
        """Draw what has changed, if this screen is visible and the folder has been read."""
        if not self.is_current or not self.is_mounted or not self.feed.read:
            return
        if self.feed.snapshot.live or self._dirty:
            self.tick()
        if self._dirty:
            self._dirty = False
            self.draw()


class RunScreen(FeedScreen[RunFeed]):
    """A screen of a run, live or ended, with the keys of the epoch cursor."""

    BINDINGS = [
        *epoch_keys("run", "Look at"),
        bind("run.first", "home", "look_at(1)", "First epoch", "Look at the first epoch", hidden=True),
        bind("run.follow", "end,f", "look_at(None)", "Follow", "Follow the newest epoch again", hidden=True),
    ]

    @property
    def snapshot(self) -> RunSnapshot:
        return self.feed.snapshot

    @property
    def shown_run(self) -> RunFolder:
        return self.feed.folder

    @cached_property
    def experiment(self) -> Experiment | None:
        """Return the run's experiment; None if `experiment.toml` cannot be read."""
        try:
            return self.feed.folder.preset().experiment
        except RequestError:
            return None

    def on_mount(self) -> None:
        if self.feed.read and self.app.is_running:
            self.tick()
            self.draw()
        self.call_after_refresh(self._join_feed)
        self.set_timer(self.app.refresh_seconds, self.redraw_again)

    def _join_feed(self) -> None:
        self.feed.join(self)
        if self.feed.read:  # by another screen of the run
            self.snapshot_changed()
            self.redraw()

    def action_epoch(self, by: int) -> None:
        self.look_at(self.feed.epoch + by)

    def action_look_at(self, epoch: int | None) -> None:
        self.look_at(epoch)

    def look_at(self, epoch: int | None) -> None:
        """Move the epoch cursor, for all screens of the run; None follows the newest epoch."""
        self.feed.move(epoch)
        self._dirty = True
        self.redraw()
