"""The names of the folders of runs and studies: new names are made from the time; a person types a part of a name."""

from __future__ import annotations

import calendar
import errno
import os
import re
import stat
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from mnist_tui.runs.process_folder import ProcessFolder

STAMP = "%Y%m%d-%H%M%S"
"""The time in UTC that the names of runs and studies begin with."""
FAR_SECONDS = 26 * 3600
"""A name's time is not used if it is this far in the future, which no time zone or change of a clock explains."""
SHOWN = 4
"""How many of the matching names an error lists."""

Folder = TypeVar("Folder", bound=ProcessFolder)


@dataclass(frozen=True)
class SkippedEntry:
    """An entry of a folder that could not be examined, such as another user's folder or a broken link, and why."""

    name: str
    why: str

    def __str__(self) -> str:
        return f"{self.name} ({self.why})"


def scan_folder(place: Path, required_file: str = "") -> tuple[list[str], list[SkippedEntry]]:
    """Return the names of the folders in `place`, newest first, and the entries that could not be examined.

    Args:
        required_file: the name of a file that each folder must hold; empty for no such test.
    """
    names: list[str] = []
    skipped: list[SkippedEntry] = []
    try:
        entries = sorted((name for name in os.listdir(place) if name[0] != "."), reverse=True)  # noqa: PTH208
    except OSError:
        entries = []
    for name in entries:
        try:
            kind = os.stat(place / name).st_mode  # noqa: PTH116 (follows links)
            if stat.S_ISDIR(kind) and (not required_file or _exists(place / name / required_file)):
                names.append(name)
        except OSError as error:
            gone = isinstance(error, FileNotFoundError)
            if gone and not os.path.islink(place / name):  # noqa: PTH114 (never raises an error)
                continue
            why = "a link that leads nowhere" if gone or error.errno == errno.ELOOP else error.strerror or str(error)
            skipped.append(SkippedEntry(name, why))
    return names, skipped


def newest_first(place: Path, required_file: str = "") -> list[str]:
    """Return the names that `scan_folder` finds."""
    return scan_folder(place, required_file)[0]


def is_file(path: Path) -> bool:
    """Return whether `path` is a file or a link to a file; False also if the file system rejects the path."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _exists(file: Path) -> bool:
    try:
        file.lstat()  # finds a broken link too, and raises an OSError in a forbidden folder
    except FileNotFoundError:
        return False
    return True


def matching(folders: Sequence[Folder], text: str) -> list[Folder]:
    """Return the folder with the name `text`, else all folders whose names begin or end with it."""
    exact = [folder for folder in folders if folder.id == text]
    return exact or [folder for folder in folders if folder.id.startswith(text) or folder.id.endswith(f"-{text}")]


def ambiguous(matches: Sequence[ProcessFolder], text: str, what: str) -> str:
    """Return the error message for a text that fits several folders, which `what` names in the plural (``runs``)."""
    some = ", ".join(folder.id for folder in matches[:SHOWN])
    more = " …" if len(matches) > SHOWN else ""
    return f"{text!r} is the beginning of {len(matches)} {what} ({some}{more}); type more of the name"


def new_name(place: Path, created: float, title: str, otherwise: str) -> str:
    """Return a new name for a folder in `place`: ``20250101-120000-raw-4b66``.

    The name begins with the time in UTC, or with a later time than the newest name in the folder if the clock was set
    back, or if an earlier version used local time. So the order of the names is that of their making.

    Args:
        created: the present time in seconds since 1970.
        title: the text for the middle of the name; only its letters and digits are used.
        otherwise: the middle of the name if the title has no letter or digit.
    """
    slug = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:40].strip("-") or otherwise
    return f"{_new_stamp(place, created)}-{slug}-{random_ending()}"


def random_ending() -> str:
    """Return four random hexadecimal digits."""
    return os.urandom(2).hex()


def _new_stamp(place: Path, created: float) -> str:
    for name in newest_first(place):
        newest = time_in_name(name)
        if newest is None:
            continue
        if newest <= created:
            break
        if not is_far(newest, created):
            return time.strftime(STAMP, time.gmtime(newest + 1))
    return time.strftime(STAMP, time.gmtime(created))


def time_in_name(name: str) -> float | None:
    """Return the time at the beginning of a name, in seconds since 1970; None where there is none."""
    try:
        return float(calendar.timegm(time.strptime(name[:15], STAMP)))
    except ValueError:
        return None


def is_far(named: float, created: float) -> bool:
    """Return whether the time `named` is so long after `created` that no time zone or clock change explains it."""
    return named - created >= FAR_SECONDS
