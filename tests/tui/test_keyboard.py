"""Keys that arrive together: each goes where the one before it led, and none answers a question that was not seen."""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.keys import _character_to_key  # pyright: ignore[reportPrivateUsage]
from textual.pilot import Pilot
from textual.widgets import Input, Select

from mnist_tui.experiment.presets import find_preset
from mnist_tui.runs.collection.summaries import summary_of
from mnist_tui.runs.folder import RunFolder
from mnist_tui.studies.folder import StudyFolder
from mnist_tui.tui.app import AppOptions, BenchApp
from mnist_tui.tui.bench import Route
from mnist_tui.tui.compare.screen import CompareScreen
from mnist_tui.tui.editor.screen import EditorScreen, SavePresetScreen
from mnist_tui.tui.export.screen import ExportScreen
from mnist_tui.tui.presets.screen import PresetsScreen
from mnist_tui.tui.runs.screen import DeleteRunsQuestion
from tests.runs.synthetic import BEGIN, finished_run
from tests.tui.conftest import browse, screen_text
from tests.tui.recorded_studies import RecordedStudy

NAMED = {"/": "slash", " ": "space"}


def send(app: BenchApp, keys: Iterable[str]) -> None:
    """Gives the app keys in one packet, as a driver does that has read them at once."""
    for key in keys:
        name = NAMED.get(key) or (_character_to_key(key) if len(key) == 1 else key)
        app.post_message(events.Key(name, key if len(key) == 1 else None))


@pytest.fixture
def app(place: Path) -> BenchApp:
    for number in range(4):
        finished_run(place, epochs=3, created=BEGIN + 60 * number)
    return BenchApp(AppOptions(runs_dir=place))


async def on_presets(pilot: Pilot[Any], until: Any) -> PresetsScreen:
    await until(pilot, lambda: isinstance(pilot.app.screen, PresetsScreen))
    assert isinstance(pilot.app.screen, PresetsScreen)
    return pilot.app.screen


async def test_what_is_typed_with_the_key_of_a_search_goes_into_the_search(
    app: BenchApp, until: Any, no_worker: list[RunFolder]
) -> None:
    async with app.run_test() as pilot:
        presets = await on_presets(pilot, until)
        send(app, "/test")
        await until(pilot, lambda: presets.search.value == "test")
        screen = await browse(pilot, until, 4)
        send(app, "/proxy")
        await until(pilot, lambda: screen.terms.value == "proxy")
        assert app.screen is screen
    assert not no_worker


async def test_what_is_typed_with_the_key_of_a_dialog_goes_into_the_dialog(app: BenchApp, until: Any) -> None:
    async with app.run_test() as pilot:
        await on_presets(pilot, until)
        send(app, ["e", "ctrl+s", "m", "y", "n"])
        await until(pilot, lambda: isinstance(app.screen, SavePresetScreen))
        assert app.screen.query_one("#name", Input).value.endswith("myn")
        await pilot.press("escape")
        assert isinstance(app.screen, EditorScreen)
        assert not app.screen.draft.is_edited


async def test_a_training_and_keys_of_its_screen_in_one_packet(
    app: BenchApp, until: Any, no_worker: list[RunFolder]
) -> None:
    async with app.run_test() as pilot:
        await on_presets(pilot, until)
        send(app, "tes")
        await until(pilot, lambda: len(no_worker) == 1)
        await until(pilot, lambda: not isinstance(app.screen, PresetsScreen))


async def test_a_question_is_not_answered_by_a_key_that_came_before_it_was_drawn(app: BenchApp, until: Any) -> None:
    async with app.run_test() as pilot:
        screen = await browse(pilot, until, 4)
        send(app, ["x", "y", "y", "d"])
        await until(pilot, lambda: isinstance(app.screen, DeleteRunsQuestion))
        assert "This cannot be undone" in screen_text(app)
        assert len(list(app.options.runs_dir.glob("*-raw-*"))) == 4
        await pilot.press("y")
        await until(pilot, lambda: app.screen is screen and len(screen.table.keys) == 3)


async def test_a_question_that_was_covered_is_not_answered_by_a_key_that_came_before_it_was_seen_again(
    app: BenchApp, until: Any
) -> None:
    async with app.run_test() as pilot:
        screen = await browse(pilot, until, 4)
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, DeleteRunsQuestion) and app.keyboard.settled)
        app.show(Route("settings"))
        await until(pilot, lambda: not isinstance(app.screen, DeleteRunsQuestion) and app.keyboard.settled)
        send(app, ["escape", "y", "d"])
        await until(pilot, lambda: isinstance(app.screen, DeleteRunsQuestion) and app.keyboard.settled)
        assert len(list(app.options.runs_dir.glob("*-raw-*"))) == 4
        await pilot.press("y")
        await until(pilot, lambda: app.screen is screen and len(screen.table.keys) == 3)


async def test_keys_of_one_packet_keep_their_order(app: BenchApp, until: Any) -> None:
    text = "abcdefghij" * 20
    async with app.run_test() as pilot:
        presets = await on_presets(pilot, until)
        send(app, f"/{text}")
        await until(pilot, lambda: len(presets.search.value) == len(text))
        assert presets.search.value == text


async def test_the_palette_is_opened_once_also_below_another_screen(app: BenchApp, until: Any) -> None:
    async with app.run_test() as pilot:
        await on_presets(pilot, until)
        send(app, ["ctrl+p", "f1", "ctrl+p", "escape", "ctrl+p", "escape", "ctrl+p"])
        await until(pilot, lambda: app.keyboard.settled)
        assert sum(type(screen).__name__ == "CommandPalette" for screen in app.screen_stack) <= 1


async def test_a_list_that_a_key_opens_has_its_size_when_the_next_key_comes(app: BenchApp, until: Any) -> None:
    async with app.run_test() as pilot:
        await on_presets(pilot, until)
        app.action_go("settings")
        await until(pilot, lambda: app.keyboard.settled and app.focused is not None and app.focused.id == "theme")
        themes = app.screen.query_one("#theme", Select)
        send(app, ["enter", "pagedown", "pageup"])
        await until(pilot, lambda: app.keyboard.settled)
        assert themes.expanded


async def test_a_screen_without_its_parts_yet_has_no_keys_and_ends_nothing(app: BenchApp, until: Any) -> None:
    async with app.run_test() as pilot:
        await on_presets(pilot, until)
        bare = PresetsScreen()
        assert app._check_action_state("train", bare) is False  # pyright: ignore[reportPrivateUsage]


# ── random keys on all screens ──

LETTERS = [chr(code) for code in range(33, 127)]
KEYS = [
    *LETTERS,
    *["escape"] * 12,
    *["enter"] * 8,
    *["tab"] * 4,
    "shift+tab",
    "space",
    "backspace",
    "delete",
    *["up", "down", "left", "right"] * 4,
    "home",
    "end",
    "pageup",
    "pagedown",
    *["f1", "f2", "f3", "f4", "f5", "f12"] * 2,
    "ctrl+s",
    "ctrl+z",
    "ctrl+y",
    "ctrl+r",
    "ctrl+t",
    "ctrl+n",
    "ctrl+p",
    "ctrl+up",
    "ctrl+down",
    "ctrl+d",
    "ctrl+o",
    "ctrl+q",
    "ctrl+c",
]
BURST = 10


DELETING = {"delete", "discard"}
"""The groups of workers that delete runs, in threads: their deletions belong to the burst that asked for them."""


class Fuzz:
    """Random keys in bursts; runs deleted without a question that stood there before the burst are noted."""

    def __init__(self, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.place = place
        self.seen: set[str] = set()
        self.unasked: list[object] = []
        self.deleted = 0
        self._asked = False
        self._app: BenchApp | None = None
        self._sent: tuple[str, list[str]] = ("", [])
        """The screen that a burst began on, and its keys."""
        for name in ("mnist_tui.studies.start.start", "mnist_tui.studies.start.resume"):
            monkeypatch.setattr(name, lambda *given, **named: None)
        monkeypatch.setattr("mnist_tui.studies.start.stop", lambda folder: False)
        monkeypatch.setattr("mnist_tui.tui.terminal.desktop.opener", lambda: None)
        monkeypatch.setattr("mnist_tui.tui.export.screen.write_export", self._no_export)
        monkeypatch.setattr("mnist_tui.tui.run_commands.discard_run", self._note)
        monkeypatch.setattr("mnist_tui.tui.runs.screen.delete_run", self._note)
        monkeypatch.setattr(BenchApp, "exit", lambda app, *given, **named: None)

    def _no_export(self, *given: Any, **named: Any) -> Any:
        from mnist_tui.errors import RequestError

        raise RequestError("no export here")

    def _note(self, folder: RunFolder) -> None:
        """In the thread that deletes; a person may have switched the questions off with a key before."""
        self.deleted += 1
        if not self._asked and self._app is not None and self._app.settings.confirm:
            self.unasked.append((folder.id, *self._sent))

    async def burst(self, app: BenchApp, pilot: Pilot[Any], keys: list[str], until: Any) -> None:
        asking = type(app.screen).__name__ in {"DeleteRunsQuestion", "DiscardQuestion"}
        self._asked = (asking and "elete" in screen_text(app)) or not app.settings.confirm
        self.seen.add(type(app.screen).__name__)
        self._app, self._sent = app, (type(app.screen).__name__, keys)
        send(app, keys)
        await until(pilot, lambda: app.keyboard.settled)
        await until(pilot, lambda: all(worker.is_finished for worker in app.workers if worker.group in DELETING))
        await pilot.pause()
        self.seen |= {type(screen).__name__ for screen in app.screen_stack}
        if not app.settings.confirm:
            app.change_settings(confirm=True)
        if app.settings.keys:
            app.change_settings(keys={})


STARTS = (
    *("presets", "runs", "studies", "draw", "settings", "editor", "watch", "results", "matrix", "gallery", "weights"),
    *("diagnosis", "sweep", "study", "export", "compare"),
)


async def go(app: BenchApp, where: str, place: Path) -> None:
    """Shows one of the app's places."""
    folder = next(RunFolder(path) for path in sorted(place.glob("*-raw-*")) if (path / "results.json").exists())
    match where:
        case "editor":
            app.show(Route("editor", preset=find_preset("raw")))
        case "watch":
            app.show(Route("training", run=folder))
        case "results":
            app.show(Route("results", run=folder))
        case "matrix" | "gallery" | "weights" | "diagnosis":
            app.show(Route("training", run=folder))
            app.show(Route(where, run=folder))
        case "sweep":
            app.show(Route("sweep", preset=find_preset("raw")))
        case "study":
            app.show(Route("study", study=StudyFolder(next((place / "studies").iterdir()))))
        case "export":
            app.push_screen(ExportScreen([folder]))
        case "compare":
            app.push_screen(CompareScreen([summary_of(RunFolder(path)) for path in sorted(place.glob("*-raw-*"))[:2]]))
        case _:
            app.action_go(where)


@pytest.mark.parametrize(
    "total",
    [160, pytest.param(4_000, marks=pytest.mark.exhaustive), pytest.param(20_000, marks=pytest.mark.exhaustive)],
)
async def test_bursts_of_random_keys_on_every_screen_end_in_no_error_and_delete_nothing_unasked(
    total: int, place: Path, monkeypatch: pytest.MonkeyPatch, until: Any
) -> None:
    random_keys = random.Random(total)
    for number in range(4):
        finished_run(place, epochs=3, created=BEGIN + 60 * number)
    RecordedStudy(place).under_way()
    fuzz = Fuzz(place, monkeypatch)
    sent = 0
    while sent < total:
        app = BenchApp(AppOptions(runs_dir=place))
        async with app.run_test(size=random_keys.choice([(80, 24), (120, 40), (60, 20)])) as pilot:
            await on_presets(pilot, until)
            for number in range(4 - len(list(place.glob("*-raw-*")))):
                finished_run(place, epochs=3, created=BEGIN + sent + number)
            for _ in range(min(10, (total - sent) // BURST)):
                await go(app, STARTS[sent // BURST % len(STARTS)], place)
                keys = [random_keys.choice(KEYS) for _ in range(BURST)]
                await fuzz.burst(app, pilot, keys, until)
                sent += BURST
    assert not fuzz.unasked
    assert len(fuzz.seen) > 10, fuzz.seen
