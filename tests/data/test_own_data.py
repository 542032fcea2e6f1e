"""A person's own data in every form that is read, what is refused, and bringing images to one size."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from mnist_tui.data.catalogue import find
from mnist_tui.data.conversion import ImageForm, convert
from mnist_tui.data.datasets import load
from mnist_tui.data.errors import DataError
from mnist_tui.data.facts import NO_TEST, facts_of
from mnist_tui.data.reading import Dataset, fixed_test_split, read_parts

pytestmark = pytest.mark.usefixtures("bare_machine")
PETS = ("ant", "bee", "cat", "dog")
Images = NDArray[np.uint8]


def noise(count: int, *shape: int, seed: int = 0) -> Images:
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8)


def write_images(folder: Path, count: int = 3, shape: tuple[int, ...] = (20, 14, 3), seed: int = 0) -> Path:
    """Write images of noise into a folder for each class."""
    for number, name in enumerate(PETS):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for place, levels in enumerate(noise(count, *shape, seed=seed + number)):
            Image.fromarray(levels).save(folder / name / f"{place}.png")
    return folder


def read_both(path: Path) -> Dataset:
    """Read a dataset, after checking that its facts say the same."""
    facts, dataset = facts_of(str(path)), load(str(path))
    assert (dataset.image_shape, dataset.class_names) == (facts.image, facts.class_names)
    assert (dataset.validation_labels is not None, dataset.notes) == (facts.has_validation, facts.notes)
    for split in ("train", "test"):
        images, labels = getattr(dataset, f"{split}_images"), getattr(dataset, f"{split}_labels")
        assert len(images) == len(labels)
        assert not images.flags.writeable
        assert labels.max() < len(dataset.class_names)
    return dataset


def refused(path: Path) -> str:
    """Return the one sentence with which a dataset is refused."""
    for read in (facts_of, load):
        with pytest.raises(DataError) as caught:
            read(str(path))
    assert "\n" not in str(caught.value)
    return str(caught.value)


# npz archives


@pytest.mark.parametrize(
    "keys",
    [
        ("x_train", "y_train", "x_test", "y_test"),
        ("X_train", "Y_train", "X_test", "Y_test"),
        ("train_images", "train_labels", "test_images", "test_labels"),
        ("trainX", "trainY", "testX", "testY"),
    ],
)
def test_an_archive_is_read_by_the_usual_names_of_its_arrays(tmp_path: Path, keys: tuple[str, ...]) -> None:
    arrays: tuple[Any, ...] = (noise(6, 9, 9), np.arange(6) % 3, noise(3, 9, 9, seed=1), np.arange(3))
    np.savez(tmp_path / "any name.npz", **dict(zip(keys, arrays, strict=True)))
    for path in (tmp_path, tmp_path / "any name.npz"):
        dataset = read_both(path)
        np.testing.assert_array_equal(dataset.test_images, arrays[2])
        np.testing.assert_array_equal(dataset.train_labels, arrays[1])


def test_an_archive_without_a_test_set_is_split_always_alike(tmp_path: Path) -> None:
    images, labels = noise(50, 8, 8), np.arange(50) % 5
    np.savez(tmp_path / "digits.npz", X=images, y=labels)
    dataset = read_both(tmp_path)
    assert dataset.notes == (NO_TEST,)
    assert np.bincount(dataset.test_labels).tolist() == [2] * 5
    train, test = fixed_test_split(labels)
    np.testing.assert_array_equal(dataset.test_images, images[test])
    np.testing.assert_array_equal(np.sort(np.concatenate([train, test])), np.arange(50))
    location = find(str(tmp_path))
    assert location is not None
    np.testing.assert_array_equal(read_parts(location, ("test_labels",))[0].values, dataset.test_labels)


def test_a_class_of_one_image_stays_a_training_image() -> None:
    train, test = fixed_test_split(np.array([0, 0, 1, 2, 2, 2]))
    assert 2 in train
    assert len(test) == 2


def test_an_archive_with_a_validation_split_has_one(tmp_path: Path) -> None:
    parts: dict[str, Any] = {
        f"{split}_{what}": values
        for split, n in (("train", 6), ("val", 4), ("test", 3))
        for what, values in (("images", noise(n, 9, 9)), ("labels", np.arange(n) % 3))
    }
    np.savez(tmp_path / "own.npz", **parts)
    dataset = read_both(tmp_path)
    assert dataset.validation_images is not None
    assert len(dataset.validation_images) == 4


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"x_train": noise(4, 9, 9)}, "has no train labels"),
        ({"weights": noise(4, 9, 9)}, "has no training images"),
        ({"X": noise(4, 9, 9).astype(np.float32), "y": np.arange(4)}, "float32 values; uint8 are needed"),
        ({"X": noise(4, 9, 9), "y": np.linspace(0, 1, 4)}, "whole numbers are needed"),
        ({"X": noise(4, 9, 9), "y": np.eye(4, dtype=int)}, "one class for each image is needed"),
        ({"X": noise(4, 99, 99), "y": np.arange(4)}, "edges of 4 to 64 pixels work, and `mnist-tui data import"),
    ],
)
def test_an_archive_of_something_else_is_refused(tmp_path: Path, arrays: dict[str, Any], sentence: str) -> None:
    np.savez(tmp_path / "own.npz", **arrays)
    with pytest.raises(DataError, match=sentence):
        load(str(tmp_path))


def test_several_archives_are_not_guessed_at(tmp_path: Path) -> None:
    for name in ("a", "b"):
        np.savez(tmp_path / f"{name}.npz", X=noise(4, 9, 9), y=np.arange(4))
    assert f"name one of them: --dataset {tmp_path / 'a.npz'}" in refused(tmp_path)


# tables


def write_table(file: Path, images: Images, labels: Any, *, names: bool = True, last: bool = False) -> None:
    pixels = images.reshape(len(images), -1)
    columns = np.column_stack([pixels, labels] if last else [labels, pixels])
    heads = [f"pixel{place}" for place in range(pixels.shape[1])]
    heads = [*heads, "label"] if last else ["label", *heads]
    rows = [",".join(map(str, row)) for row in columns.tolist()]
    file.write_text("\n".join([",".join(heads), *rows] if names else rows) + "\n")


@pytest.mark.parametrize("form", ["names", "no names", "label last", "colour"])
def test_a_table_with_a_label_and_the_pixels_in_each_row_is_read(tmp_path: Path, form: str) -> None:
    shape = (8, 8, 3) if form == "colour" else (8, 8)
    images, labels = noise(12, *shape), np.arange(12) % 3
    write_table(tmp_path / "small_train.csv", images, labels, names=form != "no names", last=form == "label last")
    write_table(
        tmp_path / "small_test.csv", images[:3], labels[:3], names=form != "no names", last=form == "label last"
    )
    dataset = read_both(tmp_path)
    np.testing.assert_array_equal(dataset.train_images, images)
    np.testing.assert_array_equal(dataset.test_labels, labels[:3])


def test_a_table_without_labels_as_kaggles_test_set_is_not_used_and_it_is_said(tmp_path: Path) -> None:
    write_table(tmp_path / "train.csv", noise(20, 8, 8), np.arange(20) % 2)
    (tmp_path / "test.csv").write_text(",".join(f"pixel{place}" for place in range(64)) + "\n" + "0," * 63 + "0\n")
    (tmp_path / "sample_submission.csv").write_text("ImageId,Label\n1,0\n")
    dataset = read_both(tmp_path)
    assert dataset.notes == ("test.csv has no labels and is not used.", NO_TEST)
    assert (len(dataset.train_labels), len(dataset.test_labels)) == (16, 4)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is empty"),
        ("label,pixel0\n", "images of 1×1 pixels"),
        ("0,1,2\n1,2,3\n", "has 3 columns; a label and the pixels of a square image are needed"),
        ("cat," + "0," * 63 + "0\ndog," + "0," * 63 + "0\n", "has the label 'dog'; labels are whole numbers"),
        ("0," + "0," * 63 + "256\n1," + "0," * 63 + "0\n", "whole numbers from 0 to 255"),
        ("0," + "0," * 63 + "0\n1,2\n", "has 2 columns in line 2, but 65 in its first line"),
        ("label," + "p," * 63 + "p\n" + ("0," * 64 + "0\n") * 3 + "\n1,2\n", "has 2 columns in line 6, but 65"),
        (("0," * 64 + "0\n") * 2 + "1," + "0," * 63 + "x\n", "has 'x' in line 3; labels and pixels are whole numbers"),
    ],
)
def test_a_table_of_something_else_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "train.csv").write_text(text)
    with pytest.raises(DataError, match=sentence):
        load(str(tmp_path))


def test_the_first_row_of_a_table_counts_whatever_the_form_of_its_numbers(tmp_path: Path) -> None:
    np.savetxt(tmp_path / "train.csv", np.column_stack([np.arange(20) % 2, noise(20, 64)]), delimiter=",")
    dataset = read_both(tmp_path)
    assert len(dataset.train_images) + len(dataset.test_images) == 20


@pytest.mark.parametrize("start", ["\ufeff", ",".join(map(str, range(65))) + "\n"], ids=["BOM", "numbers of columns"])
def test_what_other_programs_write_before_the_first_row_is_no_image(tmp_path: Path, start: str) -> None:
    rows = (f"{place % 2}," + ",".join(["7"] * 64) for place in range(20))
    (tmp_path / "train.csv").write_text(start + "\n".join(rows), encoding="utf-8")
    dataset = read_both(tmp_path)
    assert len(dataset.train_images) + len(dataset.test_images) == 20


def test_a_label_that_float32_cannot_hold_is_refused(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("\n".join(f"{label}," + ",".join(["7"] * 64) for label in (0, 2**24 + 1)))
    assert "labels are whole numbers, 16,777,216 at most" in refused(tmp_path)


def test_one_image_of_each_class_is_too_few_for_a_test_set(tmp_path: Path) -> None:
    np.savez(tmp_path / "own.npz", X=noise(4, 9, 9), y=np.arange(4))
    with pytest.raises(DataError, match="no class has two images"):
        load(str(tmp_path))


def test_a_class_whose_images_are_all_duplicates_is_left_out_and_it_is_said(tmp_path: Path) -> None:
    source = write_images(tmp_path / "pets", 5, (20, 14))
    for file in (source / "dog").iterdir():
        file.write_bytes((source / "ant" / file.name).read_bytes())
    made = convert(source, tmp_path / "made", ImageForm())
    assert made.class_names == PETS[:3]
    assert "No training image of the class dog is left: left out." in made.notes


def test_a_row_that_ends_before_its_label_is_refused(tmp_path: Path) -> None:
    names = ["a", "label", *map(str, range(63))]
    (tmp_path / "train.csv").write_text("\n".join([",".join(names), ",".join("1" * 65), "1"]))
    assert "a row without a label: it has 1 column" in refused(tmp_path)


def test_labels_that_are_billions_apart_are_mapped(tmp_path: Path) -> None:
    np.savez(tmp_path / "own.npz", X=noise(4, 9, 9), y=np.array([0, 10**15] * 2))
    dataset = read_both(tmp_path)
    assert dataset.notes[0] == "The labels have gaps. The 2 labels that occur are the 2 classes."
    assert dataset.class_names == ("0", "1000000000000000")


def test_names_are_not_given_to_labels_below_the_first_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "own.npz", X=noise(4, 9, 9), y=np.array([-1, 1] * 2))
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    assert read_both(tmp_path).class_names == ("cat", "dog")
    np.savez(tmp_path / "own.npz", X=noise(4, 9, 9), y=np.array([-1, 2] * 2))
    (tmp_path / "classes.txt").write_text("ant\ncat\ndog\n")
    assert "give one name for each" in refused(tmp_path)


# folders of images


@pytest.mark.parametrize("shape", [(20, 14, 3), (20, 14), (5, 64)])
def test_class_folders_are_classes_and_their_images_are_split(tmp_path: Path, shape: tuple[int, ...]) -> None:
    dataset = read_both(write_images(tmp_path / "pets", 5, shape))
    assert dataset.class_names == PETS
    assert dataset.image_shape == (*shape, 1)[:3]
    assert dataset.notes == (NO_TEST,)
    assert np.bincount(dataset.test_labels).tolist() == [1] * 4
    assert (dataset.name, dataset.source) == ("pets", str(tmp_path / "pets"))


def test_train_test_and_validation_folders_are_the_splits(tmp_path: Path) -> None:
    for seed, split in enumerate(("train", "test", "val")):
        write_images(tmp_path / split, 2 + seed, seed=10 * seed)
    dataset = read_both(tmp_path)
    assert (len(dataset.train_labels), len(dataset.test_labels)) == (8, 12)
    assert dataset.validation_labels is not None
    assert len(dataset.validation_labels) == 16
    with Image.open(tmp_path / "test" / "bee" / "1.png") as image:
        np.testing.assert_array_equal(dataset.test_images[4], np.asarray(image))


def test_folders_named_by_numbers_are_in_their_order(tmp_path: Path) -> None:
    write_images(tmp_path)
    for old, new in zip(PETS, ("10", "9", "1", "2"), strict=True):
        (tmp_path / old).rename(tmp_path / new)
    assert read_both(tmp_path).class_names == ("1", "2", "9", "10")


def make_one_class(folder: Path) -> str:
    write_images(folder)
    for name in PETS[1:]:
        (folder / name).rename(folder.parent / name)
    return "has only the class ant; 2 to 100 classes work"


def make_another_size(folder: Path) -> str:
    write_images(folder)
    Image.fromarray(noise(1, 20, 15, 3)[0]).save(folder / "cat" / "wide.png")
    return r"wide.png is 20×15×3 but .*0.png is 20×14×3 .*`mnist-tui data import DIR --size 28`"


def make_grey_among_colours(folder: Path) -> str:
    write_images(folder)
    Image.fromarray(noise(1, 20, 14)[0]).save(folder / "cat" / "grey.png")
    return r"grey.png is 20×14×1 but .* is 20×14×3"


def make_too_large(folder: Path) -> str:
    write_images(folder, shape=(80, 80))
    return r"images of 80×80 pixels; edges of 4 to 64 pixels work, and `mnist-tui data import"


def make_unreadable(folder: Path) -> str:
    write_images(folder)
    (folder / "bee" / "zz.png").write_bytes(b"not an image")
    return r"zz.png is not an image that can be read; PNG, JPEG"


def make_link(folder: Path) -> str:
    write_images(folder)
    (folder / "bee" / "zz.png").symlink_to(folder / "bee" / "0.png")
    return r"zz.png is a symbolic link, which is not followed"


def make_linked_folder(folder: Path) -> str:
    write_images(folder)
    (folder / "emu").symlink_to(folder / "bee")
    return r"emu is a symbolic link, which is not followed"


def make_unknown_test_class(folder: Path) -> str:
    write_images(folder / "train")
    write_images(folder / "test")
    (folder / "test" / "dog").rename(folder / "test" / "emu")
    return "no training image has the class emu of the test set"


def make_test_alone(folder: Path) -> str:
    write_images(folder / "test")
    return "has the folder test but no folder train"


def make_other_names(folder: Path) -> str:
    write_images(folder)
    (folder / "classes.txt").write_text("ant\nbee\ncat\nemu\n")
    return "class folders named ant, bee, cat and dog, but its file of class names says ant, bee, cat and emu"


def make_empty(folder: Path) -> str:
    folder.mkdir()
    return "holds no dataset; it needs train-images-idx3-ubyte"


@pytest.mark.parametrize(
    "make",
    [
        make_one_class,
        make_another_size,
        make_grey_among_colours,
        make_too_large,
        make_unreadable,
        make_link,
        make_linked_folder,
        make_unknown_test_class,
        make_test_alone,
        make_other_names,
        make_empty,
    ],
)
def test_a_folder_that_cannot_be_used_gets_one_sentence(tmp_path: Path, make: Callable[[Path], str]) -> None:
    sentence = make(tmp_path / "own")
    with pytest.raises(DataError, match=sentence) as caught:
        load(str(tmp_path / "own"))
    assert "\n" not in str(caught.value)


def test_emnists_files_in_a_folder_of_ones_own_are_named(tmp_path: Path) -> None:
    (tmp_path / "emnist-letters-train-images-idx3-ubyte.gz").touch()
    assert "--dataset emnist-letters --data-dir" in refused(tmp_path)


# bringing images to one size


def test_images_of_any_size_become_a_dataset_of_idx_files(tmp_path: Path) -> None:
    source = write_images(tmp_path / "pets", 5, (90, 70, 3))
    Image.fromarray(noise(1, 30, 100, 3, seed=99)[0]).save(source / "ant" / "wide.png")
    made = convert(source, tmp_path / "new", ImageForm(size=(28, 28)))
    assert (made.image, made.class_names, made.notes) == ((28, 28, 3), PETS, (NO_TEST,))
    dataset = read_both(tmp_path / "new")
    assert dataset.image_shape == (28, 28, 3)
    assert {"train": len(dataset.train_labels), "test": len(dataset.test_labels)} == made.counts
    assert sum(made.counts.values()) == 21
    assert {file.name for file in (tmp_path / "new").iterdir()} == {
        "classes.txt",
        "train-images-idx4-ubyte.gz",
        "train-labels-idx1-ubyte.gz",
        "t10k-images-idx4-ubyte.gz",
        "t10k-labels-idx1-ubyte.gz",
    }


@pytest.mark.parametrize(
    ("settings", "shape", "expected"),
    [
        (ImageForm(), (20, 14, 3), lambda image: image),
        (ImageForm(invert=True), (20, 14, 3), lambda image: 255 - image),
        (ImageForm(channels=3), (20, 14), lambda image: np.repeat(image[..., np.newaxis], 3, axis=2)),
        (ImageForm(channels=1), (20, 14, 3), lambda image: np.asarray(Image.fromarray(image).convert("L"))),
    ],
)
def test_levels_are_kept_inverted_or_mixed_as_asked(
    tmp_path: Path, settings: ImageForm, shape: tuple[int, ...], expected: Callable[[Images], Images]
) -> None:
    write_images(tmp_path / "pets" / "train", 2, shape)
    write_images(tmp_path / "pets" / "test", 1, shape, seed=50)
    convert(tmp_path / "pets", tmp_path / "new", settings)
    with Image.open(tmp_path / "pets" / "train" / "ant" / "1.png") as image:
        np.testing.assert_array_equal(load(str(tmp_path / "new")).train_images[1], expected(np.asarray(image)))


def test_duplicates_and_unreadable_files_are_left_out_and_named(tmp_path: Path) -> None:
    source = write_images(tmp_path / "pets" / "train")
    write_images(tmp_path / "pets" / "test", seed=50)
    (tmp_path / "pets" / "test" / "dog" / "copy.png").write_bytes((source / "ant" / "0.png").read_bytes())
    (source / "bee" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (source / "bee" / "link.png").symlink_to(source / "bee" / "0.png")
    made = convert(tmp_path / "pets", tmp_path / "new", ImageForm())
    assert made.duplicates == (("test/dog/copy.png", "train/ant/0.png"),)
    assert ["broken.png" in made.unreadable[0], "symbolic link" in made.unreadable[1]] == [True, True]
    assert made.counts == {"train": 12, "test": 12}


def test_archives_and_tables_are_brought_to_size_too(tmp_path: Path) -> None:
    np.savez(tmp_path / "large.npz", X=noise(20, 128, 128), y=1 + np.arange(20) % 2)
    made = convert(tmp_path / "large.npz", tmp_path / "new", ImageForm(size=(32, 24)))
    assert made.image == (32, 24, 1)
    assert read_both(tmp_path / "new").class_names == ("1", "2")


def test_a_class_that_loses_all_its_images_is_left_out(tmp_path: Path) -> None:
    source = write_images(tmp_path / "pets")
    for file in (source / "cat").iterdir():
        file.write_bytes(b"")
    made = convert(source, tmp_path / "new", ImageForm())
    assert made.class_names == ("ant", "bee", "dog")
    assert len(made.unreadable) == 3


def test_nothing_is_written_where_nothing_can_be_read(tmp_path: Path) -> None:
    source = write_images(tmp_path / "pets")
    for file in source.rglob("*.png"):
        file.write_bytes(b"")
    with pytest.raises(DataError, match=r"none of the 12 images in .* can be read"):
        convert(source, tmp_path / "new", ImageForm())
    assert not (tmp_path / "new").exists()


def test_one_image_is_no_dataset_and_the_folder_to_give_is_said(tmp_path: Path) -> None:
    image = next((write_images(tmp_path / "pets") / "ant").iterdir())
    with pytest.raises(DataError, match="is one image file; give the folder that holds the class folders"):
        load(str(image))


def test_a_size_and_a_colour_that_nobody_chose_are_said(tmp_path: Path) -> None:
    source = write_images(tmp_path / "pets")
    Image.fromarray(noise(1, 30, 15)[0]).save(source / "cat" / "wide.png")
    made = convert(source, tmp_path / "new", ImageForm())
    assert made.image == (28, 28, 1)
    assert made.notes[:2] == (
        "The images are of several sizes: all are brought to 28 × 28 pixels; --size chooses another size.",
        "Some images are grey, and some are in colour: all become grey; --rgb makes all of them colour.",
    )
    chosen = convert(source, tmp_path / "chosen", ImageForm((20, 20), 3))
    assert chosen.image == (20, 20, 3)
    assert chosen.notes == (NO_TEST,)
