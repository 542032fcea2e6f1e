"""What an export of a run's weights is made of: for the worker that writes it and the card that describes it."""

from __future__ import annotations

from mnist_tui.experiment.complexity import of
from mnist_tui.experiment.layers import BatchNormalization, Conv2D, Dense, Part
from mnist_tui.experiment.shapes import Shape
from mnist_tui.experiment.spec import Experiment

FILES = {
    "keras": "model.keras",
    "h5": "model.weights.h5",
    "npz": "weights.npz",
    "safetensors": "model.safetensors",
    "onnx": "model.onnx",
    "tflite": "model.tflite",
    "savedmodel": "savedmodel",
    "csv": "weights-csv",
}
"""The formats with what each writes into the folder; savedmodel and csv are folders."""
WHOLE = ("onnx", "tflite", "savedmodel")
"""The formats that take uint8 images; the others hold the network alone, whose input is scaled or made by HOG."""
IMAGES, PROBABILITIES = "images", "probabilities"
"""What input and output of the whole formats are called."""


def named_parts(experiment: Experiment) -> list[tuple[str, Part]]:
    """The layers and the output by the names that Keras, too, has for them: ``conv2d_1``, ``dense_1``, ``output``."""
    names = [layer.name for layer in of(experiment).layers]
    return list(zip(names, [*experiment.layers, experiment.output], strict=True))


def weight_shapes(experiment: Experiment) -> dict[str, Shape]:
    """The shape of every weight by ``layer/weight``, in the model's order."""
    shapes = experiment.shapes()
    found: dict[str, Shape] = {}
    for (name, part), inputs, outputs in zip(named_parts(experiment), shapes, shapes[1:], strict=False):
        match part:
            case Conv2D():
                edge = part.kernel_size
                found |= {f"{name}/kernel": (edge, edge, inputs[-1], part.filters), f"{name}/bias": (part.filters,)}
            case BatchNormalization():
                vectors = ("gamma", "beta", "moving_mean", "moving_variance")
                found |= {f"{name}/{vector}": (inputs[-1],) for vector in vectors}
            case _ if isinstance(part, Dense) or name == "output":
                found |= {f"{name}/kernel": (inputs[0], outputs[0]), f"{name}/bias": outputs}
            case _:
                pass
    return found


def csv_name(weight: str) -> str:
    """``dense_1/kernel`` → ``dense_1.kernel.csv``, a file in the csv format's folder."""
    return f"{weight.replace('/', '.')}.csv"
