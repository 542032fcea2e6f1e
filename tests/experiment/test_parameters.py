"""The parameters' declarations: read, changed, refused with a sentence."""

import pytest

from mnist_tui.data.facts import resolved
from mnist_tui.errors import RequestError
from mnist_tui.experiment.layers import Dense
from mnist_tui.experiment.parameters import PARAMETERS, apply_texts, by_name
from mnist_tui.experiment.presets import find_preset, list_presets
from mnist_tui.experiment.spec import Experiment
from tests.experiment.texts import with_text
from tests.present import present


def kinds(experiment: Experiment) -> list[str]:
    return [layer.kind for layer in experiment.layers]


@pytest.mark.parametrize("parameter", PARAMETERS, ids=lambda parameter: parameter.name)
def test_what_a_parameter_reads_it_also_takes(parameter):
    for preset in list_presets():
        if text := parameter.read(preset.experiment):
            assert apply_texts(preset.experiment, {parameter.name: text}, resolve=resolved) == preset.experiment


@pytest.mark.parametrize(
    ("preset", "texts", "said"),
    [
        ("hog", {"ppc": "0"}, "--ppc 0 is not a size of a cell; 1 to 28 work"),
        ("hog", {"ppc": "29"}, "--ppc 29 is larger than the 28-pixel image; 1 to 28 work, and 1, 2, 4, 7, 14 and 28"),
        ("raw", {"epochs": "-1"}, "--epochs -1 is out of bounds"),
        ("raw", {"dropout": "1"}, "--dropout 1 is out of bounds; 0 or more, less than 1, works"),
        ("raw", {"lr": "nan"}, "--lr nan is not a finite number"),
        ("raw", {"lr": "0"}, "--lr 0 is out of bounds; a number above 0 works"),
        ("raw", {"hidden": "0"}, "--hidden 0 is out of bounds"),
        ("raw", {"hidden": "a"}, "--hidden a is not a number of each layer; 250 or 200x100 is the form"),
        ("raw", {"activation": "rlu"}, "--activation rlu is not known; choose from linear, relu"),
        ("raw", {"filters": "3"}, "finds no convolution"),
        ("cnn", {"filters": "3x4"}, "gives 2 numbers for 3 convolutions"),
        ("cnn", {"ppc": "7"}, "does not go with convolutions"),
        ("raw", {"optimizer": "adam", "momentum": "0.9"}, "has no momentum; rmsprop and sgd have"),
        ("hog", {"ppc": "7", "cells-per-block": "5"}, "1 to 4 cells per block work"),
        ("raw", {"schedule": "exp:0.5:1"}, "such as exp:15:0.05"),
        ("raw", {"schedule": "step:3"}, "is not a schedule; give constant, cosine, exp:START:RATE, step:EVERY:FACTOR"),
        ("raw", {"schedule": "plateau:2"}, "needs factor (number above 0, less than 1), patience"),
        ("raw", {"schedule": "one-cycle:0.9"}, "needs rise (number above 0, 0.5 at most)"),
        ("raw", {"warmup": "150"}, "warm-up in 150 of 150 epochs leaves no epoch for the schedule"),
        ("raw", {"label-smoothing": "1"}, "is out of bounds; 0 or more, less than 1, or none, works"),
        ("raw", {"rotation": "181"}, "--rotation 181 is out of bounds; 0 to 180 works"),
        ("raw", {"class-weights": "often"}, "is neither balanced nor none nor a table CLASS:WEIGHT,…"),
        ("raw", {"class-weights": "8:0"}, "the weight of class 8 must be a number above 0"),
        ("raw", {"class-weights": "8:2,9"}, "is neither balanced nor none nor a table CLASS:WEIGHT,…"),
        ("raw", {"class-weights": "8:2,8:3"}, "must give each class one weight"),
        ("raw", {"clipnorm": "1", "clipvalue": "1"}, "clipvalue and clipnorm cannot be combined"),
        ("raw", {"clipnorm": "0"}, "is out of bounds; a number above 0, or none works"),
        ("efc2-elm", {"clipnorm": "1"}, "does not go with ridge, which has no clipnorm"),
        ("efc2-elm", {"label-smoothing": "0.1"}, "ridge takes the labels as they are"),
        ("raw", {"validation": "1"}, "test, own, or a share between 0 and 1, works"),
        ("raw", {"patience": "0"}, "none turns early stopping off"),
        ("raw", {"plain-loss": "maybe"}, "--plain-loss maybe is not known; choose from off, on"),
        ("raw", {"batch-size": "0"}, "--batch-size 0 is out of bounds; 1 to 10,000,000 works"),
    ],
)
def test_a_wrong_value_is_refused_in_one_sentence_that_says_what_would_be_right(preset, texts, said):
    with pytest.raises(RequestError) as caught:
        apply_texts(find_preset(preset).experiment, texts)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_values_that_only_fit_together_may_come_in_any_order():
    blocks = apply_texts(find_preset("hog").experiment, {"cells-per-block": "7"})
    assert apply_texts(blocks, {"ppc": "7", "cells-per-block": "2"}).input_shape == (3 * 3 * 4 * 8,)


def test_more_hidden_layers_repeat_the_last_block_and_fewer_drop_it():
    two = with_text(find_preset("raw").experiment, "hidden", "200x100")
    assert kinds(two) == ["flatten", "dense", "dropout", "dense", "dropout"]
    assert by_name("hidden").read(two) == "200x100"
    assert kinds(with_text(two, "hidden", "50")) == ["flatten", "dense", "dropout"]


def test_dropout_is_added_after_batch_normalisation_changed_where_it_is_and_removed_by_zero():
    normalised = apply_texts(
        find_preset("raw").experiment,
        {"dropout": "0"},
        ['layers=[{kind="flatten"},{kind="dense",units=9},{kind="batch_normalization"}]'],
    )
    dropped = with_text(normalised, "dropout", "0.3")
    assert kinds(dropped) == ["flatten", "dense", "batch_normalization", "dropout"]
    assert by_name("dropout").read(with_text(dropped, "dropout", "0.4")) == "0.4"
    assert kinds(with_text(dropped, "dropout", "0")) == ["flatten", "dense", "batch_normalization"]


def test_the_dense_options_leave_convolutions_alone():
    cnn = find_preset("cnn").experiment
    changed = apply_texts(cnn, {"activation": "tanh", "initializer": "he_normal", "hidden": "5"})
    assert changed.layers[:7] == cnn.layers[:7]
    layer = changed.layers[7]
    assert isinstance(layer, Dense)
    assert (layer.units, layer.activation) == (5, "tanh")


def test_hog_options_imply_hog_and_switching_features_keeps_the_stack_valid():
    hog = with_text(find_preset("raw").experiment, "ppc", "7")
    assert (hog.features.kind, kinds(hog)) == ("hog", ["dense", "dropout"])
    assert kinds(with_text(hog, "features", "raw")) == ["flatten", "dense", "dropout"]


def test_another_optimizer_brings_its_own_learning_rate_unless_told():
    def rate(experiment: Experiment) -> float:
        return experiment.optimizer.model_dump()["learning_rate"]

    raw = find_preset("raw").experiment
    assert rate(with_text(raw, "optimizer", "sgd")) == 0.01
    assert rate(apply_texts(raw, {"optimizer": "sgd", "lr": "0.5"})) == 0.5
    assert rate(with_text(with_text(raw, "lr", "0.5"), "optimizer", "rmsprop")) == 0.5


@pytest.mark.parametrize(
    ("assignment", "said"),
    [
        ("optimizer.rho", "not of the form PATH=VALUE"),
        ("optimizer.roh=0.5", "optimizer.roh: no such key"),
        ("layers.9.units=3", "layers has places 0 to 2"),
        ("training.batch_size.x=3", "training.batch_size has no parts"),
        ("optimizer.rho=2", "optimizer.rho: 2 is too large; it must be below 1"),
        ("dataset.validation=1.5", "dataset.validation: 1.5"),
        ("training.program=jax", "training.program: 'jax' is not one of 'auto', 'xla' or 'graph'"),
        ("training.plain_loss=maybe", "training.plain_loss: 'maybe' is neither true nor false"),
        (
            "training.precision=float64",
            "training.precision: 'float64' is not one of 'float32', 'mixed_float16' or 'mixed_bfloat16'",
        ),
    ],
)
def test_a_wrong_path_is_refused(assignment, said):
    with pytest.raises(RequestError) as caught:
        apply_texts(find_preset("raw").experiment, {}, [assignment])
    assert said in str(caught.value)


def test_any_field_can_be_set_by_its_path():
    changed = apply_texts(
        find_preset("raw").experiment,
        {},
        [
            "optimizer.rho=0.8",
            "layers.1.units=9",
            "training.early_stopping.patience=4",
            "training.program=xla",
            "training.precision=mixed_float16",
            "training.plain_loss=true",
            "layers.1.kernel_initializer={name='random_normal', stddev=0.1}",
            "layers.1.kernel_initializer.stddev=0.2",
        ],
    )
    assert changed.optimizer.model_dump()["rho"] == 0.8
    layer = changed.layers[1]
    assert isinstance(layer, Dense)
    assert layer.units == 9
    assert layer.kernel_initializer.model_dump()["stddev"] == 0.2
    assert present(changed.training.early_stopping).patience == 4
    assert (changed.training.program, changed.training.precision) == ("xla", "mixed_float16")
    assert changed.training.plain_loss is True


@pytest.mark.parametrize(
    ("options", "sets", "said"),
    [
        ({"epochs": "1", "warmup": "1"}, ["layers.1.units=9"], "training.warmup: warm-up in 1 of 1 epoch leaves"),
        ({"epochs": "1"}, ["training.warmup=1", "layers.1.units=9"], "--set training.warmup=1: training.warmup: "),
        ({"warmup": "1"}, ["layers.1.units=9", "training.epochs=1"], "--set training.epochs=1: training.warmup: "),
    ],
)
def test_the_option_that_brought_a_problem_is_the_one_that_is_named(options, sets, said):
    with pytest.raises(RequestError) as caught:
        apply_texts(find_preset("raw").experiment, options, sets)
    assert str(caught.value).startswith(said)


def test_a_problem_of_the_options_may_be_solved_by_a_path():
    options = {"epochs": "1", "warmup": "1"}
    assert apply_texts(find_preset("raw").experiment, options, ["training.epochs=9"]).training.epochs == 9
