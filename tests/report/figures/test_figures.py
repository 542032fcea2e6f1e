"""The figures of a run: their descriptions, their data, and drawings of unusual runs."""

from __future__ import annotations

import base64
import io
import math
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from mnist_tui.report.figures.accuracies import seed_figure
from mnist_tui.report.figures.classes import confusion_figure, mistake_figure
from mnist_tui.report.figures.drawing import Drawing, most_share_limits, save
from mnist_tui.report.figures.epochs import (
    HEADINGS,
    ON_TEST,
    RUN_STYLES,
    RunCurves,
    comparison_figure,
    history_figure,
    weight_figure,
)
from mnist_tui.runs.events import Distribution, LayerWeights, WeightsSeen
from mnist_tui.runs.predictions import Predictions
from mnist_tui.runs.state import EpochRow

DIGITS = tuple("0123456789")
LARGEST = 60_000


def row(epoch: int, **values: float | None) -> EpochRow:
    whole: dict[str, float | None] = {
        "loss": 1 / epoch,
        "accuracy": 1 - 0.2 / epoch,
        "val_loss": 0.9 / epoch,
        "val_accuracy": 1 - 0.19 / epoch,
        "learning_rate": 0.001,
        "seconds": 1.0,
        "images_per_second": 1000.0,
        **values,
    }
    return EpochRow(epoch=epoch, **whole)  # type: ignore[arg-type]


def epochs(count: int, **values: float | None) -> list[EpochRow]:
    return [row(epoch, **values) for epoch in range(1, count + 1)]


def spread(low: float, high: float, counts: tuple[int, ...]) -> Distribution:
    return Distribution(low=low, high=high, counts=counts, mean=(low + high) / 2, deviation=(high - low) / 4)


def svg(drawing: Drawing, folder: Path) -> bytes:
    return save(drawing, folder, ("svg",))[0].read_bytes()


def curves(
    rows: list[EpochRow], ended: str = "finished", best: int | None = None, early: bool = False, on_test: bool = False
) -> Drawing:
    return history_figure("history", rows, best=best, stopped_early=early, ended=ended, on_test=on_test)


def test_the_alt_text_and_the_caption_of_a_history_describe_its_curves() -> None:
    drawn = curves(epochs(10), best=10, early=True)

    assert "Validation accuracy rises from 81.00 % to 98.10 %" in drawn.alt
    assert "Validation loss falls from 0.9000 to 0.0900" in drawn.alt
    assert "Lowest validation loss 0.0900 after epoch 10" in drawn.alt
    assert "Stopped early after epoch 10" in drawn.alt
    assert "Early stopping ended the training after epoch 10" in drawn.caption
    assert "validation on images held out of training; lowest validation loss at epoch 10." in drawn.caption
    assert "Learning rate 0.001 throughout" in drawn.alt


def test_where_the_test_set_is_the_validation_set_the_label_and_the_caption_say_so(tmp_path: Path) -> None:
    held_out, on_test = curves(epochs(10), best=7), curves(epochs(10), best=7, on_test=True)

    assert "test images" not in held_out.caption
    assert "validation on the test images" in on_test.caption
    assert "validation on the test images; lowest validation loss at epoch 7" in on_test.caption
    assert labels(on_test) == ["training, mean over the epoch", ON_TEST]
    assert labels(held_out) == ["training, mean over the epoch", "validation"]


def labels(drawing: Drawing) -> list[str]:
    """The texts of a figure's legend."""
    figure = Figure()
    drawing.paint(figure)
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_the_curves_of_runs_lie_over_each_other_each_with_its_own_colour_and_dashes(tmp_path: Path) -> None:
    runs = [RunCurves("1 raw", tuple(epochs(5)), "MNIST"), RunCurves("2 hog", tuple(epochs(3, val_loss=None)), "MNIST")]

    drawn = comparison_figure("curves", runs, images="on the test images")

    assert drawn.caption == "Accuracy and loss of 2 runs after each epoch, on the test images."
    assert "1 raw: 96.20 % and 0.1800 after epoch 5; 2 hog: 93.67 % and not finite after epoch 3" in drawn.alt
    assert [line[:2] for line in drawn.data.rows] == [
        *(("1 raw", n) for n in range(1, 6)),
        *(("2 hog", n) for n in (1, 2, 3)),
    ]
    assert labels(drawn) == ["1 raw", "2 hog"]
    looks = [(style["color"], str(style["linestyle"]), style["marker"]) for style in RUN_STYLES]
    assert all(len(set(kinds)) == len(RUN_STYLES) for kinds in zip(*looks, strict=True))
    assert svg(drawn, tmp_path)


def test_a_history_has_a_panel_for_a_learning_rate_that_changes() -> None:
    constant, changing = curves(epochs(5)), curves([replace(one, learning_rate=0.1**one.epoch) for one in epochs(5)])

    assert changing.millimetres[1] > constant.millimetres[1]
    assert "Learning rate from 0.1 to 1e-05" in changing.alt


def test_the_loss_axis_is_logarithmic_from_one_decade_on() -> None:
    assert "logarithmic" not in curves(epochs(8)).caption
    assert "logarithmic" in curves(epochs(12)).caption


def test_an_axis_of_accuracies_is_for_most_epochs_and_the_caption_says_so() -> None:
    rows = [row(1, accuracy=0.3, val_accuracy=0.6), *(row(n, accuracy=0.96, val_accuracy=0.97) for n in range(2, 21))]
    assert "Accuracies below 95 % are not drawn." in curves(rows).caption
    assert "not drawn" not in curves(rows[1:]).caption
    low, high = most_share_limits([one.val_accuracy or 0 for one in rows])
    assert 0.95 < low < 0.97 < high < 1


def test_runs_on_different_data_are_drawn_in_rows_of_their_own() -> None:
    on = ("MNIST", "MNIST", "Fashion-MNIST")
    one, two = (
        [RunCurves(f"{at} raw", tuple(epochs(5)), data) for at, data in enumerate(titles)] for titles in (on[:2], on)
    )
    same, different = (comparison_figure("curves", runs, images="on the test images") for runs in (one, two))
    assert "One row for each dataset." in different.caption and "One row" not in same.caption
    assert [len(panels(drawing)) for drawing in (same, different)] == [2, 4]
    assert labels(different) == ["0 raw", "1 raw", "2 raw"]


def panels(drawing: Drawing) -> list[Axes]:
    figure = Figure()
    drawing.paint(figure)
    return figure.axes


def test_a_history_keeps_every_epoch_in_its_data_and_none_as_none() -> None:
    drawn = curves([row(1), row(2, loss=None)])

    loss = drawn.data.headings.index("training loss (mean over the epoch)")
    assert [line[0] for line in drawn.data.rows] == [1, 2]
    assert [line[loss] for line in drawn.data.rows] == [1.0, None]
    assert set(HEADINGS) == {entry.name for entry in fields(EpochRow)}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "No epoch ended"),
        (epochs(1), "Validation loss is 0.9000"),
        (epochs(3, loss=None, val_loss=None), "Training loss was never finite"),
        ([row(1), row(2, loss=None), row(3)], "not finite in 1 epoch"),
        ([row(1), row(2, val_loss=1e9), row(3, loss=1e30)], "1.000e+30"),
        ([row(1, val_loss=0.0), row(2, loss=0.0)], "Learning rate 0.001"),
        (epochs(12, plain_loss=0.5, plain_accuracy=0.9), "Learning rate 0.001"),
        ([row(1), row(2, val_loss=1.7e308), row(3, loss=-1.7e308)], "Training loss falls from 1.0000"),
        ([row(1, val_loss=5e-324, loss=5e-324, learning_rate=5e-324), row(2, learning_rate=1e-320)], "Learning rate"),
    ],
    ids=["none", "one", "all diverged", "gap", "huge", "zero", "plain", "largest", "denormal"],
)
def test_any_history_is_drawn_and_described(rows: list[EpochRow], said: str, tmp_path: Path) -> None:
    drawn = curves(rows, ended="diverged")

    assert said in drawn.alt
    assert svg(drawn, tmp_path)


def test_a_long_history_stays_a_small_file(tmp_path: Path) -> None:
    rows = [row(epoch, loss=1 / epoch + 0.01 * math.sin(37 * epoch) ** 2) for epoch in range(1, 10_001)]

    assert len(svg(curves(rows), tmp_path)) < LARGEST


def test_a_confusion_matrix_tells_its_accuracy_and_its_worst_confusions(tmp_path: Path) -> None:
    matrix = [[0] * 10 for _ in range(10)]
    for digit in range(10):
        matrix[digit][digit] = 95
    matrix[4][9], matrix[3][5] = 31, 7

    drawn = confusion_figure("matrix", matrix, DIGITS, "test images")

    assert "950 of 988 right, 96.15 %" in drawn.caption
    assert "4 read as 9: 31 of 126, 24.6 %; 3 read as 5: 7 of 102, 6.9 %" in drawn.alt
    assert drawn.data.rows[4] == ("4", *matrix[4], 126, 95 / 126, 1.0, pytest.approx(190 / 221))
    assert drawn.millimetres[0] <= 160
    assert svg(drawn, tmp_path)


def test_a_matrix_of_long_names_fits_the_page_and_an_empty_one_says_so(tmp_path: Path) -> None:
    names = [f"a class with a long name, number {digit}" for digit in range(10)]
    long = confusion_figure("long", np.eye(10, dtype=int).tolist(), names, "test images")
    empty = confusion_figure("empty", [[0] * 10] * 10, DIGITS, "test images")

    assert long.millimetres[0] <= 160.001
    assert "No image was counted" in empty.alt
    assert svg(long, tmp_path) and svg(empty, tmp_path)


def mistakes(*confused: tuple[int, int, float], shape: tuple[int, ...] = (28, 28)) -> Predictions:
    """Predictions for 100 images of each class, right except those given: true class, predicted class, probability."""
    labels = np.repeat(np.arange(10, dtype=np.uint8), 100)
    probabilities = np.eye(10, dtype=np.float32)[labels]
    places = np.array([100 * true + number for number, (true, _, _) in enumerate(confused)], np.int32)
    for place, (_, predicted, probability) in zip(places, confused, strict=True):
        probabilities[place] = (1 - probability) / 9
        probabilities[place, predicted] = probability
    return Predictions(labels, probabilities, places, np.full((len(places), *shape), 90, np.uint8))


def test_mistakes_are_grouped_by_confusion_with_the_surest_first(tmp_path: Path) -> None:
    drawn = mistake_figure(
        "mistakes", mistakes((4, 9, 0.5), (4, 9, 0.99), (7, 2, 0.7), (4, 9, 0.6)), DIGITS, 2, strokes=True
    )

    assert "4 read as 9: 3 of 100, 3.0 %; 7 read as 2: 1 of 100, 1.0 %" in drawn.alt
    assert "probability of 99 %" in drawn.alt
    assert drawn.data.rows == (("4", "9", 3, 100), ("7", "2", 1, 100))
    assert svg(drawn, tmp_path)


@pytest.mark.parametrize(
    ("shape", "strokes", "height"),
    [((28, 28), True, 12.0), ((20, 14, 3), False, 12.0), ((64, 64), False, 12.0), ((4, 64, 3), False, 0.75)],
)
def test_mistakes_of_any_size_keep_their_proportions_and_photographs_their_brightness(
    tmp_path: Path, shape: tuple[int, ...], strokes: bool, height: float
) -> None:
    found = mistakes(*[(4, 9, 0.5)] * 5, shape=shape)
    drawn = mistake_figure("mistakes", found, DIGITS, 2, strokes=strokes)

    assert drawn.millimetres[0] <= 160.001
    text = svg(drawn, tmp_path).decode()
    strip = np.asarray(Image.open(io.BytesIO(base64.b64decode(text.split("base64,")[1].split('"')[0]))).convert("L"))
    rows, columns = strip.shape
    assert columns / rows == pytest.approx(5 * pitch(shape) / height, rel=0.05)
    assert (strip[rows // 2, 1] < 128) is np.bool_(not strokes), "ink on paper, or as bright as it is"
    assert strip[rows // 2, -2] > 250, "between pictures there is paper"


def pitch(shape: tuple[int, ...]) -> float:
    """The distance between pictures in millimetres: a seventh more than the longer edge or 9 mm, whole pixels."""
    longest = max(shape[:2])
    return 12 / longest * max(shape[1] + math.ceil(longest * 6 / 28), math.ceil(0.75 * longest))


def test_no_mistake_is_a_figure_too(tmp_path: Path) -> None:
    drawn = mistake_figure("mistakes", mistakes(), DIGITS, 2, strokes=True)

    assert drawn.alt == "No image was misclassified, so there is none to show."
    assert svg(drawn, tmp_path)


def test_a_quantile_of_a_histogram_is_that_of_the_values_within_a_bin() -> None:
    values = np.random.default_rng(5).normal(size=20_000)
    counts, edges = np.histogram(values, 32)
    told = spread(float(edges[0]), float(edges[-1]), tuple(counts.tolist()))

    for share in (0.05, 0.25, 0.5, 0.75, 0.95):
        assert told.quantile(share) == pytest.approx(np.quantile(values, share), abs=(edges[1] - edges[0]) / 4)
    assert (told.quantile(0.0), told.quantile(1.0)) == pytest.approx((told.low, told.high))


def test_quantiles_of_equal_values_are_that_value() -> None:
    assert spread(0.0, 0.0, (0, 0, 9, 0)).quantile(0.5) == 0


def test_weights_are_drawn_layer_by_layer_and_a_layer_without_biases_says_so(tmp_path: Path) -> None:
    def seen(epoch: int) -> WeightsSeen:
        whole = spread(-1.0, 1.0, (10,) * 20)
        return WeightsSeen(
            epoch=epoch,
            layers=(
                LayerWeights(name="dense_1", weights=whole, biases=whole, dead=0.25),
                LayerWeights(name="output", weights=whole),
            ),
        )

    one, several = (weight_figure("weights", [seen(epoch) for epoch in range(last + 1)]) for last in (0, 5))

    assert "After epoch 5, 90 % of the values: dense_1 weights -0.9 to 0.9" in several.alt
    assert "output biases" not in several.alt
    assert len(several.data.rows) == 6 * 3
    assert svg(one, tmp_path) and svg(several, tmp_path)
    assert "Nothing was recorded" in weight_figure("weights", []).alt


def test_a_deep_network_fits_a_page(tmp_path: Path) -> None:
    whole = spread(-1.0, 1.0, (10,) * 20)
    layers = tuple(LayerWeights(name=f"dense_{number}", weights=whole, biases=whole) for number in range(1, 31))

    drawn = weight_figure("weights", [WeightsSeen(epoch=0, layers=layers)])

    assert drawn.millimetres[1] <= 230
    assert "18 layers in the middle are left out" in drawn.caption
    assert len(drawn.data.rows) == 60


def test_seeds_tell_their_mean_and_the_deviation_of_the_sample(tmp_path: Path) -> None:
    drawn = seed_figure("seeds", [(3, 0.98, 0.07), (1, 0.97, 0.08), (2, 0.99, None)], ("test loss",))

    assert "mean 98.00 %, standard deviation 1.00 percentage points (of the sample, n = 3)" in drawn.caption
    assert "Lowest 97.00 % (seed 1), highest 99.00 % (seed 2)" in drawn.alt
    assert drawn.data.rows == ((1, 0.97, 0.08), (2, 0.99, None), (3, 0.98, 0.07))
    assert svg(drawn, tmp_path)


def test_one_seed_has_no_deviation_and_none_has_no_figure(tmp_path: Path) -> None:
    one, none = seed_figure("seeds", [(1, 0.97)]), seed_figure("none", [(1, None)])

    assert "deviation" not in one.caption
    assert "No seed has an accuracy" in none.alt
    assert svg(one, tmp_path) and svg(none, tmp_path)
