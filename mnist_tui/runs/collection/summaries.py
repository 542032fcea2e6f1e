"""Summaries of runs for lists, with a cache, so that only runs that have changed are read again.

The cache is one file in the runs folder. An entry is valid only while the sizes and times of the run's files, and its
preset, are those from which it was made.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

from mnist_tui import __version__
from mnist_tui.errors import RequestError, RunError
from mnist_tui.experiment.parameters import PARAMETERS, apply_texts
from mnist_tui.experiment.preset_files import PresetError
from mnist_tui.experiment.presets import Preset, find_preset
from mnist_tui.experiment.spec import Experiment, Fold, fold_of, to_mapping, with_part
from mnist_tui.files import parse_json, read_text, write_text
from mnist_tui.privacy import last_name
from mnist_tui.runs.event_log import FiguresReader
from mnist_tui.runs.folder import Label, RunFolder, checked_label, read_label
from mnist_tui.runs.naming import SkippedEntry, scan_folder
from mnist_tui.runs.origin import Origin, complexity_of, counts_of, read_origin
from mnist_tui.runs.process_folder import foreign_file
from mnist_tui.runs.records import LATEST, record
from mnist_tui.runs.state import DAMAGED, LIVE, RunState
from mnist_tui.runs.times import training_seconds
from mnist_tui.wording import DASH, counted, listed

TREND_POINTS = 10


def short_id(run: str) -> str:
    """Return a run's id without its time: ``hog-4b66``. Commands accept it, because it is an ending of the id."""
    return run.split("-", 2)[-1]


@dataclass(frozen=True)
class RunSummary:
    """One line of a list of runs.

    Attributes:
        name, note: texts that the user gave the run; empty for none.
        differs: how the experiment differs from its preset, in words; empty where it does not.
        started: when the run was made, in seconds since 1970.
        test_accuracy, test_loss, macro_f1: from the final evaluation, on the test set, or for a fold on the images held
            out; None where there was none.
        val_accuracy, val_loss: from the last epoch.
        trend: the validation accuracy over the epochs, at most TREND_POINTS of them at equal distances.
        seconds: the sum of the epochs' times, each with its evaluation; None before the first has ended.
        training_seconds: the time of the training alone, as `RunTimes.training`.
        values: the experiment's parameters by name, as the command line writes them; empty for one that does not apply.
        group: a text that is the same for runs that differ only in their seed, on the same data; or only in the fold
            of the same cross-validation.
        published_accuracy, published_loss: the source's results on the test set; None where there are none.
        source: the title of the publication that the experiment is from.
        study: the id of the study that the run is a trial of; empty for none.
        origin: what the run is if it was not trained here (`Origin.words`), without epochs; empty if it was.
        made_from: the runs that it evaluates or combines, ``raw-d007 and hog-3439``; empty for any other.
        damaged: which files cannot be read, or are links, pipes or devices; empty for nothing.
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
    trend: tuple[float | None, ...] = ()
    seconds: float | None = None
    training_seconds: float | None = None
    values: Mapping[str, str] = field(default_factory=dict[str, str])
    group: str = ""
    published_accuracy: float | None = None
    published_loss: float | None = None
    source: str = ""
    study: str = ""
    origin: str = ""
    made_from: str = ""
    damaged: str = ""

    @property
    def epochs_in_words(self) -> str:
        """The trained epochs of the planned ones, ``12/50``; a dash for a run that was not trained here."""
        return DASH if self.origin else f"{self.epochs_done:,}/{self.epochs:,}"

    @property
    def shown_name(self) -> str:
        """The name that the user gave the run, else its preset's."""
        return self.name or self.preset

    @property
    def short(self) -> str:
        return short_id(self.run)

    @property
    def seed(self) -> int:
        return int(self.values.get("seed") or 0)

    @property
    def fold(self) -> Fold | None:
        """The fold that was held out; None without cross-validation."""
        return fold_of(self.values.get("validation", ""))

    @property
    def scored_on(self) -> str:
        """The images of the final evaluation in a word: ``test``, or ``held-out`` for a fold."""
        return "held-out" if self.fold else "test"

    @property
    def accuracy_on_test_set(self) -> float | None:
        """The test accuracy; None for a fold, whose `test_accuracy` is that on the images held out."""
        return None if self.fold else self.test_accuracy

    @property
    def repetition(self) -> int:
        """The number that distinguishes the run within its group: its fold, from 1, or its seed."""
        return self.fold.number if self.fold else self.seed

    def to_document(self) -> dict[str, Any]:
        """Return the summary for scripts, without the trend, which is for lists on the screen."""
        document = asdict(self)
        del document["trend"]
        return document


@dataclass(frozen=True)
class Fixed:
    """The part of a run's summary that depends only on `experiment.toml`, `launch.json`, `origin.json`, the preset."""

    preset: Preset
    created: float
    study: str
    differs: str
    values: Mapping[str, str]
    origin: Origin | None = None


class Presets:
    """Presets by name, each read once."""

    def __init__(self) -> None:
        self._read = cache(_preset_and_stamp)

    def find(self, name: str) -> Preset | None:
        """Return the preset; None where there is none that can be read."""
        return self._read(name)[0]

    def stamp(self, name: str) -> str:
        """Return a text that changes when the preset changes."""
        return self._read(name)[1]


def _preset_and_stamp(name: str) -> tuple[Preset | None, str]:
    try:
        preset = find_preset(name)
    except PresetError:
        return None, ""
    return preset, _digest(to_mapping(preset.experiment))


def fixed_of(folder: RunFolder, presets: Presets) -> Fixed:
    """Return the fixed part of a run's summary; raises a RunError or a PresetError where the folder is not a run's."""
    preset, launch = folder.preset(), folder.launch()
    return fixed_from(preset, presets.find(preset.name), launch.made_at(folder.id), launch.study, folder.origin)


def fixed_from(
    own: Preset, preset: Preset | None, created: float, study: str = "", origin: Origin | None = None
) -> Fixed:
    """Return the fixed part of a run's summary.

    Args:
        own: the preset as the run's folder has it.
        preset: the preset of that name as it is now; None where there is none.
        created: when the run was made, in seconds since 1970.
        study: the id of the study that the run is a trial of; empty for none.
        origin: where the run comes from; None if it was trained here.
    """
    differs = changes_of(own.experiment, preset.experiment if preset is not None else None, origin)
    values = values_of(own.experiment)
    if complexity_of(own.experiment, origin) is None:  # nothing but the data is known of such a network
        values = {name: value if name == "dataset" else "" for name, value in values.items()}
    return Fixed(own, created, study, differs, values, origin)


def changes_of(experiment: Experiment, preset: Experiment | None, origin: Origin | None) -> str:
    """Say how a run differs from its preset (None: unknown), and first of all what it is if it was not trained here."""
    if origin is None:
        return "" if preset is None else difference(preset, experiment)
    if preset is None or origin.kind != "evaluated":
        return origin.words
    trained = difference(preset, experiment.model_copy(update={"dataset": preset.dataset}))
    return ", ".join(filter(None, (origin.words, trained)))


def summary_from(folder: RunFolder, fixed: Fixed, log: RunState, label: Label, state: str) -> RunSummary:
    """Return the summary of a run whose files were read already.

    Args:
        log: the state by the events.
        state: the state by the folder, which can be crashed.
    """
    experiment, ended, data, origin = fixed.preset.experiment, log.ended, log.data, fixed.origin
    last = log.history[-1] if log.history else None
    dataset, sample = (data.name, data.sample) if data else (experiment.dataset.name, False)
    published = fixed.preset.published(sample=sample) if origin is None else None
    parameters, planned = log.start.total if log.start else None, log.epochs or experiment.training.epochs
    if origin is not None:
        dataset = f"{dataset} with {origin.changes}" if origin.changes else dataset
        counts = counts_of(experiment, origin)
        parameters, planned = counts.total if counts is not None else None, 0
    return RunSummary(
        run=folder.id,
        folder=str(folder.path),
        state=state,
        preset=fixed.preset.name,
        name=label.name,
        note=label.note,
        differs=fixed.differs,
        dataset=dataset,
        sample=sample,
        started=fixed.created,
        epochs_done=len(log.history),
        epochs=planned,
        parameters=parameters,
        test_accuracy=ended.test_accuracy if ended else None,
        test_loss=ended.test_loss if ended else None,
        macro_f1=ended.macro_f1 if ended else None,
        val_accuracy=last.val_accuracy if last else None,
        val_loss=last.val_loss if last else None,
        trend=_trend([row.val_accuracy for row in log.history]),
        seconds=sum(row.seconds for row in log.history) if log.history else None,
        training_seconds=training_seconds(log.history, data.train if data else None),
        values=fixed.values,
        group=_group(experiment, dataset, sample, origin),
        study=fixed.study,
        origin=origin.words if origin is not None else "",
        made_from=listed([short_id(each.name) for each in origin.sources if not each.sha256]) if origin else "",
        published_accuracy=published.accuracy if published else None,
        published_loss=published.loss if published else None,
        source=published.source if published else "",
    )


def _trend(values: Sequence[float | None]) -> tuple[float | None, ...]:
    count = min(len(values), TREND_POINTS)
    return tuple(values[round(at * (len(values) - 1) / max(1, count - 1))] for at in range(count))


def damage_of(folder: RunFolder, *, read_before: bool = False) -> str:
    """Say in sentences which files of a run cannot be read, or are links, pipes or devices; empty for none.

    Args:
        read_before: whether its experiment, launch and status have just been read without an error.
    """
    damage: list[str] = []
    first = (
        () if read_before else (folder.preset, folder.launch, folder.status, partial(read_origin, folder.origin_file))
    )
    for read in (*first, folder.results, partial(checked_label, folder)):
        try:
            read()
        except RequestError as error:
            damage.append(str(error).replace(f"{folder.path}/", ""))
    if why := foreign_file(folder.path):
        damage.append(f"{why}; nothing is written to this run")
    return "; ".join(damage)


def damaged_run(folder: RunFolder) -> RunSummary:
    """Return what is known about a run whose experiment, launch or status cannot be read."""
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
            "values": values_of(preset.experiment),
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


def values_of(experiment: Experiment) -> dict[str, str]:
    """Return the experiment's parameters by name, as `RunSummary.values` has them."""
    return {parameter.name: parameter.read(experiment) for parameter in PARAMETERS}


def all_scored_on(runs: Iterable[RunSummary]) -> str:
    """Return the word for the images of the runs' final evaluations (`RunSummary.scored_on`); empty for several."""
    words = {run.scored_on for run in runs}
    return words.pop() if len(words) == 1 else ""


def summary_of(folder: RunFolder) -> RunSummary:
    """Read one run's summary from its folder; raises a RunError or a PresetError where the folder is not a run's."""
    fixed = fixed_of(folder, Presets())
    summary = summary_from(folder, fixed, FiguresReader(folder.events_file).state(), read_label(folder), folder.state())
    return replace(summary, damaged=damage_of(folder, read_before=True))


def difference(preset: Experiment, experiment: Experiment) -> str:
    """List the changes to a preset, in the order of the command line's options: ``ppc 7, 20 epochs``.

    Of the path of a person's own data only the last name is told.
    """
    if preset == experiment:
        return ""
    changed = {
        parameter.name: text
        for parameter in PARAMETERS
        if (text := parameter.read(experiment)) != parameter.read(preset) and text
    }
    words = {name: f"{name} {last_name(text)}" for name, text in changed.items()}
    if "epochs" in changed:
        words["epochs"] = counted(int(changed["epochs"]), "epoch")
    if "dataset" in changed:
        words["dataset"] = last_name(changed["dataset"])
    dataset = experiment.dataset

    def on_same_data(other: Experiment) -> Experiment:
        return with_part(other, "dataset", classes=dataset.classes, image=dataset.image)

    with suppress(RequestError):  # raised for a change that options cannot make
        optional = apply_texts(preset, changed, resolve=on_same_data)
        before, now = _flat(to_mapping(optional)), _flat(to_mapping(experiment))
        others = (path for path in sorted(before | now) if before.get(path) != now.get(path))
        words |= {path: f"{path} {now.get(path, 'none')}" for path in others}
    return ", ".join(words.values()) or "layers"


def _flat(doc: Any, path: str = "") -> dict[str, Any]:
    if isinstance(doc, list) and len(doc) == 2 and all(type(part) is int for part in doc):  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        return {path: "x".join(map(str, doc))}  # pyright: ignore[reportUnknownArgumentType]
    parts: Any = doc.items() if isinstance(doc, dict) else enumerate(doc) if isinstance(doc, list) else None
    if parts is None:
        return {path: doc}
    return {key: value for at, part in parts for key, value in _flat(part, f"{path}.{at}" if path else str(at)).items()}


def _group(experiment: Experiment, dataset: str, sample: bool, origin: Origin | None) -> str:
    if (fold := experiment.dataset.fold) is not None:  # the seed decides which images are in a fold
        alike = with_part(experiment, "dataset", validation=f"folds:{fold.of}")
    else:
        alike = with_part(experiment, "training", seed=0)
    same = [dataset, sample, to_mapping(alike)]
    return _digest(same if origin is None else [*same, origin.group])


def _digest(doc: Any) -> str:
    return hashlib.sha256(json.dumps(doc, sort_keys=True).encode()).hexdigest()[:12]


CACHE = ".summaries.json"
CACHE_BYTES = 200_000_000
FILES = ("experiment.toml", "launch.json", "origin.json", "status.json", "events.jsonl", "results.json", "label.json")
FIXED_FILES = 3
"""`Fixed` is made from so many of FILES, the first ones."""
SETTLED_SECONDS = 2.0
"""Files younger than this are read again: a file may change twice within one tick of the clock."""
BATCH_SECONDS = 0.1
PLACED = ("run", "folder")
"""Fields that follow from the folder's path and are not cached."""

Signature = tuple[int, ...]


@dataclass(frozen=True)
class Change:
    """A part of the changes in a folder: new or changed summaries, newest run first, and ids of runs that are gone."""

    runs: tuple[RunSummary, ...] = ()
    gone: tuple[str, ...] = ()


@dataclass
class _Entry:
    """A run as it was when its files were last examined.

    Attributes:
        preset: the stamp of its preset (`Presets.stamp`).
        file_state: the state in its status file.
        settled: whether its files are so old that any later change would give them another time.
    """

    signature: Signature
    preset: str
    file_state: str
    settled: bool
    summary: RunSummary
    folder_time: int = 0
    fixed: Fixed | None = None
    figures: FiguresReader | None = None


class RunListing:
    """The summaries of all runs of a folder, kept up to date by `changes`. For one thread at a time.

    Attributes:
        skipped: entries of the folder that could not be examined.
    """

    def __init__(self, runs_dir: Path) -> None:
        self.runs_dir = runs_dir
        self._entries = dict[str, _Entry]()
        self.skipped = list[SkippedEntry]()
        self._loaded = self._stale = False

    @property
    def runs(self) -> dict[str, RunSummary]:
        """The summary of every run by id, as of the last call of `changes`; a run that cannot be read is damaged."""
        return {run: entry.summary for run, entry in self._entries.items()}

    def changes(self, *, whole: bool = True) -> Iterator[Change]:
        """Examine the folder and yield the changes since the last call, in parts, the first of them soon.

        Args:
            whole: whether to examine the files of every run; otherwise only those of live runs and of runs whose folder
                has got or lost a file.
        """
        presets, checked = Presets(), set[str]()
        if not self._loaded:
            self._loaded = True
            self._entries = _load(self.runs_dir / CACHE, self.runs_dir)
            yield from self._cached(presets)
            checked = set(self._entries)
        names, self.skipped = scan_folder(self.runs_dir, FILES[0])
        gone = tuple(set(self._entries) - set(names))
        for name in gone:
            del self._entries[name]
        if gone:
            self._stale = True
            yield Change(gone=gone)
        batch, began = list[RunSummary](), time.monotonic()
        for name in names:
            if name in checked:
                continue
            existed = name in self._entries
            if (changed := self._changed(name, presets, whole)) is not None:
                batch.append(changed)
            elif existed and name not in self._entries:
                yield Change(gone=(name,))
            if batch and time.monotonic() - began > BATCH_SECONDS:
                yield Change(tuple(batch))
                batch, began = [], time.monotonic()
        if batch:
            yield Change(tuple(batch))

    def _cached(self, presets: Presets) -> Iterator[Change]:
        valid = dict[str, _Entry]()
        for name, entry in self._entries.items():
            path = str(self.runs_dir / name)
            entry.folder_time = _folder_time(path)
            if _signature(path) == entry.signature and presets.stamp(entry.summary.preset) == entry.preset:
                valid[name] = entry
                if entry.file_state in LIVE:
                    entry.summary = replace(entry.summary, state=_state_of(RunFolder(self.runs_dir / name)))
        self._stale |= len(valid) != len(self._entries)
        self._entries = valid
        if valid:
            yield Change(tuple(entry.summary for _, entry in sorted(valid.items(), reverse=True)))

    def _changed(self, name: str, presets: Presets, whole: bool) -> RunSummary | None:
        entry, path = self._entries.get(name), str(self.runs_dir / name)
        folder_time = _folder_time(path)
        resting = entry is not None and entry.file_state not in LIVE and folder_time == entry.folder_time
        if entry and not whole and resting and (entry.settled or entry.summary.damaged):
            return None
        signature = _signature(path)
        if signature is None:
            self._entries.pop(name, None)
            return None
        same = entry is not None and entry.settled and entry.signature == signature
        if entry is None or not same or presets.stamp(entry.summary.preset) != entry.preset:
            return self._read(name, signature, folder_time, presets)
        entry.folder_time = folder_time
        if entry.file_state in LIVE:  # its worker may have died without a change of any file
            state = _state_of(RunFolder(self.runs_dir / name))
            if state != entry.summary.state:
                entry.summary = replace(entry.summary, state=state)
                return entry.summary
        return None

    def _read(self, name: str, signature: Signature, folder_time: int, presets: Presets) -> RunSummary | None:
        before, folder, now = self._entries.get(name), RunFolder(self.runs_dir / name), time.time_ns()
        figures = before.figures if before and before.figures else FiguresReader(folder.events_file)
        fixed_parts = 2 * FIXED_FILES
        fixed = before.fixed if before and before.signature[:fixed_parts] == signature[:fixed_parts] else None
        try:
            file_state, state = folder.status().state, folder.state()
            if fixed is None or before is None or presets.stamp(fixed.preset.name) != before.preset:
                fixed = fixed_of(folder, presets)
            summary = summary_from(folder, fixed, figures.state(), read_label(folder), state)
            damaged = before.summary.damaged if before and file_state in LIVE else damage_of(folder, read_before=True)
            summary = replace(summary, damaged=damaged)
        except (RunError, PresetError):
            summary = damaged_run(folder)
            entry = _Entry(signature, "", DAMAGED, settled=False, summary=summary, folder_time=folder_time)
            self._stale |= before is not None and before.settled
        else:
            # permissions may change and a link may appear without a trace in the signature: damaged runs are read again
            settled = _settled(signature, now) and not summary.damaged
            entry = _Entry(signature, presets.stamp(fixed.preset.name), file_state, settled, summary, folder_time)
            if state in LIVE:
                entry.fixed, entry.figures = fixed if _settled(signature[:fixed_parts], now) else None, figures
            self._stale |= settled
        self._entries[name] = entry
        return None if before is not None and before.summary == summary else summary

    def save(self) -> None:
        """Write the cache, if it would change and the folder can be written."""
        if not self._stale:
            return
        self._stale = False
        entries: dict[str, list[Any]] = {}
        for name, entry in self._entries.items():
            if entry.settled:
                summary = {field: value for field, value in vars(entry.summary).items() if field not in PLACED}
                entries[name] = [entry.signature, entry.preset, entry.file_state, summary]
        body = json.dumps(entries)
        with suppress(OSError):
            write_text(self.runs_dir / CACHE, f"{_heading(body)}\n{body}\n")


def list_runs(runs_dir: Path) -> list[RunSummary]:
    """Return the summaries of all runs of a folder, newest first; a run that cannot be read is damaged."""
    listing = RunListing(runs_dir)
    for _ in listing.changes():
        pass
    listing.save()
    return [summary for _, summary in sorted(listing.runs.items(), reverse=True)]


def _state_of(folder: RunFolder) -> str:
    try:
        return folder.state()
    except RunError:
        return DAMAGED


def _signature(path: str) -> Signature | None:
    """Return size and time of each of FILES, -1 and 0 where one is missing; None where the folder is not a run's."""
    parts: list[int] = []
    for name in FILES:
        try:
            status = os.lstat(f"{path}/{name}")  # a thousand runs: half of the time of Path's
        except OSError:
            if name == FILES[0]:
                return None
            parts += (-1, 0)
        else:
            parts += (status.st_size, status.st_mtime_ns)
    return tuple(parts)


def _settled(signature: Signature, now: int) -> bool:
    return abs(now - max(signature[1::2])) > SETTLED_SECONDS * 1e9


def _folder_time(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns  # noqa: PTH116
    except OSError:
        return 0


def _heading(body: str) -> str:
    """Return the first line of a cache, which shows that the rest is complete and of this version of the program."""
    names = [entry.name for entry in fields(RunSummary)] + [parameter.name for parameter in PARAMETERS]
    return f"{__version__} {zlib.crc32(' '.join(names).encode()):08x} {zlib.crc32(body.encode()):08x}"


def _load(cache: Path, runs_dir: Path) -> dict[str, _Entry]:
    """Return the cached runs, not yet checked; empty if the cache is missing, damaged or of another version."""
    try:
        heading, _, body = read_text(cache, CACHE_BYTES).partition("\n")
        body = body.rstrip("\n")
        if heading != _heading(body):
            return {}
        entries: dict[str, _Entry] = {}
        for name, (signature, preset, file_state, document) in parse_json(body).items():
            summary = record(RunSummary, {**document, "run": name, "folder": str(runs_dir / name)})
            entries[name] = _Entry(tuple(signature), preset, file_state, True, summary)
        return entries
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
