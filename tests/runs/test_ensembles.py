"""Ensembles: means and votes against plain loops, and which runs can be combined."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from mnist_tui.errors import RequestError, RunError
from mnist_tui.files import write_json
from mnist_tui.runs.ensembles import check_members, combined, start_ensemble
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.origin import Origin, OriginSource
from mnist_tui.runs.source_runs import check_has_model
from tests.runs.synthetic import BEGIN, finished_run


def drawn(members: int, images: int, classes: int, seed: int) -> list[np.ndarray]:
    return list(np.random.default_rng(seed).dirichlet(np.ones(classes), (members, images)).astype(np.float32))


@pytest.mark.parametrize("seed", range(5))
def test_a_mean_is_the_mean_and_a_vote_the_class_of_most_members(seed):
    members = drawn(4, 60, 3, seed)
    assert np.allclose(combined(members, "mean"), np.mean(members, axis=0), atol=1e-7)
    votes = combined(members, "vote")
    assert set(np.unique(votes)) == {0.0, 1.0} and (votes.sum(axis=1) == 1).all()
    ties = 0
    for image, row in enumerate(votes):
        counts = Counter(int(member[image].argmax()) for member in members)
        most = [name for name, count in counts.items() if count == max(counts.values())]
        ties += len(most) > 1
        assert row.argmax() == max(most, key=lambda name: sum(float(member[image][name]) for member in members))
    assert ties > 5


def with_predictions(folder: RunFolder, labels: np.ndarray, checksum: str = "a" * 64) -> RunFolder:
    """A finished run with predictions for test images of that checksum."""
    (probabilities,) = drawn(1, len(labels), 10, 1)
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels).astype(np.int32)
    images = np.zeros((len(wrong), 28, 28), np.uint8)
    arrays = {"probabilities": probabilities, "labels": labels, "misclassified": wrong, "misclassified_images": images}
    np.savez(folder.predictions_file, allow_pickle=False, **arrays)
    data = {"name": "mnist", "title": "MNIST", "sha256": {"test_images": checksum}, "train": 1, "test": len(labels)}
    write_json(folder.results_file, {"state": "finished", "dataset": data})
    return folder


@pytest.fixture
def runs(tmp_path: Path) -> list[RunFolder]:
    return [finished_run(tmp_path, created=BEGIN + number) for number in range(3)]


def test_an_ensemble_is_no_member_of_another_one(runs, tmp_path):
    labels = np.arange(50, dtype=np.uint8) % 10
    origin = Origin("ensemble", (OriginSource(runs[0].id), OriginSource(runs[1].id)), dataset="mnist")
    third = with_predictions(finished_run(tmp_path, created=BEGIN + 9, origin=origin), labels)
    with pytest.raises(RequestError, match=f"run {third.id} is an ensemble itself; name its members instead"):
        check_members([with_predictions(runs[0], labels), third])
    write_json(runs[0].origin_file, Origin("ensemble", (OriginSource(third.id),) * 2, dataset="mnist").to_document())
    with pytest.raises(RunError, match=f"its member {runs[0].id} is an ensemble itself"):
        check_has_model(third)


def test_runs_on_the_same_test_images_can_be_combined(runs):
    labels = np.arange(50, dtype=np.uint8) % 10
    check_members([with_predictions(run, labels) for run in runs])


def test_what_cannot_be_combined_is_refused_in_a_sentence(runs, tmp_path):
    labels = np.arange(50, dtype=np.uint8) % 10
    first, second, third = runs
    with pytest.raises(RequestError, match="an ensemble needs 2 to 100 different runs, not 1"):
        start_ensemble([first, first])
    with_predictions(first, labels)
    with pytest.raises(RequestError, match=f"run {second.id} has no predictions for the test images"):
        check_members([first, second])
    with_predictions(second, labels, "b" * 64)
    with pytest.raises(RequestError, match="were evaluated on different test images: their checksums differ"):
        check_members([first, second])
    with_predictions(third, labels[::-1])
    with pytest.raises(RequestError, match="were evaluated on different test images: their labels differ"):
        check_members([first, third])
    elsewhere = with_predictions(finished_run(tmp_path / "other"), labels)
    with pytest.raises(RequestError, match="are in different folders of runs"):
        check_members([first, elsewhere])
