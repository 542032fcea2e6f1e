"""The runs that a person's words mean: one run, or all of a group of seeds."""

from __future__ import annotations

from pathlib import Path

from mnist_tui.runs.collection.seed_groups import seed_groups
from mnist_tui.runs.folder import RunError, RunFolder
from mnist_tui.runs.library import AmbiguousRunError, find_run, list_runs
from mnist_tui.wording import counted


def find_runs(runs_dir: Path, text: str) -> list[RunFolder]:
    """The run that `text` means, else all runs of the group of seeds with that id or name, in order of their seeds.

    Raises:
        RunError: it means none.
        AmbiguousRunError: it means several runs, or several groups.
    """
    try:
        return [find_run(runs_dir, text)]
    except RunError as none:
        groups = [
            group
            for group in seed_groups(list_runs(runs_dir))
            if text in {group.group, *(run.shown_name for run in group.runs)}
        ]
        if not groups:
            raise none from None
    if len(groups) > 1:
        some = ", ".join(f"{group.group} ({counted(group.runs, 'run')})" for group in groups)
        raise AmbiguousRunError(f"{text!r} is the name of {len(groups)} groups of seeds; give an id: {some}")
    return [RunFolder(Path(run.folder)) for run in sorted(groups[0].runs, key=lambda run: (run.seed, run.started))]
