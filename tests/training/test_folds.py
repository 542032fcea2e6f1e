"""The folds of a cross-validation: which images are held out, and what a training on the others does with them."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedKFold

from mnist_tui.data.datasets import fold_split, load
from mnist_tui.data.errors import DataError
from mnist_tui.errors import RequestError
from mnist_tui.experiment.parameters import apply_texts
from mnist_tui.experiment.presets import find_preset
from mnist_tui.experiment.spec import Experiment, cautions
from mnist_tui.runs.folder import Launch, RunFolder
from mnist_tui.training.inputs import Inputs, prepare
from mnist_tui.training.reporter import Reporter


@given(
    labels=st.lists(st.integers(0, 4), min_size=12, max_size=60), of=st.integers(2, 6), seed=st.integers(0, 2**31 - 1)
)
def test_the_folds_are_those_of_scikit_learn(labels: list[int], of: int, seed: int) -> None:
    theirs = StratifiedKFold(of, shuffle=True, random_state=seed)
    if of > np.bincount(labels).max():
        with pytest.raises(ValueError, match="folds are too many: the largest class has"):
            fold_split(np.array(labels), 1, of, seed)
        return
    with pytest.warns(UserWarning, match="least populated") if _is_small(labels, of) else nullcontext():
        splits = list(theirs.split(np.zeros(len(labels)), labels))
    for number, (train, held_out) in enumerate(splits, 1):
        ours = fold_split(np.array(labels, np.uint8), number, of, seed)
        assert (ours[0].tolist(), ours[1].tolist()) == (train.tolist(), held_out.tolist())


def _is_small(labels: list[int], of: int) -> bool:
    return min(np.bincount(labels)[np.unique(labels)]) < of


def experiment(**texts: str) -> Experiment:
    return apply_texts(find_preset("raw").experiment, {"dataset": "digits", **texts})


def prepared(tmp_path: Path, **texts: str) -> Inputs:
    folder = tmp_path / "".join(texts.values()).replace("/", "-")
    folder.mkdir()
    return prepare(experiment(**texts), Launch(0.0, ""), Reporter(RunFolder(folder)))


def test_each_training_image_is_held_out_in_one_fold_and_the_test_set_in_none(tmp_path: Path) -> None:
    digits, images = load("digits"), list[np.ndarray]()
    for number in (1, 2, 3):
        inputs = prepared(tmp_path, validation=f"fold:{number}/3")
        assert inputs.validation is None
        assert len(inputs.train.labels) + len(inputs.test.labels) == len(digits.train_labels)
        assert (inputs.ready.test, inputs.ready.evaluated) == (
            len(inputs.test.labels),
            f"held-out images of fold {number} of 3",
        )
        np.testing.assert_array_equal(inputs.test.features, inputs.test_images)
        images.append(inputs.test_images)
    everything = np.concatenate(images).reshape(len(digits.train_images), -1)
    assert sorted(map(bytes, everything)) == sorted(map(bytes, digits.train_images.reshape(len(everything), -1)))


def test_the_features_of_a_fold_are_those_of_its_images(tmp_path: Path) -> None:
    raw = prepared(tmp_path, validation="fold:2/4", limit="400")
    hog = prepare(
        apply_texts(find_preset("hog").experiment, {"dataset": "digits", "validation": "fold:2/4", "limit": "400"}),
        Launch(0.0, ""),
        Reporter(RunFolder(tmp_path)),
    )
    np.testing.assert_array_equal(hog.test_images, raw.test_images)
    np.testing.assert_array_equal(hog.test.labels, raw.test.labels)
    assert len(hog.test.features) == 100


def test_more_folds_than_images_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="90 folds are too many: the largest class has"):
        prepared(tmp_path, validation="fold:1/90", limit="200")


@pytest.mark.parametrize("text", ["fold:0/5", "fold:6/5", "fold:1/1", "fold:1/101", "fold", "fold:a/5"])
def test_a_fold_that_does_not_exist_is_refused(text: str) -> None:
    with pytest.raises(RequestError, match=r"there are 2 to 100 folds|is not a fold"):
        experiment(validation=text)
    with pytest.raises(RequestError, match=r"there are 2 to 100 folds|is not a fold"):
        apply_texts(find_preset("raw").experiment, {}, [f"dataset.validation={text}"])


def test_early_stopping_on_the_held_out_fold_is_said() -> None:
    (caution,) = cautions(experiment(validation="fold:1/5", patience="3"))
    assert "early stopping watches the held-out fold" in caution
