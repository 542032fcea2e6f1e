"""The table of a reproduction: published figures beside our runs, what is missing, and the study that trains it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path
from statistics import median
from typing import Any

from mnist_tui.data.known import KNOWN, KnownDataset
from mnist_tui.errors import RequestError, RunError
from mnist_tui.experiment.complexity import of
from mnist_tui.experiment.layers import BatchNormalization, Conv2D, walk
from mnist_tui.experiment.preset_files import PresetError, builtin_folder
from mnist_tui.experiment.presets import Preset, mathematics
from mnist_tui.experiment.spec import Experiment
from mnist_tui.files import read_text
from mnist_tui.runs.collection.seed_groups import LOSS, SHARE, SeedStatistics, summary
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.library import run_folders
from mnist_tui.studies.folder import StudyFolder, study_folders
from mnist_tui.studies.reproduction.published_experiments import PublishedExperiment, PublishedSource, Verdict, verdict
from mnist_tui.studies.spec import Study, StudyBase
from mnist_tui.studies.state import LIVE
from mnist_tui.studies.trials import plan_trials
from mnist_tui.studies.watch import read_study

PACKAGES = ("tensorflow", "keras", "mnist-tui")


@dataclass(frozen=True, order=True)
class Machine:
    """The machine that a run was computed on, without its name, which could identify its owner.

    Attributes:
        memory: in GB (10⁹ bytes).
        versions: pairs of a package and its version, for those of PACKAGES that the run recorded.
    """

    cpu: str
    cores: int
    memory: int
    os: str
    python: str
    versions: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class FinishedRun:
    """A run that counts for a published experiment.

    Attributes:
        accuracy, loss: on the test set.
        seconds: from the reading of the data to the end of the evaluation.
        training: the part of these seconds that the epochs took.
        device: the name of the GPU; without a GPU TensorFlow's name for the kind of device.
        threads: None where they were not recorded.
        created: seconds since the Unix epoch.
    """

    run: str
    seed: int
    accuracy: float
    loss: float
    seconds: float
    training: float
    epochs: int
    device: str
    threads: int | None
    machine: Machine
    created: float


FoundRuns = Mapping[Experiment, Mapping[int, FinishedRun | None]]
"""For each experiment (without its seed) and seed the newest run that counts; None if all its runs diverged."""


def _is_published(known: KnownDataset, data: Mapping[str, Any]) -> bool:
    """Return whether a run had the published data; without checksums, images are counted when they are read."""
    if known.sha256:
        return not data.get("sample") and data.get("sha256") == dict(known.sha256)
    return not known.sample and data.get("title") == known.title


def find_runs(runs_dir: Path, experiments: Collection[Experiment]) -> FoundRuns:
    """Find the runs of some experiments that were trained to their end; folders that cannot be read are skipped.

    Args:
        experiments: without their seeds, as `presets.mathematics` returns them.
    """
    wanted = set(experiments)
    found: dict[Experiment, dict[int, FinishedRun | None]] = {}
    for folder in run_folders(runs_dir):
        try:
            state = folder.state()
            if state not in ("finished", "diverged") or folder.origin is not None:
                continue
            results, preset = folder.results() or {}, folder.preset()
            experiment, seed = mathematics(preset.experiment), preset.experiment.training.seed
            entry, data = KNOWN.get(experiment.dataset.name), results.get("dataset") or {}
            if experiment not in wanted or entry is None or not _is_published(entry, data):
                continue
            seeds = found.setdefault(experiment, {})
            if state == "diverged":
                seeds.setdefault(seed)
            elif results.get("state", "finished") == "finished" and results.get("test"):
                run = _finished_run(folder, seed, results)
                seeds[seed] = max(run, seeds.get(seed) or run, key=lambda run: (run.created, run.run))
        except (RunError, PresetError, TypeError, ValueError, KeyError):
            continue
    return found


def _finished_run(folder: RunFolder, seed: int, results: Mapping[str, Any]) -> FinishedRun:
    test, timings, platform = results["test"], results["timings"], results["platform"]
    versions = platform.get("versions") or {}
    machine = Machine(
        cpu=str(platform.get("cpu") or "unknown processor"),
        cores=int(platform.get("cores") or 0),
        memory=round(int(platform.get("memory") or 0) / 1e9),
        os=str(platform.get("os") or "").partition(" (Linux ")[0],
        python=str(platform.get("python") or ""),
        versions=tuple((name, str(versions[name])) for name in PACKAGES if name in versions),
    )
    kind = str(platform.get("device", "")).partition(":")[0]
    return FinishedRun(
        run=folder.id,
        seed=seed,
        accuracy=float(test["accuracy"]),
        loss=float(test["loss"]),
        seconds=float(timings["total"]),
        training=float(timings["train"]),
        epochs=int(results["epochs_run"]),
        device=str(platform.get("device_name") or kind) if kind == "GPU" else kind,
        threads=platform.get("threads") or None,
        machine=machine,
        created=folder.launch().created,
    )


ALIKE = 1.25
"""Networks whose multiply-accumulates differ by no more than this factor are assumed to train equally fast."""
MISSES_FILE = "MISSES.md"
"""The file with explanations of misses, in the folder of the presets."""


@dataclass(frozen=True)
class ReproductionRow:
    """A published experiment with the results of our runs.

    Attributes:
        runs: the runs that count, in the order of their seeds.
        wanted: the number of seeds to train, from 0 on.
        estimate: the time that a run will take; None where nothing similar was run.
        explanation: why our accuracy misses the published one, as the presets' authors explain it; empty for none.
        diverged: seeds whose training diverged, so that they have no result.
    """

    published: PublishedExperiment
    runs: tuple[FinishedRun, ...]
    wanted: int
    estimate: Estimate | None = None
    explanation: str = ""
    diverged: tuple[int, ...] = ()

    @cached_property
    def accuracy(self) -> SeedStatistics | None:
        """The statistics of our test accuracy over the seeds; None without a run."""
        return summary((run.accuracy for run in self.runs), within=SHARE)

    @cached_property
    def loss(self) -> SeedStatistics | None:
        """The statistics of our test loss over the seeds; None without a run."""
        return summary((run.loss for run in self.runs), within=LOSS)

    @cached_property
    def verdict(self) -> Verdict:
        return verdict(self.published.rule, self.published.accuracy, self.accuracy)

    @property
    def missing(self) -> tuple[int, ...]:
        """The wanted seeds without a run that counts, except those that diverged."""
        done = {run.seed for run in self.runs} | set(self.diverged)
        return tuple(seed for seed in range(self.wanted) if seed not in done)

    @property
    def seconds(self) -> float | None:
        """The median time of the runs; None without a run."""
        return median(run.seconds for run in self.runs) if self.runs else None


@dataclass(frozen=True)
class SourceRows:
    """The rows of a source's experiments."""

    source: PublishedSource
    rows: tuple[ReproductionRow, ...]


@dataclass(frozen=True)
class ReproductionTable:
    """The rows of a reproduction, by source."""

    parts: tuple[SourceRows, ...]

    @property
    def rows(self) -> tuple[ReproductionRow, ...]:
        return tuple(row for part in self.parts for row in part.rows)

    @property
    def runs(self) -> tuple[FinishedRun, ...]:
        """The runs of all rows; a run that counts for two rows is here once."""
        return tuple({run.run: run for row in self.rows for run in row.runs}.values())

    @property
    def machines(self) -> tuple[Machine, ...]:
        """The machines that the runs were computed on, the one with most runs first."""
        every = [run.machine for run in self.runs]
        return tuple(sorted(set(every), key=lambda machine: (-every.count(machine), machine)))


def build_table(
    sources: Sequence[PublishedSource],
    found: FoundRuns,
    *,
    among: Sequence[PublishedSource],
    seeds: int | None = None,
    explanations: Mapping[str, str] | None = None,
) -> ReproductionTable:
    """Return the table of some sources' experiments.

    Args:
        sources: the sources whose experiments get a row.
        found: our runs of all experiments in `among`.
        among: all sources; the times of runs are estimated from the runs of all their experiments.
        seeds: the number of seeds that count, from 0 on; None for the number that each experiment's rule needs.
        explanations: of misses, by id.
    """
    every = (published for source in among for published in source.experiments)
    others = list({published.mathematics: published for published in every}.values())

    def row(published: PublishedExperiment) -> ReproductionRow:
        wanted = seeds or published.rule.seeds
        runs = {seed: run for seed, run in sorted(found.get(published.mathematics, {}).items()) if seed < wanted}
        return ReproductionRow(
            published,
            tuple(run for run in runs.values() if run is not None),
            wanted,
            estimate_time(published, found, others),
            " ".join(text for name in published.ids if (text := (explanations or {}).get(name))),
            tuple(seed for seed, run in runs.items() if run is None),
        )

    return ReproductionTable(tuple(SourceRows(source, tuple(map(row, source.experiments))) for source in sources))


@dataclass(frozen=True)
class Estimate:
    """The estimated time of one run.

    Attributes:
        seconds: elapsed time, on the machine of the runs that the estimate is taken from.
        at_most: whether early stopping may end the run sooner.
        like: the id of the experiment whose runs the estimate is taken from.
    """

    seconds: float
    at_most: bool
    like: str


def estimate_time(
    published: PublishedExperiment, found: FoundRuns, others: Sequence[PublishedExperiment]
) -> Estimate | None:
    """Estimate the time of a run from runs of the same experiment, else of the most similar one; None without any."""
    experiment = published.mathematics
    runs = {experiment: list(filter(None, seeds.values())) for experiment, seeds in found.items()}
    if own := runs.get(experiment):
        return Estimate(median(run.seconds for run in own), at_most=False, like=published.ids[0])
    ratios = [
        (of(experiment).macs / of(other.mathematics).macs, other)
        for other in others
        if runs.get(other.mathematics) and _family(other.mathematics) == _family(experiment)
    ]
    similar = [(ratio, other) for ratio, other in ratios if 1 / ALIKE <= ratio <= ALIKE]
    if not similar:
        return None
    ratio, nearest = min(similar, key=lambda pair: (max(pair[0], 1 / pair[0]), pair[1].ids))
    per_epoch = ratio * median(run.training / max(1, run.epochs) for run in runs[nearest.mathematics])
    other_work = median(run.seconds - run.training for run in runs[nearest.mathematics])
    training = experiment.training
    return Estimate(other_work + training.epochs * per_epoch, training.early_stopping is not None, nearest.ids[0])


def _family(experiment: Experiment) -> tuple[object, ...]:
    """Return the properties that must be equal for networks of similar size to take similar times."""
    kinds = {type(layer) for layer in walk(experiment.layers)}
    return (
        experiment.trains_in_epochs,
        experiment.training.batch_size,
        Conv2D in kinds,
        BatchNormalization in kinds,
        experiment.features.kind,
        experiment.dataset.validates_on_evaluated,
    )


def read_explanations(path: Path | None = None) -> Mapping[str, str]:
    """Read the explanations of misses: for each heading ``## ID`` the text below it, in one line, by id.

    Args:
        path: the file; None for the one in the folder of the presets. A missing file has no explanations.
    """
    try:
        text = read_text(path or builtin_folder() / MISSES_FILE, follow_links=True)
    except FileNotFoundError:
        return {}
    _, *parts = re.split(r"^## +(\S+) *$", text, flags=re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in zip(parts[::2], parts[1::2], strict=True)}


Training = tuple[Experiment, int]
"""An experiment without its seed, and the seed."""
SAME = ("device", "threads", "data_dir")
"""Settings that a study must share with an unfinished one in order to be resumed as that; the workers may differ."""


@dataclass(frozen=True)
class MissingSeeds:
    """The seeds of an experiment that must be trained: one or more, in ascending order."""

    row: ReproductionRow
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class MissingTrainings:
    """The trainings that are missing, and the bases and presets of a study that trains them."""

    bases: tuple[StudyBase, ...]
    presets: Mapping[str, Preset]
    trainings: frozenset[Training]


def missing_seeds(rows: Iterable[ReproductionRow], *, again: bool = False) -> tuple[MissingSeeds, ...]:
    """Return the missing seeds of each experiment, or all its seeds if it is to be trained again.

    Rows of the same experiment share their runs, so that the first row gets the seeds of all.
    """
    seeds: dict[Experiment, tuple[ReproductionRow, set[int]]] = {}
    for row in rows:
        _, missing = seeds.setdefault(row.published.mathematics, (row, set()))
        missing.update(range(row.wanted) if again else row.missing)
    return tuple(MissingSeeds(row, tuple(sorted(missing))) for row, missing in seeds.values() if missing)


def missing_trainings(parts: Iterable[MissingSeeds]) -> MissingTrainings:
    """Return the trainings that a study must do, given the missing seeds."""
    bases: list[StudyBase] = []
    presets: dict[str, Preset] = {}
    trainings: set[Training] = set()
    for part in parts:
        preset = part.row.published.preset
        for first, count in seed_ranges(part.seeds):
            stem = preset.name if preset.name not in presets else f"{preset.name}-from-seed-{first}"
            bases.append(StudyBase(preset=stem, first_seed=first, seeds=count))
            presets[stem] = preset
        trainings |= {(part.row.published.mathematics, seed) for seed in part.seeds}
    return MissingTrainings(tuple(bases), presets, frozenset(trainings))


def seed_ranges(seeds: Sequence[int]) -> list[tuple[int, int]]:
    """Return the ranges of consecutive seeds, as first seed and count: ``(0, 1, 4)`` → ``[(0, 2), (4, 1)]``."""
    groups = groupby(enumerate(seeds), key=lambda pair: pair[1] - pair[0])
    ranges = [[seed for _, seed in group] for _, group in groups]
    return [(seeds[0], len(seeds)) for seeds in ranges]


def find_unfinished(runs_dir: Path, study: Study, trainings: frozenset[Training]) -> StudyFolder | None:
    """Return the newest reproduction that has exactly these trainings left, with the settings of `study`.

    Raises:
        RequestError: a running reproduction trains some of them, but not exactly these.
    """
    for folder in study_folders(runs_dir):
        try:
            kept, state = folder.study(), folder.state()
            if kept.kind != "reproduction" or state == "finished":
                continue
            rows = {row.number: row for row in read_study(folder).rows}
            left = frozenset(
                (mathematics(trial.preset.experiment), trial.seed)
                for trial in plan_trials(kept, folder.bases())
                if trial.number not in rows or not rows[trial.number].settled
            )
        except RequestError:
            continue
        if left == trainings and all(getattr(kept, name) == getattr(study, name) for name in SAME):
            return folder
        if state in LIVE and left & trainings:
            raise RequestError(
                f"study {folder.id} is running and trains some of these: `mnist-tui attach {folder.id}` shows it, "
                f"`mnist-tui studies stop {folder.id}` stops it"
            )
    return None
