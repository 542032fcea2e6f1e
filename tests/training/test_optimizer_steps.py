"""The declared steps of the optimizers: the programs behind the equations of reports move weights as Keras does."""

from __future__ import annotations

import inspect
import itertools
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_tui.experiment.optimizers import CLIPPING, GRADIENT_OPTIMIZERS, GradientOptimizer
from mnist_tui.report.equations import ARGUMENTS, OFF, carried_over, names_in, step_in_tex

FUNCTIONS = {"sqrt": np.sqrt, "abs": np.abs, "max": np.maximum, "sign": np.sign}
ARGUMENTS_TO_TRY = {
    "learning_rate": (0.01,),
    "momentum": (0.0, 0.8),
    "nesterov": (False, True),
    "centered": (False, True),
    "amsgrad": (False, True),
    "weight_decay": (0.0, 0.3),
    "epsilon": (1e-7, 0.05),  # a large one, to see where it stands
    "rho": (0.7,),
    "beta_1": (0.6,),
    "beta_2": (0.95,),
    "initial_accumulator_value": (0.0, 0.2),
}
RATES = {"adadelta": 30.0}  # whose steps are short at first
STEPS = 6


def variants() -> list[GradientOptimizer]:
    """Every optimizer with every combination of the arguments above."""
    some: list[GradientOptimizer] = []
    for kind in GRADIENT_OPTIMIZERS.values():
        names = [name for name in kind.model_fields if name not in ("name", *CLIPPING)]
        for values in itertools.product(*(ARGUMENTS_TO_TRY[name] for name in names)):
            arguments = dict(zip(names, values, strict=True))
            rate = RATES.get(kind.model_fields["name"].default, arguments["learning_rate"])
            some.append(kind.model_validate({**arguments, "learning_rate": rate}))
    return some


def named(optimizer: GradientOptimizer) -> str:
    return f"{optimizer.name}-" + "-".join(f"{key}={value}" for key, value in optimizer if key != "name")


def stepped(optimizer: GradientOptimizer, weights: NDArray[Any], gradients: NDArray[Any]) -> NDArray[Any]:
    """The weights after each step, computed by the declared program in float64: ``(steps, n)``."""
    arguments = dict(optimizer)
    starts = {key: arguments.get(str(start), start) for key, start in optimizer.STARTS.items()}
    values: dict[str, Any] = {**dict.fromkeys(carried_over(optimizer.step), 0.0), **starts, "w": weights}
    path: list[NDArray[Any]] = []
    for number, gradient in enumerate(gradients, 1):
        values |= {**FUNCTIONS, **arguments, "g": gradient, "t": number}
        exec("\n".join(optimizer.step), values)
        path.append(values["w"])
    return np.array(path)


@pytest.mark.slow
def test_the_declared_steps_are_those_of_keras() -> None:
    import keras

    draw = np.random.default_rng(0)
    weights = draw.normal(size=5).astype(np.float32)
    gradients = draw.normal(size=(STEPS, 5)).astype(np.float32)
    gradients[:, 0] *= 1e-4  # where epsilon matters
    for optimizer in variants():
        theirs, variable = (
            getattr(keras.optimizers, type(optimizer).__name__)(**dict(optimizer)),
            keras.Variable(weights),
        )
        theirs.build([variable])
        path: list[NDArray[Any]] = []
        for gradient in gradients:
            theirs.apply([keras.ops.convert_to_tensor(gradient)], [variable])
            path.append(np.asarray(keras.ops.convert_to_numpy(variable)))
        ours = stepped(optimizer, weights.astype(np.float64), gradients.astype(np.float64))
        np.testing.assert_allclose(ours, path, rtol=2e-5, atol=2e-6, err_msg=named(optimizer))
        assert np.abs(ours[-1] - weights).max() > 0.005, named(optimizer)


@pytest.mark.slow
@pytest.mark.parametrize("name", GRADIENT_OPTIMIZERS)
def test_the_arguments_and_their_defaults_are_those_of_keras(name: str) -> None:
    import keras

    kind = GRADIENT_OPTIMIZERS[name]
    theirs = inspect.signature(getattr(keras.optimizers, kind.__name__)).parameters
    for field, info in kind.model_fields.items():
        assert field == "name" or theirs[field].default == info.default, field
    others = set(theirs) - set(kind.model_fields) - {"kwargs"}
    assert others <= {*OFF, "name", "ema_momentum", "ema_overwrite_frequency"}
    assert all(not theirs[argument].default for argument in others & set(OFF))


@pytest.mark.parametrize("optimizer", variants(), ids=named)
def test_every_letter_of_an_equation_is_explained_and_every_number_is_an_argument(optimizer: GradientOptimizer) -> None:
    assert set(names_in(optimizer.step)) - {"w"} <= optimizer.LETTERS.keys()
    each_weight = [name for name in carried_over(optimizer.step) if name != "product"]
    assert len(each_weight) == optimizer.slots
    tex = step_in_tex(optimizer.step)
    assert tex.count("{") == tex.count("}") and tex.count("(") == tex.count(")")
    always = {name for name in type(optimizer).model_fields if name in ARGUMENTS and name != "momentum"}
    missing = {name for name in always - {"initial_accumulator_value"} if ARGUMENTS[name] not in tex}
    assert not missing
