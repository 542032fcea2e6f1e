"""Write the part of a Python program that reads the images and labels of a dataset as this program reads them.

The program has the folder of the data's files in `DATA`, the names of the classes in `CLASSES`, and leaves
`train_images`, `train_labels` and so on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from json import dumps
from pathlib import Path

from mnist_tui.data.catalogue import Location, find
from mnist_tui.data.csv_tables import find_tables
from mnist_tui.data.errors import DataError
from mnist_tui.data.facts import check_complete, label_rule
from mnist_tui.data.image_folders import split_and_class
from mnist_tui.data.known import KNOWN, SPLIT_PARTS, KnownDataset, Part
from mnist_tui.errors import RequestError
from mnist_tui.experiment.shapes import ImageShape, pixels_shape
from mnist_tui.report.keras_program import DATASETS, keras_dataset
from mnist_tui.wording import listed

SHA256 = re.compile("[0-9a-f]{64}")
READ_IDX = '''
def read_idx(name):
    """Return the array in an IDX file of the folder DATA; the file may be gzipped."""
    path = DATA / name
    content = path.read_bytes() if path.exists() else gzip.decompress((DATA / f"{name}.gz").read_bytes())
    dimensions = content[3]
    shape = np.frombuffer(content, ">u4", dimensions, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape)
'''
COLUMNS_TOO = ("np.uint8, offset", 'np.uint8 if content[2] == 8 else ">i4", offset')
"""What is replaced in READ_IDX by what, so that it also reads QMNIST's labels, which are 32-bit integers."""
READ_DIGITS = '''
def read_digits():
    """Return scikit-learn's digits, enlarged from 8 x 8 pixels to 20 x 20 of 28 x 28, and their labels."""
    pixels, labels = load_digits(return_X_y=True)
    weights = np.zeros((20, 8), int)  # bilinear, in tenths
    for pixel in range(20):
        left, share = divmod(4 * pixel - 3, 10)
        weights[pixel, max(left, 0)] += 10 - share
        weights[pixel, min(left + 1, 7)] += share
    sums = np.einsum("ij,njk,lk->nil", weights, pixels.astype(int).reshape(-1, 8, 8), weights)
    images = ((sums * 255 + 800) // 1600).astype(np.uint8)
    return np.pad(images, ((0, 0), (4, 4), (4, 4))), labels.astype(np.uint8)
'''
DIGITS_SPLIT = """images, labels = read_digits()
order = np.random.RandomState(0).permutation(len(labels))
test = np.sort(order[np.argsort(labels[order], kind="stable")][::5])
train = np.setdiff1d(np.arange(len(labels)), test)
train_images, train_labels = images[train], labels[train]
test_images, test_labels = images[test], labels[test]"""
READ_IMAGES = '''
def read_images(folder):
    """Return the images in the class folders of a folder, and their labels."""
    files = [
        (file, label)
        for label, name in enumerate(CLASSES)
        for file in sorted((folder / name).glob("*"))
        if file.suffix.lower() in {suffixes}
    ]
    images = np.stack([np.array(Image.open(file).convert("{mode}")) for file, _ in files])
    return images, np.array([label for _, label in files], np.uint8)
'''
TEST_SPLIT = '''
def test_split(labels):
    """Return the indices of the training and the test images: a fifth of each class, always the same."""
    order = np.random.RandomState(0).permutation(len(labels))
    by_class = [order[labels[order] == label] for label in np.unique(labels)]
    counts = [max(1, len(each) // 5) if len(each) > 1 else 0 for each in by_class]
    test = np.sort(np.concatenate([each[:count] for each, count in zip(by_class, counts)]))
    return np.setdiff1d(np.arange(len(labels)), test), test
'''
SPLIT_OFF = """train, test = test_split(train_labels)
test_images, test_labels = train_images[test], train_labels[test]
train_images, train_labels = train_images[train], train_labels[train]"""
CHECK = '''
def check(array, sha256):
    """Raise an error unless an array, as an IDX file, has this SHA-256."""
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    if hashlib.sha256(header + array.tobytes()).hexdigest() != sha256:
        raise ValueError("these are not the images and labels that the experiment was made for")
'''


@dataclass(frozen=True)
class DataCode:
    """The part of a program that reads the data.

    Attributes:
        lines: the functions and the statements.
        imports: the import lines that they need.
        folder: the source code of the usual value of `DATA`; empty if no files are read.
        files: what the folder holds, in words.
    """

    lines: tuple[str, ...]
    imports: tuple[str, ...]
    folder: str = ""
    files: str = ""


@dataclass
class _Draft:
    """The parts of `DataCode` while they are put together: source code of functions, statements and imports."""

    functions: list[str] = field(default_factory=list[str])
    lines: list[str] = field(default_factory=list[str])
    imports: list[str] = field(default_factory=list[str])


def data_code(name: str, image: ImageShape, splits: Sequence[str], sha256: Mapping[str, str]) -> DataCode:
    """Return the part of a program that reads a dataset.

    Args:
        name: the dataset's name, as `--dataset` takes it.
        image: height, width and channels of its images.
        splits: the splits that the program needs: train and test, perhaps validation.
        sha256: the checksums of the parts, which the program checks; empty if they are not known. They may come from
            anybody's run, and stay out of the program unless they are checksums.

    Raises:
        RequestError: the dataset is a person's own, and its files are not here or cannot be used.
    """
    draft, known = _Draft(), KNOWN.get(name)
    parts: list[Part] = [part for split in splits for part in SPLIT_PARTS[split]]
    if known is not None and known.sample:
        draft.functions.append(READ_DIGITS)
        draft.imports.append("from sklearn.datasets import load_digits")
        draft.lines += DIGITS_SPLIT.split("\n")
        folder, files = "", ""
    elif known is not None:
        folder, files = _read_known(draft, known, parts, image)
        if name == "qmnist":  # the published checksums are those of all columns
            sha256 = {part: text for part, text in sha256.items() if part.endswith("images")}
    else:
        folder, files = 'Path("data")', _read_own(draft, name, parts, image)
    checks = [f'check({part}, "{sha256[part]}")' for part in parts if SHA256.fullmatch(sha256.get(part, ""))]
    if checks:
        draft.functions.append(CHECK)
        draft.imports.append("import hashlib")
        draft.lines += checks
    if folder:
        draft.imports.append("from pathlib import Path")
    functions = "\n".join(draft.functions).strip("\n").split("\n")
    lines = (*(functions if draft.functions else ()), *(("", "") if draft.functions else ()), *draft.lines)
    return DataCode(lines, tuple(draft.imports), folder, files)


def _read_known(draft: _Draft, known: KnownDataset, parts: Sequence[Part], image: ImageShape) -> tuple[str, str]:
    if known.archive.endswith(".npz"):
        keys: dict[Part, str] = {part: part.replace("validation", "val") for part in parts}
        _read_archive(draft, known.archive, keys, image, ())
        return f'Path("{known.place}")', known.archive
    _need_idx(draft)
    lines = list[str]()
    for part in parts:
        file = known.file_names[part]
        call = f'read_idx("{file}")'
        if file.endswith("-int"):
            call += "[:, 0].astype(np.uint8)"
        elif part.endswith("labels") and known.first_label:
            call += f" - {known.first_label}"
        elif part.endswith("images") and known.transposed:
            call += ".swapaxes(1, 2)"
        lines.append(f"{part} = {call}")
    if known.transposed:
        lines.insert(0, "# the files have rows and columns exchanged")
    if known.name == "qmnist":
        draft.functions = [each.replace(*COLUMNS_TOO) for each in draft.functions]
    files = f"{listed([known.file_names[part] for part in parts])}, each as it is or as .gz"
    if known.name not in DATASETS:
        draft.lines += lines
        return f'Path("{known.place}")', files
    draft.lines += ["if DATA is None:", f"    {keras_dataset(known.name)}", "else:", *(f"    {line}" for line in lines)]
    return "None", files


def _need_idx(draft: _Draft) -> None:
    draft.functions.append(READ_IDX)
    draft.imports.append("import gzip")


def _read_archive(draft: _Draft, file: str, keys: Mapping[Part, str], image: ImageShape, labels: Sequence[int]) -> None:
    draft.lines.append(f"archive = np.load(DATA / {quoted(file)})")
    shape = ", ".join(map(str, pixels_shape(image)))
    for part, key in keys.items():
        value = f"archive[{quoted(key)}]"
        draft.lines.append(
            f"{part} = {value}.reshape(-1, {shape})"
            if part.endswith("images")
            else f"{part} = {_mapped(f'{value}.reshape(-1)', labels)}"
        )


def quoted(text: str) -> str:
    """Return the source code of a text, in double quotes where that is possible."""
    return dumps(text, ensure_ascii=False) if text.isprintable() else repr(text)


def _mapped(source: str, labels: Sequence[int]) -> str:
    """Return source code that makes classes from 0 of labels in files; `labels` is empty if they are that already."""
    return f"np.searchsorted({[*labels]}, {source}).astype(np.uint8)" if labels else f"{source}.astype(np.uint8)"


def _read_own(draft: _Draft, name: str, parts: Sequence[Part], image: ImageShape) -> str:
    """Add the reading of a person's own data; return what the folder must hold."""
    try:
        location = find(name)
        assert location is not None, "a person's own data are found, or an error is raised"
        check_complete(location)
        rule = label_rule(location)
    except DataError as error:
        raise RequestError(f"the data must be here, so that the program reads them as this one does: {error}") from None
    labels = rule.labels if rule.changes else ()
    reader = {"idx": _read_own_idx, "npz": _read_own_npz, "csv": _read_own_tables, "images": _read_own_images}
    found = reader[location.kind](draft, location, parts, image, labels)
    if "test_images" in parts and "test_images" not in found:
        draft.functions.append(TEST_SPLIT)
        draft.lines += SPLIT_OFF.split("\n")
    return listed([file.name for file in location.files]) if location.kind != "images" else "a folder for each class"


def _read_own_idx(
    draft: _Draft, location: Location, parts: Sequence[Part], image: ImageShape, labels: Sequence[int]
) -> set[Part]:
    _need_idx(draft)
    found: dict[Part, Path] = {
        part: file for part, file in zip(location.parts, location.files, strict=True) if part in parts
    }
    for part, file in found.items():
        call = f"read_idx({quoted(file.name.removesuffix('.gz'))})"
        draft.lines.append(f"{part} = {_mapped(call, labels) if labels and part.endswith('labels') else call}")
    return set(found)


def _read_own_npz(
    draft: _Draft, location: Location, parts: Sequence[Part], image: ImageShape, labels: Sequence[int]
) -> set[Part]:
    from mnist_tui.data.npz import keys_of

    keys: dict[Part, tuple[Path, str]] = {
        part: place for part, place in keys_of(location.files, location.parts).items() if part in parts
    }
    for file in dict.fromkeys(file for file, _ in keys.values()):
        _read_archive(
            draft, file.name, {part: key for part, (each, key) in keys.items() if each == file}, image, labels
        )
    return set(keys)


def _read_own_tables(
    draft: _Draft, location: Location, parts: Sequence[Part], image: ImageShape, labels: Sequence[int]
) -> set[Part]:
    found, shape = set[Part](), ", ".join(map(str, pixels_shape(image)))
    for split, table in find_tables(location.files)[0].items():
        if SPLIT_PARTS[split][0] in parts:
            found |= set(SPLIT_PARTS[split])
            head = ", skiprows=1" if table.has_names else ""
            draft.lines += [
                f'table = np.loadtxt(DATA / {quoted(table.file.name)}, delimiter=",", quotechar=\'"\'{head})',
                f"{split}_images = np.delete(table, {table.label}, axis=1).astype(np.uint8).reshape(-1, {shape})",
                f"{split}_labels = {_mapped(f'table[:, {table.label}]', labels)}",
            ]
    return found


def _read_own_images(
    draft: _Draft, location: Location, parts: Sequence[Part], image: ImageShape, labels: Sequence[int]
) -> set[Part]:
    folder = location.folder
    assert folder is not None
    suffixes = ", ".join(f'"{suffix}"' for suffix in sorted({file.suffix.lower() for file in location.files}))
    draft.functions.append(
        READ_IMAGES.replace("{suffixes}", f"{{{suffixes}}}").replace("{mode}", "L" if image[2] == 1 else "RGB")
    )
    draft.imports.append("from PIL import Image")
    found, folders = set[Part](), dict[str, str]()
    for file in location.files:
        within = file.relative_to(folder).parts
        folders.setdefault(split_and_class(file, folder)[0], within[0] if len(within) > 2 else "")
    for split, name in folders.items():
        if SPLIT_PARTS[split][0] in parts:
            found |= set(SPLIT_PARTS[split])
            where = f"DATA / {quoted(name)}" if name else "DATA"
            draft.lines.append(f"{split}_images, {split}_labels = read_images({where})")
    return found
