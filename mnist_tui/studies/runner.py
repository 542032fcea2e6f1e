"""The process of a study: `python -m mnist_tui.studies.runner FOLDER`. Started by `start`.

It starts the workers, trains the missing trials, and logs what happens. It prints into the study's log, and holds the
study's lock while it lives. SIGTERM or SIGINT stops the study; a second signal stops it without waiting for its trials.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import TYPE_CHECKING

from mnist_tui import clocks
from mnist_tui.errors import RequestError
from mnist_tui.files import FULL, why_unwritten
from mnist_tui.runs import control
from mnist_tui.runs.event_log import EventLog
from mnist_tui.runs.process_folder import Lock
from mnist_tui.studies.coordinator import Coordinator
from mnist_tui.studies.events import StudyEnded, StudyTail
from mnist_tui.studies.folder import StatusWriter, StudyFolder
from mnist_tui.studies.start import lock_study

if TYPE_CHECKING:
    from mnist_tui.studies.cluster import Cluster

DONE, FAILED, REFUSED = 0, 1, 2
PATIENCE_SECONDS = 10.0
LOOK_SECONDS = 0.1


def main(argv: list[str] | None = None) -> int:
    """Run a study. Returns the exit code: 0 done (also where it was stopped or trials failed), 1 failed, 2 refused."""
    parser = argparse.ArgumentParser(prog="python -m mnist_tui.studies.runner", description=__doc__)
    parser.add_argument("study", type=Path, metavar="FOLDER", help="the study's folder")
    parser.add_argument("--lock", type=int, metavar="FD", help="the study's lock, already held, as an open file")
    arguments = parser.parse_args(argv)
    folder, signals = StudyFolder(arguments.study), list[int]()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: signals.append(number))
    beat = StatusWriter(folder)
    try:
        held = arguments.lock
        lock = Lock(folder, held) if held is not None else lock_study(folder, patience=PATIENCE_SECONDS)
        beat("starting")
    except RequestError as error:
        say(str(error))
        return REFUSED
    except OSError as error:
        say(f"the study's folder cannot be used: {why_unwritten(error)}")
        return REFUSED
    try:
        say(f"study {folder.id}: {folder.study().title}")
        _end_study(folder, beat, *_run_study(folder, lambda: len(signals), beat))
        return DONE
    except Exception as error:
        reason = str(error)
        if isinstance(error, OSError):
            reason = f"a file could not be read or written: {why_unwritten(error)}"
        elif not isinstance(error, RequestError):
            reason = f"something unexpected went wrong ({type(error).__name__}); see {folder.log_file}"
        if not isinstance(error, RequestError) and getattr(error, "errno", None) not in FULL:
            traceback.print_exc()
        say(reason)
        _end_study(folder, beat, "failed", reason)
        return FAILED
    finally:
        say(f"study {folder.id} is {beat.state}")
        lock.release()


def say(text: str) -> None:
    """Print a line, with the time, into the study's log."""
    print(time.strftime("%H:%M:%S"), text, file=sys.stderr, flush=True)


def _run_study(folder: StudyFolder, stops: Callable[[], int], beat: StatusWriter) -> tuple[str, str]:
    """Start the workers and train the trials. Returns the state in which the study ended, and why."""
    starting = ThreadPoolExecutor(1).submit(_start_cluster, folder)  # it may take a minute
    while not wait([starting], LOOK_SECONDS).done:
        beat("starting")
        if stops() or control.waiting_commands(folder, "stop"):
            shutil.rmtree(folder.scratch, ignore_errors=True)
            return "stopped", "stopped before its workers were up"
    with starting.result() as cluster:
        return Coordinator(folder, cluster, stops, beat).run()


def _start_cluster(folder: StudyFolder) -> Cluster:
    from mnist_tui.studies.cluster import Cluster

    return Cluster(folder, say)


def _end_study(folder: StudyFolder, beat: StatusWriter, state: str, reason: str) -> None:
    try:
        log = EventLog(folder.events_file)
        when = max([clocks.now(), *(event.time for event in StudyTail(folder.events_file).read_all())])
        log.append(StudyEnded(time=when, state=state, reason=reason))
        log.close()
        beat(state, reason)
        control.settle(folder, control.waiting_commands(folder))
    except OSError as error:
        say(f"the end of the study cannot be written: {error}")


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # do not wait for a thread of Dask's that waits for a worker which hangs
