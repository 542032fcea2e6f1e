"""What a run keeps of its accuracies on corrupted images, and the errors computed from them."""

from __future__ import annotations

import json

import pytest

from mnist_tui.errors import RunError
from mnist_tui.experiment.corruptions import CORRUPTIONS, VERSION
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.robustness import Robustness, RobustnessTest, missing, robustness_of, write_robustness
from tests.runs.synthetic import finished_run

RAW = Robustness(VERSION, 100, "mnist", 0.9, {"blur": (0.9, 0.8, 0.7, 0.6, 0.5), "noise": (0.8, 0.6, 0.4, 0.2, 0.0)})
CNN = Robustness(VERSION, 100, "mnist", 0.95, {"blur": (0.9,) * 5, "noise": (0.6,) * 5})


def test_errors_are_means_over_strengths_and_over_corruptions():
    assert RAW.error("blur") == pytest.approx(0.3)
    assert RAW.error("noise") == pytest.approx(0.6)
    assert RAW.mean_error() == pytest.approx(0.45)
    assert RAW.mean_error(["noise"]) == pytest.approx(0.6)
    assert RAW.mean_error(["shift", "noise"]) is None
    assert Robustness(VERSION, 100, "mnist", 0.9).mean_error() is None


def test_the_relative_error_is_the_mean_of_the_ratios_to_a_baseline():
    assert RAW.relative_error(CNN) == pytest.approx((0.3 / 0.1 + 0.6 / 0.4) / 2)
    assert RAW.relative_error(RAW) == 1
    assert RAW.relative_error(CNN, ["blur"]) == pytest.approx(3)


def test_the_relative_error_is_not_defined_without_errors_to_compare_with():
    flawless = Robustness(VERSION, 100, "mnist", 1.0, {"blur": (1.0,) * 5})
    assert RAW.relative_error(flawless) is None
    assert RAW.relative_error(CNN, ["shift"]) is None
    assert RAW.relative_error(Robustness(VERSION, 100, "fashion", 0.9, CNN.accuracies)) is None


@pytest.fixture
def folder(tmp_path) -> RunFolder:
    return finished_run(tmp_path)


def test_a_run_keeps_what_was_measured(folder):
    assert robustness_of(folder) is None
    assert missing(folder) == list(CORRUPTIONS)
    write_robustness(folder, RAW)
    assert robustness_of(folder) == RAW
    assert missing(folder, ["blur", "shift"]) == ["shift"]
    with RobustnessTest([folder], ["blur"]) as test:
        assert list(test) == [], "nothing is measured again"


@pytest.mark.parametrize(
    "change", [{"version": VERSION + 1}, {"clean": 1.5}, {"accuracies": {"blur": [0.9]}}, {"images": "many"}]
)
def test_what_does_not_hold_any_more_or_is_damaged_is_measured_anew(folder, change):
    write_robustness(folder, RAW)
    document = json.loads(folder.robustness_file.read_text())
    folder.robustness_file.write_text(json.dumps({**document, **change}))
    assert robustness_of(folder) is None


def test_a_run_without_a_model_is_refused(folder):
    with pytest.raises(RunError, match="has no model"):
        RobustnessTest([folder])
