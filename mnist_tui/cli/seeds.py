"""`train --seeds N`: the same experiment with N seeds, as a study; then what they reached together."""

from __future__ import annotations

import time
from pathlib import Path

from mnist_tui.cli.begin_study import Asked, begun, check_supply
from mnist_tui.cli.follow_study import follow_to_end
from mnist_tui.cli.output import print_note
from mnist_tui.cli.study_results import tell_detached
from mnist_tui.experiment.problem import RequestError
from mnist_tui.runs.devices import device_of, live_on

LOOK_SECONDS = 1.0


def train_seeds(
    asked: Asked, runs_dir: Path, *, detach: bool, wait: bool, new: bool = False, as_json: bool = False
) -> None:
    """Trains the seeds and tells what they reached; with `detach` only begins.

    Raises:
        RequestError: it cannot be begun.
        WorkFailedError: none of the seeds came to anything.
    """
    if wait and detach:
        raise RequestError("--wait does not go with --detach here: the seeds are begun once the line has ended")
    check_supply(asked, asked.bases.values())
    if wait:
        _wait_in_line(runs_dir, asked.study.device)
    folder, told = begun(runs_dir, asked, new=new)
    if told:
        print_note(f"note: {told}")
    if detach:
        tell_detached(folder, as_json=as_json)
    else:
        follow_to_end(folder, as_json=as_json)


def _wait_in_line(runs_dir: Path, device: str) -> None:
    """Waits until no run of this machine trains on the device."""
    told = ""
    while live := live_on(runs_dir, device_of(device)):
        if live[0].id != told:
            told = live[0].id
            print_note(f"waiting for run {told} to end")
        time.sleep(LOOK_SECONDS)
