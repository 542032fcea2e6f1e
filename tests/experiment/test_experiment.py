"""The experiment's TOML form, its validation, and the presets' files."""

import json
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_tui.experiment import presets
from mnist_tui.experiment.layers import INITIALIZERS
from mnist_tui.experiment.optimizers import GRADIENT_OPTIMIZERS
from mnist_tui.experiment.parameters import apply_texts
from mnist_tui.experiment.preset_files import PresetError
from mnist_tui.experiment.presets import (
    dump_preset,
    edited,
    find_preset,
    heading,
    length_in_words,
    list_presets,
    load_preset,
)
from mnist_tui.experiment.spec import SpecError, cautions, from_mapping, to_mapping
from tests.experiment.strategies import experiments
from tests.present import present


@given(experiments())
@settings(max_examples=80, deadline=None)
def test_any_experiment_survives_its_toml_form(experiment):
    preset = replace(find_preset("raw"), experiment=experiment)
    doc = tomllib.loads(dump_preset(preset))
    for key in presets.META:
        doc.pop(key, None)
    again = from_mapping(doc)
    assert again == experiment
    assert hash(again) == hash(experiment)


@given(st.sampled_from(INITIALIZERS))
def test_an_initialiser_may_be_given_by_its_name_alone(name):
    layer = {"kind": "dense", "units": 3, "kernel_initializer": name}
    experiment = from_mapping({"layers": [{"kind": "flatten"}, layer]})
    assert to_mapping(experiment)["layers"][1]["kernel_initializer"] == name


def test_an_optimizer_has_the_defaults_of_keras():
    keras = pytest.importorskip("keras")
    for name, kind in GRADIENT_OPTIMIZERS.items():
        config = keras.optimizers.get(name).get_config()
        for field, value in kind().model_dump(exclude={"name"}).items():
            assert config[field] == pytest.approx(value), f"{name}.{field}"


def test_the_starters_come_first_and_are_the_seeds_models():
    listed = [preset.name for preset in list_presets()][:4]
    assert listed == ["raw", "hog", "cnn", "fashion"]
    assert find_preset("raw").experiment.shapes() == [(28, 28, 1), (784,), (250,), (250,), (10,)]
    assert find_preset("hog").experiment.input_shape == (392,)
    assert find_preset("cnn").experiment.training.batch_size == 256
    assert find_preset("fashion").experiment.dataset.name == "fashion-mnist"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '[[layers]]\nkind = "flatten"\n\n[[layers]]\nkind = "dense"\nunitz = 3\nunits = 3\n',
            "line 6: layers.1.unitz: no such key",
        ),
        ("[training]\nepochs = 0\n", "line 2: training.epochs: 0 is too small; at least 1 is needed"),
        ("[trainin]\nepochs = 1\n", "line 1: trainin: no such key"),
        (
            '[optimizer]\nname = "adam"\nlearning_rate = nan\n',
            "line 3: optimizer.learning_rate: nan is not a finite number",
        ),
        ('[optimizer]\nname = "adm"\n', "'adm' is not known; choose from rmsprop, adam"),
        ("[training]\nepochs = \n", "is not valid TOML: invalid value (at line 2"),
        ('[features]\nkind = "hog"\npixels_per_cell = 14\ncells_per_block = 3\n', "1 to 2 cells per block work"),
        ('[[layers]]\nkind = "dense"\nunits = 3\n', "put a flatten layer before it"),
        ('[[layers]]\nkind = "conv2d"\nfilters = 3\n', "end the layers with flatten"),
    ],
)
def test_a_wrong_preset_file_is_refused_with_its_line_and_the_cure(tmp_path: Path, text: str, said: str):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(PresetError) as caught:
        find_preset(str(path))
    assert said in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_preset_is_answered_with_the_nearest_names():
    with pytest.raises(PresetError, match="did you mean fashion"):
        find_preset("fashon")


def test_the_reference_stays_only_with_the_sources_own_experiment():
    raw = find_preset("raw")
    reseeded = from_mapping({**to_mapping(raw.experiment), "training": {"batch_size": 4096, "epochs": 150, "seed": 7}})
    shorter = from_mapping({**to_mapping(raw.experiment), "training": {"batch_size": 4096, "epochs": 10}})
    assert edited(raw, reseeded).reference == raw.reference
    assert edited(raw, shorter).reference is None


def test_the_way_the_steps_are_run_leaves_the_reference_but_half_precision_does_not():
    raw = find_preset("raw")

    def with_training(**values: str | bool) -> presets.Preset:
        doc = to_mapping(raw.experiment)
        return edited(raw, from_mapping({**doc, "training": {**doc["training"], **values}}))

    assert with_training(program="xla").reference == raw.reference
    assert with_training(program="graph").title == raw.title
    assert with_training(plain_loss=True).reference == raw.reference
    assert with_training(precision="mixed_bfloat16").reference is None


def test_a_preset_of_ones_own_is_saved_found_and_not_overwritten_unasked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MNIST_TUI_CONFIG", str(tmp_path / "settings.toml"))
    hog = find_preset("hog")
    presets.save_preset(hog, "mine")
    assert find_preset("mine").experiment == hog.experiment
    assert find_preset("mine").origin == "saved"
    with pytest.raises(PresetError, match="already"):
        presets.save_preset(hog, "mine")
    presets.save_preset(hog, "mine", overwrite=True)
    with pytest.raises(PresetError, match="built-in"):
        presets.save_preset(hog, "raw")
    with pytest.raises(PresetError, match="letters, digits"):
        presets.save_preset(hog, "../raw")


def test_text_in_a_preset_is_data(tmp_path: Path):
    odd = replace(find_preset("raw"), title='a "quoted" [bracket] \\ back', about="line\nline\t\x07 end")
    path = tmp_path / "odd.toml"
    path.write_text(dump_preset(odd))
    assert (load_preset(path).title, load_preset(path).about) == (odd.title, odd.about)


def test_a_layer_that_does_not_fit_is_named_by_its_place():
    with pytest.raises(SpecError) as caught:
        from_mapping({"layers": [{"kind": "max_pooling2d", "pool_size": 28}, {"kind": "conv2d", "filters": 1}]})
    assert caught.value.problems[0].path == ("layers", 1)


def test_stopping_early_on_the_test_set_is_cautioned():
    watched = from_mapping({"layers": [{"kind": "flatten"}], "training": {"early_stopping": {"patience": 3}}})
    held_out = watched.model_copy(update={"dataset": watched.dataset.model_copy(update={"validation": 0.2})})
    assert "--validation 0.2" in cautions(watched)[0]
    assert cautions(held_out) == ()


def test_a_cycle_of_hardly_any_steps_is_cautioned():
    training = {"epochs": 6, "warmup": 5, "schedule": {"kind": "one-cycle"}}
    cycle = from_mapping({"layers": [{"kind": "flatten"}], "training": training})
    (said,) = cautions(cycle, steps=16)
    assert "only 16 steps in 1 epoch after the warm-up" in said and "fewer warm-up epochs" in said
    assert cautions(cycle, steps=30) == cautions(cycle) == ()
    cosine = from_mapping({"layers": [{"kind": "flatten"}], "training": {**training, "schedule": {"kind": "cosine"}}})
    assert cautions(cosine, steps=16) == ()


def test_many_hog_features_are_cautioned_with_their_number():
    features, image = {"kind": "hog", "pixels_per_cell": 4, "cells_per_block": 2}, [64, 64, 3]
    many = from_mapping({"layers": [], "features": features, "dataset": {"image": image}})
    (said,) = cautions(many)
    assert f"{15 * 15 * 2 * 2 * 8:,} HOG features for each image" in said and "2.0 GB" in said
    assert cautions(find_preset("hog").experiment) == ()


@pytest.mark.parametrize("id", ["/", "../../presets/raw", "**", "[", "a\\0b"])
def test_a_presets_reference_is_a_name_and_never_a_path(tmp_path, monkeypatch, id):
    monkeypatch.setenv("MNIST_TUI_CONFIG", str(tmp_path / "settings.toml"))
    source = next(preset for preset in list_presets() if preset.reference and preset.reference.id)
    (tmp_path / "presets").mkdir()
    id_of_source = present(source.reference).id
    text = present(source.path).read_text().replace(f'id = "{id_of_source}"', f"id = {json.dumps(id)}")
    (tmp_path / "presets" / "mine.toml").write_text(text)
    assert present(find_preset("mine").reference).id == id


def test_an_edited_networks_title_is_made_of_its_layers() -> None:
    raw = find_preset("raw")
    narrower = edited(raw, apply_texts(raw.experiment, {"hidden": "200"}))
    longer = edited(raw, apply_texts(raw.experiment, {"epochs": "9"}))
    assert narrower.title == "Raw pixels: 784-200-10, tanh"
    assert edited(narrower, apply_texts(narrower.experiment, {"epochs": "9"})).title == narrower.title
    assert longer.title == raw.title
    assert heading(longer) == f"{raw.title} (9 epochs instead of 150)"
    assert length_in_words(longer, epochs=12) == "12 epochs instead of 150", "three were added later"
    few = edited(longer, apply_texts(longer.experiment, {"limit": "500"}))
    assert heading(few) == f"{raw.title} (9 epochs instead of 150 and 500 training images instead of all)"
    assert heading(raw) == raw.title


def test_only_a_training_that_differs_in_more_than_its_length_is_called_edited() -> None:
    raw = find_preset("raw")
    faster = edited(raw, apply_texts(raw.experiment, {"lr": "0.01"}))
    shorter = edited(faster, apply_texts(faster.experiment, {"epochs": "9"}))
    assert faster.title == shorter.title == f"{raw.title}, edited"
    assert heading(shorter) == f"{raw.title}, edited (9 epochs instead of 150)"
    assert edited(shorter, apply_texts(shorter.experiment, {"lr": "0.001"})).title == raw.title


@pytest.mark.parametrize(
    ("preset", "texts", "title"),
    [
        ("raw", {"hidden": "200", "dropout": "0.3"}, "Raw pixels: 784-200-10, tanh, dropout 0.3"),
        ("raw", {"hidden": "200x100", "dropout": "0"}, "Raw pixels: 784-200-100-10, tanh, no dropout"),
        ("raw", {"dataset": "fashion-mnist"}, "Raw pixels of fashion-mnist: 784-250-10, tanh"),
        ("hog", {"ppc": "7"}, "HOG features: 128-200-10, sigmoid"),
        ("hog", {"ppc": "7", "activation": "relu"}, "HOG features: 128-200-10, ReLU"),
        ("raw", {"dropout": "0"}, "Raw pixels: 784-250-10, tanh, no dropout"),
        ("cnn", {"filters": "8x8x8"}, "Convolutional network: 8-8-8 filters, 25 neurons, ReLU"),
        ("efc2-elm", {"hidden": "500"}, "Raw pixels: 784-500-10, tanh, least squares"),
    ],
)
def test_a_title_names_features_sizes_activations_and_dropout(preset: str, texts: dict[str, str], title: str) -> None:
    source = find_preset(preset)
    assert edited(source, apply_texts(source.experiment, texts)).title == title


def test_a_title_of_an_earlier_version_is_made_of_the_layers_anew(tmp_path: Path) -> None:
    raw = find_preset("raw")
    run = replace(edited(raw, apply_texts(raw.experiment, {"hidden": "200"})), origin="run")
    file = tmp_path / "experiment.toml"
    file.write_text(dump_preset(replace(run, title="raw, edited: 784-200-10")))
    assert load_preset(file).title == run.title
    file.write_text(dump_preset(replace(run, title="My network")))
    assert load_preset(file).title == "My network"
    shorter = replace(edited(raw, apply_texts(raw.experiment, {"epochs": "9"})), origin="run")
    file.write_text(dump_preset(replace(shorter, title=f"{raw.title}, edited")))
    assert load_preset(file).title == raw.title


def test_figures_are_published_for_the_sources_experiment_in_any_seed_and_for_no_other() -> None:
    raw = find_preset("raw")
    reseeded = edited(raw, apply_texts(raw.experiment, {"seed": "7"}))
    changed = edited(raw, apply_texts(raw.experiment, {"lr": "0.01"}))
    assert present(reseeded.published(sample=False)) == raw.reference
    assert reseeded.published(sample=True) is None
    assert changed.published(sample=False) is None
    back = edited(changed, reseeded.experiment)
    assert (back.title, back.reference) == (raw.title, raw.reference)
    assert edited(changed, apply_texts(raw.experiment, {"hidden": "9"})).published(sample=False) is None
