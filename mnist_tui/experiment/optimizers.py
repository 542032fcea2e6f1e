"""The optimizers of an experiment and the schedules of its learning rate, each with its own arguments.

Names and defaults are those of Keras 3, except for `Ridge`, which solves the output layer instead of training it in
epochs. `OPTIMIZERS` and `SCHEDULE_KINDS` are the registries, made from the unions of classes above them.
"""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Literal, get_args

from pydantic import Field, field_validator

from mnist_tui.experiment.layers import ExperimentPart, NonNegative, Positive, Share

MOST_RIDGES = 100


class OptimizerPart(ExperimentPart):
    """The base of all optimizers.

    Attributes:
        TRAINS_IN_EPOCHS: whether the optimizer takes steps, epoch by epoch, or solves the output layer in closed form.
        SLOTS: the number of values that the optimizer always keeps for each trainable parameter.
    """

    TRAINS_IN_EPOCHS: ClassVar[bool] = True
    SLOTS: ClassVar[int] = 0

    @property
    def slots(self) -> int:
        """The number of values that the optimizer keeps for each trainable parameter, as in Keras 3."""
        return self.SLOTS + sum(bool(getattr(self, option, 0)) for option in ("momentum", "centered", "amsgrad"))

    @property
    def regularisation(self) -> str:
        """The optimizer's measure against overfitting, for reports, with its paper; empty for none."""
        return ""


class GradientOptimizerPart(OptimizerPart):
    """The base of the optimizers that take steps along gradients; each has the name of its class in Keras."""

    learning_rate: Positive = Field(default=0.001, description="step size of the updates")


class RMSprop(GradientOptimizerPart):
    """RMSprop (Tieleman and Hinton, 2012)."""

    SLOTS = 1
    name: Literal["rmsprop"] = "rmsprop"
    rho: Share = Field(default=0.9, description="decay of the mean square of the gradients")
    momentum: Share = Field(default=0.0, description="momentum")
    epsilon: Positive = Field(default=1e-7, description="added for numerical stability")
    centered: bool = Field(default=False, description="normalise by the variance rather than the mean square")


class Adam(GradientOptimizerPart):
    """Adam (Kingma and Ba, 2015)."""

    SLOTS = 2
    name: Literal["adam"] = "adam"
    beta_1: Share = Field(default=0.9, description="decay of the first moment")
    beta_2: Share = Field(default=0.999, description="decay of the second moment")
    epsilon: Positive = Field(default=1e-7, description="added for numerical stability")
    amsgrad: bool = Field(default=False, description="keep the largest second moment (Reddi et al., 2018)")


class AdamW(GradientOptimizerPart):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019)."""

    SLOTS = 2
    name: Literal["adamw"] = "adamw"
    weight_decay: NonNegative = Field(
        default=0.004, description="share of the weights taken off at each step, times the rate"
    )
    beta_1: Share = Field(default=0.9, description="decay of the first moment")
    beta_2: Share = Field(default=0.999, description="decay of the second moment")
    epsilon: Positive = Field(default=1e-7, description="added for numerical stability")
    amsgrad: bool = Field(default=False, description="keep the largest second moment (Reddi et al., 2018)")

    @property
    def regularisation(self) -> str:
        return f"weight decay {self.weight_decay:g}, decoupled (Loshchilov and Hutter, 2019)"


class Nadam(GradientOptimizerPart):
    """Adam with Nesterov momentum (Dozat, 2016)."""

    SLOTS = 2
    name: Literal["nadam"] = "nadam"
    beta_1: Share = Field(default=0.9, description="decay of the first moment")
    beta_2: Share = Field(default=0.999, description="decay of the second moment")
    epsilon: Positive = Field(default=1e-7, description="added for numerical stability")


class Adamax(GradientOptimizerPart):
    """Adam by the infinity norm (Kingma and Ba, 2015)."""

    SLOTS = 2
    name: Literal["adamax"] = "adamax"
    beta_1: Share = Field(default=0.9, description="decay of the first moment")
    beta_2: Share = Field(default=0.999, description="decay of the infinity norm")
    epsilon: Positive = Field(default=1e-7, description="added for numerical stability")


class Adagrad(GradientOptimizerPart):
    """Adagrad (Duchi et al., 2011)."""

    SLOTS = 1
    name: Literal["adagrad"] = "adagrad"
    initial_accumulator_value: NonNegative = Field(default=0.1, description="start of the sum of squared gradients")
    epsilon: Positive = Field(default=1e-7, description="added for numerical stability")


class Adadelta(GradientOptimizerPart):
    """Adadelta (Zeiler, 2012)."""

    SLOTS = 2
    name: Literal["adadelta"] = "adadelta"
    rho: Share = Field(default=0.95, description="decay of the running means")
    epsilon: Positive = Field(default=1e-7, description="added for numerical stability")


class SGD(GradientOptimizerPart):
    """Stochastic gradient descent, with momentum if asked (Sutskever et al., 2013)."""

    name: Literal["sgd"] = "sgd"
    learning_rate: Positive = Field(default=0.01, description="step size of the updates")
    momentum: Share = Field(default=0.0, description="momentum")
    nesterov: bool = Field(default=False, description="look ahead before the gradient (Nesterov)")


class Lion(GradientOptimizerPart):
    """Lion: the sign of an interpolated momentum (Chen et al., 2023)."""

    SLOTS = 1
    name: Literal["lion"] = "lion"
    beta_1: Share = Field(default=0.9, description="weight of the momentum in the update")
    beta_2: Share = Field(default=0.99, description="decay of the momentum")


class Ridge(OptimizerPart):
    """Ridge least squares in closed form (Hoerl and Kennard, 1970).

    The output layer's weights W and biases b minimise Σ ‖W x + b − y‖² + ridge · ‖W‖² over the training images, where x
    is the output layer's input (pixels from 0 to 1, HOG features, or a frozen layer's activations) and y is 1 for the
    true class and 0 for the nine others. A ridge thus has the unit of x², summed over all training images; the biases
    are not penalised.
    """

    TRAINS_IN_EPOCHS = False
    name: Literal["ridge"] = "ridge"
    ridges: tuple[Positive, ...] = Field(
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
    each.model_fields["name"].default: each for each in get_args(GradientOptimizer)
}
OPTIMIZERS: dict[str, type[GradientOptimizer | Ridge]] = {**GRADIENT_OPTIMIZERS, "ridge": Ridge}
"""The registry of optimizers by name."""


class SchedulePart(ExperimentPart):
    """The base of all schedules, which keeps the optimizer's learning rate constant.

    Attributes:
        EXAMPLE: an example of a text for ``--schedule``.
        SPANS_EPOCHS: whether the rates depend on the number of planned epochs.
    """

    EXAMPLE: ClassVar[str]
    SPANS_EPOCHS: ClassVar[bool] = False

    def rate_of(self, first: float, epoch: int, epochs: int) -> float:
        """Return the learning rate of an epoch (from 0) of `epochs` planned ones; `first` is the optimizer's rate."""
        return first

    def in_words(self, first: float, epochs: int) -> str:
        """Return the learning rates for reports, in Markdown: words, and a formula in TeX if the rates change."""
        return f"constant, {first:g}"


class ConstantSchedule(SchedulePart):
    """The optimizer's learning rate in every epoch."""

    EXAMPLE = "constant"
    kind: Literal["constant"] = "constant"


class CosineSchedule(SchedulePart):
    """Half a cosine from ``lr`` towards 0: ``lr · ½(1 + cos(π · epoch / epochs))`` (Loshchilov and Hutter, 2017)."""

    EXAMPLE = "cosine"
    SPANS_EPOCHS = True
    kind: Literal["cosine"] = "cosine"

    def rate_of(self, first: float, epoch: int, epochs: int) -> float:
        return first * 0.5 * (1 + math.cos(math.pi * epoch / epochs))

    def in_words(self, first: float, epochs: int) -> str:
        part = rf"\frac{{1}}{{2}} (1 + \cos(\pi e / {epochs}))"
        paper = "half a cosine towards 0 (Loshchilov and Hutter, 2017)"
        return rf"{paper}: $\eta_e = {in_tex(first)} \cdot {part}$, epochs $e$ counted from 0"


class ExponentialSchedule(SchedulePart):
    """``lr`` before epoch `start` (counted from 0), then ``lr · exp(rate · (start − epoch))``."""

    EXAMPLE = "exp:15:0.05"
    kind: Literal["exp"] = "exp"
    start: Annotated[int, Field(ge=0)] = Field(description="first epoch, counted from 0, of the decay")
    rate: Positive = Field(description="exponent per epoch")

    def rate_of(self, first: float, epoch: int, epochs: int) -> float:
        return first if epoch < self.start else first * math.exp(self.rate * (self.start - epoch))

    def in_words(self, first: float, epochs: int) -> str:
        fall = rf"\exp({in_tex(self.rate)} \cdot ({self.start} - e))"
        before = rf"$\eta_e = {in_tex(first)}$ for the epochs $e < {self.start}$ (counted from 0)"
        return rf"{before}, then $\eta_e = {in_tex(first)} \cdot {fall}$"


Schedule = Annotated[ConstantSchedule | CosineSchedule | ExponentialSchedule, Field(discriminator="kind")]
SCHEDULE_KINDS: dict[str, type[Schedule]] = {
    each.model_fields["kind"].default: each for each in get_args(get_args(Schedule)[0])
}
"""The registry of schedules by kind."""


def in_tex(value: float) -> str:
    """Return a number in TeX; ``5e-05`` becomes 5 times a power of ten."""
    mantissa, _, exponent = f"{value:g}".partition("e")
    return rf"{mantissa} \cdot 10^{{{int(exponent)}}}" if exponent else mantissa
