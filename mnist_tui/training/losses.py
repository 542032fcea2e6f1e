"""The loss: categorical cross-entropy with label smoothing, and the weights of the classes in it.

What is reported is what Keras reports. The training loss is that of `fit`: with the smoothed labels, and with the class
weights if there are any. The loss of validation, test and evaluation is that of `evaluate`: with the smoothed labels,
but without class weights, which Keras uses only in `fit`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_tui.data.labels import weights_by_class
from mnist_tui.experiment.spec import Experiment
from mnist_tui.training.backend import keras, tf


def cross_entropies(labels: Any, outputs: Any, smoothing: float | None, *, from_logits: bool) -> Any:
    """Return the cross-entropy of each example, float32 ``(n,)``.

    Args:
        labels: the true classes, int32 ``(n,)``.
        outputs: probabilities, or the sums before softmax if `from_logits` is set, float32 ``(n, classes)``.
        smoothing: the share of each label that is spread evenly over all classes (Szegedy et al., 2016); None for none.
    """
    if not smoothing:
        return keras.losses.sparse_categorical_crossentropy(labels, outputs, from_logits=from_logits)
    one_hot = tf.one_hot(labels, outputs.shape[-1])
    return keras.losses.categorical_crossentropy(one_hot, outputs, from_logits=from_logits, label_smoothing=smoothing)


def compiled_loss(smoothing: float | None) -> Any:
    """Return the loss to compile a model with; Keras' loss with label smoothing takes one-hot labels."""
    if not smoothing:
        return "sparse_categorical_crossentropy"
    return keras.losses.CategoricalCrossentropy(label_smoothing=smoothing)


def class_weights(
    experiment: Experiment, labels: NDArray[np.integer], names: Sequence[str]
) -> NDArray[np.float32] | None:
    """Return the weight of each class in the training loss, float32 ``(classes,)``; None if all count alike.

    The balanced weight of a class is ``n / (k · n_class)``, where n is the number of training images and k the number
    of classes that occur among them (King and Zeng, 2001), as in scikit-learn. A class without a weight has 1.

    Args:
        labels: the true classes of the training images.
        names: the names of the classes, in the order of their numbers.

    Raises:
        DataError: a weight is given for a name that no class has.
    """
    wanted = experiment.training.class_weights
    if wanted is None:
        return None
    weights = np.ones(experiment.classes, np.float32)
    if wanted == "balanced":
        present, counts = np.unique(labels, return_counts=True)
        weights[present] = len(labels) / (len(present) * counts)
    else:
        for number, weight in weights_by_class(wanted, names).items():
            weights[number] = weight
    return weights
