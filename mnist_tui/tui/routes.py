"""The table of all screens: their names, their classes, and how each is shown over or in place of the open screens.

Only this module knows the screens. A screen's class is imported when the screen is first shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pkgutil import resolve_name
from typing import Any

from textual.dom import DOMNode
from textual.screen import Screen

from mnist_tui.runs.folder import RunFolder
from mnist_tui.tui.bench import Bench, BenchScreen, Route, leads_to_runs


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
    """Show the screen over a list from which runs are opened or over a run's screen, or in place of all others."""
    screen = bench.screen
    is_below = isinstance(screen, BenchScreen) and (leads_to_runs(screen) or screen.shown_run is not None)
    (_over if is_below else _alone)(bench, route, entry)


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
    "sweep": ScreenEntry("sweep.screen:SweepScreen", lambda bench, route: [route.preset, route.seeds]),
    "settings": ScreenEntry("settings.screen:SettingsScreen"),
    "help": ScreenEntry("help.screens:HelpScreen", lambda bench, route: [bench.screen]),
    "tour": ScreenEntry("help.screens:TourScreen"),
}


def show(bench: Bench, route: Route) -> None:
    """Show the screen that the route names."""
    entry = SCREENS[route.name]
    entry.put(bench, route, entry)
