"""A Dask cluster as someone else runs it: a scheduler and workers started by hand, with nothing of ours but code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil

from tests.waiting import PATIENCE, wait_for


class DaskProcesses:
    """`dask scheduler` and `dask worker` on loopback, in places of their own. To be closed.

    Args:
        threads: of each worker.
        bare: whether the workers have not even our code.
    """

    def __init__(self, folder: Path, threads: int = 1, bare: bool = False) -> None:
        self._folder, self._threads, self._bare = folder, threads, bare
        self.workers = list[subprocess.Popen[bytes]]()
        file = folder / "scheduler.json"
        self._scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(file))
        try:
            self.address: str = wait_for(lambda: _address(file))
        except BaseException:
            self.end_scheduler()
            raise

    def add_worker(self) -> None:
        self.workers.append(
            self._start(
                "worker",
                self.address,
                "--host",
                "127.0.0.1",
                "--nthreads",
                str(self._threads),
                "--death-timeout",
                str(PATIENCE),
                "--local-directory",
                str(self._folder / f"scratch-{len(self.workers)}"),
            )
        )

    def wait_for_workers(self) -> None:
        """Until the scheduler knows all of them."""
        for number in range(len(self.workers)):
            wait_for(lambda log=self._folder / f"worker-{number}.log": "Registered to" in log.read_text())

    def close(self) -> None:
        for process in self.workers:
            process.terminate()
        for process in self.workers:
            process.wait()
        self.end_scheduler()

    def end_scheduler(self) -> None:
        self._scheduler.terminate()
        self._scheduler.wait()

    def _start(self, what: str, *arguments: str) -> subprocess.Popen[bytes]:
        places = {name: str(self._folder / "empty") for name in ("HOME", "KERAS_HOME", "XDG_CACHE_HOME")}
        environment = {**os.environ, **places}
        environment.pop("MNIST_TUI_DATA", None)
        with (self._folder / f"{what}-{len(self.workers)}.log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, *self._program(what), "--no-dashboard", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
            )

    def _program(self, what: str) -> list[str]:
        if what == "scheduler" or not self._bare:
            return ["-m", f"distributed.cli.dask_{what}"]
        hide = "import sys; sys.modules['mnist_tui'] = None"
        return ["-c", f"{hide}; from distributed.cli.dask_worker import main; main(['--no-nanny', *sys.argv[1:]])"]


def _address(file: Path) -> str | None:
    """The scheduler's address, once its file is there and written to its end."""
    try:
        return json.loads(file.read_text())["address"]
    except (OSError, ValueError):
        return None


def listening(address: str, *parents: int) -> psutil.Process:
    """The worker process, a child of one of the parents, that listens at `address`."""
    port = int(address.rpartition(":")[2])
    for process in (child for parent in parents for child in psutil.Process(parent).children()):
        if any(c.laddr.port == port and c.status == "LISTEN" for c in process.net_connections()):
            return process
    raise AssertionError(f"nobody listens at {address}")
