"""Does one thing again and again, each time killed before its next effect on the disk. For tests.

Usage: killed_commands.py CASE PLACE. Attempt N works in PLACE/N and is killed by SIGKILL before its Nth effect: a file
opened for writing, renamed or removed, a folder made, a process started. The last attempt comes to its end. Prints how
many attempts there were. In the place of workers and of studies' processes stand modules called `idle_worker`.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil  # noqa: F401 - imported here once, not in every attempt

from mnist_tui.experiment.presets import find_preset
from mnist_tui.runs import control, start
from mnist_tui.runs.folder import Launch, RunFolder, create
from mnist_tui.runs.process_folder import Status, this_process
from mnist_tui.studies import start as studies
from mnist_tui.studies.folder import StudyFolder
from mnist_tui.studies.spec import Study, StudyBase, checked
from mnist_tui.studies.start import StudyRequest, create_study

EFFECTS = ("os.rename", "os.remove", "os.mkdir", "os.truncate", "subprocess.Popen")
WRITING = os.O_WRONLY | os.O_RDWR
LAUNCH = Launch(created=1_700_000_000.0, command="mnist-tui train --preset raw", device="cpu")
Case = tuple[Callable[[Path], Any], Callable[[Any], object]]


def killed_before(number: int) -> None:
    """Has this process killed before its `number`th effect from now on."""
    left = [number]

    def look(event: str, arguments: tuple[Any, ...]) -> None:
        if event in EFFECTS or (event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING):
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(look)


def ended(place: Path, status: Status) -> RunFolder:
    run = create(place, find_preset("raw"), LAUNCH)
    run.checkpoint.mkdir()
    run.checkpoint_file.write_text("{}")
    run.write_status(status)
    return run


def study() -> Study:
    return checked(
        kind="seeds",
        title="a study",
        bases=(StudyBase(preset="raw", first_seed=0, seeds=2),),
        device="cpu",
        threads=1,
        data_dir=None,
        allow_sample=False,
        created=1_700_000_000.0,
        command="mnist-tui train --seeds 2",
    )


def made_study(place: Path, status: Status) -> StudyFolder:
    folder = create_study(place, StudyRequest(study(), {"raw": find_preset("raw")}))
    folder.write_status(status)
    return folder


def owing(place: Path) -> RunFolder:
    """A stopped run that was asked for three more epochs and did not live to train them."""
    run = ended(place, Status("stopped"))
    control.write_command(run, control.Command("extend", 3))
    control.write_command(run, control.Command("pause"))
    return run


CASES: dict[str, Case] = {
    "train": (lambda place: place, lambda place: start.start_worker(create(place, find_preset("raw"), LAUNCH))),
    "resume": (owing, start.resume),
    "extend": (owing, lambda run: start.extend(run, 2)),
    "extend live": (
        lambda place: ended(place, this_process("running")),
        lambda run: control.write_command(run, control.Command("extend", 2)),
    ),
    "sweep": (
        lambda place: place,
        lambda place: studies.start(create_study(place, StudyRequest(study(), {"raw": find_preset("raw")}))),
    ),
    "resume a study": (lambda place: made_study(place, Status("stopped")), studies.resume),
    "stop a study": (lambda place: made_study(place, this_process("running")), studies.stop),
}


def main() -> int:
    name, place = sys.argv[1], Path(sys.argv[2])
    prepare, act = CASES[name]
    start.WORKER = studies.RUNNER = "idle_worker"
    number = 0
    while True:
        number += 1
        here = place / str(number)
        here.mkdir(parents=True)
        given = prepare(here)
        child = os.fork()
        if not child:
            killed_before(number)
            act(given)
            os._exit(0)
        _, how = os.waitpid(child, 0)
        if os.waitstatus_to_exitcode(how) != -signal.SIGKILL:
            print(number, os.waitstatus_to_exitcode(how))
            return 0


if __name__ == "__main__":
    raise SystemExit(main())
