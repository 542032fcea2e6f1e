"""Complexity in words: what the source reports answered, true equations, and grammar."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given

from mnist_tui.experiment.complexity import of
from mnist_tui.experiment.presets import find_preset
from mnist_tui.experiment.spec import Experiment, from_mapping
from mnist_tui.report.complexity.breakdown import complexity_in_words
from mnist_tui.wording import size
from tests.experiment.strategies import experiments
from tests.experiment.texts import with_text

PUBLISHED = {
    "report-convnet2layers": (
        "conv 32 3x3 valid, conv 64 3x3 valid, pool 2, dropout, flatten, dense 128, dropout", 1_199_882, 0,
    ),
    "report-mlp2layers": ("flatten, dense 512, dropout, dense 512, dropout", 669_706, 0),
    "report-mlp5layers": ("flatten" + ", dense 512, dropout" * 5, 1_457_674, 0),
    "various-mlp2": ("flatten, dense 256, dense 64", 218_058, 0),
    "various-mlp2-bn-dropout": ("flatten, dense 256, bn, dropout, dense 64, bn, dropout", 219_338, 640),
    "various-mlp3": ("flatten, dense 1024, dense 512, dense 256", 1_462_538, 0),
    "various-mlp3-bn-dropout": (
        "flatten, dense 1024, bn, dropout, dense 512, bn, dropout, dense 256, bn, dropout", 1_469_706, 3_584,
    ),
    "various-mlp5": ("flatten, dense 2048, dense 1024, dense 256, dense 128, dense 64", 4_010_058, 0),
    "various-mlp5-bn-dropout": (
        "flatten, dense 2048, bn, dense 1024, bn, dense 256, bn, dense 128, bn, dense 64, bn", 4_024_138, 7_040,
    ),
    "cnn-model2": ("conv 32 3x3 same, pool 2, conv 32 3x3 same, pool 2, flatten, dense 100, dropout", 167_478, 0),
    "cnn-model3": (
        "conv 64 2x2 same, bn, conv 64 2x2 valid, bn, pool 3, conv 128 3x3 same, bn, conv 128 3x3 same, bn, pool 3, "
        "flatten, dense 200, dropout, bn", 473_154, 1_168,
    ),
    "cnn-model4": (
        "conv 64 2x2 same/2, bn, conv 64 4x4 same/2, bn, pool 2, flatten, dense 200, dropout, bn", 184_642, 656,
    ),
    "labo04-cnn": (
        "conv 9 5x5 same, pool 2, conv 9 5x5 same, pool 2, conv 16 3x3 same, pool 2, flatten, dense 25", 7_465, 0,
    ),
    "labo04-fashion-64": ("conv 64 3x3 same, pool 2, flatten, dense 100", 1_256_150, 0),
    "labo04-fashion-final": ("conv 9 3x3 same, pool 2, flatten, dense 100", 177_600, 0),
}  # fmt: skip
"""Architectures of the source reports, the parameters that they published, and how many of those are not trained."""
NUMBER = r"\d+(?:,\d{3})*"
TERM = rf"(?:{NUMBER}|\({NUMBER}(?: \+ {NUMBER})+\))"
EQUATION = re.compile(rf"{TERM}(?: [×+] {TERM})+ = ({NUMBER})")
UNITS = re.compile(r" (?:of batch normalisation|cells|blocks|orientations?|weights?|biases|parameters|inputs?)\b")


def built(layers: str, **changes: Any) -> Experiment:
    """An experiment from the short notation of the source reports' tables."""
    return from_mapping({"layers": [_layer(words.split()) for words in layers.split(", ")], **changes})


def _layer(words: list[str]) -> dict[str, Any]:
    match words:
        case ["dense", units]:
            return {"kind": "dense", "units": int(units)}
        case ["conv", filters, edge, padding]:
            padding, _, step = padding.partition("/")
            return {"kind": "conv2d", "filters": int(filters), "kernel_size": int(edge[0]), "padding": padding,
                    "strides": int(step or 1)}  # fmt: skip
        case ["pool", edge]:
            return {"kind": "max_pooling2d", "pool_size": int(edge)}
        case ["bn"]:
            return {"kind": "batch_normalization"}
        case _:
            return {"kind": words[0]}


def description(experiment: Experiment) -> str:
    return complexity_in_words(of(experiment), experiment)


@pytest.mark.parametrize(
    ("preset", "hidden", "answers"),
    [
        ("raw", "250", [
            "784 inputs, the pixels of an image (28 × 28 = 784), 1 hidden layer of 250 neurons (tanh) and 10 outputs",
            "784 × 250 = 196,000 weights between the inputs and the hidden layer and 250 × 10 = 2,500 between the "
            "hidden layer and the outputs; together 196,000 + 2,500 = 198,500 weights",
            "one bias: 250 + 10 = 260 biases",
        ]),
        ("hog", "200", [
            "392 inputs, the histograms of oriented gradients of an image (7 × 7 cells × 8 orientations = 392; 28 / 4 "
            "= 7 cells along each edge)",
            "392 × 200 = 78,400", "together 78,400 + 2,000 = 80,400 weights", "200 + 10 = 210 biases",
        ]),
        ("cnn", "5", [
            "The fully connected part has 3 × 3 × 16 = 144 inputs after pooling, 1 hidden layer of 5 neurons",
            "144 × 5 = 720", "together 720 + 50 = 770 weights", "5 + 10 = 15 biases",
        ]),
        ("fashion", "100", [
            "14 × 14 × 9 = 1,764 inputs after pooling", "1,764 × 100 = 176,400",
            "together 176,400 + 1,000 = 177,400 weights", "100 + 10 = 110 biases",
        ]),
    ],
)  # fmt: skip
def test_the_fourth_reports_question_is_answered_as_there(preset: str, hidden: str, answers: list[str]) -> None:
    text = description(with_text(find_preset(preset).experiment, "hidden", hidden))
    for answer in answers:
        assert answer in text


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_totals_are_the_published_ones(name: str) -> None:
    layers, total, frozen = PUBLISHED[name]
    trained = f"{total - frozen:,} of them trainable and {frozen:,} not" if frozen else "all trainable"
    assert f" {total:,} parameters, {trained}." in description(built(layers))


@given(experiments())
def test_every_equation_holds_and_every_sum_is_the_counted_one(experiment: Experiment) -> None:
    counted, text = of(experiment), description(experiment)
    for equation in EQUATION.finditer(UNITS.sub("", text)):
        left, _, right = equation[0].replace(",", "").replace("×", "*").partition(" = ")
        assert eval(left) == int(right), equation[0]
    for value in (counted.inputs, counted.weights, counted.dense_weights, counted.biases, counted.total, counted.macs):
        assert re.search(rf"(?<![\d,]){value:,}(?![\d,]*\d)", text), value


@given(experiments())
def test_one_is_singular_and_many_are_plural(experiment: Experiment) -> None:
    text = description(experiment)
    nouns = "weight|neuron|filter|channel|layer|output|input|value|byte|time|orientation"
    assert not re.search(rf"(?<![\d,.])(?<!× )(?<! and )1 (?:more |hidden )?(?:{nouns})s\b", text)
    assert not re.search(rf"(?<![\d,])(?:[2-9]|\d+\d|\d,\d{{3}}) (?:more |hidden )?(?:{nouns})\b", text)
    assert "  " not in text
    assert all(part.endswith(".") for part in text.split("\n\n"))


def test_paddings_and_dropped_rows_are_explained() -> None:
    text = description(built(PUBLISHED["labo04-cnn"][0]))
    assert "Padding “same” adds zeros around the image, so that the output has the same height and width." in text
    dropped = "Pooling by 2 × 2 drops a row and a column of 7 × 7, which fill no window: 7 / 2 is rounded down to 3."
    assert dropped in text and "“valid”" not in text
    valid = description(built("conv 8 5x5 valid, pool 2, flatten"))
    assert "so that one of 5 × 5 makes each edge shorter by 4." in valid and "drops" not in valid


def test_a_network_without_hidden_layer_says_so() -> None:
    text = description(built("flatten"))
    assert "no hidden layer and 10 outputs" in text
    assert "There are 784 × 10 = 7,840 weights between the inputs and the outputs." in text
    assert "Each output neuron has one bias: 10 biases." in text
    assert "all of them in the output layer" in text


def test_equal_layers_are_described_once() -> None:
    text = description(built(PUBLISHED["report-mlp5layers"][0]))
    assert "5 hidden layers of 512 neurons each" in text
    assert "between each layer and the next from the first to the fifth hidden layer (4 times)" in text
    assert "together 401,408 + 4 × 262,144 + 5,120 = 1,455,104 weights" in text


def test_each_convolution_has_its_product_and_its_strides() -> None:
    text = description(built(PUBLISHED["cnn-model4"][0]))
    assert (
        "The second convolution has 64 filters of 4 × 4 over 64 channels in steps of 2, 4 × 4 × 64 × 64 = 65,536 "
        "weights, and gives 7 × 7 × 64 values, 3 × 3 × 64 after pooling." in text
    )
    assert "four parameters for each channel or feature" in text
    assert "4 × (64 + 64 + 200) = 1,312" in text


def test_the_values_that_an_optimizer_keeps_are_counted() -> None:
    layers = "flatten, dense 2, bn"
    assert "keeps 2 more values for each trainable parameter" in description(built(layers, optimizer={"name": "adam"}))
    counted = of(built(layers))
    with_adam = size(4 * (counted.total + 2 * counted.trainable))
    assert f"{with_adam} with them" in description(built(layers, optimizer={"name": "adam"}))
    assert "SGD keeps no more values" in description(built(layers, optimizer={"name": "sgd"}))
