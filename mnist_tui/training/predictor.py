"""The predict job: a run's model, kept loaded (`model_server`), classifies images.

A request on stdin is ``{"images": ["…", …]}``, every image as its bytes in base64, row by row, light on black; in
colour red, green and blue of each pixel together. The answer is ``{"probabilities": [[…], …], "milliseconds": 1.2}``, a
row for each image, null for a value that is not finite.
"""

from __future__ import annotations

import json
import math
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_tui.experiment.shapes import Shape, pixels_shape
from mnist_tui.runs.folder import RunFolder
from mnist_tui.training import model_server
from mnist_tui.training.classifiers import Predict, classifier_of
from mnist_tui.training.model_server import images_in, milliseconds_since

MOST_IMAGES = 10_000
"""The largest number of images in a request."""


def serve(folder: RunFolder) -> None:
    """Answer requests until stdin ends.

    Raises:
        RequestError: the run has no model that can be loaded; stdout has the same message.
    """
    began = time.perf_counter()

    def load(_: model_server.Send) -> tuple[model_server.Answer, dict[str, Any]]:
        classifier, shape = classifier_of(folder), pixels_shape(folder.preset().experiment.image_shape)
        return lambda line: answer(line, classifier.probabilities, shape), classifier.source.ready(began)

    model_server.serve(load)


def answer(line: bytes, predict: Predict, image: Shape) -> dict[str, Any]:
    """Return the answer to a line: probabilities, or an error if the line is not a request.

    Args:
        image: the shape of an image's pixels.
    """
    began = time.perf_counter()
    try:
        images = _images(line, image)
    except ValueError as error:
        return {"error": str(error)}
    rows = [[value if math.isfinite(value) else None for value in row] for row in predict(images).tolist()]
    return {"probabilities": rows, "milliseconds": milliseconds_since(began)}


def _images(line: bytes, image: Shape) -> NDArray[np.uint8]:
    try:
        packed = json.loads(line)["images"]
    except (ValueError, TypeError, KeyError):
        packed = None
    if not isinstance(packed, list) or not all(isinstance(each, str) for each in packed):
        raise ValueError('a request is {"images": ["…", …]}, every image its bytes in base64')
    if not 1 <= len(packed) <= MOST_IMAGES:
        raise ValueError(f"a request has 1 to {MOST_IMAGES:,} images, not {len(packed):,}")
    return images_in(packed, image)
