"""The screen of robustness: what is measured of runs, what can be measured, and the way there and back."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from mnist_tui.experiment.corruptions import CORRUPTIONS, VERSION
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.robustness import Robustness, RobustnessProgress, write_robustness
from mnist_tui.tui.app import AppOptions, BenchApp
from mnist_tui.tui.bench import Route
from mnist_tui.tui.presets.screen import PresetsScreen
from mnist_tui.tui.robustness.screen import RobustnessScreen
from tests.runs.synthetic import BEGIN, finished_run
from tests.tui.conftest import screen_text


def robustness(at_strength_1: float, names=CORRUPTIONS) -> Robustness:
    accuracies = tuple(at_strength_1 - 0.1 * number for number in range(5))
    return Robustness(VERSION, 10_000, "mnist", 0.98, dict.fromkeys(names, accuracies))


@pytest.fixture
def runs(place: Path) -> list[RunFolder]:
    return [finished_run(place, created=BEGIN + number, preset=name) for number, name in enumerate(("raw", "cnn"))]


async def opened(pilot: Any, until: Any, runs: list[RunFolder]) -> Any:
    app = pilot.app
    await until(pilot, lambda: isinstance(app.screen, PresetsScreen) and app.screen.is_mounted)
    await pilot.pause()
    app.show(Route("robustness", runs=runs))
    await until(pilot, lambda: isinstance(app.screen, RobustnessScreen) and app.screen.is_mounted)
    await until(pilot, lambda: bool(app.screen.table.keys))
    return app.screen


async def test_one_run_shows_its_accuracies_by_corruption_and_strength(place, runs, until):
    write_robustness(runs[0], robustness(0.9))
    app = BenchApp(AppOptions(runs_dir=place))
    async with app.run_test(size=(140, 45)) as pilot:
        await opened(pilot, until, runs[:1])
        text = screen_text(app)
        assert "Mean error 30.00 % over 8 corruptions in 5 strengths; 2.00 % without corruption" in text
        assert "Test accuracy: mean of 8 corruptions" in text
        assert "noise 90.0 % 80.0 % 70.0 % 60.0 % 50.0 % 30.0 %" in " ".join(text.split())
        await pilot.press("down", "down")
        await until(pilot, lambda: "Test accuracy: rotation" in screen_text(app))
        assert "Rotation turns each image to the left" in screen_text(app)
        assert not any(key in app.screen.active_bindings for key in "mx"), "all is measured"


async def test_several_runs_are_compared_by_their_mean_errors(place, runs, until):
    for folder, start in zip(runs, (0.8, 0.9), strict=True):
        write_robustness(folder, robustness(start))
    app = BenchApp(AppOptions(runs_dir=place))
    async with app.run_test(size=(140, 45)) as pilot:
        await opened(pilot, until, runs)
        text = screen_text(app)
        assert "cnn has the smallest mean error on corrupted images: 30.00 %, 10.00 points less than raw." in text
        assert "mean error 40.00 %" in text and "mean error 30.00 %" in text
        assert "★ 30.0 %" in text


@pytest.mark.parametrize("size", [(140, 45), (60, 20)])
async def test_a_run_without_a_model_is_said_to_have_none(place, runs, until, size):
    app = BenchApp(AppOptions(runs_dir=place))
    async with app.run_test(size=size) as pilot:
        await opened(pilot, until, runs[:1])
        assert "has no model" in screen_text(app)
        await pilot.press("m", "x", "n", "enter")
        assert isinstance(app.screen, RobustnessScreen)


async def test_what_is_missing_is_measured_in_the_background_and_can_be_cancelled(place, runs, until, monkeypatch):
    """A recorded measurement stands for the worker: it measures blur, then waits until it is closed."""
    runs[0].model_file.touch()
    asked = []

    class Recorded:
        def __init__(self, folders, names=(), data_dir=None):
            asked.extend(folders)
            self.closed = threading.Event()

        def __iter__(self):
            yield RobustnessProgress("classifying images: blur, strength 1", 3, 41)
            found = robustness(0.9, ["blur"])
            write_robustness(runs[0], found)
            yield RobustnessProgress("classifying images: noise, strength 1", 8, 41, (runs[0], found))
            self.closed.wait()

        def close(self):
            self.closed.set()

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.close()

    monkeypatch.setattr("mnist_tui.tui.robustness.screen.RobustnessTest", Recorded)
    app = BenchApp(AppOptions(runs_dir=place))
    async with app.run_test(size=(140, 45)) as pilot:
        screen = await opened(pilot, until, runs[:1])
        assert "Nothing is measured yet: m classifies the corrupted test images" in screen_text(app)
        assert "accuracy at strength 1 to 5" in screen_text(app) and not screen.curves.display
        await pilot.press("m")
        await until(pilot, lambda: "Classifying images: noise, strength 1 … (8 of 41 sets)" in screen_text(app))
        await until(pilot, lambda: "30.0 %" in screen_text(app))
        assert screen.curves.display
        assert asked == runs[:1]
        await pilot.press("x")
        await until(pilot, lambda: "m" in screen.active_bindings and "Not all is measured" in screen_text(app))
