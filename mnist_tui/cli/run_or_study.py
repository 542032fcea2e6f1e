"""Find the runs or the study that a person's words on the command line mean."""

from __future__ import annotations

from pathlib import Path

from mnist_tui.errors import RunError
from mnist_tui.runs.collection.seed_groups import seed_groups
from mnist_tui.runs.collection.summaries import list_runs
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.library import AmbiguousRunError, find_run
from mnist_tui.studies.folder import StudyError, StudyFolder, find_study
from mnist_tui.studies.state import replayed
from mnist_tui.wording import counted


def run_or_study(runs_dir: Path, text: str) -> RunFolder | StudyFolder:
    """Return the run that `text` means, else the study; ``latest`` is the newest run.

    Raises:
        RunError: it means neither, or several runs.
    """
    try:
        return find_run(runs_dir, text)
    except RunError as error:
        study = None if isinstance(error, AmbiguousRunError) else _study(runs_dir, text)
        if study is None:
            raise
        return study


def runs_of(runs_dir: Path, text: str) -> list[RunFolder]:
    """Return the runs that `text` means: one run, those of a study in the order of its trials, or a group of seeds.

    Raises:
        RunError: it means none, several runs or several groups.
        StudyError: it means a study that has no runs.
    """
    try:
        return [find_run(runs_dir, text)]
    except AmbiguousRunError:
        raise
    except RunError as error:
        not_found = error
    study = _study(runs_dir, text)
    if study is None or text not in (study.id, str(study.path)):
        groups = [
            group
            for group in seed_groups(list_runs(runs_dir))
            if text in {group.group, *(run.shown_name for run in group.runs)}
        ]
        if len(groups) > 1:
            some = ", ".join(f"{group.group} ({counted(group.runs, 'run')})" for group in groups)
            raise AmbiguousRunError(f"{text!r} is the name of {len(groups)} groups of seeds; give an id: {some}")
        if groups:
            by_seed = sorted(groups[0].runs, key=lambda run: (run.seed, run.started))
            return [RunFolder(Path(run.folder)) for run in by_seed]
    if study is None:
        raise not_found
    return runs_of_study(study)


def runs_of_study(study: StudyFolder) -> list[RunFolder]:
    """Return the runs of a study that exist, in the order of its trials. Raises StudyError where there are none."""
    named = [study.run(row.run) for row in replayed(study.events_file).rows if row.run]
    existing = [folder for folder in named if folder.experiment_file.is_file()]
    if not existing:
        raise StudyError(f"study {study.id} has no runs" + (": they were deleted" if named else " yet"))
    return existing


def _study(runs_dir: Path, text: str) -> StudyFolder | None:
    """Return the study that `text` means, if any; ``latest`` is a run."""
    if text == "latest":
        return None
    try:
        return find_study(runs_dir, text)
    except StudyError:
        return None
