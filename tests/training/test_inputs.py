"""What enters the network, and what a run tells of it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_tui.data import feature_cache
from mnist_tui.data.datasets import load
from mnist_tui.data.errors import DataError
from mnist_tui.data.hog import hog_batch
from mnist_tui.experiment.spec import DatasetSpec, Experiment, HogFeatures
from mnist_tui.runs.event_log import EventTail
from mnist_tui.runs.events import Phase
from mnist_tui.runs.folder import Launch, RunFolder
from mnist_tui.training.inputs import prepare
from mnist_tui.training.reporter import Reporter
from tests.own_data import write_folder
from tests.present import present


def prepared(folder: Path, limit: int | None = None) -> tuple[NDArray[Any], NDArray[Any], list[Phase]]:
    """HOG features of the digits for training and test, and the phases in which a run told of them."""
    folder.mkdir()
    run = RunFolder(folder)
    experiment = Experiment(
        features=HogFeatures(pixels_per_cell=7), dataset=DatasetSpec(name="digits", limit=limit, validation="test")
    )
    inputs = prepare(experiment, Launch(time.time(), "mnist-tui train"), Reporter(run))
    phases = [event for event in EventTail(run.events_file).read_all() if isinstance(event, Phase)]
    return inputs.train.features, inputs.test.features, [phase for phase in phases if phase.name == "features"]


def test_the_second_run_has_the_same_features_from_the_cache_and_says_so(tmp_path: Path) -> None:
    train, test, computing = prepared(tmp_path / "first")
    digits = load("digits")
    np.testing.assert_array_equal(train, hog_batch(digits.train_images, pixels_per_cell=7))
    np.testing.assert_array_equal(test, hog_batch(digits.test_images, pixels_per_cell=7))
    again_train, again_test, (phase,) = prepared(tmp_path / "second")
    assert again_train.tobytes() == train.tobytes()
    assert again_test.tobytes() == test.tobytes()
    assert phase.text == "from the cache"
    assert phase.done == phase.total == len(train) + len(test)
    assert not any(told.text for told in computing)


def test_fewer_images_are_not_taken_for_all(tmp_path: Path) -> None:
    train, _, _ = prepared(tmp_path / "all")
    some, _, phases = prepared(tmp_path / "some", limit=100)
    np.testing.assert_array_equal(some, train[:100])
    assert phases[-1].text == ""
    again, _, _ = prepared(tmp_path / "all again")
    np.testing.assert_array_equal(again, train)


def test_a_damaged_file_changes_nothing_for_a_run(tmp_path: Path) -> None:
    train, test, _ = prepared(tmp_path / "first")
    for file in present(feature_cache.status().folder).iterdir():
        file.write_bytes(file.read_bytes()[:-1] + b"\x7f")
    again_train, again_test, phases = prepared(tmp_path / "second")
    np.testing.assert_array_equal(again_train, train)
    np.testing.assert_array_equal(again_test, test)
    assert phases[-1].text == ""


@pytest.mark.parametrize(
    ("classes", "said"),
    [
        (None, r"fruit has 3 classes \(.*\), but this experiment is for 10 classes; start a new run"),
        (3, "has images of 6×5×3 .*, but this experiment is for images of 28×28×1"),
    ],
)
def test_a_network_for_other_classes_or_images_than_the_data_have_is_not_trained(
    tmp_path: Path, classes: int | None, said: str
) -> None:
    fruit = write_folder(tmp_path / "fruit", (6, 5, 3), ["apple", "kiwi", "plum"])
    experiment = Experiment(dataset=DatasetSpec(name=str(fruit), classes=classes))
    (tmp_path / "run").mkdir()
    with pytest.raises(DataError, match=said):
        prepare(experiment, Launch(time.time(), "mnist-tui train"), Reporter(RunFolder(tmp_path / "run")))
