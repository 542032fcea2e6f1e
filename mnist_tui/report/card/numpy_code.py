"""A network's forward pass as a few lines of plain NumPy, written out from an experiment's layers."""

from __future__ import annotations

from collections.abc import Sequence

from mnist_tui.experiment.complexity import named_parts
from mnist_tui.experiment.layers import BatchNormalization, Conv2D, Dense, Flatten, MaxPooling2D
from mnist_tui.experiment.shapes import windows
from mnist_tui.experiment.spec import Experiment

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


def imports(experiment: Experiment) -> list[str]:
    """The standard library's modules that `functions` need, as lines."""
    return ["import math"] if "gelu" in _activations(experiment) else []


def functions(experiment: Experiment) -> list[str]:
    """The functions that `forward` calls, each without blank lines."""
    parts = [part for _, part in named_parts(experiment)]
    windowed = [PLACES] if any(isinstance(part, Conv2D | MaxPooling2D) for part in parts) else []
    used = _activations(experiment)
    plain = [f"def {name}(x):\n    return {body}" for name, body in ACTIVATIONS.items() if name in used]
    return [*windowed, *plain, SOFTMAX]


def forward(experiment: Experiment) -> list[str]:
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
