"""Commands with a folder of images of a person's own: its classes and image shape come from its files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mnist_tui.experiment.parameters import apply_texts
from mnist_tui.experiment.presets import find_preset
from mnist_tui.runs.collection.summaries import difference
from mnist_tui.studies.trials import with_values
from tests.cli.conftest import Command, sentence
from tests.own_data import write_folder


@pytest.fixture
def fruit(tmp_path: Path) -> str:
    return str(write_folder(tmp_path / "fruit", (20, 14, 3), ["apple", "kiwi", "lemon", "plum"], train=2, test=1))


def test_another_dataset_brings_its_classes_and_images_and_a_known_one_takes_them_away(
    cli: Command, fruit: str
) -> None:
    counted = json.loads(cli("complexity", "--preset", "raw", "--dataset", fruit, "--format", "json").stdout)
    assert (counted["inputs"], counted["outputs"]) == (840, 4)
    assert counted["inputs_formula"] == "20 × 14 pixels × 3 colours = 840"
    assert counted["total"] == 841 * 250 + 251 * 4
    saved = cli("presets", "save", "mine", "--preset", "raw", "--dataset", fruit).stdout.strip()
    assert "classes = 4\nimage = [20, 14, 3]\n" in Path(saved).read_text(encoding="utf-8")
    for option in (["--dataset", "mnist"], ["--set", "dataset.name=mnist"]):
        back = json.loads(cli("complexity", "--preset", "mine", *option, "--format", "json").stdout)
        assert (back["inputs"], back["outputs"]) == (784, 10)
    own = find_preset("mine").experiment
    assert difference(find_preset("raw").experiment, own) == Path(own.dataset.name).name


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--set", "dataset.classes=10"], "dataset.classes: {fruit} has 4 classes, not 10; leave this key out"),
        (["--set", "dataset.image=[28, 28, 1]"], "dataset.image: the images of {fruit} are 20×14×3, not 28×28×1"),
        (["--ppc", "15"], "--ppc 15 is larger than the 20×14-pixel image; 1 to 14 work, and 1 and 2 leave no pixel"),
        (["--ppc", "5", "--cells-per-block", "3"], "does not fit the 4×2 cells of 5 pixels; 1 to 2 cells per block"),
        (["--preset", "small"], "max pooling of 16×16 does not fit its input of 20×14×3"),
    ],
)
def test_what_does_not_fit_the_data_is_refused_before_anything_is_trained(
    cli: Command, fruit: str, tmp_path: Path, options: list[str], said: str
) -> None:
    layers = '[[layers]]\nkind = "max_pooling2d"\npool_size = 16\n\n[[layers]]\nkind = "flatten"\n'
    (tmp_path / "small.toml").write_text(layers, encoding="utf-8")
    preset = str(tmp_path / "small.toml") if "small" in options else "raw"
    others = [option for option in options if option not in ("--preset", "small")]
    answer = sentence(cli("train", "--preset", preset, "--dataset", fruit, *others))
    assert said.format(fruit=fruit) in answer


def test_a_preset_file_that_names_other_classes_than_its_data_have_is_refused(
    cli: Command, fruit: str, tmp_path: Path
) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(f'[dataset]\nname = "{fruit}"\nclasses = 5\n\n[[layers]]\nkind = "flatten"\n', encoding="utf-8")
    assert f"{fruit} has 4 classes, not 5" in sentence(cli("train", "--preset", str(file)))


def test_each_trial_of_a_sweep_over_datasets_has_the_classes_of_its_dataset(fruit: str) -> None:
    trials = [with_values(find_preset("raw"), (("dataset", name),)).experiment for name in (fruit, "mnist")]
    assert [(trial.classes, trial.image_shape) for trial in trials] == [(4, (20, 14, 3)), (10, (28, 28, 1))]


def test_a_window_of_two_sides_is_a_change_as_it_is_typed() -> None:
    preset = find_preset("cnn").experiment
    assert difference(preset, apply_texts(preset, {}, ["layers.0.kernel_size=3x5"])) == "layers.0.kernel_size 3x5"
