"""The screen of the tests between networks: its rows, its words, and the images that only one network gets right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnist_tui.runs.collection.summaries import summary_of
from mnist_tui.runs.folder import RunFolder
from mnist_tui.tui.app import AppOptions, BenchApp
from mnist_tui.tui.bench import Route
from mnist_tui.tui.gallery.screen import GalleryScreen
from tests.report.furnished import changed, furnished_run
from tests.tui.sizes import at_sizes


@pytest.fixture
def runs(tmp_path: Path) -> list[RunFolder]:
    """Three runs of other sizes: all but 30, 20 and 0 images right, and a run without predictions."""
    found = [furnished_run(tmp_path / "runs", changed("raw", epochs="3", hidden=size)) for size in ("50", "100", "150")]
    for run, wrong in zip(found, (range(100, 130), range(120, 140), range(0)), strict=True):
        with np.load(run.predictions_file) as arrays:
            kept = dict(arrays)
        said = kept["labels"].copy()
        said[list(wrong)] = (said[list(wrong)] + 1) % 10
        kept["probabilities"] = (0.9 * np.eye(10)[said] + 0.01).astype(np.float32)
        kept["misclassified"] = np.array(wrong, np.int32)
        kept["misclassified_images"] = np.zeros((len(wrong), 28, 28), np.uint8)
        np.savez(run.predictions_file, **kept)
    last = furnished_run(tmp_path / "runs", changed("raw", epochs="3", hidden="200"))
    last.predictions_file.unlink()
    return [*found, last]


@at_sizes((80, 24), (60, 20), (140, 45))
async def test_pairs_are_tested_and_the_images_that_only_one_gets_right_are_shown(
    size: tuple[int, int], runs: list[RunFolder], shows: Any, until: Any
) -> None:
    async with BenchApp(AppOptions(runs_dir=runs[0].path.parent)).run_test(size=size) as pilot:
        app: Any = pilot.app
        app.show(Route("compare", summaries=[summary_of(run) for run in runs]))
        await shows(pilot, "t Tests")
        await pilot.press("t")
        text = await shows(pilot, "Cochran's Q over the 3 networks is 35.00", "Pairs of networks", "< 0.0001")
        assert all(len(line) <= size[0] for line in text.splitlines())
        assert "t Tests" in text and "m Matrices" in text
        assert size[0] < 80 or ("differ" in text and "▲ − ●" in text)
        await pilot.press("end")
        await shows(pilot, "alone is right on 20 images", "= 0.1: this may be chance")
        if size[0] == 140:
            await shows(pilot, "Only ▲ right", "20 images, as ● reads them")
        tests = pilot.app.screen
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, GalleryScreen))
        gallery: Any = pilot.app.screen
        assert gallery.feed.folder.path == runs[1].path
        assert gallery.chosen.only.indices == tuple(range(100, 120))
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is tests)
        await pilot.press("s")
        await until(pilot, lambda: isinstance(pilot.app.screen, GalleryScreen))
        gallery = pilot.app.screen
        assert gallery.feed.folder.path == runs[0].path
        assert gallery.chosen.only.indices == tuple(range(130, 140))
        await pilot.press("x")
        assert gallery.chosen.only is None
        await pilot.press("escape", "m")
        await until(pilot, lambda: pilot.app.screen.has_class("-matrices"))


async def test_an_image_that_only_the_worse_network_gets_right_need_not_exist(
    runs: list[RunFolder], shows: Any, until: Any
) -> None:
    async with BenchApp(AppOptions(runs_dir=runs[0].path.parent)).run_test(size=(80, 24)) as pilot:
        app: Any = pilot.app
        app.show(Route("tests", summaries=[summary_of(run) for run in (runs[0], runs[2])]))
        await shows(pilot, "alone is right on 30 images", "another seed gives other")
        await pilot.press("s")
        await until(pilot, lambda: any("no image that only" in note.message for note in app._notifications))


async def test_runs_without_predictions_cannot_be_tested_and_it_is_said_why(runs: list[RunFolder], shows: Any) -> None:
    async with BenchApp(AppOptions(runs_dir=runs[0].path.parent)).run_test(size=(80, 24)) as pilot:
        app: Any = pilot.app
        app.show(Route("tests", summaries=[summary_of(run) for run in runs[2:]]))
        await shows(pilot, "No two of these runs can be tested")
        screen = pilot.app.screen
        await pilot.press("enter", "s")
        assert pilot.app.screen is screen
