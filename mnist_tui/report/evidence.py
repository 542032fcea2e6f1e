"""Read a run's folder for reports: all that is known about the run, and which files could not be read.

Reports are handed to others: what the texts of a run tell about its machine (folders, hosts) is taken out here.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from mnist_tui.errors import RunError
from mnist_tui.experiment.complexity import Complexity, of
from mnist_tui.experiment.preset_files import PresetError
from mnist_tui.experiment.presets import Preset, without_folder
from mnist_tui.experiment.spec import Experiment, SpecError
from mnist_tui.privacy import command_without_places, last_name, without_places
from mnist_tui.runs.collection.summaries import Presets, RunSummary, changes_of, fixed_from, summary_from
from mnist_tui.runs.diagnosis import Finding, OutlyingEnd, diagnose, outlying_end
from mnist_tui.runs.event_log import EpochReader, replayed
from mnist_tui.runs.events import Matrix, WeightsSeen
from mnist_tui.runs.folder import Launch, RunFolder, read_label
from mnist_tui.runs.origin import Origin, complexity_of, counts_of
from mnist_tui.runs.predictions import Predictions, read_predictions
from mnist_tui.runs.results import assemble_document
from mnist_tui.runs.scores import accuracy_interval
from mnist_tui.runs.state import RunState
from mnist_tui.runs.statistics import Statistics, no_validation, saved_statistics, statistics_of_predictions

UNKNOWN = "unknown"
"""The state of a run if no file of it says the state."""
SCORED = ("finished", "stopped", "diverged")
"""The states of runs that were evaluated."""
DATA_KEYS = {"name", "sha256", "train", "validation", "test"}
"""The keys of `results.json` about the data that a report needs."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """All recorded facts of one run, read from its folder.

    Attributes:
        preset: the run's experiment, with the preset's name and the scores published for it.
        origin: where the run comes from; None if it was trained here.
        summary: the run as a row of a list; its `group` is the same for runs that differ only in their seed.
        changes: the differences of the experiment from its preset, in words, without the seed; empty if there are none.
        document: the document of `runs.results.run_document`, made from the files that could be read.
        state: the run's state from its events, with the run's current state (`UNKNOWN` if no file says it).
        results: the contents of `results.json`; empty if the file is missing or belongs to an earlier end of the run.
        class_names: the names of the classes.
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
    origin: Origin | None
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
    def has_own_layers(self) -> bool:
        """Whether the network's layers are those of the experiment: not of an import, nor of an ensemble."""
        return complexity_of(self.experiment, self.origin) is not None

    @property
    def parameters(self) -> int | None:
        """The number of the network's parameters; None if there are only predictions."""
        counts = counts_of(self.experiment, self.origin)
        return counts and counts.total

    @property
    def test(self) -> dict[str, Any]:
        """The scores on the test images; empty if the run has none."""
        return self.document["test"] or {}

    @property
    def train(self) -> dict[str, Any]:
        """The scores on the training images; empty if the run has none."""
        return self.document["train"] or {}

    @property
    def test_images(self) -> int:
        """The number of test images that the run's scores are of; 0 if it has none."""
        data = self.document["dataset"]
        return int(data["test"]) if data and self.test else 0

    @property
    def test_interval(self) -> tuple[float, float] | None:
        """The 95 % interval of the accuracy on the test images; None if the run has no scores."""
        return accuracy_interval(self.test["accuracy"], self.test_images) if self.test else None

    @cached_property
    def statistics(self) -> Statistics | None:
        """The statistics in the results, or else of the predictions; None if neither can be read."""
        if (saved := saved_statistics(self.results)) is not None or self.predictions is None:
            return saved
        return statistics_of_predictions(self.predictions, no_validation(self.results))

    @property
    def outlying_end(self) -> OutlyingEnd | None:
        """The last epoch, if it is an outlier whose weights are evaluated."""
        found = any(finding.kind == "last-outlier" for finding in self.findings)
        return outlying_end(self.state, self.experiment) if found else None

    @property
    def validates_on_test(self) -> bool:
        """Whether the test images are the validation data."""
        return self.experiment.dataset.validation == "test"

    @property
    def reference(self) -> dict[str, Any]:
        """The scores published for the experiment; empty if there are none."""
        return self.document["reference"] or {}


def scored_on(evidences: Iterable[Evidence]) -> str:
    """Return what images the scores of some runs are of: ``test``, ``held-out`` (of folds), or ``test or held-out``."""
    folds = {evidence.experiment.dataset.fold is not None for evidence in evidences}
    return "test or held-out" if len(folds) > 1 else "held-out" if True in folds else "test"


def read_evidence(folder: RunFolder, presets: Presets | None = None) -> Evidence:
    """Read a run's folder, in any state; of its files only `experiment.toml` is required.

    Args:
        presets: a cache of presets, to read several runs faster.

    Raises:
        RunError: the experiment cannot be read.
    """
    try:
        preset = folder.preset()
        origin = folder.origin
        complexity = of(preset.experiment)
    except (PresetError, RunError, SpecError) as error:
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
    private = _Private(folder, preset, launch, log)
    state = private.state(replace(log, state=_known_state(folder, log, missing)))
    results = _results(folder, state, missing) or {}
    experiment = preset.experiment
    matrix, matrix_of = _matrix(results, state, experiment)
    predictions = read_predictions(folder.predictions_file, experiment.classes) if results else None
    if results and predictions is None and state.state in SCORED:
        missing.append("predictions.npz is not there or cannot be read: the misclassified images cannot be shown.")
    created = launch.created if launch is not None else state.started
    names = results.get("class_names") or (state.data.class_names if state.data else None)
    named, before = (presets or Presets()).find(preset.name), None
    if named is not None:
        training = named.experiment.training.model_copy(update={"seed": preset.experiment.training.seed})
        before = named.experiment.model_copy(update={"training": training})
    changes = changes_of(preset.experiment, before, origin)
    fixed = fixed_from(preset, named, created or 0.0, origin=origin)
    shown = without_folder(preset)
    document = assemble_document(folder, shown, launch, state, folder_state=state.state, results=results)
    return Evidence(
        folder=folder,
        preset=shown,
        origin=origin,
        complexity=complexity,
        summary=private.summary(summary_from(folder, fixed, log, read_label(folder), state.state)),
        changes=private.text(changes),
        document=private.document(document),
        state=state,
        results=results,
        class_names=tuple(names if names and len(names) == experiment.classes else map(str, range(experiment.classes))),
        matrix=matrix,
        matrix_of=matrix_of,
        predictions=predictions,
        weights=tuple(EpochReader(folder.events_file).all_weights()),
        findings=diagnose(state, preset.experiment) if log.start is not None and origin is None else (),
        created=created,
        missing=tuple(missing),
    )


class _Private:
    """The folders and hosts of a run, to be taken out of its texts."""

    def __init__(self, folder: RunFolder, preset: Preset, launch: Launch | None, log: RunState) -> None:
        named = [preset.experiment.dataset.name, log.data.source if log.data else "", launch and launch.data_dir]
        self._places = [*filter(None, named)]
        self._around = f"{folder.path.absolute().parent}/"
        self._hosts = [str(log.start.platform.get("host") or "")] if log.start else []
        with suppress(RunError):
            self._hosts.append(folder.status().host)

    def text(self, text: str) -> str:
        return without_places(text.replace(self._around, ""), self._places, self._hosts)

    def state(self, state: RunState) -> RunState:
        data, ended = state.data, state.ended
        return replace(
            state,
            data=data and replace(data, name=last_name(data.name), title=self.text(data.title), source=""),
            ended=ended and replace(ended, reason=self.text(ended.reason), where=self.text(ended.where)),
            warnings=tuple(map(self.text, state.warnings)),
        )

    def summary(self, summary: RunSummary) -> RunSummary:
        """Return the summary with the name of its dataset alone; its `group` still tells equal names apart."""
        values = {name: last_name(value) for name, value in summary.values.items()}
        differs, dataset = self.text(summary.differs), last_name(summary.dataset)
        return replace(summary, dataset=dataset, differs=differs, values=values)

    def document(self, document: dict[str, Any]) -> dict[str, Any]:
        data, platform = document["dataset"], dict(document["platform"] or {})
        platform.pop("host", None)
        if data:
            title = self.text(str(data.get("title") or data["name"]))
            data = {**data, "name": last_name(data["name"]), "title": title, "source": ""}
        return {
            **document,
            "folder": document["run"],
            "dataset": data,
            "command": command_without_places(document["command"]),
            "reason": self.text(document["reason"]),
            "warnings": [*map(self.text, document["warnings"])],
            "damaged": self.text(document["damaged"]),
            "platform": platform,
        }


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


def _matrix(results: dict[str, Any], state: RunState, experiment: Experiment) -> tuple[Matrix | None, str]:
    counts, classes = results.get("confusion_matrix"), experiment.classes
    if counts and len(counts) == classes and all(len(row) == classes for row in counts):
        return tuple(map(tuple, counts)), experiment.dataset.evaluated_images
    if not state.confusion or len(state.confusion) != classes:
        return None, ""
    return state.confusion, f"validation images, after epoch {state.confusion_epoch}"
