"""The results of a run: the types in `results.json`, and the JSON document that `train` and `show --json` print.

Any part of `results.json` may be missing, and unknown parts are ignored.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mnist_tui.errors import RunError
from mnist_tui.experiment.presets import Preset, heading
from mnist_tui.experiment.shapes import FEWEST_CLASSES, MOST_CLASSES
from mnist_tui.experiment.spec import problems_of, to_mapping
from mnist_tui.runs.event_log import replayed
from mnist_tui.runs.events import Matrix
from mnist_tui.runs.folder import Launch, RunFolder
from mnist_tui.runs.origin import counts_of
from mnist_tui.runs.process_folder import foreign_file
from mnist_tui.runs.records import LARGEST
from mnist_tui.runs.state import RunState
from mnist_tui.runs.times import times_of

Count = Annotated[int, Field(ge=0, le=LARGEST)]


class ResultsPart(BaseModel):
    """The base of the objects in `results.json`."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)


class Score(ResultsPart):
    loss: float | None
    accuracy: float


class ClassScore(ResultsPart):
    name: str = Field(alias="class")
    precision: float | None
    recall: float | None
    f1: float | None
    support: Count


class TestScore(Score):
    macro_f1: float | None
    per_class: list[ClassScore]


class Data(ResultsPart):
    name: str
    title: str | None = None
    sha256: dict[str, str] = Field(default_factory=dict)
    train: Count
    validation: Count = 0
    test: Count


class Platform(ResultsPart):
    device: str | None = None
    device_name: str | None = None
    cpu: str | None = None
    cores: Count | None = None
    machine: str | None = None
    memory: Count | None = None
    os: str | None = None
    python: str | None = None
    versions: dict[str, str | None] | None = None


class RidgeScore(ResultsPart):
    ridge: float
    accuracy: float


class Solution(ResultsPart):
    ridge: float
    images: Count
    temperature: float
    tempered_on: str
    validation: list[RidgeScore]


class Results(ResultsPart):
    """The whole content of `results.json`."""

    state: str | None = None
    dataset: Data | None = None
    class_names: Annotated[list[str], Field(min_length=FEWEST_CLASSES, max_length=MOST_CLASSES)] | None = None
    test: TestScore | None = None
    train: Score | None = None
    confusion_matrix: list[list[Count]] | None = None
    timings: dict[str, float | None] | None = None
    platform: Platform | None = None
    epochs_run: Count | None = None
    weights_of_epoch: float | None = None
    closed_form: Solution | None = None


def check_results(doc: Any) -> None:
    """Raise a ValueError that names the first part of `results.json` with a wrong type, if there is one."""
    try:
        Results.model_validate(doc)
    except ValidationError as error:
        raise ValueError(str(problems_of(error, doc)[0])) from None


def run_document(folder: RunFolder) -> dict[str, Any]:
    """Return the JSON document of a run in any state; null for values that are not known yet or not finite.

    Raises:
        RunError, PresetError: the folder cannot be read.
    """
    preset, state, launch = folder.preset(), replayed(folder.events_file), folder.launch()
    return assemble_document(
        folder, preset, launch, state, folder_state=folder.state(), results=results_of(folder, state)
    )


def assemble_document(
    folder: RunFolder,
    preset: Preset,
    launch: Launch | None,
    state: RunState,
    *,
    folder_state: str,
    results: dict[str, Any] | None,
) -> dict[str, Any]:
    """Return the JSON document of a run whose files were read already.

    Args:
        launch: the launch record; None if it cannot be read.
        state: the state by the events.
        folder_state: the state by the folder (`RunFolder.state`), which can be crashed.
        results: the content of `results.json`; None if it does not belong to the end in `state`.
    """
    results, foreign, origin = results or {}, foreign_file(folder.path), folder.origin
    counts, dataset = counts_of(preset.experiment, origin), results.get("dataset")
    if not dataset and state.data is not None:
        keys = ("name", "title", "sha256", "source", "sample", "verified", "train", "validation", "test")
        dataset = {key: getattr(state.data, key) for key in keys}
    crashed = folder.known_end() if folder_state == "crashed" and not state.ended else ""
    published = preset.published(sample=bool(dataset and dataset.get("sample"))) if origin is None else None
    return {
        "run": folder.id,
        "folder": str(folder.path),
        "state": folder_state,
        "reason": state.ended.reason if state.ended else f"the worker {crashed}" if crashed else "",
        "preset": preset.name,
        "title": heading(preset),
        "command": launch.command if launch else "",
        "study": (launch and launch.study) or None,
        "origin": None if origin is None else {"words": origin.words, **origin.to_document()},
        "dataset": dataset,
        **({"fold": asdict(fold)} if (fold := preset.experiment.dataset.fold) else {}),
        "experiment": to_mapping(preset.experiment),
        "parameters": {"total": counts and counts.total, "trainable": counts and counts.trainable},
        "epochs": [vars(row) for row in state.history],
        **{key: results.get(key) for key in ("test", "train", "confusion_matrix", "closed_form", "timings")},
        "times": asdict(times_of(state)),
        "platform": results.get("platform") or (state.start.platform if state.start else {}),
        "warnings": list(state.warnings),
        "reference": published.model_dump(mode="json") if published else None,
        "damaged": f"{foreign}; nothing is written to this run" if foreign else "",
    }


def final_matrix(folder: RunFolder, state: RunState) -> Matrix | None:
    """Return the confusion matrix of a run's final evaluation; None if it is missing or cannot be read."""
    try:
        results = results_of(folder, state)
    except RunError:
        return None
    rows = (results or {}).get("confusion_matrix")
    return tuple(tuple(row) for row in rows) if rows else None


def results_of(folder: RunFolder, state: RunState) -> dict[str, Any] | None:
    """Return the content of `results.json` if it belongs to the end in `state`; else None."""
    ended, results = state.ended, folder.results()
    if ended is None or results is None or results.get("state", ended.state) != ended.state:
        return None
    return results
