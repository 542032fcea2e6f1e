"""Write the changes of the training images for the program with plain Keras: its own layers, and one for elastic
distortions as Simard et al. (2003) define them, which Keras has not.

Keras resamples an image in each layer, not once, and draws other random numbers.
"""

from __future__ import annotations

import math

from mnist_tui.experiment.augmentation import LEAST_AREA, Augmentation
from mnist_tui.experiment.shapes import ImageShape

ELASTIC = """

class ElasticDistortion(keras.layers.Layer):
    def call(self, images, training=False):
        if not training:
            return images
        count, height, width, channels = keras.ops.shape(images)
        rows = keras.ops.arange(height, dtype="float32")[:, None]
        columns = keras.ops.arange(width, dtype="float32")[None, :]
        steps = np.arange(-{reach}, {reach} + 1)
        bell = np.exp(-0.5 * (steps / {sigma}) ** 2).astype(np.float32)
        bell = (bell / bell.sum()).reshape(-1, 1, 1, 1)
        moves = keras.random.uniform((2 * count, height, width, 1), -1, 1)
        moves = keras.ops.conv(moves, bell, padding="same")
        moves = keras.ops.conv(moves, bell.reshape(1, -1, 1, 1), padding="same")
        down, right = keras.ops.split({alpha} * moves[..., 0], 2)

        def moved(part):
            image, down, right = part
            places = keras.ops.stack([rows + down, columns + right])
            return keras.ops.stack(
                [
                    keras.ops.image.map_coordinates(image[..., channel], places, order=1, fill_mode="constant")
                    for channel in range(channels)
                ],
                axis=-1,
            )

        return keras.ops.vectorized_map(moved, (images, down, right))
"""


def augmentation_classes(settings: Augmentation | None) -> str:
    """Return the source code of the layers that Keras has not; empty if none is needed."""
    if settings is None or not settings.elastic:
        return ""
    sigma = settings.elastic_sigma
    return ELASTIC.format(alpha=repr(settings.elastic), sigma=repr(sigma), reach=math.ceil(4 * sigma))


def augmentation_lines(settings: Augmentation | None, image: ImageShape) -> list[str]:
    """Return the lines that put the changes before `model`, where they work in training only; none for no changes."""
    if settings is None:
        return []
    return [
        "changes = keras.Sequential([  # work in training only",
        f"    keras.Input({image}),",
        *(f"    {layer}," for layer in _layers(settings, image)),
        "])",
        "model = keras.Sequential([changes, model])",
    ]


def _layers(settings: Augmentation, image: ImageShape) -> list[str]:
    height, width, _ = image
    zeros = 'fill_mode="constant"'
    down, across = min(1.0, settings.shift / height), min(1.0, settings.shift / width)
    slant = min(1.0, math.tan(math.radians(settings.shear)))  # Keras takes no more
    odds, edges = (
        (settings.erasing,) * 2,
        tuple(round(math.sqrt(each), 4) for each in (LEAST_AREA, settings.erasing_area)),
    )
    calls = {
        "flip": 'keras.layers.RandomFlip("horizontal")',
        "zoom": f"keras.layers.RandomZoom({settings.zoom!r}, {zeros})",
        "shear": f"keras.layers.RandomShear({slant:.4g}, {zeros})",
        "rotation": f"keras.layers.RandomRotation({settings.rotation / 360:.4g}, {zeros})",
        "shift": f"keras.layers.RandomTranslation({down:.4g}, {across:.4g}, {zeros})",
        "elastic": "ElasticDistortion()",
        "noise": f"keras.layers.GaussianNoise({settings.noise!r})",
        "erasing": f"keras.layers.RandomErasing({odds}, scale={edges}, fill_value=0.0)",
    }
    return [call for name, call in calls.items() if name in settings.used]
