"""`--seeds`: where it goes, where it does not, and a real group of seeds."""

import json
import statistics
import subprocess
from pathlib import Path

import pytest

from mnist_tui.runs.folder import RunFolder
from tests.cli.conftest import Command, sentence
from tests.cli.test_process import command, environment


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["complexity", "--preset", "raw", "--seeds", "3"], "the counts are the same for every seed"),
        (["presets", "save", "mine", "--preset", "raw", "--seeds", "3"], "a preset is one experiment"),
        (["train", "--preset", "raw", "--seeds", "0"], "--seeds 0 is out of bounds; 1 to 1,000 works"),
        (["train", "--preset", "raw", "--seeds", "two"], "--seeds two is not a whole number"),
        (["train", "--seeds", "2"], "--seeds changes a preset: add --preset"),
        (["train", "--preset=raw", "--dataset=digits", "--seeds=2", "--wait", "--detach"], "--wait does not go with"),
        (["complexity", "--preset", "raw", "--folds", "3"], "--folds 3 does not go with this command"),
        (["train", "--preset", "raw", "--folds", "1"], "--folds 1 is out of bounds; 2 to 100 works"),
        (["train", "--preset", "raw", "--folds", "5", "--seeds", "2"], "the folds are made with one seed"),
        (["--preset", "raw", "--folds", "3", "--edit"], "--folds does not go with --edit"),
        (["--preset", "raw", "--seeds", "3", "--edit"], "--seeds does not go with --edit"),
        (["--preset", "raw", "--dataset", "digits", "--seeds", "3"], "the app needs a terminal"),
        (["--preset", "raw", "--seeds", "3", "train"], "belongs after its command: `mnist-tui train "),
    ],
)
def test_seeds_where_they_do_not_go_are_refused_before_anything_is_made(
    cli: Command, runs_dir: Path, line: list[str], said: str
) -> None:
    assert said in sentence(cli(*line))
    assert not runs_dir.exists()


@pytest.mark.exhaustive
def test_folds_are_trained_as_one_study_that_counts_each_training_image_once(tmp_path: Path) -> None:
    line = command("train", "--preset", "raw", "--dataset", "digits", "--epochs", "1", "--folds", "3", "--json")
    printed = subprocess.run(line, env=environment(tmp_path), capture_output=True, text=True, check=True).stdout
    doc = json.loads(printed)
    assert (doc["kind"], doc["state"], doc["test"], doc["folds"]) == ("folds", "finished", None, [1, 2, 3])
    folders = [RunFolder(tmp_path / "runs" / run) for run in doc["runs"]]
    accuracies = [(folder.results() or {})["test"]["accuracy"] for folder in folders]
    assert doc["held_out"]["accuracy"]["mean"] == pytest.approx(statistics.fmean(accuracies))
    assert doc["out_of_fold"]["images"] == sum(map(sum, doc["out_of_fold"]["confusion_matrix"])) == 1437
    assert doc["out_of_fold"]["accuracy"] == pytest.approx(statistics.fmean(accuracies))
    shown = command("show", doc["runs"][0])
    told = subprocess.run(shown, env=environment(tmp_path), capture_output=True, text=True, check=True).stdout
    assert "held out   accuracy" in told
    assert "the test set was not used" in told


@pytest.mark.slow
def test_seeds_are_trained_as_one_group(tmp_path: Path) -> None:
    line = command("train", "--preset", "raw", "--dataset", "digits", "--epochs", "1", "--seeds", "2", "--seed", "4")
    doc = json.loads(
        subprocess.run([*line, "--json"], env=environment(tmp_path), capture_output=True, text=True, check=True).stdout
    )
    assert doc["state"] == "finished"
    folders = [RunFolder(tmp_path / "runs" / run) for run in doc["runs"]]
    assert [folder.preset().experiment.training.seed for folder in folders] == [4, 5]
    assert {folder.launch().study for folder in folders} == {doc["study"]}
    accuracies = [(folder.results() or {})["test"]["accuracy"] for folder in folders]
    found = doc["test"]["accuracy"]
    assert found["n"] == 2
    assert (found["min"], found["max"]) == (min(accuracies), max(accuracies))
    assert found["mean"] == pytest.approx(statistics.fmean(accuracies))
    assert found["std"] == pytest.approx(statistics.stdev(accuracies))
    low, high = found["interval"]
    assert low <= found["mean"] <= high
    assert not {"low", "high"} & set(found)

    told = subprocess.run(
        command("studies", "show", "latest"), env=environment(tmp_path), capture_output=True, text=True, check=True
    ).stdout
    assert "Over the two seeds 4 and 5 raw (" in told
    assert all(run in told for run in doc["runs"])
