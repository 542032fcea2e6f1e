"""What an optimizer keeps for each parameter, counted by arithmetic and by Keras."""

from typing import Any

import pytest

from mnist_tui.experiment.optimizers import GRADIENT_OPTIMIZERS

pytestmark = pytest.mark.slow

VARIANTS = [
    *((name, {}) for name in GRADIENT_OPTIMIZERS),
    ("rmsprop", {"momentum": 0.5}),
    ("rmsprop", {"centered": True}),
    ("adam", {"amsgrad": True}),
    ("adamw", {"amsgrad": True}),
    ("sgd", {"momentum": 0.9, "nesterov": True}),
]


@pytest.mark.parametrize(("name", "arguments"), VARIANTS)
def test_keras_allocates_as_many_values_as_are_counted(name, arguments):
    import keras

    optimizer = GRADIENT_OPTIMIZERS[name](**arguments)
    theirs: Any = keras.optimizers.get({"class_name": type(optimizer).__name__, "config": optimizer.model_dump()})
    parameters = keras.Variable([[1.0] * 50] * 3)
    theirs.build([parameters])
    values = sum(variable.value.shape.num_elements() for variable in theirs.variables if len(variable.shape) == 2)
    assert values == 150 * optimizer.slots
