"""Random valid experiments."""

from typing import Any

from hypothesis import strategies as st

from mnist_tui.experiment.layers import INITIALIZERS
from mnist_tui.experiment.optimizers import GRADIENT_OPTIMIZERS
from mnist_tui.experiment.spec import Experiment, SpecError, from_mapping

ACTIVATIONS = st.sampled_from(["relu", "tanh", "sigmoid", "linear", "elu"])


def dense(units: int = 40) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {"kind": st.just("dense"), "units": st.integers(1, units), "activation": ACTIVATIONS},
        optional={"kernel_initializer": st.sampled_from(INITIALIZERS[:-1]), "trainable": st.booleans()},
    )


DROPOUT = st.fixed_dictionaries({"kind": st.just("dropout"), "rate": st.floats(0, 0.9)})
NORMALISATION = st.just({"kind": "batch_normalization"})
CONV = st.fixed_dictionaries(
    {
        "kind": st.just("conv2d"),
        "filters": st.integers(1, 8),
        "kernel_size": st.integers(1, 7),
        "strides": st.integers(1, 3),
        "padding": st.sampled_from(["valid", "same"]),
        "activation": ACTIVATIONS,
    }
)
POOL = st.fixed_dictionaries(
    {"kind": st.just("max_pooling2d"), "pool_size": st.integers(1, 4), "padding": st.sampled_from(["valid", "same"])},
    optional={"strides": st.integers(1, 3)},
)

LOSS = st.fixed_dictionaries(
    {},
    optional={
        "label_smoothing": st.floats(0.01, 0.5),
        "class_weights": st.one_of(st.just("balanced"), st.dictionaries(st.sampled_from("0179"), st.floats(0.1, 9))),
    },
)


@st.composite
def experiments(draw: st.DrawFn) -> Experiment:
    """Dense or convolutional networks on pixels or HOG features, of any optimizer, images and classes; small."""
    tail = draw(st.lists(st.one_of(dense(), DROPOUT, NORMALISATION), max_size=5))
    doc: dict[str, Any] = {
        "optimizer": {
            "name": draw(st.sampled_from(sorted(GRADIENT_OPTIMIZERS))),
            "learning_rate": draw(st.floats(1e-5, 1.0)),
        },
        "training": {
            "batch_size": draw(st.integers(1, 5000)),
            "epochs": draw(st.integers(1, 300)),
            "seed": draw(st.integers(0, 99)),
            "schedule": draw(
                st.sampled_from([{"kind": "constant"}, {"kind": "cosine"}, {"kind": "exp", "start": 3, "rate": 0.1}])
            ),
        },
        "dataset": {"name": "mnist", "validation": draw(st.one_of(st.just("test"), st.floats(0.05, 0.5)))},
    }
    doc["training"] |= draw(LOSS)
    if draw(st.booleans()):
        edges = draw(st.integers(4, 64)), draw(st.integers(4, 64))
        doc["dataset"] |= {"classes": draw(st.integers(2, 100)), "image": [*edges, draw(st.sampled_from([1, 3]))]}
    smallest = min(doc["dataset"].get("image", [28, 28])[:2])
    if draw(st.booleans()):
        doc["features"] = {
            "kind": "hog",
            "pixels_per_cell": draw(st.integers(max(1, smallest // 16), smallest // 2)),
            "orientations": draw(st.integers(1, 12)),
            "cells_per_block": draw(st.integers(1, 2)),
        }
        doc["layers"] = tail
        return from_mapping(doc)
    head = [{"kind": "flatten"}]
    for layer in draw(st.lists(st.one_of(CONV, POOL, NORMALISATION, DROPOUT), max_size=4)):
        try:
            from_mapping({"dataset": doc["dataset"], "layers": [*head[:-1], layer, {"kind": "flatten"}]})
        except SpecError:
            continue
        head = [*head[:-1], layer, {"kind": "flatten"}]
    doc["layers"] = [*head, *tail]
    return from_mapping(doc)
