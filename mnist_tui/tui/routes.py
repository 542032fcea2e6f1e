"""All screens by name: the class of each, how it is made for a route, and where it is put among the open screens.

Each class is imported when its screen is first shown.
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


@dataclass(frozen=True)
class ScreenEntry:
    """A screen that can be shown.

    Attributes:
        path: its module and class.
        make: makes the screen; gets its class.
        put: shows the screen among the open ones.
    """

    path: str
    make: Callable[[Any, Bench, Route], Screen[Any]]
    put: Callable[[Bench, Route, ScreenEntry], None]

    @property
    def screen_class(self) -> type[Screen[Any]]:
        return resolve_name(self.path)

    def made(self, bench: Bench, route: Route) -> Screen[Any]:
        return self.make(self.screen_class, bench, route)


def show(bench: Bench, route: Route) -> None:
    """Show the screen of a route.

    Raises:
        KeyError: no screen has that name.
    """
    entry = SCREENS[route.name]
    entry.put(bench, route, entry)


@cache
def classes_with_keys() -> tuple[type[DOMNode], ...]:
    """Return every class of the app that may bind keys, by module. Imports every screen."""
    for entry in SCREENS.values():
        assert entry.screen_class
    own = [kind for kind in _subclasses(DOMNode) if kind.__module__.startswith("mnist_tui.")]
    return tuple(dict.fromkeys(sorted(own, key=lambda kind: kind.__module__)))


def _subclasses(kind: type[DOMNode]) -> Iterator[type[DOMNode]]:
    for one in kind.__subclasses__():
        yield one
        yield from _subclasses(one)


# ── where a screen goes ──


def _over(bench: Bench, route: Route, entry: ScreenEntry) -> None:
    """Show it over the present screen."""
    bench.push_screen(entry.made(bench, route))


def _alone(bench: Bench, route: Route, entry: ScreenEntry) -> None:
    """Show it in place of all screens."""
    bench.show_alone(entry.made(bench, route))


def _over_list(bench: Bench, route: Route, entry: ScreenEntry) -> None:
    """Show it over a list from which runs are opened, or in place of all other screens."""
    (_over if leads_to_runs(bench.screen) else _alone)(bench, route, entry)


def _study(bench: Bench, route: Route, entry: ScreenEntry) -> None:
    """Return to the screen of the study if it is open; else show it over a list."""
    if any(isinstance(screen, entry.screen_class) for screen in bench.screen_stack):
        while not isinstance(bench.screen, entry.screen_class):
            bench.pop_screen()
    else:
        _over_list(bench, route, entry)


def _run(bench: Bench, route: Route, entry: ScreenEntry) -> None:
    """Show it over the list, the comparison or the study from which the run was opened: Escape leads back there.

    If the screen is open already, return to it.
    """
    folder, stack = _folder(route), bench.screen_stack
    if route.study is not None:
        bench.origin = route.study
    open_already = next((one for one in stack if isinstance(one, entry.screen_class) and _shows(one, folder)), None)
    below = open_already or next((one for one in reversed(stack) if _shows(one, folder) or leads_to_runs(one)), None)
    if below is None:
        bench.show_alone(entry.made(bench, route), bench.origin)
        return
    while bench.screen is not below:
        bench.pop_screen()
    if open_already is None:
        bench.push_screen(entry.made(bench, route))


def _shows(screen: Screen[Any], folder: RunFolder) -> bool:
    shown = screen.shown_run if isinstance(screen, BenchScreen) else None
    return shown is not None and shown.path == folder.path


# ── how a screen is made ──


def _folder(route: Route) -> RunFolder:
    assert route.run is not None, route
    return route.run


def _plain(screen_class: Any, bench: Bench, route: Route) -> Screen[Any]:
    return screen_class()


def _of_feed(screen_class: Any, bench: Bench, route: Route) -> Screen[Any]:
    return screen_class(bench.following.feed(_folder(route)))


def _editor(screen_class: Any, bench: Bench, route: Route) -> Screen[Any]:
    """Make the editor of a preset, with the edits of it that were kept."""
    assert route.preset is not None, route
    bench.selected = route.preset.name
    kept = bench.kept_edits.pop(route.preset.name, None)
    if kept is not None and kept.preset.experiment != route.preset.experiment:
        kept = None
    return screen_class(route.preset, kept)


def _study_screen(screen_class: Any, bench: Bench, route: Route) -> Screen[Any]:
    """Make the screen of a study; if the route has a run, its trial is chosen."""
    assert route.study is not None, route
    feed = bench.studies.follow(route.study)
    if route.run is not None:
        feed.choose(route.run.id)
    return screen_class(feed)


SCREENS = {
    "presets": ScreenEntry(
        "mnist_tui.tui.presets.screen:PresetsScreen", lambda kind, bench, route: kind(bench.selected), _alone
    ),
    "editor": ScreenEntry("mnist_tui.tui.editor.screen:EditorScreen", _editor, _over_list),
    "training": ScreenEntry(
        "mnist_tui.tui.training.screen:TrainingScreen",
        lambda kind, bench, route: kind(bench.following.follow(_folder(route))),
        _run,
    ),
    "results": ScreenEntry(
        "mnist_tui.tui.results.screen:ResultsScreen", lambda kind, bench, route: kind(_folder(route)), _run
    ),
    "matrix": ScreenEntry("mnist_tui.tui.matrix.screen:MatrixScreen", _of_feed, _over),
    "gallery": ScreenEntry(
        "mnist_tui.tui.gallery.screen:GalleryScreen",
        lambda kind, bench, route: kind(bench.following.feed(_folder(route)), route.cell, final=route.final),
        _over,
    ),
    "weights": ScreenEntry("mnist_tui.tui.weights.screen:WeightsScreen", _of_feed, _over),
    "diagnosis": ScreenEntry("mnist_tui.tui.results.diagnosis:DiagnosisScreen", _of_feed, _over),
    "runs": ScreenEntry("mnist_tui.tui.runs.screen:RunsScreen", _plain, _alone),
    "compare": ScreenEntry(
        "mnist_tui.tui.compare.screen:CompareScreen", lambda kind, bench, route: kind(route.summaries), _over
    ),
    "export": ScreenEntry(
        "mnist_tui.tui.export.screen:ExportScreen", lambda kind, bench, route: kind(route.runs), _over
    ),
    "draw": ScreenEntry("mnist_tui.tui.draw.screen:DrawScreen", lambda kind, bench, route: kind(route.run), _over),
    "studies": ScreenEntry("mnist_tui.tui.studies.list_screen:StudiesScreen", _plain, _alone),
    "study": ScreenEntry("mnist_tui.tui.studies.screen:StudyScreen", _study_screen, _study),
    "sweep": ScreenEntry(
        "mnist_tui.tui.sweep.screen:SweepScreen", lambda kind, bench, route: kind(route.preset), _over
    ),
    "settings": ScreenEntry("mnist_tui.tui.settings.screen:SettingsScreen", _plain, _over),
    "help": ScreenEntry("mnist_tui.tui.help.screens:HelpScreen", lambda kind, bench, route: kind(bench.screen), _over),
    "tour": ScreenEntry("mnist_tui.tui.help.screens:TourScreen", _plain, _over),
}
