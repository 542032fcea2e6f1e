"""The explain job: looks inside a run's network, kept loaded (`model_server`), for one image after another.

A request on stdin is ``{"image": "…", "method": "saliency", "class": 3 | null, "layer": "conv2d_1" | null,
"data_dir": "/…" | null}``: the image as its bytes in base64, a key of `runs.explanations.METHODS`, the class that is
explained (null for the most probable one), the layer of Grad-CAM (null for the last convolution), and a folder to
search for the training images. The answer is the document that `runs.explanations.explanation_in` reads; before it,
there can be lines with ``progress``, ``done`` and ``total``. A request ``{"run": "/…"}`` loads another run's model; its
answer is the same first line as for the first run.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mnist_tui.data import feature_cache
from mnist_tui.data.datasets import fold_split, validation_split
from mnist_tui.data.feature_cache import FeatureKey
from mnist_tui.data.recorded import recorded_parts
from mnist_tui.errors import RequestError, RunError
from mnist_tui.experiment.shapes import pixels_shape, written
from mnist_tui.experiment.spec import HogFeatures
from mnist_tui.runs.explanations import METHODS, checked_layer, explained_run, packed_array
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.source_runs import evaluated_run
from mnist_tui.runs.worker_jobs import data_of
from mnist_tui.training import model_server
from mnist_tui.training.model_server import Send, images_in, milliseconds_since

if TYPE_CHECKING:
    from mnist_tui.training.explanations import ExplainedNetwork, HiddenSpace


@dataclass(frozen=True, eq=False)
class TrainingImages:
    """The images that a run was trained on.

    Attributes:
        images: uint8 ``(n, height, width)``, or ``(n, height, width, 3)`` in colour.
        labels: uint8 ``(n,)``.
        numbers: int64 ``(n,)``, each image's number in the dataset's file, from 1.
        features: the network's inputs, float32 ``(n, length)``, if they are kept on the disk, else the images.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    numbers: NDArray[np.int64]
    features: NDArray[Any]


NEAREST = 24
"""The number of nearest training images in an answer."""
PROGRESS_SECONDS = 0.1


def serve(folder: RunFolder) -> None:
    """Answer requests until stdin ends.

    Raises:
        RequestError: the run has no model that can be loaded; stdout has the same message.
    """
    began = time.perf_counter()

    def load(send: Send) -> tuple[model_server.Answer, dict[str, Any]]:
        explainer = NetworkExplainer(folder, send)
        return explainer.answer, explainer.loaded.source.ready(began)

    model_server.serve(load)


class NetworkExplainer:
    """Answers the requests about a run's network.

    Args:
        send: writes the lines with progress.

    Raises:
        RequestError: the run has no model that can be loaded.
    """

    def __init__(self, folder: RunFolder, send: Send) -> None:
        self._send = send
        self._sent = 0.0
        self._load(folder)

    def _load(self, folder: RunFolder) -> None:
        """Load a run's model, and use it once, because first times are slow."""
        folder = explained_run(folder)
        loaded = model_server.load_model(folder)
        from mnist_tui.training.explanations import ExplainedNetwork

        self.folder, self.loaded = evaluated_run(folder), loaded
        self._network: ExplainedNetwork = ExplainedNetwork(loaded.experiment, loaded.model)
        self._training: TrainingImages | None = None
        self._space: HiddenSpace | None = None
        blank = np.zeros(pixels_shape(loaded.experiment.image_shape), np.uint8)
        self._network.activations(blank)
        self._network.saliency(blank, 0)

    def answer(self, line: bytes) -> dict[str, Any]:
        """Return the answer to a line, or an error if it is not a request or cannot be met."""
        began = time.perf_counter()
        try:
            request = json.loads(line)
            if not isinstance(request, dict):
                raise ValueError("a request is a JSON object")
            if "run" in request:
                self._load(RunFolder(Path(request["run"])))
                return self.loaded.source.ready(began)
            return {**self._explanation(request), "milliseconds": milliseconds_since(began)}
        except (ValueError, RequestError) as error:
            return {"error": str(error)}

    def _explanation(self, request: dict[str, Any]) -> dict[str, Any]:
        experiment, network, method = self.loaded.experiment, self._network, request.get("method")
        if method not in METHODS:
            raise RunError(f"there is no method {method!r}; choose from {', '.join(METHODS)}")
        layer = checked_layer(method, experiment, request.get("layer"))
        image = images_in([request.get("image", "")], pixels_shape(experiment.image_shape))[0]
        probabilities = network.probabilities(image[np.newaxis])[0]
        if not np.isfinite(probabilities).all():
            raise RunError("the network's outputs are not finite numbers for this image: the run diverged")
        label = request.get("class")
        label = int(probabilities.argmax()) if label is None else label
        if not isinstance(label, int) or not 0 <= label < len(probabilities):
            raise RunError(f"there is no class {label}; the network has {len(probabilities)}, counted from 0")
        doc: dict[str, Any] = {"method": method, "class": label, "layer": layer}
        doc["probabilities"] = probabilities.tolist()
        if method == "activations":
            return {**doc, "layers": {name: packed_array(each) for name, each in network.activations(image).items()}}
        if method == "nearest":
            places = request.get("data_dir")
            return {**doc, **self._nearest(image, Path(places) if places else None)}
        return {**doc, "map": packed_array(self._map(method, image, label, layer))}

    def _map(self, method: str, image: NDArray[np.uint8], label: int, layer: str | None) -> NDArray[np.float32]:
        network = self._network
        if method == "gradcam":
            assert layer is not None
            return network.gradcam(image, label, layer)
        if method == "smoothgrad":
            return network.smoothgrad(image, label, self.loaded.experiment.training.seed)
        return network.occlusion(image, label) if method == "occlusion" else network.saliency(image, label)

    def _nearest(self, image: NDArray[np.uint8], data_dir: Path | None) -> dict[str, Any]:
        if self._training is None:
            from mnist_tui.training.explanations import HiddenSpace

            self._training = self._training_images(data_dir)
            self._space = HiddenSpace(self._network, self._training.features)
        training, space = self._training, self._space
        assert space is not None
        indices, distances = space.nearest(image, NEAREST, self._progress)
        nearest = [
            {
                "number": int(training.numbers[at]),
                "class": int(training.labels[at]),
                "distance": float(distance),
                "pixels": packed_array(training.images[at]),
            }
            for at, distance in zip(indices.tolist(), distances, strict=True)
        ]
        return {"layer": self._network.last_hidden, "count": len(training.numbers), "images": nearest}

    def _training_images(self, data_dir: Path | None) -> TrainingImages:
        """Return the images that the run was trained on, without those that were held out for validation."""
        data, dataset = data_of(self.folder), self.loaded.experiment.dataset
        if data is None:
            raise RunError(f"run {self.folder.id} has not read its training images yet")
        self._send({"progress": "reading the training images", "done": 0, "total": 0})
        images, labels = recorded_parts(
            data.name_or_path(dataset.name),
            ("train_images", "train_labels"),
            data.sha256,
            self.folder.data_places(data_dir),
            f"{data.title}, {data.source}",
        )
        images, labels, seed = images[: dataset.limit], labels[: dataset.limit], self.loaded.experiment.training.seed
        rows = np.arange(len(labels))
        if (fold := dataset.fold) is not None:
            rows = fold_split(labels, fold.number, fold.of, seed)[0]
        elif isinstance(dataset.validation, float):
            rows = validation_split(len(labels), dataset.validation, seed)[0]
        features: NDArray[Any] = images
        if isinstance(spec := self.loaded.experiment.features, HogFeatures):
            key = FeatureKey(data.sha256["train_images"], len(images), image=written(images.shape[1:]), **spec.settings)
            kept = feature_cache.load(key)
            features = images if kept is None else kept
        return TrainingImages(images[rows], labels[rows], rows + 1, features[rows])

    def _progress(self, done: int, total: int) -> None:
        now = time.perf_counter()
        if done == total or now - self._sent >= PROGRESS_SECONDS:
            self._sent = now
            self._send({"progress": "comparing the training images", "done": done, "total": total})
