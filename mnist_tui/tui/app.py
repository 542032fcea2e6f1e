"""The app: which screen is shown, and what trains. Screens do the rest.

Nothing heavy may be imported here, nor on the way to the first screen: screens are imported where they are shown.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from textual.app import SystemCommand
from textual.binding import Binding
from textual.screen import Screen
from textual.timer import Timer

from mnist_tui.data.catalogue import DataError
from mnist_tui.experiment.problem import RequestError
from mnist_tui.tui.leaving import Leaving
from mnist_tui.tui.studies_app import StudiesApp
from mnist_tui.tui.terminal.keyboard import TAKES_KEYBOARD

if TYPE_CHECKING:
    from mnist_tui.experiment.presets import Preset
    from mnist_tui.runs.folder import RunFolder
    from mnist_tui.settings import Refresh
    from mnist_tui.studies.folder import StudyFolder
    from mnist_tui.tui.editor.draft import Draft
    from mnist_tui.tui.editor.screen import EditorScreen
    from mnist_tui.tui.feed import RunFeed
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
        study: the study to show.
        device: auto, cpu or gpu[:N].
        refresh: how often live screens are redrawn; None as the settings say.
    """

    preset: Preset | None = None
    action: Literal["browse", "edit", "train", "watch", "study"] = "browse"
    run: RunFolder | None = None
    study: StudyFolder | None = None
    runs_dir: Path
    data_dir: Path | None = None
    device: str = "auto"
    refresh: Refresh | None = None


class BenchApp(StudiesApp):
    """The lab bench.

    Attributes:
        leaving: the way out.
    """

    TITLE = "mnist-tui"
    CSS_PATH = "app.tcss"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (78, "-normal"), (110, "-wide"), (170, "-huge")]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (24, "-medium"), (36, "-tall")]
    BINDINGS = [
        Binding("ctrl+q", "quit", "Quit", tooltip="Leave; asks where a training goes on", show=False, priority=True),
        Binding("q", "quit", "Quit", tooltip="Leave; asks where a training goes on", id="app.quit"),
        Binding("ctrl+c", "quit", "Quit", show=False, system=True),
        Binding("f1", "help", "Help", tooltip="Help for what has the focus, and all keys", id="app.help"),
        Binding("f2", "go('presets')", "Presets", tooltip="The presets", show=False, id="app.presets"),
        Binding("f3", "go('runs')", "Runs", tooltip="All runs: sort, filter, compare", show=False, id="app.runs"),
        Binding("f4", "go('draw')", "Draw", tooltip="Draw a digit and have it read", show=False, id="app.draw"),
        Binding("f5", "go('studies')", "Studies", tooltip="Seeds and sweeps", show=False, id="app.studies"),
        Binding("f12", "go('settings')", "Settings", tooltip="Theme, glyphs, keys", show=False, id="app.settings"),
    ]

    def __init__(self, options: AppOptions) -> None:
        super().__init__(options.refresh)
        self.options = options
        self._starter: Starter | None = None
        self._retry: Timer | None = None
        self._editor: EditorScreen | None = None
        self._kept: dict[str, Draft] = {}
        self.leaving = Leaving(self)
        self._selected = options.preset.name if options.preset else None

    @property
    def starter(self) -> Starter:
        """What starts runs; made when first asked for."""
        if self._starter is None:
            from mnist_tui.tui.starting import Starter

            self._starter = Starter(self.options)
        return self._starter

    @property
    def editor(self) -> EditorScreen | None:
        """The editor, where there is one, under other screens too."""
        return self._editor if self._editor in self.screen_stack else None

    def _first_screen(self) -> Screen[Any]:
        """The first screen, by what was asked for."""
        options = self.options
        if options.action == "watch" and options.run is not None:
            return self._training_screen(options.run)
        if options.action == "study" and options.study is not None:
            return self.study_screen(options.study)
        if options.action == "edit" and options.preset is not None:
            return self._editor_screen(options.preset)
        if options.action == "train" and options.preset is not None:
            if self.starter.busy() is not None:
                self.call_after_refresh(self.train, options.preset)
                return self._presets_screen()
            folder = self._started(options.preset)
            if folder is not None:
                return self._training_screen(folder)
        return self._presets_screen()

    def on_mount(self) -> None:
        self._go(self._first_screen())
        if threading.current_thread() is threading.main_thread():
            leave = partial(self.exit, return_code=128 + signal.SIGTERM)
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, leave)
        if self.options.action not in {"watch", "study"}:
            self.call_after_refresh(self.set_timer, STANDBY_AFTER_SECONDS, self._prepare_standby)
        if self.options.action == "browse" and not self.settings.toured:
            self.call_after_refresh(self.show_tour)

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
        if _leads_to_runs(self.screen):
            self.push_screen(self._editor_screen(preset))
        else:
            self._go(self._editor_screen(preset))

    def train(self, preset: Preset) -> None:
        """Starts a training and shows it; asks first where the device is busy."""
        self._selected = preset.name
        self.run_worker(self._train(preset), group=TAKES_KEYBOARD, exclusive=True)

    async def _train(self, preset: Preset) -> None:
        from mnist_tui.tui.run_commands import wait_or_not

        wait = await wait_or_not(self)
        if wait is not None and (folder := self._started(preset, wait=wait)) is not None:
            self.watch_run(folder)

    def resume_run(self, folder: RunFolder) -> None:
        """Has a worker go on with a run; says what is wrong where it cannot."""
        try:
            self.starter.resume(folder)
            self.following.follow_again(folder)
        except (RequestError, OSError) as error:
            self.notify(str(error), title="The training cannot go on", severity="error", timeout=15, markup=False)

    def watch_run(self, folder: RunFolder) -> None:
        """The training screen, on any run."""
        from mnist_tui.tui.training.screen import TrainingScreen

        self._show_run(folder, TrainingScreen, self._training_screen)

    def show_results(self, folder: RunFolder) -> None:
        """The results of a run that has ended."""
        from mnist_tui.tui.results.screen import ResultsScreen

        self._show_run(folder, ResultsScreen, ResultsScreen)

    def show_of_run(self, what: str, feed: RunFeed, cell: tuple[int, int] | None = None) -> None:
        """A screen of a run over the present one: matrix, gallery (of a cell), weights or diagnosis."""
        from mnist_tui.tui.screens.of_run import screen_of_run

        self.push_screen(screen_of_run(what, feed, cell))

    def show_runs(self) -> None:
        """The browser of all runs."""
        from mnist_tui.tui.runs.screen import RunsScreen

        self._go(RunsScreen())

    def show_draw(self, folder: RunFolder | None = None) -> None:
        """The canvas, over the present screen; read by that run's model, or by the newest there is."""
        from mnist_tui.tui.draw.screen import DrawScreen

        self.push_screen(DrawScreen(folder))

    def show_settings(self) -> None:
        """The settings, over the present screen."""
        from mnist_tui.tui.settings.screen import SettingsScreen

        self.push_screen(SettingsScreen())

    def show_tour(self) -> None:
        """What the app is for, on one screen over the present one."""
        from mnist_tui.tui.help.screens import TourScreen

        self.push_screen(TourScreen())

    def action_go(self, where: str) -> None:
        """Goes to one of the app's own places; edits that are left so are there again where one comes back to them."""
        if where in {"presets", "runs", "studies"}:
            self._keep_edits()
        match where:
            case "presets":
                self.show_presets()
            case "runs":
                self.show_runs()
            case "studies":
                self.show_studies()
            case "draw":
                self.show_draw(getattr(self.screen, "folder", None))
            case _:
                self.show_settings()

    def action_help(self) -> None:
        from mnist_tui.tui.help.screens import HelpScreen, help_of, keys_of, more_of, topic_of

        screen = self.screen
        self.push_screen(HelpScreen(help_of(screen), keys_of(screen), more_of(screen), topic_of(screen)))

    async def action_quit(self) -> None:
        """Leaves at once where nothing would be lost; else asks."""
        await self.leaving.ask()

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

    def _go(self, screen: Screen[Any], origin: StudyFolder | None = None) -> None:
        """Shows a screen in place of all present ones; below it there is only Textual's empty first screen.

        Args:
            origin: the study to go back to, for a run that was opened from one.
        """
        self.origin = origin
        while len(self.screen_stack) > 2:
            self.pop_screen()
        if len(self.screen_stack) > 1:
            self.switch_screen(screen)
        else:
            self.push_screen(screen)

    def _show_run(self, folder: RunFolder, kind: type[Screen[Any]], make: Callable[[RunFolder], Screen[Any]]) -> None:
        """Shows a run's curves or results over the list, the comparison or the study that it was opened from.

        What is there already is come back to, so that Esc leads back the way one came.
        """
        stack = self.screen_stack
        there = next((one for one in stack if isinstance(one, kind) and _is_of(one, folder)), None)
        below = there or next((one for one in reversed(stack) if _is_of(one, folder) or _leads_to_runs(one)), None)
        if below is None:
            self._go(make(folder), self.origin)
            return
        while self.screen is not below:
            self.pop_screen()
        if there is None:
            self.push_screen(make(folder))

    @property
    def comes_from(self) -> bool:
        """Whether the present screen lies over another that Esc leads back to."""
        return len(self.screen_stack) > 2

    def back(self) -> None:
        """To the screen that the present one was opened from, as it was left; to the presets from the first one."""
        if self.comes_from:
            self.pop_screen()
        else:
            self.show_presets()

    def leave_run(self) -> None:
        """Leaves all screens of a run, to where it was opened from."""
        while self.comes_from and not _leads_to_runs(self.screen):
            self.pop_screen()
        if not _leads_to_runs(self.screen):
            self.show_presets()

    def _presets_screen(self) -> Screen[Any]:
        from mnist_tui.tui.presets.screen import PresetsScreen

        return PresetsScreen(self._selected)

    def _editor_screen(self, preset: Preset) -> Screen[Any]:
        from mnist_tui.tui.editor.screen import EditorScreen

        kept = self._kept.pop(preset.name, None)
        if kept is not None and kept.preset.experiment != preset.experiment:
            kept = None
        self._editor = EditorScreen(preset, kept)
        return self._editor

    def _keep_edits(self) -> None:
        """Keeps what the editor holds, for the next time that its preset is edited; says so."""
        editor = self.editor
        if editor is not None and editor.draft.is_edited:
            name = editor.draft.preset.name
            self._kept[name] = editor.draft
            self.notify(f"The edits of {name} are kept: edit it again to go on with them.", timeout=4, markup=False)

    def come_back_to_edits(self) -> bool:
        """Shows the editor with edits that were left behind; whether there were any."""
        if not self._kept:
            return False
        self.edit(next(iter(self._kept.values())).preset)
        return True

    def _training_screen(self, folder: RunFolder) -> Screen[Any]:
        from mnist_tui.tui.training.screen import TrainingScreen

        return TrainingScreen(self.follow(folder))

    def _started(self, preset: Preset, *, wait: bool = False) -> RunFolder | None:
        """A run that a worker trains; None, and a notice, where it cannot start."""
        try:
            return self.starter.start(preset, wait=wait)
        except (RequestError, DataError, OSError) as error:
            notice = partial(self.notify, title="The training cannot start", severity="error", timeout=15, markup=False)
            self.call_later(notice, str(error))
            return None

    def _prepare_standby(self) -> None:
        """A worker ahead of its run; none for each visitor of a web page."""
        if self.is_web:
            return
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


def _leads_to_runs(screen: Screen[Any]) -> bool:
    """Whether a screen stays below the runs that are opened from it."""
    return getattr(screen, "LEADS_TO_RUNS", False)


def _is_of(screen: Screen[Any], folder: RunFolder) -> bool:
    """Whether a screen shows that run's curves or results."""
    own = getattr(screen, "folder", None)
    return getattr(screen, "OF_RUN", False) and own is not None and own.path == folder.path
