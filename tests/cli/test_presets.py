"""`presets` and the options that start from one."""

import json
import tomllib
from pathlib import Path

from PIL import Image

from mnist_tui.cli.options import complete_preset
from mnist_tui.experiment.parameters import PARAMETERS
from tests.cli.conftest import Command, sentence


def test_the_starters_come_first(cli: Command) -> None:
    listed = json.loads(cli("presets", "list", "--json").stdout)
    assert [preset["name"] for preset in listed][:4] == ["raw", "hog", "cnn", "fashion"]
    assert listed[1]["parameters"]["total"] == 80_610
    assert listed[1]["reference"]["accuracy"] == 0.9841
    assert "HOG features" in cli("presets", "list").stdout


def test_what_show_prints_is_a_preset_file(cli: Command, tmp_path: Path) -> None:
    text = cli("presets", "show", "cnn").stdout
    assert tomllib.loads(text)["layers"][0]["filters"] == 9
    copy = tmp_path / "copy.toml"
    copy.write_text(text, encoding="utf-8")
    shown = json.loads(cli("presets", "show", copy, "--json").stdout)
    assert shown["experiment"] == json.loads(cli("presets", "show", "cnn", "--json").stdout)["experiment"]


def test_a_saved_preset_is_listed_completed_and_started_from(cli: Command) -> None:
    result = cli("presets", "save", "small", "--preset", "hog", "--hidden", "20", "--set", "optimizer.rho=0.8")
    assert result.exit_code == 0, result.stderr
    assert Path(result.stdout.strip()).name == "small.toml"
    shown = json.loads(cli("presets", "show", "small", "--json").stdout)
    assert shown["experiment"]["optimizer"]["rho"] == 0.8
    assert (shown["origin"], shown["reference"]) == ("saved", None)
    assert json.loads(cli("complexity", "--preset", "small", "--format", "json").stdout)["total"] == 392 * 20 + 20 + 210
    assert "small" in complete_preset("s")


def test_a_saved_preset_is_replaced_only_when_asked(cli: Command) -> None:
    save = ["presets", "save", "mine", "--preset", "raw"]
    cli(*save)
    assert "--force replaces it" in sentence(cli(*save))
    assert cli(*save, "--force").exit_code == 0
    assert "is a built-in preset" in sentence(cli("presets", "save", "raw", "--preset", "hog"))


def test_every_parameter_is_an_option_with_its_help(cli: Command) -> None:
    text = cli("train", "--help", COLUMNS="200").stdout
    assert all(parameter.flag in text for parameter in PARAMETERS)


def test_a_folder_of_data_is_kept_by_its_whole_path(cli: Command, tmp_path: Path, monkeypatch) -> None:
    for path in (tmp_path / "my-data" / split / name / "1.png" for split in ("train", "test") for name in "ab"):
        path.parent.mkdir(parents=True)
        Image.new("L", (28, 28)).save(path)
    monkeypatch.chdir(tmp_path)
    cli("presets", "save", "own", "--preset", "raw", "--dataset", "my-data")
    shown = json.loads(cli("presets", "show", "own", "--json").stdout)
    assert shown["experiment"]["dataset"]["name"] == str(tmp_path / "my-data")
