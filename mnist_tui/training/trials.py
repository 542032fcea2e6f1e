"""A worker that serves run after run, with TensorFlow loaded once: `python -m mnist_tui.training.worker --trials`.

It reads the runs' folders from stdin, a line each, and answers each with a line of JSON on stdout when it has ended:
`{"run": ID, "exit": 0|1|2}`, 0 done, 1 failed, 2 refused. Whatever becomes of a run, the next one is served. The end of
stdin ends the process at once, also in the middle of a run: nobody waits for its result any more.
"""

from __future__ import annotations

import gc
import json
import os
import queue
import sys
import threading
import traceback
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from mnist_tui.experiment.problem import RequestError
from mnist_tui.files import open_append
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.state import LIVE
from mnist_tui.training.kept import DatasetCache
from mnist_tui.training.orders import Signals
from mnist_tui.training.session import DONE, FAILED, REFUSED, Session, in_words


class Trials:
    """Serves runs.

    Args:
        signals: the first one stops and saves the present run, and then ends the process; a second one ends both.
    """

    def __init__(self, signals: Signals) -> None:
        self._given: queue.SimpleQueue[RunFolder] = queue.SimpleQueue()
        self._kept = DatasetCache()
        self._lock = threading.RLock()
        self._session: Session | None = None
        self._signals = 0
        self._imported = False
        self._answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)
        signals.deliver_to(self._signalled)

    def serve(self) -> int:
        """Serves until stdin or a signal ends it; the process's exit code."""
        threading.Thread(target=self._listen, name="stdin", daemon=True).start()
        threading.Thread(target=self._import, name="import", daemon=True).start()
        while not self._signals:
            folder = self._given.get()
            with _log_of(folder):
                code = self._run(folder)
            self._answer(folder, code)
            if self._imported:
                _forget(self._kept)
        return DONE

    def _listen(self) -> None:
        while (line := sys.stdin.buffer.readline()).endswith(b"\n"):
            self._given.put(RunFolder(Path(os.fsdecode(line[:-1]))))
        os._exit(DONE)

    def _import(self) -> None:
        # What goes wrong goes wrong again in the first run, and is told there.
        with suppress(Exception):
            import_module("mnist_tui.training.job")
            # What is there now stays: looking through TensorFlow's million objects after each run takes 0.2 s.
            gc.freeze()
            self._imported = True

    def _run(self, folder: RunFolder) -> int:
        try:
            with self._lock:
                self._session = Session(folder, importing=not self._imported, kept=self._kept)
            return self._session.train()
        except (OSError, RequestError) as error:
            print(error, file=sys.stderr, flush=True)
            _tell_refused(folder, str(error))
            return REFUSED
        except Exception as error:
            traceback.print_exception(error)
            _tell_refused(folder, in_words(error))
            return FAILED

    def _answer(self, folder: RunFolder, code: int) -> None:
        with self._lock:
            self._session = None
            print(json.dumps({"run": folder.id, "exit": code}), file=self._answers, flush=True)

    def _signalled(self) -> None:
        with self._lock:
            self._signals += 1
            session = self._session
        if session is not None:
            session.orders.signalled()
        if session is None or self._signals > 1:
            os._exit(DONE)


@contextmanager
def _log_of(folder: RunFolder) -> Generator[None]:
    """What is printed goes into the run's log; a run that has no folder is left to say so."""
    own = os.dup(2)
    try:
        with suppress(OSError), open_append(folder.log_file) as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os.dup2(own, 1)
        os.dup2(own, 2)
        os.close(own)


def _tell_refused(folder: RunFolder, reason: str) -> None:
    """Has a run that was not taken on not pass for one that starts: this process, which it names, lives on."""
    with suppress(OSError, RequestError):
        status = folder.status()
        if status.pid == os.getpid() and status.state in LIVE:
            folder.write_status(replace(status, state="failed", reason=reason))


def _forget(kept: DatasetCache) -> None:
    """Frees what is left of a run but is not kept."""
    from mnist_tui.training.backend import forget
    from mnist_tui.training.networks import rest

    rest(kept)
    forget()
    gc.collect()
