"""For each format of weights a short program that loads it and predicts, with nothing of this project.

Every one takes `images`, uint8 ``(n, 28, 28)``, and leaves `probabilities`, ``(n, 10)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mnist_tui.experiment.complexity import named_parts, weight_shapes
from mnist_tui.experiment.layers import LAYER_KINDS, ExperimentPart
from mnist_tui.experiment.shapes import CLASSES
from mnist_tui.experiment.spec import Experiment, HogFeatures
from mnist_tui.report.card import numpy_code
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
    imports, packages, body = _program_parts(name, experiment)
    blocks: list[str] = []
    if name in ("npz", "safetensors", "csv"):
        imports = [*numpy_code.imports(experiment), *imports]
        blocks += numpy_code.functions(experiment)
    if uses_hog:
        imports.append("from skimage.feature import hog")
        packages.append("scikit-image")
    steps = [*([] if name in WHOLE else network_input(experiment)), *body]
    head = "\n".join(_sorted(imports))
    functions = "".join(f"{block}\n\n\n" for block in blocks)
    gap = "\n\n\n" if blocks else "\n\n"
    return ExampleProgram(tuple(packages), f"{head}{gap}{functions}" + "\n".join(steps))


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
    forward = numpy_code.forward(experiment)
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
