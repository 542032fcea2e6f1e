"""The key sheet of every screen, walked key by key: each does what the sheet promises, and none breaks the app."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.actions import parse
from textual.pilot import Pilot

from mnist_tui.experiment.presets import find_preset
from mnist_tui.tui.app import AppOptions, BenchApp
from mnist_tui.tui.bench import Route
from mnist_tui.tui.terminal.keymap import commands_of
from tests.tui.conftest import exists, screen_text

Open = Callable[[Pilot[Any], Any], Awaitable[None]]
SIZE = (120, 36)
LEAVES = ("quit", "dismiss")


def names_of(run: Any) -> tuple[str, ...]:
    return tuple(map(str, range(10)))


@pytest.fixture
def ended(record: Any) -> Any:
    """A run that has finished, with results."""
    run = record().begin()
    for epoch in range(1, 6):
        run.epoch(epoch)
    run.results(5, names_of(run))
    return run.finish(test_accuracy=0.9764, test_loss=0.0812, macro_f1=0.9762)


@pytest.fixture
def live(record: Any) -> Any:
    """A run that trains."""
    run = record().begin()
    for epoch in range(1, 6):
        run.epoch(epoch)
    return run


def over(what: str) -> Open:
    async def go(pilot: Pilot[Any], run: Any) -> None:
        app = pilot.app
        assert isinstance(app, BenchApp)
        app.show(Route(what, run=app.screen.feed.folder))  # pyright: ignore[reportAttributeAccessIssue]

    return go


async def stay(pilot: Pilot[Any], run: Any) -> None:
    pass


async def results(pilot: Pilot[Any], run: Any) -> None:
    pilot.app.show(Route("results", run=run.folder))  # pyright: ignore[reportAttributeAccessIssue]


async def presets(pilot: Pilot[Any], run: Any) -> None:
    pilot.app.show(Route("presets"))  # pyright: ignore[reportAttributeAccessIssue]


async def editor(pilot: Pilot[Any], run: Any) -> None:
    pilot.app.show(Route("editor", preset=find_preset("raw")))  # pyright: ignore[reportAttributeAccessIssue]


def at(place: str) -> Open:
    async def go(pilot: Pilot[Any], run: Any) -> None:
        pilot.app.action_go(place)  # pyright: ignore[reportAttributeAccessIssue]

    return go


SCREENS: dict[str, tuple[str, Open]] = {
    "training": ("live", stay),
    "training ended": ("ended", stay),
    "matrix": ("live", over("matrix")),
    "gallery": ("ended", over("gallery")),
    "weights": ("live", over("weights")),
    "diagnosis": ("live", over("diagnosis")),
    "results": ("ended", results),
    "presets": ("ended", presets),
    "editor": ("ended", editor),
    "runs": ("ended", at("runs")),
    "draw": ("ended", at("draw")),
    "settings": ("ended", at("settings")),
}
WALKED = ("matrix", "weights")
"""Whose keys are all pressed in the ordinary suite too; where keys open other screens that takes long."""
TITLES = {"training ended": "TrainingScreen"}


async def arrive(pilot: Pilot[Any], run: Any, name: str, until: Any) -> None:
    """The screen of that name, once it is shown."""
    await until(pilot, lambda: type(pilot.app.screen).__name__ == "TrainingScreen")
    app: Any = pilot.app
    await until(pilot, lambda: app.screen.snapshot.run.history)
    await SCREENS[name][1](pilot, run)
    title = TITLES.get(name, f"{name.capitalize()}Screen")
    await until(pilot, lambda: type(pilot.app.screen).__name__ == title and pilot.app.screen.is_mounted)
    await pilot.pause()


@pytest.mark.parametrize("name", SCREENS)
async def test_each_key_of_the_sheet_does_what_the_sheet_says(
    name: str, request: Any, until: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = request.getfixturevalue(SCREENS[name][0])
    app = BenchApp(AppOptions(action="watch", run=run.folder, runs_dir=tmp_path / "runs"))
    asked: list[tuple[str, Any]] = []

    async def remember(namespace: Any, action_name: str, params: Any) -> bool:
        asked.append((action_name, params))
        return True

    async with app.run_test(size=SIZE) as pilot:
        await arrive(pilot, run, name, until)
        sheet = commands_of(app.screen)
        assert len([command for command in sheet if command.own]) >= 5, "the sheet is not empty"
        keys = {key: each.binding for key, each in app.screen.active_bindings.items() if each.enabled}
        monkeypatch.setattr(app, "_dispatch_action", remember)
        for key, binding in keys.items():
            asked.clear()
            await pilot.press(key)
            _, action, parameters = parse(binding.action)
            assert asked == [(action, parameters)], f"{key}, which is {binding.description!r}"
        monkeypatch.undo()


@pytest.mark.parametrize(
    "name", [name if name in WALKED else pytest.param(name, marks=pytest.mark.exhaustive) for name in SCREENS]
)
async def test_no_key_of_the_sheet_breaks_the_app_and_each_says_what_it_is_for(
    name: str, request: Any, until: Any, tmp_path: Path
) -> None:
    run = request.getfixturevalue(SCREENS[name][0])
    app = BenchApp(AppOptions(action="watch", run=run.folder, runs_dir=tmp_path / "runs"))
    async with app.run_test(size=SIZE) as pilot:
        await arrive(pilot, run, name, until)
        sheet = {command.action: command for command in commands_of(app.screen) if command.own}
        assert all(exists(app, command) for command in sheet.values())
        assert all(command.about or command.name for command in sheet.values())
        keys = [
            (key, each.binding.description)
            for key, each in app.screen.active_bindings.items()
            if each.enabled
            and each.binding.action in sheet
            and (each.node is not app or name == "training")
            and not any(word in each.binding.action for word in LEAVES)
        ]
        here = app.screen
        for key, what in keys:
            await pilot.press(key)
            await pilot.pause()
            assert app.is_running, f"{key}: {what}"
            if app.screen is not here and app.screen_stack[-2] is here:
                await app.pop_screen()
            elif app.screen is not here:
                app.show(Route("training", run=run.folder))
                await arrive(pilot, run, name, until)
                here = app.screen
    assert app.return_code in {0, None}


FOOTERS = {
    "training": ("p Pause  s Stop, save", "q Quit  F1 Help"),
    "gallery": ("Enter Large  e All", "Esc Back  F1 Help"),
    "runs": ("Enter Open", "Esc Back  q Quit  F1 Help"),
    "draw": ("Space Pen  Del Clear  r Random", "Esc Back  q Quit  F1 Help"),
}


@pytest.mark.parametrize("name", FOOTERS)
async def test_the_footer_ends_with_whole_keys_of_which_the_way_out_is_always_one(
    name: str, request: Any, until: Any, tmp_path: Path
) -> None:
    first, last = FOOTERS[name]
    run = request.getfixturevalue(SCREENS[name][0])
    app = BenchApp(AppOptions(action="watch", run=run.folder, runs_dir=tmp_path / "runs"))
    async with app.run_test(size=(140, 45)) as pilot:
        await arrive(pilot, run, name, until)

        def footer() -> str:
            keys, _, palette = screen_text(app).splitlines()[-1].rpartition("▏")
            return keys.strip() if palette.strip() == "Ctrl+P palette" else ""

        for width in (140, 100, 80):
            await pilot.resize_terminal(width, 24)
            await until(pilot, lambda: footer().startswith(first) and footer().endswith(last))


async def test_the_way_back_is_in_the_footer_by_whatever_key_it_has(until: Any, tmp_path: Path) -> None:
    app = BenchApp(AppOptions(runs_dir=tmp_path / "runs"))
    app.settings = replace(app.settings, keys={"runs.back": "b", "draw.back": "b"})
    async with app.run_test(size=(60, 20)) as pilot:
        for place in ("runs", "draw"):
            app.action_go(place)
            await until(pilot, lambda: " b " in screen_text(app).rpartition("\n")[2])
