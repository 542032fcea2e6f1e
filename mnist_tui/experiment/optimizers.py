"""The optimizers of an experiment, each with its own arguments; names and defaults are those of Keras 3.

One is no optimizer of Keras': `Ridge` solves the output layer instead of training it step by step.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from mnist_tui.experiment.layers import ExperimentPart

Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
Decay = Annotated[float, Field(ge=0, allow_inf_nan=False)]
MOST_RIDGES = 100


class _Optimizer(ExperimentPart):
    """What all optimizers share."""

    learning_rate: Rate = Field(default=0.001, description="step size of the updates")


class RMSprop(_Optimizer):
    """RMSprop (Tieleman and Hinton, 2012)."""

    name: Literal["rmsprop"] = "rmsprop"
    rho: Share = Field(default=0.9, description="decay of the mean square of the gradients")
    momentum: Share = Field(default=0.0, description="momentum")
    epsilon: Rate = Field(default=1e-7, description="added for numerical stability")
    centered: bool = Field(default=False, description="normalise by the variance rather than the mean square")


class Adam(_Optimizer):
    """Adam (Kingma and Ba, 2015)."""

    name: Literal["adam"] = "adam"
    beta_1: Share = Field(default=0.9, description="decay of the first moment")
    beta_2: Share = Field(default=0.999, description="decay of the second moment")
    epsilon: Rate = Field(default=1e-7, description="added for numerical stability")
    amsgrad: bool = Field(default=False, description="keep the largest second moment (Reddi et al., 2018)")


class AdamW(_Optimizer):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019)."""

    name: Literal["adamw"] = "adamw"
    weight_decay: Decay = Field(
        default=0.004, description="share of the weights taken off at each step, times the rate"
    )
    beta_1: Share = Field(default=0.9, description="decay of the first moment")
    beta_2: Share = Field(default=0.999, description="decay of the second moment")
    epsilon: Rate = Field(default=1e-7, description="added for numerical stability")
    amsgrad: bool = Field(default=False, description="keep the largest second moment (Reddi et al., 2018)")


class Nadam(_Optimizer):
    """Adam with Nesterov momentum (Dozat, 2016)."""

    name: Literal["nadam"] = "nadam"
    beta_1: Share = Field(default=0.9, description="decay of the first moment")
    beta_2: Share = Field(default=0.999, description="decay of the second moment")
    epsilon: Rate = Field(default=1e-7, description="added for numerical stability")


class Adamax(_Optimizer):
    """Adam by the infinity norm (Kingma and Ba, 2015)."""

    name: Literal["adamax"] = "adamax"
    beta_1: Share = Field(default=0.9, description="decay of the first moment")
    beta_2: Share = Field(default=0.999, description="decay of the infinity norm")
    epsilon: Rate = Field(default=1e-7, description="added for numerical stability")


class Adagrad(_Optimizer):
    """Adagrad (Duchi et al., 2011)."""

    name: Literal["adagrad"] = "adagrad"
    initial_accumulator_value: Decay = Field(default=0.1, description="start of the sum of squared gradients")
    epsilon: Rate = Field(default=1e-7, description="added for numerical stability")


class Adadelta(_Optimizer):
    """Adadelta (Zeiler, 2012)."""

    name: Literal["adadelta"] = "adadelta"
    rho: Share = Field(default=0.95, description="decay of the running means")
    epsilon: Rate = Field(default=1e-7, description="added for numerical stability")


class SGD(_Optimizer):
    """Stochastic gradient descent, with momentum if asked (Sutskever et al., 2013)."""

    name: Literal["sgd"] = "sgd"
    learning_rate: Rate = Field(default=0.01, description="step size of the updates")
    momentum: Share = Field(default=0.0, description="momentum")
    nesterov: bool = Field(default=False, description="look ahead before the gradient (Nesterov)")


class Lion(_Optimizer):
    """Lion: the sign of an interpolated momentum (Chen et al., 2023)."""

    name: Literal["lion"] = "lion"
    beta_1: Share = Field(default=0.9, description="weight of the momentum in the update")
    beta_2: Share = Field(default=0.99, description="decay of the momentum")


class Ridge(ExperimentPart):
    """Ridge least squares in closed form (Hoerl and Kennard, 1970).

    The output layer's weights W and biases b are those with the least Σ ‖W x + b − y‖² + ridge · ‖W‖² over the training
    images: x what enters the output layer (pixels from 0 to 1, HOG features, or a frozen layer's activations), y 1 for
    the true class and 0 for the nine others. A ridge is thus in units of x², summed over all training images; the
    biases are not penalised.
    """

    name: Literal["ridge"] = "ridge"
    ridges: tuple[Rate, ...] = Field(
        default=(0.001, 0.01, 0.1, 1.0, 10.0, 100.0, 1000.0, 10000.0),
        description="penalties on the squared weights; of several, the best on the validation share is taken",
    )

    @field_validator("ridges")
    @classmethod
    def _some(cls, ridges: tuple[float, ...]) -> tuple[float, ...]:
        if not 1 <= len(ridges) <= MOST_RIDGES:
            raise ValueError(f"{len(ridges)} ridges are given; 1 to {MOST_RIDGES} work")
        return ridges


GradientOptimizer = RMSprop | Adam | AdamW | Nadam | Adamax | Adagrad | Adadelta | SGD | Lion
Optimizer = Annotated[GradientOptimizer | Ridge, Field(discriminator="name")]
GRADIENT_OPTIMIZERS: dict[str, type[GradientOptimizer]] = {
    "rmsprop": RMSprop,
    "adam": Adam,
    "adamw": AdamW,
    "nadam": Nadam,
    "adamax": Adamax,
    "adagrad": Adagrad,
    "adadelta": Adadelta,
    "sgd": SGD,
    "lion": Lion,
}
OPTIMIZERS: dict[str, type[GradientOptimizer | Ridge]] = {**GRADIENT_OPTIMIZERS, "ridge": Ridge}


def slots(optimizer: Optimizer) -> int:
    """Values that the optimizer keeps for each trainable parameter, as Keras 3 allocates them."""
    match optimizer:
        case RMSprop():
            return 1 + (optimizer.momentum > 0) + optimizer.centered
        case Adam() | AdamW():
            return 2 + optimizer.amsgrad
        case SGD():
            return int(optimizer.momentum > 0)
        case Nadam() | Adamax() | Adadelta():
            return 2
        case Adagrad() | Lion():
            return 1
        case Ridge():
            return 0
