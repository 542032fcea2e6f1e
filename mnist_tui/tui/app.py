"""The app with all its screens, its own keys, and a worker on standby.

Nothing heavy may be imported here: each screen's class is imported when the screen is first shown.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pkgutil import resolve_name
from typing import Any

from textual.app import SystemCommand
from textual.binding import Binding
from textual.dom import DOMNode
from textual.screen import Screen
from textual.timer import Timer

from mnist_tui.runs.folder import RunFolder
from mnist_tui.tui import leaving, run_commands
from mnist_tui.tui.bench import AppOptions, Bench, BenchScreen, Route, leads_to_runs
from mnist_tui.tui.terminal.keymap import Entry, commands_of, entries

ABOUT_QUIT = "Leave; asks first while something is training"
STANDBY_AFTER_SECONDS = 0.3
"""The time between the first frame, which must not wait for TensorFlow's import, and the start of the worker."""
STANDBY_RETRY_SECONDS = 3.0
"""The time between two checks whether the training that uses the cores has ended."""


class BenchApp(Bench):
    """The lab bench with all its screens."""

    TITLE = "mnist-tui"
    CSS_PATH = "app.tcss"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (78, "-normal"), (110, "-wide"), (170, "-huge")]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (24, "-medium"), (36, "-tall")]
    BINDINGS = [
        Binding("ctrl+q", "quit", "Quit", tooltip=ABOUT_QUIT, show=False, priority=True),
        Binding("q", "quit", "Quit", tooltip=ABOUT_QUIT, id="app.quit"),
        Binding("ctrl+c", "quit", "Quit", show=False, system=True),
        Binding("f1", "help", "Help", tooltip="Help for what has the focus, and all keys", id="app.help"),
        Binding("f2", "go('presets')", "Presets", tooltip="The presets", show=False, id="app.presets"),
        Binding("f3", "go('runs')", "Runs", tooltip="All runs: sort, filter, compare", show=False, id="app.runs"),
        Binding("f4", "go('draw')", "Draw", tooltip="Draw a digit and have it read", show=False, id="app.draw"),
        Binding("f5", "go('studies')", "Studies", tooltip="Seeds and sweeps", show=False, id="app.studies"),
        Binding("f12", "go('settings')", "Settings", tooltip="Theme, glyphs, keys", show=False, id="app.settings"),
    ]

    def __init__(self, options: AppOptions) -> None:
        super().__init__(options)
        self._retry: Timer | None = None

    def on_mount(self) -> None:
        self._show_first()
        if threading.current_thread() is threading.main_thread():
            leave = partial(self.exit, return_code=128 + signal.SIGTERM)
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, leave)
        if self.options.action not in {"watch", "study"}:
            self.call_after_refresh(self.set_timer, STANDBY_AFTER_SECONDS, self._prepare_standby)
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
            if self.starter.busy() is not None:
                self.call_after_refresh(run_commands.train, self, options.preset)
            elif (folder := run_commands.start(self, options.preset)) is not None:
                first = Route("training", run=folder)
        SCREENS[first.name].show(self, first)

    def show(self, route: Route) -> None:
        SCREENS[route.name].show(self, route)
        if route.name == "presets":
            self._prepare_standby()

    def key_entries(self) -> tuple[Entry, ...]:
        return entries(classes_with_keys())

    def action_go(self, where: str) -> None:
        """Show one of the app's main screens; edits that are not saved are kept."""
        if where in {"presets", "runs", "studies"}:
            leaving.keep_edits(self)
        shown = self.screen.shown_run if isinstance(self.screen, BenchScreen) else None
        self.show(Route(where, run=shown if where == "draw" else None))

    def action_help(self) -> None:
        self.show(Route("help"))

    async def action_quit(self) -> None:
        await leaving.leave(self)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Yield a command for every key of the present screen, then Textual's commands."""
        names: set[str] = set()
        for command in commands_of(screen):
            if command.own and command.name not in names:
                names.add(command.name)
                about = command.about or f"Key {', '.join(command.keys)}"
                yield SystemCommand(command.name, about, partial(self.run_action, command.action, command.node))
        yield from (command for command in super().get_system_commands(screen) if command.title not in names)

    def _prepare_standby(self) -> None:
        """Start a worker that waits for a run, but not for a web page, which may have many visitors."""
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

    def on_unmount(self) -> None:
        self.starter.dismiss()


def _over(bench: Bench, route: Route, entry: ScreenEntry) -> None:
    """Show the screen over the present one."""
    bench.push_screen(entry.new_screen(bench, route))


@dataclass(frozen=True)
class ScreenEntry:
    """A screen that can be shown.

    Attributes:
        path: the module below `mnist_tui.tui`, and the name of the screen's class.
        arguments: returns the arguments with which the class is called.
        put: shows a new screen among the open ones, or returns to an open one.
    """

    path: str
    arguments: Callable[[Bench, Route], list[Any]] = lambda bench, route: []
    put: Callable[[Bench, Route, ScreenEntry], None] = _over

    @property
    def screen_class(self) -> Any:
        return resolve_name(f"mnist_tui.tui.{self.path}")

    def new_screen(self, bench: Bench, route: Route) -> Screen[Any]:
        return self.screen_class(*self.arguments(bench, route))

    def show(self, bench: Bench, route: Route) -> None:
        self.put(bench, route, self)


@cache
def classes_with_keys() -> tuple[type[DOMNode], ...]:
    """Return every class of the app that may bind keys, by module. Imports every screen."""
    for entry in SCREENS.values():
        assert entry.screen_class
    own = [kind for kind in _subclasses(DOMNode) if kind.__module__.startswith("mnist_tui.")]
    return tuple(dict.fromkeys(sorted(own, key=lambda kind: kind.__module__)))


def _subclasses(kind: type[DOMNode]) -> Iterator[type[DOMNode]]:
    for subclass in kind.__subclasses__():
        yield subclass
        yield from _subclasses(subclass)


def _alone(bench: Bench, route: Route, entry: ScreenEntry, *, keep_origin: bool = False) -> None:
    """Show the screen in place of all others. With `keep_origin`, the user can still go back to the study."""
    screen = entry.new_screen(bench, route)
    bench.origin = bench.origin if keep_origin else None
    while bench.can_go_back:
        bench.pop_screen()
    if len(bench.screen_stack) > 1:
        bench.switch_screen(screen)
    else:
        bench.push_screen(screen)


def _over_list(bench: Bench, route: Route, entry: ScreenEntry) -> None:
    """Show the screen over a list from which runs are opened, or in place of all other screens."""
    (_over if leads_to_runs(bench.screen) else _alone)(bench, route, entry)


def _return_to_study(bench: Bench, route: Route, entry: ScreenEntry) -> None:
    """Return to the screen of the study if it is open; else show it over a list."""
    if any(isinstance(screen, entry.screen_class) for screen in bench.screen_stack):
        while not isinstance(bench.screen, entry.screen_class):
            bench.pop_screen()
    else:
        _over_list(bench, route, entry)


def _over_origin(bench: Bench, route: Route, entry: ScreenEntry) -> None:
    """Show a run's screen over the list, comparison or study from which the run was opened, or return to it if open.

    Escape leads back to the screen below.
    """
    folder, stack = _folder(route), bench.screen_stack
    if route.study is not None:
        bench.origin = route.study
    same = next((screen for screen in stack if isinstance(screen, entry.screen_class) and _shows(screen, folder)), None)
    lower = (screen for screen in reversed(stack) if _shows(screen, folder) or leads_to_runs(screen))
    below = same or next(lower, None)
    if below is None:
        _alone(bench, route, entry, keep_origin=True)
        return
    while bench.screen is not below:
        bench.pop_screen()
    if same is None:
        bench.push_screen(entry.new_screen(bench, route))


def _shows(screen: Screen[Any], folder: RunFolder) -> bool:
    shown = screen.shown_run if isinstance(screen, BenchScreen) else None
    return shown is not None and shown.path == folder.path


def _folder(route: Route) -> RunFolder:
    assert route.run is not None, route
    return route.run


def _feed(bench: Bench, route: Route) -> list[Any]:
    return [bench.following.feed(_folder(route))]


def _preset_and_edits(bench: Bench, route: Route) -> list[Any]:
    """Return the preset to edit, and the edits of the same experiment that were kept."""
    assert route.preset is not None, route
    bench.selected = route.preset.name
    kept = bench.kept_edits.pop(route.preset.name, None)
    is_same = kept is not None and kept.preset.experiment == route.preset.experiment
    return [route.preset, kept if is_same else None]


def _study_feed(bench: Bench, route: Route) -> list[Any]:
    """Return the feed of the study, which is followed from now on; if the route has a run, its trial is chosen."""
    assert route.study is not None, route
    feed = bench.studies.follow(route.study)
    if route.run is not None:
        feed.choose(route.run.id)
    return [feed]


SCREENS = {
    "presets": ScreenEntry("presets.screen:PresetsScreen", lambda bench, route: [bench.selected], _alone),
    "editor": ScreenEntry("editor.screen:EditorScreen", _preset_and_edits, _over_list),
    "training": ScreenEntry(
        "training.screen:TrainingScreen", lambda bench, route: [bench.following.follow(_folder(route))], _over_origin
    ),
    "results": ScreenEntry("results.screen:ResultsScreen", lambda bench, route: [_folder(route)], _over_origin),
    "matrix": ScreenEntry("matrix.screen:MatrixScreen", _feed),
    "gallery": ScreenEntry(
        "gallery.screen:GalleryScreen", lambda bench, route: [*_feed(bench, route), route.cell, route.final]
    ),
    "weights": ScreenEntry("weights.screen:WeightsScreen", _feed),
    "diagnosis": ScreenEntry("results.diagnosis:DiagnosisScreen", _feed),
    "runs": ScreenEntry("runs.screen:RunsScreen", put=_alone),
    "compare": ScreenEntry("compare.screen:CompareScreen", lambda bench, route: [route.summaries]),
    "export": ScreenEntry("export.screen:ExportScreen", lambda bench, route: [route.runs]),
    "draw": ScreenEntry("draw.screen:DrawScreen", lambda bench, route: [route.run]),
    "studies": ScreenEntry("studies.list_screen:StudiesScreen", put=_alone),
    "study": ScreenEntry("studies.screen:StudyScreen", _study_feed, _return_to_study),
    "sweep": ScreenEntry("sweep.screen:SweepScreen", lambda bench, route: [route.preset]),
    "settings": ScreenEntry("settings.screen:SettingsScreen"),
    "help": ScreenEntry("help.screens:HelpScreen", lambda bench, route: [bench.screen]),
    "tour": ScreenEntry("help.screens:TourScreen"),
}
