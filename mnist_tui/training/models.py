"""Build the Keras model and optimizer of an experiment, and load trained models.

Models and optimizers are plain Keras objects, so that a saved model can be loaded without this project.
"""

from __future__ import annotations

from collections.abc import Iterable
from inspect import signature
from typing import Any
from zipfile import BadZipFile

import numpy as np

from mnist_tui.errors import RunError
from mnist_tui.experiment.complexity import Complexity, of, placed_layers
from mnist_tui.experiment.layers import PENALTIES, Initializer, Layer, Residual
from mnist_tui.experiment.spec import Experiment
from mnist_tui.runs import first_weights
from mnist_tui.runs.folder import RunFolder
from mnist_tui.training.backend import keras
from mnist_tui.training.checkpoint import WeightsSource, load_of_live_run
from mnist_tui.training.losses import compiled_loss

KERNEL, BIAS, NOISE, POINTWISE = range(4)
"""The uses of random numbers in a layer; each use has its own seed."""
INITIALIZERS = {
    "kernel_initializer": KERNEL,
    "depthwise_initializer": KERNEL,
    "pointwise_initializer": POINTWISE,
    "bias_initializer": BIAS,
}
"""The arguments of layers that are initializers, and the use of random numbers of each."""


def build(experiment: Experiment) -> Any:
    """Build the model of a valid experiment (`spec.checked`).

    Returns:
        A built `keras.Sequential`, or a functional `keras.Model` if there are residual blocks. Input: float32 pixels
        in 0..1, ``(n, height, width, channels)``, or ``(n, length)`` of HOG features. Output: float32
        ``(n, classes)``, softmax. Layers are named as in `complexity` (``dense_1``, ``conv2d_1``, ``output``) and have
        the same order. All layers but the output compute in the training's precision; variables are float32.
    """
    seed, precision = experiment.training.seed, experiment.training.precision
    inputs: Any = keras.Input(experiment.input_shape, dtype="float32", name="input")
    placed = placed_layers(experiment)
    layers = [
        _keras_layer(layer, name, seed, position, "float32" if name == "output" else precision)
        for position, (name, layer, *_) in enumerate(placed)
    ]
    if not any(isinstance(each.layer, Residual) for each in placed):
        return keras.Sequential([inputs, *layers], name="mnist_tui")
    outputs = each_output(zip(layers, (each.sources for each in placed), strict=True), inputs)
    model = keras.Model(inputs, outputs[-1], name="mnist_tui")
    assert layers_of(model) == layers, "Keras has another order of the layers"
    return model


def layers_of(model: Any) -> list[Any]:
    """Return a model's layers without its input layer."""
    return [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]


Sourced = tuple[Any, tuple[int, ...]]
"""A layer, and the positions of the layers whose outputs it takes; -1 is the model's input."""


def with_sources(model: Any) -> list[Sourced]:
    """Return the layers of a model that `build` has made, each with its sources."""
    layers = layers_of(model)
    if isinstance(model, keras.Sequential):
        return [(layer, (position - 1,)) for position, layer in enumerate(layers)]
    positions = {id(layer.output): position for position, layer in enumerate(layers)}
    return [(layer, tuple(positions.get(id(each), -1) for each in _listed(layer.input))) for layer in layers]


def _listed(values: Any) -> list[Any]:
    return values if isinstance(values, list) else [values]


def each_output(layers: Iterable[Sourced], inputs: Any, **options: Any) -> list[Any]:
    """Return the output of every layer for a model's inputs.

    Args:
        options: for the call of each layer, such as ``training=False``.
    """
    outputs = [inputs]  # position -1 is shifted to 0
    for layer, sources in layers:
        values = [outputs[source + 1] for source in sources]
        outputs.append(layer(values if len(values) > 1 else values[0], **options))
    return outputs[1:]


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
    if isinstance(layer, Residual):
        return keras.layers.Add(dtype=precision, name=name)
    # Keras' class has the same name, and its arguments have the names of our fields
    arguments = {key: getattr(layer, key) for key in type(layer).model_fields if key not in {"kind", *PENALTIES}}
    for key, use in INITIALIZERS.items():
        if key in arguments:
            arguments[key] = _initializer(arguments[key], seed, position, use)
    kind = getattr(keras.layers, type(layer).__name__)
    if "seed" in signature(kind).parameters:
        arguments["seed"] = derived_seed(seed, position, NOISE)
    return kind(**arguments, **_penalties(layer), dtype=precision, name=name)


def _penalties(layer: Layer) -> dict[str, Any]:
    """Return Keras' arguments for the penalties and the constraint of a layer's weights."""
    arguments: dict[str, Any] = {}
    l1, l2, max_norm = layer.penalties
    for weights, axes in layer.PENALISED.items():
        if l1 or l2:
            arguments[f"{weights}_regularizer"] = keras.regularizers.L1L2(l1=l1, l2=l2)
        if max_norm is not None:
            arguments[f"{weights}_constraint"] = keras.constraints.MaxNorm(max_norm, axis=list(axes))
    return arguments


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


def compiled(model: Any, used: Any, smoothing: float | None = None) -> Any:
    """Compile and return the model, so that `evaluate` and `fit` work after its file is loaded.

    Args:
        used: the optimizer.
        smoothing: the label smoothing; with it, `evaluate` and `fit` take one-hot labels.
    """
    model.compile(optimizer=used, loss=compiled_loss(smoothing), metrics=["accuracy"], jit_compile=False)
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
