"""The formats in which a trained network's weights can be exported.

To add a format, add an entry here and its writer in `training.export`. The command line, the export screen, the model
card and the check for missing packages read the entries.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

CARD = "MODEL.md"
"""The file of the model card, which is written beside every export of weights."""
IMAGES, PROBABILITIES = "images", "probabilities"
"""The names of input and output in formats that hold the whole model."""


@dataclass(frozen=True, slots=True)
class WeightFormat:
    """A format for exports of weights.

    Attributes:
        label: the description in a list of formats.
        file: the name of the exported file, or of the folder if the name has no ending.
        holds: ``network``: a model for Keras, whose input is scaled pixels or HOG features; ``arrays``: the same
            network's weights by name; ``whole model``: everything from uint8 images to probabilities.
        code: the lines of a Python program that load the file and, for a whole model, also predict. ``$file`` stands
            for `file`, ``$architecture`` for a `keras.Sequential` of the layers, ``$csv_arrays`` for one line for each
            weight that reads its CSV file.
        packages: the packages that this program needs.
        imports: the program's import lines.
        extra: the extra of mnist-tui that is needed to write the format; empty for none.
        writer_packages: the packages of that extra.
    """

    label: str
    file: str
    holds: Literal["network", "arrays", "whole model"]
    code: str
    packages: tuple[str, ...] = ("numpy",)
    imports: tuple[str, ...] = ("import numpy as np",)
    extra: str = ""
    writer_packages: tuple[str, ...] = ()


WEIGHT_FORMATS: dict[str, WeightFormat] = {
    "keras": WeightFormat(
        label="Keras model (.keras)",
        file="model.keras",
        holds="network",
        packages=("tensorflow", "keras"),
        imports=("import keras", "import numpy as np"),
        code='model = keras.models.load_model("$file", compile=False)',
    ),
    "h5": WeightFormat(
        label="Keras weights (.weights.h5)",
        file="model.weights.h5",
        holds="network",
        packages=("tensorflow", "keras"),
        imports=("import keras", "import numpy as np"),
        code='$architecture\nmodel.load_weights("$file")',
    ),
    "npz": WeightFormat(
        label="NumPy arrays by layer (.npz)", file="weights.npz", holds="arrays", code='weights = np.load("$file")'
    ),
    "safetensors": WeightFormat(
        label="The same arrays (.safetensors)",
        file="model.safetensors",
        holds="arrays",
        packages=("numpy", "safetensors"),
        imports=("import numpy as np", "from safetensors.numpy import load_file"),
        code='weights = load_file("$file")',
    ),
    "onnx": WeightFormat(
        label="ONNX, takes pixels (.onnx)",
        file="model.onnx",
        holds="whole model",
        packages=("onnxruntime",),
        imports=("import onnxruntime",),
        code='session = onnxruntime.InferenceSession("$file")\n'
        f'({PROBABILITIES},) = session.run(["{PROBABILITIES}"], {{"{IMAGES}": images}})',
        extra="onnx",
        writer_packages=("onnx", "tf2onnx"),
    ),
    "tflite": WeightFormat(
        label="LiteRT, takes pixels (.tflite)",
        file="model.tflite",
        holds="whole model",
        packages=("ai-edge-litert",),
        imports=("from ai_edge_litert.interpreter import Interpreter",),
        code='interpreter = Interpreter("$file")\n'
        "predict = interpreter.get_signature_runner()\n"
        f'{PROBABILITIES} = predict({IMAGES}=images)["{PROBABILITIES}"]',
    ),
    "savedmodel": WeightFormat(
        label="TensorFlow SavedModel, takes pixels (folder)",
        file="savedmodel",
        holds="whole model",
        packages=("tensorflow",),
        imports=("import tensorflow as tf",),
        code='model = tf.saved_model.load("$file")\n'
        'predict = model.signatures["serving_default"]\n'
        f'{PROBABILITIES} = predict({IMAGES}=tf.constant(images))["{PROBABILITIES}"].numpy()',
    ),
    "csv": WeightFormat(
        label="CSV, a file for each weight (folder)",
        file="weights-csv",
        holds="arrays",
        code="weights = {\n$csv_arrays\n}",
    ),
}


WHOLE_MODELS = tuple(name for name, form in WEIGHT_FORMATS.items() if form.holds == "whole model")
"""The formats that can hold an ensemble, which has no weights of its own."""


def csv_name(weight: str) -> str:
    """Return the name of a weight's file in the csv format's folder: ``dense_1.kernel.csv`` for ``dense_1/kernel``."""
    return f"{weight.replace('/', '.')}.csv"
