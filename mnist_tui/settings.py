"""The user's settings: their names, their defaults, and the file in which they are saved.

A flag or an environment variable overrides the file, and the file overrides the default. Other keys in it are kept.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast, get_args

from mnist_tui.files import UnreadableFileError, parse_toml, read_text, write_text
from mnist_tui.paths import NoHomeError, PathError, config_folder, path_in_variable, typed_path

DEFAULT_THEME = "bench-dark"
Glyphs = Literal["braille", "block", "ascii"]
BAR_FULL: dict[Glyphs, str] = {"braille": "━", "block": "━", "ascii": "="}
BAR_HALF: dict[Glyphs, str] = {"braille": "╸", "block": "╸", "ascii": "-"}
BAR_REST: dict[Glyphs, str] = {"braille": "─", "block": "─", "ascii": "-"}
"""The two characters of a progress bar, for each setting of the glyphs."""
BLOCK: dict[Glyphs, str] = {"braille": "█", "block": "█", "ascii": "#"}
"""The character of a filled bar, for each setting of the glyphs."""
Pictures = Literal["auto", "kitty", "sixel", "blocks"]
Refresh = Literal["auto", "normal", "slow"]
LOCK_SECONDS = 2.0
LOCK_RETRY_SECONDS = 0.005
REFRESH_SECONDS: dict[Refresh, float] = {"auto": 0.5, "normal": 0.5, "slow": 5.0}


@dataclass(frozen=True)
class Settings:
    """The user's settings.

    Attributes:
        glyphs: the characters with which lines and pictures are drawn.
        pictures: how images are drawn: `auto` means true pictures if the terminal says that it has them, else blocks.
        refresh: how often a live screen is redrawn; `auto` means slow on a slow terminal, else normal.
        confirm: whether to ask before something is lost.
        bell: whether the terminal rings when a run ends.
        keys: the user's own keys by the id of a binding; several keys are separated by commas.
        runs_dir: the folder for runs; None for the default.
        author: the author of the last report; None if there was none.
        toured: whether the first-run tour has been shown.
    """

    theme: str = DEFAULT_THEME
    glyphs: Glyphs = "braille"
    pictures: Pictures = "auto"
    refresh: Refresh = "auto"
    confirm: bool = True
    bell: bool = True
    keys: Mapping[str, str] = field(default_factory=dict[str, str])
    runs_dir: str | None = None
    author: str | None = None
    toured: bool = False

    @property
    def refresh_seconds(self) -> float:
        """The time between two redraws of a live screen on a terminal that is not slow."""
        return REFRESH_SECONDS[self.refresh]


def _one_of(values: tuple[str, ...]) -> Callable[[Any], str]:
    return lambda value: "" if value in values else f"one of {', '.join(values)}"


def folder_problem(value: Any) -> str:
    """Return what a folder's setting must be (``a folder's whole path …``) if `value` is wrong, else an empty text."""
    try:
        good = isinstance(value, str) and value.startswith(("/", "~")) and typed_path(value).is_absolute()
    except PathError:
        good = False
    return "" if good else "a folder's whole path, from / or ~ on"


WANTED: dict[str, Callable[[Any], str]] = {
    **dict.fromkeys(("theme", "author"), lambda value: "" if isinstance(value, str) and value else "a name in quotes"),
    **dict.fromkeys(("confirm", "bell", "toured"), lambda value: "" if isinstance(value, bool) else "true or false"),
    "glyphs": _one_of(get_args(Glyphs)),
    "pictures": _one_of(get_args(Pictures)),
    "refresh": _one_of(get_args(Refresh)),
    "keys": lambda value: "" if isinstance(value, Mapping) else "a table of keys by their names, such as app.runs",
    "runs_dir": folder_problem,
}
"""A function for each setting; it returns what the value must be if a given value is wrong, else an empty text."""


def settings_file() -> Path:
    """Return the path of the settings file: ``MNIST_TUI_CONFIG``, else `settings.toml` in the configuration folder.

    Raises:
        PathError: the variable holds no path, or there is no home folder.
    """
    return path_in_variable("MNIST_TUI_CONFIG") or config_folder() / "settings.toml"


def settings_file_text() -> str:
    """Return the path of the settings file as text, or a sentence that says why there is none."""
    try:
        return str(settings_file())
    except PathError as error:
        return str(error)


def load_settings() -> tuple[Settings, tuple[str, ...]]:
    """Read the settings file.

    Returns:
        The settings, with defaults for missing and wrong values, and a sentence for each wrong value.
    """
    try:
        path = settings_file()
    except NoHomeError:
        return Settings(), ()
    except PathError as error:
        return Settings(), (f"{error}; the default settings are used",)
    try:
        doc = parse_toml(read_text(path, follow_links=True))
    except FileNotFoundError:
        return Settings(), ()
    except UnreadableFileError as error:
        return Settings(), (f"{error}; the defaults are used",)
    except OSError as error:
        return Settings(), (
            f"the settings file {path} cannot be read ({error.strerror or error}); the defaults are used",
        )
    except ValueError as error:
        return Settings(), (f"the settings file {path} is not TOML ({error}); the defaults are used",)
    return _checked(doc, path)


def _checked(doc: dict[str, Any], path: Path) -> tuple[Settings, tuple[str, ...]]:
    values: dict[str, Any] = {}
    problems: list[str] = []
    for name, value in doc.items():
        if name not in WANTED:  # of another program or a later version, unless it is nearly the name of a setting
            from difflib import get_close_matches

            near = get_close_matches(name, WANTED, n=1, cutoff=0.75)
            problems += [f"in {path} there is no setting {name}; is {near[0]} meant?"] if near else []
        elif wanted := WANTED[name](value):
            problems.append(f"in {path}, {name} = {_shown(value)} is not {wanted}; the default is used")
        elif name == "keys":
            values[name], wrong = _keys(value, path)
            problems += wrong
        else:
            values[name] = value
    return Settings(**values), tuple(problems)


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)


RENAMED_KEYS = {"editor.digit": "editor.image", "editor.next-digit": "editor.next-image"}
"""The present ids of bindings that had others in earlier versions."""


def _keys(table: Mapping[str, Any], path: Path, prefix: str = "") -> tuple[dict[str, str], list[str]]:
    """Return the keys by the ids of bindings, and the problems. TOML reads an unquoted id as nested tables."""
    keys: dict[str, str] = {}
    problems: list[str] = []
    for name, value in table.items():
        if isinstance(value, Mapping):
            inner, wrong = _keys(value, path, f"{prefix}{name}.")
            keys |= inner
            problems += wrong
        elif isinstance(value, str) and value.strip():
            key = f"{prefix}{name}"
            keys[RENAMED_KEYS.get(key, key)] = value.strip()
        else:
            problems.append(f"in {path}, [keys] {prefix}{name} = {_shown(value)} is not a key's name in quotes")
    return keys, problems


def save_settings(*, keys_before: Mapping[str, str] | None = None, **changes: Any) -> None:
    """Write changed settings to the file, and keep everything else in it, even changes that another app has just made.

    Args:
        keys_before: the setting `keys` before the change; unchanged keys stay as they are in the file.
        changes: settings by name; None removes a setting from the file.

    Raises:
        OSError: the file cannot be read or written.
        ValueError: the file is not TOML, or there is no home folder for it.
    """
    import tomlkit

    path = Path(os.path.realpath(settings_file()))
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(path.parent):
        try:
            text = read_text(path)
        except FileNotFoundError:
            text = ""
        saved_keys = parse_toml(text).get("keys")
        doc: Any = tomlkit.parse(text)
        for name, value in changes.items():
            if name == "keys":
                if keys_before is not None and isinstance(saved_keys, Mapping):
                    saved, _ = _keys(cast(Mapping[str, Any], saved_keys), path)
                    removed = keys_before.keys() - value.keys()
                    changed = {binding: keys for binding, keys in value.items() if keys_before.get(binding) != keys}
                    value = {b: keys for b, keys in saved.items() if b not in removed} | changed  # noqa: PLW2901
                value = _quoted(value) if value else None  # noqa: PLW2901
            if value is None:
                doc.pop(name, None)
            else:
                doc[name] = value
        write_text(path, tomlkit.dumps(doc))


@contextmanager
def _locked(folder: Path) -> Generator[None]:
    """Keep other apps from writing the settings meanwhile; raises an OSError if one does so for LOCK_SECONDS."""
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        end = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    raise OSError(f"another process keeps {folder} locked") from None
            except OSError:  # no locks here; two apps that write at the same moment are rarer than such file systems
                break
            time.sleep(LOCK_RETRY_SECONDS)
        yield
    finally:
        os.close(handle)


def _quoted(keys: Mapping[str, str]) -> Any:
    import tomlkit

    table = tomlkit.table()
    for name in sorted(keys):
        table.append(tomlkit.key(name) if "." not in name else tomlkit.key([*name.split(".")]), keys[name])
    return table
