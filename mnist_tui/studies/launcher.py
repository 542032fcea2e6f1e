"""Starts, stops and continues studies: processes of their own that outlive whoever started them."""

from __future__ import annotations

import subprocess
from importlib.util import find_spec

from mnist_tui import python_process
from mnist_tui.experiment.problem import RequestError
from mnist_tui.files import open_append
from mnist_tui.runs import control
from mnist_tui.runs.control import Command
from mnist_tui.runs.folder import status_of
from mnist_tui.runs.launcher import reap
from mnist_tui.studies import scheduler_address
from mnist_tui.studies.folder import StudyError, StudyFolder
from mnist_tui.studies.spec import Study
from mnist_tui.studies.state import LIVE, replayed

RUNNER = "mnist_tui.studies.runner"
EXTRA = {"distributed": "dask.distributed", "optuna": "optuna"}
"""What the extra `study` installs: modules, and what a person knows them as."""


def require_extra() -> None:
    """Makes sure that what studies need is installed.

    Raises:
        RequestError: it is not; the text has the command that installs it.
    """
    missing = [title for module, title in EXTRA.items() if find_spec(module) is None]
    if missing:
        raise RequestError(
            f"studies need {' and '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not installed: "
            "pip install 'mnist-tui[study]'"
        )


def start(folder: StudyFolder) -> None:
    """Starts the study's process: it trains all that is missing.

    Raises:
        RequestError: the extra is not installed.
        OSError: no process can be started.
    """
    require_extra()
    with open_append(folder.log_file) as log:
        process = subprocess.Popen(
            python_process.module(RUNNER, str(folder.path.absolute())),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=python_process.WORKING_DIRECTORY,
            env=python_process.environment(),
        )
    folder.write_status(status_of(process.pid, "starting"))
    reap(process)


def stop(folder: StudyFolder) -> bool:
    """Has the study stop: no further trial begins, those under way stop and count as missing.

    Returns:
        Whether it was stopping already: then it ends at once, and waits for no trial.

    Raises:
        StudyError: it has no process that could obey.
    """
    state = folder.state()
    if state not in LIVE:
        raise StudyError(f"study {folder.id} is {state}: there is nothing to stop")
    control.leave(folder.as_run, Command("stop"))
    return state == "stopping"


def resume(folder: StudyFolder, study: Study | None = None) -> None:
    """Has a new process train what is missing: trials that are waiting, stopped or failed.

    Args:
        study: the same study asked for anew; where its trials are to run from now on.

    Raises:
        StudyError: its process lives, or nothing is missing.
        RequestError: the extra is not installed, or no scheduler answers where its trials are to run.
        OSError: no process can be started.
    """
    require_extra()
    state = folder.state()
    if state in LIVE:
        raise StudyError(f"study {folder.id} is {state}; `mnist-tui attach {folder.id}` shows it")
    told = replayed(folder.events_file)
    if state == "finished" and all(row.settled for row in told.rows):
        raise StudyError(f"all {len(told.rows)} trials of study {folder.id} are done; nothing is missing")
    kept = folder.study()
    scheduler = (study or kept).scheduler
    if scheduler is not None:
        scheduler_address.check(scheduler)
    if study is not None:
        folder.write_study(kept.model_copy(update={"workers": study.workers, "scheduler": study.scheduler}))
    folder.check_own_files()
    for command in control.waiting(folder.as_run):
        control.withdraw(command)
    start(folder)
