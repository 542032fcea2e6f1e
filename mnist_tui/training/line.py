"""Standing in line for a device: a worker that has its run and does nothing yet."""

from __future__ import annotations

import threading

from mnist_tui.runs.devices import ahead_of
from mnist_tui.runs.folder import Launch, RunFolder
from mnist_tui.training.reporter import Reporter

QUEUE_LOOK_SECONDS = 0.5


def wait_in_line(folder: RunFolder, launch: Launch, reporter: Reporter, left: threading.Event) -> None:
    """Returns once every live run that was made before this one, here and for the same device, has ended.

    It tells which it waits for. Commands reach the worker meanwhile; a stop ends it, and `left` the waiting.
    """
    ahead = ahead_of(folder, launch)
    while ahead:
        reporter.phase("waiting", text=ahead.text)
        if left.wait(QUEUE_LOOK_SECONDS):
            return
        ahead = ahead_of(folder, launch, ahead.runs) or ahead_of(folder, launch)
