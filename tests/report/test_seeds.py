"""Seeds in a report: pairs of groups, the source's values beside ours, means and intervals in the comparison."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mnist_tui.experiment.presets import edited, find_preset
from mnist_tui.report.contents.documents import build_report
from mnist_tui.report.evidence import read_evidence
from mnist_tui.report.figures.accuracies import PUBLISHED_HEADING, seed_figure
from mnist_tui.report.figures.drawing import save
from mnist_tui.report.result_words import mean_sentence
from mnist_tui.runs.collection.seed_groups import SHARE, summary
from mnist_tui.runs.folder import RunFolder
from tests.experiment.texts import with_text
from tests.report.furnished import changed, furnished_run, scored, seed_runs
from tests.report.recorded import recorded_run
from tests.report.test_report_contents import captioned, column, tables

REFERENCE = (0.9807, 0.9790, 0.9793, 0.9794, 0.9811, 0.9784, 0.9785, 0.9803, 0.9798, 0.9774)


def told(*runs: RunFolder) -> str:
    return build_report(
        [read_evidence(run) for run in runs], title="T", author="", timestamp=datetime(2026, 1, 1, tzinfo=UTC)
    ).markdown


def test_two_groups_of_seeds_are_paired_in_a_table_and_in_words(tmp_path: Path) -> None:
    worse, better = seed_runs(tmp_path, range(3)), seed_runs(tmp_path, range(1, 5), hidden="9")
    for run, accuracy in zip((*worse, *better), (0.96, 0.96, 0.97, 0.98, 0.97, 0.99, 0.99), strict=True):
        scored(run, accuracy)
    text = told(*worse, *better)
    (pairs,) = [table for table in tables(text) if table[0][:2] == ["Runs", "Against"]]
    assert pairs[1][:6] == ["4–7", "1–3", "2", "+1.00", "−11.71 to 13.71", "1"]
    assert "was better than hog (3 epochs) by 1.00 points of test accuracy" in text
    assert "Seed 0, which only hog (3 epochs) has, is left out." in text
    groups = captioned(text, "tab-runs")
    assert column(groups, "Seeds counted") == ["3", "4"]
    assert column(groups, "95 % interval (%)")[0] == "94.90 to 97.77"
    seeds = captioned(text, "tab-run-1-seeds")
    assert column(seeds, "Test accuracy (%)")[-2:] == ["96.00", "97.00"]
    assert "State" not in seeds[0]  # all runs count
    assert "on other test images, its accuracy could lie 0.38 points higher or lower" in text


def test_the_accuracy_of_a_group_stands_against_parameters_with_the_interval_of_its_mean(tmp_path: Path) -> None:
    few = seed_runs(tmp_path, range(3))
    for run, accuracy in zip(few, (0.96, 0.98, 0.97), strict=True):
        scored(run, accuracy)
    evidences = [read_evidence(run) for run in (*few, furnished_run(tmp_path, changed("raw", epochs="3")))]
    report = build_report(evidences, title="T", author="", timestamp=datetime(2026, 1, 1, tzinfo=UTC))
    (drawing,) = (drawing for drawing in report.drawings if drawing.name == "capacity-1")
    assert drawing.data.rows[0][1:5] == (
        80_610,
        pytest.approx(0.97),
        pytest.approx(0.9452, abs=1e-4),
        pytest.approx(0.9948, abs=1e-4),
    )
    assert drawing.data.rows[1][3:5] == pytest.approx((0.97707, 0.98257), abs=1e-5)


def test_a_group_of_seeds_and_a_run_do_not_differ_in_their_seed(tmp_path: Path) -> None:
    text = told(*seed_runs(tmp_path, range(1, 3)), furnished_run(tmp_path, changed("hog", epochs="3", lr="0.01")))
    assert "Runs 1–3 differ only in learning rate" in text
    assert column(captioned(text, "tab-differences-1"), "Run 3 (hog, lr 0.01)")[0] == "0"


def test_the_source_s_seeds_stand_beside_ours(tmp_path: Path) -> None:
    preset = find_preset("hog")
    assert preset.reference is not None
    reference = preset.reference.model_copy(update={"accuracy": 0.9794, "seeds": 10, "per_seed_accuracy": REFERENCE})
    runs: list[RunFolder] = []
    for seed, accuracy in enumerate((0.98, 0.982, 0.981)):
        training = preset.experiment.training.model_copy(update={"seed": seed})
        experiment = preset.experiment.model_copy(update={"training": training})
        runs.append(furnished_run(tmp_path, replace(preset, experiment=experiment, reference=reference)))
        scored(runs[-1], accuracy)
    text = told(*runs)
    (found,) = [table for table in tables(text) if table[0][:2] == ["Run", "Seed"]]
    assert column(found, "Published accuracy (%)") == [
        "98.07",
        "97.90",
        "97.93",
        "97.94",
        "0.11",
        "97.86 to 98.02",
        "97.74",
        "98.11",
    ]
    assert "The source published a mean of 97.94 % over ten seeds" in text
    assert "our mean lies 0.16 points above it." in text
    assert "diamonds and the dashed line: published, mean 97.94 %" in text


def test_the_figure_has_the_published_points_and_their_numbers(tmp_path: Path) -> None:
    drawn = seed_figure(
        "seeds", [(seed, 0.98 + seed / 1e4, 0.07) for seed in (1, 2, 30)], ("test loss",), published=REFERENCE
    )
    assert drawn.data.headings == ("seed", "test accuracy (1 = all)", "test loss", PUBLISHED_HEADING)
    rows = {row[0]: row[1:] for row in drawn.data.rows}
    assert rows[1] == (pytest.approx(0.9801), 0.07, 0.9790)
    assert rows[30] == (pytest.approx(0.983), 0.07, None)
    assert rows[0] == (None, None, 0.9807)
    assert "Published: mean 97.94 %" in drawn.alt
    (path,) = save(drawn, tmp_path, ["svg"])
    assert path.stat().st_size > 1000


def test_seeds_on_sample_data_stand_beside_nothing(tmp_path: Path) -> None:
    preset = find_preset("efc2-mlp-reference")
    runs = [
        recorded_run(tmp_path, edited(preset, with_text(preset.experiment, "seed", str(seed))), sample=True)
        for seed in range(2)
    ]
    text = told(*runs)
    assert "Over the two seeds 0 and 1 efc2-mlp-reference reached" in text
    assert "The source published" not in text
    assert "98.07" not in text


def test_an_interval_ends_where_accuracies_do() -> None:
    found = summary((0.999, 0.98), within=SHARE)
    assert found is not None
    assert found.interval == (pytest.approx(0.9895 - 12.7062 * 0.0095, abs=1e-4), 1.0)
    assert "to 100.00 %, where it is cut off, lowest 98.00 %" in mean_sentence("raw", found, (0, 1))
