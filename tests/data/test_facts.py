"""The facts of a dataset before its images are read, and the rule that maps labels to classes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_tui.data.datasets import load
from mnist_tui.data.errors import DataError
from mnist_tui.data.facts import facts_of, resolved
from mnist_tui.data.known import Part
from mnist_tui.data.labels import weights_by_class
from mnist_tui.experiment.parameters import apply_texts, by_name
from mnist_tui.experiment.presets import find_preset
from mnist_tui.experiment.spec import Experiment, SpecError

from .conftest import WriteIdx

pytestmark = pytest.mark.usefixtures("bare_machine")


def parts(train: list[int], test: list[int], shape: tuple[int, ...] = (20, 14)) -> dict[Part, NDArray[np.uint8]]:
    """Images of noise with these labels."""
    generator = np.random.default_rng(3)
    return {
        "train_images": generator.integers(0, 256, (len(train), *shape), dtype=np.uint8),
        "train_labels": np.array(train, np.uint8),
        "test_images": generator.integers(0, 256, (len(test), *shape), dtype=np.uint8),
        "test_labels": np.array(test, np.uint8),
    }


def assert_agrees(folder: Path) -> None:
    """What is read agrees with the facts."""
    facts, dataset = facts_of(str(folder)), load(str(folder))
    assert (dataset.image_shape, dataset.class_names) == (facts.image, facts.class_names)
    assert set(dataset.train_labels.tolist()) == set(range(len(facts.class_names)))


@pytest.mark.parametrize("shape", [(28, 28), (20, 14), (4, 64), (20, 14, 3)])
def test_a_folder_has_the_image_shape_of_its_headers(
    tmp_path: Path, write_idx: WriteIdx, shape: tuple[int, ...]
) -> None:
    folder = write_idx(tmp_path / "own", parts([0, 1, 0, 1], [0, 1], shape))
    assert facts_of(str(folder)).image == (*shape, 1)[:3]
    assert_agrees(folder)


def test_four_labels_are_four_classes(tmp_path: Path, write_idx: WriteIdx) -> None:
    folder = write_idx(tmp_path / "own", parts([0, 1, 2, 3, 0], [0, 1, 2, 3]))
    assert facts_of(str(folder)).class_names == ("0", "1", "2", "3")
    assert facts_of(str(folder)).notes == ()
    assert_agrees(folder)


def test_labels_from_one_become_classes_from_zero_and_it_is_said(tmp_path: Path, write_idx: WriteIdx) -> None:
    letters = list(range(1, 27))
    folder = write_idx(tmp_path / "letters", parts(letters, letters))
    facts = facts_of(str(folder))
    assert facts.notes == ("The labels 1 to 26 are 26 classes.",)
    assert facts.class_names == tuple(map(str, letters))
    assert load(str(folder)).test_labels.tolist() == list(range(26))
    (folder / "classes.txt").write_text("\n".join("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    assert facts_of(str(folder)).class_names == tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    assert_agrees(folder)


def test_gaps_are_closed_in_order_and_it_is_said(tmp_path: Path, write_idx: WriteIdx) -> None:
    folder = write_idx(tmp_path / "own", parts([0, 2, 7, 2], [2, 7, 0]))
    (note,) = facts_of(str(folder)).notes
    assert note == (
        "The labels have gaps: no training image has the labels 1, 3, 4, 5 and 6. The 3 labels that "
        "occur are the 3 classes."
    )
    assert facts_of(str(folder)).class_names == ("0", "2", "7")
    assert load(str(folder)).train_labels.tolist() == [0, 1, 2, 1]


def test_names_of_classes_without_images_are_left_out_and_it_is_said(tmp_path: Path, write_idx: WriteIdx) -> None:
    folder = write_idx(tmp_path / "own", parts([0, 2], [0]))
    (folder / "labels.txt").write_text("ant\nbee\ncat\n")
    facts = facts_of(str(folder))
    assert facts.class_names == ("ant", "cat")
    assert facts.notes[1:] == ("No training image has the class bee: left out.", "No test image has the class cat.")


@pytest.mark.parametrize(
    ("train", "test", "sentence"),
    [
        pytest.param([0, 0], [0], "has only the label 0; 2 to 100 classes work", id="one class"),
        pytest.param(list(range(101)), [0], "has 101 different labels; 2 to 100 classes work", id="101 classes"),
        pytest.param([0, 1], [2], "no training image has the label 2 of the test set", id="new label in the test"),
    ],
)
def test_what_cannot_be_mapped_is_refused(
    tmp_path: Path, write_idx: WriteIdx, train: list[int], test: list[int], sentence: str
) -> None:
    folder = write_idx(tmp_path / "own", parts(train, test))
    for read in (facts_of, load):
        with pytest.raises(DataError, match=sentence):
            read(str(folder))


def test_test_images_of_another_size_are_refused(tmp_path: Path, write_idx: WriteIdx) -> None:
    other = parts([0, 1], [0, 1], (28, 28))["test_images"]
    folder = write_idx(tmp_path / "own", parts([0, 1], [0, 1]) | {"test_images": other})
    for read in (facts_of, load):
        with pytest.raises(DataError, match="the training images are 20×14×1 but those of the test set 28×28×1"):
            read(str(folder))


def test_changed_files_have_new_facts(tmp_path: Path, write_idx: WriteIdx) -> None:
    folder = write_idx(tmp_path / "own", parts([0, 1], [0]))
    assert len(facts_of(str(folder)).class_names) == 2
    write_idx(folder, parts([0, 1, 2], [0]))
    assert len(facts_of(str(folder)).class_names) == 3


def test_the_extended_labels_of_qmnist_give_the_class_of_each_image(tmp_path: Path, write_idx: WriteIdx) -> None:
    arrays = parts([3, 0, 1], [3, 1])
    folder = write_idx(tmp_path / "own", arrays, packed=False)
    for split in ("train", "t10k"):
        labels = arrays["train_labels" if split == "train" else "test_labels"]
        table = (np.arange(8 * len(labels)).reshape(-1, 8) * 1000).astype(">i4")
        table[:, 0] = labels
        head = bytes((0, 0, 0x0C, 2)) + len(labels).to_bytes(4, "big") + (8).to_bytes(4, "big")
        (folder / f"{split}-labels-idx1-ubyte").write_bytes(head + table.tobytes())
    assert facts_of(str(folder)).class_names == ("0", "1", "3")
    assert load(str(folder)).train_labels.tolist() == [2, 0, 1]


def test_the_facts_of_a_folder_of_idx_files_need_no_numpy(tmp_path: Path, write_idx: WriteIdx) -> None:
    folder = write_idx(tmp_path / "own", parts([0, 1], [0]))
    code = f"import sys; from mnist_tui.data.facts import facts_of; facts_of({str(folder)!r}); print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"numpy", "PIL"} & set(out.stdout.split())


def weighted(dataset: str, table: str) -> Experiment:
    return apply_texts(find_preset("raw").experiment, {"dataset": dataset, "class-weights": table}, resolve=resolved)


def test_class_weights_are_given_to_the_names_that_the_tables_show(tmp_path: Path, write_idx: WriteIdx) -> None:
    letters = list(range(1, 27))
    folder = str(write_idx(tmp_path / "letters", parts(letters, letters)))
    named = weighted(folder, "26:2, 5:3")
    assert by_name("class-weights").read(named) == "5:3,26:2"
    assert weights_by_class({"5": 3.0, "26": 2.0}, facts_of(folder).class_names) == {4: 3.0, 25: 2.0}
    (tmp_path / "letters" / "classes.txt").write_text("\n".join(["an ant", *"BCDEFGHIJKLMNOPQRSTUVWXYZ"]))
    by_names, by_numbers = weighted(folder, "an ant:2,Z:3"), weighted(folder, "0:2,25:3")
    assert by_names == by_numbers
    assert by_names.training.class_weights == {"an ant": 2.0, "Z": 3.0}


def test_the_classes_of_known_datasets_are_named_and_those_of_mnist_are_digits() -> None:
    assert weighted("fashion-mnist", "Ankle boot:2").training.class_weights == {"Ankle boot": 2.0}
    assert weighted("mnist", "8:2 9:1.5").training.class_weights == {"8": 2.0, "9": 1.5}


@pytest.mark.parametrize(
    ("dataset", "table", "said"),
    [
        ("mnist", "10:2", "there is no class 10; the data have the classes 0 to 9"),
        ("fashion-mnist", "ant:2", "there is no class ant; the data have the classes T-shirt/top, Trouser,"),
        ("fashion-mnist", "Bag:2,8:3", "the class Bag has two weights; give it one"),
    ],
)
def test_a_weight_for_no_class_is_refused_with_names_of_classes(dataset: str, table: str, said: str) -> None:
    with pytest.raises(SpecError, match=re.escape(said)):
        weighted(dataset, table)


def test_the_facts_of_files_are_remembered_until_they_change_and_not_for_ever(
    tmp_path: Path, write_idx: WriteIdx
) -> None:
    first = str(write_idx(tmp_path / "first", parts([0, 1, 0, 1], [0, 1])))
    assert facts_of(first) is facts_of(first)
    write_idx(tmp_path / "first", parts([0, 1, 2, 1], [0, 1], (8, 8)))
    assert (facts_of(first).image, facts_of(first).class_names) == ((8, 8, 1), ("0", "1", "2"))
    before = facts_of(first)
    for number in range(20):
        facts_of(str(write_idx(tmp_path / str(number), parts([0, 1], [0, 1], (8, 8)))))
    assert facts_of(first) == before and facts_of(first) is not before
