"""Files that are made first and put in place together, so that what fails in making them leaves nothing there."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from pathlib import Path
from types import TracebackType

from mnist_tui.files import temporary_prefix


class Staging:
    """Makes files in folders of its own beside their places; `put` moves them. Leaving removes what was not put.

    Folders for the files are made if need be, and removed again if nothing was put.
    """

    def __init__(self) -> None:
        self._homes: dict[Path, Path] = {}
        self._moves: dict[Path, Path] = {}
        self._made: list[Path] = []

    def __enter__(self) -> Staging:
        return self

    def path(self, place: Path) -> Path:
        """Where to write what belongs to `place`.

        Raises:
            OSError: nothing can be written there.
        """
        staged = self.folder(place.parent) / place.name
        self._moves[staged] = place
        return staged

    def folder(self, beside: Path) -> Path:
        """A folder for passing things on the disk of `beside`.

        Raises:
            OSError: nothing can be written there.
        """
        if beside not in self._homes:
            self._make(beside)
            self._homes[beside] = Path(tempfile.mkdtemp(prefix=temporary_prefix(), dir=beside))
        return self._homes[beside]

    def put(self) -> None:
        """Moves every file to its place: renames on one disk, of which none is begun where a place is a folder.

        Raises:
            OSError: one cannot be moved; should a rename fail all the same, those before it are in place.
        """
        for place in self._moves.values():
            if place.is_dir() and not place.is_symlink():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(place))
        for staged, place in self._moves.items():
            staged.replace(place)
        self._made.clear()

    def _make(self, folder: Path) -> None:
        missing = [one for one in (folder, *folder.parents) if not one.exists()]
        self._made += reversed(missing)
        folder.mkdir(parents=True, exist_ok=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for home in self._homes.values():
            shutil.rmtree(home, ignore_errors=True)
        for folder in reversed(self._made):
            with contextlib.suppress(OSError):
                folder.rmdir()
