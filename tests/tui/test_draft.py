"""The working copy of an experiment and its fields, without a screen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_tui.errors import RequestError
from mnist_tui.experiment import complexity
from mnist_tui.experiment.layers import LAYER_KINDS, Dense, Residual, walk
from mnist_tui.experiment.optimizers import CLIPPING, GRADIENT_OPTIMIZERS
from mnist_tui.experiment.parameters import PARAMETERS, ParameterError
from mnist_tui.experiment.presets import find_preset
from mnist_tui.experiment.spec import Experiment
from mnist_tui.tui.editor.draft import (
    Draft,
    Field,
    differences,
    initializer_text,
    initializer_value,
    layer_fields,
    optimizer_fields,
    parameter_fields,
    stopping_fields,
    to_save,
)
from mnist_tui.tui.experiment_words import layer_rows
from mnist_tui.tui.presets.screen import data_note
from tests.experiment.texts import with_text
from tests.own_data import write_folder

TAKES_IMAGES = [name for name, kind in LAYER_KINDS.items() if kind.TAKES_IMAGES]
STARTERS = ("raw", "hog", "cnn", "fashion")
FIELDS = {field.key: field for field in parameter_fields()}


def draft_of(name: str) -> Draft:
    return Draft(find_preset(name))


def enter(draft: Draft, **texts: str) -> None:
    for name, text in texts.items():
        draft.enter(FIELDS[name.replace("_", "-")], text)


def kinds(draft: Draft) -> list[str]:
    return [layer.kind for layer in draft.experiment.layers]


def all_fields(experiment: Experiment) -> list[Field]:
    layers = [field for at in range(len(experiment.layers) + 1) for field in layer_fields(experiment, at)]
    return [*parameter_fields(), *optimizer_fields(experiment), *stopping_fields(experiment), *layers]


# ── fields ──


def test_there_is_a_field_for_every_parameter_and_every_field_has_help_and_values() -> None:
    assert {field.key for field in parameter_fields()} == {parameter.name for parameter in PARAMETERS}
    for name in STARTERS:
        for field in all_fields(find_preset(name).experiment):
            assert field.help, field.key
            assert field.hint, field.key


@pytest.mark.parametrize("name", STARTERS)
def test_a_fields_own_text_changes_nothing(name: str) -> None:
    experiment = with_text(find_preset(name).experiment, "patience", "5")
    for field in all_fields(experiment):
        if field.applies(experiment) and field.read(experiment):
            assert field.change(experiment, field.read(experiment)) == experiment, field.key


@pytest.mark.parametrize("name", GRADIENT_OPTIMIZERS)
def test_every_optimizers_further_arguments_have_fields(name: str) -> None:
    experiment = with_text(find_preset("raw").experiment, "optimizer", name)
    shown = {field.key.partition(".")[2] for field in optimizer_fields(experiment)}
    assert shown == set(GRADIENT_OPTIMIZERS[name].model_fields) - {"name", "learning_rate", "momentum", *CLIPPING}


@pytest.mark.parametrize(
    ("parameter", "text"),
    [("ppc", "0"), ("ppc", "29"), ("hidden", "0"), ("dropout", "1"), ("lr", "nan"), ("epochs", "-1"), ("seed", "x")],
)
def test_a_wrong_text_gets_the_command_lines_own_sentence_without_the_option(parameter: str, text: str) -> None:
    draft = draft_of("hog")
    draft.enter(FIELDS[parameter], text)
    with pytest.raises(ParameterError) as refused:
        with_text(draft.preset.experiment, parameter, text)
    assert draft.problems == (str(refused.value).removeprefix(f"--{parameter} "),)
    assert draft.experiment == draft.preset.experiment


@pytest.mark.parametrize(
    ("name", "key", "text"),
    [
        ("hog", "cells-per-block", "9"),
        ("cnn", "filters", "1x2"),
        ("raw", "layers.1.units", "0"),
        ("raw", "layers.1.kernel_initializer", "constant(x=1)"),
        ("raw", "optimizer.rho", "2"),
        ("efc2-elm", "validation", "test"),
        ("raw", "epochs", ""),
    ],
)
def test_no_message_names_an_option_or_a_path(name: str, key: str, text: str) -> None:
    draft = draft_of(name)
    draft.enter(next(field for field in all_fields(draft.experiment) if field.key == key), text)
    assert len(draft.problems) == 1
    assert not any(
        word in draft.problems[0] for word in ("--", "layers.", "optimizer.", "features:", "cells_per_block")
    )


def test_a_dataset_that_is_not_there_is_a_wrong_text_of_its_field() -> None:
    draft = draft_of("raw")
    draft.enter(FIELDS["dataset"], "nosuch")
    assert "neither a dataset nor a folder" in draft.problems[0]
    assert draft.experiment == draft.preset.experiment
    draft.enter(FIELDS["dataset"], "fashion-mnist")
    assert draft.ready


@pytest.mark.parametrize("key", ["patience", "clipnorm", "class-weights"])
def test_what_the_form_calls_off_is_called_so_in_its_hints_and_messages(key: str) -> None:
    draft = draft_of("raw")
    field = FIELDS[key]
    draft.enter(field, "often")
    said = " ".join([field.hint, field.help, *draft.problems])
    assert " off" in draft.problems[0]
    assert "none" not in said


def test_fields_that_mean_nothing_do_not_apply() -> None:
    raw, cnn = find_preset("raw").experiment, find_preset("cnn").experiment
    adam = with_text(raw, "optimizer", "adam")
    assert not FIELDS["ppc"].applies(raw)
    assert not FIELDS["filters"].applies(raw)
    assert FIELDS["filters"].applies(cnn)
    assert not FIELDS["momentum"].applies(adam)


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("epochs", "whole number, 1 or more"),
        ("ppc", "whole number, 1 to the edge of the image"),
        ("dropout", "0 or more, less than 1"),
        ("lr", "number above 0"),
        ("limit", "whole number, 1 or more, or all"),
        ("features", "raw or hog"),
        ("hidden", "1 to 65,536; 200x100: two layers"),
    ],
)
def test_hints_are_words(key: str, hint: str) -> None:
    assert FIELDS[key].hint == hint


@pytest.mark.parametrize(
    "text", ["he_normal", "random_normal(stddev=0.1)", "truncated_normal(mean=1, stddev=0.2)", "constant(value=-2)"]
)
def test_initialisers_are_written_as_they_are_read(text: str) -> None:
    experiment = find_preset("raw").experiment
    field = next(field for field in layer_fields(experiment, 1) if field.key == "layers.1.kernel_initializer")
    changed = field.change(experiment, text)
    assert field.read(changed) == text
    layer = changed.layers[1]
    assert isinstance(layer, Dense)
    assert initializer_text(layer.kernel_initializer) == text


@pytest.mark.parametrize("text", ["nonsense", "random_normal(", "random_normal(0.1)", "he_normal he_uniform", ""])
def test_what_is_no_initialiser_is_refused(text: str) -> None:
    with pytest.raises(RequestError, match=r"is no|is not known"):
        initializer_value(text)


def test_arguments_an_initialiser_does_not_have_or_allow_are_refused() -> None:
    experiment = find_preset("raw").experiment
    field = next(field for field in layer_fields(experiment, 1) if field.key == "layers.1.kernel_initializer")
    for text, said in (("random_normal(stdev=1)", "no such key"), ("random_normal(stddev=-1)", "-1 is too small")):
        with pytest.raises(RequestError, match=said):
            field.change(experiment, text)


# ── the draft ──


def test_inputs_follow_the_pixels_per_cell() -> None:
    draft = draft_of("hog")
    enter(draft, ppc="7")
    assert complexity.of(draft.state.whole).inputs == 4 * 4 * 8


def test_a_wrong_text_that_becomes_right_counts() -> None:
    draft = draft_of("hog")
    enter(draft, cells_per_block="9")
    assert "does not fit" in draft.problems[0]
    enter(draft, ppc="2")
    assert draft.ready
    assert draft.experiment.features.model_dump()["cells_per_block"] == 9


def test_a_folder_of_images_brings_its_classes_and_the_bounds_of_its_images(tmp_path: Path) -> None:
    fruit = write_folder(tmp_path / "fruit", (20, 14, 3), ["apple", "kiwi", "lemon", "plum"], train=2, test=1)
    draft = draft_of("hog")
    enter(draft, dataset=str(fruit))
    assert complexity.of(draft.experiment).outputs == 4
    assert draft.experiment.input_shape == (5 * 3 * 8,)
    enter(draft, ppc="15")
    assert "larger than the 20×14-pixel image; 1 to 14 work" in draft.problems[0]
    enter(draft, dataset="mnist")
    assert draft.ready
    assert (draft.experiment.classes, draft.experiment.input_shape) == (10, (8,))


def test_a_wrong_text_is_forgotten_where_its_field_no_longer_applies() -> None:
    draft = draft_of("hog")
    enter(draft, ppc="99")
    enter(draft, features="raw")
    assert draft.ready
    assert kinds(draft) == ["flatten", "dense", "dropout"]


def test_texts_typed_in_a_row_are_undone_together_and_apart_after_a_pause() -> None:
    draft = draft_of("raw")
    for text in ("1", "12", "120"):
        enter(draft, hidden=text)
    draft.settle()
    enter(draft, hidden="12")
    draft.undo()
    assert FIELDS["hidden"].read(draft.experiment) == "120"
    draft.undo()
    assert not draft.is_edited
    draft.redo()
    assert FIELDS["hidden"].read(draft.experiment) == "120"


def test_a_change_knows_the_presets_value_and_its_cost() -> None:
    draft = draft_of("raw")
    enter(draft, hidden="200", epochs="3")
    assert draft.changes == {"hidden": ("250", -39_750), "epochs": ("150", 0), "layers.1.units": ("250", -39_750)}
    enter(draft, hidden="250", epochs="150")
    assert not draft.changes


def test_layers_are_compared_with_the_layers_that_they_come_from() -> None:
    draft = draft_of("cnn")
    last = len(draft.experiment.layers) - 1
    place = draft.add_layer("dense", last - 1)
    assert place == last
    assert draft.origins[last + 1] == last
    assert place not in draft.origins
    assert not any(key.startswith("layers.") for key in draft.changes)


def test_the_cost_of_adding_and_removing_a_layer_is_known_before() -> None:
    draft = draft_of("raw")
    before = complexity.of(draft.experiment).total
    expected = draft.growth_by_adding("dense", 2)
    draft.add_layer("dense", 2)
    assert expected == complexity.of(draft.experiment).total - before == 23_600
    assert draft.growth_by_removing(3) == -23_600
    assert draft.growth_by_removing(0) is None


def test_undo_and_redo_say_what_they_do_and_where() -> None:
    draft = draft_of("raw")
    enter(draft, hidden="200")
    draft.remove_layer(2)
    assert draft.undo() == ("Undone: removed dropout", None, 2)
    assert draft.undo() == ("Undone: Hidden neurons 200 → 250", FIELDS["hidden"], None)
    assert draft.undo() is None
    assert draft.redo() == ("Done again: Hidden neurons 250 → 200", FIELDS["hidden"], None)
    enter(draft, hidden="0")
    step = draft.undo()
    assert step is not None
    assert step.sentence == "Undone: Hidden neurons 0 → 200"


def test_an_edited_draft_keeps_the_reference_only_for_another_seed() -> None:
    draft = draft_of("raw")
    enter(draft, seed="5")
    assert draft.result().reference is not None
    enter(draft, epochs="5")
    assert draft.result().reference is None


def test_what_is_saved_after_an_edit_has_a_true_title_and_text() -> None:
    draft = draft_of("hog")
    enter(draft, ppc="7", hidden="100x50")
    saved = to_save(draft)
    assert (saved.name, saved.title) == ("hog-mine", "HOG features: 128-100-50-10, sigmoid")
    assert saved.about == "Edited from hog: Hidden neurons: 200 → 100x50, Pixels per cell: 4 → 7"
    assert differences(draft.preset.experiment, draft.preset.experiment) == ()


# ── layers ──


@pytest.mark.parametrize(
    ("name", "kind"),
    [(name, kind) for name in STARTERS for kind in LAYER_KINDS if name != "hog" or kind not in TAKES_IMAGES],
)
def test_a_new_layer_leaves_the_stack_valid_wherever_it_is_asked_for(name: str, kind: str) -> None:
    for after in range(-1, len(find_preset(name).experiment.layers) + 1):
        draft = draft_of(name)
        place = draft.add_layer(kind, after)
        assert draft.ready, draft.problems
        assert list(walk(draft.experiment.layers))[place].kind == kind


def test_the_layers_of_a_residual_block_are_rows_that_are_edited_added_moved_and_removed() -> None:
    draft = draft_of("cnn")
    block = draft.add_layer("residual", 0)
    assert (block, kinds(draft)[:2]) == (1, ["conv2d", "residual"])
    rows = [name for name, *_ in layer_rows(draft.experiment)]
    assert rows[:5] == ["conv2d_1", "residual_1", "  conv2d_2", "  conv2d_3", "max_pooling2d_1"]
    filters = next(field for field in layer_fields(draft.experiment, 2) if field.key == "layers.1.layers.0.filters")
    draft.enter(filters, "12")
    added = draft.add_layer("batch_normalization", 2)
    assert added == 3
    inner = draft.experiment.layers[1]
    assert isinstance(inner, Residual)
    assert [layer.kind for layer in inner.layers] == ["conv2d", "batch_normalization", "conv2d"]
    assert inner.layers[0].configuration.startswith("12 filters")
    draft.enter(filters, "none")
    assert draft.move_layer(2, 1) == 3
    assert list(draft.state.wrong) == ["layers.1.layers.1.filters"]
    assert draft.move_layer(2, -1) == 2, "a layer stays in its block"
    draft.remove_layer(3)
    assert draft.ready
    draft.remove_layer(2)
    draft.remove_layer(2)
    assert "residual" not in kinds(draft), "a block goes with its last layer"


def test_a_convolution_on_vectors_stays_and_says_what_it_needs() -> None:
    draft = draft_of("hog")
    place = draft.add_layer("conv2d", 0)
    assert draft.problems == (
        "a convolution takes an image, not a vector of 200; it needs raw pixels and no flatten before it",
    )
    assert complexity.of(draft.state.whole).total == 80_610
    rows = layer_rows(draft.experiment)
    assert [row[-1] != "?" for row in rows] == [True, False, False, False]
    draft.remove_layer(place)
    assert draft.ready


def test_a_dense_layer_on_images_brings_a_flatten() -> None:
    draft = draft_of("raw")
    for _ in range(3):
        draft.remove_layer(0)
    assert "end the layers with flatten" in draft.problems[0]
    assert draft.add_layer("dense", -1) == 1
    assert kinds(draft) == ["flatten", "dense"]
    assert draft.ready


def test_a_wrong_text_in_a_layers_field_moves_with_its_layer_and_goes_with_it() -> None:
    draft = draft_of("raw")
    units = next(field for field in layer_fields(draft.experiment, 1) if field.key == "layers.1.units")
    draft.enter(units, "0")
    draft.add_layer("batch_normalization", -1)
    assert list(draft.state.wrong) == ["layers.2.units"]
    assert draft.move_layer(2, 1) == 3
    assert list(draft.state.wrong) == ["layers.3.units"]
    draft.remove_layer(3)
    assert draft.ready


def test_moves_stop_at_the_ends() -> None:
    draft = draft_of("hog")
    assert draft.move_layer(0, -1) == 0
    assert draft.move_layer(1, 1) == 1
    assert not draft.can_undo


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.sampled_from(list(LAYER_KINDS)), st.integers(-1, 9)),
        st.tuples(st.just("remove"), st.integers(0, 9)),
        st.tuples(st.just("move"), st.integers(0, 9), st.sampled_from([-1, 1])),
        st.tuples(st.just("enter"), st.sampled_from(list(FIELDS)), st.sampled_from(["1", "0", "7", "raw", "hog", "x"])),
    ),
    max_size=12,
)


@given(name=st.sampled_from(STARTERS), steps=STEPS)
def test_whatever_is_done_can_be_counted_drawn_and_undone(name: str, steps: list[tuple[object, ...]]) -> None:
    draft = draft_of(name)
    for step in steps:
        place = len(draft.rows)
        match step:
            case ("add", str(kind), int(after)):
                draft.add_layer(kind, min(after, place))
            case ("remove", int(at)) if at < place:
                draft.remove_layer(at)
            case ("move", int(at), int(by)) if at < place:
                draft.move_layer(at, by)
            case ("enter", str(key), str(text)):
                draft.enter(FIELDS[key], text)
            case _:
                continue
        assert complexity.of(draft.state.whole).total > 0
        assert len(layer_rows(draft.experiment)) == len(draft.rows) + 1
        assert draft.ready == (not draft.problems)
        if draft.ready:
            assert draft.state.whole == draft.experiment
    while draft.can_undo:
        draft.undo()
    assert not draft.is_edited


def test_a_folder_that_is_no_dataset_is_said() -> None:
    assert "neither a dataset nor a folder" in data_note("nowhere", None)
    assert data_note("digits", None) == ""


def test_what_is_done_with_a_folder_of_ones_own_is_said(tmp_path: Path) -> None:
    labels = np.arange(20) % 2 + 1
    np.savez(tmp_path / "own.npz", X=np.zeros((20, 8, 8), np.uint8), y=labels)
    note = data_note(str(tmp_path), None)
    assert note.startswith("The labels 1 to 2 are 2 classes. There is no test set")


def test_class_weights_take_the_names_of_the_classes_of_the_chosen_dataset() -> None:
    draft = Draft(find_preset("raw"))
    draft.enter(FIELDS["dataset"], "fashion-mnist")
    draft.enter(FIELDS["class-weights"], "Ankle boot:2")
    assert draft.ready and draft.state.text_of(FIELDS["class-weights"]) == "Ankle boot:2"
    draft.enter(FIELDS["class-weights"], "ant:2")
    assert "there is no class ant; the data have the classes T-shirt/top" in " ".join(draft.problems)
