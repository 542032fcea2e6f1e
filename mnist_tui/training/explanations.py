"""Look inside a network: what its layers answer to an image, and which pixels its answer depends on.

The score of a class is its output before softmax. Dropout and noise are off; batch normalisation uses its moving
averages. Gradients are by the pixels, scaled to 0..1; for a network with HOG features, through the features
(`export.hog`), whose orientation bins count as constant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_tui.experiment.shapes import pixels_shape
from mnist_tui.experiment.spec import Experiment, HogFeatures
from mnist_tui.runs.explanations import layers_for
from mnist_tui.training import models
from mnist_tui.training.backend import tf
from mnist_tui.training.export import hog
from mnist_tui.training.model_server import features_of

BLOCK = 500
"""Images that pass through the network at once."""
PATCHES_ACROSS = 7
"""The side of an occluding patch is this part of the image's shorter edge: 4 pixels of 28."""
MOST_PLACES_ACROSS = 32
"""Of a longer edge than this, a patch does not move pixel by pixel."""
NOISY_COPIES, NOISE = 50, 0.15
"""The copies of SmoothGrad, and the standard deviation of their noise as a share of the image's range of levels."""
KEPT_BYTES = 500_000_000
"""The largest outputs of a layer for all training images that are kept."""

Image = NDArray[np.uint8]
"""An image, uint8 ``(height, width)``, or ``(height, width, 3)`` in colour."""


class ExplainedNetwork:
    """A trained network that can be looked into.

    Args:
        model: a model that `models.build` has made for the experiment.
    """

    def __init__(self, experiment: Experiment, model: Any) -> None:
        self.experiment = experiment
        self._model, self._layers = model, models.with_sources(model)

    def probabilities(self, images: Image) -> NDArray[np.float32]:
        """Return the probabilities of all classes, float32 ``(n, classes)``, for images ``(n, …)``."""
        blocks = [images[first : first + BLOCK] for first in range(0, len(images), BLOCK)]
        return np.concatenate([self._model(self._features(block), training=False).numpy() for block in blocks])

    def activations(self, image: Image) -> dict[str, NDArray[np.float32]]:
        """Return the outputs of the layers for an image, without the axis of the images, by the layers' names.

        Layers that only pass on their inputs are left out.
        """
        outputs = models.each_output(self._layers, self._features(image[np.newaxis]), training=False)
        by_name = {layer.name: output for (layer, _), output in zip(self._layers, outputs, strict=True)}
        names = [layer.name for layer in layers_for("activations", self.experiment)]
        return {name: tf.cast(by_name[name][0], tf.float32).numpy() for name in names}

    def occlusion(self, image: Image, label: int) -> NDArray[np.float32]:
        """Return the occlusion map of M. D. Zeiler and R. Fergus, "Visualizing and Understanding Convolutional
        Networks", ECCV 2014, section 4.2.

        A square patch of the background's level (the median of the image's border) moves over the image. A pixel's
        value is the mean of ``p(image) - p(image with the patch)``, p being the class's probability, over all places
        where the patch covers the pixel: positive where covering makes the class less probable.

        Returns:
            float32 ``(height, width)``.
        """
        height, width = image.shape[:2]
        side = max(1, round(min(height, width) / PATCHES_ACROSS))
        background = np.median(_border(image), axis=0).astype(np.uint8)
        places = [(top, left) for top in _places(height, side) for left in _places(width, side)]
        covered, images = list[tuple[int, int]](), [image]
        for top, left in places:
            patch = (slice(top, top + side), slice(left, left + side))
            if (image[patch] != background).any():  # else the image stays as it is, and so does its probability
                changed = image.copy()
                changed[patch] = background
                covered.append((top, left))
                images.append(changed)
        probabilities = self.probabilities(np.stack(images))[:, label]
        falls = dict(zip(covered, (probabilities[0] - probabilities[1:]).tolist(), strict=True))
        total, count = np.zeros((height, width)), np.zeros((height, width))
        for top, left in places:
            patch = (slice(top, top + side), slice(left, left + side))
            total[patch] += falls.get((top, left), 0.0)
            count[patch] += 1
        return (total / np.maximum(count, 1)).astype(np.float32)

    def gradients(self, pixels: NDArray[np.floating], label: int) -> NDArray[np.float32]:
        """Return the derivatives of a class's score by the pixels.

        Args:
            pixels: images with levels from 0 to 1, ``(n, height, width, channels)``.

        Returns:
            float32 of the same shape.
        """
        levels = tf.constant(pixels, tf.float32)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(levels)
            score = self._score(self._outputs(self._differentiable_features(levels)), label)
        return tape.gradient(score, levels, unconnected_gradients=tf.UnconnectedGradients.ZERO).numpy()

    def saliency(self, image: Image, label: int) -> NDArray[np.float32]:
        """Return the saliency map of K. Simonyan, A. Vedaldi and A. Zisserman, "Deep Inside Convolutional Networks",
        2013 (arXiv:1312.6034), section 3: ``max over channels of |∂S/∂pixel|``, S being the class's score.

        Returns:
            float32 ``(height, width)``, score per full range of a pixel.
        """
        return np.abs(self.gradients(self._levels(image)[np.newaxis], label)[0]).max(axis=-1)

    def smoothgrad(self, image: Image, label: int, seed: int) -> NDArray[np.float32]:
        """Return the SmoothGrad map of D. Smilkov et al., "SmoothGrad: removing noise by adding noise", 2017
        (arXiv:1706.03825): the mean gradient over NOISY_COPIES of the image with normal noise, whose standard deviation
        is NOISE times the range of the image's levels; then its absolute value, the largest over the channels.

        Args:
            seed: the seed of the noise.

        Returns:
            float32 ``(height, width)``, score per full range of a pixel.
        """
        levels = self._levels(image)
        noise = np.random.Generator(np.random.PCG64(seed)).normal(size=(NOISY_COPIES, *levels.shape))
        copies = levels + NOISE * float(np.ptp(levels)) * noise
        return np.abs(self.gradients(copies, label).mean(axis=0)).max(axis=-1)

    def gradcam(self, image: Image, label: int, layer: str) -> NDArray[np.float32]:
        """Return the Grad-CAM map of R. R. Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via
        Gradient-based Localization", ICCV 2017, equations 1 and 2.

        With A the layer's channels and S the class's score, a channel's weight is the mean over its places of
        ``∂S/∂A``, and the map is ``max(0, sum over channels of weight · A)``, enlarged to the image (bilinear).

        Returns:
            float32 ``(height, width)``.
        """
        position = next(at for at, (each, _) in enumerate(self._layers) if each.name == layer)
        features = self._features(image[np.newaxis])
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(features)
            outputs = self._outputs(features)
            score = self._score(outputs, label)
        maps = outputs[position + 1]
        slopes = tape.gradient(score, maps, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        weights = tf.reduce_mean(tf.cast(slopes, tf.float32), axis=(1, 2), keepdims=True)
        sums = tf.reduce_sum(weights * tf.cast(maps, tf.float32), axis=-1, keepdims=True)
        return tf.image.resize(tf.nn.relu(sums), image.shape[:2])[0, ..., 0].numpy()

    @property
    def last_hidden(self) -> str:
        """The name of the last hidden layer that changes its inputs; ``the network's input`` if there is none."""
        hidden = layers_for("activations", self.experiment)[:-1]
        return hidden[-1].name if hidden else "the network's input"

    def last_hidden_outputs(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the inputs of the output layer, float32 ``(n, values)``, for the network's inputs ``(n, …)``."""
        last = self._outputs(tf.constant(features))[-1]
        return tf.reshape(tf.cast(last, tf.float32), (len(features), -1)).numpy()

    def features(self, images: Image) -> NDArray[np.float32]:
        """Return the network's inputs for images ``(n, …)``."""
        return features_of(images, self.experiment)

    def _features(self, images: Image) -> Any:
        return tf.constant(self.features(images))

    def _levels(self, image: Image) -> NDArray[np.float32]:
        """Return an image as the network sees its pixels, ``(height, width, channels)`` from 0 to 1."""
        return image.reshape(self.experiment.image_shape).astype(np.float32) / np.float32(255)

    def _differentiable_features(self, levels: Any) -> Any:
        spec = self.experiment.features
        if not isinstance(spec, HogFeatures):
            return levels
        return hog(tf.reshape(255.0 * levels, (-1, *pixels_shape(self.experiment.image_shape))), spec)

    def _outputs(self, features: Any) -> list[Any]:
        """Return the network's inputs and the outputs of all layers but the last one."""
        return [features, *models.each_output(self._layers[:-1], features, training=False)]

    def _score(self, outputs: Sequence[Any], label: int) -> Any:
        """Return the sum over the images of a class's output before softmax."""
        output, _ = self._layers[-1]
        values = tf.matmul(tf.cast(outputs[-1], tf.float32), output.kernel)
        return tf.reduce_sum((values + output.bias if output.use_bias else values)[:, label])


class HiddenSpace:
    """The outputs of the last hidden layer for many images, among which the nearest ones are found.

    They are kept from the first search on, up to KEPT_BYTES; more than that are computed again each time.

    Args:
        features: the network's inputs for all images, or uint8 images of which they are computed block by block.
    """

    def __init__(self, network: ExplainedNetwork, features: NDArray[Any]) -> None:
        self._network, self._features = network, features
        self._kept: list[NDArray[np.float32]] = []

    def nearest(
        self, image: Image, count: int, on_images: Callable[[int, int], None]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the indices of the nearest images, the nearest first, and their Euclidean distances.

        Args:
            on_images: receives the number of images compared so far, and of all, while outputs are computed.
        """
        own = self._network.last_hidden_outputs(self._network.features(image[np.newaxis]))
        blocks = self._kept or self._blocks(on_images)
        distances, kept = list[NDArray[np.float32]](), list[NDArray[np.float32]]()
        for outputs in blocks:
            distances.append(np.sqrt(((outputs - own) ** 2).sum(axis=1)))
            if len(self._features) * own.nbytes <= KEPT_BYTES:
                kept.append(outputs)
        self._kept, every = kept, np.concatenate(distances)
        order = np.argsort(every, kind="stable")[:count]
        return order, every[order]

    def _blocks(self, on_images: Callable[[int, int], None]) -> Iterator[NDArray[np.float32]]:
        total = len(self._features)
        for first in range(0, total, BLOCK):
            on_images(first, total)
            yield self._outputs(self._features[first : first + BLOCK])
        on_images(total, total)

    def _outputs(self, block: NDArray[Any]) -> NDArray[np.float32]:
        network = self._network
        return network.last_hidden_outputs(network.features(block) if block.dtype == np.uint8 else block)


def _border(image: Image) -> NDArray[np.uint8]:
    """Return the pixels of the image's border, ``(n,)``, or ``(n, 3)`` in colour."""
    return np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])


def _places(edge: int, side: int) -> list[int]:
    """Return where a patch begins along an edge; it reaches both ends."""
    step = -(-edge // MOST_PLACES_ACROSS)
    return sorted({*range(0, edge - side + 1, step), edge - side})
