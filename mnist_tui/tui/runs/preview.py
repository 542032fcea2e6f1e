"""The pane below the list of runs: the curves and the confusion matrix of the run under the cursor."""

from __future__ import annotations

from asyncio import to_thread

from textual import getters, on, work
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.timer import Timer

from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.results import final_matrix
from mnist_tui.tui.bench import Bench
from mnist_tui.tui.feed import FolderFeed, RunFeed
from mnist_tui.tui.widgets.confusion import NOT_EVALUATED, ConfusionView, class_names
from mnist_tui.tui.widgets.plots.curves import Curve, preparations
from mnist_tui.tui.widgets.text import Line

REST_SECONDS = 0.2
"""The time for which the cursor must rest on a run before its log is read."""


class RunPreview(Horizontal):
    """The loss, the accuracy and the confusion matrix of a run, read in a thread, and live while the run trains."""

    DEFAULT_CSS = """
    RunPreview {
        height: 1fr;
        min-height: 8;
        Curve { width: 1fr; height: 1fr; }
        ConfusionView { width: 57; height: 1fr; }
        #preview-waiting { display: none; width: 1fr; padding: 1 0; color: $text-muted; }
        &.-nothing { visibility: hidden; }
        &.-waiting {
            #preview-waiting { display: block; }
            ConfusionView { display: none; }
        }
    }
    """
    app = getters.app(Bench)
    waiting = getters.query_one("#preview-waiting", Line)
    loss = getters.query_one("#preview-loss", Curve)
    accuracy = getters.query_one("#preview-accuracy", Curve)
    matrix = getters.query_one(ConfusionView)

    def __init__(self) -> None:
        super().__init__()
        self._wanted: RunFolder | None = None
        self._feed: RunFeed | None = None
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        yield Line(id="preview-waiting")
        yield Curve("loss", id="preview-loss")
        yield Curve("accuracy", id="preview-accuracy")
        yield ConfusionView()

    def show(self, folder: RunFolder | None) -> None:
        """Show a run as soon as the cursor rests; None shows nothing."""
        self.set_class(folder is None, "-nothing")
        if folder != self._wanted:
            self._wanted = folder
            self._read_later()

    def on_resize(self) -> None:
        if self._feed is None:
            self._read_later()

    def on_unmount(self) -> None:
        self._leave()

    def _read_later(self) -> None:
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(REST_SECONDS, self._read)

    def _read(self) -> None:
        self._leave()
        if self._wanted is not None and self.size.area:
            self._feed = self.app.following.feed(self._wanted)
            self._feed.join(self)

    def _leave(self) -> None:
        if self._feed is not None:
            self._feed.leave(self)
            self._feed = None

    @on(FolderFeed.Changed)
    def _feed_changed(self, message: FolderFeed.Changed) -> None:
        message.stop()
        feed = self._feed
        if feed is None or message.feed is not feed or not feed.read:
            return
        run, newest = feed.snapshot.run, feed.newest
        reason = self._reason(feed)
        self.set_class(bool(reason), "-waiting")
        self.waiting.say(reason)
        self.loss.show(run)
        self.accuracy.show(run)
        ended = feed.ended(newest) if newest else None
        self.loss.display = self.accuracy.display = not reason and (run.start is None or run.start.epochs > 0)
        if run.ended is not None and not newest:
            self._show_final(feed)
        else:
            self.matrix.show(ended.confusion if ended else None, class_names(run), f"evaluated after epoch {newest}")

    def _reason(self, feed: RunFeed) -> str:
        """Return why there is nothing to draw: what the worker of a new run does, or that it ended; else empty."""
        snapshot, run = feed.snapshot, feed.snapshot.run
        if run.history or run.progress is not None or (run.ended is not None and run.ended.test_accuracy is not None):
            return ""
        if not snapshot.live:
            if run.origin is not None:
                return "The run ended before its images were evaluated: there is no matrix."
            return "The run ended before its first step of training: there are no curves."
        follows = "The curves appear here as it trains; Enter watches it." if run.origin is None else NOT_EVALUATED
        return "\n".join([*preparations(run, self.app.settings.glyphs), follows])

    @work(exclusive=True, exit_on_error=False)
    async def _show_final(self, feed: RunFeed) -> None:
        """Show the matrix of the final evaluation, for a run without epochs."""
        run = feed.snapshot.run
        final = await to_thread(final_matrix, feed.folder, run)
        if feed is self._feed:
            self.matrix.show(final, class_names(run), run.evaluated_set)
