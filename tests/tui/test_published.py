"""What a source published stands beside ours on every screen that shows a result."""

from __future__ import annotations

from typing import Any

import pytest

from mnist_tui.experiment.presets import find_preset
from mnist_tui.tui.app import AppOptions, BenchApp
from mnist_tui.tui.bench import Route
from tests.report.recorded import recorded_run
from tests.tui.sizes import at_sizes


def finished(record: Any, preset: str = "raw") -> Any:
    run = record(preset).begin().epoch(1).epoch(2).results(2, tuple("0123456789"))
    run.finish("finished", test_loss=0.0812, test_accuracy=0.9764, macro_f1=0.9762)
    return run


@at_sizes((80, 24), (140, 45))
async def test_the_training_screen_ends_with_it(size: tuple[int, int], record: Any, app_on: Any, shows: Any) -> None:
    async with app_on(finished(record).folder).run_test(size=size) as pilot:
        await shows(pilot, "Finished: test accuracy 97.64 %")
        await shows(pilot, "Published: test accuracy 97.62 % (ours +0.02 points), loss 0.0813 (−0.0001)")


async def test_the_training_screen_says_nothing_where_nothing_was_published(
    record: Any, app_on: Any, shows: Any
) -> None:
    async with app_on(finished(record, "cnn").folder).run_test(size=(80, 24)) as pilot:
        assert "Published" not in await shows(pilot, "Finished: test accuracy 97.64 %")


@at_sizes((80, 24), (140, 45))
async def test_the_browser_tells_it_of_the_chosen_run(size: tuple[int, int], tmp_path: Any, shows: Any) -> None:
    recorded_run(tmp_path, find_preset("hog"))
    app = BenchApp(AppOptions(runs_dir=tmp_path))
    async with app.run_test(size=size) as pilot:
        await shows(pilot, "Starters")
        app.show(Route("runs"))
        await shows(pilot, "test accuracy 98.00 % (published 98.41 %, ours −0.41 points)")


@pytest.mark.parametrize(
    ("preset", "said"),
    [
        ("raw", ("ours  published", "+0.02 points", "published in ARN – Report – Labo04")),
        ("various-mlp2", ("training accuracy, last epoch", "99.76 %", "published in Various architectures")),
        ("cnn-model1", ("training accuracy, no dropout", "99.89 %")),
        ("report-mlp5layers", ("published training accuracy 91.58 % (dropout on or off is not said)",)),
        ("cnn", ("nothing was published of it in ARN – Report – Labo04",)),
        ("efc2-mlp-reference", ("(efc2-mlp-reference), mean of",)),
    ],
)
async def test_results_hold_figures_against_those_that_were_measured_alike(
    preset: str, said: tuple[str, ...], record: Any, app_on: Any, shows: Any
) -> None:
    async with app_on(finished(record, preset).folder).run_test(size=(100, 90)) as pilot:
        await shows(pilot, "r Results")
        await pilot.press("r")
        text = await shows(pilot, *said)
        assert all(len(line) <= 100 for line in text.splitlines())
