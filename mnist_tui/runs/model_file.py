"""The arrays of a run's `model.keras`, read within limits: such a file can come from somebody else.

It is an archive of Keras'. Its configuration, which can name code to be run, is never used: the network is that of the
run's experiment. Its weights may be compressed, lie in other files or be links to them: those are refused.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mnist_tui.files import open_regular

if TYPE_CHECKING:
    import h5py

WEIGHTS = "model.weights.h5"
"""In the archive."""


def most_bytes(parameters: int) -> int:
    """As large as a file of weights can be that holds so many parameters, with an optimizer's values for each."""
    return 64_000_000 + 40 * parameters


def weights_of(path: Path, most: int) -> io.BytesIO:
    """The HDF5 file of a model's weights.

    Args:
        most: bytes that it may have.

    Raises:
        OSError: the file is not there, is a link, or cannot be read.
        ValueError: it is no such archive, or larger.
    """
    try:
        with open_regular(path) as file, zipfile.ZipFile(file) as archive:
            member = archive.getinfo(WEIGHTS)
            if member.file_size > most:
                raise ValueError(f"its weights are larger than {most:,} bytes")
            with archive.open(member) as inside:
                data = inside.read(most + 1)
    except KeyError:
        raise ValueError(f"it has no {WEIGHTS}") from None
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise ValueError(str(error)) from None
    if len(data) > most:
        raise ValueError(f"its weights are larger than {most:,} bytes")
    return io.BytesIO(data)


def array(file: h5py.File, name: str, most: int) -> NDArray[Any]:
    """An array of an open file of weights.

    Raises:
        ValueError: it is not in this very file, or too large.
        KeyError: there is none of that name.
    """
    import h5py

    found = file[name]
    if not isinstance(found, h5py.Dataset) or found.file.id != file.id or found.external or found.is_virtual:
        raise ValueError(f"{name} is no array of this file")
    if found.nbytes > most:
        raise ValueError(f"{name} is larger than {most:,} bytes")
    return np.asarray(found)
