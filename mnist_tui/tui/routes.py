"""The table of all screens: their names, their classes, and what each shows; and the way from screen to screen.

Only this module knows the screens. A screen's class is imported when the screen is first shown.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import takewhile
from pkgutil import resolve_name
from typing import Any

from textual import events
from textual.dom import DOMNode
from textual.screen import ModalScreen, Screen

from mnist_tui.errors import RequestError
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.state import LIVE
from mnist_tui.tui.bench import Bench, BenchScreen, Route, subject_of


@dataclass(frozen=True)
class ScreenEntry:
    """A screen that can be shown.

    Attributes:
        path: the module below `mnist_tui.tui`, and the name of the screen's class.
        arguments: returns the arguments with which the class is called.
        subject: returns what the screen is to show, as its `subject` does; None if an open screen need not show it.
    """

    path: str
    arguments: Callable[[Bench, Route], list[Any]] = lambda bench, route: []
    subject: Callable[[Route], Hashable] = lambda route: None

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


def _folder(route: Route) -> RunFolder:
    assert route.run is not None, route
    return route.run


def _feed(bench: Bench, route: Route) -> list[Any]:
    return [bench.following.feed(_folder(route))]


def _run(route: Route) -> Hashable:
    return route.run.path if route.run is not None else None


def _study(route: Route) -> Hashable:
    return route.study.path if route.study is not None else None


def _preset(route: Route) -> Hashable:
    return subject_of(route.preset) if route.preset is not None else None


def _edits(bench: Bench, route: Route) -> list[Any]:
    """Return the preset to edit, and the edits of the same experiment that were kept."""
    assert route.preset is not None, route
    bench.selected = route.preset.name
    return [route.preset, bench.kept_edits.pop(subject_of(route.preset), None)]


def _study_feed(bench: Bench, route: Route) -> list[Any]:
    """Return the feed of the study, which is followed from now on; if the route has a run, its trial is chosen."""
    assert route.study is not None, route
    feed = bench.studies.follow(route.study)
    if route.run is not None:
        feed.choose(route.run.id)
    return [feed]


SCREENS = {
    "presets": ScreenEntry("presets.screen:PresetsScreen", lambda bench, route: [bench.selected]),
    "editor": ScreenEntry("editor.screen:EditorScreen", _edits, _preset),
    "training": ScreenEntry(
        "training.screen:TrainingScreen", lambda bench, route: [bench.following.follow(_folder(route))], _run
    ),
    "results": ScreenEntry("results.screen:ResultsScreen", lambda bench, route: [_folder(route)], _run),
    "matrix": ScreenEntry("matrix.screen:MatrixScreen", _feed, _run),
    "gallery": ScreenEntry(
        "gallery.screen:GalleryScreen",
        lambda bench, route: [*_feed(bench, route), route.cell, route.final, route.only],
        lambda route: (_run(route), route.cell, route.final, route.only),
    ),
    "inside": ScreenEntry("inside.screen:InsideScreen", lambda bench, route: [_folder(route), route.image]),
    "weights": ScreenEntry("weights.screen:WeightsScreen", _feed, _run),
    "diagnosis": ScreenEntry("results.diagnosis:DiagnosisScreen", _feed, _run),
    "runs": ScreenEntry("runs.screen:RunsScreen"),
    "compare": ScreenEntry(
        "compare.screen:CompareScreen",
        lambda bench, route: [route.summaries],
        lambda route: tuple(run.run for run in route.summaries),
    ),
    "tests": ScreenEntry(
        "compare.tests:NetworkTestsScreen",
        lambda bench, route: [route.summaries],
        lambda route: tuple(run.run for run in route.summaries),
    ),
    "robustness": ScreenEntry(
        "robustness.screen:RobustnessScreen",
        lambda bench, route: [route.runs],
        lambda route: tuple(run.id for run in route.runs),
    ),
    "export": ScreenEntry("export.screen:ExportScreen", lambda bench, route: [route.runs]),
    "code": ScreenEntry("export.screen:PresetCodeScreen", lambda bench, route: [route.preset]),
    "evaluate": ScreenEntry("evaluations.dialogs:EvaluateScreen", lambda bench, route: [_folder(route)]),
    "ensemble": ScreenEntry("evaluations.ensemble:EnsembleScreen", lambda bench, route: [route.summaries]),
    "import": ScreenEntry("evaluations.dialogs:ImportScreen"),
    "draw": ScreenEntry("draw.screen:DrawScreen", lambda bench, route: [route.run]),
    "studies": ScreenEntry("studies.list_screen:StudiesScreen"),
    "study": ScreenEntry("studies.screen:StudyScreen", _study_feed, _study),
    "sweep": ScreenEntry(
        "sweep.screen:SweepScreen",
        lambda bench, route: [route.preset, route.seeds],
        lambda route: (_preset(route), route.seeds),
    ),
    "settings": ScreenEntry("settings.screen:SettingsScreen"),
    "help": ScreenEntry("help.screens:HelpScreen", lambda bench, route: [bench.screen]),
    "guide": ScreenEntry("help.screens:GuideScreen", lambda bench, route: [route.topic]),
    "tour": ScreenEntry("help.screens:TourScreen"),
}


def show(bench: Bench, route: Route) -> None:
    """Show the screen that the route names over the present one.

    At most one screen of each class is open: if it shows what the route names, it comes to the top as it was left,
    and remembers its place in the stack; else it closes and a new one is opened. So the stack cannot grow without end.
    """
    if why := refused_by_route(route):
        bench.warn(why, "The run was not trained here")
        return
    entry = SCREENS[route.name]
    if issubclass(entry.screen_class, ModalScreen):
        bench.push_screen(entry.new_screen(bench, route))
        return
    benches = (screen for screen in bench.screen_stack if isinstance(screen, BenchScreen))
    known = next((screen for screen in benches if isinstance(screen, entry.screen_class)), None)
    if known is not None and entry.subject(route) in (None, known.subject):
        if known.parked:
            known.parked, known.below = False, None
        elif known is not bench.trail[-1]:
            known.below = [type(screen) for screen in bench.trail[: bench.trail.index(known)]]
        layer = _layer(bench, known)
        _arrange(bench, [*(screen for screen in bench.screen_stack if screen not in layer), *layer])
        known.shown_again(route)
        return
    if known is not None:
        _close(bench, [known])
    bench.push_screen(entry.new_screen(bench, route))


TRAINING_SCREENS = {"training": "has no curves", "weights": "shows no weights", "diagnosis": "has no diagnosis"}
"""Screens about a training, and what is said of a run without one."""


def refused_by_route(route: Route) -> str:
    """Return why a run that was not trained here is not shown on a screen that needs a training; empty if it is."""
    if route.run is None or route.name not in {*TRAINING_SCREENS, "inside"}:
        return ""
    try:
        if route.name == "inside":
            from mnist_tui.runs.explanations import explained_run

            explained_run(route.run)
        elif route.name != "training" or route.run.state() not in LIVE:
            route.run.check_trained_here(TRAINING_SCREENS[route.name])
    except RequestError as error:
        return str(error) if route.run.origin_file.exists() else ""
    return ""


def back(bench: Bench) -> None:
    """Go back to the screen from which the present one was shown, or to the presets if there is none.

    If the present screen came to the top from below others, it goes back to its place there; else it closes.
    """
    *below, present = bench.trail
    if not below:
        bench.show(Route("presets"))
        if bench.trail == [present]:
            return
    if present.below is not None:
        places = [at for at, screen in enumerate(below, 1) if type(screen) in present.below]
        present.below, at = None, max(places, default=0)
        if at < len(below):
            stack = [screen for screen in bench.screen_stack if screen is not present]
            stack.insert(stack.index(below[at]), present)
            _arrange(bench, stack)
            return
    if present.KEPT:
        present.parked = True
        first, *others = (screen for screen in bench.screen_stack if screen is not present)
        _arrange(bench, [first, present, *others])
    else:
        _close(bench, [present])


def close_run(bench: Bench, folder: RunFolder) -> None:
    """Close all screens of a run."""
    of_run = [screen for screen in bench.trail if screen.shown_run is not None and screen.shown_run.path == folder.path]
    if of_run == bench.trail:
        bench.show(Route("presets"))
    _close(bench, of_run)


def _layer(bench: Bench, screen: Screen[Any]) -> list[Screen[Any]]:
    """Return the screen and the dialogs over it."""
    above = bench.screen_stack[bench.screen_stack.index(screen) + 1 :]
    return [screen, *takewhile(lambda other: isinstance(other, ModalScreen), above)]


def _close(bench: Bench, screens: Sequence[BenchScreen[Any]]) -> None:
    """Close screens with the dialogs over them, wherever they are in the stack; keep edits that would be lost."""
    for draft in (screen.edited for screen in screens):
        if draft is not None and draft.is_unsaved:
            bench.keep_edits(draft)
    closed = [each for screen in screens for each in _layer(bench, screen)]
    _arrange(bench, [screen for screen in bench.screen_stack if screen not in closed])
    for screen in closed:
        bench.call_next(bench._replace_screen, screen)  # pyright: ignore[reportPrivateUsage]


def _arrange(bench: Bench, stack: Sequence[Screen[Any]]) -> None:
    """Change the order of the open screens. Textual can only push and pop, which would draw each screen on the way."""
    present = bench.screen
    bench._screen_stack[:] = stack  # pyright: ignore[reportPrivateUsage]
    if bench.screen is not present:
        bench.capture_mouse(None)
        present.post_message(events.ScreenSuspend())
        bench.screen.post_message(events.ScreenResume())
        bench.screen_change_signal.publish(bench.screen)
