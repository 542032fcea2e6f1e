"""Checkpoints: whole at every moment, and enough to go on as if nothing had happened."""

import json

import numpy as np
import pytest

from mnist_tui.runs.events import EpochEnded, Progress
from mnist_tui.runs.folder import RunError
from mnist_tui.training import checkpoint
from mnist_tui.training.snapshot import BestSoFar, Position, Snapshot
from tests.training.support import FLATTEN, experiment, training


def snapshot(epoch=3, step=7):
    arrays = (np.arange(6, dtype=np.float32).reshape(2, 3), np.array([1, 2], np.uint32))
    return Snapshot(
        position=Position(epoch, step, 12.5, 400, 700, 0.25),
        model=arrays, model_names=("dense_1/kernel", "seed"),
        optimizer=(np.array(5, np.int64),), optimizer_names=("iterations",),
        learning_rate=0.01, best=BestSoFar(2, 0.5, 1, arrays[:1]), best_epoch=2, best_loss=0.5,
    )  # fmt: skip


def test_what_was_saved_is_loaded(tmp_path):
    checkpoint.save(tmp_path, snapshot())
    loaded = checkpoint.load(tmp_path)
    assert loaded.position == snapshot().position
    for name in ("model", "optimizer"):
        for one, other in zip(getattr(loaded, name), getattr(snapshot(), name), strict=True):
            assert one.dtype == other.dtype
            assert np.array_equal(one, other)
    assert (loaded.best.epoch, loaded.best.value, loaded.best.waited) == (2, 0.5, 1)
    assert np.array_equal(loaded.best.weights[0], snapshot().best.weights[0])
    assert loaded.model_names == snapshot().model_names
    assert (loaded.learning_rate, loaded.best_epoch, loaded.best_loss) == (0.01, 2, 0.5)


def test_only_the_newest_stays(tmp_path):
    for epoch in (1, 2, 2):
        checkpoint.save(tmp_path, snapshot(epoch))
    assert len(list(tmp_path.iterdir())) == 2
    assert checkpoint.load(tmp_path).position.epoch == 2


def test_half_a_new_checkpoint_leaves_the_old_one_whole(tmp_path):
    checkpoint.save(tmp_path, snapshot(1))
    (tmp_path / "epoch-000002-step-00000000-beef.npz").write_bytes(b"PK half")
    assert checkpoint.load(tmp_path).position.epoch == 1


def test_nothing_pickled_is_read(tmp_path):
    checkpoint.save(tmp_path, snapshot())
    name = json.loads((tmp_path / checkpoint.POINTER).read_text())["arrays"]
    np.savez(tmp_path / name, **{"model-00000": np.array([print], dtype=object)})
    with pytest.raises(RunError, match="cannot be read"):
        checkpoint.load(tmp_path)


def test_a_folder_without_one_says_so(tmp_path):
    assert not checkpoint.exists(tmp_path)
    with pytest.raises(RunError, match="no checkpoint"):
        checkpoint.load(tmp_path)


@pytest.mark.slow
def test_training_resumed_in_mid_epoch_ends_where_it_would_have(tmp_path, monkeypatch):
    of = experiment(
        layers=[FLATTEN, {"kind": "dense", "units": 20}, {"kind": "batch_normalization"}, {"kind": "dropout"}],
        optimizer={"name": "adam", "learning_rate": 0.01},
        training={"epochs": 3, "early_stopping": {"patience": 9}, "schedule": {"kind": "cosine"}},
    )
    straight = training(of)
    expected = [moment for moment in straight.run() if isinstance(moment, EpochEnded)]

    monkeypatch.setattr("mnist_tui.training.engine.CHUNK_SECONDS", 0.0)
    broken_off = training(of)
    for moment in broken_off.run():
        if isinstance(moment, Progress) and moment.epoch == 2 and 0 < moment.step < moment.steps:
            checkpoint.save(tmp_path, broken_off.snapshot())
            break
    resumed = training(of)
    resumed.restore(checkpoint.load(tmp_path))
    assert resumed.position.epoch == 1
    assert 0 < resumed.position.step < resumed.steps
    rest = [moment for moment in resumed.run() if isinstance(moment, EpochEnded)]

    assert [row.epoch for row in rest] == [2, 3]
    for row, wanted in zip(rest, expected[1:], strict=True):
        figures = (row.loss, row.accuracy, row.val_loss, row.val_accuracy, row.learning_rate)
        wanted_figures = (wanted.loss, wanted.accuracy, wanted.val_loss, wanted.val_accuracy, wanted.learning_rate)
        assert figures == pytest.approx(wanted_figures, abs=1e-5)
    for one, other in zip(resumed.model.get_weights(), straight.model.get_weights(), strict=True):
        assert np.allclose(one, other, atol=1e-5)
    assert resumed.best_epoch == straight.best_epoch
