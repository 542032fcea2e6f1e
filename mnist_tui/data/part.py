"""Some parts of a dataset (training images, test labels, …), read without the others."""

from __future__ import annotations

from collections.abc import Sequence

from mnist_tui.data.catalogue import PARTS, Part
from mnist_tui.data.idx import IdxContent, idx_sha256, read_idx
from mnist_tui.data.places import Location


def read_parts(location: Location, parts: Sequence[Part]) -> list[IdxContent]:
    """Read parts from where a dataset lies, with their checksums; which checksum is right, the caller knows.

    Raises:
        DataError: A file is damaged or of another kind.
    """
    if location.kind == "bundled":
        from mnist_tui.data.digits import read_digits

        digits = read_digits()
        return [IdxContent(digits[part], idx_sha256(digits[part])) for part in parts]
    if location.kind == "npz":
        from mnist_tui.data.npz import read_npz

        archive = read_npz(location.files[0])
        return [archive[part] for part in parts]
    files = dict(zip(PARTS, location.files, strict=True))
    return [read_idx(files[part], "images" if part.endswith("images") else "labels") for part in parts]
