"""What a run's network does with one image: the methods, and a process that computes them.

`training/explanations.py` has the formulas.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnist_tui.errors import RequestError, RunError
from mnist_tui.experiment.complexity import LayerComplexity, of
from mnist_tui.experiment.spec import Experiment
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.source_runs import evaluated_run
from mnist_tui.runs.worker_jobs import Loaded, ModelProcess, in_base64
from mnist_tui.wording import listed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Method:
    """A method to look inside a network.

    Attributes:
        shows: what its values are, as a sentence without a full stop.
        signed: whether its values can be negative.
        work: the key of its paper in `report/references.toml`; empty for none.
        paper: the paper's authors and year.
    """

    name: str
    title: str
    shows: str
    signed: bool = False
    work: str = ""
    paper: str = ""

    @property
    def is_map(self) -> bool:
        """Whether it has one value for each pixel of the image, for one class."""
        return self.name not in {"activations", "nearest"}


METHODS = {
    method.name: method
    for method in (
        Method("activations", "Activations", "The outputs of each layer for this image"),
        Method(
            "occlusion",
            "Occlusion",
            "How much less probable a patch of background makes the class",
            signed=True,
            work="zeiler2014",
            paper="Zeiler and Fergus, 2014",
        ),
        Method(
            "saliency",
            "Saliency",
            "How much each pixel changes the score of the class: the absolute gradient",
            work="simonyan2013",
            paper="Simonyan et al., 2013",
        ),
        Method(
            "smoothgrad",
            "SmoothGrad",
            "The absolute mean gradient over 50 copies of the image with noise",
            work="smilkov2017",
            paper="Smilkov et al., 2017",
        ),
        Method(
            "gradcam",
            "Grad-CAM",
            "Where the channels of a layer speak for the class, enlarged to the image",
            work="selvaraju2017",
            paper="Selvaraju et al., 2017",
        ),
        Method("nearest", "Nearest", "The training images that are nearest in the last hidden layer"),
    )
}
CONVOLUTIONS = ("conv2d", "depthwise_conv2d", "separable_conv2d")
FAINT, OPAQUE = 0.6, 0.92
"""The share of an image's ink that is drawn below a map, and the opacity of the strongest value of the map."""
WEAK, STRONG = 0.2, 0.6
"""Shares of the value with the full shade, from which a weak and a strong sign are drawn."""
PASSING_ON = ("dropout", "spatial_dropout2d", "gaussian_noise", "flatten")
"""Kinds of layers whose outputs are their inputs, once the network is trained."""


def layers_for(method: str, experiment: Experiment) -> tuple[LayerComplexity, ...]:
    """Return the layers of which one can be chosen for a method, in their order; empty if there is no choice.

    Activations are shown of every layer, Grad-CAM is computed for layers with channels, from the first convolution on;
    layers that only pass on their inputs are left out.
    """
    layers = tuple(layer for layer in of(experiment).layers if layer.kind not in PASSING_ON)
    if method == "activations":
        return layers
    if method != "gradcam":
        return ()
    first = next((at for at, layer in enumerate(layers) if layer.kind in CONVOLUTIONS), len(layers))
    return tuple(layer for layer in layers[first:] if len(layer.output_shape) == 3)


def default_layer(method: str, experiment: Experiment) -> str | None:
    """Return the layer that Grad-CAM is computed for unless another is chosen: the last convolution; else None."""
    names = [layer.name for layer in layers_for(method, experiment) if layer.kind in CONVOLUTIONS]
    return names[-1] if method == "gradcam" and names else None


def why_not(method: str, experiment: Experiment) -> str:
    """Return why a method cannot be used for a network, as a sentence without a full stop; empty if it can."""
    if method == "gradcam" and default_layer(method, experiment) is None:
        return (
            "Grad-CAM needs a convolutional layer, and this network has none; occlusion, saliency and SmoothGrad work "
            "for it"
        )
    return ""


def checked_layer(method: str, experiment: Experiment, layer: str | None) -> str | None:
    """Return the layer that is chosen for a method, the default for None; None if the method has no layer.

    Raises:
        RequestError: the method cannot be used for the network, or has no such layer.
    """
    if why := why_not(method, experiment):
        raise RequestError(why)
    names = [each.name for each in layers_for(method, experiment)]
    if layer is None:
        return default_layer(method, experiment)
    if not names:
        raise RequestError(f"the method {method} has no layer to choose")
    if layer not in names:
        raise RequestError(f"there is no layer {layer!r} for {METHODS[method].title}; there are {listed(names)}")
    return layer


def explained_run(run: RunFolder) -> RunFolder:
    """Return the run whose network is looked into: for an evaluation on other data the run that was evaluated.

    Raises:
        RunError: that run no longer exists, or the network is not one that this program has built.
    """
    source = evaluated_run(run)
    origin = source.origin
    if origin is not None and origin.kind == "ensemble":
        names = listed([each.name for each in origin.sources])
        raise RunError(f"run {source.id} is an ensemble: look inside its members, which are {names}")
    if origin is not None:
        raise RunError(f"only networks that this program has trained can be looked into; {origin.sentence}")
    return source


@dataclass(frozen=True, eq=False)
class HeatMap:
    """A value for each pixel of an image, for one class.

    Attributes:
        label: the class that is explained.
        layer: the layer of Grad-CAM; None for other methods.
        values: float32 ``(height, width)``; what they are, `Method.shows` says.
        probabilities: those of all classes for the image.
    """

    method: str
    label: int
    layer: str | None
    values: NDArray[np.float32]
    probabilities: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Activations:
    """The outputs of the layers of a network for an image, by the layers' names in their order.

    Feature maps are float32 ``(height, width, channels)``, the outputs of dense layers ``(units,)``.
    """

    layers: Mapping[str, NDArray[np.float32]]
    probabilities: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class NearestImage:
    """A training image near another image.

    Attributes:
        number: its number in the file of the training images, from 1.
        label: its true class.
        distance: the Euclidean distance of the layer's outputs.
        pixels: uint8 ``(height, width)``, or ``(height, width, 3)`` in colour.
    """

    number: int
    label: int
    distance: float
    pixels: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class NearestImages:
    """The nearest training images, the nearest first, by the outputs of a layer.

    Attributes:
        layer: the last hidden layer; ``the network's input`` if there is none.
        count: the number of training images that were compared.
    """

    layer: str
    count: int
    images: tuple[NearestImage, ...]
    probabilities: tuple[float, ...]


Explanation = HeatMap | Activations | NearestImages
OnProgress = Callable[[str, int, int], None]
"""A function that receives what is being done, how many images are done, and of how many; of 0 if none are counted."""


class Explainer(ModelProcess):
    """A process that looks inside a run's network."""

    JOB = "explain"

    def load(self, folder: RunFolder) -> Loaded:
        """Load the model of another run instead; raises a PredictionError if it cannot be loaded."""
        doc = self._request({"run": str(folder.path.absolute())})
        self.folder = folder
        return Loaded(doc["weights"], doc["epoch"], doc["milliseconds"])

    def explain(
        self,
        image: bytes,
        method: str,
        *,
        label: int | None = None,
        layer: str | None = None,
        data_dir: Path | None = None,
        on_progress: OnProgress | None = None,
    ) -> Explanation:
        """Return what a method says of an image.

        Args:
            image: its bytes, row by row, light on black; in colour red, green and blue of each pixel.
            label: the class to explain; None for the most probable one.
            layer: a layer of `layers_for`; None for the default.
            data_dir: a data folder to search for the training images, after the run's own.
            on_progress: receives the progress of ``nearest``, which reads all training images once.

        Raises:
            PredictionError: the process has ended, or rejects the request.
        """
        asked = {"image": in_base64(image), "method": method, "class": label, "layer": layer}
        doc = self._request({**asked, "data_dir": str(data_dir.absolute()) if data_dir else None})
        while "progress" in doc:
            if on_progress is not None:
                on_progress(doc["progress"], doc["done"], doc["total"])
            doc = self._read()
        return explanation_in(doc)


def explanation_in(doc: Mapping[str, Any]) -> Explanation:
    """Return the explanation in an answer of the explain job."""
    probabilities = tuple(doc["probabilities"])
    if "map" in doc:
        return HeatMap(doc["method"], doc["class"], doc["layer"], array_in(doc["map"]), probabilities)
    if "layers" in doc:
        return Activations({name: array_in(values) for name, values in doc["layers"].items()}, probabilities)
    images = tuple(
        NearestImage(each["number"], each["class"], each["distance"], array_in(each["pixels"]))
        for each in doc["images"]
    )
    return NearestImages(doc["layer"], doc["count"], images, probabilities)


def packed_array(values: NDArray[Any]) -> dict[str, Any]:
    """Return an array as part of a JSON document: its shape, its type, and its bytes in base64."""
    return {"shape": list(values.shape), "dtype": values.dtype.name, "bytes": in_base64(values.tobytes())}


def array_in(doc: Mapping[str, Any]) -> NDArray[Any]:
    """Return the array that `packed_array` has packed."""
    import numpy as np

    return np.frombuffer(base64.b64decode(doc["bytes"]), doc["dtype"]).reshape(doc["shape"])


Rgb = tuple[int, int, int]


def over(
    levels: NDArray[np.uint8], values: NDArray[np.float32], *, paper: Rgb, ink: Rgb, positive: Rgb, negative: Rgb
) -> NDArray[np.uint8]:
    """Return a map over its image, in colours: uint8 ``(height, width, 3)``.

    Args:
        levels: the grey image, uint8 ``(height, width)``.
        values: the map; its strongest value has nearly its full colour.
        paper, ink: the colours of the image's levels 0 and 255, of which the ink is drawn fainter.
        positive, negative: the colours of the map's values.
    """
    import numpy as np

    part = shares(values)[..., np.newaxis]
    low, high, more, less = (np.array(colour, float) for colour in (paper, ink, positive, negative))
    below = low + FAINT * levels[..., np.newaxis] / 255 * (high - low)
    return np.rint(below + OPAQUE * np.abs(part) * (np.where(part >= 0, more, less) - below)).astype(np.uint8)


def strongest(values: NDArray[np.float32]) -> float:
    """Return the largest absolute value of a map."""
    import numpy as np

    return float(np.abs(values).max(initial=0.0))


def shares(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a map from -1 to 1: its values as shares of the strongest one; 0 where all are 0."""
    most = strongest(values)
    return values / most if most > 0 and math.isfinite(most) else values * 0


def sign_of(value: float, strong: float) -> str:
    """Return a value as a sign, for terminals without colours.

    It is ``#`` or ``+`` for strong and weak positive values, ``=`` or ``-`` for negative ones, a space near 0.

    Args:
        strong: the absolute value that has the full shade.
    """
    if math.isnan(value):
        return "?"
    part = abs(value) / strong if strong else 0.0
    if part < WEAK:
        return " "
    return ("#" if value > 0 else "=") if part >= STRONG else ("+" if value > 0 else "-")
