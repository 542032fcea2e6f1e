"""Every screen by its name: its class, how it is made for a route, and where it goes among the screens that are open.

A screen is added here and nowhere else. Each class is imported when its screen is first shown.
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
from mnist_tui.tui.feed import RunFeed


@dataclass(frozen=True)
class ScreenEntry:
    """A screen that can be shown.

    Attributes:
        path: its module and class.
        make: makes the screen, from its class.
        put: shows it among the screens that are open.
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
    """Over the present screen."""
    bench.push_screen(entry.made(bench, route))


def _alone(bench: Bench, route: Route, entry: ScreenEntry) -> None:
    """In place of all screens."""
    bench.show_alone(entry.made(bench, route))


def _over_list(bench: Bench, route: Route, entry: ScreenEntry) -> None:
    """Over a list from which runs are opened; in place of anything else."""
    (_over if leads_to_runs(bench.screen) else _alone)(bench, route, entry)


def _study(bench: Bench, route: Route, entry: ScreenEntry) -> None:
    """As it was left, if it is open; else as any other screen over a list."""
    if any(isinstance(screen, entry.screen_class) for screen in bench.screen_stack):
        while not isinstance(bench.screen, entry.screen_class):
            bench.pop_screen()
    else:
        _over_list(bench, route, entry)


def _run(bench: Bench, route: Route, entry: ScreenEntry) -> None:
    """Over the list, the comparison or the study from which the run was opened, so that Escape leads back there.

    A screen of the run that is open already is shown again.
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


def _feed(bench: Bench, route: Route) -> RunFeed:
    return bench.following.feed(_folder(route))


def _editor(screen_class: Any, bench: Bench, route: Route) -> Screen[Any]:
    """The editor on a preset, with the edits of it that were kept."""
    assert route.preset is not None, route
    bench.selected = route.preset.name
    kept = bench.kept_edits.pop(route.preset.name, None)
    if kept is not None and kept.preset.experiment != route.preset.experiment:
        kept = None
    return screen_class(route.preset, kept)


def _study_screen(screen_class: Any, bench: Bench, route: Route) -> Screen[Any]:
    """The screen of a study; of a run's study, with the run's trial chosen."""
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
    "matrix": ScreenEntry(
        "mnist_tui.tui.matrix.screen:MatrixScreen", lambda kind, bench, route: kind(_feed(bench, route)), _over
    ),
    "gallery": ScreenEntry(
        "mnist_tui.tui.gallery.screen:GalleryScreen",
        lambda kind, bench, route: kind(_feed(bench, route), route.cell, final=route.final),
        _over,
    ),
    "weights": ScreenEntry(
        "mnist_tui.tui.weights.screen:WeightsScreen", lambda kind, bench, route: kind(_feed(bench, route)), _over
    ),
    "diagnosis": ScreenEntry(
        "mnist_tui.tui.results.diagnosis:DiagnosisScreen", lambda kind, bench, route: kind(_feed(bench, route)), _over
    ),
    "runs": ScreenEntry("mnist_tui.tui.runs.screen:RunsScreen", lambda kind, bench, route: kind(), _alone),
    "compare": ScreenEntry(
        "mnist_tui.tui.compare.screen:CompareScreen", lambda kind, bench, route: kind(route.summaries), _over
    ),
    "export": ScreenEntry(
        "mnist_tui.tui.export.screen:ExportScreen", lambda kind, bench, route: kind(route.runs), _over
    ),
    "draw": ScreenEntry("mnist_tui.tui.draw.screen:DrawScreen", lambda kind, bench, route: kind(route.run), _over),
    "studies": ScreenEntry(
        "mnist_tui.tui.studies.list_screen:StudiesScreen", lambda kind, bench, route: kind(), _alone
    ),
    "study": ScreenEntry("mnist_tui.tui.studies.screen:StudyScreen", _study_screen, _study),
    "sweep": ScreenEntry(
        "mnist_tui.tui.sweep.screen:SweepScreen", lambda kind, bench, route: kind(route.preset), _over
    ),
    "settings": ScreenEntry("mnist_tui.tui.settings.screen:SettingsScreen", lambda kind, bench, route: kind(), _over),
    "help": ScreenEntry("mnist_tui.tui.help.screens:HelpScreen", lambda kind, bench, route: kind(bench.screen), _over),
    "tour": ScreenEntry("mnist_tui.tui.help.screens:TourScreen", lambda kind, bench, route: kind(), _over),
}
