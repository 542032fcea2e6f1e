"""Counts by arithmetic, against the fourth report's table; against Keras in tests/training."""

import pytest

from mnist_tui.experiment.complexity import memory_to_train, of, to_document
from mnist_tui.experiment.presets import find_preset, list_presets
from tests.experiment.texts import with_text


@pytest.mark.parametrize(
    ("preset", "hidden", "dense", "total", "dense_inputs"),
    [
        ("raw", "250", (198_500, 260), 198_760, 784),
        ("hog", "200", (80_400, 210), 80_610, 392),
        ("cnn", "25", (3_850, 35), 7_465, 144),
        ("cnn", "5", (770, 15), 4_365, 144),
        ("fashion", "100", (177_400, 110), 177_600, 1_764),
    ],
)
def test_the_fourth_reports_table_to_the_digit(preset, hidden, dense, total, dense_inputs):
    counts = of(with_text(find_preset(preset).experiment, "hidden", hidden))
    assert (counts.dense_weights, counts.dense_biases) == dense
    assert counts.total == total
    assert counts.dense_inputs == dense_inputs


def test_the_inputs_number_is_explained():
    hog = find_preset("hog").experiment
    assert of(hog).inputs_formula == "7 × 7 cells × 8 orientations = 392"
    assert of(with_text(hog, "cells-per-block", "2")).inputs_formula == (
        "6 × 6 blocks × 2 × 2 cells × 8 orientations = 1152"
    )


@pytest.mark.parametrize(
    ("preset", "optimizer", "values"),
    [("raw", "sgd", 2), ("raw", "rmsprop", 3), ("raw", "adam", 4), ("cnn", "adamw", 4)],
)
def test_training_needs_the_parameters_their_gradients_and_the_optimizers_values(preset, optimizer, values):
    experiment = with_text(find_preset(preset).experiment, "optimizer", optimizer)
    counts = of(experiment)
    assert memory_to_train(experiment, counts) == 4 * values * counts.total


def test_the_closed_form_needs_the_matrix_of_its_sums():
    experiment = with_text(find_preset("efc2-elm").experiment, "hidden", "30000")
    assert memory_to_train(experiment, of(experiment)) == 4 * of(experiment).total + 8 * 30_001**2


def test_published_parameter_counts_are_ours():
    for preset in list_presets():
        if preset.reference and preset.reference.parameters:
            assert of(preset.experiment).total == preset.reference.parameters, preset.name


def test_the_document_has_what_scripts_read():
    document = to_document(of(find_preset("hog").experiment))
    assert document["layers"][0] == {
        "name": "dense_1",
        "kind": "dense",
        "inputs": 392,
        "output_shape": [200],
        "weights": 78400,
        "biases": 200,
        "other": 0,
        "trainable": 78600,
        "non_trainable": 0,
        "macs": 78400,
        "formula": "392 × 200 = 78400",
    }
    assert {key: document[key] for key in ("inputs", "outputs", "dense_weights", "total", "macs")} == {
        "inputs": 392,
        "outputs": 10,
        "dense_weights": 80400,
        "total": 80610,
        "macs": 80400,
    }
