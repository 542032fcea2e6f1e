"""The comparison of a device's training with plain Keras, on the bundled digits; and through the command line."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from mnist_tui.data.errors import DataError
from mnist_tui.errors import RunError
from tests.invoked import invoke

pytestmark = pytest.mark.slow

FEW_STEPS = 15
WORKER = """
import sys

from mnist_tui.training import programs, self_check, worker

self_check.STARTERS, self_check.STEPS, self_check.SPEED_SECONDS = ("hog",), {steps}, 0.1
self_check._kinds = lambda *_: ["graph"]
begin_epoch = programs.LoopProgram.begin_epoch
programs.LoopProgram.begin_epoch = lambda self, epoch, order, rate: begin_epoch(self, epoch, order, {factor} * rate)

if __name__ == "__main__":
    sys.exit(worker.main())
"""
"""A worker that checks one program of one starter with few steps, and multiplies its learning rate by a factor."""


@pytest.fixture(autouse=True)
def no_data_of_keras(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))


@pytest.fixture
def short(monkeypatch):
    from mnist_tui.training import self_check

    monkeypatch.setattr(self_check, "STEPS", FEW_STEPS)
    monkeypatch.setattr(self_check, "SPEED_SECONDS", 0.1)
    return self_check


@pytest.fixture
def cpu():
    from mnist_tui.training.device import choose

    return choose("cpu")


@pytest.fixture
def meter():
    from mnist_tui.training.machine import LoadMeter

    return LoadMeter()


@pytest.mark.parametrize("name", ["raw", "cnn"])
def test_both_programs_agree_with_plain_keras(short, cpu, meter, tmp_path, name):
    training, dataset = short.starter(name, tmp_path)
    assert dataset.sample
    expected = short.KerasLoop(training).run()
    assert len(expected.losses) == FEW_STEPS
    assert expected.losses[-1] < expected.losses[0]
    for kind in ("xla", "graph"):
        check = short.check_program(training, kind, cpu, expected, meter)
        assert check.agrees
        assert check.loss_difference < 1e-3
        assert check.accuracy == pytest.approx(expected.accuracy, abs=0.01)
        assert check.of_run == (kind == {"raw": "xla", "cnn": "graph"}[name])
        assert min(check.images_per_second, check.first_step_seconds, check.memory) > 0
        assert (check.gpu_utilization, check.gpu_power, check.without_tf32) == (None, None, None)


def test_the_reference_takes_the_steps_of_kerass_own_training(short, tmp_path):
    from mnist_tui.training import models

    training, _ = short.starter("cnn", tmp_path)
    losses = short.KerasLoop(training).run().losses
    model = models.compiled(models.build(training.experiment), models.optimizer(training.experiment))
    size = training.batch_size
    for number in range(3):
        places = training.order(0)[number * size : (number + 1) * size]
        images = training.train.features[places][..., np.newaxis] / np.float32(255)
        model.reset_metrics()
        loss, _ = model.train_on_batch(images, training.train.labels[places])
        assert losses[number] == pytest.approx(float(loss), abs=1e-5), f"step {number}"


def test_a_loss_that_is_not_finite_and_another_accuracy_disagree(short, cpu, meter, tmp_path):
    training, _ = short.starter("hog", tmp_path)
    expected = short.KerasLoop(training).run()
    unlike = replace(expected, losses=(math.nan, *expected.losses[1:]))
    check = short.check_program(training, "graph", cpu, unlike, meter)
    assert (check.agrees, check.loss_difference) == (False, None)
    check = short.check_program(training, "graph", cpu, replace(expected, accuracy=expected.accuracy - 0.02), meter)
    assert not check.agrees
    assert check.loss_difference < 1e-3


def test_a_difference_is_measured_once_more_without_tensorfloat_32(short, cpu, meter, monkeypatch):
    from mnist_tui.training.backend import tf

    enabled = tf.config.experimental.tensor_float_32_execution_enabled
    first = short.ProgramCheck("xla", True, False, 0.004, None, 0.9, 1e6, 1.0, 10**9, 90.0, 400.0)
    seen = []

    def compared(*_):
        seen.append(enabled())
        return first if enabled() else replace(first, agrees=True, loss_difference=3e-7)

    monkeypatch.setattr(short, "_compared", compared)
    monkeypatch.setattr(short.device, "tf32", lambda _: enabled())
    check = short.check_program(None, "xla", cpu, None, meter)
    assert seen == [True, False]
    assert enabled()
    assert check == replace(first, agrees=True, without_tf32=3e-7)


def test_the_data_on_this_machine_are_used_and_damaged_ones_refused(short, tmp_path, real_data):
    training, dataset = short.starter("fashion", real_data)
    assert (dataset.name, dataset.sample) == ("fashion-mnist", False)
    assert (len(training.train.labels), len(training.test.labels), training.batch_size) == (10_000, 2_000, 512)
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist" / "mnist.npz").write_bytes(b"no archive")
    with pytest.raises(RunError, match=r"mnist\.npz") as refused:
        short.starter("raw", tmp_path)
    assert not isinstance(refused.value, DataError)


@pytest.mark.parametrize(("factor", "code"), [(1, 0), (1.5, 1)])
def test_the_command_exits_1_if_a_program_trains_with_another_learning_rate(tmp_path, monkeypatch, factor, code):
    (tmp_path / "short_worker.py").write_text(WORKER.format(steps=FEW_STEPS, factor=factor))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr("mnist_tui.runs.worker_jobs.WORKER", "short_worker")
    result = invoke(["doctor", "--train", "--device", "cpu", "--data-dir", str(tmp_path), "--json"])
    assert result.exit_code == code, result.output
    assert f"hog: {FEW_STEPS} steps of plain Keras on the CPU …" in result.stderr
    doc = json.loads(result.stdout)
    assert doc["agrees"] is (code == 0)
    assert bool(doc["findings"]) is bool(code)
    (starter,) = doc["starters"]
    assert (starter["preset"], starter["sample"]) == ("hog", True)
    (program,) = starter["programs"]
    assert program["agrees"] is (code == 0)
    assert (program["loss_difference"] > doc["tolerances"]["loss"]) is bool(code)


def test_a_device_that_is_not_there_exits_2():
    result = invoke(["doctor", "--train", "--device", "gpu:70"])
    assert result.exit_code == 2
    assert "there is no gpu:70 here" in result.stderr
