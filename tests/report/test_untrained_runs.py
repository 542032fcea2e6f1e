"""Reports over runs that were not trained here: they say what the runs are, and claim no training of them."""

import json
from pathlib import Path

import numpy as np
import pytest

from mnist_tui.report.document import write_report
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.origin import ForeignLayer, Origin, OriginSource
from tests.runs.synthetic import BEGIN, finished_run

THEIRS = Origin(
    "imported",
    (OriginSource("theirs.keras"),),
    "mnist",
    network=(ForeignLayer("hidden", "Dense", (10,), 7850, 7850),),
    notes=("The model takes images as (n, 28, 28).",),
)
ANSWERS = Origin("imported", (OriginSource("answers.csv"),), "mnist", predictions_only=True, labels_only=True)


def scored(folder: RunFolder) -> RunFolder:
    """A run with the predictions of 100 test images, ten of them wrong."""
    labels = np.arange(100) % 10
    classes = np.where(np.arange(100) < 10, (labels + 1) % 10, labels)
    matrix = np.bincount(labels * 10 + classes, minlength=100).reshape(10, 10)
    wrong = np.flatnonzero(labels != classes).astype(np.int32)
    np.savez(
        folder.predictions_file,
        probabilities=np.eye(10, dtype=np.float32)[classes],
        labels=labels.astype(np.uint8),
        misclassified=wrong,
        misclassified_images=np.zeros((len(wrong), 28, 28), np.uint8),
    )
    per_class = [{"class": str(n), "precision": 0.9, "recall": 0.9, "f1": 0.9, "support": 10} for n in range(10)]
    results = {
        "state": "finished",
        "dataset": {"name": "mnist", "title": "MNIST", "sha256": {}, "train": 0, "validation": 0, "test": 100},
        "test": {"loss": 0.3, "accuracy": 0.9, "macro_f1": 0.9, "per_class": per_class},
        "confusion_matrix": matrix.tolist(),
    }
    folder.results_file.write_text(json.dumps(results))
    return folder


def report(tmp_path: Path, *runs: RunFolder) -> str:
    write_report(list(runs), [tmp_path / "report.md"])
    return (tmp_path / "report.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("origin", [THEIRS, ANSWERS], ids=["network", "predictions"])
def test_a_report_on_an_import_has_scores_but_neither_optimizer_nor_epochs(tmp_path: Path, origin: Origin) -> None:
    text = report(tmp_path, scored(finished_run(tmp_path / "runs", origin=origin)))

    assert f"Run 1 was not trained here: {origin.words}." in text
    assert "90.00" in text
    assert not any(word in text for word in ("RMSprop", "Learning algorithm", "198,760", "with one seed", "epochs for"))
    assert ("7,850" in text) == (origin.network is not None)


def test_a_report_on_both_describes_the_training_of_the_trained_run_alone(tmp_path: Path) -> None:
    runs_dir = tmp_path / "runs"
    trained = scored(finished_run(runs_dir))
    answers = scored(finished_run(runs_dir, origin=ANSWERS, created=BEGIN + 60))

    text = report(tmp_path, trained, answers)

    assert "This chapter is about run 1; run 2 was not trained here." in text
    assert "RMSprop" in text
