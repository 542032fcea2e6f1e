"""What a person found out about experiments that miss their published figure: read from a file, never made up."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from mnist_tui.experiment.presets import builtin_folder
from mnist_tui.files import read_text

NAME = "MISSES.md"


def explanations(path: Path | None = None) -> Mapping[str, str]:
    """The explanations by id: the text under each heading ``## ID``, in one line. None where there is no file."""
    try:
        text = read_text(path or builtin_folder() / NAME, follow_links=True)
    except FileNotFoundError:
        return {}
    _, *parts = re.split(r"^## +(\S+) *$", text, flags=re.MULTILINE)
    return {name: " ".join(said.split()) for name, said in zip(parts[::2], parts[1::2], strict=True)}
