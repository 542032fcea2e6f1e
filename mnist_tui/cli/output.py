"""Write to stdout and stderr: the streams themselves, lines, tables and JSON documents. The only module that prints.

Control characters are shown instead of obeyed, whoever wrote the text. On a terminal words from right to left are
isolated from what is beside them. Writing to a stream never raises: the stream may be closed or full, or a pipe whose
reader has gone, and no work is broken off for that. What was lost is reported at the end. No typer here: the app
starts without it.
"""

from __future__ import annotations

import errno
import io
import json
import os
import re
import select
import shutil
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TextIO

from mnist_tui.shown_text import isolated, visible, visible_line

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live
    from rich.text import Text
    from typing_extensions import Buffer


CLEAR_LINE = "\r\x1b[K"


def shown(text: str, stream: TextIO | None) -> str:
    """Return the text as it may be written to a stream."""
    return isolated(visible(text)) if stream and stream.isatty() else visible(text)


def print_line(text: object = "", stream: TextIO | None = None) -> None:
    """Print a line to a stream, stdout if none is given, at once."""
    stream = stream or sys.stdout
    print(shown(str(text), stream), file=stream, flush=True)


def print_note(text: object) -> None:
    """Print a line to stderr, at once: anything that is not the command's result."""
    print_line(text, sys.stderr)


def confirmed(question: str) -> bool:
    """Ask on stderr, and return whether the answer was yes."""
    import typer

    return typer.confirm(shown(question, sys.stderr), err=True)


def print_text(text: str) -> None:
    """Print a text to stdout without adding a line's end."""
    print(shown(text, sys.stdout), end="")


def print_data(text: str) -> None:
    """Print a file's content or a path to stdout: unchanged for scripts, with controls made visible on a terminal."""
    print(shown(text, sys.stdout) if sys.stdout and sys.stdout.isatty() else text, end="")


def print_markdown(text: str) -> None:
    """Print a page of Markdown: laid out and paged on a terminal, else unchanged."""
    if not sys.stdout.isatty():
        print_text(text)
        return
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console()
    with console.pager(styles=True):
        console.print(Markdown(shown(text, sys.stdout), hyperlinks=False))


def print_json(doc: Any) -> None:
    """Print one JSON document."""
    utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    text = json.dumps(doc, indent=2, ensure_ascii=not utf8, allow_nan=False)
    obeyed = "[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]"  # by terminals, and JSON does not escape it
    print(re.sub(obeyed, lambda match: f"\\u{ord(match[0]):04x}", text))


def print_table(table: TextTable) -> None:
    """Print a table: as wide as it needs in a pipe or a file, no wider than the window in a terminal."""
    print_line(rendered(table, shutil.get_terminal_size().columns if sys.stdout.isatty() else None))


class LiveLine:
    """A line of a terminal that is replaced in place; clear it before anything else is printed."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._showing = False

    def show(self, text: str) -> None:
        """Replace the line."""
        self._showing = True
        print(f"{CLEAR_LINE}{isolated(visible_line(text))}", end="", file=self._stream, flush=True)

    def clear(self) -> None:
        """Remove the line, if there is one."""
        if self._showing:
            self._showing = False
            print(CLEAR_LINE, end="", file=self._stream, flush=True)


class LiveView:
    """Several lines of a terminal that are replaced in place, with notes printed above them."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console
        from rich.live import Live

        self._stream = stream
        self._console = Console(file=stream, markup=False, emoji=False, highlight=False)
        self._live: Live = Live(console=self._console, auto_refresh=False, transient=True, redirect_stdout=False)
        self._live.start()

    def note(self, text: str) -> None:
        """Print a line above."""
        from rich.text import Text

        self._console.print(Text(shown(text, self._stream)))

    def show(self, view: RenderableType) -> None:
        """Replace the lines; the text in them is a `TextTable`'s or has passed through `visible_line`."""
        self._live.update(view, refresh=True)

    def clear(self) -> None:
        """Remove the lines."""
        self._live.stop()


class TextTable:
    """A table without frames whose headings and cells are plain text, never markup or terminal commands.

    Args:
        columns: titles of columns; those in `right` are aligned to the right.
    """

    def __init__(self, *columns: str, right: tuple[str, ...] = ()) -> None:
        from rich.box import SIMPLE_HEAD
        from rich.table import Table

        self.table: Table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
        for column in columns:
            self.add_column(column, right=column in right)

    def add_column(self, title: str, *, right: bool = False, cut: bool = False) -> None:
        """Add a column.

        Args:
            right: whether it is aligned to the right.
            cut: whether cells that are too wide end in ``…``; else they take several lines.
        """
        self.table.add_column(
            _cell(title), justify="right" if right else "left", no_wrap=cut, overflow="ellipsis" if cut else "fold"
        )

    def add_row(self, *cells: str, style: str | None = None) -> None:
        """Add a row of one text for each column."""
        self.table.add_row(*map(_cell, cells), style=style)


def _cell(text: str) -> Text:
    from rich.text import Text

    return Text(visible_line(text))


def rendered(table: TextTable, width: int | None = None) -> str:
    """Return a table as plain text without trailing blanks; without a width as wide as it needs to be."""
    from rich.console import Console

    console = Console(
        file=io.StringIO(), width=width or 1000, color_system=None, force_terminal=False, legacy_windows=False
    )
    with console.capture() as capture:
        console.print(table.table)
    return "\n".join(line.rstrip() for line in capture.get().rstrip("\n").splitlines())


class LenientStream(io.RawIOBase):
    """Write to a file descriptor; after the first failure everything is dropped without an error.

    Attributes:
        failure: the first failure; None as long as everything was written.
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


def prepare_streams() -> None:
    """Open the standard streams that are closed, and make writing to stdout and stderr never raise.

    Characters that the encoding does not have are written as question marks.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:  # else the next file opened would become stdout
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    if sys.stdin is None:  # pyright: ignore[reportUnnecessaryComparison] - Python has none for a closed one
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout, sys.stderr = _lenient(sys.stdout, 1), _lenient(sys.stderr, 2)


def lost_output() -> str:
    """Return why results did not reach stdout; empty if they did, or if the reader of the pipe has gone."""
    failure = None
    with suppress(OSError, ValueError):
        sys.stdout.flush()
    with suppress(AttributeError):
        failure = sys.stdout.buffer.raw.failure  # pyright: ignore[reportAttributeAccessIssue]
    if not isinstance(failure, OSError) or failure.errno in (errno.EPIPE, errno.ECONNRESET):
        return ""
    if failure.errno == errno.EIO and sys.stdout.isatty():  # the terminal has gone
        return ""
    return failure.strerror or str(failure)


def _lenient(stream: TextIO | None, descriptor: int) -> TextIO:
    raw = LenientStream(descriptor)
    encoding = getattr(stream, "encoding", None) or "utf-8"
    line_buffering = raw.isatty() or descriptor == 2
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding, errors="replace", line_buffering=line_buffering)
