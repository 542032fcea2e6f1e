"""A job that keeps a run's model loaded: each JSON line on stdin is answered by a JSON line on stdout.

The first line on stdout, when the model is loaded, is ``{"ready": true, "weights": "model" | "checkpoint",
"epoch": 7 | null, "milliseconds": 5210}``, or ``{"error": "…"}`` and the end. Every answer to a request has its
``milliseconds``, or is ``{"error": "…"}``. All other output goes to stderr.
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
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mnist_tui.data.hog import hog_batch
from mnist_tui.errors import RequestError
from mnist_tui.experiment.shapes import Shape, written
from mnist_tui.experiment.spec import Experiment, HogFeatures
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.source_runs import evaluated_run
from mnist_tui.training.checkpoint import newest_weights

Answer = Callable[[bytes], dict[str, Any]]


class Send(Protocol):
    """A function that writes one JSON document on a line of stdout."""

    def __call__(self, doc: dict[str, Any], /) -> None: ...


@dataclass(frozen=True)
class ModelSource:
    """Where a model is from: ``model``, or ``checkpoint`` with its epoch."""

    weights: str = "model"
    epoch: int | None = None

    def ready(self, began: float) -> dict[str, Any]:
        """Return the first line that says that the model is loaded; `began` is a time of `time.perf_counter`."""
        return {"ready": True, "weights": self.weights, "epoch": self.epoch, "milliseconds": milliseconds_since(began)}


@dataclass(frozen=True)
class LoadedModel:
    """The Keras model of a trained run, the run's experiment, and where the weights are from."""

    model: Any
    experiment: Experiment
    source: ModelSource


def load_model(folder: RunFolder) -> LoadedModel:
    """Load the newest weights of a run on the CPU; of an evaluation those of the evaluated run.

    Raises:
        RequestError: the run has no model that can be loaded, or its network is not one of this program.
    """
    folder = evaluated_run(folder)
    folder.check_trained_here("has no network of this program")
    experiment, source = folder.preset().experiment, newest_weights(folder)
    from mnist_tui.training import device, models

    device.choose("cpu")
    model, epoch = models.trained(folder, source)
    return LoadedModel(model, experiment, ModelSource(source, epoch))


def serve(load: Callable[[Send], tuple[Answer, dict[str, Any]]]) -> None:
    """Answer the lines of stdin until it ends, even if it ends while TensorFlow is being imported.

    Args:
        load: loads the model; returns the function that answers a line, and the first line of stdout. It may keep the
            function that it gets, which writes further lines, such as progress.

    Raises:
        RequestError: the model cannot be loaded; stdout has the same message.
    """
    sys.stdout.flush()
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    loaded = threading.Event()
    threading.Thread(target=_listen, args=(lines, loaded), name="stdin", daemon=True).start()

    def send(doc: dict[str, Any]) -> None:
        print(json.dumps(doc, allow_nan=False), file=answers, flush=True)

    try:
        answer, ready = load(send)
    except RequestError as error:
        send({"error": str(error)})
        raise
    loaded.set()
    send(ready)
    while line := lines.get():
        send(answer(line))


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


def milliseconds_since(began: float) -> float:
    """Return the milliseconds since a time of `time.perf_counter`."""
    return round(1000 * (time.perf_counter() - began), 3)


def features_of(images: NDArray[np.uint8], experiment: Experiment) -> NDArray[np.float32]:
    """Return the inputs of the experiment's network, float32, for images, uint8 ``(n, height, width)``.

    Colour images are ``(n, height, width, 3)``.
    """
    spec = experiment.features
    if not isinstance(spec, HogFeatures):
        return images.reshape(-1, *experiment.image_shape).astype(np.float32) / np.float32(255)
    return hog_batch(images, **spec.settings).astype(np.float32, copy=False)


def images_in(packed: Sequence[str], image: Shape) -> NDArray[np.uint8]:
    """Return images, uint8 ``(n, *image)``, from their bytes in base64.

    Args:
        image: the shape of an image's pixels.

    Raises:
        ValueError: the texts are not base64, or an image has another size.
    """
    size = math.prod(image)
    try:
        pixels = [base64.b64decode(each, validate=True) for each in packed]
    except (TypeError, binascii.Error):
        raise ValueError("an image is its bytes in base64") from None
    for each in pixels:
        if len(each) != size:
            raise ValueError(f"an image has {written(image)} = {size} bytes, not {len(each)}")
    return np.frombuffer(b"".join(pixels), np.uint8).reshape(-1, *image)
