"""The layers that an experiment may stack, with their activations and initialisers, as values.

Names, arguments and defaults are those of Keras 3. A layer kind is declared here, with its fields, the arithmetic of
its shapes, and its weights and their number; `LAYER_KINDS` is the registry of all kinds. Three tables elsewhere have an
entry for a kind: `training.programs.MASKS` (the values that it drops in training), `report.model_card.FORWARD` (its
forward pass in NumPy) and `report.figures.diagram.GLYPHS` (its picture).

Counting rules: a dense layer has inputs × units weights and one bias for each unit; a convolution has
kernel² × input channels × filters weights and one bias for each filter, and multiplies at every output position; batch
normalisation has a scale and an offset, which are trained, and a moving mean and variance, which are not, all counted
as `other`; the parameters of a frozen layer are not trained either. Multiply-accumulates are counted for one image's
forward pass through dense and convolutional layers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from mnist_tui.experiment.shapes import IMAGE_EDGE, Shape, windows, written
from mnist_tui.wording import noun

Activation = Literal[
    "linear", "relu", "tanh", "sigmoid", "elu", "selu", "gelu", "silu", "softplus", "softsign", "leaky_relu", "softmax"
]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
Size = Annotated[int, Field(ge=1, le=65536)]
Edge = Annotated[int, Field(ge=1, le=IMAGE_EDGE)]
Padding = Literal["valid", "same"]


class ExperimentPart(BaseModel):
    """A frozen part of an experiment that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def about(cls) -> str:
        """Return the first line of the class's docstring without its full stop, as a description for screens."""
        return (cls.__doc__ or "").partition("\n")[0].rstrip(".")


class PlainInitializer(ExperimentPart):
    """An initialiser without arguments of its own."""

    name: Literal[
        "glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_uniform", "lecun_normal", "zeros", "ones"
    ] = Field(description="Keras' name of the initialiser")


class RandomNormal(ExperimentPart):
    """Normally distributed values; `truncated_normal` redraws those beyond two standard deviations."""

    name: Literal["random_normal", "truncated_normal"]
    mean: Finite = Field(default=0.0, description="mean of the normal distribution")
    stddev: Positive = Field(default=0.05, description="standard deviation of the normal distribution")


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
"""An initialiser of a vector, which an orthogonal matrix cannot be."""
INITIALIZERS = (
    *("glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_uniform", "lecun_normal"),
    *("random_normal", "truncated_normal", "random_uniform", "orthogonal", "zeros", "ones", "constant"),
)
GLOROT_UNIFORM = PlainInitializer(name="glorot_uniform")
ZEROS = PlainInitializer(name="zeros")


@dataclass(frozen=True)
class ParameterCounts:
    """The numbers of parameters and of multiply-accumulates of a layer or of a whole model.

    Attributes:
        other: batch normalisation's four vectors.
        non_trainable: the number of parameters that are not trained.
        macs: multiply-accumulates for one image.
        formula: the calculation of a layer's number of weights (``784 × 250 = 196000``), or of its output's shape.
    """

    weights: int = 0
    biases: int = 0
    other: int = 0
    non_trainable: int = 0
    macs: int = 0
    formula: str = ""

    @property
    def total(self) -> int:
        return self.weights + self.biases + self.other

    @property
    def trainable(self) -> int:
        """The number of parameters that are trained."""
        return self.total - self.non_trainable


class LayerPart(ExperimentPart):
    """The base of all layer kinds; a kind overrides what is different for it.

    Attributes:
        TITLE: the kind's name in lists (``convolution 2-D``).
        SPOKEN: the name of the kind in sentences, if it has no parameters (``pooling``).
        EFFECT: the kind's effect against overfitting, for reports, and its paper; None for no effect.
        TAKES_IMAGES: whether the input must be an image, not a vector.
        INFERENCE_FIELDS: fields that the outputs of the trained layer depend on.
    """

    TITLE: ClassVar[str]
    SPOKEN: ClassVar[str] = ""
    EFFECT: ClassVar[tuple[str, str] | None] = None
    TAKES_IMAGES: ClassVar[bool] = False
    INFERENCE_FIELDS: ClassVar[tuple[str, ...]] = ()

    @property
    def configuration(self) -> str:
        """The layer's settings in words (``250 neurons, relu``)."""
        return ""

    @property
    def has_weights(self) -> bool:
        """Whether layers of this kind have parameters."""
        return type(self).weight_shapes is not LayerPart.weight_shapes

    def output_shape(self, inputs: Shape) -> Shape:
        """Return the output's shape for the input's shape, both for one example (without the batch axis).

        Raises:
            ValueError: the layer cannot take such an input; the text says which input would work.
        """
        return inputs

    def counts(self, inputs: Shape, output: Shape) -> ParameterCounts:
        """Return the layer's counts for the shapes of its input and output for one example."""
        return ParameterCounts()

    def weight_shapes(self, inputs: Shape, output: Shape) -> dict[str, Shape]:
        """Return the shape of each weight by its name in Keras, in Keras' order."""
        return {}

    def effect_in(self, name: str) -> str:
        """Return EFFECT's strength and place for the layer of this name: ``rate 0.5 in dropout_1``; empty for none."""
        return name

    @classmethod
    def suggested(cls, like: LayerPart | None) -> Self:
        """Return a new layer with sensible settings, and with the activation of `like`, a layer of the same kind."""
        return cls()


class Dense(LayerPart):
    """A fully connected layer."""

    TITLE = "dense"
    INFERENCE_FIELDS = ("units", "activation")
    kind: Literal["dense"] = "dense"
    units: Size = Field(description="number of neurons")
    activation: Activation = Field(default="relu", description="activation function")
    kernel_initializer: Initializer = Field(default=GLOROT_UNIFORM, description="initialiser of the weights")
    bias_initializer: BiasInitializer = Field(default=ZEROS, description="initialiser of the biases")
    trainable: bool = Field(default=True, description="off freezes weights and biases as they are initialised")

    @property
    def configuration(self) -> str:
        frozen = "" if self.trainable else ", frozen"
        return f"{self.units} {noun(self.units, 'neuron')}, {self.activation}{frozen}"

    def output_shape(self, inputs: Shape) -> Shape:
        if len(inputs) != 1:
            raise ValueError(f"a dense layer takes a vector, not {written(inputs)}; put a flatten layer before it")
        return (self.units,)

    def counts(self, inputs: Shape, output: Shape) -> ParameterCounts:
        features = math.prod(inputs)
        weights = features * self.units
        formula, fixed = f"{features} × {self.units} = {weights}", 0 if self.trainable else weights + self.units
        return ParameterCounts(weights, self.units, non_trainable=fixed, macs=weights, formula=formula)

    def weight_shapes(self, inputs: Shape, output: Shape) -> dict[str, Shape]:
        return {"kernel": (inputs[0], output[0]), "bias": output}

    @classmethod
    def suggested(cls, like: LayerPart | None) -> Self:
        return cls(units=100, activation=like.activation if isinstance(like, Dense) else "relu")


class Dropout(LayerPart):
    """Sets a share of its inputs to zero while training (Srivastava et al., 2014)."""

    TITLE = SPOKEN = "dropout"
    EFFECT = ("dropout", "Srivastava et al., 2014")
    INFERENCE_FIELDS = ("rate",)
    kind: Literal["dropout"] = "dropout"
    rate: Share = Field(default=0.5, description="share of the inputs set to zero")

    @property
    def configuration(self) -> str:
        return f"rate {self.rate:g}"

    def effect_in(self, name: str) -> str:
        return f"{self.configuration} in {name}" if self.rate else ""


class BatchNormalization(LayerPart):
    """Normalises each feature or channel over the batch (Ioffe and Szegedy, 2015)."""

    TITLE = "batch normalisation"
    EFFECT = ("batch normalisation", "Ioffe and Szegedy, 2015")
    INFERENCE_FIELDS = ("epsilon",)
    kind: Literal["batch_normalization"] = "batch_normalization"
    momentum: Share = Field(default=0.99, description="momentum of the moving mean and variance")
    epsilon: Positive = Field(default=0.001, description="added to the variance")

    @property
    def configuration(self) -> str:
        return f"momentum {self.momentum:g}"

    def counts(self, inputs: Shape, output: Shape) -> ParameterCounts:
        features = inputs[-1]
        formula = f"4 × {features} = {4 * features} (scale and offset trained, mean and variance not)"
        return ParameterCounts(other=4 * features, non_trainable=2 * features, formula=formula)

    def weight_shapes(self, inputs: Shape, output: Shape) -> dict[str, Shape]:
        return dict.fromkeys(("gamma", "beta", "moving_mean", "moving_variance"), (inputs[-1],))


class Conv2D(LayerPart):
    """A two-dimensional convolution with a square kernel."""

    TITLE = "convolution 2-D"
    TAKES_IMAGES = True
    INFERENCE_FIELDS = ("filters", "kernel_size", "strides", "padding", "activation")
    kind: Literal["conv2d"] = "conv2d"
    filters: Size = Field(description="number of filters, the channels of the output")
    kernel_size: Edge = Field(default=3, description="edge of the square kernel in pixels")
    strides: Edge = Field(default=1, description="step of the kernel in pixels")
    padding: Padding = Field(default="valid", description="same pads with zeros, valid does not")
    activation: Activation = Field(default="relu", description="activation function")
    kernel_initializer: Initializer = Field(default=GLOROT_UNIFORM, description="initialiser of the weights")
    bias_initializer: BiasInitializer = Field(default=ZEROS, description="initialiser of the biases")

    @property
    def configuration(self) -> str:
        edge, step = self.kernel_size, f", step {self.strides}" if self.strides > 1 else ""
        return f"{self.filters} {noun(self.filters, 'filter')} {edge}×{edge}, {self.activation}, {self.padding}{step}"

    def output_shape(self, inputs: Shape) -> Shape:
        edges = _positions("a convolution", inputs, self.kernel_size, self.strides, self.padding)
        return (*edges, self.filters)

    def counts(self, inputs: Shape, output: Shape) -> ParameterCounts:
        edge, channels, filters = self.kernel_size, inputs[2], self.filters
        weights = edge * edge * channels * filters
        formula = f"{edge} × {edge} × {channels} × {filters} = {weights}"
        return ParameterCounts(weights, filters, macs=weights * output[0] * output[1], formula=formula)

    def weight_shapes(self, inputs: Shape, output: Shape) -> dict[str, Shape]:
        return {"kernel": (self.kernel_size, self.kernel_size, inputs[-1], self.filters), "bias": (self.filters,)}

    @classmethod
    def suggested(cls, like: LayerPart | None) -> Self:
        activation = like.activation if isinstance(like, Conv2D) else "relu"
        return cls(filters=16, kernel_size=3, padding="same", activation=activation)


class MaxPooling2D(LayerPart):
    """The largest value in each square window; the window steps by its own edge unless told otherwise."""

    TITLE = "max pooling 2-D"
    SPOKEN = "pooling"
    TAKES_IMAGES = True
    INFERENCE_FIELDS = ("pool_size", "strides", "padding")
    kind: Literal["max_pooling2d"] = "max_pooling2d"
    pool_size: Edge = Field(default=2, description="edge of the square window in pixels")
    strides: Edge | None = Field(default=None, description="step of the window in pixels; the window's edge if absent")
    padding: Padding = Field(default="valid", description="same pads, valid drops an incomplete window")

    @property
    def configuration(self) -> str:
        return f"{self.pool_size}×{self.pool_size} windows, step {self.strides or self.pool_size}, {self.padding}"

    def output_shape(self, inputs: Shape) -> Shape:
        edges = _positions("max pooling", inputs, self.pool_size, self.strides or self.pool_size, self.padding)
        return (*edges, inputs[2])

    def counts(self, inputs: Shape, output: Shape) -> ParameterCounts:
        return ParameterCounts(formula=f"{written(inputs)} → {written(output)}")


class Flatten(LayerPart):
    """Lays an image's rows and channels out as one vector."""

    TITLE = "flatten"
    SPOKEN = "flattening"
    kind: Literal["flatten"] = "flatten"

    def output_shape(self, inputs: Shape) -> Shape:
        return (math.prod(inputs),)

    def counts(self, inputs: Shape, output: Shape) -> ParameterCounts:
        return ParameterCounts(formula=f"{written(inputs)} = {math.prod(inputs)}")


Layer = Annotated[Dense | Dropout | BatchNormalization | Conv2D | MaxPooling2D | Flatten, Field(discriminator="kind")]
LAYER_KINDS: dict[str, type[Layer]] = {each.model_fields["kind"].default: each for each in get_args(get_args(Layer)[0])}
"""The registry of layer kinds: every class of the union `Layer` by the value of its `kind`."""


class LayerError(ValueError):
    """A layer, at `position` in the stack (from 0), that does not fit the output of the layer before it."""

    def __init__(self, position: int, message: str) -> None:
        self.position = position
        super().__init__(message)


def shapes_through(inputs: Shape, layers: Sequence[Layer]) -> list[Shape]:
    """Return the shapes of one example before the first layer and after each layer.

    Raises:
        LayerError: a layer cannot take the output of the layer before it.
    """
    shapes = [inputs]
    for position, layer in enumerate(layers):
        try:
            shapes.append(layer.output_shape(shapes[-1]))
        except ValueError as error:
            raise LayerError(position, str(error)) from None
    return shapes


def _positions(name: str, inputs: Shape, window: int, stride: int, padding: str) -> list[int]:
    """Return the numbers of positions of a square window along rows and columns."""
    if len(inputs) != 3:
        raise ValueError(
            f"{name} takes an image, not a vector of {inputs[0]}; it needs raw pixels and no flatten before it"
        )
    edges = [windows(edge, window, stride, padding) for edge in inputs[:2]]
    if min(edges) < 1:
        raise ValueError(
            f"{name} of {window}×{window} does not fit its input of {written(inputs)}; "
            'a smaller one or padding = "same" does'
        )
    return edges
