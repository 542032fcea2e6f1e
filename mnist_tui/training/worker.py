"""The worker process: `python -m mnist_tui.training.worker --run FOLDER`, or with another job (see `_parser`).

It starts a run, and writes the start into the run's folder, before it imports TensorFlow.
"""

from __future__ import annotations

import argparse
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
from typing import Any

from mnist_tui.data.errors import DataError
from mnist_tui.errors import RequestError, RunError
from mnist_tui.files import open_append, why_unwritten
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.state import LIVE
from mnist_tui.runs.weight_formats import WEIGHT_FORMATS
from mnist_tui.training.inputs import DatasetCache
from mnist_tui.training.orders import Signals
from mnist_tui.training.session import DONE, FAILED, REFUSED, Session, in_words


class Trials:
    """A worker that trains run after run with TensorFlow loaded once (``--trials``).

    It reads the runs' folders from stdin, one on each line. When a run has ended, it writes a line of JSON to stdout:
    ``{"run": ID, "exit": 0|1|2}`` (0 done, 1 failed, 2 refused), and trains the next run, also after a failure. The end
    of stdin ends the process at once, even during a run, because nobody waits for its result any more.

    Args:
        signals: the first signal stops and saves the present run, and then ends the process; a second one ends both.
    """

    def __init__(self, signals: Signals) -> None:
        self._folders: queue.SimpleQueue[RunFolder] = queue.SimpleQueue()
        self._cache = DatasetCache()
        self._lock = threading.RLock()
        self._session: Session | None = None
        self._signals = 0
        self._imported = False
        self._answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)
        signals.deliver_to(self._signalled)

    def serve(self) -> int:
        """Train runs until stdin ends or a signal arrives; return the exit code."""
        threading.Thread(target=self._listen, name="stdin", daemon=True).start()
        threading.Thread(target=self._import, name="import", daemon=True).start()
        while not self._signals:
            folder = self._folders.get()
            with _printing_to_log(folder):
                code = self._run(folder)
            with self._lock:
                self._session = None
                print(json.dumps({"run": folder.id, "exit": code}), file=self._answers, flush=True)
            if self._imported:
                from mnist_tui.training.backend import forget
                from mnist_tui.training.programs import Network

                for value in self._cache.values():
                    if isinstance(value, Network):
                        value.release_examples()
                forget()
                gc.collect()
        return DONE

    def _listen(self) -> None:
        while (line := sys.stdin.buffer.readline()).endswith(b"\n"):
            self._folders.put(_folder_in(line))
        os._exit(DONE)

    def _import(self) -> None:
        # an error of the import happens again in the first run, which reports it
        with suppress(Exception):
            import_module("mnist_tui.training.job")
            # TensorFlow's million objects are kept anyway; searching them after each run takes 0.2 s
            gc.freeze()
            self._imported = True

    def _run(self, folder: RunFolder) -> int:
        try:
            with self._lock:
                self._session = Session(folder, importing=not self._imported, cache=self._cache)
            return self._session.train()
        except (OSError, RequestError) as error:
            print(error, file=sys.stderr, flush=True)
            _mark_failed(folder, str(error))
            return REFUSED
        except Exception as error:
            traceback.print_exception(error)
            _mark_failed(folder, in_words(error))
            return FAILED

    def _signalled(self) -> None:
        with self._lock:
            self._signals += 1
            session = self._session
        if session is not None:
            session.orders.signalled()
        if session is None or self._signals > 1:
            os._exit(DONE)


def _folder_in(line: bytes) -> RunFolder:
    return RunFolder(Path(os.fsdecode(line[:-1])))


def _print_to(log: int) -> None:
    os.dup2(log, 1)
    os.dup2(log, 2)


@contextmanager
def _printing_to_log(folder: RunFolder) -> Generator[None]:
    """Print to the run's log during the block, if the run's folder exists."""
    own = os.dup(2)
    try:
        with suppress(OSError), open_append(folder.log_file) as log:
            _print_to(log.fileno())
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        _print_to(own)
        os.close(own)


def _mark_failed(folder: RunFolder, reason: str) -> None:
    """Mark a refused run as failed: its status names this process, which goes on, so it would seem to be starting."""
    with suppress(OSError, RequestError):
        status = folder.status()
        if status.pid == os.getpid() and status.state in LIVE:
            folder.write_status(replace(status, state="failed", reason=reason))


class StandbyWorker:
    """A worker that imports TensorFlow while it waits for a run on stdin, and ends if stdin ends before.

    If the run arrives during the import of TensorFlow, its start is written into its folder at once.
    """

    def __init__(self, signals: Signals) -> None:
        self._signals = signals
        self._imported = False
        self._started = threading.Event()
        self._session: Session | None = None
        self._refused: RequestError | None = None

    def serve(self) -> int:
        threading.Thread(target=self._listen, name="stdin", daemon=True).start()
        from mnist_tui.training import programs

        self._imported = True
        if not self._started.is_set():
            programs.warm()
        self._started.wait()
        if self._session is None:
            print(self._refused, file=sys.stderr, flush=True)
            return REFUSED
        return self._session.train()

    def _listen(self) -> None:
        line = sys.stdin.buffer.readline()
        if not line.endswith(b"\n"):
            os._exit(DONE)
        folder = _folder_in(line)
        try:
            with open_append(folder.log_file) as log:
                _print_to(log.fileno())
            self._session = _start(folder, self._signals, importing=not self._imported)
        except (OSError, RequestError) as error:
            self._refused = RunError(str(error))
        finally:
            self._started.set()


def _start(folder: RunFolder, signals: Signals, importing: bool, lock: int | None = None) -> Session:
    session = Session(folder, importing, lock)
    signals.deliver_to(session.orders.signalled)
    return session


def main(argv: list[str] | None = None) -> int:
    """Run a worker; return its exit code: 0 done (also if stopped or diverged), 1 failed, 2 refused."""
    arguments = _parser().parse_args(argv)
    try:
        if arguments.self_check is not None:
            return _self_check(arguments.self_check, arguments.data_dir)
        if arguments.rate_range:
            return _rate_range()
        if arguments.robustness:
            return _robustness()
        if arguments.job != "train":
            return _other_job(arguments)
        signals = Signals(has_run=not arguments.standby)
        if arguments.trials:
            return Trials(signals).serve()
        if arguments.standby:
            return StandbyWorker(signals).serve()
        return _start(RunFolder(arguments.run), signals, importing=True, lock=arguments.lock).train()
    except RequestError as error:
        print(error, file=sys.stderr, flush=True)
        return REFUSED
    except OSError as error:
        print(f"the run's folder cannot be used: {why_unwritten(error)}", file=sys.stderr, flush=True)
        return REFUSED


def _self_check(device: str, data_dir: Path | None) -> int:
    """Check a device; the end of stdin ends the process at once, because nobody waits for the results any more."""
    threading.Thread(target=_end_with_stdin, name="stdin", daemon=True).start()
    from mnist_tui.training.self_check import check_starters

    check_starters(device, data_dir, _print_message)
    return DONE


def _rate_range() -> int:
    """Test the learning rates as stdin requests."""
    request = _request()
    from mnist_tui.training.rate_range import measure

    try:
        measure(request, _print_message)
    except DataError as error:
        raise RunError(str(error)) from None
    return DONE


def _robustness() -> int:
    """Measure the accuracy of runs on corrupted images as stdin requests."""
    request = _request()
    from mnist_tui.training.robustness import measure

    measure(request, _print_message)
    return DONE


def _request() -> Any:
    """Return the line of JSON on stdin; from then on, the end of stdin ends the process at once."""
    request = bytearray()
    while (byte := os.read(0, 1)) and byte != b"\n":
        request += byte
    threading.Thread(target=_end_with_stdin, name="stdin", daemon=True).start()
    return json.loads(request)


def _print_message(message: dict[str, Any]) -> None:
    print(json.dumps(message, allow_nan=False), flush=True)


def _end_with_stdin() -> None:
    # not sys.stdin: a thread that waits in it would make Python abort at the end of the process
    while os.read(0, 1):
        pass
    os._exit(FAILED)


def _other_job(arguments: argparse.Namespace) -> int:
    if arguments.job == "export":
        from mnist_tui.training.export import export

        if arguments.run is None or arguments.out is None or not arguments.formats:
            raise RunError("an export needs --run FOLDER, --out DIR and at least one format")
        export(RunFolder(arguments.run), arguments.formats, arguments.out)
    elif arguments.run is None:
        raise RunError(f"the job {arguments.job} needs --run FOLDER")
    elif arguments.job == "explain":
        from mnist_tui.training.explainer import serve

        serve(RunFolder(arguments.run))
    else:
        from mnist_tui.training.predictor import serve

        serve(RunFolder(arguments.run))
    return DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m mnist_tui.training.worker", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--run", type=Path, metavar="FOLDER", help="the run to train")
    what.add_argument("--standby", action="store_true", help="import TensorFlow, then read a run's folder from stdin")
    what.add_argument("--trials", action="store_true", help="train the runs whose folders stdin names, one by one")
    compare = "compare the training on a device with plain Keras, and print the messages of `self_check`"
    what.add_argument("--self-check", metavar="DEVICE", help=compare)
    rates = "test the learning rates for the experiment on stdin, and print the messages of `rate_range`"
    what.add_argument("--rate-range", action="store_true", help=rates)
    corrupted = "classify corrupted test images as stdin requests, and print the messages of `training.robustness`"
    what.add_argument("--robustness", action="store_true", help=corrupted)
    parser.add_argument("--data-dir", type=Path, metavar="DIR", help="with --self-check: the folder of the datasets")
    parser.add_argument("--lock", type=int, metavar="FD", help="with --run: its lock, already held, as an open file")
    parser.add_argument("--job", choices=["train", "export", "predict", "explain"], default="train")
    parser.add_argument("formats", nargs="*", metavar="FORMAT", help=f"export: {', '.join(WEIGHT_FORMATS)}")
    parser.add_argument("--out", type=Path, metavar="DIR", help="export: where to")
    return parser


if __name__ == "__main__":
    sys.exit(main())
