"""The layers that an experiment may stack, with their activations and initializers, as values.

Names, arguments and defaults are those of Keras 3. A layer kind is declared here, with its fields, the arithmetic of
its shapes, and its weights and their number; `LAYER_KINDS` is the registry of all kinds. Three tables elsewhere have an
entry for a kind: `training.forward.RANDOM` (its random numbers in training), `report.model_card.FORWARD` (its forward
pass in NumPy) and `report.figures.diagram.GLYPHS` (its picture).

Counting rules: a dense layer has inputs × units weights and one bias for each unit; a convolution has
kernel area × input channels × filters weights and one bias for each filter, and multiplies at every output position; a
depthwise one has kernel area × input channels × multiplier weights, and a separable one the same and a 1 × 1
convolution. Without `use_bias` there are no biases. Layer normalisation has a scale and an offset; batch normalisation
also has a moving mean and variance, which are not trained; both are counted as `other`. The parameters of a frozen
layer are not trained. Multiply-accumulates are counted for one image's forward pass through dense and convolutional
layers.

Penalties (`l1`, `l2`) are part of the loss that is trained, and of the training loss that is reported, as in Keras'
`fit`; every loss that is measured without training (validation, test) is the cross-entropy alone. A penalty of a frozen
layer does not count. `max_norm` is enforced after each step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self, cast, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
)

from mnist_tui.experiment.shapes import LARGEST_EDGE, Shape, windows, written
from mnist_tui.wording import noun

ActivationName = Literal[
    "linear", "relu", "tanh", "sigmoid", "elu", "selu", "gelu", "silu", "softplus", "softsign", "leaky_relu", "softmax"
]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
Size = Annotated[int, Field(ge=1, le=65536)]
Edge = Annotated[int, Field(ge=1, le=LARGEST_EDGE)]
Padding = Literal["valid", "same"]


@dataclass(frozen=True)
class Sides:
    """The bounds of a field that holds one whole number for rows and columns, or a pair of them: 3, (3, 5)."""

    ge: int
    le: int

    def __call__(self, value: Any) -> Pair:
        """Return the value of ``3``, ``[3, 5]`` or ``3x5``; two equal numbers are one.

        Raises:
            ValueError: it is neither a whole number nor a pair of them, or out of bounds.
        """
        try:
            return self.value(value)
        except ValueError as error:
            raise ValueError(f"{str(value)[:80]} {error}") from None

    def value(self, value: Any) -> Pair:
        """Return the same; the text of the error is the end of a sentence that begins with the value."""
        parts = value
        if isinstance(value, str):
            texts = value.lower().replace("×", "x").split("x")
            parts = [int(text) if text.strip().isdecimal() else text for text in texts]
        numbers = cast("list[Any]", list(parts)) if isinstance(parts, (list, tuple)) else [parts]
        if len(numbers) not in (1, 2) or any(type(number) is not int for number in numbers):
            raise ValueError(f"is neither a whole number nor a pair of them; {self.span} works, or such as 3x5")
        if any(not self.ge <= number <= self.le for number in numbers):
            raise ValueError(f"is out of bounds; {self.span} works, or a pair of such numbers")
        first, last = numbers[0], numbers[-1]
        return first if first == last else (first, last)

    @property
    def span(self) -> str:
        return f"{self.ge} to {self.le}"


Pair = int | tuple[int, int]
EDGES, MARGINS = Sides(1, LARGEST_EDGE), Sides(0, LARGEST_EDGE)
Edges = Annotated[Pair, BeforeValidator(EDGES), EDGES]
"""The height and width of a window, or its steps down and across; one number if both are equal."""
Margins = Annotated[Pair, BeforeValidator(MARGINS), MARGINS]


def pair(edges: Pair) -> tuple[int, int]:
    """Return the values for rows and for columns."""
    return edges if isinstance(edges, tuple) else (edges, edges)


def sides(edges: Pair) -> str:
    """Return a window's height and width in words: ``3×3``."""
    return written(pair(edges))


def in_words(values: Pair) -> str:
    """Return a number, or a pair: ``2``, ``1×2``."""
    return str(values) if isinstance(values, int) else written(values)


UseBias = Annotated[bool, Field(description="on adds a bias to each unit")]
Trainable = Annotated[bool, Field(description="off freezes the parameters: training does not change them")]
L1 = Annotated[NonNegative, Field(description="penalty: this factor times the sum of the weights' absolute values")]
L2 = Annotated[NonNegative, Field(description="penalty: this factor times the sum of the weights' squares")]
MaxNorm = Annotated[Positive | None, Field(description="largest length of a unit's vector of weights")]


EVERY_FIELD = "every field"
"""The context of `model_dump` that also writes the fields in `LATER` with their default."""


class ExperimentPart(BaseModel):
    """A frozen part of an experiment that refuses unknown keys.

    Attributes:
        LATER: fields that were added after the part. They are written only where they have not their default, so that
            an experiment that does not use them is written as by earlier versions.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    LATER: ClassVar[frozenset[str]] = frozenset()

    @model_serializer(mode="wrap")
    def _as_mapping(self, handler: SerializerFunctionWrapHandler, info: SerializationInfo) -> dict[str, Any]:
        whole = handler(self)
        if not self.LATER or info.context == EVERY_FIELD:
            return whole
        fields = type(self).model_fields
        unwritten = {name for name in self.LATER if getattr(self, name) == fields[name].default}
        return {name: value for name, value in whole.items() if name not in unwritten}

    @classmethod
    def about(cls) -> str:
        """Return the first line of the class's docstring without its full stop, as a description for screens."""
        return (cls.__doc__ or "").partition("\n")[0].rstrip(".")


class PlainInitializer(ExperimentPart):
    """An initializer without arguments of its own."""

    name: Literal[
        "glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_uniform", "lecun_normal", "zeros", "ones"
    ] = Field(description="Keras' name of the initializer")


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
"""An initializer of a vector, which an orthogonal matrix cannot be."""
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
        other: the vectors of batch normalisation (four) and of layer normalisation (two).
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


class Effect(NamedTuple):
    """A layer kind's effect against overfitting, for reports.

    Attributes:
        name: the effect in a sentence: ``dropout``.
        paper: the key of its paper in the reports' bibliography.
        formula: the equation in TeX.
        letters: the meaning of the equation's letters, in Markdown.
    """

    name: str
    paper: str
    formula: str
    letters: str


def extras(part: ExperimentPart) -> str:
    """Return the unusual settings of a layer's weights in words, each after a comma: ``, L2 0.001, frozen``."""
    words: list[str] = []
    if not getattr(part, "use_bias", True):
        words.append("no bias")
    words += [f"{name.upper()} {value:g}" for name in ("l1", "l2") if (value := getattr(part, name, 0.0))]
    if (most := getattr(part, "max_norm", None)) is not None:
        words.append(f"max-norm {most:g}")
    if not getattr(part, "trainable", True):
        words.append("frozen")
    return "".join(f", {word}" for word in words)


class LayerPart(ExperimentPart):
    """The base of all layer kinds; a kind overrides what is different for it.

    Attributes:
        TITLE: the kind's name in lists (``convolution 2-D``).
        SPOKEN: the name of the kind in sentences, if it has no parameters (``pooling``).
        EFFECT: the kind's effect against overfitting; None for no effect.
        TAKES_IMAGES: whether the input of layers of this kind must be an image.
        DRAWS: whether it draws random numbers while it trains.
        PENALISED: the weights that `l1`, `l2` and `max_norm` act on, by the beginning of Keras' arguments for them
            (``kernel``), with the axes that a unit's weights lie along.
        INFERENCE_FIELDS: fields that the outputs of the trained layer depend on.
    """

    TITLE: ClassVar[str]
    SPOKEN: ClassVar[str] = ""
    EFFECT: ClassVar[Effect | None] = None
    TAKES_IMAGES: ClassVar[bool] = False
    DRAWS: ClassVar[bool] = False
    PENALISED: ClassVar[Mapping[str, tuple[int, ...]]] = {}
    INFERENCE_FIELDS: ClassVar[tuple[str, ...]] = ()

    @property
    def configuration(self) -> str:
        """The layer's settings in words (``250 neurons, relu``)."""
        return ""

    @property
    def takes_images(self) -> bool:
        """Whether the input must be an image, not a vector."""
        return self.TAKES_IMAGES

    @property
    def penalties(self) -> tuple[float, float, float | None]:
        """The fields `l1`, `l2` and `max_norm`; 0, 0 and None if the layer has no such fields."""
        return getattr(self, "l1", 0.0), getattr(self, "l2", 0.0), getattr(self, "max_norm", None)

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


PENALTIES = frozenset({"l1", "l2", "max_norm"})
"""The fields of a layer that keep its weights small."""


def _counted(layer: Any, weights: int, units: int, formula: str, positions: int = 1) -> ParameterCounts:
    """Return the counts of a layer with `use_bias` and `trainable` that multiplies its weights at each position."""
    biases = units if layer.use_bias else 0
    fixed = 0 if layer.trainable else weights + biases
    return ParameterCounts(weights, biases, non_trainable=fixed, macs=weights * positions, formula=formula)


def _with_bias(layer: Any, weights: dict[str, Shape], output: Shape) -> dict[str, Shape]:
    return {**weights, "bias": output[-1:]} if layer.use_bias else weights


class Dense(LayerPart):
    """A fully connected layer."""

    TITLE = "dense"
    PENALISED = {"kernel": (0,)}
    INFERENCE_FIELDS = ("units", "activation", "use_bias")
    LATER = PENALTIES | {"use_bias"}
    kind: Literal["dense"] = "dense"
    units: Size = Field(description="number of neurons")
    activation: ActivationName = Field(default="relu", description="activation function")
    kernel_initializer: Initializer = Field(default=GLOROT_UNIFORM, description="initializer of the weights")
    bias_initializer: BiasInitializer = Field(default=ZEROS, description="initializer of the biases")
    trainable: bool = Field(default=True, description="off freezes weights and biases: training does not change them")
    use_bias: UseBias = True
    l1: L1 = 0.0
    l2: L2 = 0.0
    max_norm: MaxNorm = None

    @property
    def configuration(self) -> str:
        return f"{self.units} {noun(self.units, 'neuron')}, {self.activation}{extras(self)}"

    def output_shape(self, inputs: Shape) -> Shape:
        if len(inputs) != 1:
            raise ValueError(f"a dense layer takes a vector, not {written(inputs)}; put a flatten layer before it")
        return (self.units,)

    def counts(self, inputs: Shape, output: Shape) -> ParameterCounts:
        features = math.prod(inputs)
        weights = features * self.units
        return _counted(self, weights, self.units, f"{features} × {self.units} = {weights}")

    def weight_shapes(self, inputs: Shape, output: Shape) -> dict[str, Shape]:
        return _with_bias(self, {"kernel": (inputs[0], output[0])}, output)

    @classmethod
    def suggested(cls, like: LayerPart | None) -> Self:
        return cls(units=100, activation=like.activation if isinstance(like, Dense) else "relu")


class Dropout(LayerPart):
    """Sets a share of its inputs to zero while training (Srivastava et al., 2014)."""

    TITLE = SPOKEN = "dropout"
    EFFECT = Effect(
        "dropout",
        "srivastava2014",
        r"\tilde{h}_j = \frac{r_j}{1 - p}\, h_j, \qquad P(r_j = 0) = p, \quad P(r_j = 1) = 1 - p",
        r"In training each input $h_j$ of the dropout layer is set to 0 with the probability $p$, drawn anew for every "
        r"image and step; the others are multiplied by $1 / (1 - p)$, so that the expected value stays the same. In "
        r"evaluation dropout does nothing.",
    )
    DRAWS = True
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
    EFFECT = Effect(
        "batch normalisation",
        "ioffe2015",
        r"\hat{x} = \gamma\, \frac{x - \mu}{\sqrt{\sigma^2 + \varepsilon}} + \beta",
        r"Each feature or channel $x$ is normalised by its mean $\mu$ and variance $\sigma^2$: those of the batch in "
        r"training, and moving averages of them in evaluation. The scale $\gamma$ and the offset $\beta$ are trained.",
    )
    INFERENCE_FIELDS = ("epsilon",)
    LATER = frozenset({"trainable"})
    kind: Literal["batch_normalization"] = "batch_normalization"
    momentum: Share = Field(default=0.99, description="momentum of the moving mean and variance")
    epsilon: Positive = Field(default=0.001, description="added to the variance")
    trainable: Trainable = True

    @property
    def configuration(self) -> str:
        return f"momentum {self.momentum:g}{extras(self)}"

    def counts(self, inputs: Shape, output: Shape) -> ParameterCounts:
        features = inputs[-1]
        formula = f"4 × {features} = {4 * features} (scale and offset trained, mean and variance not)"
        if not self.trainable:
            formula = f"4 × {features} = {4 * features} (scale, offset, mean and variance, none trained)"
        fixed = (2 if self.trainable else 4) * features
        return ParameterCounts(other=4 * features, non_trainable=fixed, formula=formula)

    def weight_shapes(self, inputs: Shape, output: Shape) -> dict[str, Shape]:
        return dict.fromkeys(("gamma", "beta", "moving_mean", "moving_variance"), (inputs[-1],))


class LayerNormalization(LayerPart):
    """Normalises the features of each image, or the channels of each pixel (Ba et al., 2016)."""

    TITLE = "layer normalisation"
    EFFECT = Effect(
        "layer normalisation",
        "ba2016",
        r"\hat{x}_i = \gamma_i\, \frac{x_i - \mu}{\sqrt{\sigma^2 + \varepsilon}} + \beta_i",
        r"The features $x_i$ of an image, or the channels of a pixel, are normalised by their own mean $\mu$ and "
        r"variance $\sigma^2$, in training and in evaluation alike. The scale $\gamma_i$ and the offset $\beta_i$ are "
        r"trained.",
    )
    INFERENCE_FIELDS = ("epsilon",)
    kind: Literal["layer_normalization"] = "layer_normalization"
    epsilon: Positive = Field(default=0.001, description="added to the variance")
    trainable: Trainable = True

    @property
    def configuration(self) -> str:
        return f"epsilon {self.epsilon:g}{extras(self)}"

    def counts(self, inputs: Shape, output: Shape) -> ParameterCounts:
        features = inputs[-1]
        formula = f"2 × {features} = {2 * features} (scale and offset)"
        fixed = 0 if self.trainable else 2 * features
        return ParameterCounts(other=2 * features, non_trainable=fixed, formula=formula)

    def weight_shapes(self, inputs: Shape, output: Shape) -> dict[str, Shape]:
        return dict.fromkeys(("gamma", "beta"), (inputs[-1],))


class Activation(LayerPart):
    """An activation function as a layer of its own, for example after batch normalisation."""

    TITLE = SPOKEN = "activation"
    INFERENCE_FIELDS = ("activation",)
    kind: Literal["activation"] = "activation"
    activation: ActivationName = Field(default="relu", description="activation function")

    @property
    def configuration(self) -> str:
        return self.activation


class Conv2D(LayerPart):
    """A two-dimensional convolution."""

    TITLE = "convolution 2-D"
    TAKES_IMAGES = True
    PENALISED = {"kernel": (0, 1, 2)}
    INFERENCE_FIELDS = ("filters", "kernel_size", "strides", "padding", "dilation_rate", "activation", "use_bias")
    LATER = PENALTIES | {"dilation_rate", "use_bias", "trainable"}
    kind: Literal["conv2d"] = "conv2d"
    filters: Size = Field(description="number of filters, the channels of the output")
    kernel_size: Edges = Field(default=3, description="height and width of the kernel in pixels")
    strides: Edges = Field(default=1, description="step of the kernel in pixels, down and across")
    padding: Padding = Field(default="valid", description="same pads with zeros, valid does not")
    activation: ActivationName = Field(default="relu", description="activation function")
    kernel_initializer: Initializer = Field(default=GLOROT_UNIFORM, description="initializer of the weights")
    bias_initializer: BiasInitializer = Field(default=ZEROS, description="initializer of the biases")
    dilation_rate: Edges = Field(default=1, description="distance of the pixels that a kernel reads, down and across")
    use_bias: UseBias = True
    trainable: Trainable = True
    l1: L1 = 0.0
    l2: L2 = 0.0
    max_norm: MaxNorm = None

    @property
    def configuration(self) -> str:
        return f"{self.filters} {noun(self.filters, 'filter')} {_kernel_in_words(self)}"

    def output_shape(self, inputs: Shape) -> Shape:
        return (*_convolved("a convolution", self, inputs), self.filters)

    def counts(self, inputs: Shape, output: Shape) -> ParameterCounts:
        height, width = pair(self.kernel_size)
        weights = height * width * inputs[2] * self.filters
        formula = f"{height} × {width} × {inputs[2]} × {self.filters} = {weights}"
        return _counted(self, weights, self.filters, formula, output[0] * output[1])

    def weight_shapes(self, inputs: Shape, output: Shape) -> dict[str, Shape]:
        return _with_bias(self, {"kernel": (*pair(self.kernel_size), inputs[-1], self.filters)}, output)

    @classmethod
    def suggested(cls, like: LayerPart | None) -> Self:
        activation = like.activation if isinstance(like, Conv2D) else "relu"
        return cls(filters=16, kernel_size=3, padding="same", activation=activation)


class DepthwiseConv2D(LayerPart):
    """A convolution of each channel by itself, with filters of its own."""

    TITLE = "depthwise convolution 2-D"
    TAKES_IMAGES = True
    PENALISED = {"depthwise": (0, 1)}
    INFERENCE_FIELDS = (
        *("kernel_size", "depth_multiplier", "strides", "padding", "dilation_rate", "activation", "use_bias"),
    )
    LATER = Conv2D.LATER
    kind: Literal["depthwise_conv2d"] = "depthwise_conv2d"
    kernel_size: Edges = Field(default=3, description="height and width of the kernel in pixels")
    depth_multiplier: Annotated[int, Field(ge=1, le=1024)] = Field(default=1, description="filters for each channel")
    strides: Edge = Field(default=1, description="step of the kernel in pixels")
    padding: Padding = Field(default="valid", description="same pads with zeros, valid does not")
    dilation_rate: Edges = Field(default=1, description="distance of the pixels that a kernel reads, down and across")
    activation: ActivationName = Field(default="relu", description="activation function")
    depthwise_initializer: Initializer = Field(default=GLOROT_UNIFORM, description="initializer of the weights")
    bias_initializer: BiasInitializer = Field(default=ZEROS, description="initializer of the biases")
    use_bias: UseBias = True
    trainable: Trainable = True
    l1: L1 = 0.0
    l2: L2 = 0.0
    max_norm: MaxNorm = None

    @property
    def configuration(self) -> str:
        each = f"{self.depth_multiplier} a channel, " if self.depth_multiplier > 1 else ""
        return f"{each}{_kernel_in_words(self)}"

    def output_shape(self, inputs: Shape) -> Shape:
        return (*_convolved("a depthwise convolution", self, inputs), inputs[2] * self.depth_multiplier)

    def counts(self, inputs: Shape, output: Shape) -> ParameterCounts:
        height, width = pair(self.kernel_size)
        weights = height * width * inputs[2] * self.depth_multiplier
        formula = f"{height} × {width} × {inputs[2]} × {self.depth_multiplier} = {weights}"
        return _counted(self, weights, output[2], formula, output[0] * output[1])

    def weight_shapes(self, inputs: Shape, output: Shape) -> dict[str, Shape]:
        return _with_bias(self, {"kernel": (*pair(self.kernel_size), inputs[2], self.depth_multiplier)}, output)

    @classmethod
    def suggested(cls, like: LayerPart | None) -> Self:
        return cls(padding="same", activation=like.activation if isinstance(like, DepthwiseConv2D) else "relu")


class SeparableConv2D(LayerPart):
    """A depthwise convolution and a 1×1 convolution that mixes its channels (Chollet, 2017)."""

    TITLE = "separable convolution 2-D"
    TAKES_IMAGES = True
    PENALISED = {"depthwise": (0, 1), "pointwise": (0, 1, 2)}
    INFERENCE_FIELDS = ("filters", *DepthwiseConv2D.INFERENCE_FIELDS)
    LATER = Conv2D.LATER
    kind: Literal["separable_conv2d"] = "separable_conv2d"
    filters: Size = Field(description="number of filters, the channels of the output")
    kernel_size: Edges = Field(default=3, description="height and width of the kernel in pixels")
    depth_multiplier: Annotated[int, Field(ge=1, le=1024)] = Field(
        default=1, description="filters for each channel in the depthwise convolution"
    )
    strides: Edge = Field(default=1, description="step of the kernel in pixels")
    padding: Padding = Field(default="valid", description="same pads with zeros, valid does not")
    dilation_rate: Edges = Field(default=1, description="distance of the pixels that a kernel reads, down and across")
    activation: ActivationName = Field(default="relu", description="activation function")
    depthwise_initializer: Initializer = Field(
        default=GLOROT_UNIFORM, description="initializer of the depthwise convolution's weights"
    )
    pointwise_initializer: Initializer = Field(
        default=GLOROT_UNIFORM, description="initializer of the 1×1 convolution's weights"
    )
    bias_initializer: BiasInitializer = Field(default=ZEROS, description="initializer of the biases")
    use_bias: UseBias = True
    trainable: Trainable = True
    l1: L1 = 0.0
    l2: L2 = 0.0
    max_norm: MaxNorm = None

    @property
    def configuration(self) -> str:
        each = f"{self.depth_multiplier} a channel, " if self.depth_multiplier > 1 else ""
        return f"{self.filters} {noun(self.filters, 'filter')} {each}{_kernel_in_words(self)}"

    def output_shape(self, inputs: Shape) -> Shape:
        return (*_convolved("a separable convolution", self, inputs), self.filters)

    def counts(self, inputs: Shape, output: Shape) -> ParameterCounts:
        height, width = pair(self.kernel_size)
        mixed = inputs[2] * self.depth_multiplier
        weights = (height * width + self.filters) * mixed
        parts = f"{height} × {width} × {inputs[2]} × {self.depth_multiplier} + {mixed} × {self.filters}"
        return _counted(self, weights, self.filters, f"{parts} = {weights}", output[0] * output[1])

    def weight_shapes(self, inputs: Shape, output: Shape) -> dict[str, Shape]:
        depthwise = (*pair(self.kernel_size), inputs[2], self.depth_multiplier)
        pointwise = (1, 1, inputs[2] * self.depth_multiplier, self.filters)
        return _with_bias(self, {"depthwise_kernel": depthwise, "pointwise_kernel": pointwise}, output)

    @classmethod
    def suggested(cls, like: LayerPart | None) -> Self:
        activation = like.activation if isinstance(like, SeparableConv2D) else "relu"
        return cls(filters=16, padding="same", activation=activation)


class MaxPooling2D(LayerPart):
    """The largest value in each window; the window steps by its own size by default."""

    TITLE = "max pooling 2-D"
    SPOKEN = "pooling"
    TAKES_IMAGES = True
    INFERENCE_FIELDS = ("pool_size", "strides", "padding")
    kind: Literal["max_pooling2d"] = "max_pooling2d"
    pool_size: Edges = Field(default=2, description="height and width of the window in pixels")
    strides: Edges | None = Field(default=None, description="step of the window in pixels; the window's size if absent")
    padding: Padding = Field(default="valid", description="same pads, valid drops an incomplete window")

    @property
    def configuration(self) -> str:
        return _pool_in_words(self)

    def output_shape(self, inputs: Shape) -> Shape:
        return _pooled("max pooling", self, inputs)

    def counts(self, inputs: Shape, output: Shape) -> ParameterCounts:
        return _reshaped(inputs, output)


class AveragePooling2D(LayerPart):
    """The mean of each window; the window steps by its own size by default."""

    TITLE, SPOKEN = "average pooling 2-D", "average pooling"
    TAKES_IMAGES = True
    INFERENCE_FIELDS = ("pool_size", "strides", "padding")
    kind: Literal["average_pooling2d"] = "average_pooling2d"
    pool_size: Edges = Field(default=2, description="height and width of the window in pixels")
    strides: Edges | None = Field(default=None, description="step of the window in pixels; the window's size if absent")
    padding: Padding = Field(
        default="valid", description="same takes the mean of the pixels in the image, valid drops an incomplete window"
    )

    @property
    def configuration(self) -> str:
        return _pool_in_words(self)

    def output_shape(self, inputs: Shape) -> Shape:
        return _pooled("average pooling", self, inputs)

    def counts(self, inputs: Shape, output: Shape) -> ParameterCounts:
        return _reshaped(inputs, output)


class GlobalPooling(LayerPart):
    """The base of the kinds that reduce each channel of the whole image to one value."""

    TAKES_IMAGES = True

    def output_shape(self, inputs: Shape) -> Shape:
        _check_is_image(self.SPOKEN, inputs)
        return inputs[2:]

    def counts(self, inputs: Shape, output: Shape) -> ParameterCounts:
        return _reshaped(inputs, output)


class GlobalAveragePooling2D(GlobalPooling):
    """The mean of each channel over the whole image."""

    TITLE, SPOKEN = "global average pooling 2-D", "global average pooling"
    kind: Literal["global_average_pooling2d"] = "global_average_pooling2d"


class GlobalMaxPooling2D(GlobalPooling):
    """The largest value of each channel in the whole image."""

    TITLE, SPOKEN = "global max pooling 2-D", "global max pooling"
    kind: Literal["global_max_pooling2d"] = "global_max_pooling2d"


class ZeroPadding2D(LayerPart):
    """Rows and columns of zeros around the image."""

    TITLE, SPOKEN = "zero padding 2-D", "zero padding"
    TAKES_IMAGES = True
    INFERENCE_FIELDS = ("padding",)
    kind: Literal["zero_padding2d"] = "zero_padding2d"
    padding: Margins = Field(default=1, description="rows above and below, and columns left and right")

    @property
    def configuration(self) -> str:
        rows, columns = pair(self.padding)
        return f"{rows} on each side" if rows == columns else f"{rows} above and below, {columns} left and right"

    def output_shape(self, inputs: Shape) -> Shape:
        _check_is_image("zero padding", inputs)
        rows, columns = pair(self.padding)
        return (inputs[0] + 2 * rows, inputs[1] + 2 * columns, inputs[2])

    def counts(self, inputs: Shape, output: Shape) -> ParameterCounts:
        return _reshaped(inputs, output)


class SpatialDropout2D(LayerPart):
    """Sets a share of the channels to zero while training (Tompson et al., 2015)."""

    TITLE, SPOKEN = "spatial dropout 2-D", "spatial dropout"
    EFFECT = Effect(
        "spatial dropout",
        "tompson2015",
        r"\tilde{h}_{yxc} = \frac{r_c}{1 - p}\, h_{yxc}, \qquad P(r_c = 0) = p, \quad P(r_c = 1) = 1 - p",
        r"In training each channel $c$ of an image is set to 0 as a whole with the probability $p$, drawn anew for "
        r"every image and step; the others are multiplied by $1 / (1 - p)$. In evaluation spatial dropout does "
        r"nothing.",
    )
    TAKES_IMAGES = DRAWS = True
    INFERENCE_FIELDS = ("rate",)
    kind: Literal["spatial_dropout2d"] = "spatial_dropout2d"
    rate: Share = Field(default=0.25, description="share of the channels set to zero")

    @property
    def configuration(self) -> str:
        return f"rate {self.rate:g}"

    def output_shape(self, inputs: Shape) -> Shape:
        _check_is_image("spatial dropout", inputs)
        return inputs

    def effect_in(self, name: str) -> str:
        return f"{self.configuration} in {name}" if self.rate else ""


class GaussianNoise(LayerPart):
    """Adds normally distributed random numbers to its inputs while training (Bishop, 1995)."""

    TITLE = SPOKEN = "Gaussian noise"
    EFFECT = Effect(
        "Gaussian noise",
        "bishop1995",
        r"\tilde{h}_j = h_j + \epsilon_j, \qquad \epsilon_j \sim \mathcal{N}(0, \sigma^2)",
        r"In training a random number $\epsilon_j$ is added to each input $h_j$ of the layer, drawn anew for every "
        r"image and step. In evaluation nothing is added.",
    )
    DRAWS = True
    INFERENCE_FIELDS = ("stddev",)
    kind: Literal["gaussian_noise"] = "gaussian_noise"
    stddev: NonNegative = Field(default=0.1, description="standard deviation of the noise")

    @property
    def configuration(self) -> str:
        return f"standard deviation {self.stddev:g}"

    def effect_in(self, name: str) -> str:
        return f"{self.configuration} in {name}" if self.stddev else ""


class Flatten(LayerPart):
    """Lays an image's rows and channels out as one vector."""

    TITLE = "flatten"
    SPOKEN = "flattening"
    kind: Literal["flatten"] = "flatten"

    def output_shape(self, inputs: Shape) -> Shape:
        return (math.prod(inputs),)

    def counts(self, inputs: Shape, output: Shape) -> ParameterCounts:
        return ParameterCounts(formula=f"{written(inputs)} = {math.prod(inputs)}")


class Residual(LayerPart):
    """A block of layers whose output is added to its input (He et al., 2016).

    Where the shapes differ, the input goes through a 1 × 1 convolution without activation that makes them equal, or
    through a dense layer without activation if it is a vector.
    """

    TITLE, SPOKEN = "residual block", "the addition at the end of a residual block"
    LATER = frozenset({"trainable"})
    kind: Literal["residual"] = "residual"
    layers: tuple[Layer, ...] = Field(min_length=1, max_length=50, description="the layers of the block")
    trainable: bool = Field(default=True, description="off freezes the 1 × 1 convolution beside the block")

    @field_validator("layers")
    @classmethod
    def _not_too_deep(cls, layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
        if depth(layers) >= DEEPEST:
            raise ValueError(f"at most {DEEPEST} residual blocks may stand inside each other")
        return layers

    @property
    def configuration(self) -> str:
        return f"input + {len(self.layers)} {noun(self.layers, 'layer')}"

    @property
    def takes_images(self) -> bool:
        return any(layer.takes_images for layer in self.layers)

    def output_shape(self, inputs: Shape) -> Shape:
        output = shapes_through(inputs, self.layers)[-1]
        self.shortcut(inputs, output)
        return output

    def shortcut(self, inputs: Shape, output: Shape) -> Dense | Conv2D | None:
        """Return the layer that gives the block's input the shape of its output; None if the shapes are equal.

        Raises:
            ValueError: no 1 × 1 convolution can do that.
        """
        if inputs == output:
            return None
        if len(inputs) != len(output):
            raise ValueError(
                f"a residual block adds its input, {written(inputs)}, to its output, {written(output)}: both must be "
                "images, or both vectors; flatten before or after the block"
            )
        if len(inputs) == 1:
            return Dense(units=output[0], activation="linear", trainable=self.trainable)
        steps = tuple(_step_between(*edges) for edges in zip(inputs[:2], output[:2], strict=True))
        if None in steps:
            raise ValueError(
                f"a residual block adds its input, {written(inputs)}, to its output, {written(output)}, and no step of "
                'a 1×1 convolution makes their edges equal; padding = "same" in the block does'
            )
        return Conv2D(
            filters=output[2], kernel_size=1, strides=EDGES(steps), activation="linear", trainable=self.trainable
        )

    def counts(self, inputs: Shape, output: Shape) -> ParameterCounts:
        return ParameterCounts(formula=f"{written(output)} + {written(output)}")

    @classmethod
    def suggested(cls, like: LayerPart | None) -> Self:
        return cls(layers=like.layers if isinstance(like, Residual) else _block(Conv2D.suggested(None)))

    @classmethod
    def suggestions(cls, inputs: Shape) -> Iterator[Self]:
        """Yield new blocks for an input of this shape: their output has the same shape."""
        if len(inputs) == 3:
            yield cls(layers=_block(Conv2D(filters=inputs[2], padding="same")))
        else:
            yield cls(layers=_block(Dense(units=inputs[0])))


def _block(layer: Dense | Conv2D) -> tuple[Layer, ...]:
    return layer, layer.model_copy(update={"activation": "linear"})


def _step_between(edge: int, output: int) -> int | None:
    """Return the smallest step of a 1 × 1 convolution from one edge to another; None if there is none."""
    return next((step for step in range(1, edge + 1) if windows(edge, 1, step, "same") == output), None)


Layer = Annotated[
    Dense
    | Conv2D
    | DepthwiseConv2D
    | SeparableConv2D
    | MaxPooling2D
    | AveragePooling2D
    | GlobalAveragePooling2D
    | GlobalMaxPooling2D
    | Flatten
    | Activation
    | Dropout
    | SpatialDropout2D
    | GaussianNoise
    | BatchNormalization
    | LayerNormalization
    | ZeroPadding2D
    | Residual,
    Field(discriminator="kind"),
]
Residual.model_rebuild()
LAYER_KINDS: dict[str, type[Layer]] = {each.model_fields["kind"].default: each for each in get_args(get_args(Layer)[0])}
"""The registry of layer kinds: every class of the union `Layer` by the value of its `kind`."""


DEEPEST = 4
"""The most residual blocks inside each other."""


def depth(layers: Iterable[Layer]) -> int:
    """Return the number of residual blocks around the innermost layer."""
    return max((1 + depth(layer.layers) for layer in layers if isinstance(layer, Residual)), default=0)


def walk(layers: Iterable[Layer]) -> Iterator[Layer]:
    """Yield every layer: a residual block before the layers in it."""
    for layer in layers:
        yield layer
        if isinstance(layer, Residual):
            yield from walk(layer.layers)


Place = tuple[int, ...]
"""The position of a layer: in the stack, then in the residual block there, and so on."""


def places(layers: Iterable[Layer], block: Place = ()) -> Iterator[Place]:
    """Yield the place of every layer, in the order of `walk`; `block` is the place of the block that has them."""
    for position, layer in enumerate(layers):
        yield (*block, position)
        if isinstance(layer, Residual):
            yield from places(layer.layers, (*block, position))


def layers_in(layers: tuple[Layer, ...], block: Place) -> tuple[Layer, ...]:
    """Return the layers of the residual block at a place; the whole stack for an empty place."""
    for position in block:
        residual = layers[position]
        assert isinstance(residual, Residual)
        layers = residual.layers
    return layers


def with_layers_in(layers: tuple[Layer, ...], block: Place, new: Sequence[Layer]) -> tuple[Layer, ...]:
    """Return the stack with other layers in the residual block at a place; for an empty place, the new layers."""
    if not block:
        return tuple(new)
    position, *rest = block
    inner = with_layers_in(layers_in(layers, block[:1]), tuple(rest), new)
    changed = layers[position].model_copy(update={"layers": inner})
    return (*layers[:position], changed, *layers[position + 1 :])


def mapped(function: Callable[[Layer], Layer], layers: Iterable[Layer]) -> tuple[Layer, ...]:
    """Return the layers with a function applied to each one, also to those in residual blocks, in the order of `walk`.

    The function gets a residual block as it is; its layers are changed afterwards.
    """
    changed: list[Layer] = []
    for layer in layers:
        new = function(layer)
        if isinstance(new, Residual):
            new = new.model_copy(update={"layers": mapped(function, new.layers)})
        changed.append(new)
    return tuple(changed)


class LayerError(ValueError):
    """A layer that does not fit the output of the layer before it.

    Attributes:
        path: its place from the stack's beginning, as in the TOML form: ``(3,)``, ``(3, "layers", 0)``.
    """

    def __init__(self, path: tuple[int | str, ...], message: str) -> None:
        self.path = path
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
        except LayerError as error:
            raise LayerError((position, "layers", *error.path), str(error)) from None
        except ValueError as error:
            raise LayerError((position,), str(error)) from None
    return shapes


WEIGHT_EFFECTS = {
    "l1": Effect(
        "L1 penalty",
        "tibshirani1996",
        r"L = L_0 + \lambda_1 \sum_w \lvert w \rvert",
        r"The factor $\lambda_1$ times the sum of the absolute values of the layer's weights $w$ (not of its biases) "
        r"is added to the cross-entropy $L_0$: weights that help little become 0.",
    ),
    "l2": Effect(
        "L2 penalty",
        "krogh1992",
        r"L = L_0 + \lambda_2 \sum_w w^2",
        r"The factor $\lambda_2$ times the sum of the squares of the layer's weights $w$ (not of its biases) is added "
        r"to the cross-entropy $L_0$: large weights become smaller.",
    ),
    "max_norm": Effect(
        "max-norm constraint",
        "srivastava2014",
        r"w \leftarrow w\, \frac{\min(\lVert w \rVert, c)}{\lVert w \rVert}",
        r"After each step the vector $w$ of the weights of a unit (a neuron or a filter) that is longer than $c$ is "
        r"made as long as $c$.",
    ),
}
"""The effects of the fields PENALTIES, for reports."""


def _check_is_image(name: str, inputs: Shape) -> None:
    if len(inputs) != 3:
        raise ValueError(
            f"{name} takes an image, not a vector of {inputs[0]}; it needs raw pixels and no flatten before it"
        )


def _positions(name: str, inputs: Shape, window: Pair, strides: Pair, padding: str) -> tuple[int, ...]:
    """Return the numbers of positions of a window along rows and columns."""
    _check_is_image(name, inputs)
    edges = tuple(windows(*each, padding) for each in zip(inputs[:2], pair(window), pair(strides), strict=True))
    if min(edges) < 1:
        raise ValueError(
            f"{name} of {sides(window)} does not fit its input of {written(inputs)}; "
            'a smaller one or padding = "same" does'
        )
    return edges


def _convolved(name: str, layer: Conv2D | DepthwiseConv2D | SeparableConv2D, inputs: Shape) -> tuple[int, ...]:
    if layer.dilation_rate == 1:
        return _positions(name, inputs, layer.kernel_size, layer.strides, layer.padding)
    if layer.strides != 1:
        raise ValueError(f"{name} has either steps or a dilation; strides = 1 or dilation_rate = 1 works")
    (height, width), (down, across) = pair(layer.kernel_size), pair(layer.dilation_rate)
    spread = (height - 1) * down + 1, (width - 1) * across + 1
    return _positions(f"{name} with dilation", inputs, spread, 1, layer.padding)


def _kernel_in_words(layer: Conv2D | DepthwiseConv2D | SeparableConv2D) -> str:
    step = f", step {in_words(layer.strides)}" if layer.strides != 1 else ""
    spread = f", dilation {in_words(layer.dilation_rate)}" if layer.dilation_rate != 1 else ""
    return f"{sides(layer.kernel_size)}, {layer.activation}, {layer.padding}{step}{spread}{extras(layer)}"


def _pooled(name: str, layer: MaxPooling2D | AveragePooling2D, inputs: Shape) -> Shape:
    edges = _positions(name, inputs, layer.pool_size, layer.strides or layer.pool_size, layer.padding)
    return (*edges, inputs[2])


def _pool_in_words(layer: MaxPooling2D | AveragePooling2D) -> str:
    return f"{sides(layer.pool_size)} windows, step {in_words(layer.strides or layer.pool_size)}, {layer.padding}"


def _reshaped(inputs: Shape, output: Shape) -> ParameterCounts:
    return ParameterCounts(formula=f"{written(inputs)} → {written(output)}")
