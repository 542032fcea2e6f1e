"""What a study's process that was killed has left: run folders that nobody trains, or will.

For the study's one present process: no other makes runs of this study.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Collection
from contextlib import suppress

from mnist_tui.runs.folder import RunError, RunFolder, Status
from mnist_tui.runs.library import delete_run, run_folders
from mnist_tui.runs.state import LIVE
from mnist_tui.studies.folder import StudyFolder


def untold(study: StudyFolder, told: Collection[str]) -> list[RunFolder]:
    """The study's runs that its log does not name: the process was killed between making a run and telling of it.

    Args:
        told: ids of the runs that the log names.
    """
    others = [run for run in run_folders(study.runs_dir) if run.id not in told]
    return [run for run in others if _made_by(run, study)]


def remove(run: RunFolder, study: StudyFolder) -> None:
    """Removes a run of the study, unless it is another's or somebody has gone on with it."""
    with suppress(RunError, TypeError):
        if not _made_by(run, study):
            return
        if run.status().state == "starting" and not run.status().pid:  # made, and never taken on
            run.write_status(Status("stopped", host=socket.gethostname(), heartbeat=time.time()))
        if run.state() not in LIVE:
            delete_run(run)


def _made_by(run: RunFolder, study: StudyFolder) -> bool:
    try:
        return run.launch().study == study.id
    except (RunError, TypeError):
        return False
