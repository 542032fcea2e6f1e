"""A process that answers as the explain job does, at once and without TensorFlow, with values that tests know.

A map's values are the image's levels from 0 to 1; the pixel in the upper left corner is minus a half. The network is
surest of the class 3.
"""

import base64
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from mnist_tui.runs.explanations import METHODS, checked_layer, layers_for, packed_array
from mnist_tui.runs.folder import RunFolder

READY = {"ready": True, "weights": "model", "epoch": None, "milliseconds": 1500.0}


def answer(folder: RunFolder, request: dict[str, Any]) -> dict[str, Any]:
    experiment = folder.preset().experiment
    shape, classes = experiment.image_shape[:2], experiment.classes
    image = np.frombuffer(base64.b64decode(request["image"]), np.uint8).reshape(shape)
    probabilities = np.full(classes, 0.1 / (classes - 1))
    probabilities[3] = 0.9
    label = 3 if request["class"] is None else request["class"]
    layer = checked_layer(request["method"], experiment, request["layer"])
    doc = {"method": request["method"], "class": label, "layer": layer, "probabilities": probabilities.tolist()}
    if request["method"] == "activations":
        layers = layers_for("activations", experiment)
        return {**doc, "layers": {each.name: packed_array(np.ones(each.output_shape, "f")) for each in layers}}
    if request["method"] == "nearest":
        print(json.dumps({"progress": "comparing the training images", "done": 1, "total": 2}), flush=True)
        near = [
            {"number": at + 1, "class": at % classes, "distance": at / 4, "pixels": packed_array(image)}
            for at in range(24)
        ]
        return {**doc, "layer": "dense_1", "count": 60_000, "images": near}
    values = (image / 255).astype(np.float32)
    if METHODS[request["method"]].signed:
        values[0, 0] = -0.5
    return {**doc, "map": packed_array(values)}


def main(path: str) -> None:
    folder = RunFolder(Path(path))
    if folder.model_file.exists() and folder.model_file.read_bytes() == b"broken":
        print(json.dumps({"error": f"run {folder.id} has no model"}), flush=True)
        return
    print(json.dumps(READY), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        if "run" in request:
            folder = RunFolder(Path(request["run"]))
            print(json.dumps(READY), flush=True)
        else:
            print(json.dumps(answer(folder, request)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
