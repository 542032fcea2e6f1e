"""The worker process: `python -m mnist_tui.training.worker --run FOLDER`, or `--standby`, `--trials`, `--job JOB`.

Started by `runs.start`. It takes a run on, and says so in the run's folder, before it imports TensorFlow.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
from pathlib import Path

from mnist_tui.experiment.problem import RequestError
from mnist_tui.files import open_append, why_unwritten
from mnist_tui.runs.exported import FILES
from mnist_tui.runs.folder import RunError, RunFolder
from mnist_tui.training.orders import Signals
from mnist_tui.training.session import DONE, REFUSED, Session
from mnist_tui.training.trials import Trials


def main(argv: list[str] | None = None) -> int:
    """Runs a worker; its exit code: 0 done (stopped and diverged are), 1 failed, 2 refused."""
    arguments = _parser().parse_args(argv)
    try:
        if arguments.job == "export":
            return _export(arguments)
        if arguments.job == "predict":
            return _predict(arguments)
        signals = Signals(has_run=not arguments.standby)
        if arguments.trials:
            return Trials(signals).serve()
        if arguments.standby:
            return StandbyWorker(signals).serve()
        return _take_on(RunFolder(arguments.run), signals, importing=True, lock=arguments.lock).train()
    except RequestError as error:
        print(error, file=sys.stderr, flush=True)
        return REFUSED
    except OSError as error:
        print(f"the run's folder cannot be used: {why_unwritten(error)}", file=sys.stderr, flush=True)
        return REFUSED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m mnist_tui.training.worker", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--run", type=Path, metavar="FOLDER", help="the run to take on")
    what.add_argument("--standby", action="store_true", help="import TensorFlow, then read a run's folder from stdin")
    what.add_argument("--trials", action="store_true", help="train the runs whose folders stdin names, one by one")
    parser.add_argument("--lock", type=int, metavar="FD", help="with --run: its lock, already held, as an open file")
    parser.add_argument("--job", choices=["train", "export", "predict"], default="train")
    parser.add_argument("formats", nargs="*", metavar="FORMAT", help=f"export: {', '.join(FILES)}")
    parser.add_argument("--out", type=Path, metavar="DIR", help="export: where to")
    return parser


def _take_on(folder: RunFolder, signals: Signals, importing: bool, lock: int | None = None) -> Session:
    session = Session(folder, importing, lock)
    signals.deliver_to(session.orders.signalled)
    return session


class StandbyWorker:
    """Imports TensorFlow while it waits for a run on stdin; with the end of stdin before one, it ends.

    A run that comes while TensorFlow is still being imported is taken on at once.
    """

    def __init__(self, signals: Signals) -> None:
        self._signals = signals
        self._imported = False
        self._given = threading.Event()
        self._session: Session | None = None
        self._refused: RequestError | None = None

    def serve(self) -> int:
        threading.Thread(target=self._listen, name="stdin", daemon=True).start()
        from mnist_tui.training import warmup

        self._imported = True
        if not self._given.is_set():
            warmup.warm()
        self._given.wait()
        if self._session is None:
            print(self._refused, file=sys.stderr, flush=True)
            return REFUSED
        return self._session.train()

    def _listen(self) -> None:
        line = sys.stdin.buffer.readline()
        if not line.endswith(b"\n"):
            os._exit(DONE)
        folder = RunFolder(Path(os.fsdecode(line[:-1])))
        try:
            with open_append(folder.log_file) as log:
                os.dup2(log.fileno(), 1)
                os.dup2(log.fileno(), 2)
            self._session = _take_on(folder, self._signals, importing=not self._imported)
        except (OSError, RequestError) as error:
            self._refused = RunError(str(error))
        finally:
            self._given.set()


def _export(arguments: argparse.Namespace) -> int:
    from mnist_tui.training.export import export

    if arguments.run is None or arguments.out is None or not arguments.formats:
        raise RunError("an export needs --run FOLDER, --out DIR and at least one format")
    export(RunFolder(arguments.run), arguments.formats, arguments.out)
    return DONE


def _predict(arguments: argparse.Namespace) -> int:
    from mnist_tui.training.predictor import serve

    if arguments.run is None:
        raise RunError("a prediction needs --run FOLDER")
    serve(RunFolder(arguments.run))
    return DONE


if __name__ == "__main__":
    sys.exit(main())
