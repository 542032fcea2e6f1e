"""The one declaration of each parameter that people edit: command-line options and form fields are made from it.

A parameter reads its value from an experiment as text and gives a changed experiment for a text. Texts that are
wrong in themselves are refused here, in the same words everywhere; what only the whole experiment can tell
(a block that does not fit its cells) is refused by the experiment's own validation in `apply_texts`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mnist_tui.experiment import changes, field_paths
from mnist_tui.experiment.changes import (
    ACTIVATIONS,
    all_equal,
    convolutions,
    hog_text,
    joined,
    number_text,
    patience_text,
    schedule_text,
    with_conv_activation,
    with_dataset,
    with_features,
    with_filters,
    with_hog,
    with_momentum,
    with_optimizer,
    with_part,
    with_patience,
    with_rate,
    with_schedule,
    with_validation,
)
from mnist_tui.experiment.layers import INITIALIZERS
from mnist_tui.experiment.optimizers import OPTIMIZERS
from mnist_tui.experiment.problem import RequestError
from mnist_tui.experiment.shapes import IMAGE_EDGE
from mnist_tui.experiment.spec import Experiment, parsed, revalidated, to_mapping
from mnist_tui.experiment.texts import chosen, pixels, share, sizes, whole


@dataclass(frozen=True)
class Parameter:
    """One editable parameter.

    Attributes:
        name: the option without its hyphens (``cells-per-block``).
        metavar: what stands for the value in a usage line.
        label, help: for a form and for ``--help``.
        group: Dataset, Features, Network, Optimizer or Training.
        choices: the values there are, where they can be listed.
        bounds: the values there are, in words.
        read: its value in an experiment, as text; empty where it does not apply.
        change: the experiment with another value, not validated as a whole; ValueError where the text is wrong,
            with a sentence that follows the option and its value.
    """

    name: str
    metavar: str
    label: str
    help: str
    group: str
    bounds: str
    read: Callable[[Experiment], str]
    change: Callable[[Experiment, str], Experiment]
    choices: tuple[str, ...] = ()

    @property
    def flag(self) -> str:
        return f"--{self.name}"


class ParameterError(RequestError):
    """A parameter's value that is wrong in itself; `parameter` is its name."""

    def __init__(self, parameter: str, message: str) -> None:
        self.parameter = parameter
        super().__init__(message)


def apply_texts(experiment: Experiment, texts: Mapping[str, str], sets: Sequence[str] = ()) -> Experiment:
    """The experiment with parameters changed, then fields set by path; the whole is validated once all are.

    Parameters change in the order of PARAMETERS, but the optimizer first: it brings defaults for others.

    Args:
        texts: values by parameter name (``{"ppc": "7"}``).
        sets: ``PATH=VALUE`` each, by the path in the TOML form.

    Raises:
        ParameterError: a value is wrong in itself.
        SpecError: the whole does not fit together.
    """
    unknown = set(texts) - {parameter.name for parameter in PARAMETERS}
    if unknown:
        raise RequestError(f"there is no parameter {', '.join(sorted(unknown))}")
    for parameter in sorted(PARAMETERS, key=lambda one: one.name != "optimizer"):
        if parameter.name in texts:
            experiment = changed(parameter, experiment, texts[parameter.name].strip())
    if not sets:
        return revalidated(experiment)
    return field_paths.all_assigned(parsed(to_mapping(experiment)), sets)


def with_text(experiment: Experiment, name: str, text: str) -> Experiment:
    """The experiment with one parameter changed, validated; raises as `apply_texts` does."""
    return apply_texts(experiment, {name: text})


def by_name(name: str) -> Parameter:
    """The parameter of that name; KeyError where there is none."""
    return _BY_NAME[name]


def changed(parameter: Parameter, experiment: Experiment, text: str) -> Experiment:
    """The experiment with one parameter changed, not validated as a whole; ParameterError if the text is wrong."""
    try:
        return parameter.change(experiment, text)
    except ValueError as error:
        raise ParameterError(parameter.name, f"{parameter.flag} {text or repr(text)} {error}") from None


PARAMETERS: tuple[Parameter, ...] = (
    Parameter(
        "dataset", "NAME|DIR", "Dataset", "mnist, fashion-mnist, digits, or a folder of IDX files", "Dataset",
        "a known name or a folder", lambda e: e.dataset.name, with_dataset,
    ),
    Parameter(
        "validation", "test|P", "Validation", "what plays validation: the test set, or a share of the training set",
        "Dataset", "test, or 0 < P < 1", lambda e: f"{e.dataset.validation}", with_validation,
    ),
    Parameter(
        "limit", "N", "Training images", "only the first N training images (none: all)", "Dataset", "N ≥ 1, or none",
        lambda e: str(e.dataset.limit or "none"),
        lambda e, text: with_part(e, "dataset", limit=None if text == "none" else whole(text, 1)),
    ),
    Parameter(
        "features", "raw|hog", "Features", "raw pixels, or histograms of oriented gradients", "Features", "raw or hog",
        lambda e: e.features.kind, with_features, ("raw", "hog"),
    ),
    Parameter(
        "ppc", "N", "Pixels per cell", "edge of a HOG cell in pixels; implies hog", "Features", f"1 to {IMAGE_EDGE}",
        hog_text("pixels_per_cell"), with_hog("pixels_per_cell", pixels),
    ),
    Parameter(
        "orientations", "N", "Orientations", "bins of the gradient's direction; implies hog", "Features", "1 to 360",
        hog_text("orientations"), with_hog("orientations", lambda text: whole(text, 1, 360)),
    ),
    Parameter(
        "cells-per-block", "N", "Cells per block", "edge of a HOG block in cells; implies hog", "Features",
        "at least one block must fit", hog_text("cells_per_block"),
        with_hog("cells_per_block", lambda text: whole(text, 1, IMAGE_EDGE)),
    ),
    Parameter(
        "filters", "N[xN…]", "Filters", "filters of the convolutions: one number for all, or one for each", "Network",
        "1 to 65536 each", lambda e: joined([layer.filters for layer in convolutions(e)]), with_filters,
    ),
    Parameter(
        "conv-activation", "NAME", "Conv. activation", "activation of the convolutions", "Network",
        ", ".join(ACTIVATIONS), lambda e: all_equal([layer.activation for layer in convolutions(e)]),
        with_conv_activation, ACTIVATIONS,
    ),
    Parameter(
        "hidden", "N[xN…]", "Hidden neurons", "neurons of the dense hidden layers: 250, or 200x100 for two", "Network",
        "1 to 65536 each", lambda e: joined([layer.units for layer in changes.dense_layers(e.layers)]),
        lambda e, text: e.model_copy(update={"layers": changes.with_units(e.layers, sizes(text))}),
    ),
    Parameter(
        "activation", "NAME", "Activation", "activation of the dense hidden layers", "Network", ", ".join(ACTIVATIONS),
        lambda e: all_equal([layer.activation for layer in changes.dense_layers(e.layers)]),
        lambda e, text: e.model_copy(
            update={"layers": changes.with_values(e.layers, activation=chosen(text, ACTIVATIONS))}
        ),
        ACTIVATIONS,
    ),
    Parameter(
        "dropout", "P", "Dropout", "dropout after each dense hidden layer; 0 removes it", "Network", "0 ≤ P < 1",
        lambda e: all_equal([f"{rate:g}" for rate in changes.dropout_rates(e.layers)]),
        lambda e, text: e.model_copy(update={"layers": changes.with_dropout(e.layers, share(text))}),
    ),
    Parameter(
        "initializer", "NAME", "Initialiser", "initialiser of the dense hidden layers' weights", "Network",
        ", ".join(INITIALIZERS),
        lambda e: all_equal([layer.kernel_initializer.name for layer in changes.dense_layers(e.layers)]),
        lambda e, text: e.model_copy(
            update={"layers": changes.with_initializer(e.layers, chosen(text, INITIALIZERS))}
        ),
        INITIALIZERS,
    ),
    Parameter(
        "optimizer", "NAME", "Optimizer", "optimizer; another one brings its own defaults", "Optimizer",
        ", ".join(OPTIMIZERS), lambda e: e.optimizer.name, with_optimizer, tuple(OPTIMIZERS),
    ),
    Parameter(
        "lr", "X", "Learning rate", "learning rate of the optimizer", "Optimizer", "X > 0, finite",
        number_text("learning_rate"), with_rate,
    ),
    Parameter(
        "momentum", "X", "Momentum", "momentum, for the optimizers that have one", "Optimizer", "0 ≤ X < 1",
        number_text("momentum"), with_momentum,
    ),
    Parameter(
        "schedule", "NAME", "Schedule", "learning rate over epochs: constant, cosine or exp:START:RATE", "Optimizer",
        "constant, cosine, exp:START:RATE", schedule_text, with_schedule,
    ),
    Parameter(
        "batch-size", "N", "Batch size", "images a step", "Training", "N ≥ 1", lambda e: str(e.training.batch_size),
        lambda e, text: with_part(e, "training", batch_size=whole(text, 1, 10_000_000)),
    ),
    Parameter(
        "epochs", "N", "Epochs", "passes over the training images", "Training", "N ≥ 1",
        lambda e: str(e.training.epochs), lambda e, text: with_part(e, "training", epochs=whole(text, 1, 1_000_000)),
    ),
    Parameter(
        "seed", "N", "Seed", "seed of the initial weights, the order, the dropout and the split", "Training", "N ≥ 0",
        lambda e: str(e.training.seed), lambda e, text: with_part(e, "training", seed=whole(text, 0, 2**31 - 1)),
    ),
    Parameter(
        "patience", "N|none", "Patience", "early stopping on validation loss, best weights restored", "Training",
        "N ≥ 1, or none", patience_text, with_patience,
    ),
    Parameter(
        "plain-loss", "on|off", "Plain loss",
        "training loss with dropout off, too, after each epoch on a fixed part of the images", "Training", "on or off",
        lambda e: "on" if e.training.plain_loss else "off",
        lambda e, text: with_part(e, "training", plain_loss=chosen(text, ("off", "on")) == "on"), ("off", "on"),
    ),
)  # fmt: skip
_BY_NAME = {parameter.name: parameter for parameter in PARAMETERS}
