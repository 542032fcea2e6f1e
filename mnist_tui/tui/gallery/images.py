"""Finds the images that a run's network was tested on, with their true classes. Reads files: for a thread.

They are looked for where the run had its data, and taken only if their SHA-256 is the one that the run recorded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mnist_tui.data.catalogue import DataError, Part
from mnist_tui.data.places import Location, search
from mnist_tui.errors import RequestError
from mnist_tui.experiment.spec import Experiment
from mnist_tui.runs.events import DataReady
from mnist_tui.runs.folder import RunFolder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Images:
    """Images with their true classes.

    Attributes:
        what: ``MNIST test images``.
        pixels: uint8 ``(n, 28, 28)``.
        labels: uint8 ``(n,)``.
        numbers: int64 ``(n,)``, where in the dataset's file each stands, from 1.
    """

    what: str
    pixels: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    numbers: NDArray[np.int64]


def validation_images(folder: RunFolder, data: DataReady, data_dirs: Iterable[Path | None] = (None,)) -> Images:
    """Return the images that each epoch of a run was validated on, in the order of its predictions.

    Args:
        data: what the run recorded of its data.
        data_dirs: data folders to look in, after the run's own; None for the usual places.

    Raises:
        DataError: they are not there any more, or are others than those recorded.
    """
    if not data.validation:
        return test_images(folder, data, data_dirs)
    from mnist_tui.data.datasets import validation_split

    experiment = _experiment(folder)
    limit, share = experiment.dataset.limit, experiment.dataset.validation
    pixels, labels = _parts(experiment, folder, data, data_dirs, ("train_images", "train_labels"))
    held_out = None
    if share != "test":
        with suppress(ValueError):
            _, held_out = validation_split(len(labels[:limit]), share, experiment.training.seed)
    if held_out is None or len(held_out) != data.validation:
        raise DataError(f"experiment.toml of {folder.id} does not say which training images were held out")
    return Images(f"held-out {data.title} training images", pixels[held_out], labels[held_out], held_out + 1)


def test_images(folder: RunFolder, data: DataReady, data_dirs: Iterable[Path | None] = (None,)) -> Images:
    """Return the images of a run's final evaluation; arguments and errors as for `validation_images`."""
    import numpy as np

    pixels, labels = _parts(_experiment(folder), folder, data, data_dirs, ("test_images", "test_labels"))
    return Images(f"{data.title} test images", pixels, labels, np.arange(1, len(labels) + 1))


def _experiment(folder: RunFolder) -> Experiment:
    try:
        return folder.preset().experiment
    except RequestError as error:
        raise DataError(str(error)) from None


def _parts(
    experiment: Experiment,
    folder: RunFolder,
    data: DataReady,
    data_dirs: Iterable[Path | None],
    parts: tuple[Part, Part],
) -> list[NDArray[np.uint8]]:
    """Return images and labels from the first place whose checksums are the recorded ones."""
    from mnist_tui.data.reading import read_parts

    why = f"the run's data ({data.title}, {data.source}) are not on this machine any more"
    for location in _locations("digits" if data.sample else experiment.dataset.name, folder, data_dirs):
        try:
            contents = read_parts(location, parts)
        except (DataError, OSError) as error:
            why = str(error)
            continue
        if all(data.sha256.get(part) == found.sha256 for part, found in zip(parts, contents, strict=True)):
            return [found.values for found in contents]
        why = f"the files in {location.source} are not those that this run had: their SHA-256 differ"
    raise DataError(why)


def _locations(name: str, folder: RunFolder, data_dirs: Iterable[Path | None]) -> Iterator[Location]:
    """Yield the places where the whole dataset is, the run's own first."""
    with suppress(RequestError, TypeError):
        own = folder.launch().data_dir
        data_dirs = (Path(own) if own else None, *data_dirs)
    for data_dir in dict.fromkeys((*data_dirs, None)):
        with suppress(DataError):
            yield from (location for location in search(name, data_dir) if not location.missing)
