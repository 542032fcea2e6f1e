"""Our processes import Python's library, installed packages and us: never what lies in the folder of a person."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import mnist_tui
from mnist_tui import python_process

SHADOWS = ("random", "keras", "tensorflow", "queue", "token", "csv", "typer", "pydantic")
ROOT = Path(mnist_tui.__file__).parent.parent


@pytest.fixture
def shadowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: it has files called as modules that we import, and another `mnist_tui`."""
    for name in SHADOWS:
        (tmp_path / f"{name}.py").write_text(f"raise SystemExit('imported {name}.py')\n")
    (tmp_path / "mnist_tui").mkdir()
    (tmp_path / "mnist_tui" / "__init__.py").write_text("raise SystemExit('imported another mnist_tui')\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def started(*arguments: str, cwd: str | None = python_process.WORKING_DIRECTORY) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        python_process.module("mnist_tui", *arguments),
        env=python_process.environment(),
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.usefixtures("shadowed")
def test_files_of_the_current_folder_are_not_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep)  # an empty entry means the current folder
    ended = started("complexity", "--preset", "raw", "--format", "json", cwd=None)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_the_command_and_python_m_import_nothing_from_where_they_stand(shadowed: Path) -> None:
    (shadowed / "mnist_tui" / "__init__.py").unlink()
    (shadowed / "mnist_tui").rmdir()
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    script = shadowed / "mnist-tui"
    script.write_text("import sys\nfrom mnist_tui.cli.entry import main\nsys.exit(main())\n")
    for command in ([sys.executable, "-m", "mnist_tui"], [sys.executable, str(script)]):
        ended = subprocess.run(
            [*command, "presets", "list", "--json"], env=environment, capture_output=True, text=True, check=False
        )
        assert (ended.returncode, ended.stderr) == (0, "")


def test_a_current_folder_that_is_gone_is_no_hindrance(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    words = f"rmdir {gone} && exec {sys.executable} -m mnist_tui --version"
    ended = subprocess.run(["sh", "-c", words], cwd=gone, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_relative_places_are_made_absolute_and_empty_ones_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["", "mine", "/else/where", ""]))
    monkeypatch.setenv("MNIST_TUI_DATA", "data")
    monkeypatch.setenv("KERAS_HOME", "~/keras")
    made = python_process.environment({"OWN": "1"})
    assert made["PYTHONPATH"].split(os.pathsep) == [str(tmp_path / "mine"), "/else/where"]
    assert made["MNIST_TUI_DATA"] == str(tmp_path / "data")
    assert (made["KERAS_HOME"], made["OWN"], made["PYTHONSAFEPATH"]) == ("~/keras", "1", "1")


def test_this_copy_of_the_package_is_found_before_another_and_after_the_standard_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mnist_tui.run_module import _make_findable

    (tmp_path / "mnist_tui").mkdir()
    monkeypatch.setattr(sys, "path", ["/the/library", str(tmp_path)])
    _make_findable(str(ROOT))
    assert sys.path == ["/the/library", str(ROOT), str(tmp_path)]
    monkeypatch.setattr(sys, "path", ["/the/library"])
    _make_findable(str(ROOT))
    assert sys.path == ["/the/library", str(ROOT)]


def test_every_python_process_is_started_by_the_one_module() -> None:
    """A new `Popen` of Python outside `python_process` would import from the current folder again."""
    package = ROOT / "mnist_tui"
    naming = [file for file in package.rglob("*.py") if "sys.executable" in file.read_text(encoding="utf-8")]
    assert {file.relative_to(package).as_posix() for file in naming} == {"python_process.py", "cli/doctor.py"}
