"""Select the trainings that a reproduction is missing, and find the study that already trains them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from mnist_tui.errors import RequestError
from mnist_tui.experiment.presets import Preset, mathematics
from mnist_tui.experiment.spec import Experiment
from mnist_tui.studies.folder import StudyFolder, study_folders
from mnist_tui.studies.reproduction.table import ReproductionRow
from mnist_tui.studies.spec import Study, StudyBase
from mnist_tui.studies.state import LIVE
from mnist_tui.studies.trials import plan_trials
from mnist_tui.studies.watch import read_study

Training = tuple[Experiment, int]
"""An experiment without its seed, and the seed."""
SAME = ("device", "threads", "data_dir")
"""Settings in which two studies of the same trainings may not differ. The workers may."""


@dataclass(frozen=True)
class MissingSeeds:
    """The seeds of an experiment that must be trained: at least one, in rising order."""

    row: ReproductionRow
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class MissingTrainings:
    """The bases of the study that trains what is missing, and the experiments that they name."""

    bases: tuple[StudyBase, ...]
    presets: Mapping[str, Preset]
    trainings: frozenset[Training]


def missing_seeds(rows: Iterable[ReproductionRow], *, again: bool = False) -> tuple[MissingSeeds, ...]:
    """Return the seeds without a run, or all seeds to train them again. Rows of one experiment share their runs."""
    first: dict[Experiment, ReproductionRow] = {}
    seeds: dict[Experiment, set[int]] = {}
    for row in rows:
        experiment = row.published.mathematics
        first.setdefault(experiment, row)
        seeds.setdefault(experiment, set()).update(range(row.wanted) if again else row.missing)
    return tuple(MissingSeeds(first[experiment], tuple(sorted(found))) for experiment, found in seeds.items() if found)


def missing_trainings(parts: Iterable[MissingSeeds]) -> MissingTrainings:
    """Return what a study must train, given the missing seeds."""
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
    """Return ranges of consecutive seeds as first seed and count: ``(0, 1, 4)`` → ``[(0, 2), (4, 1)]``."""
    runs = groupby(enumerate(seeds), key=lambda pair: pair[1] - pair[0])
    found = [[seed for _, seed in run] for _, run in runs]
    return [(run[0], len(run)) for run in found]


def find_unfinished(runs_dir: Path, study: Study, trainings: frozenset[Training]) -> StudyFolder | None:
    """Find the newest reproduction that still has exactly these trainings to do, with the settings of `study`.

    Raises:
        RequestError: a running reproduction trains some of them, among others.
    """
    for folder in study_folders(runs_dir):
        try:
            kept, standing = folder.study(), folder.state()
            if kept.kind != "reproduction" or standing == "finished":
                continue
            left = _left(folder, kept)
        except RequestError:
            continue
        if left == trainings and all(getattr(kept, name) == getattr(study, name) for name in SAME):
            return folder
        if standing in LIVE and left & trainings:
            raise RequestError(
                f"study {folder.id} is running and trains some of these: `mnist-tui attach {folder.id}` shows it, "
                f"`mnist-tui studies stop {folder.id}` stops it"
            )
    return None


def _left(folder: StudyFolder, study: Study) -> frozenset[Training]:
    rows = {row.number: row for row in read_study(folder).rows}
    return frozenset(
        (mathematics(trial.preset.experiment), trial.seed)
        for trial in plan_trials(study, folder.bases())
        if trial.number not in rows or not rows[trial.number].settled
    )
