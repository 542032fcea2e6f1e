"""The user's settings file as far as the screens use it: the theme, remembered from one start to the next."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import platformdirs

DEFAULT_THEME = "textual-dark"


def settings_file() -> Path:
    """``MNIST_TUI_CONFIG``, else `settings.toml` in the user's configuration folder."""
    given = os.environ.get("MNIST_TUI_CONFIG")
    return Path(given) if given else Path(platformdirs.user_config_dir("mnist-tui")) / "settings.toml"


def remembered_theme() -> str:
    """The theme chosen last; the default where there is no settings file, or none that can be read."""
    try:
        name = tomllib.loads(settings_file().read_text(encoding="utf-8")).get("theme")
    except (OSError, ValueError):
        return DEFAULT_THEME
    return name if isinstance(name, str) else DEFAULT_THEME


def remember_theme(name: str) -> None:
    """Writes the theme into the settings file; all else that is in the file stays.

    Raises:
        OSError: the file cannot be written.
        ValueError: it is not TOML.
    """
    import tomlkit

    from mnist_tui.experiment.files import write_text

    path = settings_file()
    doc = tomlkit.parse(path.read_text(encoding="utf-8")) if path.exists() else tomlkit.document()
    doc["theme"] = name
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, tomlkit.dumps(doc))
