"""The way from screen to screen: every key leads where the map says, and Escape leads back to the place left."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import OptionList

from mnist_tui.experiment.presets import find_preset, save_preset
from mnist_tui.runs.folder import RunFolder
from mnist_tui.tui.app import AppOptions, BenchApp
from mnist_tui.tui.bench import Route
from mnist_tui.tui.runs.screen import RunsScreen
from mnist_tui.tui.widgets.row_table import RowTable
from tests.runs.synthetic import BEGIN, finished_run
from tests.tui.conftest import screen_text
from tests.tui.recorded_studies import RecordedStudy

MAIN = {"f2": "Presets", "f3": "Runs", "f4": "Draw", "f5": "Studies", "f12": "Settings"}
OF_RUN = {"m": "Matrix", "g": "Gallery", "w": "Weights", "i": "Diagnosis"}
MAP: dict[str, dict[str, str]] = {
    "Presets": {"e": "Editor", "w": "Sweep"},
    "Editor": {"ctrl+g": "Sweep"},
    "Sweep": {},
    "Runs": {"enter": "Results", "w": "Training", "o": "Compare", "e": "Editor", "t": "Studies"},
    "Results": {**OF_RUN, "c": "Training", "e": "Editor", "r": "Robustness"},
    "Training": {**OF_RUN, "r": "Results", "e": "Editor"},
    "Matrix": {"g": "Gallery", "w": "Weights", "i": "Diagnosis"},
    "Gallery": {"m": "Matrix", "w": "Weights", "i": "Diagnosis"},
    "Weights": {"m": "Matrix", "g": "Gallery", "i": "Diagnosis"},
    "Diagnosis": {"m": "Matrix", "g": "Gallery", "w": "Weights", "e": "Editor"},
    "Compare": {"enter": "Results", "r": "Robustness"},
    "Robustness": {},
    "Studies": {"enter": "Study"},
    "Study": {"enter": "Results", "e": "Editor"},
    "Draw": {},
    "Settings": {},
}
"""The oracle: the screens to which the keys of a screen lead, besides the keys of the main screens."""
SIZE = (120, 40)


class Trail:
    """The rule in short: a screen that is opened comes to the top, once; Escape puts it back, or takes it away."""

    def __init__(self) -> None:
        self.kinds = ["Presets"]
        self.below: dict[str, list[str]] = {}

    def open(self, kind: str, *, replaced: bool = False) -> None:
        if kind == self.kinds[-1]:
            return
        self.below.pop(kind, None)
        if kind in self.kinds and not replaced:
            self.below[kind] = self.kinds[: self.kinds.index(kind)]
        self.kinds = [*(each for each in self.kinds if each != kind), kind]

    def back(self) -> None:
        *rest, top = self.kinds
        below = self.below.pop(top, None)
        at = max((at for at, kind in enumerate(rest, 1) if kind in (below or [])), default=0)
        if below is not None and at < len(rest):
            self.kinds = [*rest[:at], top, *rest[at:]]
        else:
            self.kinds = rest or ["Presets"]


def kind_of(screen: Screen[Any]) -> str:
    return type(screen).__name__.removesuffix("Screen")


def kinds(app: BenchApp) -> list[str]:
    return [kind_of(screen) for screen in app.trail]


def cursors(screen: Screen[Any]) -> object:
    """The places of all cursors of a screen."""
    rows = [table.chosen for table in screen.query(RowTable)]
    return rows, [listed.highlighted for listed in screen.query(OptionList)]


def path_to(kind: str, here: str) -> list[tuple[str, str]]:
    """The shortest way between two screens by the map and the keys of main screens: the keys, and where they lead."""
    ways: list[list[tuple[str, str]]] = [[]]
    for way in ways:
        at = way[-1][1] if way else here
        if at == kind:
            return way
        ways += [[*way, step] for step in {**MAP[at], **MAIN}.items()]
    raise AssertionError(kind)


@pytest.fixture
def app(place: Path) -> BenchApp:
    """Three runs of one experiment in three seeds, which are also the trials of a study."""
    study = RecordedStudy(place, epochs=3).begin()
    for number in range(3):
        run = finished_run(place, epochs=3, created=BEGIN + 60 * number, texts={"seed": str(number)})
        study.run(number + 1, 3, run=run.id).end(number + 1, run=run.id)
    return BenchApp(AppOptions(runs_dir=place))


async def step(pilot: Pilot[Any], until: Any, trail: Trail, key: str, kind: str) -> None:
    """Press a key that opens a screen, and compare all open screens with the rule."""
    app: Any = pilot.app
    known = next((screen for screen in app.trail if kind_of(screen) == kind), None)
    await pilot.press(key)
    await until(pilot, lambda: kind_of(app.screen) == kind)
    trail.open(kind, replaced=app.screen is not known)
    assert kinds(app) == trail.kinds
    if isinstance(app.screen, RunsScreen):
        await until(pilot, lambda: len(app.screen.table.keys) == 3)


def ways_to_try(exhaustive: bool) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Each screen with the keys to try there, and where they lead: all; or those that no earlier screen has had, and
    one of the main screens' in turn.
    """
    had: set[tuple[str, str]] = set()
    for number, kind in enumerate(MAP):
        own = [way for way in MAP[kind].items() if exhaustive or way not in had]
        had.update(own)
        main = list(MAIN.items()) if exhaustive else [list(MAIN.items())[number % len(MAIN)]]
        yield kind, [(key, target) for key, target in [*own, *main] if target != kind]


@pytest.mark.parametrize("exhaustive", [False, pytest.param(True, marks=pytest.mark.exhaustive)])
async def test_each_key_leads_where_the_map_says_and_escape_leads_back_to_the_same_place(
    exhaustive: bool, app: BenchApp, until: Any
) -> None:
    trail = Trail()
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: kinds(app) == ["Presets"])
        for kind, ways in ways_to_try(exhaustive):
            for key, target in path_to(kind, trail.kinds[-1]):
                await step(pilot, until, trail, key, target)
            here = app.screen
            await app.workers.wait_for_complete()
            await pilot.press("down")
            before, focused = cursors(here), here.focused
            for key, target in ways:
                await step(pilot, until, trail, key, target)
                await pilot.press("escape")
                trail.back()
                await until(pilot, lambda here=here: app.screen is here)
                assert kinds(app) == trail.kinds, key
                assert cursors(here) == before, key
                assert focused in (here.focused, None), key
            over = ("f1", "ctrl+p")
            for key in over if exhaustive else over[len(trail.kinds) % 2 :][:1]:
                await pilot.press(key, "escape")
                await until(pilot, lambda here=here: app.screen is here)
        while kinds(app) != ["Presets"]:
            trail.back()
            await pilot.press("escape")
            await until(pilot, lambda: kinds(app) == trail.kinds)
        await pilot.press("escape")
        assert kinds(app) == ["Presets"], "nothing lies below the presets any more"


async def test_a_long_random_walk_keeps_to_the_rule_and_never_piles_up(app: BenchApp, until: Any) -> None:
    trail, chance = Trail(), random.Random(17)
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: kinds(app) == ["Presets"])
        for _ in range(28):
            here = trail.kinds[-1]
            ways = {**MAP[here], **{key: kind for key, kind in MAIN.items() if kind != here}}
            key = chance.choice([*ways, "escape", "escape"])
            if key == "escape":
                trail.back()
                await pilot.press(key)
                await until(pilot, lambda: kinds(app) == trail.kinds)
            else:
                await step(pilot, until, trail, key, ways[key])
            assert len(app.screen_stack) <= len(MAP) + 1


async def test_escape_leads_from_a_run_of_the_list_over_the_list_to_the_training_that_was_left(
    app: BenchApp, until: Any
) -> None:
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("f2", "e")
        await until(pilot, lambda: kinds(app) == ["Presets", "Editor"])
        run = next(app.options.runs_dir.glob("*-raw-*"))
        app.show(Route("training", run=RunFolder(run)))
        await pilot.press("f3")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen) and len(app.screen.table.keys) == 3)
        app.show(Route("training", run=RunFolder(run)))
        for kind in ("Training", "Runs", "Training", "Editor", "Presets"):
            await until(pilot, lambda kind=kind: kinds(app)[-1] == kind)
            await pilot.press("escape")
        assert kinds(app) == ["Presets"]


async def test_clicks_on_the_first_line_and_on_the_footer_lead_as_the_keys_do(app: BenchApp, until: Any) -> None:
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("f3")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen) and len(app.screen.table.keys) == 3)
        await pilot.press("down", "enter")
        await until(pilot, lambda: kinds(app) == ["Presets", "Runs", "Results"])
        for name in ("Draw", "Studies", "Settings", "Presets", "Runs"):
            await pilot.click(offset=(screen_text(app).partition("\n")[0].index(name), 0))
            await until(pilot, lambda name=name: kinds(app)[-1] == name)
            footer = screen_text(app).rpartition("\n")[2]
            await pilot.click(offset=(footer.index("Esc"), SIZE[1] - 1))
            await until(pilot, lambda: kinds(app)[-1] == "Results")


async def test_the_list_of_runs_keeps_its_cursor_order_filter_and_marks(app: BenchApp, until: Any) -> None:
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("f3")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen) and len(app.screen.table.keys) == 3)
        runs = app.screen
        assert isinstance(runs, RunsScreen)
        await pilot.press("space", "slash", *"seed>0", "enter", "S")
        await until(pilot, lambda: len(runs.table.keys) == 2)
        chosen, shown = runs.table.chosen, screen_text(app)
        await pilot.press("f2", "f5", "f3")
        await until(pilot, lambda: app.screen is runs)
        assert (runs.table.chosen, screen_text(app)) == (chosen, shown)


async def test_edits_left_by_a_main_screens_key_come_back_without_a_question(app: BenchApp, until: Any) -> None:
    async with app.run_test(size=SIZE) as pilot:
        app.show(Route("editor", preset=find_preset("raw")))
        await until(pilot, lambda: kinds(app)[-1] == "Editor" and app.focused is not None)
        editor: Any = app.screen
        await pilot.press("ctrl+end", "tab", "tab", "tab", "tab")
        await pilot.press("f3", "escape")
        await until(pilot, lambda: app.screen is editor)
        editor.draft.remove_layer(0)
        await pilot.press("f2", "e")
        await until(pilot, lambda: app.screen is editor)
        app.show(Route("editor", preset=find_preset("hog")))
        await until(pilot, lambda: kinds(app)[-1] == "Editor" and app.screen is not editor)
        assert list(app.kept_edits.values()) == [editor.draft]
        app.show(Route("editor", preset=find_preset("raw")))
        await until(pilot, lambda: kinds(app)[-1] == "Editor" and app.screen.edited is editor.draft)  # pyright: ignore[reportAttributeAccessIssue]


async def test_a_saved_preset_is_in_the_list_that_was_kept(app: BenchApp, until: Any) -> None:
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("f3", "f2")
        presets: Any = app.screen
        await until(pilot, lambda: kinds(app)[-1] == "Presets" and presets._filled)
        await pilot.press("f3")
        save_preset(find_preset("raw"), "my-own")
        await pilot.press("escape")
        await until(pilot, lambda: "my-own" in presets.listing.keys)


async def test_a_deleted_runs_screens_are_closed_wherever_they_lie(app: BenchApp, until: Any) -> None:
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("f3")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen) and len(app.screen.table.keys) == 3)
        await pilot.press("enter")
        await until(pilot, lambda: kinds(app)[-1] == "Results")
        await pilot.press("m")
        await until(pilot, lambda: kinds(app)[-1] == "Matrix")
        await pilot.press("f3")
        await until(pilot, lambda: kinds(app) == ["Presets", "Results", "Matrix", "Runs"])
        await pilot.press("x")
        await until(pilot, lambda: kind_of(app.screen) == "DeleteRunsQuestion")
        await pilot.press("y")
        await until(pilot, lambda: kinds(app) == ["Presets", "Runs"])


async def test_results_lead_to_the_next_run_and_the_previous_one_and_the_lists_cursor_goes_along(
    app: BenchApp, until: Any
) -> None:
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("f3")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen) and len(app.screen.table.keys) == 3)
        runs = app.screen
        assert isinstance(runs, RunsScreen)
        first, second, third = runs.table.keys
        await pilot.press("down", "enter")
        for key, shown in (("n", third), ("n", third), ("N", second), ("N", first)):
            await pilot.press(key)
            await until(pilot, lambda shown=shown: kinds(app)[-1] == "Results" and app.screen.folder.id == shown)  # pyright: ignore[reportAttributeAccessIssue]
            assert kinds(app) == ["Presets", "Runs", "Results"]
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is runs and runs.table.chosen == first)


@pytest.mark.parametrize("screen", ["results", "diagnosis"])
async def test_a_crashed_run_is_resumed_from_its_results_and_its_diagnosis(
    screen: str, place: Path, until: Any, no_worker: list[RunFolder]
) -> None:
    folder = finished_run(place, epochs=3, state="crashed")
    app = BenchApp(AppOptions(runs_dir=place))
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: kinds(app) == ["Presets"])
        app.show(Route(screen, run=folder))
        await until(pilot, lambda: "Resume" in screen_text(app))
        await pilot.press("p")
        await until(pilot, lambda: kinds(app)[-1] == "Training")
        assert [run.id for run in no_worker] == [folder.id]
