"""A note about a dataset that is not on this machine. It looks at file names only; no Textual, no NumPy."""

from __future__ import annotations

from pathlib import Path

from mnist_tui.data.catalogue import KNOWN, DataError
from mnist_tui.data.places import file_list, find

_MEGABYTE = 1_000_000


def data_note(name: str, data_dir: Path | None) -> str:
    """Return a sentence about a dataset that is missing or incomplete on this machine; empty if it is there."""
    try:
        found = find(name, data_dir)
    except DataError as error:
        return str(error)
    if found is not None:
        missing = ", ".join(found.missing)
        return f"{found.folder} lacks {missing}" if missing else ""
    known = KNOWN[name]
    size = sum(known.packed_bytes.values()) / _MEGABYTE
    here = f"{known.title} is not on this machine: training downloads it ({size:.0f} MB)"
    if name == "mnist":
        return f"{here}. Offline it trains on the bundled digits sample instead, 1,797 images, and says so."
    return (
        f"{here}. Offline, put {file_list()} into a folder named {name} "
        "and name the folder above it with --data-dir or MNIST_TUI_DATA."
    )
