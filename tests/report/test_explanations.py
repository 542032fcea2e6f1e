"""The part of a report that looks inside the network: which mistakes, and the figure of their maps."""

import subprocess
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnist_tui.experiment.presets import find_preset
from mnist_tui.report.contents.explanations import worst_mistakes
from mnist_tui.report.document import write_report
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.predictions import Predictions
from tests.explainers import explain_without_tensorflow
from tests.report.furnished import furnished_run


@pytest.fixture(autouse=True)
def started(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """Networks are looked into by real processes, but without TensorFlow; those that were started."""
    return explain_without_tensorflow(monkeypatch)


def with_model(folder: RunFolder) -> RunFolder:
    with zipfile.ZipFile(folder.model_file, "w") as model:
        model.writestr("config.json", "{}")
    return folder


def written(tmp_path: Path, runs: list[RunFolder], **how: Any) -> str:
    write_report(runs, [tmp_path / "report.md"], overwrite=True, **how)
    return (tmp_path / "report.md").read_text()


def test_the_surest_mistake_of_each_frequent_confusion_is_chosen():
    labels = np.array([0, 0, 0, 1, 1, 2], np.uint8)
    probabilities = np.array(
        [[0.4, 0.6, 0], [0.1, 0.9, 0], [0.3, 0.7, 0], [0, 0.1, 0.9], [0.2, 0.8, 0], [0, 0, 1]], np.float32
    )
    wrong = np.array([0, 1, 2, 3], np.int32)
    images = np.arange(4, dtype=np.uint8)[:, None, None] * np.ones((4, 2, 2), np.uint8)
    chosen = worst_mistakes(Predictions(labels, probabilities, wrong, images), 3)
    assert [(int(pixels[0, 0]), true, predicted) for pixels, true, predicted in chosen] == [(1, 0, 1), (3, 1, 2)]


def test_a_report_of_one_network_has_maps_unless_they_are_left_out(tmp_path: Path, started: list[Any]):
    run = with_model(furnished_run(tmp_path / "runs"))
    text = written(tmp_path, [run])
    assert "## A look inside" in text.replace("###", "##")
    assert "Saliency for misclassified images" in text
    assert "Deep inside convolutional networks" in text
    assert list(tmp_path.glob("*/explanations.*"))
    assert len(started) == 1
    assert "A look inside" not in written(tmp_path, [run], without=["explanations"])
    assert len(started) == 1


def test_of_several_networks_the_maps_are_in_full_reports_and_come_from_one_process(tmp_path: Path, started: list[Any]):
    runs = [with_model(furnished_run(tmp_path / "runs", find_preset(name))) for name in ("raw", "hog")]
    assert "A look inside" not in written(tmp_path, runs)
    text = written(tmp_path, runs, full=True)
    assert "Saliency and Occlusion for misclassified images" in text
    assert len(started) == 1


def test_a_run_without_a_readable_model_has_no_such_part_and_starts_no_process(tmp_path: Path, started: list[Any]):
    assert "A look inside" not in written(tmp_path, [furnished_run(tmp_path / "runs")])
    assert not started
