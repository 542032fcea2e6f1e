"""A model's weights by name and shape, as Keras has them. Pure; their number is in `complexity`."""

from __future__ import annotations

from mnist_tui.experiment.complexity import of
from mnist_tui.experiment.layers import BatchNormalization, Conv2D, Dense, ExperimentPart
from mnist_tui.experiment.shapes import Shape
from mnist_tui.experiment.spec import Experiment, OutputSpec


def named_parts(experiment: Experiment) -> list[tuple[str, ExperimentPart]]:
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
            case Dense() | OutputSpec():
                found |= {f"{name}/kernel": (inputs[0], outputs[0]), f"{name}/bias": outputs}
            case _:
                pass
    return found
