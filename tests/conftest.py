"""Nothing that a test writes lands outside its own folder; where the real data lies."""

import gc
import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("bench", deadline=None)
settings.load_profile("bench")


@pytest.fixture(autouse=True, scope="module")
def what_is_imported_is_not_looked_at_again() -> None:
    """Collecting garbage skips what a file finds; else it takes a third of the time of the tests of screens."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.fixture(autouse=True)
def own_places(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings, runs and caches of this test alone; the first-run tour has been seen."""
    home = tmp_path_factory.mktemp("home")
    (home / "settings.toml").write_text("toured = true\n")
    monkeypatch.setenv("MNIST_TUI_CONFIG", str(home / "settings.toml"))
    monkeypatch.setenv("MNIST_TUI_RUNS", str(home / "runs"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with the real MNIST and Fashion-MNIST; without it the test is skipped."""
    folder = Path(os.environ.get("MNIST_TUI_DATA", "nowhere"))
    if not (folder / "mnist").is_dir() or not (folder / "fashion-mnist").is_dir():
        pytest.skip("the real MNIST and Fashion-MNIST are not here; set MNIST_TUI_DATA to the folder that holds both")
    return folder
