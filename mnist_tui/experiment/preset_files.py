"""The files of the presets: where they are, their order in lists, and what is wrong with those that cannot be used.

The app's first screen imports this file: no preset is read here, and no pydantic is imported.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mnist_tui.errors import RequestError
from mnist_tui.paths import NoHomeError, config_folder, path_in_variable

STARTERS = ("raw", "hog", "cnn", "fashion")


class PresetError(RequestError):
    """A preset that does not exist, or whose file is not valid; the message names file, line and remedy."""


@dataclass(frozen=True)
class BrokenPreset:
    """A preset's file that cannot be used, with the reason as a sentence."""

    name: str
    path: Path
    message: str


def builtin_folder() -> Path:
    """Return the folder of the built-in presets: inside an installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "presets"
    return inside if inside.is_dir() else package.parent / "presets"


def user_folder() -> Path:
    """Return the folder of the user's presets; raise `NoHomeError` if there is no home folder."""
    config = path_in_variable("MNIST_TUI_CONFIG")
    return (config.parent if config else config_folder()) / "presets"


def folders() -> list[tuple[str, Path]]:
    """Return the origins of presets with their folders, the user's last and only if there is a home folder."""
    folders = [("built-in", builtin_folder())]
    with suppress(NoHomeError):
        folders.append(("saved", user_folder()))
    return folders


def files_in(folder: Path) -> list[Path]:
    """Return the presets' files below a folder in the order of lists; raise OSError if it cannot be searched."""

    def rank(file: Path) -> tuple[str, int, list[str | int]]:
        parent = file.relative_to(folder).parent
        starter = STARTERS.index(file.stem) if parent == Path() and file.stem in STARTERS else len(STARTERS)
        parts: list[str | int] = [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", file.stem)]
        return parent.as_posix().removeprefix("."), starter, parts

    return sorted(folder.rglob("*.toml"), key=rank)


def unsearchable(folder: Path, error: OSError) -> str:
    return f"the folder {folder} cannot be searched: {error.strerror or error}"


def searched() -> tuple[list[tuple[str, Path]], str]:
    """Return origin and file of every preset, the user's first, and a sentence if a folder cannot be searched."""
    files: list[tuple[str, Path]] = []
    trouble = ""
    for origin, folder in reversed(folders()):
        try:
            files += [(origin, path) for path in files_in(folder)]
        except OSError as error:
            trouble = unsearchable(folder, error)
    return files, trouble


def names() -> list[str]:
    """Return the names for `--preset`, the built-in ones first."""
    files, _ = searched()
    return [path.stem for wanted in ("built-in", "saved") for origin, path in files if origin == wanted]
