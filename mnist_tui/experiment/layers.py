"""The layers that an experiment may stack, with their activations and initialisers, as values.

Names, arguments and defaults are those of Keras 3. Shapes are in `shapes`, counts in `complexity`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

Activation = Literal[
    "linear", "relu", "tanh", "sigmoid", "elu", "selu", "gelu", "silu", "softplus", "softsign", "leaky_relu", "softmax"
]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Size = Annotated[int, Field(ge=1, le=65536)]
Edge = Annotated[int, Field(ge=1, le=28)]


class ExperimentPart(BaseModel):
    """A frozen part of an experiment that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class PlainInitializer(ExperimentPart):
    """An initialiser without arguments of its own."""

    name: Literal[
        "glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_uniform", "lecun_normal", "zeros", "ones"
    ] = Field(description="Keras' name of the initialiser")


class RandomNormal(ExperimentPart):
    """Normally distributed values; `truncated_normal` redraws those beyond two standard deviations."""

    name: Literal["random_normal", "truncated_normal"]
    mean: Finite = Field(default=0.0, description="mean of the normal distribution")
    stddev: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        default=0.05, description="standard deviation of the normal distribution"
    )


class RandomUniform(ExperimentPart):
    """Uniformly distributed values between two bounds."""

    name: Literal["random_uniform"]
    minval: Finite = Field(default=-0.05, description="lower bound")
    maxval: Finite = Field(default=0.05, description="upper bound")


class Constant(ExperimentPart):
    """One value everywhere."""

    name: Literal["constant"]
    value: Finite = Field(default=0.0, description="the value")


class Orthogonal(ExperimentPart):
    """A random orthogonal matrix times a gain (Saxe et al., 2014)."""

    name: Literal["orthogonal"]
    gain: Finite = Field(default=1.0, description="factor on the orthogonal matrix")


def _from_name(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


def _to_name(value: ExperimentPart) -> Any:
    given = value.model_dump(exclude_defaults=True)
    return given["name"] if set(given) == {"name"} else given


Initializer = Annotated[
    Annotated[PlainInitializer | RandomNormal | RandomUniform | Constant | Orthogonal, Field(discriminator="name")],
    BeforeValidator(_from_name),
    PlainSerializer(_to_name),
]
BiasInitializer = Annotated[
    Annotated[PlainInitializer | RandomNormal | RandomUniform | Constant, Field(discriminator="name")],
    BeforeValidator(_from_name),
    PlainSerializer(_to_name),
]
"""An initialiser of a vector: no orthogonal matrix."""
INITIALIZERS = (
    "glorot_uniform",
    "glorot_normal",
    "he_uniform",
    "he_normal",
    "lecun_uniform",
    "lecun_normal",
    "random_normal",
    "truncated_normal",
    "random_uniform",
    "orthogonal",
    "zeros",
    "ones",
    "constant",
)
GLOROT_UNIFORM = PlainInitializer(name="glorot_uniform")
ZEROS = PlainInitializer(name="zeros")


class Dense(ExperimentPart):
    """A fully connected layer."""

    kind: Literal["dense"] = "dense"
    units: Size = Field(description="number of neurons")
    activation: Activation = Field(default="relu", description="activation function")
    kernel_initializer: Initializer = Field(default=GLOROT_UNIFORM, description="initialiser of the weights")
    bias_initializer: BiasInitializer = Field(default=ZEROS, description="initialiser of the biases")
    trainable: bool = Field(default=True, description="off freezes weights and biases as they are initialised")


class Dropout(ExperimentPart):
    """Sets a share of its inputs to zero while training (Srivastava et al., 2014)."""

    kind: Literal["dropout"] = "dropout"
    rate: Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)] = Field(
        default=0.5, description="share of the inputs set to zero"
    )


class BatchNormalization(ExperimentPart):
    """Normalises each feature or channel over the batch (Ioffe and Szegedy, 2015)."""

    kind: Literal["batch_normalization"] = "batch_normalization"
    momentum: Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)] = Field(
        default=0.99, description="momentum of the moving mean and variance"
    )
    epsilon: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        default=0.001, description="added to the variance"
    )


class Conv2D(ExperimentPart):
    """A two-dimensional convolution with a square kernel."""

    kind: Literal["conv2d"] = "conv2d"
    filters: Size = Field(description="number of filters, the channels of the output")
    kernel_size: Edge = Field(default=3, description="edge of the square kernel in pixels")
    strides: Edge = Field(default=1, description="step of the kernel in pixels")
    padding: Literal["valid", "same"] = Field(default="valid", description="same pads with zeros, valid does not")
    activation: Activation = Field(default="relu", description="activation function")
    kernel_initializer: Initializer = Field(default=GLOROT_UNIFORM, description="initialiser of the weights")
    bias_initializer: BiasInitializer = Field(default=ZEROS, description="initialiser of the biases")


class MaxPooling2D(ExperimentPart):
    """The largest value in each square window; the window steps by its own edge unless told otherwise."""

    kind: Literal["max_pooling2d"] = "max_pooling2d"
    pool_size: Edge = Field(default=2, description="edge of the square window in pixels")
    strides: Edge | None = Field(default=None, description="step of the window in pixels; the window's edge if absent")
    padding: Literal["valid", "same"] = Field(
        default="valid", description="same pads, valid drops an incomplete window"
    )


class Flatten(ExperimentPart):
    """Lays an image's rows and channels out as one vector."""

    kind: Literal["flatten"] = "flatten"


Layer = Annotated[Dense | Dropout | BatchNormalization | Conv2D | MaxPooling2D | Flatten, Field(discriminator="kind")]
LAYER_KINDS: dict[str, type[ExperimentPart]] = {
    "dense": Dense,
    "dropout": Dropout,
    "batch_normalization": BatchNormalization,
    "conv2d": Conv2D,
    "max_pooling2d": MaxPooling2D,
    "flatten": Flatten,
}
