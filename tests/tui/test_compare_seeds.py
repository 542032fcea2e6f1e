"""Groups of seeds on the screen that compares: the table's statistics, the plot by seed, the sentences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnist_tui.runs.collection.summaries import list_runs
from mnist_tui.runs.event_log import replayed
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.model_tests import Answers, compare_models
from mnist_tui.tui.app import AppOptions, BenchApp
from mnist_tui.tui.compare.screen import CompareScreen, answer, curves, series_of, table
from mnist_tui.tui.widgets.plots.compared import SeedScores, by_seed
from mnist_tui.tui.widgets.plots.raster import MARKS, paint
from tests.runs.synthetic import BEGIN, finished_run
from tests.tui.conftest import browse
from tests.tui.sizes import at_sizes


@pytest.fixture
def runs_dir(tmp_path: Path) -> Path:
    """Ten seeds of raw, and the first five of them of hog, better by two points each."""
    for seed in range(10):
        level = 0.95 + seed / 1000
        finished_run(tmp_path / "runs", texts={"seed": str(seed)}, test_accuracy=level, created=BEGIN + seed)
        if seed < 5:
            finished_run(
                tmp_path / "runs",
                "hog",
                texts={"seed": str(seed)},
                test_accuracy=level + 0.02,
                created=BEGIN + 100 + seed,
            )
    return tmp_path / "runs"


@at_sizes((80, 24), (140, 45))
async def test_groups_have_statistics_a_plot_by_seed_and_the_comparison_in_words(
    size: tuple[int, int], runs_dir: Path, shows: Any, until: Any
) -> None:
    async with BenchApp(AppOptions(runs_dir=runs_dir)).run_test(size=size) as pilot:
        await browse(pilot, until, 15)
        await pilot.press("a", "o")
        if size == (80, 24):
            await shows(pilot, "n=10", "n=5")
            await pilot.press("v")
        await shows(pilot, "15 runs, 2 curves", "seed", "Over the five seeds 0 to 4 hog")
        screen = pilot.app.screen
        assert isinstance(screen, CompareScreen)
        keys = screen.table.keys
        names = [key.partition(" ")[2].partition(",")[0] for key in keys if " " in key]
        assert names == 2 * ["mean", "deviation", "95 % interval", "lowest", "highest"]
        parts = [part for y in range(2, len(keys)) for part in screen.table.render_line(y) if part.text.strip() in "●▲"]
        colours = {part.text.strip(): part.style.color for part in parts if part.style and part.text.strip()}
        curve = {mark: screen.loss.get_component_rich_style(f"plot--run{at}").color for at, mark in enumerate("●▲")}
        assert all(colours[mark] == curve[mark] for mark in colours), "a mark has the colour of its curve"
        assert "●" in colours
        if size == (80, 24):
            await pilot.press("v")
        await shows(pilot, "Test accuracy by seed", "n = 10", "n = 5", "was better than")
        await pilot.press("v")
        await shows(pilot, "Test accuracy by number of parameters")
        await pilot.press("g")
        await until(pilot, lambda: not screen.by_seed.display)


async def test_the_sentences_are_copied_and_kept_in_a_file(
    runs_dir: Path, shows: Any, until: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    kept = tmp_path / "mnist-tui-exports" / "copied-seeds.txt"
    async with BenchApp(AppOptions(runs_dir=runs_dir)).run_test(size=(140, 45)) as pilot:
        pilot.app.push_screen(CompareScreen(list_runs(runs_dir)))
        await shows(pilot, "Over the five seeds 0 to 4 hog")
        await pilot.press("y")
        await until(pilot, kept.is_file)
    text = kept.read_text(encoding="utf-8")
    assert "by 2.00 points of test accuracy (95 % interval 2.00 to 2.00 points; exact permutation test" in text
    assert "Seeds 5 to 9, which only raw (3 epochs) has, are left out." in text
    assert "Over the ten seeds 0 to 9 raw (3 epochs) reached a mean test accuracy of 95.45 %" in text


@pytest.mark.parametrize("glyphs", ["braille", "block", "ascii"])
def test_a_plot_by_seed_has_every_seed_and_group_in_its_place(glyphs: Any) -> None:
    marks = MARKS[glyphs]
    groups = [
        SeedScores(0, "a", tuple((seed, 0.95 + seed / 1000) for seed in range(10)), 0.9545, 0.003),
        SeedScores(1, "b", ((0, 0.97), (42, 0.98)), 0.975, 0.007),
    ]
    rows = paint(by_seed(groups, (70, 20), marks), marks)
    lines = ["".join(text for _, text in row) for row in rows]
    assert len(lines) == 20
    assert all(len(line) <= 70 for line in lines)
    for number, count in enumerate((10, 2)):
        own = [text for row in rows for tone, text in row if tone == f"run{number}"]
        assert "".join(own).count(marks.runs[number]) == count
    assert lines[-1].split()[-1] == "42"


def test_more_seeds_than_columns_have_a_label_every_few() -> None:
    groups = [SeedScores(0, "a", tuple((seed, 0.95) for seed in range(40)), 0.95, 0.0)]
    lines = [
        "".join(text for _, text in row) for row in paint(by_seed(groups, (50, 12), MARKS["ascii"]), MARKS["ascii"])
    ]
    labels = lines[-1].split()
    assert labels[-1] == "39"
    assert 2 < len(labels) < 12


async def test_long_labels_of_groups_are_cut_in_their_middle_at_80_columns(tmp_path: Path, shows: Any) -> None:
    narrow = {"hidden": "200x100x50", "activation": "sigmoid", "dropout": "0.25", "lr": "0.0005", "batch-size": "128"}
    wide = {"hidden": "250", "activation": "relu", "dropout": "0.5", "lr": "0.001", "batch-size": "64"}
    for number, texts in enumerate((narrow, wide)):
        for seed in range(2):
            created = BEGIN + 10 * number + seed
            finished_run(tmp_path / "runs", texts={**texts, "seed": str(seed)}, created=created)
    async with BenchApp(AppOptions(runs_dir=tmp_path / "runs")).run_test(size=(80, 24)) as pilot:
        pilot.app.push_screen(CompareScreen(list_runs(tmp_path / "runs")))
        text = await shows(pilot, "n=2", "…")
        assert "raw hidden 200x100x50…0005, batch size 128, n=2" in text
        assert "raw activation relu, batch size 64, n=2" in text


async def test_the_answer_is_the_first_line_and_the_table_has_the_differences_to_the_best(
    tmp_path: Path, shows: Any
) -> None:
    for number, (preset, accuracy) in enumerate((("raw", 0.93), ("hog", 0.97), ("cnn", 0.95))):
        finished_run(tmp_path / "runs", preset, test_accuracy=accuracy, created=BEGIN + number)
    runs = list_runs(tmp_path / "runs")
    async with BenchApp(AppOptions(runs_dir=tmp_path / "runs")).run_test(size=(140, 45)) as pilot:
        pilot.app.push_screen(CompareScreen(runs[1:]))
        text = await shows(pilot, "4.00 points above ▲ raw, with ", "fewer parameters.", "−4.00 points")
        assert "● hog has the higher test accuracy, 4.00 points above ▲ raw" in text
        pilot.app.screen.dismiss()
        pilot.app.push_screen(CompareScreen(runs))
        await shows(pilot, "▲ hog has the highest test accuracy, 2.00 points above ● cnn")
        await pilot.resize_terminal(80, 24)
        await shows(pilot, "▲ is the best: +2.00 points on ●")


@pytest.mark.parametrize(("wrong", "words"), [(8, "this may be chance"), (60, "this is hardly chance")])
def test_the_answer_says_whether_the_difference_of_the_best_two_may_be_chance(
    tmp_path: Path, wrong: int, words: str
) -> None:
    for number, preset in enumerate(("raw", "hog")):
        finished_run(tmp_path, preset, test_accuracy=0.9 + number / 100, created=BEGIN + number)
    hog, raw = list_runs(tmp_path)
    assert (raw.preset, hog.preset) == ("raw", "hog")
    labels, right = np.zeros(100, np.uint8), np.arange(100) >= 4
    models = [
        Answers(hog.run, "MNIST", "mnist", labels, right),
        Answers(raw.run, "MNIST", "mnist", labels, right & (np.arange(100) >= wrong)),
    ]
    said = answer(series_of([hog, raw], together=False), MARKS["braille"], compare_models(models))
    assert words in said


def test_accuracies_on_different_datasets_are_not_compared(tmp_path: Path) -> None:
    for number, preset in enumerate(("raw", "fashion")):
        finished_run(tmp_path, preset, test_accuracy=0.9 + number / 100, created=BEGIN + number)
    runs = list_runs(tmp_path)
    marks = MARKS["braille"]
    assert "cannot be compared" in answer(series_of(runs, together=False), marks)
    columns, rows = table(series_of(runs, together=False), marks)
    at = [column.key for column in columns].index("difference")
    assert [row.cells[at] for row in rows] == ["", ""]


@pytest.mark.parametrize("size", [(80, 24), (140, 45)])
async def test_all_settings_that_differ_have_a_row_with_the_value_of_each_run(
    size: tuple[int, int], tmp_path: Path, shows: Any
) -> None:
    changes = ({}, {"hidden": "200", "activation": "relu", "batch-size": "64", "lr": "0.002"})
    for number, texts in enumerate(changes):
        finished_run(tmp_path / "runs", texts=texts, test_accuracy=0.93 + number / 100, created=BEGIN + number)
    async with BenchApp(AppOptions(runs_dir=tmp_path / "runs")).run_test(size=size) as pilot:
        pilot.app.push_screen(CompareScreen(list_runs(tmp_path / "runs")))
        await shows(pilot, "points")
        await pilot.press("2")
        text = await shows(pilot, "They differ in 4 settings:", "What differs", "159,010")
        rows = {tuple(line.split()[-3:]) for line in text.replace("│", " ").splitlines()}
        assert {("activation", "relu", "tanh"), ("size", "64", "4096")} <= {row[-3:] for row in rows}, text
        if size[0] > 80:
            await pilot.press("m")
            await shows(pilot, "Worst confusions")
            await pilot.press("escape")
            await shows(pilot, "What differs", "159,010")


def test_one_run_of_each_seed_counts_in_curves_and_in_the_table_and_runs_of_one_seed_are_compared(
    tmp_path: Path,
) -> None:
    for number, seed in enumerate((0, 1, 1)):
        finished_run(tmp_path, texts={"seed": str(seed)}, created=BEGIN + number)
    (group,) = series_of(list_runs(tmp_path), together=True)
    epochs = {run.run: replayed(RunFolder(tmp_path / run.run).events_file).history for run in group.runs}
    (curve,) = curves([group], epochs, "loss")
    means = [row.cells[1] for row in table([group], MARKS["braille"])[1] if row.cells[1].startswith("mean")]
    assert (curve.label, means) == ("raw, n=2", ["mean, n = 2"])

    same_seed = [run for run in list_runs(tmp_path) if run.seed == 1]
    assert [len(each.runs) for each in series_of(same_seed, together=True)] == [1, 1]
