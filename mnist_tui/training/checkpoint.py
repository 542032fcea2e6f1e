"""A run's checkpoint: its values, its files, and the thread that writes it during the training.

`checkpoint/checkpoint.json` holds everything but the arrays, and names the npz file beside it that holds the arrays.
The JSON file is replaced only when the npz file is complete and on the disk; older arrays are deleted afterwards. Only
numpy and JSON are used: nothing is pickled, and TensorFlow is not needed.
"""

from __future__ import annotations

import json
import secrets
import sys
import time
import traceback
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mnist_tui.errors import RunError
from mnist_tui.files import TEMPORARY, discard, read_arrays, read_json, replacing, sync
from mnist_tui.runs.events import CheckpointSaved, Warned
from mnist_tui.runs.folder import POINTER, RunFolder
from mnist_tui.runs.state import LIVE
from mnist_tui.training.reporter import Reporter

Arrays = tuple[NDArray[Any], ...]


@dataclass(frozen=True)
class Position:
    """The position of a training: complete epochs, and steps of the next epoch with sums over their images.

    Attributes:
        loss: the sum of these images' losses.
        correct: the number of correctly classified images.
        seconds: the time since the epoch began, without pauses.
    """

    epoch: int = 0
    step: int = 0
    loss: float = 0.0
    correct: int = 0
    images: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class BestSoFar:
    """The best epoch so far (from 1), its monitored value, and the number of epochs since, for early stopping.

    Attributes:
        weights: the model's weights in order; empty if they are not to be restored.
    """

    epoch: int
    value: float
    waited: int = 0
    weights: Arrays = ()


@dataclass(frozen=True)
class PlateauState:
    """The state of a schedule that lowers the learning rate on a plateau of the validation loss.

    Attributes:
        rate: the learning rate of the next epoch.
        best: the lowest validation loss so far; None before the first epoch that counts.
        waited: the epochs since then.
        cooldown: how many of the next epochs are not counted.
    """

    rate: float
    best: float | None = None
    waited: int = 0
    cooldown: int = 0


@dataclass(frozen=True)
class Spent:
    """The seconds of all sessions up to a snapshot: in training without pauses, and in total."""

    train: float = 0.0
    total: float = 0.0


@dataclass(frozen=True)
class TrainingSnapshot:
    """All values that are needed to continue a training as if it had never stopped.

    The order of the images and the learning rates of later epochs follow from the experiment and `plateau` alone.

    Attributes:
        model, optimizer: every variable, with the states of seeds, in Keras' order.
        learning_rate: the rate of the epoch in progress, else of the epoch before.
        planned: the number of epochs that were planned when the epoch in progress began; 0 if that is not known.
        best: None without early stopping or before the first epoch's end.
        plateau: the state of the schedule `plateau`; None for other schedules.
        best_epoch, best_loss: the epoch with the lowest validation loss so far, and that loss; 0 and None at first.
        spent: the seconds up to this snapshot.
    """

    position: Position
    model: Arrays
    model_names: tuple[str, ...]
    optimizer: Arrays
    optimizer_names: tuple[str, ...]
    learning_rate: float
    planned: int = 0
    plateau: PlateauState | None = None
    best: BestSoFar | None = None
    best_epoch: int = 0
    best_loss: float | None = None
    spent: Spent = Spent()


FORMAT = 1


def save(folder: Path, snapshot: TrainingSnapshot) -> None:
    """Write a snapshot as the folder's checkpoint; it is on the disk when this function returns.

    Raises:
        OSError: the checkpoint cannot be written; the one before it is still complete.
    """
    folder.mkdir(exist_ok=True)
    position, best = snapshot.position, snapshot.best
    name = f"epoch-{position.epoch:06d}-step-{position.step:08d}-{secrets.token_hex(4)}.npz"
    kinds = {"model": snapshot.model, "optimizer": snapshot.optimizer, "best": best.weights if best else ()}
    arrays = {f"{kind}-{number:05d}": array for kind, each in kinds.items() for number, array in enumerate(each)}
    with replacing(folder / name) as temporary:
        np.savez(temporary, allow_pickle=False, **arrays)
        sync(temporary)
    sync(folder)
    document = {
        "format": FORMAT,
        "arrays": name,
        "position": asdict(position),
        "learning_rate": snapshot.learning_rate,
        "planned": snapshot.planned,
        "plateau": snapshot.plateau and asdict(snapshot.plateau),
        "model": list(snapshot.model_names),
        "optimizer": list(snapshot.optimizer_names),
        "best": best and {"epoch": best.epoch, "value": best.value, "waited": best.waited},
        "best_epoch": snapshot.best_epoch,
        "best_loss": snapshot.best_loss,
        "spent": asdict(snapshot.spent),
    }
    with replacing(folder / POINTER) as temporary:
        temporary.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        sync(temporary)
    sync(folder)
    for old in (*folder.glob("epoch-*.npz"), *folder.glob(f"{TEMPORARY}*")):
        if old.name != name:
            discard(old)


def exists(folder: Path) -> bool:
    """Return whether the folder holds a checkpoint."""
    return (folder / POINTER).is_file()


def load(folder: Path) -> TrainingSnapshot:
    """Read the folder's checkpoint.

    Raises:
        RunError: the folder has no checkpoint, or it cannot be read.
    """
    if not exists(folder):
        raise RunError(f"there is no checkpoint in {folder}")
    try:
        document = read_json(folder / POINTER)
        if document["format"] != FORMAT:
            raise RunError(f"{folder / POINTER} is of format {document['format']}; this version reads {FORMAT}")
        arrays = read_arrays(folder / Path(document["arrays"]).name)
        return _snapshot(document, arrays)
    except RunError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(f"the checkpoint in {folder} cannot be read: {error}") from None


def load_of_live_run(folder: Path) -> TrainingSnapshot:
    """Read the folder's checkpoint as `load` does, but try again for half a second: a worker may be replacing it."""
    for _ in range(4):
        try:
            return load(folder)
        except RunError:
            time.sleep(0.1)
    return load(folder)


WeightsSource = Literal["model", "checkpoint"]


def newest_weights(folder: RunFolder) -> WeightsSource:
    """Return the source of a run's newest weights: the model file if the run has ended well, else the checkpoint.

    Raises:
        RunError: the run has saved no weights.
    """
    state, in_checkpoint = folder.state(), exists(folder.checkpoint)
    if folder.model_file.exists() and (state in ("finished", "stopped", "diverged") or not in_checkpoint):
        return "model"
    if in_checkpoint:
        return "checkpoint"
    if state in LIVE:
        raise RunError(f"run {folder.id} is {state} and has saved nothing yet; it does after an epoch")
    raise RunError(f"run {folder.id} has no model: it is {state} and left no checkpoint")


def _snapshot(document: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> TrainingSnapshot:
    model, optimizer, best_weights = (
        tuple(arrays[name] for name in sorted(arrays) if name.startswith(f"{kind}-"))
        for kind in ("model", "optimizer", "best")
    )
    best, plateau = document["best"], document.get("plateau")
    return TrainingSnapshot(
        position=Position(**document["position"]),
        model=model,
        model_names=tuple(document["model"]),
        optimizer=optimizer,
        optimizer_names=tuple(document["optimizer"]),
        learning_rate=document["learning_rate"],
        planned=document.get("planned", 0),
        plateau=None if plateau is None else PlateauState(**plateau),
        best=None if best is None else BestSoFar(**best, weights=best_weights),
        best_epoch=document["best_epoch"],
        best_loss=document["best_loss"],
        spent=Spent(**document.get("spent", {})),
    )


LEAST_SECONDS, MOST_SHARE = 5.0, 0.03
"""The least time between two checkpoints that nobody requested, and their largest share of the training's time."""


class CheckpointWriter:
    """A thread that writes one run's checkpoints; errors become warnings, because a full disk must not end a training.

    Args:
        folder: the run's folder, whose lock the caller holds.
        reporter: reports each complete checkpoint, and errors.
        new_snapshot: returns a snapshot, or None for nothing to save; called in the caller's thread.
    """

    def __init__(
        self,
        folder: RunFolder,
        reporter: Reporter,
        new_snapshot: Callable[[], TrainingSnapshot | None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder, self._reporter, self._new_snapshot, self._clock = folder, reporter, new_snapshot, clock
        self._executor = ThreadPoolExecutor(1, "checkpoint")
        self._written: Future[str] | None = None
        self._requested = False
        self._problem = ""
        self._seconds_to_take = self._seconds_to_write = 0.0
        self._last = clock()

    @property
    def seconds(self) -> float:
        """The least seconds between two checkpoints that nobody requested, from the cost of the last one."""
        return max(LEAST_SECONDS, (self._seconds_to_take + self._seconds_to_write) / MOST_SHARE)

    def save_if_due(self) -> None:
        """Start writing a checkpoint if the last one is written and old enough."""
        is_busy = self._written is not None and not self._written.done()
        if self._clock() - self._last >= self.seconds and not is_busy:
            self._start_writing()

    def save(self) -> str:
        """Write a checkpoint and wait until it is written; return the reason for a failure, which is also reported."""
        self._requested = True
        self._start_writing()
        problem = self._written.result() if self._written else ""
        self._requested = False
        if problem:
            self._warn(f"the checkpoint that was asked for could not be written ({problem})")
        return problem

    def close(self) -> None:
        """Finish the checkpoint that is being written, and write no more."""
        self._executor.shutdown()

    def _start_writing(self) -> None:
        began = time.perf_counter()
        snapshot = self._new_snapshot()
        self._seconds_to_take = time.perf_counter() - began
        self._last = self._clock()
        if snapshot is not None:
            self._written = self._executor.submit(self._write_or_warn, snapshot)

    def _write_or_warn(self, snapshot: TrainingSnapshot) -> str:
        problem = self._write(snapshot)
        if problem and problem != self._problem and not self._requested:
            kept = "the one before is still there" if exists(self._folder.checkpoint) else "there is none"
            self._warn(f"a checkpoint could not be written ({problem}); {kept}, and training goes on")
        self._problem = problem
        return problem

    def _write(self, snapshot: TrainingSnapshot) -> str:
        began, position = time.thread_time(), snapshot.position
        try:
            # a checkpoint must never be newer on the disk than the epochs that led to it
            for path in (self._folder.events_file, self._folder.predicted_file):
                if path.exists():
                    sync(path)
            save(self._folder.checkpoint, snapshot)
            self._reporter.emit(CheckpointSaved(epoch=position.epoch, step=position.step))
            return ""
        except Exception as error:
            if isinstance(error, OSError) and error.strerror:
                return error.strerror
            traceback.print_exception(error)
            return str(error) or type(error).__name__
        finally:
            self._seconds_to_write = time.thread_time() - began

    def _warn(self, text: str) -> None:
        try:
            self._reporter.emit(Warned(text=text))
        except OSError as error:
            print(text, error, sep="\n", file=sys.stderr, flush=True)
