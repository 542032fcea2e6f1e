"""The user's settings: what can be set, its defaults, and the file that remembers it.

An environment variable or a flag beats the file, the file beats the default. Keys of the file that are not ours stay.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import platformdirs

DEFAULT_THEME = "textual-dark"
Glyphs = Literal["braille", "block", "ascii"]
Refresh = Literal["auto", "normal", "slow"]
REFRESH_SECONDS: dict[Refresh, float] = {"auto": 0.5, "normal": 0.5, "slow": 5.0}


@dataclass(frozen=True)
class Settings:
    """How the user wants the app.

    Attributes:
        glyphs: what lines and pictures are drawn with.
        refresh: how often a live screen is redrawn; auto is normal until the terminal turns out to be slow.
        confirm: whether to ask before something is lost.
        bell: whether the terminal rings when a run ends.
        keys: keys of the user's own, by the id of a binding; several are joined by commas.
        runs_dir: where runs are kept; None for the default.
        author: of reports, as last given; None before one was.
        toured: whether the first-run tour was seen.
    """

    theme: str = DEFAULT_THEME
    glyphs: Glyphs = "braille"
    refresh: Refresh = "auto"
    confirm: bool = True
    bell: bool = True
    keys: Mapping[str, str] = field(default_factory=dict[str, str])
    runs_dir: str | None = None
    author: str | None = None
    toured: bool = False

    @property
    def refresh_seconds(self) -> float:
        """Between two redraws of a live screen, on a terminal that is not slow."""
        return REFRESH_SECONDS[self.refresh]


def _one_of(values: tuple[str, ...]) -> Callable[[Any], str]:
    return lambda value: "" if value in values else f"one of {', '.join(values)}"


def _yes_or_no(value: Any) -> str:
    return "" if isinstance(value, bool) else "true or false"


def _name(value: Any) -> str:
    return "" if isinstance(value, str) and value else "a name in quotes"


def folder_problem(value: Any) -> str:
    """What a folder of the settings has to be, where `value` is not that; empty where it is."""
    good = isinstance(value, str) and value.startswith(("/", "~")) and "\0" not in value
    return "" if good else "a folder's whole path, from / or ~ on"


def _table(value: Any) -> str:
    return "" if isinstance(value, Mapping) else "a table of keys by their names, such as app.runs"


WANTED: dict[str, Callable[[Any], str]] = {
    "theme": _name,
    "glyphs": _one_of(get_args(Glyphs)),
    "refresh": _one_of(get_args(Refresh)),
    "confirm": _yes_or_no,
    "bell": _yes_or_no,
    "keys": _table,
    "runs_dir": folder_problem,
    "author": _name,
    "toured": _yes_or_no,
}
"""By the name of a setting: says what its value should be, or nothing where it is that."""


def settings_file() -> Path:
    """``MNIST_TUI_CONFIG``, else `settings.toml` in the user's configuration folder."""
    given = os.environ.get("MNIST_TUI_CONFIG")
    return Path(given) if given else Path(platformdirs.user_config_dir("mnist-tui")) / "settings.toml"


def remembered() -> tuple[Settings, tuple[str, ...]]:
    """The settings of the file, and a sentence for everything in it that cannot be used: there the default counts."""
    path = settings_file()
    try:
        doc = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Settings(), ()
    except OSError as error:
        return Settings(), (f"{path} cannot be read ({error.strerror or error}); the defaults are used",)
    except ValueError as error:
        return Settings(), (f"{path} is not TOML ({error}); the defaults are used",)
    return _understood(doc, path)


def _understood(doc: dict[str, Any], path: Path) -> tuple[Settings, tuple[str, ...]]:
    values: dict[str, Any] = {}
    problems: list[str] = []
    for name, value in doc.items():
        if name not in WANTED:
            problems += _misspelt(name, path)
        elif wanted := WANTED[name](value):
            problems.append(f"{path}: {name} = {_shown(value)} is not {wanted}; the default is used")
        elif name == "keys":
            values[name], wrong = _keys(value, path)
            problems += wrong
        else:
            values[name] = value
    return Settings(**values), tuple(problems)


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _misspelt(name: str, path: Path) -> list[str]:
    """Other programs' keys and later versions' are left alone; what looks like one of ours is asked about."""
    from difflib import get_close_matches

    near = get_close_matches(name, WANTED, n=1, cutoff=0.75)
    return [f"{path}: there is no setting {name}; is {near[0]} meant?"] if near else []


def _keys(table: Mapping[str, Any], path: Path, prefix: str = "") -> tuple[dict[str, str], list[str]]:
    """Keys by the ids of bindings; TOML reads an id without quotes (`app.runs = "f3"`) as tables in each other."""
    found: dict[str, str] = {}
    problems: list[str] = []
    for name, value in table.items():
        if isinstance(value, Mapping):
            inner, wrong = _keys(value, path, f"{prefix}{name}.")
            found |= inner
            problems += wrong
        elif isinstance(value, str) and value.strip():
            found[f"{prefix}{name}"] = value.strip()
        else:
            problems.append(f"{path}: [keys] {prefix}{name} = {_shown(value)} is not a key's name in quotes")
    return found, problems


def remember(**changes: Any) -> None:
    """Writes these settings into the file; all else that is in it stays. None takes a setting out of the file.

    Raises:
        OSError: the file cannot be written.
        ValueError: it is not TOML.
    """
    import tomlkit

    from mnist_tui.files import write_text

    path = settings_file().resolve()
    doc: Any = tomlkit.parse(path.read_text(encoding="utf-8")) if path.exists() else tomlkit.document()
    for name, value in changes.items():
        if value is None or (name == "keys" and not value):
            doc.pop(name, None)
        elif name == "keys":
            doc[name] = _quoted(value)
        else:
            doc[name] = value
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, tomlkit.dumps(doc))


def _quoted(keys: Mapping[str, str]) -> Any:
    import tomlkit

    table = tomlkit.table()
    for name in sorted(keys):
        table.append(tomlkit.key(name) if "." not in name else tomlkit.key([*name.split(".")]), keys[name])
    return table
