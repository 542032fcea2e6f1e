"""Finding and reading datasets: the search order, and what a folder must not hold."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnist_tui.data import catalogue, datasets
from mnist_tui.data.catalogue import find
from mnist_tui.data.datasets import load
from mnist_tui.data.errors import DataError, DataProgress, MissingDataError
from mnist_tui.data.facts import facts_of
from mnist_tui.data.known import FILE_NAMES, KNOWN, PARTS
from mnist_tui.data.reading import Dataset

from .conftest import Arrays, WriteIdx

WriteNpz = Callable[[Path, Arrays], Path]
TRAIN_IMAGES = f"{FILE_NAMES['train_images']}.gz"
pytestmark = pytest.mark.usefixtures("bare_machine")


def assert_holds(dataset: Dataset, arrays: Arrays) -> None:
    for part in PARTS:
        np.testing.assert_array_equal(getattr(dataset, part), arrays[part])


@pytest.mark.parametrize("packed", [True, False])
def test_a_folder_named_after_the_dataset_is_read(
    tmp_path: Path, as_mnist: Arrays, write_idx: WriteIdx, packed: bool
) -> None:
    write_idx(tmp_path / "mnist", as_mnist, packed=packed)
    dataset = load("mnist", tmp_path)
    assert_holds(dataset, as_mnist)
    assert (dataset.name, dataset.title, dataset.sample, dataset.verified) == ("mnist", "MNIST", False, True)
    assert dataset.source == str(tmp_path / "mnist")
    assert dataset.class_names == tuple("0123456789")
    assert dict(dataset.sha256) == dict(KNOWN["mnist"].sha256)


@pytest.mark.parametrize("place", ["mnist.npz", "mnist/mnist.npz"])
def test_an_archive_has_the_same_arrays_and_checksums_as_idx_files(
    tmp_path: Path, as_mnist: Arrays, write_npz: WriteNpz, write_idx: WriteIdx, place: str
) -> None:
    archive = write_npz(tmp_path / "archive" / place, as_mnist)
    dataset = load("mnist", tmp_path / "archive")
    write_idx(tmp_path / "files" / "mnist", as_mnist)
    assert_holds(dataset, as_mnist)
    assert dataset.sha256 == load("mnist", tmp_path / "files").sha256
    assert dataset.source == str(archive)


def test_the_four_files_right_in_the_data_folder_are_accepted(
    tmp_path: Path, as_mnist: Arrays, write_idx: WriteIdx
) -> None:
    folder = write_idx(tmp_path / "anything", as_mnist)
    assert load("mnist", folder).source == str(folder)


def test_files_with_a_dot_in_their_names_are_found(tmp_path: Path, as_mnist: Arrays, write_idx: WriteIdx) -> None:
    folder = write_idx(tmp_path / "mnist", as_mnist, packed=False)
    for name in FILE_NAMES.values():
        (folder / name).rename(folder / name.replace("-idx", ".idx"))
    assert_holds(load("mnist", tmp_path), as_mnist)


def test_the_argument_beats_the_variable_which_beats_the_keras_cache_which_beats_the_own_cache(
    tmp_path: Path, bare_machine: Path, as_mnist: Arrays, write_idx: WriteIdx, monkeypatch: pytest.MonkeyPatch
) -> None:
    argument, variable = tmp_path / "argument", tmp_path / "variable"
    write_idx(argument / "mnist", as_mnist)
    write_idx(variable / "mnist", as_mnist)
    keras = write_idx(bare_machine / ".keras" / "datasets" / "mnist", as_mnist)
    own = write_idx(catalogue.download_cache() / "mnist", as_mnist)
    monkeypatch.setenv("MNIST_TUI_DATA", str(variable))

    assert load("mnist", argument).source == str(argument / "mnist")
    assert load("mnist").source == str(variable / "mnist")
    monkeypatch.delenv("MNIST_TUI_DATA")
    assert load("mnist").source == str(keras)
    shutil.rmtree(keras)
    assert load("mnist").source == str(own)


def test_files_absent_from_the_data_folder_are_looked_for_further_on(
    tmp_path: Path, as_mnist: Arrays, write_idx: WriteIdx
) -> None:
    (tmp_path / "mnist").mkdir()
    own = write_idx(catalogue.download_cache() / "mnist", as_mnist)
    assert load("mnist", tmp_path).source == str(own)


def test_keras_home_moves_the_keras_cache(
    tmp_path: Path, as_mnist: Arrays, write_npz: WriteNpz, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    archive = write_npz(tmp_path / "keras" / "datasets" / "mnist.npz", as_mnist)
    assert load("mnist").source == str(archive)


@pytest.mark.parametrize("damage", ["torn", "incomplete", "another dataset"])
def test_damage_in_a_cache_is_passed_over(
    bare_machine: Path, as_mnist: Arrays, write_idx: WriteIdx, damage: str
) -> None:
    cached = as_mnist if damage != "another dataset" else {**as_mnist, "test_labels": as_mnist["test_labels"][::-1]}
    keras = write_idx(bare_machine / ".keras" / "datasets" / "mnist", cached)
    if damage == "torn":
        (keras / TRAIN_IMAGES).write_bytes((keras / TRAIN_IMAGES).read_bytes()[:1000])
    if damage == "incomplete":
        (keras / TRAIN_IMAGES).unlink()
    own = write_idx(catalogue.download_cache() / "mnist", as_mnist)
    assert load("mnist").source == str(own)


def test_finding_reads_nothing_and_says_where(tmp_path: Path, as_mnist: Arrays, write_idx: WriteIdx) -> None:
    assert find("mnist", tmp_path) is None
    folder = write_idx(tmp_path / "mnist", as_mnist)
    for file in folder.iterdir():
        file.write_bytes(b"never read")
    location = find("mnist", tmp_path)
    assert location is not None
    assert (location.kind, location.place, location.folder, location.missing) == ("idx", "data folder", folder, ())


def test_fashion_files_under_the_name_of_mnist_are_named_for_what_they_are(
    tmp_path: Path, as_mnist: Arrays, write_idx: WriteIdx, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        KNOWN,
        "fashion-mnist",
        KNOWN["mnist"].__class__(  # type: ignore[arg-type]
            name="fashion-mnist",
            title="Fashion-MNIST",
            class_names=tuple("0123456789"),
            sha256=KNOWN["mnist"].sha256,
            packed_bytes={},
            mirrors=(),
        ),
    )
    other = dict.fromkeys(PARTS, "0" * 64)
    monkeypatch.setitem(
        KNOWN,
        "mnist",
        KNOWN["mnist"].__class__(  # type: ignore[arg-type]
            name="mnist", title="MNIST", class_names=tuple("0123456789"), sha256=other, packed_bytes={}, mirrors=()
        ),
    )
    folder = write_idx(tmp_path / "mnist", as_mnist)
    with pytest.raises(DataError, match=f"{folder / TRAIN_IMAGES} is Fashion-MNIST's training images, not MNIST's"):
        load("mnist", tmp_path)


def test_test_files_under_the_names_of_training_files_are_named(
    tmp_path: Path, as_mnist: Arrays, write_idx: WriteIdx
) -> None:
    mixed = {part: as_mnist[part.replace("train", "test")] for part in PARTS}  # type: ignore[index]
    write_idx(tmp_path / "mnist", mixed)
    with pytest.raises(DataError, match="is MNIST's test images, not MNIST's training images; put the right file"):
        load("mnist", tmp_path)


def test_images_that_are_not_the_published_ones_are_refused_under_a_known_name(
    tmp_path: Path, as_mnist: Arrays, write_idx: WriteIdx
) -> None:
    changed = {**as_mnist, "train_images": 255 - as_mnist["train_images"]}
    write_idx(tmp_path / "mnist", changed)
    with pytest.raises(DataError, match=r"is not MNIST's training images: its SHA-256 is .* --dataset FOLDER"):
        load("mnist", tmp_path)


def test_a_torn_file_in_the_data_folder_is_an_error_though_a_cache_has_it_whole(
    tmp_path: Path, as_mnist: Arrays, write_idx: WriteIdx
) -> None:
    write_idx(catalogue.download_cache() / "mnist", as_mnist)
    file = write_idx(tmp_path / "mnist", as_mnist) / TRAIN_IMAGES
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(DataError, match=f"{file} is cut off"):
        load("mnist", tmp_path)


def test_labels_that_do_not_match_their_images_in_number_are_counted(
    tmp_path: Path, as_mnist: Arrays, write_idx: WriteIdx
) -> None:
    write_idx(tmp_path / "mnist", {**as_mnist, "train_labels": as_mnist["train_labels"][:-1]})
    with pytest.raises(DataError, match=r"30 images but .* 29 labels"):
        load("mnist", tmp_path)


def test_missing_files_are_named(tmp_path: Path, as_mnist: Arrays, write_idx: WriteIdx) -> None:
    folder = write_idx(tmp_path / "mnist", as_mnist)
    (folder / TRAIN_IMAGES).unlink()
    location = find("mnist", tmp_path)
    assert location is not None
    assert location.missing == (FILE_NAMES["train_images"],)
    with pytest.raises(DataError, match="but not train-images-idx3-ubyte; all four files are needed"):
        load("mnist", tmp_path)


def test_a_data_folder_that_is_none_is_an_error_as_argument_and_an_empty_one_as_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    for wrong in (tmp_path / "absent", tmp_path / "file"):
        with pytest.raises(DataError, match="is not a folder"):
            find("mnist", wrong)
        monkeypatch.setenv("MNIST_TUI_DATA", str(wrong))
        assert find("mnist") is None
        assert str(wrong) in datasets.missing_message("mnist")


def test_an_unknown_name_offers_the_nearest() -> None:
    with pytest.raises(DataError, match="did you mean fashion-mnist"):
        load("fashon_mnist")
    with pytest.raises(
        DataError, match="`mnist-tui data status` lists the datasets, and a folder of your own images works"
    ):
        load("")


def test_what_is_nowhere_says_how_to_bring_it(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError) as caught:
        load("fashion-mnist", tmp_path, download=False)
    message = str(caught.value)
    for word in ("Fashion-MNIST", f"into {tmp_path / 'fashion-mnist'}", *FILE_NAMES.values(), "digits"):
        assert word in message
    assert "\n" not in message
    with pytest.raises(MissingDataError, match="into a folder named fashion-mnist and name the folder above it"):
        load("fashion-mnist", download=False)


def test_a_folder_of_idx_files_is_a_dataset_with_its_own_class_names(
    tmp_path: Path, arrays: Arrays, write_idx: WriteIdx
) -> None:
    folder = write_idx(tmp_path / "letters", arrays)
    names = [f"letter {letter}" for letter in "ABCDEFGHIJ"]
    (folder / "classes.txt").write_text("\n".join(names) + "\n", encoding="utf-8-sig")  # as Notepad does
    dataset = load(str(folder))
    assert_holds(dataset, arrays)
    assert (dataset.name, dataset.title, dataset.verified) == ("letters", "letters", False)
    assert dataset.class_names == tuple(names)


def test_a_folder_with_published_checksums_keeps_its_name_and_gets_the_known_title(
    tmp_path: Path, as_mnist: Arrays, write_idx: WriteIdx
) -> None:
    dataset = load(str(write_idx(tmp_path / "backup", as_mnist)))
    assert (dataset.name, dataset.title, dataset.verified) == ("backup", "MNIST", True)


def test_other_images_in_a_folder_called_mnist_are_not_called_mnist(
    tmp_path: Path, arrays: Arrays, write_idx: WriteIdx
) -> None:
    dataset = load(str(write_idx(tmp_path / "MNIST", arrays)))
    assert (dataset.title, dataset.class_names) == ("MNIST (own images)", tuple("0123456789"))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("one\ntwo\n", r"has 2 class names but 10 different labels .* one a line"),
        ("a\n" * 10, r"classes\.txt has 1 different class names in 10 lines"),
        ("a b c d e f g h i j", "has 1 class name but 10 different labels"),
        ("", r"classes\.txt has 0 different class names"),
        ("\n".join("abcdefghijk"), "has 11 class names but 10 different labels"),
    ],
)
def test_each_class_needs_a_name_of_its_own(
    tmp_path: Path, arrays: Arrays, write_idx: WriteIdx, text: str, sentence: str
) -> None:
    folder = write_idx(tmp_path / "letters", arrays)
    (folder / "classes.txt").write_text(text)
    for read in (load, facts_of):
        with pytest.raises(DataError, match=sentence):
            read(str(folder))


def test_an_empty_folder_is_no_dataset(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no dataset; it needs train-images-idx3-ubyte"):
        load(str(tmp_path))


def test_the_sample_is_scikit_learns_digits_brought_to_28_by_28() -> None:
    from sklearn.datasets import load_digits

    dataset = load("digits", download=False)
    assert dataset.sample
    assert not dataset.verified
    assert "MNIST" not in dataset.title
    assert dataset.train_images.shape == (1437, 28, 28)
    assert dataset.test_images.shape == (360, 28, 28)
    assert dataset.train_images.max() == 255
    assert not dataset.train_images[:, :4].any()
    labels = np.concatenate([dataset.train_labels, dataset.test_labels])
    np.testing.assert_array_equal(np.bincount(labels), np.bincount(load_digits(return_X_y=True)[1]))
    shares = np.bincount(dataset.test_labels) / np.bincount(labels)
    assert np.all(np.abs(shares - 0.2) < 0.005)


def test_the_sample_is_the_same_on_every_machine() -> None:
    assert dict(load("digits").sha256) == {
        "train_images": "ee49c6692b366fada2b5e9f7e18a8195e15403ff2c6de8ccfce1f134ee1e0007",
        "train_labels": "9059998c8b2d7394f886f9e7bd50fe99e7c981b970b5a51562583acebdcbeb55",
        "test_images": "873ace6c4153638829241904b80e7b4b912dff31250e81c81bf7df5ecf297e84",
        "test_labels": "49c09714be0e34e386f5f252d828ba4bb7f4e42bd3728bbcc57c8a82432bd2be",
    }


def test_enlarged_digits_look_like_scikit_image_enlarged_them() -> None:
    from skimage.transform import resize
    from sklearn.datasets import load_digits

    from mnist_tui.data.reading import _enlarge

    bundled: Any = load_digits()
    small = bundled.images[:20]
    expected = np.stack([np.asarray(resize(image, (20, 20), order=1, mode="edge")) for image in small]) * 255 / 16
    enlarged = _enlarge(small.astype(np.int64))[:, 4:24, 4:24]
    assert np.abs(enlarged - expected).max() <= 0.51


def test_progress_rises_to_the_size_of_the_files_and_ends_in_verifying(
    tmp_path: Path, as_mnist: Arrays, write_idx: WriteIdx
) -> None:
    folder = write_idx(tmp_path / "mnist", as_mnist)
    seen: list[DataProgress] = []
    load("mnist", tmp_path, on_progress=seen.append)
    size = sum(file.stat().st_size for file in folder.iterdir())
    done = [progress.done for progress in seen]
    assert done == sorted(done)
    assert {progress.total for progress in seen} == {size}
    assert seen[-1] == DataProgress("verifying", size, size, "verifying MNIST")


def test_status_tells_verified_damaged_missing_and_bundled(
    tmp_path: Path, as_mnist: Arrays, write_idx: WriteIdx
) -> None:
    folder = write_idx(tmp_path / "mnist", as_mnist)
    mnist, fashion, *_, digits = datasets.status(tmp_path)
    assert (mnist.state, mnist.problem) == ("verified", "")
    assert mnist.size == sum(file.stat().st_size for file in folder.iterdir())
    assert (fashion.state, fashion.location) == ("missing", None)
    assert digits.state == "bundled"

    (folder / TRAIN_IMAGES).write_bytes(b"<html>")
    assert datasets.status(tmp_path, verify=False)[0].state == "found"
    damaged = datasets.status(tmp_path)[0]
    assert damaged.state == "damaged"
    assert "web page" in damaged.problem


@pytest.mark.parametrize("layout", ["named sub-folder", "direct", "plain", "archive"])
def test_an_imported_dataset_is_found_without_its_folder(
    tmp_path: Path, as_mnist: Arrays, write_idx: WriteIdx, write_npz: WriteNpz, layout: str
) -> None:
    source = tmp_path / "usb"
    match layout:
        case "named sub-folder":
            write_idx(source / "mnist", as_mnist)
        case "direct" | "plain":
            write_idx(source, as_mnist, packed=layout == "direct")
        case _:
            write_npz(source / "mnist.npz", as_mnist)
    (location,) = datasets.import_folder(source)
    shutil.rmtree(source)
    assert location == find("mnist")
    assert_holds(load("mnist", download=False), as_mnist)


def test_importing_over_a_damaged_cache_mends_it(tmp_path: Path, as_mnist: Arrays, write_idx: WriteIdx) -> None:
    cached = write_idx(catalogue.download_cache() / "mnist", as_mnist)
    (cached / TRAIN_IMAGES).write_bytes(b"torn")
    datasets.import_folder(write_idx(tmp_path / "usb", as_mnist, packed=False))
    assert_holds(load("mnist", download=False), as_mnist)


def test_a_folder_without_a_known_dataset_gives_nothing_to_copy(
    tmp_path: Path, arrays: Arrays, write_idx: WriteIdx
) -> None:
    assert datasets.import_folder(tmp_path) == ()
    assert datasets.import_folder(write_idx(tmp_path / "letters", arrays)) == ()
    with pytest.raises(DataError, match="is not a folder"):
        datasets.import_folder(tmp_path / "absent")
    assert find("mnist") is None


def test_clearing_removes_the_own_cache_alone(
    bare_machine: Path, tmp_path: Path, as_mnist: Arrays, write_idx: WriteIdx, write_npz: WriteNpz
) -> None:
    datasets.import_folder(write_idx(tmp_path / "usb", as_mnist))
    keras = write_npz(bare_machine / ".keras" / "datasets" / "mnist.npz", as_mnist)
    size = sum(file.stat().st_size for file in (catalogue.download_cache() / "mnist").iterdir())
    assert datasets.clear_cache() == size
    assert datasets.clear_cache() == 0
    assert load("mnist").source == str(keras)


def test_the_real_mnist_and_fashion_mnist_are_verified(real_data: Path) -> None:
    for name in ("mnist", "fashion-mnist"):
        dataset = load(name, real_data)
        assert dataset.verified
        assert dataset.train_images.shape == (60_000, 28, 28)
        assert dataset.test_images.shape == (10_000, 28, 28)
        assert np.bincount(dataset.test_labels, minlength=10).sum() == 10_000
    assert dataset.class_names[9] == "Ankle boot"


def test_the_real_mnist_as_archive_equals_its_idx_files(real_data: Path, tmp_path: Path, write_npz: WriteNpz) -> None:
    files = load("mnist", real_data)
    write_npz(tmp_path / "mnist.npz", {part: getattr(files, part) for part in PARTS})
    archive = load("mnist", tmp_path)
    assert archive.verified
    assert archive.sha256 == files.sha256
    assert_holds(archive, {part: getattr(files, part) for part in PARTS})


def test_the_real_fashion_mnist_under_the_name_of_mnist_is_refused(real_data: Path, tmp_path: Path) -> None:
    (tmp_path / "mnist").symlink_to(real_data / "fashion-mnist")
    with pytest.raises(DataError, match="is Fashion-MNIST's training images, not MNIST's"):
        load("mnist", tmp_path)


def loaded_by(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path.cwd())
    return set(out.stdout.split())


def test_names_and_search_need_no_numpy_and_datasets_nothing_heavy() -> None:
    heavy = {"sklearn", "skimage", "scipy", "tensorflow", "pooch", "requests", "matplotlib"}
    light = loaded_by("from mnist_tui.data import catalogue")
    assert not light & (heavy | {"numpy"})
    assert not loaded_by("from mnist_tui.data import datasets, hog") & heavy
