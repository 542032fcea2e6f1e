"""Start Python processes that run a module of this package, and find out how they ended.

These processes never import a user's files (`random.py`, `keras.py`, a folder `mnist_tui`): Python leaves the current
folder out of its path (`-P`), and the working directory holds no files of a user. The process that started a worker
writes into the worker's log how it ended, for other processes to read.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from mnist_tui.files import open_append

WORKING_DIRECTORY = os.path.abspath(os.sep)  # noqa: PTH100
"""The working directory of every process that outlives a command, because it is never deleted or unmounted."""
START = str(Path(__file__).with_name("run_module.py"))
PLACES = (
    *("HOME", "KERAS_HOME", "TMPDIR", "MNIST_TUI_CONFIG", "MNIST_TUI_DATA", "MNIST_TUI_RUNS"),
    *("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"),
)
"""Environment variables with a path, which can be relative to the working directory of the command."""


def python(*arguments: str) -> list[str]:
    """Return the command line of a Python process that does not import from the current folder."""
    return [sys.executable, "-P", *arguments]


def module(name: str, *arguments: str) -> list[str]:
    """Return the command line that runs a module of this package, such as `mnist_tui.training.worker`, as a program.

    It finds this copy of the package from any working directory and without a PYTHONPATH.
    """
    return python(START, name, *arguments)


def environment(own: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return this process's environment, with the variables in `own`, for a process in another working directory.

    Relative paths become absolute. An empty entry of PYTHONPATH, which means the current folder, is dropped.
    """
    variables = dict(os.environ)
    for name in PLACES:
        if variables.get(name, "").strip() and not variables[name].startswith("~"):
            variables[name] = _absolute(variables[name])
    if searched := [_absolute(folder) for folder in variables.pop("PYTHONPATH", "").split(os.pathsep) if folder]:
        variables["PYTHONPATH"] = os.pathsep.join(searched)
    return {**variables, "PYTHONSAFEPATH": "1", **(own or {})}


def start(
    name: str,
    *arguments: str,
    output: IO[bytes] | int,
    errors: IO[bytes] | int = subprocess.STDOUT,
    stdin: int = subprocess.DEVNULL,
    pass_fds: tuple[int, ...] = (),
) -> subprocess.Popen[bytes]:
    """Start a module of this package as a process in a session of its own, which can outlive this process.

    Args:
        name: the module.
        output, errors, stdin, pass_fds: as for `subprocess.Popen`; `output` is its stdout.

    Raises:
        OSError: no process can be started.
    """
    return subprocess.Popen(
        module(name, *arguments),
        stdin=stdin,
        stdout=output,
        stderr=errors,
        start_new_session=True,
        cwd=WORKING_DIRECTORY,
        env=environment(),
        pass_fds=pass_fds,
    )


def _absolute(text: str) -> str:
    try:
        return str(Path(text).absolute())
    except FileNotFoundError:  # the current folder is gone
        return text


WRITTEN = "mnist-tui: the process "
"""The beginning of the line in a log that says how the process ended."""
OWN_CODES = (0, 1, 2)
"""The exit codes of processes that have ended by themselves and have reported their end."""
UNKNOWN_END = "ended without a message: perhaps it was killed, the memory ran out, or the machine went down"

_ALWAYS = re.compile(
    r"(WARNING: All log messages before absl::InitializeLog"
    r"|To enable the following instructions:|Skipping registering GPU devices"
    r"|[IW]\d{4} \d\d:\d\d:\d\d\.\d+ |[IW]0000 00:00:\d+\.\d+ "
    r"|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: [IW] )"
)
"""The beginnings of lines that TensorFlow, XLA and absl print in every run: information and warnings."""
_ERROR = re.compile(r"(E\d{4} \d\d:\d\d:\d\d\.\d+ |E0000 00:00:\d+\.\d+ |\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: E )")
_HARMLESS = re.compile(
    r"failed call to cuInit|Unable to register cu\w+ (factory|plugin)|Could not find cuda"
    r"|Could not load dynamic library|Cannot dlopen some GPU libraries|computation_placer already registered",
    re.IGNORECASE,
)
"""Harmless errors that TensorFlow prints where there is no GPU, or about its own parts."""


def end_words(code: int) -> str:
    """Say how a process ended: ``was killed (SIGKILL), perhaps because the memory ran out``.

    Args:
        code: the exit code, negative for a signal, as in `subprocess`.
    """
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    if name == "SIGKILL":
        return "was killed (SIGKILL), perhaps because the memory ran out"
    return f"{'was ended from outside' if name in ('SIGTERM', 'SIGINT', 'SIGHUP') else 'crashed'} ({name})"


def informative_lines(lines: Sequence[str]) -> list[str]:
    """Return the lines of a log that may explain how a process ended.

    Lines that TensorFlow prints at every start (about CUDA, oneDNN, processor instructions), and lines about the end of
    earlier processes, are left out.
    """

    def informs(line: str, is_last: bool) -> bool:
        at_every_start = _ALWAYS.match(line) or (_ERROR.match(line) and _HARMLESS.search(line))
        return bool(line.strip()) and not at_every_start and (is_last or not line.startswith(WRITTEN))

    return [line for at, line in enumerate(lines, start=1) if informs(line, at == len(lines))]


def informative_text(lines: Sequence[str]) -> str:
    """Return the informative lines as one text, separated by semicolons."""
    return "; ".join(line.strip() for line in informative_lines(lines))


_reapers: dict[int, threading.Thread] = {}


def reap(process: subprocess.Popen[bytes], log_file: Path | None = None) -> None:
    """Wait for the process in a thread, so that it does not remain as a zombie, and write into its log how it ended.

    Nothing is written if it ended by itself, with one of OWN_CODES.
    """

    def wait() -> None:
        code = process.wait()
        if log_file is not None and code not in OWN_CODES:
            with suppress(OSError), open_append(log_file) as log:
                log.write(f"{WRITTEN}{end_words(code)}\n".encode())

    thread = threading.Thread(target=wait, name=f"reap-{process.pid}", daemon=True)
    _reapers[process.pid] = thread
    thread.start()


def wait_until_logged(pid: int) -> None:
    """Wait until `reap` has written how a dead process ended; do nothing if this process did not start it."""
    if (thread := _reapers.get(pid)) is not None:
        thread.join(1.0)
