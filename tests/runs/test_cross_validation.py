"""The folds of a cross-validation together: their group, its words, and the out-of-fold predictions."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score

from mnist_tui.report.result_words import comparison_sentence, group_sentence
from mnist_tui.runs.collection.cross_validation import out_of_fold
from mnist_tui.runs.collection.seed_groups import SeedGroup, pairs, seed_groups
from mnist_tui.runs.collection.summaries import list_runs
from mnist_tui.runs.folder import RunFolder
from tests.runs.synthetic import BEGIN, finished_run

ACCURACIES = (0.95, 0.96, 0.94)


def fold_run(
    runs_dir: Path, number: int, *, of: int = 3, preset: str = "raw", level: float = 0.0, seed: int = 7
) -> None:
    texts = {"validation": f"fold:{number}/{of}", "seed": str(seed)}
    accuracy = ACCURACIES[number - 1] + level
    finished_run(runs_dir, preset, texts=texts, test_accuracy=accuracy, created=BEGIN + number + 100 * level + seed)


def groups(runs_dir: Path) -> list[SeedGroup]:
    return seed_groups(list_runs(runs_dir))


def test_the_folds_of_one_cross_validation_are_a_group_without_an_interval(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        fold_run(tmp_path, number)
    fold_run(tmp_path, 1, of=5)  # of another cross-validation
    fold_run(tmp_path, 2, seed=8)
    (group,) = groups(tmp_path)
    assert (group.folds, group.repetition) == (3, "fold")
    assert group.by_seed("test_accuracy") == dict(enumerate(ACCURACIES, 1))
    found = group.summary("test_accuracy")
    assert found is not None
    assert (found.n, found.mean, found.std) == (3, pytest.approx(0.95), pytest.approx(0.01))
    assert found.interval is None
    document = group.to_document()
    assert document["test"] is None
    assert document["held_out"]["accuracy"]["mean"] == pytest.approx(0.95)
    said = group_sentence("raw", group)
    assert "Over the three folds 1 to 3 raw reached a mean accuracy of 95.00 %, measured on the images of" in said
    assert "so their scores are not independent" in said
    assert "The test set was not used." in said
    assert "interval of" not in said


def test_a_fold_that_is_missing_is_said(tmp_path: Path) -> None:
    for number in (1, 3):
        fold_run(tmp_path, number)
    (group,) = groups(tmp_path)
    assert "Fold 2 is not among these runs." in group_sentence("raw", group)


def test_two_cross_validations_are_compared_fold_by_fold_and_never_with_seeds(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        fold_run(tmp_path, number)
        fold_run(tmp_path, number, preset="hog", level=0.02)
        finished_run(tmp_path, "raw", texts={"seed": str(number)}, test_accuracy=0.99, created=BEGIN + 50 + number)
    (pair,) = pairs(groups(tmp_path))
    difference = pair.paired("test_accuracy")
    assert difference is not None
    assert (difference.difference, difference.interval) == (pytest.approx(0.02), None)
    assert pair.to_document()["held_out"]["accuracy"] == {
        "n": 3,
        "difference": pytest.approx(0.02),
        "std": pytest.approx(0, abs=1e-9),
    }
    said = comparison_sentence("hog", "raw", difference)
    assert said.startswith("On the same three folds 1 to 3 hog was better than raw by 2.00 points of accuracy")
    assert "p =" not in said


def test_the_out_of_fold_predictions_are_those_of_all_folds_counted_together(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    true, predicted = generator.integers(0, 3, (2, 90))
    for number, part in enumerate(np.array_split(np.arange(90), 3), 1):
        fold_run(tmp_path, number)
        newest = max(tmp_path.glob("2*"), key=lambda path: json.loads((path / "launch.json").read_text())["created"])
        matrix = confusion_matrix(true[part], predicted[part], labels=range(3)).tolist()
        results = RunFolder(newest).results() or {}
        results |= {"confusion_matrix": matrix, "class_names": ["a", "b", "c"]}
        (newest / "results.json").write_text(json.dumps(results))
    (group,) = groups(tmp_path)
    found = out_of_fold(group)
    assert found is not None
    assert (found.folds, found.of, found.images) == (3, 3, 90)
    assert found.confusion == tuple(map(tuple, confusion_matrix(true, predicted).tolist()))
    assert found.accuracy == pytest.approx(accuracy_score(true, predicted))
    assert found.macro_f1 == pytest.approx(f1_score(true, predicted, average="macro"))
    assert found.in_words.startswith("Out of fold, ")
