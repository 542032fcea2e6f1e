"""Paths that a person types (options, variables, settings, fields of the app), and the user's own folders.

`~` and `~name` mean a home folder, and an empty text is not a path. No file is read or written here.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import platformdirs

from mnist_tui import PROGRAM
from mnist_tui.errors import RequestError

HOMES = "HOME, or XDG_DATA_HOME, XDG_CONFIG_HOME and XDG_CACHE_HOME" if sys.platform == "linux" else "HOME"


class PathError(RequestError):
    """A text that is not a path; the message says why."""


class NoHomeError(PathError, OSError):
    """The error if there is no home folder: HOME is not set, and this user has no account."""


def typed_path(text: str | Path) -> Path:
    """Return the path that a person typed, with `~` and `~name` expanded; a relative path stays relative.

    As in a shell, `~name` is an ordinary name if there is no such user but a file or folder of that name.

    Raises:
        PathError: the text is empty or holds a NUL, or there is no such home folder.
    """
    text = str(text)
    if not text.strip():
        raise PathError("an empty path names no file or folder")
    if "\0" in text:
        raise PathError(f"{text!r} is not a path: it holds a NUL character")
    path = os.path.expanduser(text)  # noqa: PTH111 - pathlib raises for an unknown ~name
    if not path.startswith("~") or os.path.lexists(path):
        return Path(path)
    name = text[1:].partition(os.sep)[0]
    if name:
        raise PathError(f"{text}: there is no user {name!r}; ./{text} means a folder of that name")
    raise NoHomeError(f"{text}: there is no home folder: {_without_home()}, or write the whole path")


def path_in_variable(name: str) -> Path | None:
    """Return the path in an environment variable, None if it is not set or empty; raises as `typed_path`."""
    text = os.environ.get(name, "")
    if not text.strip():
        return None
    try:
        return typed_path(text)
    except PathError as error:
        raise type(error)(f"{name}={error}") from None


def home() -> Path:
    """Return the user's home folder; raises a `NoHomeError` if there is none."""
    return typed_path("~")


def config_folder() -> Path:
    """Return the user's folder for settings and presets; raises a `NoHomeError` if there is none."""
    return _own(platformdirs.user_config_dir)


def data_folder() -> Path:
    """Return the user's folder for runs; raises a `NoHomeError` if there is none."""
    return _own(platformdirs.user_data_dir)


def cache_folder() -> Path:
    """Return the user's folder for downloads and features; raises a `NoHomeError` if there is none."""
    return _own(lambda name: platformdirs.user_cache_dir(name, appauthor=False))


def log_folder() -> Path:
    """Return the user's folder for logs; raises a `NoHomeError` if there is none."""
    return _own(platformdirs.user_log_dir)


def _own(ask: Callable[[str], str]) -> Path:
    try:
        path = os.path.expanduser(ask(PROGRAM))  # noqa: PTH111 - XDG variables may begin with ~ too
    except (RuntimeError, KeyError):
        path = "~"
    if path.startswith("~"):
        raise NoHomeError(f"there is no home folder: {_without_home()}")
    return Path(path)


def _without_home() -> str:
    return f"HOME is not set and user {os.getuid()} has no account; set {HOMES}"
