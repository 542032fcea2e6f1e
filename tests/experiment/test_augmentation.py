"""The augmentation of an experiment: absent unless wanted, checked, set by options, and refused where it cannot be."""

from __future__ import annotations

import pytest

from mnist_tui.errors import RequestError
from mnist_tui.experiment.augmentation import CHANGES, Augmentation
from mnist_tui.experiment.parameters import PARAMETERS, apply_texts, by_name
from mnist_tui.experiment.presets import find_preset
from mnist_tui.experiment.spec import cautions, from_mapping, to_mapping
from tests.experiment.texts import with_text
from tests.present import present

CNN = find_preset("cnn").experiment


def test_an_experiment_without_augmentation_is_written_without_it():
    assert CNN.augmentation is None
    assert "augmentation" not in to_mapping(CNN)


def test_options_add_the_changes_and_zeros_remove_them():
    changed = apply_texts(CNN, {"rotation": "10", "shift": "2", "flip": "on"})
    assert changed.augmentation == Augmentation(rotation=10, shift=2, flip=True)
    assert from_mapping(to_mapping(changed)) == changed
    assert apply_texts(changed, {"rotation": "0", "shift": "0", "flip": "off"}) == CNN


def test_fields_are_set_by_path_and_a_table_that_changes_nothing_is_none():
    assert apply_texts(CNN, {}, ["augmentation.rotation=10"]).augmentation == Augmentation(rotation=10)
    assert apply_texts(CNN, {}, ["augmentation.elastic_sigma=5"]) == CNN


@pytest.mark.parametrize("name", CHANGES)
def test_every_change_has_an_option_a_word_and_a_bound(name):
    text = "on" if name == "flip" else "0.5"
    changed = with_text(CNN, name, text)
    assert present(changed.augmentation).used == (name,)
    assert present(changed.augmentation).in_words[0].startswith(name)
    assert by_name(name).read(changed) == text
    with pytest.raises(RequestError, match=f"--{name} 1000 is "):
        apply_texts(CNN, {name: "1000"})


def test_it_reads_as_nothing_where_images_cannot_be_changed():
    own = [parameter for parameter in PARAMETERS if parameter.group == "Augmentation"]
    assert {parameter.read(find_preset("hog").experiment) for parameter in own} == {""}
    assert {parameter.read(CNN) for parameter in own} == {"0", "off"}


@pytest.mark.parametrize(
    ("preset", "texts", "said"),
    [
        (
            "hog",
            {"rotation": "10"},
            "augmentation.rotation: augmentation changes pixels in each step, but HOG features",
        ),
        ("hog", {"shift": "1", "flip": "on"}, "choose raw pixels, or set shift to 0 and flip to off"),
        ("cnn", {"shift": "33"}, "--shift 33 is out of bounds; 0 to 32 works"),
        ("cnn", {"zoom": "nan"}, "--zoom nan is not a finite number"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(preset, texts, said):
    with pytest.raises(RequestError) as caught:
        apply_texts(find_preset(preset).experiment, texts)
    assert said in str(caught.value)


def test_a_closed_form_has_no_augmentation():
    ridge = find_preset("efc2-elm").experiment
    assert not ridge.trains_in_epochs
    with pytest.raises(RequestError, match="ridge solves the output layer once"):
        apply_texts(ridge, {}, ["augmentation.shift=2"])
    trained = apply_texts(ridge, {"optimizer": "adam", "shift": "2"})
    assert with_text(trained, "optimizer", "ridge").augmentation is None


def test_problems_of_the_augmentation_and_of_the_training_are_said_together():
    ridge = find_preset("efc2-elm").experiment
    with pytest.raises(RequestError) as caught:
        apply_texts(ridge, {"warmup": "3"}, ["augmentation.shift=2"])
    assert "ridge solves the output layer once" in str(caught.value)
    assert "training.warmup" in str(caught.value)


def test_mirrored_and_overturned_characters_are_warned_about_and_clothes_are_not():
    texts = {"flip": "on", "rotation": "180"}
    said = " ".join(cautions(apply_texts(CNN, texts)))
    assert "a mirrored character" in said
    assert "a 6 a 9" in said
    assert cautions(apply_texts(find_preset("fashion").experiment, texts)) == ()
    assert cautions(apply_texts(CNN, {"rotation": "15"})) == ()
