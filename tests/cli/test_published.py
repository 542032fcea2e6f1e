"""What a source published, beside ours: in lists of presets and runs, and in what is told of a run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mnist_tui.experiment.parameters import apply_texts
from mnist_tui.experiment.presets import dump_preset, edited, find_preset, save_preset
from mnist_tui.runs import devices
from mnist_tui.runs.folder import RunFolder
from tests.cli.conftest import Command
from tests.report.recorded import CREATED, recorded_run


@pytest.fixture
def hog(runs_dir: Path) -> RunFolder:
    return recorded_run(runs_dir, find_preset("hog"))


@pytest.fixture
def other(runs_dir: Path) -> RunFolder:
    """A run whose experiment is no source's."""
    return recorded_run(runs_dir, created=CREATED + 60)


def test_presets_are_listed_under_their_sources_with_all_that_is_read_into_them(cli: Command) -> None:
    path = save_preset(find_preset("raw"), "mine")
    path.with_name("torn.toml").write_text("[training]\nepochs = 0\n")
    result = cli("presets", "list", "--json")
    listed = {preset["name"]: preset for preset in json.loads(result.stdout)}
    assert "torn cannot be used" in result.stderr
    assert "torn" not in listed
    assert (listed["raw"]["group"], listed["mine"]["group"]) == ("Starters", "Saved")
    found = listed["various-mlp2"]
    assert found["group"] == found["source"] == "Various architectures on MNIST data"
    assert found["reference"]["train_measured"] == "running"
    assert any("He-normal" in reading for reading in found["reference"]["readings"])
    lines = cli("presets", "list").stdout.splitlines()
    assert lines[0] == "Starters"
    assert lines.index("MNIST Training") < next(at for at, line in enumerate(lines) if "report-mlp5layers" in line)


def test_a_run_is_shown_with_what_was_published_and_the_difference(cli: Command, hog: RunFolder) -> None:
    lines = cli("show", hog.id).stdout.splitlines()
    assert "published  accuracy 98.41 %  loss 0.0540  in ARN – Report – Labo04 (labo04-hog-sigmoid-ppc4)" in lines
    assert "difference accuracy −0.41 points  loss +0.0160" in lines
    reference = json.loads(cli("show", hog.id, "--json").stdout)["reference"]
    assert (reference["accuracy"], reference["seeds"], len(reference["readings"])) == (0.9841, 1, 5)


def test_a_training_figure_is_shown_with_its_kind_and_ours_of_the_same(cli: Command, runs_dir: Path) -> None:
    running = recorded_run(runs_dir, find_preset("various-mlp2"))
    text = cli("show", running.id).stdout
    assert "published  training accuracy 99.76 %  loss 0.0066  (over the last epoch's batches, dropout on)" in text
    assert "difference training accuracy −6.76 points" in text
    assert "(ours alike: accuracy 93.00 %" in text
    unsaid = recorded_run(runs_dir, find_preset("report-mlp5layers"), created=CREATED + 60)
    text = cli("show", unsaid.id).stdout
    assert "published  training accuracy 91.58 %  (dropout on or off is not said)" in text
    assert "difference training" not in text


def test_lists_of_runs_have_a_column_only_where_something_was_published(
    cli: Command, hog: RunFolder, other: RunFolder
) -> None:
    rows = {row["run"]: row for row in json.loads(cli("runs", "--json").stdout)}
    assert (rows[hog.id]["published_accuracy"], rows[hog.id]["published_loss"]) == (0.9841, 0.054044)
    assert (rows[other.id]["published_accuracy"], rows[other.id]["source"]) == (None, "")
    assert "98.41 %" in next(line for line in cli("runs").stdout.splitlines() if hog.id in line)
    assert "published" in cli("compare", hog.id, other.id).stdout
    hog.path.rename(hog.path.parent.parent / hog.id)
    assert "published" not in cli("runs").stdout


def test_a_run_of_sample_data_or_of_another_experiment_stands_beside_nothing(cli: Command, runs_dir: Path) -> None:
    preset = find_preset("hog")
    training = preset.experiment.training.model_copy(update={"epochs": 3})
    longer = edited(preset, preset.experiment.model_copy(update={"training": training}))
    for folder in (
        recorded_run(runs_dir, preset, title="digits sample", sample=True),
        recorded_run(runs_dir, longer, created=CREATED + 60),
    ):
        assert json.loads(cli("show", folder.id, "--json").stdout)["reference"] is None
        assert "published" not in cli("show", folder.id).stdout
    assert {row["published_accuracy"] for row in json.loads(cli("runs", "--json").stdout)} == {None}


def test_only_the_source_s_experiment_on_its_data_has_a_reference(cli: Command, runs_dir: Path, tmp_path: Path) -> None:
    own = tmp_path / "mine.toml"
    own.write_text(cli("presets", "show", "hog").stdout.replace("epochs = 100", "epochs = 99"))
    raw = find_preset("raw")
    changes = ({"limit": "2000"}, {"dataset": str(tmp_path)}, {"hidden": "251"}, {"validation": "0.1"})
    assert find_preset(str(own)).experiment.training.epochs == 99
    assert find_preset(str(own)).reference is None
    assert [edited(raw, apply_texts(raw.experiment, texts)).reference for texts in changes] == [None] * len(changes)

    same = tmp_path / "same.toml"
    same.write_text(dump_preset(find_preset("hog")))
    assert find_preset(str(same)).reference == find_preset("hog").reference


def test_without_a_gpu_nothing_that_asks_for_one_is_begun(cli: Command, runs_dir: Path) -> None:
    there = devices.gpu_count()
    result = cli("sweep", "--preset", "raw", "--over", "hidden=1,2", "--device", f"gpu:{there}")
    assert result.exit_code == 2
    assert f"--device gpu:{there}" in result.stderr
    assert not list(runs_dir.glob("*"))
