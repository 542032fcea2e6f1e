"""A run as the JSON document that scripts read: ``train --json`` and ``show --json``."""

from __future__ import annotations

from typing import Any

from mnist_tui.experiment.complexity import of
from mnist_tui.experiment.presets import Preset
from mnist_tui.experiment.reference import Reference
from mnist_tui.experiment.spec import to_mapping
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.own_files import foreign_file
from mnist_tui.runs.state import RunState, replayed


def document(folder: RunFolder) -> dict[str, Any]:
    """The whole document; what a run that has not ended does not know yet is null.

    Args:
        folder: a run in any state.

    Returns:
        A mapping of JSON values, without NaN or infinity.

    Raises:
        RunError, PresetError: the folder cannot be read.
    """
    preset, state, launch = folder.preset(), replayed(folder.events_file), folder.launch()
    return assembled(
        folder,
        preset,
        state,
        standing=folder.state(),
        command=launch.command,
        results=results_of(folder, state),
        study=launch.study,
    )


def assembled(
    folder: RunFolder,
    preset: Preset,
    state: RunState,
    *,
    standing: str,
    command: str,
    results: dict[str, Any] | None,
    study: str = "",
) -> dict[str, Any]:
    """The document of what was read already.

    Args:
        standing: the run's state, as `RunFolder.state` tells it.
        results: those that belong to `state`'s end; None where there are none.
        study: id of the study that the run is a trial of; empty for a run of its own.
    """
    results, foreign = results or {}, foreign_file(folder.path)
    complexity, dataset = of(preset.experiment), results.get("dataset") or _dataset(state)
    return {
        "run": folder.id,
        "folder": str(folder.path),
        "state": standing,
        "reason": state.ended.reason if state.ended else _end_of_worker(folder, standing),
        "preset": preset.name,
        "command": command,
        "study": study or None,
        "dataset": dataset,
        "experiment": to_mapping(preset.experiment),
        "parameters": {"total": complexity.total, "trainable": complexity.trainable},
        "epochs": [vars(row) for row in state.history],
        "test": results.get("test"),
        "train": results.get("train"),
        "confusion_matrix": results.get("confusion_matrix"),
        "closed_form": results.get("closed_form"),
        "timings": results.get("timings"),
        "platform": results.get("platform") or (state.start.platform if state.start else {}),
        "warnings": list(state.warnings),
        "reference": _reference(preset.reference, dataset),
        "damaged": f"{foreign}; nothing is written to this run" if foreign else "",
    }


def results_of(folder: RunFolder, state: RunState) -> dict[str, Any] | None:
    """The results of the end that `state` tells of; None without one, even where an earlier end left results."""
    ended, results = state.ended, folder.results()
    if ended is None or results is None or results.get("state", ended.state) != ended.state:
        return None
    return results


def _dataset(state: RunState) -> dict[str, Any] | None:
    data = state.data
    if data is None:
        return None
    keys = ("name", "title", "sha256", "source", "sample", "verified", "train", "validation", "test")
    return {key: getattr(data, key) for key in keys}


def _reference(reference: Reference | None, dataset: dict[str, Any] | None) -> dict[str, Any] | None:
    """What was published; nothing where the bundled sample stood in for the source's data."""
    if reference is None or (dataset or {}).get("sample"):
        return None
    return reference.model_dump(mode="json")


def _end_of_worker(folder: RunFolder, standing: str) -> str:
    end = folder.known_end() if standing == "crashed" else ""
    return f"the worker {end}" if end else ""
