"""The app: which screen is shown, what trains, what becomes of it when the app is left. Screens do the rest.

Nothing heavy may be imported here, nor on the way to the first screen: screens are imported where they are shown.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from textual.app import App, SystemCommand
from textual.binding import Binding
from textual.screen import Screen
from textual.timer import Timer

from mnist_tui.data.errors import DataError
from mnist_tui.experiment.problem import RequestError
from mnist_tui.tui.theme import remember_theme, remembered_theme

if TYPE_CHECKING:
    from mnist_tui.experiment.presets import Preset
    from mnist_tui.runs.folder import RunFolder
    from mnist_tui.tui.starting import Starter

STANDBY_AFTER_SECONDS = 0.3
"""After the first frame: drawing goes before TensorFlow's import."""
STANDBY_RETRY_SECONDS = 3.0
"""How often to look whether the training that has the cores has ended."""


@dataclass(frozen=True, kw_only=True)
class AppOptions:
    """How the app begins.

    Attributes:
        preset: what to select, edit or train, as `action` says.
        run: the run to watch.
        device: auto, cpu or gpu[:N].
    """

    preset: Preset | None = None
    action: Literal["browse", "edit", "train", "watch"] = "browse"
    run: RunFolder | None = None
    runs_dir: Path
    data_dir: Path | None = None
    device: str = "auto"


class BenchApp(App[None]):
    """The lab bench."""

    TITLE = "mnist-tui"
    CSS_PATH = "app.tcss"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (78, "-normal"), (110, "-wide"), (170, "-huge")]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (24, "-medium"), (36, "-tall")]
    BINDINGS = [
        Binding("ctrl+q", "quit", "Quit", tooltip="Leave; asks where a training goes on", show=False, priority=True),
        Binding("q", "quit", "Quit", tooltip="Leave; asks where a training goes on"),
        Binding("ctrl+c", "quit", "Quit", show=False, system=True),
        Binding("f1", "help", "Help", tooltip="Help for what has the focus, and all keys"),
    ]

    def __init__(self, options: AppOptions) -> None:
        super().__init__()
        self.options = options
        self._starter: Starter | None = None
        self._retry: Timer | None = None
        self._followed: dict[str, RunFolder] = {}
        self._selected = options.preset.name if options.preset else None
        theme = remembered_theme()
        self.theme = theme if theme in self.available_themes else self.theme

    @property
    def starter(self) -> Starter:
        """What starts runs; made when first asked for."""
        if self._starter is None:
            from mnist_tui.tui.starting import Starter

            self._starter = Starter(self.options)
        return self._starter

    def _first_screen(self) -> Screen[Any]:
        """The first screen, by what was asked for."""
        options = self.options
        if options.action == "watch" and options.run is not None:
            return self._training_screen(options.run)
        if options.action == "edit" and options.preset is not None:
            return self._editor_screen(options.preset)
        if options.action == "train" and options.preset is not None:
            folder = self._started(options.preset)
            if folder is not None:
                return self._training_screen(folder)
        return self._presets_screen()

    def on_mount(self) -> None:
        self._go(self._first_screen())
        self.theme_changed_signal.subscribe(self, lambda theme: self._remember(theme.name))
        if threading.current_thread() is threading.main_thread():
            leave = partial(self.exit, return_code=128 + signal.SIGTERM)
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, leave)
        if self.options.action != "watch":
            self.call_after_refresh(self.set_timer, STANDBY_AFTER_SECONDS, self._prepare_standby)

    def on_unmount(self) -> None:
        if self._starter is not None:
            self._starter.dismiss()

    def show_presets(self) -> None:
        """The list of presets; a training that was shown goes on."""
        self._go(self._presets_screen())
        self._prepare_standby()

    def edit(self, preset: Preset) -> None:
        """The editor, on `preset`."""
        self._selected = preset.name
        self._go(self._editor_screen(preset))

    def train(self, preset: Preset) -> None:
        """Starts a training and shows it; says what is wrong where it cannot start."""
        self._selected = preset.name
        folder = self._started(preset)
        if folder is not None:
            self.watch_run(folder)

    def resume_run(self, folder: RunFolder) -> None:
        """Has a worker go on with a run; says what is wrong where it cannot."""
        try:
            self.starter.resume(folder)
        except (RequestError, OSError) as error:
            self.notify(str(error), title="The training cannot go on", severity="error", timeout=15, markup=False)

    def watch_run(self, folder: RunFolder) -> None:
        """The training screen, on any run."""
        self._go(self._training_screen(folder))

    def show_results(self, folder: RunFolder) -> None:
        """The results of a run that has ended."""
        from mnist_tui.tui.screens.results import ResultsScreen

        self._go(ResultsScreen(folder))

    def action_help(self) -> None:
        from mnist_tui.tui.screens.help import HelpScreen, help_of, keys_of

        self.push_screen(HelpScreen(help_of(self.screen), keys_of(self.screen)))

    async def action_quit(self) -> None:
        """Leaves at once where nothing trains; asks where something does. Asked twice, it detaches."""
        from mnist_tui.tui.screens.leave import LeaveScreen

        if isinstance(self.screen, LeaveScreen):
            self.screen.dismiss("detach")
            return
        live = await asyncio.to_thread(self._live_runs)
        if live:
            self.push_screen(LeaveScreen([folder.id for folder in live]), partial(self._leave, live))
        else:
            self.exit()

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Every key's command of the present screen, then the app's own."""
        from mnist_tui.tui.commands import commands_of

        names: set[str] = set()
        for command in commands_of(screen):
            if command.own and command.name not in names:
                names.add(command.name)
                about = command.about or f"Key {', '.join(command.keys)}"
                yield SystemCommand(command.name, about, partial(self.run_action, command.action, command.node))
        yield from (command for command in super().get_system_commands(screen) if command.title not in names)

    def _go(self, screen: Screen[Any]) -> None:
        """Shows a screen in place of the present one; below it there is only Textual's empty first screen."""
        if len(self.screen_stack) > 1:
            self.switch_screen(screen)
        else:
            self.push_screen(screen)

    def _presets_screen(self) -> Screen[Any]:
        from mnist_tui.tui.screens.presets import PresetsScreen

        return PresetsScreen(self._selected)

    def _editor_screen(self, preset: Preset) -> Screen[Any]:
        from mnist_tui.tui.screens.editor import EditorScreen

        return EditorScreen(preset)

    def _training_screen(self, folder: RunFolder) -> Screen[Any]:
        from mnist_tui.tui.screens.training import TrainingScreen

        self._followed[folder.id] = folder
        return TrainingScreen(folder)

    def _started(self, preset: Preset) -> RunFolder | None:
        """A run that a worker trains; None, and a notice, where it cannot start."""
        try:
            return self.starter.start(preset)
        except (RequestError, DataError, OSError) as error:
            notice = partial(self.notify, title="The training cannot start", severity="error", timeout=15, markup=False)
            self.call_later(notice, str(error))
            return None

    def _prepare_standby(self) -> None:
        self.run_worker(self._standby, thread=True, group="standby", exclusive=True, exit_on_error=False)

    def _standby(self) -> None:
        """In a thread: a worker on standby, or another look later where a training has the cores now."""
        if not self.starter.prepare():
            self.call_from_thread(self._look_again)

    def _look_again(self) -> None:
        """Sets the one timer of the next look."""
        if self._retry is not None:
            self._retry.stop()
        self._retry = self.set_timer(STANDBY_RETRY_SECONDS, self._prepare_standby)

    def _live_runs(self) -> list[RunFolder]:
        from mnist_tui.tui.starting import live

        return live(self._followed.values())

    def _leave(self, live: list[RunFolder], choice: str | None) -> None:
        from mnist_tui.tui.starting import left

        if choice in {"detach", "stop"}:
            self.exit(message="\n".join(left(live, stop=choice == "stop")))

    def _remember(self, theme: str) -> None:
        try:
            remember_theme(theme)
        except (OSError, ValueError) as error:
            self.notify(f"The theme is not remembered: {error}", severity="warning")
