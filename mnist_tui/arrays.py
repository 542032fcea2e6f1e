"""Read archives of numpy arrays (npz) within limits, because anybody may have made them. Nothing is unpickled.

numpy's own reader unpacks whatever an archive claims to hold: two megabytes become gigabytes.
"""

from __future__ import annotations

import math
import os
import tokenize
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from mnist_tui.files import UnreadableFileError, open_regular

if TYPE_CHECKING:
    from numpy.typing import NDArray

ALWAYS_BYTES = 64_000_000
"""Bytes that any archive may unpack to."""
TIMES = 50
"""How many times its size a larger archive may unpack to; images pack to a fifth, weights hardly at all."""
NPY, ZIP = b"\x93NUMPY", b"PK"
"""How a single array and an archive begin."""
MAX_ARRAYS = 100_000
HEADER_BYTES = 10_000


def read_arrays(
    path: Path, names: Iterable[str] | None = None, *, follow_links: bool = False
) -> dict[str, NDArray[Any]]:
    """Read arrays of an npz archive.

    Args:
        names: those wanted; None for all. One that is not there is left out.
        follow_links: as for `files.open_regular`.

    Raises:
        UnreadableFileError: it is not an archive of plain arrays, is damaged, or would unpack to far more.
        OSError: it is not there or may not be read.
    """
    with open_regular(path, follow_links=follow_links) as file:
        magic = file.read(len(NPY))
        if magic == NPY:
            raise UnreadableFileError(path, "is a single NumPy array, not an archive of arrays")
        if magic and not magic.startswith(ZIP):
            raise UnreadableFileError(path, "is not an archive of plain NumPy arrays")
        try:
            with zipfile.ZipFile(file) as archive:
                return _arrays(archive, names, max(ALWAYS_BYTES, TIMES * os.fstat(file.fileno()).st_size))
        except (EOFError, zipfile.BadZipFile, zlib.error):
            raise UnreadableFileError(path, "is cut off or damaged") from None
        except (ValueError, KeyError, RuntimeError, NotImplementedError, MemoryError, OverflowError) as error:
            raise UnreadableFileError(path, f"is not an archive of plain NumPy arrays: {error}") from None


def _arrays(archive: zipfile.ZipFile, names: Iterable[str] | None, allowed: int) -> dict[str, NDArray[Any]]:
    entries = {entry.filename.removesuffix(".npy"): entry for entry in archive.infolist()}
    if len(entries) > MAX_ARRAYS:
        raise ValueError(f"it holds more than {MAX_ARRAYS:,} arrays")
    arrays: dict[str, NDArray[Any]] = {}
    for name in entries if names is None else [name for name in names if name in entries]:
        entry = entries[name]
        allowed -= entry.file_size
        if allowed < 0:
            raise ValueError("would unpack to far more than it holds")
        with archive.open(entry) as member:
            try:
                arrays[name] = _array(member, entry.file_size)
            except (ValueError, TypeError, SyntaxError, RecursionError, tokenize.TokenError) as error:
                raise ValueError(f"{name} is not an array: {str(error).partition(chr(10))[0][:200]}") from None
    return arrays


def _array(member: IO[bytes], size: int) -> NDArray[Any]:
    import numpy as np

    npy, version = np.lib.format, np.lib.format.read_magic(member)
    read_header = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}.get(version)
    if read_header is None:
        raise ValueError(f"the array's format {version} is not known")
    shape, column_major, dtype = read_header(member, max_header_size=HEADER_BYTES)
    if dtype.hasobject or dtype.itemsize == 0:
        raise ValueError("it holds Python objects, which are never read")
    if any(type(length) is not int or length < 0 for length in shape):
        raise ValueError("an array's shape is not whole numbers")
    wanted = math.prod(shape) * dtype.itemsize
    if wanted > size:
        raise ValueError("an array is cut off")
    data = np.empty(wanted, np.uint8)
    done = 0
    while done < wanted and (got := member.readinto(data.data[done:])):  # pyright: ignore[reportAttributeAccessIssue]
        done += got
    if done < wanted:
        raise ValueError("an array is cut off")
    if member.read(1):  # the end is reached, and with it the check of the sum
        raise ValueError("an array is longer than it says")
    values: NDArray[Any] = data.view(dtype)
    return values.reshape(shape[::-1]).transpose() if column_major else values.reshape(shape)
