"""A real terminal for tests: a program on a pseudo-terminal, its screen read by pyte."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pyte

from tests.waiting import PATIENCE, wait_for

COMMAND = (sys.executable, "-m", "mnist_tui")
ENTER, ESCAPE = "\r", "\x1b"
CTRL_C, CTRL_Q = "\x03", "\x11"


class Terminal:
    """A program, `mnist-tui` unless told otherwise, on a terminal of its own; it ends with the block."""

    def __init__(
        self,
        arguments: Sequence[str],
        columns: int = 80,
        rows: int = 24,
        environment: Mapping[str, str] | None = None,
        command: Sequence[str] = COMMAND,
    ) -> None:
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self._master, worker_side = os.openpty()
        fcntl.ioctl(worker_side, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        own = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LINES": "", "COLUMNS": ""}
        merged = {**os.environ, **own, **(environment or {})}
        self.process = subprocess.Popen(
            [*command, *arguments],
            stdin=worker_side,
            stdout=worker_side,
            stderr=worker_side,
            close_fds=True,
            cwd=Path(__file__).parent.parent,
            env={key: value for key, value in merged.items() if value},
            preexec_fn=_own_terminal,  # noqa: PLW1509 (no threads before it)
        )
        os.close(worker_side)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.hang_up()

    @property
    def lines(self) -> list[str]:
        return [line.rstrip() for line in self.screen.display]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def press(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def pump(self, seconds: float = 0.05) -> None:
        """Lets the program write for a moment."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if select.select([self._master], [], [], left)[0]:
                try:
                    got = os.read(self._master, 65_536)
                except OSError:
                    return
                if not got:
                    return
                self.show(got)

    def show(self, output: bytes) -> None:
        """Shows what the program has written."""
        # pyte does not know the private sequences by which kitty's keyboard protocol is asked for
        self._stream.feed(output.replace(b"\x1b[>1u", b"").replace(b"\x1b[<u", b""))

    def take(self, seconds: float) -> bytes:
        """What the program writes within that time, at most one reading of it; the screen does not get to know it."""
        if not select.select([self._master], [], [], seconds)[0]:
            return b""
        try:
            return os.read(self._master, 65_536)
        except OSError:
            return b""

    def drain(self, seconds: float) -> int:
        """Lets the program write for so long, unseen; the bytes that came."""
        end, count = time.monotonic() + seconds, 0
        while (left := end - time.monotonic()) > 0:
            count += len(self.take(left))
        return count

    def settle(self, quiet: float = 0.1) -> None:
        """Waits until nothing has changed for a moment: no half-drawn frame."""
        before = ""
        while before != self.text:
            before = self.text
            self.pump(quiet)

    def wait_for(self, seen: str | Callable[[str], bool]) -> str:
        """The screen's text once it holds `seen`; AssertionError with the screen where that does not come."""
        holds = (lambda text: seen in text) if isinstance(seen, str) else seen

        def there() -> bool:
            self.pump()
            return holds(self.text)

        wait_for(there, lambda: f"{seen}\n{self.text}")
        return self.text

    def wait_for_exit(self) -> int:
        """The program's exit code."""
        wait_for(lambda: self.pump() or self.process.poll() is not None, lambda: self.text)
        return self.process.wait()

    def hang_up(self) -> None:
        """Closes the terminal, as a dropped connection does: the program gets SIGHUP."""
        if self._master >= 0:
            os.close(self._master)
            self._master = -1
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()


def _own_terminal() -> None:
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
