"""An app at home in its terminal: the user's settings and keys, the window's title, the clipboard, the pace."""

from __future__ import annotations

import gc
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from traceback import walk_tb
from typing import TYPE_CHECKING, Any

from textual import events
from textual.app import App
from textual.command import CommandPalette
from textual.css.query import NoMatches
from textual.dom import DOMNode
from textual.screen import Screen
from textual.widget import Widget
from textual.worker import WorkerFailed

from mnist_tui import PROGRAM
from mnist_tui.settings import REFRESH_SECONDS, Refresh, load_settings, save_settings, settings_file_text
from mnist_tui.shown_text import visible, visible_line
from mnist_tui.tui.terminal.keyboard import Keyboard, focus_within
from mnist_tui.tui.terminal.text_filters import AsciiText, SafeText
from mnist_tui.tui.terminal.window import LOOK_SECONDS, Pace, Window, title_of

if TYPE_CHECKING:
    from textual.actions import ActionParseResult
    from textual.filter import LineFilter
    from textual.notifications import SeverityLevel

    from mnist_tui.runs.folder import RunFolder
    from mnist_tui.tui.feed import RunFeed
    from mnist_tui.tui.following import Following

NOTICE_SECONDS = 15
SETTLED_SECONDS = 2.0


def settle() -> None:
    """What is there once the app has started stays: collecting garbage need not look at it again.

    A full collection takes 50 to 80 ms with all of Textual's and pydantic's classes in it, in the middle of a key.
    """
    gc.collect()
    gc.freeze()
    gc.enable()


def _screen_of(widget: Widget) -> Screen[Any] | None:
    return next((node for node in widget.ancestors_with_self if isinstance(node, Screen)), None)


class TerminalApp(App[None]):
    """The part of the app that is the same whatever it shows.

    Args:
        refresh: beats the settings for this time.

    Attributes:
        settings: changed by `change_settings` only.
        keyboard: the order of keys, clicks and pastes.
    """

    def __init__(self, refresh: Refresh | None = None) -> None:
        super().__init__()
        self.keyboard = Keyboard(self)
        self.settings, self._problems = load_settings()
        if refresh is not None:
            self.settings = replace(self.settings, refresh=refresh)
        if self.settings.theme in self.available_themes:
            self.theme = self.settings.theme
        else:
            unknown = f"{settings_file_text()}: there is no theme {self.settings.theme!r}; the default is used"
            self._problems = (*self._problems, unknown)
        self.window = Window(self, Pace())
        self._following: Following | None = None
        self._slow = False
        self._safe_text = SafeText()
        self._ascii_text = AsciiText()

    @property
    def refresh_seconds(self) -> float:
        """Between two redraws of a live screen, here and now."""
        return REFRESH_SECONDS["slow"] if self._slow else self.settings.refresh_seconds

    @property
    def following(self) -> Following:
        """The runs whose end is told on any screen."""
        if self._following is None:
            from mnist_tui.tui.following import Following

            self._following = Following(self)
        return self._following

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Textual's filters, and before them the one that lets nothing in a text be obeyed."""
        ascii_only = (self._ascii_text,) if self.settings.glyphs == "ascii" else ()
        return (self._safe_text, *ascii_only, *super().get_line_filters())

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = False,
    ) -> None:
        """Tell a person something for a while. It is text: markup is not read, whatever `markup` says."""
        super().notify(visible(message), title=visible_line(title), severity=severity, timeout=timeout, markup=False)

    async def on_event(self, event: events.Event) -> None:
        """Handles keys, clicks and pastes one after another; all else at once."""
        if not isinstance(event, (events.InputEvent, events.Paste)) or event.is_forwarded:
            await super().on_event(event)
        elif self.keyboard.admits(event):
            try:
                await super().on_event(event)
            finally:
                self.keyboard.handled(event)

    async def run_action(
        self,
        action: str | ActionParseResult,
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """Runs an action; the next key waits for its end."""
        self.keyboard.acting += 1
        try:
            return await super().run_action(action, default_namespace, namespaces)
        finally:
            self.keyboard.acting -= 1

    async def push_screen_wait(self, screen: Any, *, mode: str | None = None) -> Any:
        """Shows a screen and waits for its answer, for which keys are needed."""
        self.keyboard.asking += 1
        try:
            return await super().push_screen_wait(screen, mode=mode)
        finally:
            self.keyboard.asking -= 1

    def _check_action_state(self, action: str, default_namespace: DOMNode) -> bool | None:
        """Whether an action may run; one that asks for parts that its screen does not have yet may not."""
        try:
            return super()._check_action_state(action, default_namespace)
        except NoMatches:
            return False

    def action_command_palette(self) -> None:
        """Opens the palette, unless there is one already, below another screen for example."""
        if not any(isinstance(node, CommandPalette) for node in self._nodes):
            super().action_command_palette()

    def action_focus_within(self, by: int) -> None:
        """To the field below (1) or above (-1), as far as there is one."""
        focus_within(self.screen, by)

    def _handle_exception(self, error: Exception) -> None:
        """Ends the app with a traceback, but for a screen that was left and whose parts are missed therefore.

        Threads and workers, Textual's own among them, go on for a moment after their screen has gone.
        """
        cause = error.error if isinstance(error, WorkerFailed) else error
        if not (isinstance(cause, NoMatches) and self._was_left(cause)):
            super()._handle_exception(error)

    def _was_left(self, error: BaseException) -> bool:
        """Whether an error comes from a widget whose screen is not there any more."""
        frames = (frame for frame, _ in walk_tb(error.__traceback__))
        nodes = (node for frame in frames if isinstance(node := frame.f_locals.get("self"), Widget))
        return any(_screen_of(node) not in self.screen_stack for node in nodes)

    def on_mount(self) -> None:
        self.screen_change_signal.subscribe(self, self.keyboard.watch, immediate=True)
        for screen in self.screen_stack:
            self.keyboard.watch(screen)
        self.theme_changed_signal.subscribe(self, lambda theme: self._theme_chosen(theme.name))
        self.window.call(PROGRAM)
        self.set_interval(LOOK_SECONDS, self._look_at_terminal)
        self.set_timer(SETTLED_SECONDS, gc.enable if self.is_headless else settle)
        for problem in self._problems:
            self._warn(problem)
        if self.settings.keys:
            self.set_keymap(dict(self.settings.keys))
            self.call_after_refresh(self._fit_keys)

    def on_unmount(self) -> None:
        self.window.restore()
        if self._following is not None:
            self._following.leave_all()

    def change_settings(self, **changes: Any) -> None:
        """Takes settings over at once and remembers them; says where they cannot be saved."""
        keys_before = self.settings.keys
        self.settings = replace(self.settings, **changes)
        if "glyphs" in changes:
            for widget in (node for screen in self.screen_stack for node in screen.walk_children(Widget)):
                widget.refresh()
        if "keys" in changes:
            self.set_keymap(dict(self.settings.keys))
            self._fit_keys()
        try:
            save_settings(keys_before=keys_before, **changes)
        except (OSError, ValueError) as error:
            self._warn(f"{settings_file_text()} does not remember that: {error}")

    def follow(self, folder: RunFolder) -> RunFeed:
        """A run's feed; that it ends is told, whatever is shown then."""
        feed = self.following.feed(folder)
        self.following.follow(folder)
        return feed

    def on_run_feed_run_changed(self, message: RunFeed.RunChanged) -> None:
        """A followed run has moved on: the window's title says so, and the bell when it has ended."""
        message.stop()
        snapshot, name = message.feed.snapshot, self.following.name(message.feed.folder)
        self.window.call(title_of(name, snapshot))
        if self.following.has_ended(message.feed):
            from mnist_tui.tui.following import end_of

            good = snapshot.state in {"finished", "stopped"}
            self.notify(
                end_of(name, snapshot),
                title="Training ended",
                severity="information" if good else "error",
                timeout=NOTICE_SECONDS,
                markup=False,
            )
            if self.settings.bell:
                self.bell()

    def copy_to_clipboard(self, text: str) -> None:
        """Inside tmux once more, wrapped, for the terminal that tmux runs in."""
        super().copy_to_clipboard(text)
        if os.environ.get("TMUX"):
            from mnist_tui.tui.terminal.clipboard import sequence, through_tmux

            self.window.write(through_tmux(sequence(text)))

    def on_terminal_supports_synchronized_output(self) -> None:
        self.window.answered()

    def _look_at_terminal(self) -> None:
        """Draws less often while the terminal is slow to take it, where the settings leave that to the app."""
        if self.settings.refresh == "auto":
            self.window.look()
        slow = self.settings.refresh == "auto" and self.window.pace.slow
        if slow and not self._slow:
            from mnist_tui.tui.terminal.keymap import key_of

            seconds = f"{REFRESH_SECONDS['slow']:g}"
            self.notify(
                f"The terminal is slow: live screens are redrawn every {seconds} s. "
                f"{key_of('app.settings', type(self), self.settings.keys)} changes that."
            )
        self._slow = slow

    def _theme_chosen(self, name: str) -> None:
        if name != self.settings.theme:
            self.change_settings(theme=name)

    def _fit_keys(self) -> None:
        self.run_worker(self._fitted_keys, thread=True, group="keys", exclusive=True, exit_on_error=False)

    def _fitted_keys(self) -> None:
        """In a thread, for it imports every screen: the keys that go with the user's own, what is wrong with those."""
        from mnist_tui.tui.terminal.keymap import entries, keymap, problems

        own, table = self.settings.keys, entries()
        self.call_from_thread(self.set_keymap, keymap(own, table))
        for problem in problems(own, table, settings_file_text()):
            self.call_from_thread(self._warn, problem)

    def _warn(self, text: str) -> None:
        self.notify(text, severity="warning", timeout=NOTICE_SECONDS, markup=False)
