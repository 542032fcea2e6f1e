"""Checkpoints: whole at every moment, and enough to go on as if nothing had happened."""

import json
from typing import Any

import numpy as np
import pytest

from mnist_tui.errors import RunError
from mnist_tui.training import checkpoint
from mnist_tui.training.checkpoint import BestSoFar, Position, TrainingSnapshot
from tests.present import present


def snapshot(epoch=3, step=7):
    arrays = (np.arange(6, dtype=np.float32).reshape(2, 3), np.array([1, 2], np.uint32))
    return TrainingSnapshot(
        position=Position(epoch, step, 12.5, 400, 700, 0.25),
        model=arrays,
        model_names=("dense_1/kernel", "seed"),
        optimizer=(np.array(5, np.int64),),
        optimizer_names=("iterations",),
        learning_rate=0.01,
        best=BestSoFar(2, 0.5, 1, arrays[:1]),
        best_epoch=2,
        best_loss=0.5,
    )


def test_what_was_saved_is_loaded(tmp_path):
    checkpoint.save(tmp_path, snapshot())
    loaded = checkpoint.load(tmp_path)
    assert loaded.position == snapshot().position
    for name in ("model", "optimizer"):
        for one, other in zip(getattr(loaded, name), getattr(snapshot(), name), strict=True):
            assert one.dtype == other.dtype
            assert np.array_equal(one, other)
    best = present(loaded.best)
    assert (best.epoch, best.value, best.waited) == (2, 0.5, 1)
    assert np.array_equal(best.weights[0], present(snapshot().best).weights[0])
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
    arrays: dict[str, Any] = {"model-00000": np.array([print], dtype=object)}
    np.savez(tmp_path / name, **arrays)
    with pytest.raises(RunError, match="cannot be read"):
        checkpoint.load(tmp_path)


def test_a_folder_without_one_says_so(tmp_path):
    assert not checkpoint.exists(tmp_path)
    with pytest.raises(RunError, match="no checkpoint"):
        checkpoint.load(tmp_path)
