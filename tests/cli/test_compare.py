"""`compare`, and what a list of runs says of a person's own names and notes."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from mnist_tui.runs.folder import Label, RunFolder, write_label
from tests.cli.conftest import Command, sentence
from tests.report.furnished import changed, furnished_run
from tests.runs.synthetic import BEGIN, finished_run

ACCURACIES = (0.95, 0.96, 0.98)


@pytest.fixture
def seeds(runs_dir: Path) -> list[RunFolder]:
    """Three runs that differ in their seed alone."""
    return [
        finished_run(runs_dir, texts={"seed": str(seed)}, test_accuracy=accuracy, created=BEGIN + 60 * seed)
        for seed, accuracy in enumerate(ACCURACIES)
    ]


def test_json_has_a_row_a_run_and_groups_of_seeds_as_mean_deviation_and_count(
    cli: Command, runs_dir: Path, seeds: list[RunFolder]
) -> None:
    other = finished_run(runs_dir, "hog", created=BEGIN + 900)
    doc = json.loads(cli("compare", *(folder.id for folder in seeds), other.id, "--json").stdout)
    assert [row["run"] for row in doc["runs"]] == [*(folder.id for folder in seeds), other.id]
    assert [row["test_accuracy"] for row in doc["runs"]] == [*ACCURACIES, 0.97]
    (group,) = doc["groups"]
    assert group["seeds"] == [0, 1, 2]
    half = 4.302653 * statistics.stdev(ACCURACIES) / 3**0.5
    mean = statistics.mean(ACCURACIES)
    assert group["test"]["accuracy"] == {
        "mean": pytest.approx(mean),
        "std": pytest.approx(statistics.stdev(ACCURACIES)),
        "n": 3,
        "min": 0.95,
        "max": 0.98,
        "interval": [pytest.approx(mean - half, abs=1e-6), 1.0],
    }
    assert [row["accuracy"] for row in group["per_seed"]] == list(ACCURACIES)
    assert doc["paired"] == []
    assert doc["differ"]["seed"] == ["0", "1", "2", "0"]
    assert "dataset" not in doc["differ"]


def test_the_table_has_no_column_without_a_value_or_a_difference(cli: Command, runs_dir: Path) -> None:
    runs = [finished_run(runs_dir, preset, created=BEGIN + at) for at, preset in enumerate(("raw", "hog"))]
    headings = cli("compare", *(folder.id for folder in runs)).stdout.splitlines()[0].split("   ")
    names = [name.strip() for name in headings if name.strip()]
    assert names[:4] == ["run", "name", "state", "features"]
    assert names.count("epochs") == 1 and not {"rotation", "filters", "mean error, corrupted"} & {*names}


def test_networks_on_the_same_test_images_are_tested_and_it_is_said_what_that_compares(
    cli: Command, runs_dir: Path
) -> None:
    runs = [furnished_run(runs_dir, changed("raw", epochs="3", hidden=size)) for size in ("50", "100", "150")]
    answer(runs[0], wrong=range(100, 130))
    answer(runs[1], wrong=range(120, 140))
    answer(runs[2], wrong=())
    doc = json.loads(cli("compare", *(run.id for run in runs), "--json").stdout)
    (tests,) = doc["tests"]
    assert tests["runs"] == [runs[2].id, runs[1].id, runs[0].id]
    assert (tests["images"], tests["cochran"]["degrees"]) == (10_000, 2)
    last = tests["pairs"][-1]
    assert (last["first"], last["second"]) == (runs[1].id, runs[0].id)
    assert (last["only_first"], last["only_second"], last["method"]) == (20, 10, "corrected")
    text = cli("compare", *(run.id for run in runs)).stdout
    assert "The same 10,000 test images of MNIST:" in text
    assert "Cochran's Q over the 3 networks is" in text
    assert "not the experiments behind them" in text
    two = cli("compare", runs[0].id, runs[1].id).stdout
    assert "Cochran" not in two
    runs[2].predictions_file.unlink()
    asked = cli("compare", *(run.id for run in runs))
    assert f"note: no test compares {runs[2].id} with another run" in asked.stderr


def answer(run: RunFolder, wrong: Sequence[int]) -> None:
    """Let the run's network classify all images but these correctly."""
    with np.load(run.predictions_file) as arrays:
        kept = dict(arrays)
    said = kept["labels"].copy()
    said[list(wrong)] = (said[list(wrong)] + 1) % 10
    kept["probabilities"] = np.eye(10, dtype=np.float32)[said]
    np.savez(run.predictions_file, **kept)


def test_the_text_has_what_differs_and_the_group_in_words(cli: Command, seeds: list[RunFolder]) -> None:
    text = cli("compare", *(folder.id for folder in seeds)).stdout
    assert "seed" in text.splitlines()[0]
    assert "hidden" not in text
    assert (
        "Over the three seeds 0 to 2 raw (3 epochs) reached a mean test accuracy of 96.33 % (standard deviation 1.53 "
        "points, 95 % interval 92.54 % to 100.00 %, where it is cut off, lowest 95.00 %, highest 98.00 %)."
    ) in text


def test_two_groups_are_compared_seed_by_seed_by_id_or_name(
    cli: Command, runs_dir: Path, seeds: list[RunFolder]
) -> None:
    for seed, accuracy in enumerate((0.96, 0.97, 0.99, 0.99)):
        finished_run(runs_dir, "hog", texts={"seed": str(seed)}, test_accuracy=accuracy, created=BEGIN + 900 + seed)
    doc = json.loads(cli("compare", "raw", "hog", "--json").stdout)
    raw, hog = doc["groups"]
    (pair,) = doc["paired"]
    assert (pair["first"], pair["second"]) == (hog["group"], raw["group"])
    assert (pair["seeds"], pair["only_first"], pair["only_second"]) == ([0, 1, 2], [3], [])
    found = pair["test"]["accuracy"]
    assert found["difference"] == pytest.approx(0.01)
    assert (found["n"], found["p"], found["smallest_p"], found["sign_changes"]) == (3, 0.25, 0.25, 8)
    text = cli("compare", raw["group"], hog["group"]).stdout
    assert "Over the three seeds 0 to 2 hog (3 epochs) was better than raw (3 epochs) by 1.00 points" in text
    assert "p = 0.25, which cannot be smaller than 0.25 with three seeds). Seed 3, which only hog (3 epochs)" in text
    assert pair["words"] in text


def test_less_than_two_runs_are_refused(cli: Command, seeds: list[RunFolder]) -> None:
    assert "two different runs" in sentence(cli("compare", seeds[0].id, str(seeds[0].path)))
    assert "there is no run 'zzz'" in sentence(cli("compare", "zzz", "latest"))
    assert "--help" in sentence(cli("compare"))


def test_a_list_has_names_and_notes_where_there_are_some(cli: Command, seeds: list[RunFolder]) -> None:
    assert "name" not in cli("runs").stdout.splitlines()[0]
    write_label(seeds[1], Label("the middle one", "kept"))
    text = cli("runs").stdout
    assert "the middle one" in text
    assert "kept" in text
    listed = {row["run"]: row for row in json.loads(cli("runs", "--json").stdout)}
    assert (listed[seeds[1].id]["name"], listed[seeds[1].id]["note"]) == ("the middle one", "kept")
    assert listed[seeds[0].id]["name"] == ""
