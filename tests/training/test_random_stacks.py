"""Random stacks of all layer kinds: Keras counts the same, and gives the outputs of the model card's NumPy program."""

import random
from typing import Any

import numpy as np
import pytest

from mnist_tui.experiment.layers import LAYER_KINDS
from mnist_tui.experiment.spec import SpecError, from_mapping

pytestmark = pytest.mark.slow

ACTIVATIONS = ["linear", "relu", "tanh", "sigmoid", "elu", "softplus", "gelu", "leaky_relu", "softmax"]
INITIALIZERS = ["glorot_uniform", "he_normal", {"name": "random_normal", "stddev": 0.3}]


def random_layer(kind: str, draw: random.Random, depth: int = 0) -> dict[str, Any]:
    """A layer of a kind; each field of the kind has a random value, or its default."""
    sides = [1, 2, 3, [1, 2], [3, 1]]
    values: dict[str, list[Any]] = {
        "units": [1, 5, 12],
        "filters": [1, 3, 4],
        "kernel_size": sides,
        "pool_size": sides[1:],
        "strides": [1, 2] if kind in {"depthwise_conv2d", "separable_conv2d"} else [1, 2, [1, 2]],
        "dilation_rate": [1, 1, 2, [2, 1]],
        "depth_multiplier": [1, 2],
        "padding": [1, [0, 2]] if kind == "zero_padding2d" else ["valid", "same"],
        "activation": ACTIVATIONS,
        "use_bias": [True, False],
        "trainable": [True, True, False],
        "rate": [0.0, 0.5],
        "stddev": [0.0, 0.1],
        "momentum": [0.9],
        "epsilon": [0.001, 0.1],
        "l1": [0.0, 0.01],
        "l2": [0.0, 0.01],
        "max_norm": [2.0],
        **dict.fromkeys(("kernel_initializer", "depthwise_initializer", "pointwise_initializer"), INITIALIZERS),
        "bias_initializer": [{"name": "random_normal", "stddev": 0.3}],
    }
    fields = [field for field in LAYER_KINDS[kind].model_fields if field not in {"kind", "layers"}]
    layer = {"kind": kind, **{field: draw.choice(values[field]) for field in fields}}
    if kind == "residual":
        inner = [each for each in LAYER_KINDS if depth < 2 or each != "residual"]
        layer["layers"] = [random_layer(draw.choice(inner), draw, depth + 1) for _ in range(draw.randint(1, 3))]
    return layer


def random_experiment(seed: int) -> Any:
    """A random valid experiment on small images: layers that do not fit are drawn again."""
    draw, layers = random.Random(seed), list[dict[str, Any]]()
    image = [draw.randint(4, 9), draw.randint(4, 9), draw.choice([1, 3])]
    doc: dict[str, Any] = {"dataset": {"image": image, "classes": draw.randint(2, 12)}, "training": {"seed": seed}}
    doc["output"] = {"l2": draw.choice([0.0, 0.01]), "bias_initializer": "ones"}
    wanted = draw.randint(1, 6)
    for _ in range(60):
        more = [*layers, random_layer(draw.choice(list(LAYER_KINDS)), draw)]
        for end in ([], [{"kind": "flatten"}]):
            try:
                experiment = from_mapping({**doc, "layers": [*more, *end]})
            except SpecError:
                continue
            layers = more
            if len(layers) == wanted:
                return experiment
            break
    return random_experiment(seed + 1_000_000)


def check(seed: int) -> set[str]:
    """Check the network of a seed, and return the kinds of its layers."""
    from mnist_tui.experiment.complexity import placed_layers, weight_shapes
    from mnist_tui.report.model_card import example_program
    from mnist_tui.runs.weight_formats import WEIGHT_FORMATS
    from mnist_tui.training import models

    experiment = random_experiment(seed)
    model = models.build(experiment)
    models.check_counts(model, experiment)
    weights = {f"{layer.name}/{each.name}": each.numpy() for layer in model.layers for each in layer.weights}
    assert {name: each.shape for name, each in weights.items()} == weight_shapes(experiment)
    placed = placed_layers(experiment)
    assert [each.name for each in placed] == [layer.name for layer in models.layers_of(model)]
    assert [(None, *each.output) for each in placed] == [tuple(layer.output.shape) for layer in models.layers_of(model)]

    random_images = np.random.default_rng(seed)
    height, width, channels = experiment.image_shape
    shape = (2, height, width) if channels == 1 else (2, height, width, channels)
    images = random_images.integers(0, 256, shape).astype(np.uint8)
    inputs = images.reshape(2, height, width, channels).astype(np.float32) / 255
    code = example_program(WEIGHT_FORMATS["npz"], experiment).code
    values: dict[str, Any] = {"images": images, "weights": weights}
    exec("\n".join(line for line in code.splitlines() if "np.load(" not in line), values)
    np.testing.assert_allclose(values["probabilities"], model(inputs, training=False), atol=1e-5, err_msg=str(seed))
    return {each.layer.kind for each in placed}


def test_keras_counts_and_computes_random_stacks_alike():
    assert set.union(*(check(seed) for seed in range(40))) == set(LAYER_KINDS)


@pytest.mark.exhaustive
def test_keras_counts_and_computes_500_random_stacks_alike():
    for seed in range(40, 540):
        check(seed)
