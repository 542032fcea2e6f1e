"""Starts, stops and continues studies: processes of their own that outlive whoever started them."""

from __future__ import annotations

import subprocess
import time
from contextlib import suppress
from importlib.util import find_spec

from mnist_tui import python_process
from mnist_tui.experiment.problem import RequestError
from mnist_tui.files import discard, open_append, why_unwritten
from mnist_tui.python_process import reap
from mnist_tui.runs import control
from mnist_tui.runs.control import Command
from mnist_tui.runs.folder import Lock, WrittenError, status_of
from mnist_tui.studies import scheduler_address
from mnist_tui.studies.folder import StudyError, StudyFolder
from mnist_tui.studies.spec import Study
from mnist_tui.studies.state import LIVE, replayed
from mnist_tui.wording import counted

RUNNER = "mnist_tui.studies.runner"
PATIENCE_SECONDS = 5.0
LOOK_SECONDS = 0.05
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
    """Starts the process of a new study.

    Raises:
        RequestError: the extra is not installed, no process can be started, or the study's folder cannot be written;
            then it is removed.
    """
    try:
        require_extra()
        _started(folder)
    except RequestError:
        with suppress(OSError):  # it has not begun, and nobody is told of it
            discard(folder.path)
        raise


def _started(folder: StudyFolder, lock: Lock | None = None) -> None:
    process = None
    held, fds = ([], ()) if lock is None else (["--lock", str(lock.fileno())], (lock.fileno(),))
    try:
        with open_append(folder.log_file) as log:
            process = subprocess.Popen(
                python_process.module(RUNNER, str(folder.path.absolute()), *held),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=python_process.WORKING_DIRECTORY,
                env=python_process.environment(),
                pass_fds=fds,
            )
        if lock is not None:
            lock.hand_over(process.pid)
        folder.write_status(status_of(process.pid, "starting"))
    except OSError as error:
        if process is not None:
            process.kill()
            process.wait()
        raise StudyError(f"study {folder.id} cannot be started: {why_unwritten(error)}") from None
    reap(process, folder.log_file)


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

    Of two who resume a study at once, one finds its lock taken and has changed nothing.

    Args:
        study: the same study asked for anew; where its trials are to run from now on.

    Raises:
        StudyError: its process lives, nothing is missing, or its folder cannot be written.
        RequestError: the extra is not installed, or no scheduler answers where its trials are to run.
    """
    require_extra()
    _check_resumable(folder)
    kept = folder.study()
    scheduler = (study or kept).scheduler
    if scheduler is not None:
        scheduler_address.check(scheduler)
    try:
        lock = _locked(folder)
        try:
            _check_resumable(folder)
            if study is not None:
                folder.write_study(kept.model_copy(update={"workers": study.workers, "scheduler": study.scheduler}))
            control.settle(folder.as_run, control.waiting(folder.as_run))  # orders to stop, which this replaces
            _started(folder, lock)
        finally:
            lock.release()
    except OSError as error:
        raise StudyError(f"study {folder.id} cannot go on: {why_unwritten(error)}") from None


def _check_resumable(folder: StudyFolder) -> None:
    state = folder.state()
    if state in LIVE:
        raise StudyError(f"study {folder.id} is {state}; `mnist-tui attach {folder.id}` shows it")
    told = replayed(folder.events_file)
    if state == "finished" and all(row.settled for row in told.rows):
        raise StudyError(f"all {counted(told.rows, 'trial')} of study {folder.id} are done; nothing is missing")


def _locked(folder: StudyFolder) -> Lock:
    """The right to write the study; its last process may need a moment to end."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return Lock(folder.as_run)
        except WrittenError:
            if time.monotonic() >= end or folder.state() in LIVE:
                raise StudyError(f"study {folder.id} is being run by another process") from None
            time.sleep(LOOK_SECONDS)
