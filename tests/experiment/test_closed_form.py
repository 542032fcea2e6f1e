"""Closed forms and frozen layers as values: what fits together, what does not, and how it is counted."""

from typing import Any

import pytest

from mnist_tui.errors import RequestError
from mnist_tui.experiment.complexity import of
from mnist_tui.experiment.optimizers import ConstantSchedule, Ridge
from mnist_tui.experiment.parameters import apply_texts
from mnist_tui.experiment.presets import find_preset
from mnist_tui.experiment.spec import SpecError, cautions, from_mapping, to_mapping
from mnist_tui.report.complexity.breakdown import as_csv, as_table, complexity_in_words
from tests.experiment.texts import with_text

LINEAR, ELM = (find_preset(name).experiment for name in ("efc-linear", "efc2-elm"))
FLATTEN = {"kind": "flatten"}


def document(*layers, **changes):
    doc: dict[str, Any] = {
        "dataset": {"validation": 0.2},
        "layers": [FLATTEN, *layers],
        "optimizer": {"name": "ridge"},
        "training": {"epochs": 1},
    }
    return {**doc, **{key: {**doc[key], **value} for key, value in changes.items()}}


def test_a_frozen_layers_parameters_are_counted_as_not_trained():
    counts = of(ELM)
    hidden, output = counts.layers[1], counts.layers[2]
    assert (hidden.total, hidden.trainable, hidden.non_trainable) == (785_000, 0, 785_000)
    assert (output.trainable, output.non_trainable) == (10_010, 0)
    assert (counts.total, counts.trainable, counts.non_trainable) == (795_010, 10_010, 785_000)
    assert hidden.configuration == "1000 neurons, tanh, frozen"
    assert "785,000 of them frozen" in as_table(counts)
    sums = [line.split(",")[8:10] for line in as_csv(counts).splitlines()[-2:]]
    assert sums == [["10010", "785000"]] * 2


def test_the_words_tell_what_is_frozen_and_what_solving_takes():
    said = complexity_in_words(of(ELM), ELM)
    assert "10,010 of them trainable and 785,000 not" in said
    assert "The hidden layer is frozen: not changed by the training." in said
    assert "normal equations take 1,001 × 1,001 numbers of 8 bytes, 8.0 MB" in said
    assert "frozen" not in complexity_in_words(of(LINEAR), LINEAR)


def test_the_note_on_the_losses_names_class_weights_and_penalties_of_trained_layers():
    cnn = find_preset("cnn").experiment
    assert cnn.loss_note == ""
    all_three = apply_texts(cnn, {"class-weights": "balanced", "label-smoothing": "0.1"}, ["output.l2=0.001"])
    assert all_three.loss_note == (
        "label smoothing 0.1 in all losses; class weights and penalties in the training loss only"
    )
    dense = {"kind": "dense", "units": 5, "l1": 0.01}
    adam = {"optimizer": {"name": "adam"}}
    assert from_mapping(document(dense, **adam)).loss_note == "penalties in the training loss only"
    assert from_mapping(document({**dense, "trainable": False}, **adam)).loss_note == ""


def test_the_form_on_disk_is_the_experiment_again():
    for experiment in (LINEAR, ELM):
        assert from_mapping(to_mapping(experiment)) == experiment


@pytest.mark.parametrize(
    ("layer", "place"),
    [
        ({"kind": "dense", "units": 5}, "layers.1"),
        ({"kind": "batch_normalization"}, "layers.1"),
        ({"kind": "residual", "trainable": False, "layers": [{"kind": "dense", "units": 5}]}, "layers.1.layers.0"),
    ],
)
def test_a_hidden_layer_that_would_have_to_be_trained_is_refused(layer, place):
    with pytest.raises(SpecError) as said:
        from_mapping(document(layer))
    cure = "freeze this layer (trainable = false) or remove it"
    assert str(said.value) == f"{place}: ridge solves the output layer and trains no other; {cure}"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"training": {"epochs": 4}}, r"training\.epochs: 4 are too many: .* 1 works"),
        ({"training": {"schedule": {"kind": "cosine"}}}, r"training\.schedule: ridge has no learning rate"),
        ({"training": {"early_stopping": {}}}, r"training\.early_stopping: ridge has nothing to stop early"),
        ({"training": {"plain_loss": True}}, r"training\.plain_loss: ridge always measures the plain loss"),
        ({"dataset": {"validation": "test"}}, r"dataset\.validation: the test set may not choose among 8 ridges"),
        ({"optimizer": {"ridges": []}}, r"optimizer\.ridges: 0 ridges are given; 1 to 100 work"),
        ({"optimizer": {"ridges": [1, 0]}}, r"optimizer\.ridges\.1: 0 is too small; it must be greater than 0"),
        ({"optimizer": {"learning_rate": 0.1}}, r"optimizer\.learning_rate: no such key"),
    ],
)
def test_what_a_closed_form_cannot_have_is_refused_in_a_sentence(changes, said):
    with pytest.raises(SpecError, match=said):
        from_mapping(document(**changes))


def test_one_ridge_needs_no_validation_share():
    alone = from_mapping(document(dataset={"validation": "test"}, optimizer={"ridges": [10]}))
    assert alone.optimizer == Ridge(ridges=(10,))


def test_dropout_is_said_to_change_nothing():
    frozen = {"kind": "dense", "units": 5, "trainable": False}
    (said,) = cautions(from_mapping(document(frozen, {"kind": "dropout"})))
    assert said.startswith("dropout and noise change nothing here")
    assert cautions(ELM) == ()


def test_choosing_ridge_brings_what_it_needs_and_leaving_it_brings_epochs_back():
    before = find_preset("efc2-mlp-developed").experiment
    changed = apply_texts(before, {"optimizer": "ridge"}, ["layers.1.trainable=false"])
    training = changed.training
    assert (training.epochs, training.schedule, training.early_stopping) == (1, ConstantSchedule(), None)
    assert changed.dataset.validation == 0.2
    again = with_text(changed, "optimizer", "rmsprop")
    assert again.training.epochs == 10
    assert again.optimizer.model_dump()["learning_rate"] == 0.001


def test_choosing_ridge_holds_images_out_unless_the_person_says_otherwise():
    assert apply_texts(LINEAR, {"optimizer": "adam", "validation": "test"}).dataset.validation == "test"
    adam = apply_texts(LINEAR, {"optimizer": "adam", "validation": "test"})
    assert with_text(adam, "optimizer", "ridge").dataset.validation == 0.2
    with pytest.raises(RequestError, match="the test set may not choose"):
        apply_texts(adam, {"optimizer": "ridge", "validation": "test"})
    one = apply_texts(adam, {"optimizer": "ridge", "validation": "test"}, ["optimizer.ridges=[1]"])
    assert one.dataset.validation == "test"


def test_a_learning_rate_for_ridge_is_refused():
    with pytest.raises(RequestError, match=r"--lr 0\.1 does not go with ridge, which has no learning rate"):
        with_text(LINEAR, "lr", "0.1")
    assert with_text(LINEAR, "seed", "3").training.seed == 3
