"""Read a run's folder for reports: all that is known about the run, and which files could not be read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnist_tui.errors import RunError
from mnist_tui.experiment.complexity import Complexity, of
from mnist_tui.experiment.preset_files import PresetError
from mnist_tui.experiment.presets import Preset
from mnist_tui.experiment.shapes import CLASSES, IMAGE_EDGE
from mnist_tui.experiment.spec import Experiment, SpecError
from mnist_tui.files import read_arrays
from mnist_tui.runs.collection.summaries import Presets, RunSummary, difference, fixed_from, summary_from
from mnist_tui.runs.diagnosis import Finding, diagnose
from mnist_tui.runs.event_log import EpochReader, replayed
from mnist_tui.runs.events import WeightsSeen
from mnist_tui.runs.folder import RunFolder, read_label
from mnist_tui.runs.results import assemble_document
from mnist_tui.runs.state import RunState

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

UNKNOWN = "unknown"
"""The state of a run if no file of it says the state."""
ARRAYS = ("labels", "probabilities", "misclassified", "misclassified_images")
"""The arrays of `predictions.npz`, in the order of the fields of `Predictions`."""
SCORED = ("finished", "stopped", "diverged")
"""The states of runs that were evaluated."""
DATA_KEYS = {"name", "sha256", "train", "validation", "test"}
"""The keys of `results.json` about the data that a report needs."""


@dataclass(frozen=True, eq=False)
class Predictions:
    """A trained network's predictions for the test images.

    Attributes:
        labels: uint8 ``(n,)``, the true classes.
        probabilities: float32 ``(n, 10)``.
        misclassified: int ``(m,)``, indices of the misclassified images among the test images.
        images: uint8 ``(m, 28, 28)``, the misclassified images.
    """

    labels: NDArray[np.uint8]
    probabilities: NDArray[np.float32]
    misclassified: NDArray[np.int32]
    images: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Evidence:
    """All recorded facts of one run, read from its folder.

    Attributes:
        preset: the run's experiment, with the preset's name and the scores published for it.
        summary: the run as a row of a list; its `group` is the same for runs that differ only in their seed.
        changes: the differences of the experiment from its preset, in words, without the seed; empty if there are none.
        document: the document of `runs.results.run_document`, made from the files that could be read.
        state: the run's state from its events, with the run's current state (`UNKNOWN` if no file says it).
        results: the contents of `results.json`; empty if the file is missing or belongs to an earlier end of the run.
        class_names: the names of the ten classes.
        matrix: the confusion counts; a row is a true class, a column a predicted one.
        matrix_of: the images counted in `matrix`, in words.
        predictions: the predictions for the test images; None if they cannot be read.
        weights: all recorded distributions of weights, by epoch.
        findings: the diagnosis, the verdict first; empty without a history.
        created: the time of the run's start in seconds since 1970; None if it is not known.
        missing: sentences about files that could not be read.
    """

    folder: RunFolder
    preset: Preset
    complexity: Complexity
    summary: RunSummary
    changes: str
    document: dict[str, Any]
    state: RunState
    results: dict[str, Any]
    class_names: tuple[str, ...]
    matrix: tuple[tuple[int, ...], ...] | None
    matrix_of: str
    predictions: Predictions | None
    weights: tuple[WeightsSeen, ...]
    findings: tuple[Finding, ...]
    created: float | None
    missing: tuple[str, ...]

    @property
    def experiment(self) -> Experiment:
        return self.preset.experiment

    @property
    def test(self) -> dict[str, Any]:
        """The scores on the test images; empty if the run has none."""
        return self.document["test"] or {}

    @property
    def train(self) -> dict[str, Any]:
        """The scores on the training images; empty if the run has none."""
        return self.document["train"] or {}

    @property
    def reference(self) -> dict[str, Any]:
        """The scores published for the experiment; empty if there are none."""
        return self.document["reference"] or {}


def read_evidence(folder: RunFolder, presets: Presets | None = None) -> Evidence:
    """Read a run's folder, in any state; of its files only `experiment.toml` is required.

    Args:
        presets: a cache of presets, to read several runs faster.

    Raises:
        RunError: the experiment cannot be read.
    """
    try:
        preset = folder.preset()
        complexity = of(preset.experiment)
    except (PresetError, SpecError) as error:
        raise RunError(f"run {folder.id} cannot be reported: {error}") from None
    missing: list[str] = []
    launch = None
    try:
        launch = folder.launch()
    except (RunError, TypeError):
        missing.append("launch.json is not there or cannot be read: the command that ran it is not known.")
    log = replayed(folder.events_file)
    if log.start is None:
        missing.append("events.jsonl is not there or cannot be read: the history of the training is not known.")
    state = replace(log, state=_known_state(folder, log, missing))
    results = _results(folder, state, missing) or {}
    matrix, matrix_of = _matrix(results, state)
    predictions = read_predictions(folder.predictions_file) if results else None
    if results and predictions is None and state.state in SCORED:
        missing.append("predictions.npz is not there or cannot be read: the misclassified images cannot be shown.")
    created = launch.created if launch is not None else state.started
    names = results.get("class_names") or (state.data.class_names if state.data else None)
    origin, changes = (presets or Presets()).find(preset.name), ""
    if origin is not None:
        training = origin.experiment.training.model_copy(update={"seed": preset.experiment.training.seed})
        changes = difference(origin.experiment.model_copy(update={"training": training}), preset.experiment)
    fixed = fixed_from(preset, origin, created or 0.0)
    return Evidence(
        folder=folder,
        preset=preset,
        complexity=complexity,
        summary=summary_from(folder, fixed, state, read_label(folder), state.state),
        changes=changes,
        document=assemble_document(folder, preset, launch, state, folder_state=state.state, results=results),
        state=state,
        results=results,
        class_names=tuple(names) if names and len(names) == CLASSES else tuple(map(str, range(CLASSES))),
        matrix=matrix,
        matrix_of=matrix_of,
        predictions=predictions,
        weights=tuple(EpochReader(folder.events_file).all_weights()),
        findings=diagnose(state, preset.experiment) if log.start is not None else (),
        created=created,
        missing=tuple(missing),
    )


def _known_state(folder: RunFolder, log: RunState, missing: list[str]) -> str:
    try:
        return folder.state()
    except (RunError, TypeError, ValueError):
        if log.ended is not None:
            return log.ended.state
        missing.append("status.json is not there or cannot be read: whether the run has ended is not known.")
        return UNKNOWN


def _results(folder: RunFolder, state: RunState, missing: list[str]) -> dict[str, Any] | None:
    """Return the results, unless they are of an earlier end of the run, before epochs were added."""
    try:
        results = folder.results()
        if results and results.get("dataset") and not results["dataset"].keys() >= DATA_KEYS:
            raise RunError("the dataset is not complete")
    except RunError:
        missing.append("results.json cannot be read: scores, times and the final confusion matrix are not known.")
        return None
    if results is None:
        if state.state in SCORED:
            missing.append("results.json is not there: scores, times and the final confusion matrix are not known.")
        return None
    end = state.state if state.start is None else state.ended and state.ended.state
    return results if end is not None and (end == UNKNOWN or results.get("state", end) == end) else None


def _matrix(results: dict[str, Any], state: RunState) -> tuple[tuple[tuple[int, ...], ...] | None, str]:
    counts = results.get("confusion_matrix")
    if counts and len(counts) == CLASSES and all(len(row) == CLASSES for row in counts):
        return tuple(map(tuple, counts)), "test images"
    return state.confusion, f"validation images, after epoch {state.confusion_epoch}" if state.confusion else ""


def read_predictions(path: Path) -> Predictions | None:
    """Read a run's `predictions.npz`; return None if the file is missing, damaged, or does not fit together."""
    try:
        arrays = read_arrays(path, ARRAYS)
        labels, probabilities, wrong, images = (arrays[name] for name in ARRAYS)
    except (OSError, KeyError):
        return None
    whole = (
        labels.ndim == wrong.ndim == 1
        and probabilities.shape == (len(labels), CLASSES)
        and images.shape == (len(wrong), IMAGE_EDGE, IMAGE_EDGE)
        and (probabilities.dtype.kind, images.dtype) == ("f", "uint8")
        and _are_indices(labels, CLASSES)
        and _are_indices(wrong, len(labels))
    )
    return Predictions(labels, probabilities, wrong, images) if whole else None


def _are_indices(numbers: NDArray[Any], bound: int) -> bool:
    return numbers.dtype.kind in "ui" and (len(numbers) == 0 or (numbers.min() >= 0 and numbers.max() < bound))
