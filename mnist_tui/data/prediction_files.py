"""Read predictions for a dataset's test images that another program has made: an npz archive or a CSV table.

An archive has the array `probabilities` ``(n, classes)``, or the array `predictions` or `labels` ``(n,)``; a single
array without a name is taken as one of them by its shape. A table has a line for each image, with one label or with a
probability for each class, and may have a head line and a first column that numbers the images. Nothing is executed
or unpickled.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_tui.data.csv_tables import is_number
from mnist_tui.data.errors import DataError
from mnist_tui.files import UnreadableFileError, read_arrays, read_text
from mnist_tui.wording import count, counted, listed

TABLE_BYTES = 500_000_000
LABELS = ("predictions", "labels")
"""The names of an array with the predicted classes."""
ROUNDING = 0.01
"""How far from 1 the sum of an image's probabilities may be: they may be rounded to two or three decimals."""
UNNAMED = "arr_0"
"""The name that NumPy gives to an array that is saved without one."""
HEAD = ("label", "labels", "prediction", "predictions", "class", "predicted")
"""Words for the head line of a column of labels."""


@dataclass(frozen=True, eq=False)
class ForeignPredictions:
    """Predictions made elsewhere.

    Attributes:
        probabilities: float32 ``(n, classes)``; 0 and 1 if only classes were predicted.
        labels_only: whether only classes were predicted.
        notes: what was found or done, as sentences.
    """

    probabilities: NDArray[np.float32]
    labels_only: bool
    notes: tuple[str, ...]


Found = tuple[NDArray[Any], str, tuple[str, ...]]
"""The predictions in a file, what holds them, in words, and sentences about what was done."""


def read_predictions_file(path: Path, images: int, class_names: Sequence[str]) -> ForeignPredictions:
    """Read predictions from an npz archive or a CSV table.

    Args:
        images: the number of test images, which must be that of the predictions.
        class_names: the names of the classes, in the order of their numbers.

    Raises:
        DataError: the file cannot be read, or does not hold predictions for these images; it names the first bad row.
    """
    values, what, notes = _read_npz(path) if path.suffix == ".npz" else _read_csv(path, images, class_names)
    if len(values) != images:
        head = path.suffix == ".csv" and len(values) == images + 1
        raise DataError(
            f"there are {counted(values, 'prediction')} for {counted(images, 'test image')}; one for each image is "
            f"needed, in the order of the test images{'; if line 1 is a head line, write label there' if head else ''}"
        )
    if values.ndim == 1:
        return _of_labels(values, class_names, what, notes)
    if values.shape[1] != len(class_names):
        raise DataError(
            f"{what} has {counted(values.shape[1], 'column')}; {len(class_names)}, one for each class, are needed"
            f"{', or one column of labels' if path.suffix == '.csv' else ''}"
        )
    probabilities, softmax = probabilities_in(values, what)
    if softmax:
        notes = (*notes, "The rows do not sum to 1: they are taken as logits, and softmax is applied.")
    return ForeignPredictions(probabilities, labels_only=False, notes=notes)


def probabilities_in(values: NDArray[Any], what: str) -> tuple[NDArray[np.float32], bool]:
    """Return probabilities, float32 ``(n, classes)``, and whether the values were logits and softmax was applied.

    They are probabilities if no value is negative and each row sums to 1, and logits otherwise.

    Args:
        values: ``(n, classes)``.
        what: what holds the values, for the error.

    Raises:
        DataError: a value is not finite.
    """
    exact = values.astype(np.float64)
    bad = np.flatnonzero(~np.isfinite(exact).all(axis=1))
    if len(bad):
        more = f", as in {count(len(bad) - 1)} more" if len(bad) > 1 else ""
        raise DataError(f"{what}: a value in row {count(int(bad[0]) + 1)} is not a finite number{more}")
    if exact.min() >= 0 and np.abs(exact.sum(axis=1) - 1).max() <= ROUNDING:
        return values.astype(np.float32), False
    exact = np.exp(exact - exact.max(axis=1, keepdims=True))
    return (exact / exact.sum(axis=1, keepdims=True)).astype(np.float32), True


def _read_npz(path: Path) -> Found:
    try:
        arrays = read_arrays(path)
    except UnreadableFileError as failure:
        raise DataError(f"the file {failure.strerror}") from None
    if [*arrays] == [UNNAMED]:
        arrays = {"probabilities" if arrays[UNNAMED].ndim == 2 else LABELS[0]: arrays[UNNAMED]}
    name = next((each for each in ("probabilities", *LABELS) if each in arrays), None)
    if name is None:
        names = f"it has {listed([*map(repr, arrays)])}" if arrays else "it has no arrays"
        raise DataError(f"the file has no array probabilities, predictions or labels; {names}")
    values = arrays[name]
    if name != "probabilities" and values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != (2 if name == "probabilities" else 1) or not len(values):
        wanted = "(n, classes)" if name == "probabilities" else "(n,)"
        raise DataError(f"the array {name} has the shape {values.shape}; {wanted} is needed")
    if values.dtype.kind not in ("fiub" if name == "probabilities" else "fiubU"):
        raise DataError(f"the array {name} holds {values.dtype} values; numbers are needed")
    return values, f"the array {name}", ()


def _read_csv(path: Path, images: int, class_names: Sequence[str]) -> Found:
    try:
        text = read_text(path, TABLE_BYTES)
    except UnreadableFileError as failure:
        raise DataError(f"the table {failure.strerror}") from None
    separator = ";" if ";" in text.partition("\n")[0] else ","
    rows = [row for row in csv.reader(io.StringIO(text), delimiter=separator) if row]
    for number, row in enumerate(rows, 1):
        if len(row) != len(rows[0]):
            raise DataError(f"line {number:,} of the table has {counted(row, 'value')}, line 1 has {len(rows[0])}")
    columns, notes = None, tuple[str, ...]()
    if rows and len(rows[0]) in (2, len(class_names) + 1) and _are_numbers_of_images(row[0] for row in rows[1:]):
        has_head = not is_number(rows[0][0])
        rows = [row[1:] for row in rows]
        notes = ("The first column of the table numbers the images, and is left out.",)
    else:
        has_head = bool(rows) and (_is_head(rows[0], class_names) or _is_additional(rows, images, class_names))
    if has_head:
        columns, *rows = rows
    if not rows:
        raise DataError("the table is empty; a line for each test image is needed")
    first = 1 if columns is None else 2
    if len(rows[0]) == 1:
        return np.array([row[0].strip() for row in rows]), "the table", notes
    numbers = np.empty((len(rows), len(rows[0])), np.float64)
    for number, row in enumerate(rows):
        try:
            numbers[number] = [float(value) for value in row]
        except ValueError:
            bad = next(value for value in row if not is_number(value))
            raise DataError(f"{bad.strip()[:40]!r} in line {number + first:,} of the table is not a number") from None
    titles = [title.strip() for title in columns or ()]
    if titles and sorted(titles) == sorted(class_names):
        numbers = numbers[:, [titles.index(name) for name in class_names]]
    return numbers, "the table", notes


def _is_head(row: Sequence[str], class_names: Sequence[str]) -> bool:
    """Return whether the first line of a table is its head: names of classes, or words instead of numbers."""
    if len(row) == 1:
        word = row[0].strip()
        return word.lower() in HEAD and word not in class_names
    return [title.strip() for title in row] == [*class_names] or not any(map(is_number, row))


def _is_additional(rows: Sequence[Sequence[str]], images: int, class_names: Sequence[str]) -> bool:
    """Return whether the first line can only be a head: one line more than images, and it holds no prediction."""
    if len(rows) != images + 1:
        return False
    titles = [title.strip() for title in rows[0]]
    if len(titles) == 1:
        return not is_number(titles[0]) and titles[0] not in class_names
    return titles == [str(number) for number in range(len(titles))]


def _are_numbers_of_images(column: Iterable[str]) -> bool:
    """Return whether the entries of a column after its first are those of a count from 0 or 1: 0, 1, 2 …."""
    texts = [text.strip() for text in column]
    return len(texts) > 1 and any(
        texts == [str(number) for number in range(start, start + len(texts))] for start in (0, 1, 2)
    )


def _of_labels(
    values: NDArray[Any], class_names: Sequence[str], what: str, notes: tuple[str, ...]
) -> ForeignPredictions:
    """Return the predictions of labels: names of classes or, where they are no names, numbers from 0."""
    numbers: dict[str, int] = {str(number): number for number in range(len(class_names))}
    if values.dtype.kind == "U":
        numbers |= {name: number for number, name in enumerate(class_names)}
    known = {label: numbers.get(str(label), numbers.get(_whole(label), -1)) for label in dict.fromkeys(values.tolist())}
    labels = np.array([known[label] for label in values.tolist()])
    bad = np.flatnonzero(labels < 0)
    if len(bad):
        label, most = str(values[bad[0]])[:40], len(class_names) - 1
        raise DataError(
            f"{what}: {label!r} in row {count(int(bad[0]) + 1)} is no class; classes are numbers from 0 to {most} or "
            "their names"
        )
    probabilities = np.zeros((len(labels), len(class_names)), np.float32)
    probabilities[np.arange(len(labels)), labels] = 1
    note = "There are only predicted classes, without probabilities: loss and calibration are not defined."
    return ForeignPredictions(probabilities, labels_only=True, notes=(*notes, note))


def _whole(label: Any) -> str:
    """Return a label such as 3.0 as a whole number; other labels as they are."""
    try:
        number = float(label)
    except ValueError:
        return label
    return str(int(number)) if number.is_integer() else str(label)
