"""Commands run in this process, with folders of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from tests.invoked import invoke

Command = Callable[..., Result]


@pytest.fixture
def runs_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the runs, through the environment."""
    monkeypatch.setenv("MNIST_TUI_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


@pytest.fixture
def cli(runs_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs a command line; nothing of the person's own settings, runs and caches is seen or touched."""
    monkeypatch.setenv("MNIST_TUI_CONFIG", str(tmp_path / "config" / "settings.toml"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in (
        "XDG_CACHE_HOME",
        "XDG_DATA_HOME",
        "XDG_CONFIG_HOME",
        "XDG_STATE_HOME",
        "KERAS_HOME",
        "TEXTUAL_DRIVER",
    ):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: str | Path, **environment: str) -> Result:
        words = [str(argument) for argument in arguments]
        return invoke(words, environment)

    return run


def sentence(result: Result) -> str:
    """The one sentence with which a wrong request is answered."""
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    assert "Traceback" not in line
    return line.removeprefix("error: ")
