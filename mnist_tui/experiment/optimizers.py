"""The optimizers of an experiment and the schedules of its learning rate, each with its own arguments.

Names and defaults are those of Keras 3, except for `Ridge`, which solves the output layer instead of training it in
epochs. `OPTIMIZERS` and `SCHEDULE_KINDS` are the registries, made from the unions of classes above them.

Each optimizer declares its step as a small Python program, `OptimizerPart.step`, from which reports write the update
equations; the tests run the same program and compare it with Keras.
"""

from __future__ import annotations

import itertools
import math
from typing import Annotated, ClassVar, Literal, Self, get_args

from pydantic import Field, field_validator, model_validator

from mnist_tui.experiment.layers import ExperimentPart, NonNegative, Positive, Share
from mnist_tui.wording import counted, listed

MOST_RIDGES = 100


OPTION_PAPERS = {
    "centered": ("graves2013",),
    "amsgrad": ("reddi2018",),
    "momentum": ("polyak1964", "sutskever2013"),
    "nesterov": ("nesterov1983",),
}
"""The keys of the papers for arguments that are switched on."""


class OptimizerPart(ExperimentPart):
    """The base of all optimizers.

    Attributes:
        TRAINS_IN_EPOCHS: whether the optimizer takes steps, epoch by epoch, or solves the output layer in closed form.
        SLOTS: the number of values that the optimizer always keeps for each trainable parameter.
        PAPERS: the keys, in the reports' bibliography, of the papers that the optimizer is from.
        LETTERS: the meaning of each name in `step` besides `g`, `t`, `w` and the optimizer's arguments.
        STARTS: the values that such names have before the first step, numbers or names of arguments; 0 if absent.
    """

    TRAINS_IN_EPOCHS: ClassVar[bool] = True
    SLOTS: ClassVar[int] = 0
    PAPERS: ClassVar[tuple[str, ...]]
    LETTERS: ClassVar[dict[str, str]] = {}
    STARTS: ClassVar[dict[str, float | str]] = {}

    @property
    def step(self) -> tuple[str, ...]:
        """One step for one weight or bias, as Python assignments in their order; empty if there are no steps.

        ``g`` is the gradient, ``t`` the number of the step from 1, ``w`` the weight, and the optimizer's arguments have
        their own names. A name that has not been assigned yet has its value from the step before.
        """
        return ()

    @property
    def papers(self) -> tuple[str, ...]:
        """The keys of the papers for the optimizer with these arguments, the main one first."""
        options = (papers for option, papers in OPTION_PAPERS.items() if getattr(self, option, None))
        return tuple(dict.fromkeys((*self.PAPERS, *itertools.chain(*options))))

    @property
    def slots(self) -> int:
        """The number of values that the optimizer keeps for each trainable parameter, as in Keras 3."""
        return self.SLOTS + sum(bool(getattr(self, option, 0)) for option in ("momentum", "centered", "amsgrad"))

    @property
    def regularisation(self) -> str:
        """The optimizer's measure against overfitting, for reports, with its paper; empty for none."""
        return ""


CLIPPING = ("clipvalue", "clipnorm", "global_clipnorm")
"""The arguments that clip gradients, of which Keras takes one; each is off if it is None."""


class GradientOptimizerPart(OptimizerPart):
    """The base of the optimizers that take steps along gradients; each has the name of its class in Keras."""

    learning_rate: Positive = Field(default=0.001, description="step size of the updates")
    clipvalue: Positive | None = Field(default=None, description="largest absolute value of a gradient's elements")
    clipnorm: Positive | None = Field(default=None, description="largest Euclidean norm of each variable's gradient")
    global_clipnorm: Positive | None = Field(
        default=None, description="largest Euclidean norm of the gradients of all variables together"
    )

    @property
    def clipping(self) -> tuple[str, float] | None:
        """The argument that clips gradients, with its limit; None if gradients are not clipped."""
        return next(((name, limit) for name in CLIPPING if (limit := getattr(self, name)) is not None), None)

    @model_validator(mode="after")
    def _one_clipping(self) -> Self:
        given = [name for name in CLIPPING if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"{listed(given)} cannot be combined: gradients are clipped in one way; give one of them")
        return self


MEAN_OF_GRADIENTS = "running mean of the gradients (first moment)"
MEAN_OF_SQUARES = "running mean of the squared gradients (second moment)"


class RMSprop(GradientOptimizerPart):
    """RMSprop (Tieleman and Hinton, 2012)."""

    SLOTS = 1
    PAPERS = ("tieleman2012",)
    LETTERS: ClassVar[dict[str, str]] = {
        "v": "running mean of the squared gradients",
        "a": "running mean of the gradients",
        "m": "momentum, the sum of this step and of earlier ones with falling weights",
    }
    name: Literal["rmsprop"] = "rmsprop"
    rho: Share = Field(default=0.9, description="decay of the mean square of the gradients")
    momentum: Share = Field(default=0.0, description="share of the sum of earlier steps that is added to this one")
    epsilon: Positive = Field(default=1e-7, description="small number that avoids a division by zero")
    centered: bool = Field(default=False, description="normalise by the variance rather than the mean square")

    @property
    def step(self) -> tuple[str, ...]:
        mean = ["a = rho * a + (1 - rho) * g"] if self.centered else []
        length = f"learning_rate * g / sqrt({'v - a**2' if self.centered else 'v'} + epsilon)"
        moves = [f"m = momentum * m + {length}", "w = w - m"] if self.momentum else [f"w = w - {length}"]
        return ("v = rho * v + (1 - rho) * g**2", *mean, *moves)


ADAM_MOMENTS = ("m = beta_1 * m + (1 - beta_1) * g", "v = beta_2 * v + (1 - beta_2) * g**2")
ADAM_LETTERS = {
    "m": MEAN_OF_GRADIENTS,
    "v": MEAN_OF_SQUARES,
    "largest": "largest second moment up to this step",
    "rate": "learning rate corrected for moments that begin at 0",
}


def _adam_step(*, amsgrad: bool, decay: str = "") -> tuple[str, ...]:
    """Return Adam's step; `decay` is a term that is taken off the weights, too."""
    square, kept = ("largest", ["largest = max(largest, v)"]) if amsgrad else ("v", [])
    rate = "rate = learning_rate * sqrt(1 - beta_2**t) / (1 - beta_1**t)"
    return (*ADAM_MOMENTS, *kept, rate, f"w = w - rate * m / (sqrt({square}) + epsilon){decay}")


class Adam(GradientOptimizerPart):
    """Adam (Kingma and Ba, 2015)."""

    SLOTS = 2
    PAPERS = ("kingma2015",)
    LETTERS = ADAM_LETTERS
    name: Literal["adam"] = "adam"
    beta_1: Share = Field(default=0.9, description="decay of the first moment")
    beta_2: Share = Field(default=0.999, description="decay of the second moment")
    epsilon: Positive = Field(default=1e-7, description="small number that avoids a division by zero")
    amsgrad: bool = Field(default=False, description="keep the largest second moment (Reddi et al., 2018)")

    @property
    def step(self) -> tuple[str, ...]:
        return _adam_step(amsgrad=self.amsgrad)


class AdamW(GradientOptimizerPart):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019)."""

    SLOTS = 2
    PAPERS = ("loshchilov2019", "kingma2015")
    LETTERS = ADAM_LETTERS
    name: Literal["adamw"] = "adamw"
    weight_decay: NonNegative = Field(
        default=0.004, description="share of the weights taken off at each step, times the rate"
    )
    beta_1: Share = Field(default=0.9, description="decay of the first moment")
    beta_2: Share = Field(default=0.999, description="decay of the second moment")
    epsilon: Positive = Field(default=1e-7, description="small number that avoids a division by zero")
    amsgrad: bool = Field(default=False, description="keep the largest second moment (Reddi et al., 2018)")

    @property
    def step(self) -> tuple[str, ...]:
        return _adam_step(amsgrad=self.amsgrad, decay=" - learning_rate * weight_decay * w")

    @property
    def regularisation(self) -> str:
        return f"weight decay {self.weight_decay:g}, decoupled (Loshchilov and Hutter, 2019)"


class Nadam(GradientOptimizerPart):
    """Adam with Nesterov momentum (Dozat, 2016)."""

    SLOTS = 2
    PAPERS = ("dozat2016",)
    LETTERS: ClassVar[dict[str, str]] = {
        "m": MEAN_OF_GRADIENTS,
        "v": MEAN_OF_SQUARES,
        "mu": "momentum of this step",
        "mu_next": "momentum of the next step",
        "product": "product of the momenta up to this step",
        "m_hat": "corrected first moment with a look ahead",
        "v_hat": "corrected second moment",
    }
    STARTS: ClassVar[dict[str, float | str]] = {"product": 1.0}
    name: Literal["nadam"] = "nadam"
    beta_1: Share = Field(default=0.9, description="decay of the first moment")
    beta_2: Share = Field(default=0.999, description="decay of the second moment")
    epsilon: Positive = Field(default=1e-7, description="small number that avoids a division by zero")

    @property
    def step(self) -> tuple[str, ...]:
        return (
            "mu = beta_1 * (1 - 0.5 * 0.96**t)",
            "mu_next = beta_1 * (1 - 0.5 * 0.96**(t + 1))",
            "product = product * mu",
            *ADAM_MOMENTS,
            "m_hat = mu_next * m / (1 - product * mu_next) + (1 - mu) * g / (1 - product)",
            "v_hat = v / (1 - beta_2**t)",
            "w = w - learning_rate * m_hat / (sqrt(v_hat) + epsilon)",
        )


class Adamax(GradientOptimizerPart):
    """Adam by the infinity norm (Kingma and Ba, 2015)."""

    SLOTS = 2
    PAPERS = ("kingma2015",)
    LETTERS: ClassVar[dict[str, str]] = {
        "m": MEAN_OF_GRADIENTS,
        "u": "largest gradient by its size, earlier ones with falling weights",
    }
    name: Literal["adamax"] = "adamax"
    beta_1: Share = Field(default=0.9, description="decay of the first moment")
    beta_2: Share = Field(default=0.999, description="decay of the infinity norm")
    epsilon: Positive = Field(default=1e-7, description="small number that avoids a division by zero")

    @property
    def step(self) -> tuple[str, ...]:
        return (
            ADAM_MOMENTS[0],
            "u = max(beta_2 * u, abs(g))",
            "w = w - learning_rate * m / ((1 - beta_1**t) * (u + epsilon))",
        )


class Adagrad(GradientOptimizerPart):
    """Adagrad (Duchi et al., 2011)."""

    SLOTS = 1
    PAPERS = ("duchi2011",)
    LETTERS: ClassVar[dict[str, str]] = {"s": "sum of the squared gradients"}
    STARTS: ClassVar[dict[str, float | str]] = {"s": "initial_accumulator_value"}
    name: Literal["adagrad"] = "adagrad"
    initial_accumulator_value: NonNegative = Field(default=0.1, description="start of the sum of squared gradients")
    epsilon: Positive = Field(default=1e-7, description="small number that avoids a division by zero")

    @property
    def step(self) -> tuple[str, ...]:
        return "s = s + g**2", "w = w - learning_rate * g / sqrt(s + epsilon)"


class Adadelta(GradientOptimizerPart):
    """Adadelta (Zeiler, 2012)."""

    SLOTS = 2
    PAPERS = ("zeiler2012",)
    LETTERS: ClassVar[dict[str, str]] = {
        "v": "running mean of the squared gradients",
        "x": "running mean of the squared changes",
        "change": "change of the weight before the learning rate",
    }
    name: Literal["adadelta"] = "adadelta"
    rho: Share = Field(default=0.95, description="decay of the running means")
    epsilon: Positive = Field(default=1e-7, description="small number that avoids a division by zero")

    @property
    def step(self) -> tuple[str, ...]:
        return (
            "v = rho * v + (1 - rho) * g**2",
            "change = -(sqrt(x + epsilon) / sqrt(v + epsilon)) * g",
            "x = rho * x + (1 - rho) * change**2",
            "w = w + learning_rate * change",
        )


class SGD(GradientOptimizerPart):
    """Stochastic gradient descent, with momentum if asked (Sutskever et al., 2013)."""

    PAPERS = ("robbins1951",)
    LETTERS: ClassVar[dict[str, str]] = {"m": "momentum, the sum of this step and of earlier ones with falling weights"}
    name: Literal["sgd"] = "sgd"
    learning_rate: Positive = Field(default=0.01, description="step size of the updates")
    momentum: Share = Field(default=0.0, description="share of the sum of earlier steps that is added to this one")
    nesterov: bool = Field(default=False, description="look ahead before the gradient (Nesterov)")

    @property
    def papers(self) -> tuple[str, ...]:
        """The keys of the papers; Nesterov's is among them only with a momentum, which its step needs."""
        return super().papers if self.momentum else self.PAPERS

    @property
    def step(self) -> tuple[str, ...]:
        if not self.momentum:
            return ("w = w - learning_rate * g",)
        move = "w = w + momentum * m - learning_rate * g" if self.nesterov else "w = w + m"
        return "m = momentum * m - learning_rate * g", move


class Lion(GradientOptimizerPart):
    """Lion: the sign of an interpolated momentum (Chen et al., 2023)."""

    SLOTS = 1
    PAPERS = ("chen2023",)
    LETTERS: ClassVar[dict[str, str]] = {"m": "running mean of the gradients"}
    name: Literal["lion"] = "lion"
    beta_1: Share = Field(default=0.9, description="weight of the momentum in the update")
    beta_2: Share = Field(default=0.99, description="decay of the momentum")

    @property
    def step(self) -> tuple[str, ...]:
        return ("w = w - learning_rate * sign(beta_1 * m + (1 - beta_1) * g)", "m = beta_2 * m + (1 - beta_2) * g")


class Ridge(OptimizerPart):
    """Ridge least squares in closed form (Hoerl and Kennard, 1970).

    The output layer's weights W and biases b minimise Σ ‖W x + b − y‖² + ridge · ‖W‖² over the training images, where x
    is the output layer's input (pixels from 0 to 1, HOG features, or a frozen layer's activations) and y is 1 for the
    true class and 0 for the others. A ridge thus has the unit of x², summed over all training images; the biases
    are not penalised.
    """

    TRAINS_IN_EPOCHS = False
    PAPERS = ("hoerl1970",)
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
        PAPERS: the keys, in the reports' bibliography, of the papers that the schedule is from.
        SPANS_EPOCHS: whether the rates depend on the number of planned epochs.
        BY_STEP: whether the rate changes from step to step; if not, it is the same in all steps of an epoch.
    """

    EXAMPLE: ClassVar[str]
    PAPERS: ClassVar[tuple[str, ...]] = ()
    SPANS_EPOCHS: ClassVar[bool] = False
    BY_STEP: ClassVar[bool] = False

    def rate_of(self, first: float, epoch: float, epochs: int) -> float:
        """Return the learning rate of an epoch (from 0) of `epochs` planned ones; `first` is the optimizer's rate.

        A schedule by step takes the epochs done after the step, ``1/steps`` after the first step of all.
        """
        return first

    def formula(self, first: str, epochs: str) -> str:
        """Return the learning rate of epoch e, counted from 0, as an equation in TeX.

        Args:
            first, epochs: the optimizer's rate and the number of planned epochs in TeX, as symbols or numbers.
        """
        return rf"\eta_e = {first}"

    @property
    def letters(self) -> str:
        """The meaning of further letters in `formula`, in Markdown; empty for none."""
        return ""

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
    PAPERS = ("loshchilov2017",)
    SPANS_EPOCHS = True
    kind: Literal["cosine"] = "cosine"

    def rate_of(self, first: float, epoch: float, epochs: int) -> float:
        return first * 0.5 * (1 + math.cos(math.pi * epoch / epochs))

    def formula(self, first: str, epochs: str) -> str:
        return rf"\eta_e = {first} \cdot \frac{{1}}{{2}} (1 + \cos(\pi e / {epochs}))"

    def in_words(self, first: float, epochs: int) -> str:
        paper = "half a cosine towards 0 (Loshchilov and Hutter, 2017)"
        return f"{paper}: ${self.formula(in_tex(first), str(epochs))}$, epochs $e$ counted from 0"


class ExponentialSchedule(SchedulePart):
    """``lr`` before epoch `start` (counted from 0), then ``lr · exp(rate · (start − epoch))``."""

    EXAMPLE = "exp:15:0.05"
    kind: Literal["exp"] = "exp"
    start: Annotated[int, Field(ge=0)] = Field(description="first epoch, counted from 0, of the decay")
    rate: Positive = Field(description="exponent per epoch")

    def rate_of(self, first: float, epoch: float, epochs: int) -> float:
        return first if epoch < self.start else first * math.exp(self.rate * (self.start - epoch))

    def formula(self, first: str, epochs: str) -> str:
        start = self.start
        falling = rf"{first} \cdot \exp({in_tex(self.rate)} \cdot ({start} - e)) & \text{{for }} e \ge {start}"
        return rf"\eta_e = \begin{{cases}} {first} & \text{{for }} e < {start} \\ {falling} \end{{cases}}"

    def in_words(self, first: float, epochs: int) -> str:
        fall = rf"\exp({in_tex(self.rate)} \cdot ({self.start} - e))"
        before = rf"$\eta_e = {in_tex(first)}$ for the epochs $e < {self.start}$ (counted from 0)"
        return rf"{before}, then $\eta_e = {in_tex(first)} \cdot {fall}$"


Factor = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]


class StepSchedule(SchedulePart):
    """The rate is multiplied by `factor` after every `every` epochs: ``lr · factor^⌊epoch / every⌋``."""

    EXAMPLE = "step:10:0.5"
    kind: Literal["step"] = "step"
    every: Annotated[int, Field(ge=1)] = Field(description="epochs between two reductions of the rate")
    factor: Factor = Field(description="the rate is multiplied by it")

    def rate_of(self, first: float, epoch: float, epochs: int) -> float:
        return first * self.factor ** (int(epoch) // self.every)

    def formula(self, first: str, epochs: str) -> str:
        return rf"\eta_e = {first} \cdot {in_tex(self.factor)}^{{\lfloor e / {self.every} \rfloor}}"

    def in_words(self, first: float, epochs: int) -> str:
        how = f"multiplied by {self.factor:g} after every {counted(self.every, 'epoch')}"
        return f"{how}: ${self.formula(in_tex(first), str(epochs))}$, epochs $e$ counted from 0"


class PlateauSchedule(SchedulePart):
    """The rate is multiplied by `factor` when the validation loss has not improved for `patience` epochs.

    The rules are those of Keras' ReduceLROnPlateau. The rates follow from the validation losses, so that `rate_of`
    gives the optimizer's rate, with which the training begins.
    """

    EXAMPLE = "plateau:0.5:5"
    kind: Literal["plateau"] = "plateau"
    factor: Factor = Field(default=0.1, description="the rate is multiplied by it")
    patience: Annotated[int, Field(ge=1)] = Field(
        default=10, description="epochs without a better validation loss before the rate falls"
    )
    min_delta: NonNegative = Field(default=0.0001, description="smallest fall of the validation loss that counts")
    cooldown: Annotated[int, Field(ge=0)] = Field(
        default=0, description="epochs after a reduction that are not counted as epochs without improvement"
    )
    min_lr: NonNegative = Field(default=0.0, description="the rate does not fall below it")

    def formula(self, first: str, epochs: str) -> str:
        least = rf"\max({in_tex(self.factor)} \cdot \eta_{{e-1}}, {in_tex(self.min_lr)})"
        return (
            rf"\eta_0 = {first}, \quad \eta_e = \begin{{cases}} {least} & "
            rf"\text{{after }} {self.patience} \text{{ epochs without a better validation loss}} "
            r"\\ \eta_{e-1} & \text{otherwise} \end{cases}"
        )

    @property
    def letters(self) -> str:
        pause = (
            f" For {counted(self.cooldown, 'epoch')} after a reduction no epoch is counted." if self.cooldown else ""
        )
        return (
            "A validation loss is better if it is lower than the best one so far by more than "
            f"{self.min_delta:g}; after a reduction the count begins again.{pause} These are the rules of Keras' "
            "`ReduceLROnPlateau`."
        )

    def in_words(self, first: float, epochs: int) -> str:
        lowest = f", down to {self.min_lr:g}" if self.min_lr else ""
        pause = f", then {counted(self.cooldown, 'epoch')} of cooldown" if self.cooldown else ""
        return (
            f"{first:g} at first, multiplied by {self.factor:g} whenever the validation loss has not fallen by more "
            f"than {self.min_delta:g} for {counted(self.patience, 'epoch')}{pause}{lowest} (Keras' ReduceLROnPlateau)"
        )


class OneCycleSchedule(SchedulePart):
    """The rate rises to ``lr``, falls back and ends near 0, step by step (Smith, 2018; Smith and Topin, 2019).

    For the share `rise` of all steps it rises from ``lr / divisor`` to ``lr``, for as many it falls back to
    ``lr / divisor``, and in the remaining steps it falls to ``lr / (divisor · final_divisor)``. The momentum stays.
    """

    EXAMPLE = "one-cycle"
    PAPERS = ("smith2018", "smith2019")
    SPANS_EPOCHS = True
    BY_STEP = True
    kind: Literal["one-cycle"] = "one-cycle"
    rise: Annotated[float, Field(gt=0, le=0.5)] = Field(
        default=0.45, description="share of the steps in which the rate rises; in as many it falls back"
    )
    divisor: Annotated[float, Field(ge=1, allow_inf_nan=False)] = Field(
        default=10.0, description="the first rate is the highest one divided by it"
    )
    final_divisor: Annotated[float, Field(ge=1, allow_inf_nan=False)] = Field(
        default=1000.0, description="the last rate is the first one divided by it"
    )

    def rate_of(self, first: float, epoch: float, epochs: int) -> float:
        share = min(epoch / epochs, 1.0)
        low, last = first / self.divisor, first / self.divisor / self.final_divisor
        if share <= 2 * self.rise:
            return first - (first - low) * abs(share / self.rise - 1)
        return low + (last - low) * (share - 2 * self.rise) / (1 - 2 * self.rise)

    def formula(self, first: str, epochs: str) -> str:
        rise, low, last = (in_tex(value) for value in (self.rise, self.divisor, self.divisor * self.final_divisor))
        both = in_tex(2 * self.rise)
        cycle = rf"{first} - ({first} - \frac{{{first}}}{{{low}}}) \lvert \tau / {rise} - 1 \rvert"
        if self.rise == 0.5:
            return rf"\eta_\tau = {cycle}"
        rest = rf"\frac{{\tau - {both}}}{{1 - {both}}}"
        end = rf"\frac{{{first}}}{{{low}}} + (\frac{{{first}}}{{{last}}} - \frac{{{first}}}{{{low}}}) {rest}"
        return (
            rf"\eta_\tau = \begin{{cases}} {cycle} & \text{{for }} \tau \le {both} \\ "
            rf"{end} & \text{{for }} \tau > {both} \end{{cases}}"
        )

    @property
    def letters(self) -> str:
        return (
            r"The rate changes with every step: $\tau$ is the share of all planned steps that are done after the step. "
            "The momentum stays as it is."
        )

    def in_words(self, first: float, epochs: int) -> str:
        low = first / self.divisor
        return (
            f"one cycle (Smith, 2018), step by step: up from {low:g} to {first:g} in {self.rise:.0%} of all steps, "
            f"down again in as many, and to {low / self.final_divisor:g} at the end"
        )


Schedule = Annotated[
    ConstantSchedule | CosineSchedule | ExponentialSchedule | StepSchedule | PlateauSchedule | OneCycleSchedule,
    Field(discriminator="kind"),
]
SCHEDULE_KINDS: dict[str, type[Schedule]] = {
    each.model_fields["kind"].default: each for each in get_args(get_args(Schedule)[0])
}
"""The registry of schedules by kind."""


def in_tex(value: float) -> str:
    """Return a number in TeX; ``5e-05`` becomes 5 times a power of ten, ``1e-07`` a power of ten."""
    mantissa, _, exponent = f"{value:g}".partition("e")
    if not exponent:
        return mantissa
    power = f"10^{{{int(exponent)}}}"
    return power if mantissa == "1" else rf"{mantissa} \cdot {power}"
