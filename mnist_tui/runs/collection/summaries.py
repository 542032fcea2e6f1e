"""Summaries of runs, one line of a list each, made from their folders; `listing` caches them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

from mnist_tui.errors import RequestError
from mnist_tui.experiment.parameters import PARAMETERS, apply_texts
from mnist_tui.experiment.presets import Preset, PresetError, Reference, find_preset
from mnist_tui.experiment.spec import Experiment, to_mapping
from mnist_tui.runs.event_log import FiguresReader
from mnist_tui.runs.folder import Label, RunFolder, checked_label, read_label
from mnist_tui.runs.process_folder import foreign_file
from mnist_tui.runs.records import LATEST
from mnist_tui.runs.state import DAMAGED, RunState
from mnist_tui.wording import counted


@dataclass(frozen=True)
class RunSummary:
    """One line of a list of runs.

    Attributes:
        name, note: given by the user, empty for none.
        differs: how the experiment differs from its preset, in words; empty where it does not.
        values: the experiment's parameters by name, as the command line writes them; empty where one does not apply.
        group: the same text for runs that differ in nothing but their seed, on the same data.
        started: seconds since the epoch.
        test_accuracy, test_loss, macro_f1: of the final evaluation; None where there was none.
        val_accuracy, val_loss: of the last epoch.
        seconds: sum of the epochs' times without pauses; None before the first has ended.
        published_accuracy, published_loss: on the test set, by the source of the experiment; None where there is none.
        source: the title of that source.
        study: id of the study that it is a trial of; empty for a run of its own.
        damaged: what in its folder cannot be read or leads outside it, in sentences; empty for a run that is whole.
    """

    run: str
    folder: str
    state: str
    preset: str = ""
    name: str = ""
    note: str = ""
    differs: str = ""
    dataset: str = ""
    sample: bool = False
    started: float = 0.0
    epochs_done: int = 0
    epochs: int = 0
    parameters: int | None = None
    test_accuracy: float | None = None
    test_loss: float | None = None
    macro_f1: float | None = None
    val_accuracy: float | None = None
    val_loss: float | None = None
    seconds: float | None = None
    values: Mapping[str, str] = field(default_factory=dict[str, str])
    group: str = ""
    published_accuracy: float | None = None
    published_loss: float | None = None
    source: str = ""
    study: str = ""
    damaged: str = ""

    @property
    def shown_name(self) -> str:
        """The user's name for it, else the preset's."""
        return self.name or self.preset

    @property
    def short(self) -> str:
        """The id without its time: ``hog-4b66``; an ending of the id, which the command line takes."""
        return self.run.split("-", 2)[-1]

    @property
    def seed(self) -> int:
        return int(self.values.get("seed", 0))

    def to_document(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Fixed:
    """Summary fields that depend only on `experiment.toml` and `launch.json`."""

    preset: str
    dataset: str
    created: float
    epochs: int
    differs: str
    values: Mapping[str, str]
    experiment: Experiment
    reference: Reference | None
    study: str = ""


class Presets:
    """Presets by name, each read once."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[Preset | None, str]] = {}

    def find(self, name: str) -> Preset | None:
        """Return the preset; None where there is none that can be read."""
        return self._read(name)[0]

    def stamp(self, name: str) -> str:
        """Return a text that changes when the preset changes."""
        return self._read(name)[1]

    def _read(self, name: str) -> tuple[Preset | None, str]:
        if name not in self._found:
            self._found[name] = None, ""
            with suppress(PresetError):
                preset = find_preset(name)
                self._found[name] = preset, _digest(to_mapping(preset.experiment))
        return self._found[name]


def fixed_of(folder: RunFolder, presets: Presets) -> Fixed:
    """Return the fields that depend only on the run's experiment and launch.

    Raises:
        RunError, PresetError: the folder is not a run's.
    """
    preset, launch = folder.preset(), folder.launch()
    origin = presets.find(preset.name)
    experiment = preset.experiment
    return Fixed(
        preset=preset.name,
        dataset=experiment.dataset.name,
        created=launch.made_at(folder.id),
        epochs=experiment.training.epochs,
        differs="" if origin is None else difference(origin.experiment, experiment),
        values=_values(experiment),
        experiment=experiment,
        reference=preset.reference,
        study=launch.study,
    )


def summary_from(folder: RunFolder, fixed: Fixed, log: RunState, label: Label, state: str) -> RunSummary:
    """Return the summary of a run whose files were read already."""
    last, ended, data = log.history[-1] if log.history else None, log.ended, log.data
    dataset, sample = (data.name, data.sample) if data else (fixed.dataset, False)
    published = None if sample else fixed.reference
    return RunSummary(
        run=folder.id,
        folder=str(folder.path),
        state=state,
        preset=fixed.preset,
        name=label.name,
        note=label.note,
        differs=fixed.differs,
        dataset=dataset,
        sample=sample,
        started=fixed.created,
        epochs_done=len(log.history),
        epochs=log.epochs or fixed.epochs,
        parameters=log.start.total if log.start else None,
        test_accuracy=ended.test_accuracy if ended else None,
        test_loss=ended.test_loss if ended else None,
        macro_f1=ended.macro_f1 if ended else None,
        val_accuracy=last.val_accuracy if last else None,
        val_loss=last.val_loss if last else None,
        seconds=sum(row.seconds for row in log.history) if log.history else None,
        values=fixed.values,
        group=_group(fixed.experiment, dataset, sample),
        study=fixed.study,
        published_accuracy=published.accuracy if published else None,
        published_loss=published.loss if published else None,
        source=published.source if published else "",
    )


def damage_of(folder: RunFolder, *, read_before: bool = False) -> str:
    """Return what in a run's folder cannot be read or leads outside it; empty for a run that is whole.

    Args:
        read_before: whether its experiment, launch and status have just been read, and are well.
    """
    damage: list[str] = []
    first = () if read_before else (folder.preset, folder.launch, folder.status)
    for read in (*first, folder.results, partial(checked_label, folder)):
        try:
            read()
        except RequestError as error:
            damage.append(str(error).replace(f"{folder.path}/", ""))
    if why := foreign_file(folder.path):
        damage.append(f"{why}; nothing is written to this run")
    return "; ".join(damage)


def damaged_run(folder: RunFolder) -> RunSummary:
    """Return what is known of a run whose experiment, launch or status cannot be read, and why no more is."""
    created = 0.0
    try:
        created = folder.launch().made_at(folder.id)
    except RequestError:
        with suppress(OSError):
            created = min(max(folder.path.stat().st_mtime, 0.0), LATEST)
    label = read_label(folder)
    readable: dict[str, Any] = {}
    with suppress(RequestError):
        preset = folder.preset()
        readable = {
            "preset": preset.name,
            "dataset": preset.experiment.dataset.name,
            "epochs": preset.experiment.training.epochs,
            "values": _values(preset.experiment),
        }
    return RunSummary(
        folder.id,
        str(folder.path),
        DAMAGED,
        name=label.name,
        note=label.note,
        started=created,
        group=_digest([DAMAGED, folder.id]),
        damaged=damage_of(folder),
        **readable,
    )


def _values(experiment: Experiment) -> dict[str, str]:
    return {parameter.name: parameter.read(experiment) for parameter in PARAMETERS}


def summary_of(folder: RunFolder) -> RunSummary:
    """Return one run's summary, read from its folder.

    Raises:
        RunError, PresetError: the folder is not a run's.
    """
    fixed = fixed_of(folder, Presets())
    summary = summary_from(folder, fixed, FiguresReader(folder.events_file).look(), read_label(folder), folder.state())
    return replace(summary, damaged=damage_of(folder, read_before=True))


def difference(preset: Experiment, experiment: Experiment) -> str:
    """Return what was changed, in the order of the command line's options: ``ppc 7, 20 epochs``; empty for nothing."""
    if preset == experiment:
        return ""
    changed = {
        parameter.name: text
        for parameter in PARAMETERS
        if (text := parameter.read(experiment)) != parameter.read(preset) and text
    }
    words = {name: f"{name} {text}" for name, text in changed.items()}
    if "epochs" in changed:
        words["epochs"] = counted(int(changed["epochs"]), "epoch")
    if "dataset" in changed:
        words["dataset"] = changed["dataset"]
    with suppress(RequestError):  # of a change that options cannot make
        before, now = _flat(to_mapping(apply_texts(preset, changed))), _flat(to_mapping(experiment))
        others = (path for path in sorted(before | now) if before.get(path) != now.get(path))
        words |= {path: f"{path} {now.get(path, 'none')}" for path in others}
    return ", ".join(words.values()) or "layers"


def _flat(doc: Any, path: str = "") -> dict[str, Any]:
    """Return the values of a nested document by their dotted paths."""
    parts: Any = doc.items() if isinstance(doc, dict) else enumerate(doc) if isinstance(doc, list) else None
    if parts is None:
        return {path: doc}
    return {key: value for at, part in parts for key, value in _flat(part, f"{path}.{at}" if path else str(at)).items()}


def _group(experiment: Experiment, dataset: str, sample: bool) -> str:
    training = experiment.training.model_copy(update={"seed": 0})
    return _digest([dataset, sample, to_mapping(experiment.model_copy(update={"training": training}))])


def _digest(doc: Any) -> str:
    return hashlib.sha256(json.dumps(doc, sort_keys=True).encode()).hexdigest()[:12]
