"""Write, for each format of weights, a short program that loads them and predicts, without mnist-tui.

Every program takes `images`, uint8 ``(n, 28, 28)``, and leaves `probabilities`, ``(n, 10)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mnist_tui.experiment.complexity import named_parts, weight_shapes
from mnist_tui.experiment.layers import (
    LAYER_KINDS,
    BatchNormalization,
    Conv2D,
    Dense,
    ExperimentPart,
    Flatten,
    MaxPooling2D,
)
from mnist_tui.experiment.shapes import CLASSES, windows
from mnist_tui.experiment.spec import Experiment, HogFeatures
from mnist_tui.runs.exported import FILES, IMAGES, PROBABILITIES, WHOLE, csv_name

INFERENCE_FIELDS = {
    "dense": ("units", "activation"),
    "conv2d": ("filters", "kernel_size", "strides", "padding", "activation"),
    "max_pooling2d": ("pool_size", "strides", "padding"),
    "batch_normalization": ("epsilon",),
    "dropout": ("rate",),
    "flatten": (),
}
"""Of a layer, what its outputs depend on once it is trained."""


@dataclass(frozen=True)
class ExampleProgram:
    """One format's program.

    Attributes:
        packages: what must be installed for it.
        code: Python, to be run in the folder that the files are in.
    """

    packages: tuple[str, ...]
    code: str


def example_program(name: str, experiment: Experiment) -> ExampleProgram:
    """The program of the weights format of that name."""
    uses_hog = isinstance(experiment.features, HogFeatures) and name not in WHOLE
    lines, packages, body = _program_parts(name, experiment)
    blocks: list[str] = []
    if name in ("npz", "safetensors", "csv"):
        lines = [*numpy_imports(experiment), *lines]
        blocks += numpy_functions(experiment)
    if uses_hog:
        lines.append("from skimage.feature import hog")
        packages.append("scikit-image")
    steps = [*([] if name in WHOLE else network_input(experiment)), *body]
    head = "\n".join(_sorted(lines))
    defined = "".join(f"{block}\n\n\n" for block in blocks)
    gap = "\n\n\n" if blocks else "\n\n"
    return ExampleProgram(tuple(packages), f"{head}{gap}{defined}" + "\n".join(steps))


def network_input(experiment: Experiment) -> list[str]:
    """Lines from `images` to `x`, what enters the network."""
    if not isinstance(experiment.features, HogFeatures):
        return ["x = images.reshape(-1, 28, 28, 1).astype(np.float32) / 255"]
    return ["x = np.array([", f"    {hog_call(experiment.features)}", "    for image in images", "], np.float32)"]


def hog_call(spec: HogFeatures) -> str:
    """scikit-image's call that makes the features of one image."""
    cell, block = (spec.pixels_per_cell,) * 2, (spec.cells_per_block,) * 2
    return (
        f"hog(image, orientations={spec.orientations}, pixels_per_cell={cell}, cells_per_block={block}, "
        'block_norm="L2-Hys", feature_vector=True)'
    )


def _program_parts(name: str, experiment: Experiment) -> tuple[list[str], list[str], list[str]]:
    """Imports, packages and lines of a program, beyond what many share."""
    file = FILES[name]
    forward = forward_lines(experiment)
    match name:
        case "keras":
            lines = [
                f'model = keras.models.load_model("{file}", compile=False)',
                "probabilities = model.predict(x, verbose=0)",
            ]
            return ["import keras", "import numpy as np"], ["tensorflow", "keras"], lines
        case "h5":
            lines = [*_architecture(experiment), f'model.load_weights("{file}")']
            lines.append("probabilities = model.predict(x, verbose=0)")
            return ["import keras", "import numpy as np"], ["tensorflow", "keras"], lines
        case "npz":
            return ["import numpy as np"], ["numpy"], [f'weights = np.load("{file}")', *forward]
        case "safetensors":
            imports = ["import numpy as np", "from safetensors.numpy import load_file"]
            return imports, ["numpy", "safetensors"], [f'weights = load_file("{file}")', *forward]
        case "csv":
            return ["import numpy as np"], ["numpy"], [*_read_csv(experiment), *forward]
        case "onnx":
            lines = [
                f'session = onnxruntime.InferenceSession("{file}")',
                f'({PROBABILITIES},) = session.run(["{PROBABILITIES}"], {{"{IMAGES}": images}})',
            ]
            return ["import onnxruntime"], ["onnxruntime"], lines
        case "tflite":
            lines = [
                f'interpreter = Interpreter("{file}")',
                "predict = interpreter.get_signature_runner()",
                f'{PROBABILITIES} = predict({IMAGES}=images)["{PROBABILITIES}"]',
            ]
            return ["from ai_edge_litert.interpreter import Interpreter"], ["ai-edge-litert"], lines
        case _:
            lines = [
                f'model = tf.saved_model.load("{file}")',
                'predict = model.signatures["serving_default"]',
                f'{PROBABILITIES} = predict({IMAGES}=tf.constant(images))["{PROBABILITIES}"].numpy()',
            ]
            return ["import tensorflow as tf"], ["tensorflow"], lines


def _architecture(experiment: Experiment) -> list[str]:
    """A `keras.Sequential` of the layers, with what inference needs of them."""
    layers = [f"    keras.layers.{_layer(name, part)}," for name, part in named_parts(experiment)]
    return ["model = keras.Sequential([", f"    keras.Input({experiment.input_shape}),", *layers, "])"]


def _layer(name: str, part: ExperimentPart) -> str:
    if name == "output":
        return f'Dense({CLASSES}, activation="softmax", name="output")'
    kind: str = part.kind  # pyright: ignore[reportAttributeAccessIssue]
    arguments = [f"{field}={_literal(getattr(part, field))}" for field in INFERENCE_FIELDS[kind]]
    return f"{LAYER_KINDS[kind].__name__}({', '.join([*arguments, f'name={_literal(name)}'])})"


def _literal(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)


def _read_csv(experiment: Experiment) -> list[str]:
    folder = FILES["csv"]
    lines = [
        f'    "{name}": np.loadtxt("{folder}/{csv_name(name)}", np.float32, delimiter=",").reshape{_shape(shape)},'
        for name, shape in weight_shapes(experiment).items()
    ]
    return ["weights = {", *lines, "}"]


def _shape(shape: Sequence[int]) -> str:
    return f"({', '.join(map(str, shape))})"


def _sorted(imports: Sequence[str]) -> list[str]:
    return sorted(imports, key=lambda line: (line.startswith("from"), line))


ACTIVATIONS = {
    "relu": "np.maximum(x, 0)",
    "tanh": "np.tanh(x)",
    "sigmoid": "0.5 * (1 + np.tanh(0.5 * x))",
    "elu": "np.where(x > 0, x, np.expm1(np.minimum(x, 0)))",
    "selu": "1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(np.minimum(x, 0)))",
    "gelu": "0.5 * x * (1 + np.vectorize(math.erf, [np.float32])(x / math.sqrt(2)))",
    "silu": "0.5 * x * (1 + np.tanh(0.5 * x))",
    "softplus": "np.logaddexp(x, 0)",
    "softsign": "x / (1 + np.abs(x))",
    "leaky_relu": "np.where(x > 0, x, 0.2 * x)",
}
"""Bodies of functions of `x`, as Keras defines them with its defaults; linear needs none, softmax has two lines."""
SOFTMAX = """\
def softmax(x):
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)"""
PLACES = """\
def places(x, edge, stride, before, after, fill):
    \"\"\"The pixels under each place of a square window as it moves over the images, padded on both sides.\"\"\"
    x = np.pad(x, ((0, 0), (before, after), (before, after), (0, 0)), constant_values=fill)
    count = (x.shape[1] - edge) // stride + 1
    spans = [slice(start, start + stride * (count - 1) + 1, stride) for start in range(edge)]
    return [x[:, rows, columns] for rows in spans for columns in spans]"""


def numpy_imports(experiment: Experiment) -> list[str]:
    """The standard library's modules that `numpy_functions` need, as lines."""
    return ["import math"] if "gelu" in _activations(experiment) else []


def numpy_functions(experiment: Experiment) -> list[str]:
    """The functions that `forward_lines` call, each without blank lines."""
    parts = [part for _, part in named_parts(experiment)]
    windowed = [PLACES] if any(isinstance(part, Conv2D | MaxPooling2D) for part in parts) else []
    used = _activations(experiment)
    plain = [f"def {name}(x):\n    return {body}" for name, body in ACTIVATIONS.items() if name in used]
    return [*windowed, *plain, SOFTMAX]


def forward_lines(experiment: Experiment) -> list[str]:
    """Lines from `x`, the network's input, and `weights`, arrays by ``layer/weight``, to `probabilities`."""
    lines: list[str] = []
    for (name, part), inputs in zip(named_parts(experiment), experiment.shapes(), strict=False):
        match part:
            case Flatten():
                lines.append("x = x.reshape(len(x), -1)")
            case BatchNormalization():
                mean, variance, gamma, beta = (
                    f'weights["{name}/{vector}"]' for vector in ("moving_mean", "moving_variance", "gamma", "beta")
                )
                lines.append(f"x = (x - {mean}) / np.sqrt({variance} + {part.epsilon!r})")
                lines.append(f"x = x * {gamma} + {beta}")
            case Conv2D():
                seen = _places(part.kernel_size, part.strides, part.padding, inputs, "0")
                lines += [
                    f'kernel = weights["{name}/kernel"]',
                    f"x = sum(map(np.matmul, {seen}, kernel.reshape(-1, *kernel.shape[2:])))",
                    _activated(f'x + weights["{name}/bias"]', part.activation),
                ]
            case MaxPooling2D():
                seen = _places(part.pool_size, part.strides or part.pool_size, part.padding, inputs, "-np.inf")
                lines.append(f"x = np.max({seen}, axis=0)")
            case Dense():
                lines.append(_activated(_dense(name), part.activation))
            case _ if name == "output":
                lines.append(f"probabilities = softmax({_dense(name)})")
            case _:
                pass
    return lines


def _activations(experiment: Experiment) -> set[str]:
    return {part.activation for part in experiment.layers if isinstance(part, Dense | Conv2D)}


def _dense(name: str) -> str:
    return f'x @ weights["{name}/kernel"] + weights["{name}/bias"]'


def _activated(value: str, activation: str) -> str:
    return f"x = {value}" if activation == "linear" else f"x = {activation}({value})"


def _places(edge: int, stride: int, padding: str, inputs: Sequence[int], fill: str) -> str:
    """A call of `places`, with the padding that TensorFlow gives: an odd pixel after, not before."""
    before = after = 0
    if padding == "same":
        both = max((windows(inputs[0], edge, stride, padding) - 1) * stride + edge - inputs[0], 0)
        before, after = both // 2, both - both // 2
    return f"places(x, {edge}, {stride}, {before}, {after}, {fill})"
