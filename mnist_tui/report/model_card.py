"""Write MODEL.md, the model card: facts for users of exported weights, and a program that loads each format.

Every program takes `images`, uint8 ``(n, height, width)``, or ``(n, height, width, 3)`` in colour, and computes
`probabilities`, ``(n, classes)``, without mnist-tui.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from string import Template
from typing import Any

from mnist_tui.experiment.complexity import placed_layers, weight_shapes
from mnist_tui.experiment.layers import (
    Activation,
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GaussianNoise,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    Layer,
    LayerNormalization,
    MaxPooling2D,
    Pair,
    Residual,
    SeparableConv2D,
    SpatialDropout2D,
    ZeroPadding2D,
    pair,
    walk,
)
from mnist_tui.experiment.presets import dump_preset, heading
from mnist_tui.experiment.shapes import Shape, pixels_shape, windows
from mnist_tui.experiment.spec import Experiment, HogFeatures
from mnist_tui.files import read_text
from mnist_tui.report import markdown
from mnist_tui.report.contents.one_run import RERUN_COMMAND, SAMPLE_NOTICE, epochs_text, loss_name
from mnist_tui.report.evidence import Evidence, read_evidence
from mnist_tui.report.keras_program import class_of, hog_call, network_lines, scaled_pixels, training_program
from mnist_tui.runs.ensembles import members_of
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.origin import counts_of
from mnist_tui.runs.weight_formats import CARD, WEIGHT_FORMATS, WeightFormat, csv_name
from mnist_tui.wording import DASH, count, counted, in_utc, loss, percent, size


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
    height, width, channels = experiment.image_shape
    chosen = [WEIGHT_FORMATS[name] for name in formats]
    arrays = [form.file for form in chosen if form.holds == "arrays"]
    files = [
        (path.relative_to(out).as_posix(), size(path.stat().st_size), _digest(path))
        for form in chosen
        for path in _files_in(out / form.file)
    ]
    return {
        "title": heading(evidence.preset),
        "members": _members(evidence),
        "notices": _notices(evidence),
        "facts": _facts(evidence),
        "training": _training_facts(evidence) if evidence.folder.origin is None else (),
        "command": evidence.document["command"],
        "again": RERUN_COMMAND,
        "toml": dump_preset(evidence.preset) if evidence.folder.origin is None else "",
        "keras_program": training_program(experiment, evidence.class_names) if evidence.folder.origin is None else "",
        "whole": [form.file for form in chosen if form.holds == "whole model"],
        "bare": [form.file for form in chosen if form.holds != "whole model"],
        "input_shape": f"({', '.join(['n', *map(str, experiment.input_shape)])})",
        "image_size": f"{height} × {width}",
        "colours": channels > 1,
        "levels": "red, green and blue levels" if channels > 1 else "grey levels",
        "class_count": experiment.classes,
        "images_shape": f"({', '.join(['n', *map(str, pixels_shape(experiment.image_shape))])})",
        "hog": hog_call(features, experiment.image_shape) if isinstance(features, HogFeatures) else "",
        "classes": (("Column", "Class"), *((str(n), name) for n, name in enumerate(evidence.class_names))),
        "files": (("File", "Size", "SHA-256"), *files),
        "weights": _weight_table(experiment) if set(formats) & {"keras", "h5"} or arrays else (),
        "numbered": [WEIGHT_FORMATS[name].file for name in ("h5", "keras") if name in formats],
        "arrays": arrays,
        "programs": [{"name": form.file, **vars(example_program(form, experiment))} for form in chosen],
    }


def _members(evidence: Evidence) -> list[tuple[str, str]]:
    """Return the members of an ensemble with their accuracies, below headings; empty for one network."""
    rows = [(member.run, percent(member.accuracy)) for member in members_of(evidence.folder)]
    return [("Member", "Test accuracy"), *rows] if rows else []


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
    data, test, origin = evidence.document["dataset"] or {}, evidence.test, evidence.folder.origin
    source, digest = _source(evidence.folder)
    made = f"the run's {source}, SHA-256 {digest}"
    counts = counts_of(evidence.experiment, origin)
    images = f"{data.get('title') or data.get('name')}, {counted(data['train'], 'image')}" if data else DASH
    return [
        ("Fact", "Value"),  # the headings
        ("Run", evidence.folder.id),
        ("Preset", f"{evidence.preset.name}{f', changed: {evidence.changes}' if evidence.changes else ''}"),
        ("Parameters", count(counts.total if counts is not None else None)),
        *([("Trained on", images)] if origin is None else []),
        ("Tested on", counted(data["test"], "image") if data and test else DASH),
        ("Test accuracy", percent(test.get("accuracy"))),
        ("Test loss (cross-entropy)", loss(test["loss"]) if test else DASH),
        ("Macro F1", percent(test.get("macro_f1"))),
        ("Made from", made if origin is None else origin.words),
    ]


def _training_facts(evidence: Evidence) -> list[tuple[str, str]]:
    experiment, data = evidence.experiment, evidence.document["dataset"] or {}
    optimizer, values = experiment.optimizer, evidence.summary.values
    arguments = (
        f"{name} {markdown.value_in_words(getattr(optimizer, name))}"
        for name in type(optimizer).model_fields
        if name != "name" and getattr(optimizer, name) is not None
    )
    weights_of = evidence.results.get("weights_of_epoch")
    kept = f", weights of epoch {weights_of:g}" if weights_of is not None else ""
    validation = f"the {experiment.dataset.evaluated_images}"
    if data.get("validation"):
        own = evidence.experiment.dataset.validation == "own"
        what = "image of the dataset's own validation split" if own else "training image held out"
        several = what.replace("image", "images", 1)
        validation = counted(data["validation"], what, several)
    patience = values["patience"]
    in_epochs = [
        ("Epochs", f"{epochs_text(evidence)}{kept}"),
        ("Batch size", counted(experiment.training.batch_size if experiment.trains_in_epochs else None, "image")),
        ("Learning rate schedule", values["schedule"]),
        ("Early stopping", f"patience {patience}" if patience not in ("", "none") else "none"),
        *([("Warm-up", counted(warmup, "epoch"))] if (warmup := experiment.training.warmup) else ()),
        ("Loss", loss_name(experiment.training)),
    ]
    platform = evidence.document["platform"] or {}
    versions = {"python": platform.get("python"), **(platform.get("versions") or {})}
    facts = [
        ("Optimizer", f"{optimizer.name}: {', '.join(arguments)}"),
        *(in_epochs if experiment.trains_in_epochs else ()),
        ("Validation data", validation),
        ("Seed", str(experiment.training.seed)),
        ("Precision", experiment.training.precision),
        ("Device", str(platform.get("device_name") or platform.get("device") or DASH)),
        ("Versions", ", ".join(f"{name} {version}" for name, version in versions.items() if version) or DASH),
        ("Started", in_utc(datetime.fromtimestamp(evidence.created, UTC)) if evidence.created is not None else DASH),
    ]
    sums = [(f"Data, {part.replace('_', ' ')}", f"SHA-256 {text}") for part, text in (data.get("sha256") or {}).items()]
    return [("Setting", "Value"), *facts, *sums]


def _weight_table(experiment: Experiment) -> list[tuple[str, ...]]:
    """Return the name, the shape and Keras' own name of every weight, below the headings.

    In its files Keras names a layer after its class, with a number from the second layer of the class on: ``dense``,
    ``dense_1``. So ``dense_1`` there can be another layer than ours.
    """
    numbers, place = Counter[str](), dict[str, str]()
    for name, layer, *_ in placed_layers(experiment):
        place[name] = f"{layer.kind}_{numbers[layer.kind]}" if numbers[layer.kind] else layer.kind
        numbers[layer.kind] += 1
    rows, indices = list[tuple[str, ...]](), Counter[str]()
    for weight, shape in weight_shapes(experiment).items():
        layer = weight.partition("/")[0]
        rows.append((weight, str(shape), f"layers/{place[layer]}/vars/{indices[layer]}"))
        indices[layer] += 1
    return [("Weight", "Shape", "In Keras' files"), *rows]


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
        call = hog_call(experiment.features, experiment.image_shape)
        lines.insert(0, f"x = np.array([\n    {call}\n    for image in images\n], np.float32)")
        imports.append("from skimage.feature import hog")
        packages.append("scikit-image")
    elif form.holds != "whole model":
        lines.insert(0, f"x = {scaled_pixels(experiment.image_shape)}")
    if form.holds == "network":
        lines.append("probabilities = model.predict(x, verbose=0)")
    elif form.holds == "arrays":
        forward = _forward_lines(experiment)
        activations = {getattr(part, "activation", "") for part in walk(experiment.layers)}
        imports += ["import math"] if "gelu" in activations else []
        functions += [PLACES] if any("places(" in line for line in forward) else []
        functions += [f"def {name}(x):\n    return {body}" for name, body in ACTIVATIONS.items() if name in activations]
        functions.append(SOFTMAX)
        lines += forward
    head = "\n".join(sorted(imports, key=lambda line: (line.startswith("from"), line)))
    separator = "\n\n\n" if functions else "\n\n"
    return ExampleProgram(tuple(packages), separator.join([head, *functions, "\n".join(lines)]))


def _architecture(experiment: Experiment) -> str:
    """Return the source code of the Keras model, with the arguments that matter after training."""
    return "\n".join(network_lines(experiment, _layer))


def _layer(name: str, part: Layer) -> str:
    usual = {field for field in part.LATER if getattr(part, field) == type(part).model_fields[field].default}
    values = {**{field: getattr(part, field) for field in part.INFERENCE_FIELDS if field not in usual}, "name": name}
    texts = {field: f'"{value}"' if isinstance(value, str) else repr(value) for field, value in values.items()}
    return f"keras.layers.{class_of(part)}({', '.join(f'{field}={text}' for field, text in texts.items())})"


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
def places(x, window, step, gap, rows, columns, fill):
    \"\"\"The pixels under each place of a window as it moves over the images, padded on all sides.\"\"\"
    x = np.pad(x, ((0, 0), rows, columns, (0, 0)), constant_values=fill)
    spans = []
    for size, edge, stride, distance in zip(x.shape[1:3], window, step, gap):
        count = (size - distance * (edge - 1) - 1) // stride + 1
        starts = range(0, distance * edge, distance)
        spans.append([slice(start, start + stride * (count - 1) + 1, stride) for start in starts])
    return [x[:, down, across] for down in spans[0] for across in spans[1]]"""


def _forward_lines(experiment: Experiment) -> list[str]:
    """Return the lines of the forward pass in NumPy, which computes `probabilities`.

    The lines use `x`, the network's input, and `weights`, a dict of arrays by ``layer/weight``.
    """
    placed = placed_layers(experiment)
    later = {source for at, each in enumerate(placed) for source in each.sources if source != at - 1}
    names = [f"after_{each.name}" for each in placed] + ["after_input"]  # position -1 is the last one
    lines = [f"{names[-1]} = x"] if -1 in later else []
    for at, (name, part, inputs, _, sources) in enumerate(placed):
        taken = " + ".join("x" if source == at - 1 else names[source] for source in sources)
        lines += [f"x = {taken}"] if taken != "x" else []
        lines += FORWARD[type(part)](name, part, inputs)
        lines += [f"{names[at]} = x"] if at in later else []
    return lines


def _activated(value: str, activation: str) -> str:
    return value if activation == "linear" else f"{activation}({value})"


def _dense(name: str, layer: Dense, _: Shape) -> list[str]:
    result = "probabilities" if name == "output" else "x"
    value = _biased(f'x @ weights["{name}/kernel"]', name, layer)
    return [f"{result} = {_activated(value, layer.activation)}"]


def _biased(value: str, name: str, layer: Any) -> str:
    return f'{value} + weights["{name}/bias"]' if layer.use_bias else value


def _places(layer: Any, window: Pair, strides: Pair, inputs: Shape, fill: str) -> str:
    """Return source code that calls `places` with TensorFlow's padding: an odd pixel goes to the right and bottom."""
    gap = pair(getattr(layer, "dilation_rate", 1))
    margins = [
        _margins(*sizes) if layer.padding == "same" else (0, 0)
        for sizes in zip(inputs[:2], pair(window), pair(strides), gap, strict=True)
    ]
    return f"places(x, {pair(window)}, {pair(strides)}, {gap}, {margins[0]}, {margins[1]}, {fill})"


def _margins(edge: int, window: int, stride: int, gap: int) -> tuple[int, int]:
    span = (window - 1) * gap + 1
    both = max((windows(edge, span, stride, "same") - 1) * stride + span - edge, 0)
    return both // 2, both - both // 2


def _batch_normalised(name: str, layer: BatchNormalization, _: Shape) -> list[str]:
    mean, variance = (f'weights["{name}/{vector}"]' for vector in ("moving_mean", "moving_variance"))
    return [f"x = (x - {mean}) / np.sqrt({variance} + {layer.epsilon!r})", _scaled(name)]


def _layer_normalised(name: str, layer: LayerNormalization, _: Shape) -> list[str]:
    mean, variance = (f"x.{moment}(axis=-1, keepdims=True)" for moment in ("mean", "var"))
    return [f"x = (x - {mean}) / np.sqrt({variance} + {layer.epsilon!r})", _scaled(name)]


def _scaled(name: str) -> str:
    return f'x = x * weights["{name}/gamma"] + weights["{name}/beta"]'


def _convolved(name: str, layer: Conv2D, inputs: Shape) -> list[str]:
    pixels = _places(layer, layer.kernel_size, layer.strides, inputs, "0")
    return [
        f'kernel = weights["{name}/kernel"]',
        f"x = sum(map(np.matmul, {pixels}, kernel.reshape(-1, *kernel.shape[2:])))",
        *_with_bias_and_activation(name, layer),
    ]


def _with_bias_and_activation(name: str, layer: Any) -> list[str]:
    value = _activated(_biased("x", name, layer), layer.activation)
    return [] if value == "x" else [f"x = {value}"]


def _each_channel_convolved(weight: str, layer: DepthwiseConv2D | SeparableConv2D, inputs: Shape) -> list[str]:
    pixels = _places(layer, layer.kernel_size, layer.strides, inputs, "0")
    return [
        f'kernel = weights["{weight}"].reshape(-1, {inputs[2]}, {layer.depth_multiplier})',
        f"x = sum(part[..., np.newaxis] * place for part, place in zip({pixels}, kernel))",
        "x = x.reshape(*x.shape[:3], -1)",
    ]


def _depthwise(name: str, layer: DepthwiseConv2D, inputs: Shape) -> list[str]:
    return [*_each_channel_convolved(f"{name}/kernel", layer, inputs), *_with_bias_and_activation(name, layer)]


def _separable(name: str, layer: SeparableConv2D, inputs: Shape) -> list[str]:
    return [
        *_each_channel_convolved(f"{name}/depthwise_kernel", layer, inputs),
        f'x = x @ weights["{name}/pointwise_kernel"][0, 0]',
        *_with_bias_and_activation(name, layer),
    ]


def _pooled(_: str, layer: MaxPooling2D, inputs: Shape) -> list[str]:
    pixels = _places(layer, layer.pool_size, layer.strides or layer.pool_size, inputs, "-np.inf")
    return [f"x = np.max({pixels}, axis=0)"]


def _averaged(_: str, layer: AveragePooling2D, inputs: Shape) -> list[str]:
    pixels = _places(layer, layer.pool_size, layer.strides or layer.pool_size, inputs, "np.nan")
    return [f"x = np.nanmean({pixels}, axis=0)"]  # padding does not count


def _activation(layer: Activation) -> list[str]:
    return [] if layer.activation == "linear" else [f"x = {_activated('x', layer.activation)}"]


def _padded(_: str, layer: ZeroPadding2D, __: Shape) -> list[str]:
    rows, columns = pair(layer.padding)
    return [f"x = np.pad(x, ((0, 0), ({rows}, {rows}), ({columns}, {columns}), (0, 0)))"]


FORWARD: dict[type[Layer], Callable[[str, Any, Shape], list[str]]] = {
    Dense: _dense,
    Conv2D: _convolved,
    DepthwiseConv2D: _depthwise,
    SeparableConv2D: _separable,
    MaxPooling2D: _pooled,
    AveragePooling2D: _averaged,
    GlobalAveragePooling2D: lambda *_: ["x = x.mean(axis=(1, 2))"],
    GlobalMaxPooling2D: lambda *_: ["x = x.max(axis=(1, 2))"],
    ZeroPadding2D: _padded,
    Flatten: lambda *_: ["x = x.reshape(len(x), -1)"],
    Activation: lambda _, layer, __: _activation(layer),
    BatchNormalization: _batch_normalised,
    LayerNormalization: _layer_normalised,
    # active only during training
    Dropout: lambda *_: [],
    SpatialDropout2D: lambda *_: [],
    GaussianNoise: lambda *_: [],
    # `_forward_lines` adds the sources of a layer
    Residual: lambda *_: [],
}
"""For each layer kind, a function of the layer's name, the layer and its input's shape: the forward pass's lines."""
