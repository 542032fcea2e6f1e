"""The log for TensorBoard, read back by TensorBoard's own reader."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mnist_tui.files import write_json
from mnist_tui.report import export as exports
from mnist_tui.runs.event_log import EventLog, EventTail
from mnist_tui.runs.events import Distribution, Ended, EpochEnded, LayerWeights, Resumed, WeightsSeen
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.records import document
from mnist_tui.runs.state import EpochRow
from mnist_tui.runs.tensorboard import TensorBoardFollower, TensorBoardLog, matrix_picture, place_of
from tests.report.recorded import recorded_run
from tests.runs.sample_events import epoch
from tests.waiting import wait_for

WEIGHTS = Distribution(low=-1.0, high=3.0, counts=(1, 2, 0, 5), mean=1.5, deviation=1.2)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return recorded_run(tmp_path / "runs")


@pytest.fixture(autouse=True)
def reader_without_tensorflow(monkeypatch: pytest.MonkeyPatch) -> None:
    """TensorBoard's reader reads files by itself where this module of its own build exists, which is much faster."""
    monkeypatch.setitem(sys.modules, "tensorboard.compat.notf", ModuleType("notf"))


def reader(place: Path) -> Any:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    everything = dict.fromkeys(("scalars", "histograms", "images", "tensors"), 0)
    return EventAccumulator(str(place), size_guidance=everything).Reload()


def steps(found: Any, tag: str = "loss/validation") -> list[tuple[int, Any]]:
    return [(event.step, pytest.approx(event.value)) for event in found.Scalars(tag)]


def figures(history: tuple[EpochRow, ...], name: str) -> list[tuple[int, Any]]:
    return [(row.epoch, value) for row in history if (value := getattr(row, name)) is not None]


def append(run: RunFolder, *events: Any) -> None:
    log = EventLog(run.events_file)
    for event in events:
        log.append(event)
    log.close()


def test_the_log_has_every_epochs_figures_the_matrices_the_texts_and_the_hyperparameters(
    run: RunFolder, tmp_path: Path
) -> None:
    append(run, WeightsSeen(epoch=3, layers=(LayerWeights(name="dense_1", weights=WEIGHTS),), time=5.0))
    (place,) = exports.export(run, ["history.tensorboard"], tmp_path / "out")
    found, history = reader(place), exports.replayed(run.events_file).history
    for tag, name in (
        ("loss/training", "loss"),
        ("loss/validation", "val_loss"),
        ("accuracy/training", "accuracy"),
        ("accuracy/validation", "val_accuracy"),
        ("learning_rate", "learning_rate"),
    ):
        assert figures(history, name) == steps(found, tag)
    assert steps(found, "test/accuracy") == [(3, 0.98)]
    histogram = found.Histograms("dense_1/weights")[0].histogram_value
    assert (histogram.min, histogram.max, histogram.num) == (-1.0, 3.0, 8)
    assert (histogram.bucket_limit, histogram.bucket) == ([-1.0, 0.0, 1.0, 2.0, 3.0], [0, 1, 2, 0, 5])
    for tag, epochs in (("confusion_matrix/validation", [1, 2, 3]), ("confusion_matrix/test", [3])):
        assert [image.step for image in found.Images(tag)] == epochs
    texts = {tag: found.Tensors(tag)[0].tensor_proto.string_val[0].decode() for tag in ("experiment", "result")}
    assert "    batch_size = 4096" in texts["experiment"]
    assert "accuracy 98.00 %" in texts["result"]


def test_the_hyperparameters_are_numbers_where_they_are_numbers(run: RunFolder, tmp_path: Path) -> None:
    from tensorboard.plugins.hparams import metadata

    TensorBoardLog(run, tmp_path / "log").close()
    contents = reader(tmp_path / "log").PluginTagToContent("hparams")
    start = metadata.parse_session_start_info_plugin_data(contents[metadata.SESSION_START_INFO_TAG])
    assert (start.group_name, start.hparams["lr"].number_value) == (run.id, 0.001)
    assert start.hparams["activation"].string_value == "tanh"
    end = metadata.parse_session_end_info_plugin_data(contents[metadata.SESSION_END_INFO_TAG])
    assert end.status == 1


def test_a_resumed_run_has_each_epoch_once_also_for_a_tensorboard_that_is_open(run: RunFolder, tmp_path: Path) -> None:
    place = tmp_path / "log"
    TensorBoardLog(run, place).close()
    opened = reader(place)
    assert [step for step, _ in steps(opened)] == [1, 2, 3]
    append(run, Resumed(from_epoch=1), epoch(2, val_loss=9.0), Ended(state="stopped", reason="asked for"))
    log = TensorBoardLog(run, place)
    append(run, epoch(3, val_loss=8.0))
    log.close()
    first = next(event for event in EventTail(run.events_file).read_all() if isinstance(event, EpochEnded))
    expected = [(1, first.val_loss), (2, 9.0), (3, 8.0)]
    assert expected == steps(reader(place))
    assert expected == steps(opened.Reload())
    assert [event.step for event in reader(place).Tensors("experiment")] == [0]


def test_the_follower_writes_what_comes_and_then_the_end(run: RunFolder, tmp_path: Path) -> None:
    place = tmp_path / "log"
    follower = TensorBoardFollower(run, place, pytest.fail)
    wait_for(lambda: list(place.glob("events*")))
    append(run, epoch(4))
    follower.close(Ended(state="finished", reason="all 4 epochs done", time=9.0))
    follower.close()
    found = reader(place)
    assert [step for step, _ in steps(found)] == [1, 2, 3, 4]
    assert [event.step for event in found.Tensors("result")] == [3, 4]


def test_a_training_goes_on_if_its_log_cannot_be_written(run: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    warnings: list[str] = []
    TensorBoardFollower(run, tmp_path / "file" / "log", warnings.append).close()
    assert warnings == [
        "the TensorBoard log cannot be written, and the training goes on without it: "
        f"Not a directory: {tmp_path / 'file' / 'log'}"
    ]


def test_the_log_lies_in_the_runs_folder_or_in_one_of_its_own_in_a_chosen_folder(run: RunFolder) -> None:
    launch = run.launch()
    assert place_of(run) is None
    for where, place in (("", run.path / "tensorboard"), ("/logs", Path("/logs") / run.id)):
        write_json(run.launch_file, document(replace(launch, tensorboard=where)))
        assert place_of(run) == place


@pytest.mark.parametrize("classes", [2, 20, 62])
def test_the_matrix_is_a_picture_with_its_darkest_cells_on_the_diagonal(classes: int) -> None:
    matrix = [[95 if row == column else 5 for column in range(classes)] for row in range(classes)]
    png, edge = matrix_picture(matrix, [f"class {n}" for n in range(classes)])
    picture = Image.open(io.BytesIO(png)).convert("L")
    assert picture.size == (edge, edge)
    cell, margin = (40, 90) if classes <= 20 else (max(4, 640 // classes), 0)
    corner = [(margin + at * cell + 1, margin + at * cell + 1) for at in range(classes)]
    levels = np.asarray(picture)
    assert max(levels[place] for place in corner) < levels[margin + 1, margin + cell + 1]
