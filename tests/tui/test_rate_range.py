"""The dialog of the learning-rate range test in the editor, with a test that is played back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from mnist_tui.experiment.presets import find_preset
from mnist_tui.experiment.spec import Experiment
from mnist_tui.runs.rate_range import HIGHEST, LOWEST, RatePoint, RateRange, smoothed
from mnist_tui.runs.worker_jobs import JobError
from mnist_tui.tui.app import AppOptions, BenchApp
from mnist_tui.tui.editor.rate_range import RateRangeScreen
from mnist_tui.tui.editor.screen import EditorScreen

LOSSES: list[float | None] = [2.3 - 0.02 * min(at, 60) + 0.2 * max(0, at - 60) for at in range(80)]
POINTS = tuple(
    RatePoint(*point)
    for point in zip(np.geomspace(LOWEST, HIGHEST, 80).tolist(), LOSSES, smoothed(LOSSES), strict=True)
)


class PlayedTest:
    """Stands in for a worker's test: the states come when `go` is set."""

    go = threading.Event()
    closed = threading.Event()
    asked: ClassVar[list[Experiment]] = []
    error: ClassVar[str] = ""

    def __init__(self, experiment: Experiment, **_: Any) -> None:
        self.asked.append(experiment)

    def __iter__(self) -> Iterator[RateRange]:
        yield RateRange("starting TensorFlow")
        self.go.wait()
        if self.error:
            raise JobError(self.error, refused=True)
        started = RateRange("", "MNIST", 1, 80)
        yield started
        yield RateRange("", "MNIST", 1, 80, POINTS[:40])
        yield RateRange("", "MNIST", 1, 80, POINTS, ended=True)

    def close(self) -> None:
        self.closed.set()
        self.go.set()

    def __enter__(self) -> PlayedTest:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def editing(name: str, tmp_path: Path) -> BenchApp:
    return BenchApp(AppOptions(preset=find_preset(name), action="edit", runs_dir=tmp_path / "runs"))


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> type[PlayedTest]:
    class Fresh(PlayedTest):
        go = threading.Event()
        closed = threading.Event()
        asked: ClassVar[list[Experiment]] = []
        error = ""

    monkeypatch.setattr("mnist_tui.tui.editor.rate_range.RateTest", Fresh)
    return Fresh


@pytest.mark.parametrize("size", [(60, 20), (140, 45)], ids=str)
async def test_the_suggested_rate_is_drawn_explained_and_taken_over_by_a_key(
    tmp_path: Path, played: type[PlayedTest], size: tuple[int, int], shows: Any, until: Any
) -> None:
    app = editing("raw", tmp_path)
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: isinstance(app.screen, EditorScreen) and app.screen.is_mounted)
        await shows(pilot, "Learning rate")
        await pilot.press("ctrl+l")
        await shows(pilot, "Starting TensorFlow … ", "F1 Help")
        await pilot.press("enter")  # nothing to take over yet
        dialog = app.screen
        assert isinstance(dialog, RateRangeScreen) and not dialog.bar.visible
        before = dialog.said.text
        await until(pilot, lambda: dialog.said.text != before)  # the seconds are counted
        played.go.set()
        await shows(pilot, "Suggested learning rate", "Enter Take over")
        rate = RateRange(points=POINTS).suggestion.rate
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, EditorScreen))
        assert isinstance(app.screen, EditorScreen)
        editor = app.screen
        await until(pilot, lambda: editor.draft.is_edited)
        assert editor.draft.experiment.highest_rate == rate
        await shows(pilot, f"Learning rate {rate:g} taken over from the range test")


async def test_escape_ends_the_test_and_leaves_the_editor_as_it_was(
    tmp_path: Path, played: type[PlayedTest], shows: Any, until: Any
) -> None:
    app = editing("raw", tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, EditorScreen) and app.screen.is_mounted)
        await shows(pilot, "Learning rate")
        await pilot.press("ctrl+l")
        await shows(pilot, "Starting TensorFlow")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, EditorScreen))
        assert played.closed.wait(5)
        assert isinstance(app.screen, EditorScreen)
        assert not app.screen.draft.is_edited


async def test_a_test_that_fails_says_why(tmp_path: Path, played: type[PlayedTest], shows: Any, until: Any) -> None:
    app, played.error = editing("raw", tmp_path), "there is no gpu:7 here"
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, EditorScreen) and app.screen.is_mounted)
        await shows(pilot, "Learning rate")
        await pilot.press("ctrl+l")
        played.go.set()
        await shows(pilot, "The test failed: there is no gpu:7 here")


async def test_what_is_solved_in_closed_form_has_no_such_key(
    tmp_path: Path, played: type[PlayedTest], shows: Any, until: Any
) -> None:
    app = editing("efc2-elm", tmp_path)
    async with app.run_test(size=(140, 45)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, EditorScreen) and app.screen.is_mounted)
        await shows(pilot, "ridge")
        await pilot.press("ctrl+l")
        await pilot.pause()
        assert isinstance(app.screen, EditorScreen) and not played.asked
