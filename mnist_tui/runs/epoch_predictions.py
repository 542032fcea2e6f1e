"""Read and write `predicted.bin`: the network's predictions for each validation image after each epoch.

A record is the epoch (uint32), the length (uint32), then zlib data: ``n`` predicted classes (uint8) followed by ``n``
probabilities of these classes (uint8, in 255ths). Length 0 means that all later epochs are dropped, as when a run is
resumed. An incomplete last record is normal. An epoch that is written again replaces the earlier one. A long run keeps
only some epochs (`is_kept`), and always the last epoch of a session that has ended.
"""

from __future__ import annotations

import bisect
import errno
import os
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnist_tui.files import open_append, open_regular

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


UNPACKED_BYTES = 16_000_000
"""The largest size of an unpacked epoch: 8 million validation images. Larger records are not read."""
PACKED_BYTES = 17_000_000
HEAD = struct.Struct("<II")
EVERY_EPOCH = 500
"""Every epoch up to this one is kept; then every second up to twice as many, every fourth up to four times, …"""


@dataclass(frozen=True)
class EpochPredictions:
    """An epoch's predictions for the ``n`` validation images.

    Attributes:
        classes: uint8 ``(n,)``, the most probable class of each image.
        probabilities: float32 ``(n,)``, the probability of that class, in steps of 1/255.
    """

    epoch: int
    classes: NDArray[np.uint8]
    probabilities: NDArray[np.float32]


def is_kept(epoch: int) -> bool:
    """Return whether an epoch stays in the file: all up to EVERY_EPOCH, then 250 for each doubling of the number."""
    stride = 1
    while epoch > EVERY_EPOCH * stride:
        stride *= 2
    return epoch % stride == 0


def continue_after(path: Path, epoch: int) -> None:
    """Prepare the file for a run that continues after `epoch`: drop later epochs and cut an incomplete record off."""
    if not os.path.lexists(path):
        return
    reader = PredictionsReader(path)
    later = [number for number in reader.epochs() if number > epoch]
    with open_append(path) as file:
        file.truncate(reader.end)
    if later:
        _write(path, HEAD.pack(epoch, 0))


def append(path: Path, epoch: int, probabilities: NDArray[Any]) -> None:
    """Append an epoch's probabilities ``(n, classes)`` completely or, with an OSError, not at all: for a worker."""
    import numpy as np

    classes = probabilities.argmax(axis=1).astype(np.uint8)
    certainty = np.rint(np.nan_to_num(probabilities.max(axis=1)) * 255).astype(np.uint8)
    packed = zlib.compress(classes.tobytes() + certainty.tobytes(), 1)
    _write(path, HEAD.pack(epoch, len(packed)) + packed)


def _write(path: Path, record: bytes) -> None:
    with open_append(path) as file:
        before = file.seek(0, os.SEEK_END)
        try:
            if file.write(record) != len(record):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            file.truncate(before)
            raise


class PredictionsReader:
    """Reads single epochs from the file, which may still be growing. For one thread at a time.

    Attributes:
        end: the size in bytes of all complete records at the last scan.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.end = 0
        self._places: dict[int, tuple[int, int]] = {}
        self._order: list[int] = []

    def epochs(self) -> list[int]:
        """Return the epochs in the file, in ascending order."""
        self._scan()
        return sorted(self._places)

    def nearest(self, epoch: int) -> int | None:
        """Return the newest epoch in the file up to `epoch`; None where there is none."""
        return max((number for number in self.epochs() if number <= epoch), default=None)

    def read(self, epoch: int) -> EpochPredictions | None:
        """Return an epoch's predictions; None if they are not in the file or damaged."""
        import numpy as np

        self._scan()
        if epoch not in self._places:
            return None
        offset, length = self._places[epoch]
        try:
            with open_regular(self.path) as file:
                file.seek(offset)
                packed = zlib.decompressobj()
                data = packed.decompress(file.read(min(length, PACKED_BYTES)), UNPACKED_BYTES)
        except (OSError, zlib.error):
            return None
        if not packed.eof or len(data) % 2:
            return None
        values, count = np.frombuffer(data, np.uint8), len(data) // 2
        return EpochPredictions(epoch, values[:count], (values[count:] / np.float32(255)).astype(np.float32))

    def _scan(self) -> None:
        try:
            with open_regular(self.path) as file:
                size = os.fstat(file.fileno()).st_size
                if size < self.end:
                    self.end, self._places, self._order = 0, {}, []
                while self.end + HEAD.size <= size:
                    file.seek(self.end)
                    epoch, length = HEAD.unpack(file.read(HEAD.size))
                    body = self.end + HEAD.size
                    if body + length > size:
                        break
                    if length and epoch not in self._places:
                        bisect.insort(self._order, epoch)
                    if length:
                        self._places[epoch] = (body, length)
                    while not length and self._order and self._order[-1] > epoch:
                        del self._places[self._order.pop()]
                    self.end = body + length
        except (OSError, struct.error):
            return
