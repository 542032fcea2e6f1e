"""Write MODEL.md, the model card: facts for users of exported weights, and a program that loads each format.

Every program takes `images`, uint8 ``(n, 28, 28)``, and computes `probabilities`, ``(n, 10)``, without mnist-tui.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

from mnist_tui.experiment.complexity import named_layers, weight_shapes
from mnist_tui.experiment.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten, Layer, MaxPooling2D
from mnist_tui.experiment.shapes import Shape, windows
from mnist_tui.experiment.spec import Experiment, HogFeatures
from mnist_tui.files import read_text
from mnist_tui.report import markdown
from mnist_tui.report.contents.one_run import SAMPLE_NOTICE
from mnist_tui.report.evidence import Evidence, read_evidence
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.weight_formats import CARD, WEIGHT_FORMATS, WeightFormat, csv_name
from mnist_tui.wording import DASH, count, counted, loss, percent, size


def card(folder: RunFolder, formats: Sequence[str], out: Path) -> str:
    """Return the model card of the weights in the folder `out`.

    Args:
        folder: the run's folder.
        formats: the formats that were just exported. The card also describes the formats of an earlier card there,
            if they hold the same weights.

    Raises:
        RunError, PresetError: the run's folder cannot be read.
        OSError: the exported files cannot be read.
    """
    earlier = _formats_described(folder, out)
    wanted = [name for name in WEIGHT_FORMATS if name in formats or name in earlier]
    template = markdown.template_environment().get_template("MODEL.md.j2")
    return template.render(_contents(folder, wanted, out)).rstrip() + "\n"


def is_card_of(folder: RunFolder, path: Path) -> bool:
    """Return whether a file is a model card of this run, which a newer one may replace."""
    try:
        return f"{markdown.escaped(folder.id)} |" in read_text(path, follow_links=True)
    except (OSError, ValueError):
        return False


def _contents(folder: RunFolder, formats: Sequence[str], out: Path) -> dict[str, Any]:
    evidence = read_evidence(folder)
    experiment, features = evidence.experiment, evidence.experiment.features
    chosen = [WEIGHT_FORMATS[name] for name in formats]
    shapes = weight_shapes(experiment) if any(form.holds == "arrays" for form in chosen) else {}
    files = [
        (path.relative_to(out).as_posix(), size(path.stat().st_size), _digest(path))
        for form in chosen
        for path in _files_in(out / form.file)
    ]
    return {
        "title": evidence.preset.title or evidence.preset.name,
        "notices": _notices(evidence),
        "facts": _facts(evidence),
        "whole": [form.file for form in chosen if form.holds == "whole model"],
        "bare": [form.file for form in chosen if form.holds != "whole model"],
        "input_shape": f"({', '.join(['n', *map(str, experiment.input_shape)])})",
        "hog": _hog_call(features) if isinstance(features, HogFeatures) else "",
        "classes": (("Column", "Class"), *((str(n), name) for n, name in enumerate(evidence.class_names))),
        "files": (("File", "Size", "SHA-256"), *files),
        "weights": (("Weight", "Shape"), *((name, str(shape)) for name, shape in shapes.items())) if shapes else (),
        "programs": [{"name": form.file, **vars(example_program(form, experiment))} for form in chosen],
    }


def _notices(evidence: Evidence) -> list[str]:
    state, reason = evidence.document["state"], evidence.document["reason"]
    notices = [] if state == "finished" else [f"The run is {state}{f': {reason}' if reason else ''}."]
    if (evidence.document["dataset"] or {}).get("sample"):
        notices.append(SAMPLE_NOTICE)
    if not evidence.test:
        notices.append("These weights were not evaluated on the test images.")
    precision = evidence.experiment.training.precision
    if precision != "float32":
        difference = "0.001" if precision == "mixed_float16" else "0.01"
        notices.append(
            f"Trained in {precision}; model.keras computes in it, too. The other files compute in float32, so their "
            f"probabilities differ from the run's own by about {difference}."
        )
    return notices


def _facts(evidence: Evidence) -> list[tuple[str, str]]:
    data, test = evidence.document["dataset"] or {}, evidence.test
    source, digest = _source(evidence.folder)
    images = f"{data.get('title') or data.get('name')}, {counted(data['train'], 'image')}" if data else DASH
    return [
        ("Fact", "Value"),  # the headings
        ("Run", evidence.folder.id),
        ("Preset", evidence.preset.name),
        ("Parameters", count(evidence.complexity.total)),
        ("Trained on", images),
        ("Tested on", counted(data["test"], "image") if data and test else DASH),
        ("Test accuracy", percent(test.get("accuracy"))),
        ("Test loss (cross-entropy)", loss(test["loss"]) if test else DASH),
        ("Macro F1", percent(test.get("macro_f1"))),
        ("Made from", f"the run's {source}, SHA-256 {digest}"),
    ]


def _files_in(path: Path) -> list[Path]:
    return sorted(part for part in path.rglob("*") if part.is_file()) if path.is_dir() else [path]


def _formats_described(folder: RunFolder, out: Path) -> list[str]:
    """Return the formats of the card in `out` whose files have not changed and hold the run's present weights."""
    try:
        text = read_text(out / CARD, follow_links=True)
    except (OSError, ValueError):
        return []
    if _source(folder)[1] not in text:
        return []
    files = {name: _files_in(out / form.file) for name, form in WEIGHT_FORMATS.items() if (out / form.file).exists()}
    return [name for name, parts in files.items() if parts and all(_digest(part) in text for part in parts)]


def _source(folder: RunFolder) -> tuple[str, str]:
    """Return the name of the file that the weights were made from, and its checksum."""
    for what, path in (("model", folder.model_file), ("checkpoint", folder.checkpoint_file)):
        if path.exists():
            return what, _digest(path)
    return "model", DASH


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class ExampleProgram:
    """A program for one format: the packages to install, and Python code to run in the folder of the files."""

    packages: tuple[str, ...]
    code: str


def example_program(form: WeightFormat, experiment: Experiment) -> ExampleProgram:
    """Return the program that loads an experiment's weights from a format's file and predicts with them."""
    imports, packages = list(form.imports), list(form.packages)
    functions: list[str] = []
    lines = [
        Template(form.code).substitute(
            file=form.file, architecture=_architecture(experiment), csv_arrays=_csv_arrays(experiment)
        )
    ]
    if form.holds != "whole model" and isinstance(experiment.features, HogFeatures):
        call = _hog_call(experiment.features)
        lines.insert(0, f"x = np.array([\n    {call}\n    for image in images\n], np.float32)")
        imports.append("from skimage.feature import hog")
        packages.append("scikit-image")
    elif form.holds != "whole model":
        lines.insert(0, "x = images.reshape(-1, 28, 28, 1).astype(np.float32) / 255")
    if form.holds == "network":
        lines.append("probabilities = model.predict(x, verbose=0)")
    elif form.holds == "arrays":
        forward = _forward_lines(experiment)
        activations = {part.activation for part in experiment.layers if isinstance(part, Dense | Conv2D)}
        imports += ["import math"] if "gelu" in activations else []
        functions += [PLACES] if any("places(" in line for line in forward) else []
        functions += [f"def {name}(x):\n    return {body}" for name, body in ACTIVATIONS.items() if name in activations]
        functions.append(SOFTMAX)
        lines += forward
    head = "\n".join(sorted(imports, key=lambda line: (line.startswith("from"), line)))
    separator = "\n\n\n" if functions else "\n\n"
    return ExampleProgram(tuple(packages), separator.join([head, *functions, "\n".join(lines)]))


def _hog_call(spec: HogFeatures) -> str:
    """Return the source code of scikit-image's call that computes the features of one image."""
    cell, block = (spec.pixels_per_cell,) * 2, (spec.cells_per_block,) * 2
    return (
        f"hog(image, orientations={spec.orientations}, pixels_per_cell={cell}, cells_per_block={block}, "
        'block_norm="L2-Hys", feature_vector=True)'
    )


def _architecture(experiment: Experiment) -> str:
    """Return the source code of a `keras.Sequential`, with the arguments that matter after training."""
    layers = [f"    keras.layers.{_layer(name, part)}," for name, part in named_layers(experiment)]
    return "\n".join(["model = keras.Sequential([", f"    keras.Input({experiment.input_shape}),", *layers, "])"])


def _layer(name: str, part: Layer) -> str:
    values = {**{field: getattr(part, field) for field in part.INFERENCE_FIELDS}, "name": name}
    texts = {field: f'"{value}"' if isinstance(value, str) else repr(value) for field, value in values.items()}
    return f"{type(part).__name__}({', '.join(f'{field}={text}' for field, text in texts.items())})"


def _csv_arrays(experiment: Experiment) -> str:
    folder = WEIGHT_FORMATS["csv"].file
    return "\n".join(
        f'    "{name}": np.loadtxt("{folder}/{csv_name(name)}", np.float32, delimiter=",")'
        f".reshape({', '.join(map(str, shape))}),"
        for name, shape in weight_shapes(experiment).items()
    )


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
"""The activation functions of `x` with Keras' defaults; linear needs no function, and softmax is longer."""
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


def _forward_lines(experiment: Experiment) -> list[str]:
    """Return the lines of the forward pass in NumPy, which computes `probabilities`.

    The lines use `x`, the network's input, and `weights`, a dict of arrays by ``layer/weight``.
    """
    lines: list[str] = []
    for (name, part), inputs in zip(named_layers(experiment), experiment.shapes(), strict=False):
        lines += FORWARD[type(part)](name, part, inputs)
    return lines


def _activated(value: str, activation: str) -> str:
    return value if activation == "linear" else f"{activation}({value})"


def _dense(name: str, layer: Dense, _: Shape) -> list[str]:
    result = "probabilities" if name == "output" else "x"
    value = f'x @ weights["{name}/kernel"] + weights["{name}/bias"]'
    return [f"{result} = {_activated(value, layer.activation)}"]


def _places(edge: int, stride: int, padding: str, inputs: Sequence[int], fill: str) -> str:
    """Return source code that calls `places` with TensorFlow's padding: an odd pixel goes to the right and bottom."""
    before = after = 0
    if padding == "same":
        both = max((windows(inputs[0], edge, stride, padding) - 1) * stride + edge - inputs[0], 0)
        before, after = both // 2, both - both // 2
    return f"places(x, {edge}, {stride}, {before}, {after}, {fill})"


def _normalised(name: str, layer: BatchNormalization, _: Shape) -> list[str]:
    mean, variance, gamma, beta = (
        f'weights["{name}/{vector}"]' for vector in ("moving_mean", "moving_variance", "gamma", "beta")
    )
    return [f"x = (x - {mean}) / np.sqrt({variance} + {layer.epsilon!r})", f"x = x * {gamma} + {beta}"]


def _convolved(name: str, layer: Conv2D, inputs: Shape) -> list[str]:
    pixels = _places(layer.kernel_size, layer.strides, layer.padding, inputs, "0")
    return [
        f'kernel = weights["{name}/kernel"]',
        f"x = sum(map(np.matmul, {pixels}, kernel.reshape(-1, *kernel.shape[2:])))",
        "x = " + _activated(f'x + weights["{name}/bias"]', layer.activation),
    ]


def _pooled(_: str, layer: MaxPooling2D, inputs: Shape) -> list[str]:
    pixels = _places(layer.pool_size, layer.strides or layer.pool_size, layer.padding, inputs, "-np.inf")
    return [f"x = np.max({pixels}, axis=0)"]


FORWARD: dict[type[Layer], Callable[[str, Any, Shape], list[str]]] = {
    Dense: _dense,
    Dropout: lambda *_: [],  # active only during training
    BatchNormalization: _normalised,
    Conv2D: _convolved,
    MaxPooling2D: _pooled,
    Flatten: lambda *_: ["x = x.reshape(len(x), -1)"],
}
"""For each layer kind, a function of the layer's name, the layer and its input's shape: the forward pass's lines."""
