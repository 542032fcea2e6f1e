"""The presets and stylesheets reach a wheel and an editable install alike."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from mnist_tui.experiment.presets import list_presets

ROOT = Path(__file__).parent.parent
NAMES = "from mnist_tui.experiment import preset_files as files; print(files.builtin_folder()); print(*files.names())"


def run_python(code: str, cwd: Path, *path: Path) -> list[str]:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, path)),
        "MNIST_TUI_CONFIG": str(cwd / "none.toml"),
    }
    command = [sys.executable, "-P", "-c", code]
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=True
    ).stdout.splitlines()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = target.glob("*.whl")
    return built


def test_a_wheel_carries_the_presets_and_finds_them(wheel: Path, tmp_path: Path):
    unpacked = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(unpacked)
    folder, names = run_python(NAMES, tmp_path, unpacked)
    assert folder == str(unpacked / "mnist_tui" / "presets")
    assert names.split()[:4] == ["raw", "hog", "cnn", "fashion"]


def test_a_wheel_carries_every_file_that_is_not_python(wheel: Path):
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    kinds = (".tcss", ".j2", ".md", ".typed", ".html")
    ours = [path for path in (ROOT / "mnist_tui").rglob("*") if path.suffix in kinds]
    assert ours
    assert {str(path.relative_to(ROOT)) for path in ours} <= packed


def test_an_editable_install_finds_the_presets_of_the_checkout(tmp_path: Path):
    folder, names = run_python(NAMES, tmp_path, ROOT)
    assert folder == str(ROOT / "presets")
    assert names.split()[:4] == ["raw", "hog", "cnn", "fashion"]


def test_no_built_in_preset_is_broken():
    listed = {preset.name for preset in list_presets()}
    assert {path.stem for path in (ROOT / "presets").rglob("*.toml")} <= listed


def test_the_installed_command_lists_the_presets_from_anywhere(tmp_path: Path):
    command = Path(sys.executable).with_name("mnist-tui")
    if not command.exists():
        pytest.skip("mnist-tui is not installed in this environment")
    listed = subprocess.run([command, "presets", "list"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "raw" in listed.stdout
    assert "fashion" in listed.stdout
