"""Whether all that lies in a run's or a study's folder belongs to it: plain files and folders, no links, no pipes.

A run is a thing that people hand to each other. A link in it would have this program write or delete somewhere else.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from mnist_tui.files import kind_of

SCRATCH = "scratch"
"""A study's folder for its cluster, which other programs fill; only the folder itself is looked at."""


def foreign_file(folder: Path) -> str:
    """What in a run's folder is no file of its own, as a sentence's end; empty where there is nothing such.

    Returns:
        For example "its worker.log is a symbolic link".
    """
    try:
        mode = folder.lstat().st_mode
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"it cannot be looked at ({error.strerror or error})"
    if stat.S_ISLNK(mode):
        return "the folder itself is a symbolic link"
    places = [str(folder)]
    while places:
        place = places.pop()
        try:
            with os.scandir(place) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        if entry.name != SCRATCH or place != str(folder):
                            places.append(entry.path)
                    elif not entry.is_file(follow_symlinks=False):
                        return f"its {os.path.relpath(entry.path, folder)} is {_what(entry)}"
        except FileNotFoundError:  # its worker has removed it since
            continue
        except OSError as error:
            name = os.path.relpath(place, folder)
            return f"{'it' if name == '.' else f'its {name}'} cannot be looked at ({error.strerror or error})"
    return ""


def refusal(folder: Path, what: str = "run") -> str:
    """Why a run or study is neither written to nor deleted, in a sentence; empty where nothing in it leads outside."""
    why = foreign_file(folder)
    return why and (
        f"{what} {folder.name}: {why}; nothing is written to it or deleted. Remove that from {folder} yourself if you "
        "trust the rest"
    )


def _what(entry: os.DirEntry[str]) -> str:
    mode = entry.stat(follow_symlinks=False).st_mode
    return "a symbolic link" if stat.S_ISLNK(mode) else kind_of(mode)
