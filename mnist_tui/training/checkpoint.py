"""A run's checkpoint: the newest complete one, whole at every moment. numpy and JSON alone; nothing is pickled.

`checkpoint/checkpoint.json` holds all but the arrays and names the file beside it that holds those. It is replaced
only once that file is complete and on the disk; the older arrays are removed after.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_tui.arrays import read_arrays
from mnist_tui.files import TEMPORARY, discard, read_json, replacing, sync
from mnist_tui.runs.folder import POINTER, RunError
from mnist_tui.training.snapshot import BestSoFar, Position, Spent, TrainingSnapshot

FORMAT = 1


def save(folder: Path, snapshot: TrainingSnapshot) -> None:
    """Makes `snapshot` the folder's checkpoint; it outlasts a loss of power from when this returns.

    Raises:
        OSError: it cannot be written; the one before is whole.
    """
    folder.mkdir(exist_ok=True)
    position, best = snapshot.position, snapshot.best
    name = f"epoch-{position.epoch:06d}-step-{position.step:08d}-{secrets.token_hex(4)}.npz"
    arrays = {
        **_numbered("model", snapshot.model),
        **_numbered("optimizer", snapshot.optimizer),
        **_numbered("best", best.weights if best else ()),
    }
    with replacing(folder / name) as temporary:
        np.savez(temporary, allow_pickle=False, **arrays)
        sync(temporary)
    sync(folder)
    document = {
        "format": FORMAT,
        "arrays": name,
        "position": asdict(position),
        "learning_rate": snapshot.learning_rate,
        "model": list(snapshot.model_names),
        "optimizer": list(snapshot.optimizer_names),
        "best": None if best is None else {"epoch": best.epoch, "value": best.value, "waited": best.waited},
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
    """Whether the folder holds a checkpoint."""
    return (folder / POINTER).is_file()


def load(folder: Path) -> TrainingSnapshot:
    """Reads the folder's checkpoint.

    Raises:
        RunError: there is none, or it cannot be read.
    """
    if not exists(folder):
        raise RunError(f"there is no checkpoint in {folder}")
    try:
        document = read_json(folder / POINTER)
        if document["format"] != FORMAT:
            raise RunError(f"{folder / POINTER} is of format {document['format']}; this version reads {FORMAT}")
        arrays = read_arrays(folder / Path(document["arrays"]).name)
        return _snapshot(document, arrays)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, RunError):
            raise
        raise RunError(f"the checkpoint in {folder} cannot be read: {error}") from None


def _snapshot(document: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> TrainingSnapshot:
    best = document["best"]
    return TrainingSnapshot(
        position=Position(**document["position"]),
        model=_in_order("model", arrays),
        model_names=tuple(document["model"]),
        optimizer=_in_order("optimizer", arrays),
        optimizer_names=tuple(document["optimizer"]),
        learning_rate=document["learning_rate"],
        best=None if best is None else BestSoFar(**best, weights=_in_order("best", arrays)),
        best_epoch=document["best_epoch"],
        best_loss=document["best_loss"],
        spent=Spent(**document.get("spent", {})),
    )


def _numbered(kind: str, arrays: tuple[NDArray[Any], ...]) -> dict[str, NDArray[Any]]:
    return {f"{kind}-{number:05d}": array for number, array in enumerate(arrays)}


def _in_order(kind: str, arrays: dict[str, NDArray[Any]]) -> tuple[NDArray[Any], ...]:
    return tuple(arrays[name] for name in sorted(arrays) if name.startswith(f"{kind}-"))
