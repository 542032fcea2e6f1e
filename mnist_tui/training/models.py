"""Build the Keras model and optimizer of an experiment, and load trained models.

Models and optimizers are plain Keras objects, so that a saved model can be loaded without this project.
"""

from __future__ import annotations

from inspect import signature
from typing import Any
from zipfile import BadZipFile

import numpy as np

from mnist_tui.errors import RunError
from mnist_tui.experiment.complexity import Complexity, named_layers, of
from mnist_tui.experiment.layers import Initializer, Layer
from mnist_tui.experiment.spec import Experiment
from mnist_tui.runs import first_weights
from mnist_tui.runs.folder import RunFolder
from mnist_tui.training.backend import keras
from mnist_tui.training.checkpoint import WeightsSource, load_of_live_run

KERNEL, BIAS, NOISE = range(3)
"""The uses of random numbers in a layer; each use has its own seed."""


def build(experiment: Experiment) -> Any:
    """Build the model of a valid experiment (`spec.checked`).

    Returns:
        A built `keras.Sequential`: float32 input ``(n, 28, 28, 1)`` in 0..1, or ``(n, length)`` of HOG features;
        output float32 ``(n, 10)``, softmax. Layers are named as in `complexity` (``dense_1``, ``conv2d_1``,
        ``output``). All layers but the output compute in the training's precision; variables are float32.
    """
    seed, precision = experiment.training.seed, experiment.training.precision
    layers: list[Any] = [keras.Input(experiment.input_shape, dtype="float32", name="input")]
    for position, (name, layer) in enumerate(named_layers(experiment)):
        layers.append(_keras_layer(layer, name, seed, position, "float32" if name == "output" else precision))
    return keras.Sequential(layers, name="mnist_tui")


def trained(folder: RunFolder, source: WeightsSource) -> tuple[Any, int | None]:
    """Return the trained model of a run, built from the experiment and not compiled.

    Only arrays are read from the run's files: a model file's configuration, which can name code to be run, is not used.

    Returns:
        The Keras model, and the number of epochs before the checkpoint; None for a model file.

    Raises:
        RunError: the weights cannot be read, or belong to another network.
    """
    model = build(folder.preset().experiment)
    if source == "model":
        try:
            first_weights.weights_of(folder.model_file, first_weights.most_bytes(int(model.count_params())))
            model.load_weights(folder.model_file)
        except (OSError, ValueError, KeyError, BadZipFile) as error:
            why = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise RunError(f"{folder.model_file} cannot be read: {why}") from None
        return model, None
    snapshot = load_of_live_run(folder.checkpoint)
    if [array.shape for array in snapshot.model] != [tuple(each.shape) for each in model.variables]:
        raise RunError(f"the checkpoint in {folder.checkpoint} holds other variables than this version's model has")
    for variable, value in zip(model.variables, snapshot.model, strict=True):
        variable.assign(value)
    return model, snapshot.position.epoch


def _keras_layer(layer: Layer, name: str, seed: int, position: int, precision: str) -> Any:
    # Keras' class has the same name, and its arguments have the names of our fields
    arguments = {key: getattr(layer, key) for key in type(layer).model_fields if key != "kind"}
    for key, use in (("kernel_initializer", KERNEL), ("bias_initializer", BIAS)):
        if key in arguments:
            arguments[key] = _initializer(arguments[key], seed, position, use)
    kind = getattr(keras.layers, type(layer).__name__)
    if "seed" in signature(kind).parameters:
        arguments["seed"] = derived_seed(seed, position, NOISE)
    return kind(**arguments, dtype=precision, name=name)


def _initializer(initializer: Initializer, seed: int, position: int, use: int) -> Any:
    arguments = initializer.model_dump(exclude={"name"})
    kind = getattr(keras.initializers, initializer.name.title().replace("_", ""))
    if "seed" in signature(kind).parameters:
        arguments["seed"] = derived_seed(seed, position, use)
    return kind(**arguments)


def derived_seed(seed: int, position: int, use: int) -> int:
    """Return a seed for one use in the layer at `position`, independent of all others (numpy's SeedSequence)."""
    return int(np.random.SeedSequence([seed, position, use]).generate_state(1)[0] >> 1)


def optimizer(experiment: Experiment) -> Any:
    """Return the experiment's Keras optimizer with all arguments, not yet built for a model's variables.

    For a closed form the optimizer is Keras' default, for a later training of the saved model.
    With mixed_float16 the optimizer scales the loss, so that small gradients do not vanish (Micikevicius et al., 2018).
    """
    spec = experiment.optimizer
    if not experiment.trains_in_epochs:
        return keras.optimizers.RMSprop()
    plain = getattr(keras.optimizers, type(spec).__name__)(**spec.model_dump())
    if experiment.training.precision == "mixed_float16":
        return keras.optimizers.LossScaleOptimizer(plain)
    return plain


def compiled(model: Any, used: Any) -> Any:
    """Compile and return the model, so that `evaluate` and `fit` work after its file is loaded."""
    model.compile(optimizer=used, loss="sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
    return model


def check_counts(model: Any, experiment: Experiment) -> Complexity:
    """Return the complexity by arithmetic, after checking that Keras counts the same.

    Raises:
        AssertionError: the two counts differ; one of them is wrong, and no report may be written.
    """
    counted = of(experiment)
    total = int(model.count_params())
    trainable = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    if (total, trainable) != (counted.total, counted.trainable):
        raise AssertionError(
            f"Keras counts {total} parameters ({trainable} trainable), arithmetic {counted.total} ({counted.trainable})"
        )
    return counted
