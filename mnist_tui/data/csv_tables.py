"""Read CSV tables with an image in each row: a label and the pixels, as in Kaggle's digit recogniser.

A first row of names, or of the columns' numbers from 0, is recognised by itself; a column named `label` holds the
labels, else the first one does.
"""

from __future__ import annotations

import math
import re
from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from mnist_tui.data.errors import DataError
from mnist_tui.data.idx import check_image_shape
from mnist_tui.data.known import SPLIT_PARTS, split_named
from mnist_tui.experiment.shapes import LARGEST_EDGE, ImageShape
from mnist_tui.files import UnreadableFileError, open_regular
from mnist_tui.wording import counted

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    import numpy as np
    from numpy.typing import NDArray

_LABEL_NAMES: Final = ("label", "labels", "class", "target", "y")
_LONGEST_LINE: Final = 64_000_000
_MOST_BYTES: Final = 4_000_000_000
_LARGEST_LABEL: Final = 2**24
"""Up to here float32, as which tables are read, holds every whole number."""
_WORDS: Final = re.compile(r"[a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Table:
    """The form of a table.

    Attributes:
        label: The column of the labels.
        columns: The number of columns.
        has_names: Whether the first row holds names.
        image: Height, width and channels of the image in a row.
    """

    file: Path
    label: int
    columns: int
    has_names: bool
    image: ImageShape


def find_tables(files: Sequence[Path], largest: int = LARGEST_EDGE) -> tuple[dict[str, Table], tuple[str, ...]]:
    """Return the table of each split, and sentences about tables that are not used.

    A single table holds the training images; of several, the file's name says the split: ``mnist_test.csv``.

    Raises:
        DataError: No table holds training images, two hold the same split, or a table has no images.
    """
    splits: dict[str, Path] = {}
    for file in files:
        words = _WORDS.findall(file.stem.lower())
        split = next((split for word in words if (split := split_named(word))), None if len(files) > 1 else "train")
        if split in splits:
            raise DataError(f"{splits[split]} and {file} both hold the images of the {split} set; leave one of them")
        if split:
            splits[split] = file
    if "train" not in splits:
        raise DataError(f"{files[0].parent} has no table named train.csv, which holds the training images")
    tables: dict[str, Table] = {}
    notes: list[str] = []
    for split in (split for split in SPLIT_PARTS if split in splits):
        if split != "train" and _has_no_labels(splits[split], tables["train"]):
            notes.append(f"{splits[split].name} has no labels and is not used.")
        else:
            tables[split] = _table(splits[split], largest)
    return tables, tuple(notes)


def _has_no_labels(file: Path, train: Table) -> bool:
    with _open(file) as stream:
        return _first_row(stream, file).count(b",") + 1 == train.columns - 1


def _table(file: Path, largest: int) -> Table:
    with _open(file) as stream:
        cells = [cell.strip().strip(b'"') for cell in _first_row(stream, file).split(b",")]
    names = [cell.decode("utf-8", "replace").lower() for cell in cells]
    has_names = not all(map(is_number, names)) or names == [*map(str, range(len(names)))]  # pandas numbers columns
    label = next((names.index(name) for name in _LABEL_NAMES if name in names), 0)
    return Table(file, label, len(cells), has_names, _shape(len(cells) - 1, file, largest))


def is_number(text: str) -> bool:
    """Return whether a cell is a number, also an infinite one or nan."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def _shape(pixels: int, file: Path, largest: int) -> ImageShape:
    for channels in (1, 3):
        edge = math.isqrt(pixels // channels)
        if edge and edge * edge * channels == pixels:
            check_image_shape((edge, edge, channels), str(file), largest)
            return edge, edge, channels
    raise DataError(
        f"{file} has {pixels + 1:,} columns; a label and the pixels of a square image are needed, such as 1 + 784"
    )


def label_values(table: Table) -> frozenset[int]:
    """Return the different labels of a table, without NumPy.

    Raises:
        DataError: The table has no rows, or a row has no label or one that is not a whole number.
    """
    texts: set[bytes] = set()
    for line in _rows(table):
        if table.label == 0:
            texts.add(line.partition(b",")[0])
        elif table.label == table.columns - 1:
            texts.add(line.rpartition(b",")[2])
        else:
            cells = line.split(b",", table.label + 1)
            if len(cells) <= table.label:
                raise DataError(f"{table.file} has a row without a label: it has {counted(len(cells), 'column')}")
            texts.add(cells[table.label])
    if not texts:
        raise DataError(f"{table.file} has no rows of images")
    return frozenset(_whole(text, table.file) for text in texts)


def _whole(text: bytes, file: Path) -> int:
    try:
        number = float(text.strip().strip(b'"'))
        if number != int(number) or abs(number) > _LARGEST_LABEL:
            raise ValueError
    except (ValueError, OverflowError):
        shown = text[:40].decode("utf-8", "replace").strip()
        raise DataError(
            f"{file} has the label {shown!r}; labels are whole numbers, {_LARGEST_LABEL:,} at most"
        ) from None
    return int(number)


def read_table(table: Table) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Read the images, uint8 (n, height, width) or (n, height, width, 3), and the labels (n,) of a table.

    Raises:
        DataError: A row has another number of columns, or a pixel is not a whole number from 0 to 255.
    """
    import numpy as np

    with _open(table.file) as stream:
        try:
            values = np.loadtxt(
                stream, np.float32, delimiter=",", skiprows=int(table.has_names), quotechar='"', ndmin=2, comments=None
            )
        except ValueError:
            raise _no_table(table) from None
    if values.shape[1] != table.columns:
        raise DataError(f"{table.file} has rows of {values.shape[1]:,} columns below a row of {table.columns:,}")
    labels = values[:, table.label].astype(np.int64)
    pixels = np.delete(values, table.label, axis=1)
    if not ((pixels >= 0) & (pixels <= 255) & (pixels == np.floor(pixels))).all():
        raise DataError(f"{table.file} has pixels that are not whole numbers from 0 to 255")
    height, width, channels = table.image
    shape = (len(values), height, width) if channels == 1 else (len(values), height, width, channels)
    return pixels.astype(np.uint8).reshape(shape), labels


def _no_table(table: Table) -> DataError:
    """Return the error that names the first line of a table with another number of columns or without numbers."""
    with _open(table.file) as stream:
        for number, line in enumerate(iter(lambda: stream.readline(_LONGEST_LINE), b""), 1):
            cells = [cell.strip().strip(b'"').decode("utf-8", "replace") for cell in line.split(b",")]
            if cells == [""] or (number == 1 and table.has_names):
                continue
            if len(cells) != table.columns:
                has = f"{counted(len(cells), 'column')} in line {number:,}"
                return DataError(f"{table.file} has {has}, but {table.columns:,} in its first line")
            if wrong := [cell for cell in cells if not is_number(cell)]:
                return DataError(
                    f"{table.file} has {wrong[0][:40]!r} in line {number:,}; labels and pixels are whole numbers"
                )
    return DataError(f"{table.file} cannot be read as a table of numbers")


def tables_shape(tables: Mapping[str, Table]) -> ImageShape:
    """Return the image shape of all tables; raise `DataError` if they differ."""
    train = tables["train"]
    for table in tables.values():
        if table.image != train.image or table.columns != train.columns:
            raise DataError(f"{table.file} has {table.columns:,} columns but {train.file} has {train.columns:,}")
    return train.image


def _rows(table: Table) -> Iterator[bytes]:
    with _open(table.file) as stream:
        if table.has_names:
            _first_row(stream, table.file)
        while line := stream.readline(_LONGEST_LINE):
            if row := line.strip():
                yield row


def _first_row(stream: BinaryIO, file: Path) -> bytes:
    row = stream.readline(_LONGEST_LINE)
    if not row.strip():
        raise DataError(f"{file} is empty, or begins with an empty row; a label and the pixels are needed in each row")
    return row.strip()


def _open(file: Path) -> AbstractContextManager[BinaryIO]:
    try:
        stream = open_regular(file, follow_links=True)
    except UnreadableFileError as failure:
        raise DataError(f"{file} cannot be read: it {failure.strerror}") from None
    except OSError as failure:
        raise DataError(f"{file} cannot be read: {failure.strerror or failure}") from None
    if file.stat().st_size > _MOST_BYTES:
        stream.close()
        raise DataError(f"{file} is larger than {_MOST_BYTES:,} bytes, which is more than is read")
    if stream.read(len(BOM_UTF8)) != BOM_UTF8:  # Excel writes one
        stream.seek(0)
    return stream
