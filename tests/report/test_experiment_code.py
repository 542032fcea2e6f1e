"""The experiment as a program with plain Keras: what is in it, and that it reads the data that this program reads."""

import ast
import gzip
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from sklearn.model_selection import StratifiedKFold  # type: ignore[import-untyped]

from mnist_tui.data.datasets import fold_split, load, validation_split
from mnist_tui.data.facts import newly_chosen, resolved
from mnist_tui.data.idx import idx_header
from mnist_tui.data.known import KNOWN, SPLIT_PARTS
from mnist_tui.data.reading import Dataset
from mnist_tui.errors import RequestError
from mnist_tui.experiment.parameters import apply_texts
from mnist_tui.experiment.preset_files import STARTERS, names
from mnist_tui.experiment.presets import find_preset
from mnist_tui.experiment.spec import StartSpec
from mnist_tui.report.experiment_code import code_of_preset, code_of_run
from mnist_tui.report.export import CODE_FORMATS
from mnist_tui.report.keras_data import DataCode, data_code
from mnist_tui.report.keras_program import split_lines
from tests.own_data import write_folder
from tests.report.recorded import recorded_run

SCRIPT, NOTEBOOK = CODE_FORMATS.values()
CLASSES = ("0", "2", "5")
LABELS = np.tile(np.array([0, 2, 5], np.uint8), 5)


def pictures(*shape: int) -> NDArray[np.uint8]:
    return np.random.default_rng(1).integers(0, 256, (len(LABELS), *shape), dtype=np.uint8)


def idx(values: NDArray[np.uint8]) -> bytes:
    return idx_header(values) + values.tobytes()


def as_idx(folder: Path) -> Path:
    write_folder(folder, (9, 8, 1), CLASSES)
    (folder / "train-labels-idx1-ubyte").write_bytes(idx(np.tile(LABELS, 3)[:36]))
    (folder / "t10k-labels-idx1-ubyte").write_bytes(idx(LABELS[:9]))
    return folder


def as_archive(folder: Path) -> Path:
    np.savez(folder / "own.npz", X_train=pictures(8, 9, 3), y_train=LABELS.reshape(-1, 1))
    return folder / "own.npz"


def as_tables(folder: Path) -> Path:
    for name in ("train", "test"):
        rows = np.column_stack([pictures(81), LABELS])
        head = ",".join([*(f"pixel{n}" for n in range(81)), "label"])
        np.savetxt(folder / f"{name}.csv", rows, "%d", ",", header=head, comments="")
    return folder


def as_images(folder: Path) -> Path:
    for number, (pixels, label) in enumerate(zip(pictures(9, 8), LABELS, strict=True)):
        place = folder / "training" / str(label)
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(place / f"{number}.png")
    return folder


def read_by(code: DataCode, folder: Path, class_names: tuple[str, ...]) -> dict[str, Any]:
    """The variables after the lines that read data."""
    known: dict[str, Any] = {"np": np, "CLASSES": list(class_names)}
    exec("\n".join([*code.imports, f"DATA = __import__('pathlib').Path({str(folder)!r})", *code.lines]), known)
    return known


def assert_same(found: dict[str, Any], dataset: Dataset) -> None:
    for part in [part for split in ("train", "test") for part in SPLIT_PARTS[split]]:
        np.testing.assert_array_equal(found[part], getattr(dataset, part))
        assert found[part].dtype == np.uint8


@pytest.mark.parametrize("write", [as_idx, as_archive, as_tables, as_images])
def test_own_data_in_every_form_are_read_as_this_program_reads_them(
    write: Callable[[Path], Path], tmp_path: Path
) -> None:
    folder = tmp_path / 'it\'s "mine"'
    folder.mkdir()
    name = str(write(folder))
    dataset = load(name)
    code = data_code(name, dataset.image_shape, ("train", "test"), {**dataset.sha256})
    assert_same(read_by(code, folder, dataset.class_names), dataset)
    assert code.folder == 'Path("data")'
    assert "mine" not in str(code.lines)


def test_other_data_than_those_of_the_run_are_refused_by_the_program(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "one", (9, 8, 1), CLASSES)
    other = write_folder(tmp_path / "two", (9, 8, 1), CLASSES, seed=1)
    dataset = load(str(folder))
    code = data_code(str(folder), (9, 8, 1), ("train", "test"), {**dataset.sha256})
    with pytest.raises(ValueError, match="these are not the images and labels"):
        read_by(code, other, CLASSES)


def test_the_digits_need_no_files() -> None:
    dataset = load("digits")
    code = data_code("digits", (28, 28, 1), ("train", "test"), {**dataset.sha256})
    assert_same(read_by(code, Path("nowhere"), dataset.class_names), dataset)
    assert not code.folder


@pytest.mark.parametrize("name", ["emnist-letters", "qmnist", "bloodmnist"])
def test_published_files_are_read_upright_and_with_classes_from_0(name: str, tmp_path: Path) -> None:
    known = KNOWN[name]
    images, classes = pictures(*known.image[: 3 if known.image[2] > 1 else 2]), LABELS
    if known.archive.endswith(".npz"):
        arrays = {f"{split}_images": images for split in ("train", "val", "test")}
        labels = {f"{split}_labels": classes.reshape(-1, 1) for split in ("train", "val", "test")}
        np.savez(tmp_path / known.archive, **arrays, **labels)  # pyright: ignore[reportArgumentType]
    for part, file in known.file_names.items() if not known.archive.endswith(".npz") else ():
        content = idx(images.swapaxes(1, 2).copy() if known.transposed else images)
        if part.endswith("labels"):
            content = idx((classes + known.first_label).astype(np.uint8))
        if file.endswith("-int"):
            table = np.zeros((len(classes), 8), ">i4")
            table[:, 0] = classes
            content = bytes((0, 0, 0x0C, 2)) + np.array(table.shape, ">i4").tobytes() + table.tobytes()
        (tmp_path / f"{file}.gz").write_bytes(gzip.compress(content))
    found = read_by(data_code(name, known.image, ("train", "test"), {}), tmp_path, known.class_names)
    for split in ("train", "test"):
        np.testing.assert_array_equal(found[f"{split}_images"], images)
        np.testing.assert_array_equal(found[f"{split}_labels"], classes)


CLASSICS = ("small-resnet", "simard-mlp", "augmented-cnn", "emnist-convnet", "all-convolutional", "efc2-elm")


@pytest.mark.parametrize(
    "presets", [(*STARTERS, *CLASSICS), pytest.param((), marks=pytest.mark.exhaustive)], ids=["some", "all"]
)
def test_a_preset_is_a_program_without_this_one(presets: tuple[str, ...]) -> None:
    for name in presets or names():
        preset = find_preset(name)
        code = code_of_preset(preset, SCRIPT)
        imported = imported_by(code)
        used = {node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)}
        assert "mnist_tui" not in imported
        assert imported & {"gzip", "hashlib", "math", "keras", "argparse"} <= used, name
        assert max(map(len, code.splitlines())) <= 120


def imported_by(code: str) -> set[str]:
    """The names of the packages that a program imports."""
    nodes = [*ast.walk(ast.parse(code))]
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return {
        each.partition(".")[0]
        for each in plain | {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    }


def test_the_notebook_has_a_heading_over_each_cell_of_code() -> None:
    document = json.loads(code_of_preset(find_preset("hog"), NOTEBOOK))
    cells = document["cells"]
    assert (document["nbformat"], document["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in cells}) == len(cells)
    assert [cell["cell_type"] for cell in cells] == ["markdown", "code"] * (len(cells) // 2)
    assert "mnist_tui" not in imported_by("\n".join("".join(cell["source"]) for cell in cells[1::2]))


@pytest.mark.parametrize("validation", ["0.2", "fold:2/5"])
def test_the_images_held_out_are_those_of_this_program(validation: str) -> None:
    of = apply_texts(find_preset("raw").experiment, {"validation": validation, "seed": "7", "limit": "100"})
    labels = np.random.default_rng(2).integers(0, 10, 120).astype(np.uint8)
    found: dict[str, Any] = {"np": np, "StratifiedKFold": StratifiedKFold, "train_images": np.arange(120)}
    exec("\n".join(split_lines(of)), found | {"train_labels": labels}, found)
    if of.dataset.fold is not None:
        rest, held_out = fold_split(labels[:100], 2, 5, seed=7)
        np.testing.assert_array_equal(found["test_images"], held_out)
    else:
        rest, held_out = validation_split(100, 0.2, seed=7)
        np.testing.assert_array_equal(found["validation_images"], held_out)
        np.testing.assert_array_equal(found["validation_labels"], labels[held_out])
    np.testing.assert_array_equal(found["train_images"], rest)
    np.testing.assert_array_equal(found["train_labels"], labels[rest])


def test_names_of_classes_with_blanks_stay_whole() -> None:
    of = apply_texts(find_preset("cnn").experiment, {"dataset": "pathmnist"}, resolve=resolved, choose=newly_chosen)
    tree = ast.parse(code_of_preset(replace(find_preset("cnn"), experiment=of), SCRIPT))
    (classes,) = [
        node for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "CLASSES"
    ]
    assert tuple(ast.literal_eval(classes.value)) == KNOWN["pathmnist"].class_names


def test_a_script_has_nothing_that_its_experiment_does_not_use() -> None:
    plain = code_of_preset(find_preset("raw"), SCRIPT)
    for part in ("validation_images", "callbacks", "class_weight", "to_categorical", "hog", "changes", "math"):
        assert part not in plain
    texts = {
        "schedule": "cosine",
        "validation": "0.1",
        "label-smoothing": "0.1",
        "class-weights": "balanced",
        "shift": "1",
    }
    rich = find_preset("raw")
    rich = replace(rich, experiment=apply_texts(rich.experiment, texts))
    written = code_of_preset(rich, SCRIPT)
    for part in ("validation_images", "callbacks", "class_weight", "to_categorical", "changes", "math"):
        assert part in written
    assert re.findall(r"^# %% (.*)$", written, re.MULTILINE) == [
        "Data",
        "Inputs",
        "Network",
        "Training",
        "Test",
        "Learning curves",
        "Confusion matrix",
    ]


def test_the_program_of_a_run_names_its_score_its_classes_and_its_checksums(tmp_path: Path) -> None:
    run = recorded_run(tmp_path / "runs", class_names=(*"abcdefghi", '"""\\'))
    code = code_of_run(run, SCRIPT)
    ast.parse(code)
    assert f"The run {run.id} reached a test accuracy of 98.00 %" in " ".join(code.split())
    assert KNOWN["mnist"].sha256["train_images"] in code
    assert '"\\"\\"\\"\\\\"' in code


def test_what_is_no_checksum_stays_out_of_the_program() -> None:
    bad = {"train_images": '")\nimport os  # ', "test_images": "A" * 64}
    assert "check" not in str(data_code("mnist", (28, 28, 1), ("train", "test"), bad))


def test_a_title_is_text_in_the_program() -> None:
    preset = replace(find_preset("raw"), title='"""\nimport os\\')
    assert "os" not in imported_by(code_of_preset(preset, SCRIPT))


def test_what_cannot_be_written_is_refused_in_a_sentence(tmp_path: Path) -> None:
    preset = find_preset("raw")
    later = replace(preset, experiment=preset.experiment.model_copy(update={"start": StartSpec(run="other")}))
    with pytest.raises(RequestError, match="presets save NAME --preset raw --start none"):
        code_of_preset(later, SCRIPT)
    folder = write_folder(tmp_path / "own", (9, 8, 1), CLASSES)
    (folder / "train-images-idx3-ubyte").unlink()
    with pytest.raises(RequestError, match="the data must be here"):
        data_code(str(folder), (9, 8, 1), ("train", "test"), {})
