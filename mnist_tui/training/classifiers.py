"""Load the model of a run, trained here or elsewhere, as a function from images to probabilities."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnist_tui.errors import RunError
from mnist_tui.experiment.shapes import pixels_shape
from mnist_tui.runs.ensembles import combined
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.origin import ForeignLayer, Origin
from mnist_tui.runs.source_runs import check_has_model, evaluated_run, member_networks
from mnist_tui.training.evaluation import MOST_ROWS, block_of
from mnist_tui.training.model_server import ModelSource, features_of, load_model

MODEL = ModelSource()

Predict = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


@dataclass(frozen=True)
class Classifier:
    """A trained model on the CPU, with dropout off.

    Attributes:
        predict: returns the probabilities, float32 ``(n, classes)``, of images, uint8 ``(n, height, width)``, in colour
            ``(n, height, width, 3)``.
        source: where the weights are from.
        block: the most images for one call of `predict`, to limit its memory.
        network: the layers of a network from elsewhere; None for one of ours.
        notes: what was found out about a model from elsewhere, as sentences.
    """

    predict: Predict
    source: ModelSource = MODEL
    block: int = MOST_ROWS
    network: tuple[ForeignLayer, ...] | None = None
    notes: tuple[str, ...] = ()

    def probabilities(
        self, images: NDArray[np.uint8], on_images: Callable[[int], None] = lambda _: None
    ) -> NDArray[np.float32]:
        """Return the probabilities of any number of images, float32 ``(n, classes)``, computed block by block.

        Args:
            on_images: receives the number of images done after each block.
        """
        blocks: list[NDArray[np.float32]] = []
        for first in range(0, len(images), self.block):
            blocks.append(self.predict(images[first : first + self.block]))
            on_images(min(first + self.block, len(images)))
        return np.concatenate(blocks)


def classifier_of(folder: RunFolder) -> Classifier:
    """Load the model of a run; of an evaluation that of the evaluated run.

    Raises:
        RequestError: the run has no model, or its model cannot be read.
    """
    folder = evaluated_run(folder)
    origin = folder.origin
    if origin is None:
        return _trained(folder)
    if origin.kind == "imported" and not origin.predictions_only:
        from mnist_tui.training.imported_models import imported_classifier

        return imported_classifier(folder, origin)
    if origin.kind == "ensemble" and not origin.predictions_only:
        return _ensemble(folder, origin)
    raise RunError(f"run {folder.id} has no model of its own: {origin.sentence}")


def _ensemble(folder: RunFolder, origin: Origin) -> Classifier:
    check_has_model(folder)
    members = [classifier_of(member) for member in member_networks(folder)]

    def predict(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return combined([member.predict(images) for member in members], origin.settings.get("method", "mean"))

    return Classifier(predict, block=min(member.block for member in members), network=origin.network)


def _trained(folder: RunFolder) -> Classifier:
    """Return the newest weights of a trained run as a traced function, already called once."""
    loaded = load_model(folder)
    from mnist_tui.training.backend import tf

    model, experiment = loaded.model, loaded.experiment
    signature = tf.TensorSpec((None, *experiment.input_shape), tf.float32)
    forward = tf.function(lambda inputs: model(inputs, training=False), autograph=False)
    traced = forward.get_concrete_function(signature)

    def predict(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return traced(tf.constant(features_of(images, experiment))).numpy()

    predict(np.zeros((1, *pixels_shape(experiment.image_shape)), np.uint8))
    return Classifier(predict, loaded.source, block_of(max(map(math.prod, experiment.shapes()))))
