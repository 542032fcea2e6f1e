"""How a network's weights and biases are spread at one moment, and which of its units never answer."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_tui.runs.events import Distribution, LayerWeights
from mnist_tui.training.backend import keras, tf
from mnist_tui.training.resident import Resident

BINS = 32


def is_told(epoch: int) -> bool:
    """Whether the weights after an epoch are told of: each up to 20, then at growing intervals, 136 in a million."""
    told = 0
    while told < epoch:
        told += max(1, told // 10)
    return told == epoch


def layers_of(model: Any, dead: dict[str, float]) -> tuple[LayerWeights, ...]:
    """Every layer that has parameters, in order; of batch normalisation scale and offset, for weights and biases.

    Args:
        model: Keras' own.
        dead: shares of dead units by layer, as `DeadUnits.shares` gives them.
    """
    layers: list[LayerWeights] = []
    sound = True
    for layer in model.layers:
        if not layer.weights:
            continue
        weights, biases = (distribution(each.numpy()) for each in _parameters(layer))
        # TensorFlow's fused kernels make 0 of a relu's NaN, so from there on silence means nothing.
        sound = sound and weights is not None and biases is not None
        share = dead.get(layer.name) if sound else None
        layers.append(LayerWeights(name=layer.name, weights=weights, biases=biases, dead=share))
    return tuple(layers)


def _parameters(layer: Any) -> tuple[Any, Any]:
    normalises = isinstance(layer, keras.layers.BatchNormalization)
    return (layer.gamma, layer.beta) if normalises else (layer.kernel, layer.bias)


def distribution(values: NDArray[Any]) -> Distribution | None:
    """How an array's values are spread, over BINS bins; None where one is not finite.

    Where all are equal there is no width, and they are counted in the middle bin, as `numpy.histogram` does.
    """
    flat = values.ravel().astype(np.float64)
    low, high = float(flat.min()), float(flat.max())
    if not np.isfinite((low, high)).all():
        return None
    counts, _ = np.histogram(flat, BINS, (low, high))
    return Distribution(
        low=low, high=high, counts=tuple(counts.tolist()), mean=float(flat.mean()), deviation=float(flat.std())
    )


class DeadUnits:
    """Which units of a model's relu layers answer none of some images.

    Args:
        model: Keras' own.
        images: those that a unit must be silent for, wherever in them, to count as dead.
        block: how many of them are looked at together.
    """

    def __init__(self, model: Any, images: Resident, block: int) -> None:
        self._layers, self._images, self._block = model.layers, images, block
        self._relu = [layer.name for layer in model.layers if _is_relu(layer)]
        if self._relu:
            self._answers = tf.function(self._answering, autograph=False).get_concrete_function(images.row_spec)

    def shares(self) -> dict[str, float]:
        """Share of dead units, neurons or filters, by layer."""
        if not self._relu:
            return {}
        rows, block = self._images.rows, self._block
        answers = [self._answers(rows[first : first + block]) for first in range(0, self._images.count, block)]
        return {
            name: float(1 - np.any([each.numpy() for each in blocks], axis=0).mean())
            for name, *blocks in zip(self._relu, *answers, strict=True)
        }

    def _answering(self, rows: Any) -> list[Any]:
        """For each relu layer which of its units answer any of the images."""
        values, found = self._images.inputs(rows), list[Any]()
        for layer in self._layers:
            values = layer(values, training=False)
            if layer.name in self._relu:
                found.append(tf.reduce_any(values != 0, axis=range(len(values.shape) - 1)))
        return found


def _is_relu(layer: Any) -> bool:
    return getattr(getattr(layer, "activation", None), "__name__", "") == "relu"
