"""Evidence from a run's folder, complete or with missing files."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mnist_tui.errors import RunError
from mnist_tui.report.contents.one_run import platform_facts
from mnist_tui.report.evidence import UNKNOWN, read_evidence
from mnist_tui.runs.folder import Launch, RunFolder, create
from mnist_tui.runs.results import run_document
from tests.report.furnished import changed, furnished_run
from tests.report.recorded import CREATED, matrix


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return furnished_run(tmp_path)


def test_a_whole_folder_misses_nothing(run: RunFolder) -> None:
    evidence = read_evidence(run)
    assert evidence.missing == ()
    places = ("folder", "dataset", "platform")  # which the report's document leaves out or shortens
    assert {**evidence.document, **dict.fromkeys(places)} == {**run_document(run), **dict.fromkeys(places)}
    assert evidence.matrix == matrix()
    assert evidence.matrix_of == "test images"
    assert evidence.predictions is not None
    assert evidence.predictions.images.shape == (200, 28, 28)
    assert [seen.epoch for seen in evidence.weights] == [0, 3]
    assert evidence.created == CREATED
    assert evidence.findings


def test_changes_leave_the_seed_out(tmp_path: Path) -> None:
    evidence = read_evidence(furnished_run(tmp_path, changed("hog", seed="5", ppc="7", epochs="3")))
    assert evidence.changes == "ppc 7, 3 epochs"
    assert evidence.summary.differs == "ppc 7, 3 epochs, seed 5"


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def torn(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2] + b"= =")


@pytest.mark.parametrize("spoil", [Path.unlink, emptied, torn], ids=["absent", "empty", "torn"])
@pytest.mark.parametrize("name", ["results.json", "predictions.npz", "launch.json"])
def test_a_piece_that_is_not_whole_is_named_and_the_rest_is_there(
    run: RunFolder, name: str, spoil: Callable[[Path], None]
) -> None:
    spoil(run.path / name)
    evidence = read_evidence(run)
    assert [sentence.split()[0] for sentence in evidence.missing] == [name]
    assert len(evidence.state.history) == 3
    assert (evidence.document["test"] is None) is (name == "results.json")
    assert (evidence.predictions is None) is (name != "launch.json")


def test_without_its_log_a_run_still_has_its_results(run: RunFolder) -> None:
    run.events_file.unlink()
    evidence = read_evidence(run)
    assert evidence.document["test"]["accuracy"] == 0.98
    assert evidence.matrix == matrix()
    assert [sentence.split()[0] for sentence in evidence.missing] == ["events.jsonl"]


def test_without_its_status_the_log_tells_how_it_ended(run: RunFolder) -> None:
    run.status_file.unlink()
    assert read_evidence(run).state.state == "finished"
    run.events_file.write_bytes(b"\x00 no events\n")
    evidence = read_evidence(run)
    assert evidence.state.state == UNKNOWN
    assert len(evidence.missing) == 2
    assert evidence.document["test"]["accuracy"] == 0.98


@pytest.mark.parametrize(
    "wrong",
    [
        {"test": {"loss": 0.1}},
        {"test": "0.98"},
        {"confusion_matrix": [["a"]]},
        {"timings": {"train": "long"}},
        {"class_names": ["0"]},
        {"weights_of_epoch": "x"},
        {"epochs_run": "x"},
        {"platform": {"memory": "x"}},
        {"platform": {"versions": ["1"]}},
    ],
)
def test_results_of_another_shape_are_as_good_as_none(run: RunFolder, wrong: dict[str, object]) -> None:
    results = json.loads(run.results_file.read_text(encoding="utf-8"))
    run.results_file.write_text(json.dumps(results | wrong), encoding="utf-8")
    evidence = read_evidence(run)
    assert evidence.document["test"] is None
    assert evidence.missing[0].startswith("results.json")


def test_fields_that_an_older_version_did_not_record_are_not_reported_missing(run: RunFolder) -> None:
    results = json.loads(run.results_file.read_text(encoding="utf-8"))
    older: dict[str, object] = {"platform": {"versions": {"keras": None}, "memory": None}, "weights_of_epoch": None}
    run.results_file.write_text(json.dumps(results | older), encoding="utf-8")
    evidence = read_evidence(run)
    assert evidence.missing == ()
    facts = dict(platform_facts(evidence))
    assert (facts["Software"], facts["Memory"]) == ("–", "–")
    run.results_file.write_text(json.dumps(results | {"platform": {"versions": None}}), encoding="utf-8")
    assert read_evidence(run).missing == ()


def test_predictions_that_do_not_fit_each_other_are_left_out(run: RunFolder) -> None:
    np.savez(
        run.predictions_file,
        probabilities=np.zeros((5, 10), np.float32),
        labels=np.zeros(5, np.uint8),
        misclassified=np.array([7], np.int32),
        misclassified_images=np.zeros((1, 28, 28), np.uint8),
    )
    assert read_evidence(run).predictions is None


def test_a_run_whose_worker_died_is_crashed(tmp_path: Path) -> None:
    preset = changed("raw", epochs="3")
    folder = create(tmp_path, preset, Launch(created=CREATED, command="mnist-tui train --preset raw"))
    folder.write_status(replace(folder.status(), process_start=1.0))
    evidence = read_evidence(folder)
    assert evidence.state.state == "crashed"
    assert not evidence.state.live
    assert evidence.document["test"] is None


@pytest.mark.parametrize("spoil", [Path.unlink, torn], ids=["absent", "torn"])
def test_without_an_experiment_there_is_nothing_to_report(run: RunFolder, spoil: Callable[[Path], None]) -> None:
    spoil(run.experiment_file)
    with pytest.raises(RunError, match=rf"run {run.id} cannot be reported: .*experiment\.toml"):
        read_evidence(run)
