"""What all screens of one run share: its feed, redrawing where something has changed, the epoch cursor and its keys."""

from __future__ import annotations

from textual import on
from textual.binding import Binding

from mnist_tui.runs.watch import RunSnapshot
from mnist_tui.tui.bench import BenchScreen
from mnist_tui.tui.feed import RunFeed

JUMP = 10


def epoch_keys(section: str, verb: str) -> list[Binding]:
    """Keys for a screen's `action_epoch`; their ids begin with `section`, their tooltips with `verb`."""
    return [
        Binding(key, f"epoch({by})", name, tooltip=f"{verb} the epoch {where}", id=f"{section}.{id}", show=False)
        for key, by, name, where, id in (
            ("left,comma", -1, "Earlier", "before", "earlier"),
            ("right,full_stop", 1, "Later", "after", "later"),
            ("shift+left,less_than_sign", -JUMP, f"{JUMP} earlier", f"{JUMP} before", "much-earlier"),
            ("shift+right,greater_than_sign", JUMP, f"{JUMP} later", f"{JUMP} after", "much-later"),
        )
    ]


class RunScreen(BenchScreen[None]):
    """Shows a run, live or ended; a subclass composes it and draws.

    Args:
        feed: the run's, shared by all screens that show it.
    """

    BINDINGS = [
        *epoch_keys("run", "Look at"),
        Binding("home", "epoch_at(1)", "First epoch", tooltip="Look at the first epoch", id="run.first", show=False),
        Binding("end,f", "follow", "Follow", tooltip="Follow the newest epoch again", id="run.follow", show=False),
    ]

    def __init__(self, feed: RunFeed) -> None:
        super().__init__()
        self.feed = feed
        self._dirty = True

    @property
    def snapshot(self) -> RunSnapshot:
        """The run as it was last seen."""
        return self.feed.snapshot

    def draw(self) -> None:
        """Show `self.snapshot` at `self.feed.epoch`; called when something has changed. Each screen has its own."""

    def tick(self) -> None:
        """Called at each redraw of a live run, changed or not: clocks."""

    def on_mount(self) -> None:
        if self.feed.read and self.app.is_running:
            self.tick()
            self.draw()
        self.call_after_refresh(self._begin)
        self.set_timer(self.app.refresh_seconds, self._redraw_again)

    def _begin(self) -> None:
        """Shows what other screens of the run have seen already, now in the size that there is."""
        self.feed.join(self)
        if self.feed.read:
            self.took()
            self.redraw()

    def on_unmount(self) -> None:
        self.feed.leave(self)

    def on_screen_resume(self) -> None:
        self._dirty = True
        self.call_after_refresh(self.redraw)

    def _redraw_again(self) -> None:
        """Redraws now and, after as long as the settings and the terminal want it, again."""
        self.redraw()
        self.set_timer(self.app.refresh_seconds, self._redraw_again)

    def redraw(self) -> None:
        """Draws what has changed, where this screen is the one that is seen and the run has been read."""
        if not self.is_current or not self.is_mounted or not self.feed.read:
            return
        if self.snapshot.live or self._dirty:
            self.tick()
        if self._dirty:
            self._dirty = False
            self.draw()

    @on(RunFeed.RunChanged)
    def _changed(self, message: RunFeed.RunChanged) -> None:
        message.stop()
        if self.feed.read:
            self._dirty = True
            self.took()

    def took(self) -> None:
        """Called with every change, before it is drawn: what cannot wait for the next redraw."""

    def action_epoch(self, by: int) -> None:
        self.look_at(self.feed.epoch + by)

    def action_epoch_at(self, epoch: int) -> None:
        self.look_at(epoch)

    def action_follow(self) -> None:
        self.look_at(None)

    def look_at(self, epoch: int | None) -> None:
        """Moves the epoch cursor, for all screens of the run, and draws at once; None follows the newest."""
        self.feed.move(epoch)
        self._dirty = True
        self.redraw()
