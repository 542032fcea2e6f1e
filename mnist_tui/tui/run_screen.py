"""Bases of screens: those that follow a run or a study, with the epoch cursor's keys, and those that keep a model.

A kept model lives in a process of its own, and a thread waits for the answers.
"""

from __future__ import annotations

import threading
from functools import cached_property
from typing import Any, Generic, TypeVar

from textual import on
from textual.binding import Binding
from textual.message import Message
from textual.message_pump import MessagePump
from textual.timer import Timer

from mnist_tui.errors import RequestError
from mnist_tui.experiment.spec import Experiment
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.watch import RunSnapshot
from mnist_tui.runs.worker_jobs import ModelProcess
from mnist_tui.tui.bench import BenchScreen
from mnist_tui.tui.feed import FolderFeed, RunFeed
from mnist_tui.tui.terminal.keymap import bind

JUMP = 10
CHECK_SECONDS = 0.5
"""The time between two checks of whether the idle process still lives."""
UNSEEN_SECONDS = 300.0
"""Seconds from leaving the screen to the end of the model's process, which takes several hundred MB of memory."""
FeedT = TypeVar("FeedT", bound=FolderFeed[Any])
QuestionT = TypeVar("QuestionT")


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


class ModelReader(Generic[QuestionT]):
    """A process with a run's model, and a thread that asks it the newest question and waits for its answer.

    Args:
        process: the process, which the reader closes.
        viewer: receives the messages, until `close`.
    """

    def __init__(self, process: ModelProcess, viewer: MessagePump) -> None:
        self._process, self._viewer = process, viewer
        self._waiting: QuestionT | None = None
        self._closed = False
        self._changed = threading.Condition()
        threading.Thread(target=self.answer_questions, name="model-reader", daemon=True).start()

    def answer_questions(self) -> None:
        """Wait for the model, then answer each question that `next_question` returns; runs in the thread."""
        raise NotImplementedError

    def ask(self, question: QuestionT) -> None:
        """Ask a question; one that is still waiting is dropped."""
        with self._changed:
            self._waiting = question
            self._changed.notify()

    def close(self) -> None:
        """End the process without waiting for it; no more messages are sent."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._process.close()

    def next_question(self) -> QuestionT | None:
        """Wait for the next question; None once the reader is closed.

        Raises:
            PredictionError: the process has ended.
        """
        with self._changed:
            while self._waiting is None and not self._closed:
                self._changed.wait(CHECK_SECONDS)
                if not self._closed and not self._process.alive:
                    raise self._process.ended()
            question, self._waiting = self._waiting, None
            return None if self._closed else question

    def post(self, message: Message) -> None:
        """Send the viewer a message."""
        if not self._closed:
            self._viewer.post_message(message)


ReaderT = TypeVar("ReaderT", bound=ModelReader[Any])


class ModelScreen(BenchScreen[None], Generic[ReaderT]):
    """A screen that keeps a model's process while it is seen, and some minutes longer.

    Attributes:
        reader: the process; None before it is started, after it has ended, and if it cannot be started.
    """

    reader: ReaderT | None = None
    _left: Timer | None = None

    def new_reader(self) -> ReaderT:
        """Start a process with the run's newest weights; raises an OSError if it cannot be started."""
        raise NotImplementedError

    def seen_again(self) -> None:
        """Start the process again if it has ended while the screen was left."""

    def restart_reader(self) -> str:
        """Start the process anew; return why that is not possible, an empty text if it is."""
        self._end_reader()
        try:
            self.reader = self.new_reader()
        except OSError as error:
            return f"The model's process cannot be started: {error.strerror or error}."
        return ""

    def on_screen_suspend(self) -> None:
        self._left = self.set_timer(UNSEEN_SECONDS, self._end_reader)

    def on_screen_resume(self) -> None:
        if self._left is not None:
            self._left.stop()
            self._left = None
        self.seen_again()

    def _end_reader(self) -> None:
        if self.reader is not None:
            self.reader.close()
            self.reader = None

    on_unmount = _end_reader
