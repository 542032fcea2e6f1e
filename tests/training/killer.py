"""A worker that saves often and, if wanted, ends itself by SIGKILL inside the writing of a checkpoint. For tests.

Usage: killer.py --run FOLDER --every SECONDS [--phase N --write N]
"""

from __future__ import annotations

import argparse
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np

from mnist_tui.training import checkpoint, worker

PHASES = (
    "half of the arrays",
    "all arrays, under a temporary name",
    "the arrays in place, the pointer still the old one",
    "the new pointer under a temporary name",
    "the new pointer in place, the old arrays not yet removed",
)
"""What is on the disk when it ends."""


class Death:
    """Ends the process in one phase of one write.

    Args:
        phase: index into PHASES. write: which of this process's checkpoints, from 1.
    """

    def __init__(self, phase: int, write: int) -> None:
        self._at = (write, phase)
        self._writes = self._syncs = 0
        self._savez, self._sync = np.savez, checkpoint.sync

    def savez(self, path: Any, **arrays: Any) -> None:
        self._savez(path, **arrays)
        if Path(path).parent.name == "checkpoint":
            self._writes, self._syncs = self._writes + 1, 0
            if self._at == (self._writes, 0):
                os.truncate(path, Path(path).stat().st_size // 2)
                kill()

    def sync(self, path: Path) -> None:
        self._sync(path)
        self._syncs += 1
        if self._at == (self._writes, self._syncs):
            kill()


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--run")
    parser.add_argument("--every", type=float)
    parser.add_argument("--phase", type=int, default=0)
    parser.add_argument("--write", type=int, default=0)
    asked = parser.parse_args()
    checkpoint.LEAST_SECONDS, checkpoint.MOST_SHARE = asked.every, float("inf")
    if asked.write:
        death = Death(asked.phase, asked.write)
        np.savez, checkpoint.sync = death.savez, death.sync
    return worker.main(["--run", asked.run])


if __name__ == "__main__":
    raise SystemExit(main())
