"""A path that a person gives is read in one way, wherever it is given; without a home folder only that fails."""

import os
import pwd
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from mnist_tui.cli.experiment_options import Request
from mnist_tui.cli.main import program
from mnist_tui.data import catalogue, feature_cache
from mnist_tui.data.catalogue import validate_name, whole_name
from mnist_tui.data.facts import resolved
from mnist_tui.experiment.presets import find_preset, list_presets, save_preset
from mnist_tui.paths import NoHomeError, PathError, path_in_variable, typed_path
from mnist_tui.runs.library import default_runs_dir, find_run
from mnist_tui.settings import Settings, folder_problem, load_settings, save_settings
from mnist_tui.studies.trials import parse_over
from mnist_tui.tui.draw.screen import path_of
from mnist_tui.unexpected import logged

VARIABLES = ("HOME", "KERAS_HOME", "MNIST_TUI_CONFIG", "MNIST_TUI_DATA", "MNIST_TUI_RUNS")


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """HOME is not set, and the user has no account."""

    def unknown(uid: int) -> None:
        raise KeyError(uid)

    for name in (*VARIABLES, *(name for name in os.environ if name.startswith("XDG_"))):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)


def test_a_tilde_is_the_home_folder_wherever_a_path_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in VARIABLES[1:]:
        monkeypatch.setenv(name, "~/place/x")
    (tmp_path / "place" / "x").mkdir(parents=True)
    expected = tmp_path / "place" / "x"
    assert typed_path("~/place/x") == expected
    assert default_runs_dir() == expected
    assert catalogue.named_data_folder() == catalogue.named_data_folder(Path("~/place/x")) == expected
    assert catalogue.keras_cache() == expected / "datasets"
    assert path_of("file://~/place/x") == expected
    assert validate_name("~/place/x") == whole_name("~/place/x") == str(expected)
    assert save_preset(find_preset("raw"), "mine") == tmp_path / "place" / "presets" / "mine.toml"
    monkeypatch.setenv("XDG_CACHE_HOME", "~/cache")
    assert catalogue.download_cache().is_relative_to(tmp_path)
    with pytest.raises(PathError, match="no user 'nobody-of-this-name'"):
        find_run(tmp_path, "~nobody-of-this-name")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "an empty path"),
        (" ", "an empty path"),
        ("a\0b", "NUL"),
        ("~nobody-of-this-name/x", "no user 'nobody-of-this-name'"),
    ],
)
def test_what_is_no_path_is_said(text: str, said: str) -> None:
    with pytest.raises(PathError, match=said):
        typed_path(text)
    assert folder_problem(text)
    assert whole_name(text) == text


def test_a_folder_whose_name_begins_with_a_tilde_is_meant_where_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("~backup-of-nobody").mkdir()
    assert typed_path("~backup-of-nobody") == Path("~backup-of-nobody")


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNIST_TUI_RUNS", " ")
    assert path_in_variable("MNIST_TUI_RUNS") is None
    assert default_runs_dir().is_absolute()


@pytest.mark.usefixtures("homeless")
def test_without_a_home_folder_only_what_would_lie_in_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoHomeError, match=r"HOME is not set.*--runs-dir or MNIST_TUI_RUNS"):
        default_runs_dir()
    with pytest.raises(NoHomeError, match="set HOME"):
        save_preset(find_preset("raw"), "mine")
    with pytest.raises(NoHomeError, match="set HOME"):
        save_settings(bell=False)
    assert load_settings() == (Settings(), ())
    assert any(preset.name == "hog" for preset in list_presets())
    assert list(catalogue.search("mnist", tmp_path)) == []
    assert catalogue.find("digits") is not None
    assert feature_cache.status().files == 0
    log = Path(logged(ValueError("who knows")).rsplit(" ", 1)[1])
    assert "who knows" in log.read_text()
    log.unlink()


@pytest.mark.usefixtures("homeless")
def test_without_a_home_folder_variables_name_all_the_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    save_settings(bell=False)
    assert not load_settings()[0].bell
    assert default_runs_dir() == tmp_path / "XDG_DATA_HOME" / "mnist-tui" / "runs"
    assert catalogue.feature_cache().is_relative_to(tmp_path)


def test_a_datasets_folder_is_kept_by_its_whole_path_for_its_worker_stands_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("own").mkdir()
    Path("mnist").mkdir()
    own = str(tmp_path / "own")
    request = Request(preset="raw", texts={}, sets=("dataset.name=own",), device="auto")
    assert request.chosen().experiment.dataset.name == own
    assert parse_over("dataset=own,mnist").values == (own, "mnist")
    assert resolved(find_preset("raw").experiment) == find_preset("raw").experiment


def test_every_option_and_argument_that_is_a_path_is_read_that_way() -> None:
    def paths(command: Any, name: str) -> Iterator[tuple[str, Any]]:
        for parameter in command.params:
            if "Path" in str(parameter.type_descriptor.annotation):
                yield f"{name} {parameter.name}", parameter.type_descriptor.parameter_info.parser
        for below, found in getattr(command, "commands", {}).items():
            yield from paths(getattr(found, "command", found), f"{name} {below}")

    found = dict(paths(typer.main.get_command(program([])), "mnist-tui"))
    assert found["mnist-tui data import folder"] is typed_path
    assert {name for name, parser in found.items() if parser is not typed_path} == set()
