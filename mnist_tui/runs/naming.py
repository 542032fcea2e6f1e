"""The names of runs and studies: how new ones are made from the time, and which folders a person's words mean."""

from __future__ import annotations

import calendar
import errno
import os
import re
import secrets
import stat
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

STAMP = "%Y%m%d-%H%M%S"
"""How the names of runs and studies begin, in UTC."""
FAR_SECONDS = 26 * 3600
"""Names further in the future than this do not decide about the names of new runs; time zones and steps are nearer."""
SHOWN = 4
"""How many names a refusal lists of those that a text may mean."""


class Named(Protocol):
    """A run's or a study's folder."""

    @property
    def id(self) -> str: ...


Folder = TypeVar("Folder", bound=Named)


@dataclass(frozen=True)
class SkippedEntry:
    """An entry of a folder that could not be examined, and why: another user's folder, a link that leads nowhere."""

    name: str
    why: str

    def __str__(self) -> str:
        return f"{self.name} ({self.why})"


def scan_folder(place: Path, proof: str = "") -> tuple[list[str], list[SkippedEntry]]:
    """Return the names of the folders in `place`, newest first, and the entries that could not be examined.

    Args:
        proof: a file that each of them holds; empty where that is seen later.
    """
    names: list[str] = []
    skipped: list[SkippedEntry] = []
    try:
        entries = sorted((name for name in os.listdir(place) if name[0] != "."), reverse=True)  # noqa: PTH208
    except OSError:
        entries = []
    for name in entries:
        try:
            kind = os.stat(place / name).st_mode  # noqa: PTH116 (of what a link leads to)
            if stat.S_ISDIR(kind) and (not proof or _holds(place / name / proof)):
                names.append(name)
        except OSError as error:
            gone = isinstance(error, FileNotFoundError)
            if gone and not os.path.islink(place / name):  # noqa: PTH114 (never raises an error)
                continue
            why = "a link that leads nowhere" if gone or error.errno == errno.ELOOP else error.strerror or str(error)
            skipped.append(SkippedEntry(name, why))
    return names, skipped


def newest_first(place: Path, proof: str = "") -> list[str]:
    """Return the names that `scan_folder` finds."""
    return scan_folder(place, proof)[0]


def is_file(path: Path) -> bool:
    """Return whether there is a readable file, or a link to one; False also for a text that cannot be a path."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _holds(file: Path) -> bool:
    """Return whether something of that name is there, a broken link too; raises OSError for a forbidden folder."""
    try:
        file.lstat()
    except FileNotFoundError:
        return False
    return True


def matching(folders: Sequence[Folder], text: str) -> list[Folder]:
    """Return the folders that `text` may mean: the one of that name, else those whose name begins or ends with it."""
    exact = [folder for folder in folders if folder.id == text]
    return exact or [folder for folder in folders if folder.id.startswith(text) or folder.id.endswith(f"-{text}")]


def ambiguous(matches: Sequence[Named], text: str, what: str) -> str:
    """Return the refusal of a text that means several; `what` names them in the plural."""
    some = ", ".join(folder.id for folder in matches[:SHOWN])
    more = " …" if len(matches) > SHOWN else ""
    return f"{text!r} is the beginning of {len(matches)} {what} ({some}{more}); type more of the name"


def new_name(place: Path, created: float, title: str, otherwise: str) -> str:
    """Return a new name for a folder in `place`: ``20250101-120000-raw-4b66``.

    It begins with the time in UTC, but never with one before that of the newest name there. So names keep the order in
    which they were made where the clock was set back, or earlier versions wrote local time.

    Args:
        created: seconds since the epoch.
        title: a part of the name is made from it.
        otherwise: that part where the title has no letter or digit.
    """
    slug = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:40].strip("-") or otherwise
    return f"{_new_stamp(place, created)}-{slug}-{secrets.token_hex(2)}"


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
    """Return the time that a name begins with, in seconds since the epoch; None where it begins with none."""
    try:
        return float(calendar.timegm(time.strptime(name[:15], STAMP)))
    except ValueError:
        return None


def is_far(named: float, created: float) -> bool:
    """Return whether a name's time lies so far after a moment that no time zone or step of a clock explains it."""
    return named - created >= FAR_SECONDS
