"""How a person names one of many folders that are called by the time: runs and studies."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, TypeVar

SHOWN = 4
"""Names told of those that a text may mean."""


class Named(Protocol):
    """What has a name."""

    @property
    def id(self) -> str: ...


Found = TypeVar("Found", bound=Named)


def newest_first(place: Path, proof: str = "") -> list[str]:
    """The names of the folders in `place`, newest first, for they begin with the time.

    Args:
        proof: a file that each of them holds; empty where that is seen later.
    """
    try:
        with os.scandir(place) as entries:
            names = [entry.name for entry in entries if entry.name[0] != "." and entry.is_dir()]
    except OSError:
        return []
    names.sort(reverse=True)
    return [name for name in names if (place / name / proof).exists()] if proof else names


def meant(folders: Sequence[Found], text: str) -> list[Found]:
    """Those that `text` may mean: the one of that name, else those whose name begins with it or has it as its end."""
    exact = [folder for folder in folders if folder.id == text]
    return exact or [folder for folder in folders if folder.id.startswith(text) or folder.id.endswith(f"-{text}")]


def several(found: Sequence[Named], text: str, what: str) -> str:
    """That a text means several.

    Args:
        what: they are, in the plural.
    """
    some = ", ".join(folder.id for folder in found[:SHOWN])
    more = " …" if len(found) > SHOWN else ""
    return f"{text!r} is the beginning of {len(found)} {what} ({some}{more}); give more of it"
