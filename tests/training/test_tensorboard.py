"""A run with a log for TensorBoard: what its worker writes, and what is there after the run was extended."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from mnist_tui.runs.control import Command, write_command
from tests.training.support import experiment, new_run

pytestmark = pytest.mark.slow


def test_an_extended_run_has_each_epoch_once_and_the_last_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    from mnist_tui.training.session import Session

    monkeypatch.setitem(sys.modules, "tensorboard.compat.notf", ModuleType("notf"))
    run = new_run(tmp_path / "runs", experiment(dataset={"limit": 200}), tensorboard=str(tmp_path / "logs"))
    assert Session(run, importing=False).train() == 0
    write_command(run, Command("extend", 1))
    assert Session(run, importing=False).train() == 0
    found = EventAccumulator(str(tmp_path / "logs" / run.id), size_guidance={"histograms": 0}).Reload()
    assert [event.step for event in found.Scalars("loss/training")] == [1, 2, 3]
    recorded = [event.step for event in found.Histograms("output/weights")]  # a busy machine leaves some epochs out
    assert recorded == sorted(set(recorded))
    assert {0, 3} <= set(recorded)
    (result,) = found.Tensors("result")
    assert result.step == 3
    assert b"all 3 epochs done" in result.tensor_proto.string_val[0]
    (accuracy,) = found.Scalars("test/accuracy")
    assert accuracy.value == pytest.approx((run.results() or {})["test"]["accuracy"])
