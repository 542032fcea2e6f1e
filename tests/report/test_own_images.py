"""Reports and model cards of runs on other images than MNIST's: colour, not square, few or many classes."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from mnist_tui.experiment.presets import Preset
from mnist_tui.experiment.shapes import ImageShape
from mnist_tui.experiment.spec import from_mapping
from mnist_tui.report.document import write_report
from mnist_tui.report.model_card import card
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.weight_formats import WEIGHT_FORMATS
from tests.report.furnished import furnished_run

WHEN = datetime(2026, 3, 1, 13, 5, tzinfo=UTC)
FRUIT = ("apple", "kiwi", "lemon", "plum")
LETTERS = tuple(f"letter {n}" for n in range(47))
CONVOLUTION = [{"kind": "conv2d", "filters": 6}, {"kind": "max_pooling2d", "pool_size": 4}, {"kind": "flatten"}]


def own_run(folder: Path, names: tuple[str, ...], image: ImageShape) -> RunFolder:
    data = {"name": "/home/anna/own", "classes": len(names), "image": list(image)}
    experiment = from_mapping({"dataset": data, "layers": CONVOLUTION, "training": {"epochs": 3}})
    return furnished_run(folder, Preset("own", experiment, origin="run"), class_names=names, title="own")


@pytest.mark.parametrize(
    ("names", "image", "said"),
    [
        (FRUIT, (20, 14, 3), ["20 × 14 pixels, 3 channels", r"\sum_{k=1}^{4}", "3 × 3 × 3 × 6 = 162 weights"]),
        (LETTERS, (28, 28, 1), ["28 × 28 pixels, 1 channel", r"\sum_{k=1}^{47}", "3 × 3 × 1 × 6 = 54 weights"]),
    ],
    ids=["colour", "many classes"],
)
def test_a_report_in_every_format_has_the_classes_and_the_images_of_the_run(
    tmp_path: Path, names: tuple[str, ...], image: ImageShape, said: list[str]
) -> None:
    run = own_run(tmp_path / "runs", names, image)
    outputs = [tmp_path / f"report.{suffix}" for suffix in ("md", "tex", "html", "pdf", "docx")]
    assert write_report([run], outputs, title="Own", author="A. Student", timestamp=WHEN, full=True) == outputs
    text = outputs[0].read_text(encoding="utf-8")
    for words in (*said, f"{len(names)} outputs", names[-1], f"Confusion matrix of {len(names)} classes"):
        assert words in text, words
    assert "dataset.classes" not in text.partition("## Model complexity")[0]


def test_a_model_card_has_the_shapes_of_colour_images(tmp_path: Path) -> None:
    run = own_run(tmp_path / "runs", FRUIT, (20, 14, 3))
    out = tmp_path / "out"
    out.mkdir()
    for name in ("keras", "onnx"):
        (out / WEIGHT_FORMATS[name].file).write_bytes(b"weights")
    text = card(run, ["keras", "onnx"], out)
    for words in (
        "images of 20 × 14 red, green and blue levels in 4 classes",
        "uint8 of shape (n, 20, 14, 3)",
        "float32 of shape (n, 20, 14, 3)",
        "images.reshape(-1, 20, 14, 3)",
        "float32 of shape (n, 4)",
        "| 3 | plum |",
        "classes from 0 to 3",
    ):
        assert words in text, words
    assert "28" not in text.replace(run.id, "").partition("## Files")[0]
