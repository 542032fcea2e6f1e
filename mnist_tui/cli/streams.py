"""The standard streams, made fit for whatever they are: closed, full, or a pipe whose reader has gone.

Writing never raises, so that no work is broken off for a line that nobody gets. What was lost is asked at the end.
No typer here: the app starts without it.
"""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from typing_extensions import Buffer

GONE = (errno.EPIPE, errno.ECONNRESET)
"""Whoever read has gone, which is nobody's mistake."""


class Lenient(io.RawIOBase):
    """Writes to a file descriptor; after the first failure it takes what it is given and drops it.

    Attributes:
        failure: the first one; None as long as all was written.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self.failure: OSError | None = None

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def write(self, data: Buffer, /) -> int:
        rest = memoryview(data).cast("B")
        size = len(rest)
        while rest and self.failure is None:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:  # another program has made the pipe non-blocking
                select.select([], [self._descriptor], [])
            except OSError as error:
                self.failure = error
        return size


def prepare() -> None:
    """Open what is closed of stdin, stdout and stderr, and let writing to the latter two never raise.

    Characters that the encoding does not have are written as question marks.
    """
    _open_what_is_closed()
    if sys.stdin is None:  # pyright: ignore[reportUnnecessaryComparison] - Python has none for a closed one
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout, sys.stderr = _lenient(sys.stdout, 1), _lenient(sys.stderr, 2)


def lost() -> str:
    """Why results did not reach stdout; empty where they did, or where whoever read them has gone."""
    failure = None
    with suppress(OSError, ValueError):
        sys.stdout.flush()
    with suppress(AttributeError):
        failure = sys.stdout.buffer.raw.failure  # pyright: ignore[reportAttributeAccessIssue]
    if not isinstance(failure, OSError) or failure.errno in GONE:
        return ""
    if failure.errno == errno.EIO and sys.stdout.isatty():  # the terminal has gone
        return ""
    return failure.strerror or str(failure)


def _open_what_is_closed() -> None:
    """Else the next file opened would become stdout, and get the results."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)


def _lenient(stream: TextIO | None, descriptor: int) -> TextIO:
    raw = Lenient(descriptor)
    encoding = getattr(stream, "encoding", None) or "utf-8"
    line_buffering = raw.isatty() or descriptor == 2
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding, errors="replace", line_buffering=line_buffering)
