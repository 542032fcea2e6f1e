"""The app: the bench with its screens, its own keys, and a worker on standby.

Nothing heavy may be imported here: the first frame waits for it.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Iterable
from functools import partial
from typing import Any

from textual import events
from textual.app import SystemCommand
from textual.binding import Binding
from textual.command import Provider
from textual.screen import Screen
from textual.timer import Timer

from mnist_tui.clocks import since_boot
from mnist_tui.tui import leaving, routes
from mnist_tui.tui.bench import AppOptions, Bench, BenchScreen, Route
from mnist_tui.tui.terminal.keymap import commands_of

ABOUT_QUIT = "Close the program; asks first while something is training"
PALETTE_CLOSES_SECONDS = 0.1
STANDBY_AFTER_SECONDS = 0.3
"""The time between the first frame, which must not wait for TensorFlow's import, and the start of the worker."""
STANDBY_RETRY_SECONDS = 3.0
"""The time between two checks whether the training that uses the cores has ended."""
STANDBY_SECONDS = 300.0
"""The time without a key or a click on the presets or in the editor after which the worker, 700 MB of memory, ends."""
STANDBY_CHECK_SECONDS = 10.0


def _commands() -> type[Provider]:
    from mnist_tui.tui.terminal.palette import BenchCommands

    return BenchCommands


class BenchApp(Bench):
    """The lab bench."""

    TITLE = "mnist-tui"
    CSS_PATH = "app.tcss"
    COMMANDS = {_commands}
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (78, "-normal"), (110, "-wide"), (170, "-huge")]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (24, "-medium"), (36, "-tall")]
    BINDINGS = [
        Binding("ctrl+q", "quit", "Quit", tooltip=ABOUT_QUIT, show=False, priority=True),
        Binding("q", "quit_here", "Quit", tooltip=ABOUT_QUIT, id="app.quit"),
        Binding("q", "go_back", "Back", tooltip="Back, as Esc does", show=False, id="app.back"),
        Binding("ctrl+c", "quit", "Quit", show=False, system=True),
        Binding("f1", "help", "Help", tooltip="Help for what has the focus, and all keys", id="app.help"),
        Binding("f2", "go('presets')", "Presets", tooltip="What can be trained", show=False, id="app.presets"),
        Binding("f3", "go('runs')", "Runs", tooltip="Sort, filter and compare all runs", show=False, id="app.runs"),
        Binding(
            "f4", "go('draw')", "Draw", tooltip="A trained model classifies what you draw", show=False, id="app.draw"
        ),
        Binding("f5", "go('studies')", "Studies", tooltip="Seeds, folds and sweeps", show=False, id="app.studies"),
        Binding("f12", "go('settings')", "Settings", tooltip="Theme, glyphs, keys", show=False, id="app.settings"),
    ]

    def __init__(self, options: AppOptions) -> None:
        super().__init__(options, routes)
        self._retry: Timer | None = None
        self._used = since_boot()
        self._idle = False

    def on_mount(self) -> None:
        self._show_first()
        self.screen_change_signal.subscribe(self, self._screen_changed)
        if threading.current_thread() is threading.main_thread():
            leave = partial(self.exit, return_code=128 + signal.SIGTERM)
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, leave)
        if self.options.action not in {"watch", "study"}:
            self.call_after_refresh(self.set_timer, STANDBY_AFTER_SECONDS, self._prepare_standby)
        self.set_interval(STANDBY_CHECK_SECONDS, self._end_idle_standby)
        if self.options.action == "browse" and not self.settings.toured:
            self.call_after_refresh(self.show, Route("tour"))

    def _show_first(self) -> None:
        options = self.options
        first = Route("presets")
        if options.action == "watch" and options.run is not None:
            first = Route("training", run=options.run)
        elif options.action == "study" and options.study is not None:
            first = Route("study", study=options.study)
        elif options.preset is not None and options.action == "edit":
            first = Route("editor", preset=options.preset)
        elif options.preset is not None and options.action == "train":
            from mnist_tui.tui import run_commands

            if self.starter.busy() is not None:
                self.call_after_refresh(run_commands.train, self, options.preset)
            elif (folder := run_commands.start(self, options.preset)) is not None:
                first = Route("training", run=folder)
        self.show(first)

    def action_go(self, where: str) -> None:
        """Show one of the app's main screens, as it was left; Escape leads back."""
        shown = self.screen.shown_run if isinstance(self.screen, BenchScreen) else None
        self.show(Route(where, run=shown if where == "draw" else None))

    def action_help(self) -> None:
        self.show(Route("help"))

    async def action_quit(self) -> None:
        await leaving.leave(self)

    async def action_quit_here(self) -> None:
        """Close the program from a main screen, or from the screen with which it was started."""
        await leaving.leave(self)

    async def action_go_back(self) -> None:
        """Go back from any other screen, so that a key too much does not close the program."""
        await self.run_action("screen.back")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action not in {"quit_here", "go_back"}:
            return super().check_action(action, parameters)
        trail = self.trail
        return (len(trail) < 2 or trail[-1].MAIN) == (action == "quit_here")

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Yield a command for every key of the present screen, then those that have no key."""
        names: set[str] = set()
        for command in commands_of(screen):
            if command.own and command.name not in names:
                names.add(command.name)
                about = command.about or f"Key {', '.join(command.keys)}"
                yield SystemCommand(command.name, about, partial(self.run_action, command.action, command.node))
        yield SystemCommand("Theme", "Choose the colours of all screens", self.action_change_theme)
        if screen.maximized is not None:
            yield SystemCommand("All panes", "Show all panes of the screen again", screen.action_minimize)
        elif screen.focused is not None and screen.focused.allow_maximize:
            yield SystemCommand("One pane", "Show only the pane with the focus; Esc ends it", screen.action_maximize)
        yield SystemCommand("Picture", "Save the screen as a picture, an SVG file", self._save_picture)

    def _save_picture(self) -> None:
        """Save a picture of the screen once the palette has closed."""
        self.set_timer(PALETTE_CLOSES_SECONDS, self.deliver_screenshot)

    def _screen_changed(self, screen: Screen[Any]) -> None:
        if isinstance(screen, BenchScreen) and screen.STARTS_RUNS:
            self._prepare_standby()

    def _prepare_standby(self) -> None:
        """Start a worker that waits for a run, but not for a web page, which may have many visitors."""
        self._idle, self._used = False, since_boot()
        if not self.is_web:
            self.run_worker(self._standby, thread=True, group="standby", exclusive=True, exit_on_error=False)

    def _standby(self) -> None:
        """Start the worker, in a thread; try again later if a training uses the cores now."""
        if not self.starter.prepare():
            self.call_from_thread(self._retry_later)

    def _retry_later(self) -> None:
        if self._retry is not None:
            self._retry.stop()
        self._retry = self.set_timer(STANDBY_RETRY_SECONDS, self._prepare_standby)

    async def on_event(self, event: events.Event) -> None:
        is_input = isinstance(event, (events.InputEvent, events.Paste)) and bool(self.screen_stack)
        if is_input and isinstance(self.screen, BenchScreen) and self.screen.STARTS_RUNS:
            self._used = since_boot()
            if self._idle:
                self._prepare_standby()
        await super().on_event(event)

    def _end_idle_standby(self) -> None:
        if not self._idle and since_boot() - self._used > STANDBY_SECONDS:
            self._idle = True
            self.starter.dismiss(for_good=False)

    def on_unmount(self) -> None:
        self.starter.dismiss(for_good=True)
