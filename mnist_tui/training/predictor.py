"""The predict job: a run's model classifies images; each JSON line on stdin is answered by a JSON line on stdout.

The first line on stdout, when the model is loaded, is ``{"ready": true, "weights": "model" | "checkpoint",
"epoch": 7 | null, "milliseconds": 5210}``, or ``{"error": "…"}`` and the end. A request on stdin is ``{"images": ["…",
…]}``, every image as 784 bytes in base64, row by row, light on black. The answer is ``{"probabilities": [[…]×10, …],
"milliseconds": 1.2}``, null for a value that is not finite; or ``{"error": "…"}``. All other output goes to stderr.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import os
import queue
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from mnist_tui.data.hog import hog_batch
from mnist_tui.errors import RequestError
from mnist_tui.experiment.shapes import IMAGE_EDGE
from mnist_tui.experiment.spec import Experiment, HogFeatures
from mnist_tui.runs.folder import RunFolder
from mnist_tui.training.checkpoint import newest_weights

PIXELS = IMAGE_EDGE**2
MOST_IMAGES = 10_000
"""The largest number of images in a request."""

Predict = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


def serve(folder: RunFolder) -> None:
    """Answer requests until stdin ends, even if it ends while TensorFlow is being imported.

    Raises:
        RequestError: the run has no model that can be loaded; stdout has the same message.
    """
    began = time.perf_counter()
    sys.stdout.flush()
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    loaded = threading.Event()
    threading.Thread(target=_listen, args=(lines, loaded), name="stdin", daemon=True).start()
    try:
        predict, weights, epoch = _loaded(folder)
    except RequestError as error:
        _send(answers, {"error": str(error)})
        raise
    loaded.set()
    _send(answers, {"ready": True, "weights": weights, "epoch": epoch, "milliseconds": _milliseconds_since(began)})
    while line := lines.get():
        _send(answers, answer(line, predict))


def answer(line: bytes, predict: Predict) -> dict[str, Any]:
    """Return the answer to a line: probabilities, or an error if the line is not a request."""
    began = time.perf_counter()
    try:
        images = _images(line)
    except ValueError as error:
        return {"error": str(error)}
    rows = [[value if math.isfinite(value) else None for value in row] for row in predict(images).tolist()]
    return {"probabilities": rows, "milliseconds": _milliseconds_since(began)}


def features_of(images: NDArray[np.uint8], experiment: Experiment) -> NDArray[np.float32]:
    """Return the inputs of the experiment's network, float32, for images, uint8 ``(n, 28, 28)``."""
    spec = experiment.features
    if not isinstance(spec, HogFeatures):
        return images[..., np.newaxis].astype(np.float32) / np.float32(255)
    return hog_batch(images, **spec.settings).astype(np.float32, copy=False)


def _loaded(folder: RunFolder) -> tuple[Predict, str, int | None]:
    """Return the model as a traced function on the CPU, already called once, with its source and epoch."""
    experiment = folder.preset().experiment
    source = newest_weights(folder)
    from mnist_tui.training import device, models
    from mnist_tui.training.backend import tf

    device.choose("cpu")
    model, epoch = models.trained(folder, source)
    signature = tf.TensorSpec((None, *experiment.input_shape), tf.float32)
    forward = tf.function(lambda inputs: model(inputs, training=False), autograph=False)
    traced = forward.get_concrete_function(signature)

    def predict(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return traced(tf.constant(features_of(images, experiment))).numpy()

    predict(np.zeros((1, IMAGE_EDGE, IMAGE_EDGE), np.uint8))
    return predict, source, epoch


def _images(line: bytes) -> NDArray[np.uint8]:
    try:
        packed = json.loads(line)["images"]
        pixels = [base64.b64decode(image, validate=True) for image in packed]
    except (ValueError, TypeError, KeyError, binascii.Error):
        raise ValueError('a request is {"images": ["…", …]}, every image its 784 bytes in base64') from None
    if not 1 <= len(pixels) <= MOST_IMAGES:
        raise ValueError(f"a request has 1 to {MOST_IMAGES:,} images, not {len(pixels):,}")
    for image in pixels:
        if len(image) != PIXELS:
            raise ValueError(f"an image has {IMAGE_EDGE}×{IMAGE_EDGE} = {PIXELS} bytes, not {len(image)}")
    return np.frombuffer(b"".join(pixels), np.uint8).reshape(-1, IMAGE_EDGE, IMAGE_EDGE)


def _listen(lines: queue.SimpleQueue[bytes], loaded: threading.Event) -> None:
    """Put the lines of stdin into the queue, then an empty line; to be run in a thread."""
    empty = True
    # not sys.stdin, which an interpreter that ends meanwhile cannot close
    for line in os.fdopen(os.dup(0), "rb"):
        empty = False
        lines.put(line if line.endswith(b"\n") else line + b"\n")
    if empty and not loaded.is_set():
        os._exit(0)
    lines.put(b"")


def _send(answers: TextIO, doc: dict[str, Any]) -> None:
    print(json.dumps(doc, allow_nan=False), file=answers, flush=True)


def _milliseconds_since(began: float) -> float:
    return round(1000 * (time.perf_counter() - began), 3)
