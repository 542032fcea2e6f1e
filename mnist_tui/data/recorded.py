"""Find again the data that a run recorded, by their SHA-256; nothing is downloaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnist_tui.data.catalogue import Location, Part, search
from mnist_tui.data.errors import DataError
from mnist_tui.data.reading import read_parts


def recorded_parts(
    name: str, parts: Sequence[Part], sha256: Mapping[str, str], places: Sequence[Path | None], what: str
) -> list[NDArray[np.uint8]]:
    """Return parts of a dataset from the first place whose files have the recorded checksums.

    Args:
        name: a name of `known.KNOWN`, or the path of a person's own data.
        sha256: the recorded checksums by part.
        places: the data folders to search, in this order; None stands for the usual places.
        what: the data in words, for the error.

    Raises:
        DataError: the data cannot be found any more, or other data than those recorded were found.
    """
    why = f"the run's data ({what}) are not on this machine any more"
    for location in _complete_locations(name, places):
        try:
            contents = read_parts(location, parts)
        except (DataError, OSError) as error:
            why = str(error)
            continue
        if all(sha256.get(part) == found.sha256 for part, found in zip(parts, contents, strict=True)):
            return [found.values for found in contents]
        why = f"the files in {location.source} are not those that this run had: their SHA-256 differ"
    raise DataError(why)


def _complete_locations(name: str, places: Sequence[Path | None]) -> Iterator[Location]:
    """Yield the places that hold all files of the dataset."""
    for place in dict.fromkeys(places):
        with suppress(DataError):
            yield from (location for location in search(name, place) if not location.missing)
