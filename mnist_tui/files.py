"""Files that a reader never sees half of: written beside their place, then renamed into it."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TEMPORARY = ".tmp-"
"""How the names of files and folders begin that are for a moment only; a process that was killed leaves them."""


@contextmanager
def replacing(path: Path) -> Generator[Path]:
    """A temporary path beside `path` (same suffixes) to write to; renamed to `path` when the block ends well."""
    handle, name = tempfile.mkstemp(prefix=TEMPORARY, suffix="".join(path.suffixes[-2:]), dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def replacing_folder(path: Path) -> Generator[Path]:
    """An empty folder beside `path` to fill; renamed to `path`, whatever is there, when the block ends well."""
    temporary = Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=path.parent))
    try:
        yield temporary
        temporary.chmod(0o777 & ~_umask())
        move(temporary, path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def move(source: Path, path: Path) -> None:
    """Renames a file or a folder to `path`, on the same disk; a folder that is there goes once it is replaced."""
    if not path.is_dir() or path.is_symlink():
        source.replace(path)
        return
    with tempfile.TemporaryDirectory(prefix=TEMPORARY, dir=path.parent, ignore_cleanup_errors=True) as aside:
        old = path.rename(Path(aside) / path.name)
        try:
            source.rename(path)
        except BaseException:
            old.rename(path)
            raise


def discard(path: Path) -> None:
    """Removes a file, a link, or a folder with all that is in it; nothing there is well, too."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Replaces the whole file."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, doc: Any) -> None:
    """Replaces the whole file; NaN and infinity are refused, for not everyone's JSON has them."""
    write_text(path, json.dumps(doc, indent=1, allow_nan=False) + "\n")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
