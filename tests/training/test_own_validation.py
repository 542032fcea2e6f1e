"""A dataset's own validation split is the validation data of a run that says so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mnist_tui.data.errors import DataError
from mnist_tui.data.facts import newly_chosen, resolved
from mnist_tui.experiment.parameters import apply_texts
from mnist_tui.experiment.preset_files import STARTERS
from mnist_tui.experiment.presets import find_preset
from mnist_tui.experiment.spec import Experiment, HogFeatures, SpecError, with_part
from mnist_tui.runs.events import Event, Warned
from mnist_tui.runs.folder import Launch
from mnist_tui.training.inputs import Inputs, prepare
from mnist_tui.training.reporter import Reporter

FACTS = {"train": 30, "val": 9, "test": 12}


def write_archive(folder: Path, *, validation: bool = True) -> str:
    """Write an archive like MedMNIST's, of 9×9 images in 3 classes, labelled from 1."""
    generator, arrays = np.random.default_rng(0), {}
    for split, count in FACTS.items():
        if split != "val" or validation:
            arrays[f"{split}_images"] = generator.integers(0, 256, (count, 9, 9), dtype=np.uint8)
            arrays[f"{split}_labels"] = (1 + np.arange(count) % 3).reshape(-1, 1)
    np.savez(folder / "small.npz", **arrays)
    return str(folder / "small.npz")


def experiment_on(dataset: str, **texts: str) -> Experiment:
    preset = find_preset(STARTERS[0]).experiment
    return apply_texts(preset, {"dataset": dataset} | texts, resolve=resolved, choose=newly_chosen)


class Recorder(Reporter):
    """A reporter that keeps what is reported."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        self.events.append(event)

    def phase(self, *_: object, **__: object) -> None:
        pass


def prepared(experiment: Experiment) -> tuple[Inputs, Recorder]:
    recorder = Recorder()
    return prepare(experiment, Launch(0.0, "", "cpu", None, False, False, None), recorder), recorder


def test_a_dataset_with_a_validation_split_is_validated_on_it_unless_something_else_is_said(tmp_path: Path) -> None:
    archive = write_archive(tmp_path)
    assert experiment_on(archive).dataset.validation == "own"
    assert experiment_on("pathmnist").dataset.validation == "own"
    assert experiment_on("mnist").dataset.validation == "test"
    assert experiment_on("pathmnist", validation="test").dataset.validation == "test"
    assert experiment_on("pathmnist", validation="0.1").dataset.validation == 0.1
    assert resolved(experiment_on("pathmnist", validation="test")).dataset.validation == "test"


def test_another_dataset_without_such_a_split_is_validated_on_its_test_set_again() -> None:
    experiment = apply_texts(experiment_on("pathmnist"), {"dataset": "mnist"}, resolve=resolved, choose=newly_chosen)
    assert experiment.dataset.validation == "test"


def test_a_split_that_the_dataset_does_not_have_is_refused(tmp_path: Path) -> None:
    for dataset in ("mnist", write_archive(tmp_path, validation=False)):
        asked = with_part(experiment_on(dataset), "dataset", validation="own")
        with pytest.raises(
            SpecError, match=r"has no validation split of its own; test, or a share such as 0\.1, works"
        ):
            resolved(asked)


def test_the_worker_validates_on_the_split_and_says_what_it_maps(tmp_path: Path) -> None:
    inputs, recorder = prepared(experiment_on(write_archive(tmp_path)))
    assert inputs.validation is not None
    assert (inputs.ready.train, inputs.ready.validation, inputs.ready.test) == (30, 9, 12)
    np.testing.assert_array_equal(inputs.validation.labels, np.arange(9) % 3)
    assert inputs.dataset.validation_images is inputs.validation.features
    assert [event.text for event in recorder.events if isinstance(event, Warned)] == [
        "The labels 1 to 3 are 3 classes."
    ]


def test_hog_features_are_computed_for_the_split_too(tmp_path: Path) -> None:
    experiment = experiment_on(write_archive(tmp_path), features="hog", ppc="3")
    inputs, _ = prepared(experiment)
    assert isinstance(experiment.features, HogFeatures)
    assert inputs.validation is not None
    assert inputs.validation.features.shape == (9, *experiment.input_shape)


def test_the_worker_refuses_a_split_that_is_not_there(tmp_path: Path) -> None:
    experiment = experiment_on(write_archive(tmp_path))
    write_archive(tmp_path, validation=False)
    with pytest.raises(DataError, match="has no validation split of its own"):
        prepared(experiment)
