"""The dialog that makes an ensemble of marked runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnist_tui.runs.folder import RunFolder
from mnist_tui.tui.app import AppOptions, BenchApp
from mnist_tui.tui.evaluations.ensemble import EnsembleScreen
from mnist_tui.tui.results.screen import ResultsScreen
from mnist_tui.tui.runs.screen import RunsScreen
from mnist_tui.tui.widgets.controls import ValueSelect
from tests.runs.synthetic import BEGIN, finished_run
from tests.runs.test_ensembles import with_predictions
from tests.tui.conftest import screen_text

LABELS = np.arange(50, dtype=np.uint8) % 10


@pytest.fixture
def runs(place: Path) -> list[RunFolder]:
    return [with_predictions(finished_run(place, created=BEGIN + number), LABELS) for number in range(3)]


async def marked(pilot: Any, until: Any, count: int) -> Any:
    app = pilot.app
    await pilot.press("f3")
    await until(pilot, lambda: isinstance(app.screen, RunsScreen) and len(app.screen.table.keys) == 3)
    await app.workers.wait_for_complete()
    for _ in range(count):
        await pilot.press("space", "down")
    return app.screen


async def test_two_marked_runs_and_more_can_be_combined(place, runs, until, monkeypatch):
    asked: list[Any] = []
    app: Any = BenchApp(AppOptions(runs_dir=place))

    def ensemble(members, *, vote, name):
        asked.append(([member.id for member in members], vote, name))
        return runs[0]

    monkeypatch.setattr(app.starter, "ensemble", ensemble)
    async with app.run_test(size=(140, 45)) as pilot:
        screen = await marked(pilot, until, 1)
        assert "b" not in screen.active_bindings or not screen.active_bindings["b"].enabled
        await pilot.press("b")
        await until(pilot, lambda: "Mark two runs or more" in " ".join(note.message for note in app._notifications))
        await pilot.press("space")
        await pilot.press("b")
        await until(pilot, lambda: isinstance(app.screen, EnsembleScreen))
        assert "Ensemble of 2 runs" in screen_text(app) and "F1 Help" in screen_text(app)
        app.screen.query_one(ValueSelect).value = "vote"
        app.screen.chosen_name.value = "both"
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ResultsScreen))
        assert asked == [([runs[2].id, runs[1].id], True, "both")]


async def test_runs_that_cannot_be_combined_are_refused_in_the_dialog(place, runs, until):
    with_predictions(runs[1], LABELS, "b" * 64)
    app = BenchApp(AppOptions(runs_dir=place))
    async with app.run_test(size=(80, 24)) as pilot:
        await marked(pilot, until, 2)
        await pilot.press("b")
        await until(pilot, lambda: isinstance(app.screen, EnsembleScreen))
        await pilot.press("enter")
        await until(pilot, lambda: "different test images" in " ".join(screen_text(app).split()))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))
