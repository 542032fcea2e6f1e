"""Architectures and capacity as drawings: complete, inside the page, and readable."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from mnist_tui.experiment.complexity import of
from mnist_tui.experiment.preset_files import STARTERS
from mnist_tui.experiment.presets import find_preset
from mnist_tui.experiment.spec import Experiment, from_mapping
from mnist_tui.report.figures.accuracies import CapacityPoint, capacity_figure, place_labels
from mnist_tui.report.figures.diagram import diagram_figure, divide_into_rows
from mnist_tui.report.figures.drawing import PAGE, Drawing, save

CONV = {"kind": "conv2d", "filters": 64, "kernel_size": 3, "padding": "same"}
NORMALISED = {"kind": "batch_normalization"}
POOL = {"kind": "max_pooling2d"}
FLATTEN = {"kind": "flatten"}
DENSE = {"kind": "dense", "units": 512, "activation": "linear"}
EXPERIMENTS = {
    **{name: find_preset(name).experiment for name in STARTERS},
    "nothing": from_mapping({"layers": [FLATTEN]}),
    "five dense": from_mapping({"layers": [FLATTEN, *[DENSE, {"kind": "dropout"}] * 5]}),
    "deep": from_mapping(
        {"layers": [*[CONV, NORMALISED, CONV, NORMALISED, POOL] * 3, FLATTEN, DENSE, NORMALISED, {"kind": "dropout"}]}
    ),
    "blocks": from_mapping(
        {"features": {"kind": "hog", "pixels_per_cell": 1, "cells_per_block": 2}, "layers": [DENSE]}
    ),
    "one of each": from_mapping(
        {"layers": [{"kind": "conv2d", "filters": 1, "kernel_size": 28}, FLATTEN, {"kind": "dense", "units": 1}]}
    ),
}


def drawn(name: str) -> Drawing:
    experiment: Experiment = EXPERIMENTS[name]
    return diagram_figure("model-1", experiment, of(experiment))


def painted(drawing: Drawing) -> Figure:
    width, height = (length / 25.4 for length in drawing.millimetres)
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    drawing.paint(figure)
    return figure


def texts(figure: Figure) -> Iterator[Any]:
    for axes in figure.axes:
        yield from (text for text in axes.texts if text.get_text())


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_text_is_on_the_page_large_enough_and_apart_from_the_others(name: str) -> None:
    figure = painted(drawn(name))
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts(figure)]
    assert min(text.get_fontsize() for text in texts(figure)) >= 7
    whole = figure.bbox
    for said, box in boxes:
        assert whole.x0 <= box.x0 and box.x1 <= whole.x1 and whole.y0 <= box.y0 and box.y1 <= whole.y1, said
    for (one, box), (other, second) in combinations(boxes, 2):
        over = min(box.x1, second.x1) - max(box.x0, second.x0), min(box.y1, second.y1) - max(box.y0, second.y0)
        assert min(over) <= 1, (one, other)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_layer_is_in_the_picture_the_alt_text_and_the_data(name: str) -> None:
    drawing, counted = drawn(name), of(EXPERIMENTS[name])
    shown = " ".join(text.get_text() for text in texts(painted(drawing))).replace("_ ", "_")
    for layer in counted.layers:
        assert layer.name in shown
        assert layer.name in drawing.alt
    assert [row[0] for row in drawing.data.rows] == [layer.name for layer in counted.layers]
    assert sum(row[-1] for row in drawing.data.rows) == counted.total  # type: ignore[misc]
    assert drawing.millimetres[0] == PAGE
    assert drawing.millimetres[1] < 230


def test_a_very_deep_network_leaves_out_its_middle_and_says_so() -> None:
    experiment = from_mapping({"layers": [FLATTEN, *[DENSE] * 60]})
    drawing = diagram_figure("model-1", experiment, of(experiment))
    assert "37 layers more" in drawing.alt
    assert "left out" in drawing.caption
    assert drawing.millimetres[1] < 230


def test_the_same_model_is_the_same_bytes(tmp_path: Path) -> None:
    (one,) = save(drawn("cnn"), tmp_path / "one", ["svg"])
    (two,) = save(drawn("cnn"), tmp_path / "two", ["svg"])
    assert one.read_bytes() == two.read_bytes()


def test_rows_are_as_few_as_can_be_and_about_equal() -> None:
    assert divide_into_rows([50, 50, 50], 160) == [[0, 1, 2]]
    assert [len(row) for row in divide_into_rows([30] * 6, 160)] == [3, 3]
    assert divide_into_rows([200, 10], 160) == [[0], [1]]


def test_labels_meet_neither_each_other_nor_a_point() -> None:
    spots = [(20.0 + 3 * (at % 4), 10.0 + 2.5 * at) for at in range(16)]
    boxes = place_labels(spots, [22.0] * len(spots), 2.8, Bbox.from_bounds(0, 0, 140, 66))
    assert not [pair for pair in combinations(boxes, 2) if pair[0].fully_overlaps(pair[1])]
    points = [Bbox.from_extents(x - 1, y - 1, x + 1, y + 1) for x, y in spots]
    assert not [(box, point) for box in boxes for point in points if box.fully_overlaps(point)]
    assert all(box.xmin >= 0 and box.ymin >= 0 and box.xmax <= 140 and box.ymax <= 66 for box in boxes)


def test_capacity_names_every_model_on_a_logarithmic_axis() -> None:
    points = [
        CapacityPoint("raw $x_1$", 198_760, 0.9762, (0.973, 0.979)),
        CapacityPoint("hog", 80_610, 0.9841),
        CapacityPoint("cnn", 7_465, 0.9871, convolutional=True),
    ]
    drawing = capacity_figure("capacity", points)
    (axes,) = painted(drawing).axes
    assert axes.get_xscale() == "log"
    assert [text.get_text() for text in axes.texts] == ["raw $x_1$", "hog", "cnn"]
    assert [row[:3] for row in drawing.data.rows] == [(p.label, p.parameters, p.accuracy) for p in points]
    assert "cnn: 7,465 parameters, 98.71 %" in drawing.alt


@pytest.mark.parametrize(
    "points", [[], [CapacityPoint("raw", 198_760, 0.1)], [CapacityPoint("a", 1, 0.0), CapacityPoint("a", 10**11, 1.0)]]
)
def test_few_and_far_points_are_drawn(points: list[CapacityPoint], tmp_path: Path) -> None:
    (path,) = save(capacity_figure("capacity", points), tmp_path, ["svg"])
    assert path.stat().st_size > 0
