"""How an export of a run's weights is named: for the worker that writes it and the card that describes it."""

from __future__ import annotations

FILES = {
    "keras": "model.keras",
    "h5": "model.weights.h5",
    "npz": "weights.npz",
    "safetensors": "model.safetensors",
    "onnx": "model.onnx",
    "tflite": "model.tflite",
    "savedmodel": "savedmodel",
    "csv": "weights-csv",
}
"""The formats with what each writes into the folder; savedmodel and csv are folders."""
CARD = "MODEL.md"
"""The card beside them."""
WHOLE = ("onnx", "tflite", "savedmodel")
"""The formats that take uint8 images; the others hold the network alone, whose input is scaled or made by HOG."""
IMAGES, PROBABILITIES = "images", "probabilities"
"""What input and output of the whole formats are called."""


def csv_name(weight: str) -> str:
    """``dense_1/kernel`` → ``dense_1.kernel.csv``, a file in the csv format's folder."""
    return f"{weight.replace('/', '.')}.csv"
