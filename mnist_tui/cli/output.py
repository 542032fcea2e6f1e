"""Print lines, tables and JSON documents on stdout and stderr. No other module prints.

Control characters in a text are made visible instead of obeyed, and on a terminal text from right to left is isolated
from the text beside it. Writing never raises an error: a stream that is closed or full must not break off a training.
`lost_output` reports at the end what could not be written. This module does without typer, as the app's start does.
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
import textwrap
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import repeat
from typing import TYPE_CHECKING, Any, TextIO

from mnist_tui import PROGRAM, __version__
from mnist_tui.columns import cut_end, fit
from mnist_tui.shown_text import isolated, visible, visible_line
from mnist_tui.wording import counted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from rich.console import RenderableType
    from rich.live import Live
    from rich.text import Text
    from typing_extensions import Buffer


CLEAR_LINE = "\r\x1b[K"
PLAIN_TERMINALS = ("", "dumb", "unknown")
"""Values of the variable TERM for terminals that can only print line after line."""
GAP = 3
"""Blanks between two columns of a printed table."""


def shown(text: str, stream: TextIO | None) -> str:
    """Return a text as it may be written to a stream: with control characters made visible."""
    return isolated(visible(text)) if stream and stream.isatty() else visible(text)


def print_line(text: object = "", stream: TextIO | None = None) -> None:
    """Print a line at once to a stream; without one to stdout."""
    stream = stream or sys.stdout
    print(shown(str(text), stream), file=stream, flush=True)


def print_version() -> None:
    """Print the name and the version of the program."""
    print_line(f"{PROGRAM} {__version__}")


def print_note(text: object) -> None:
    """Print a line at once to stderr, for everything that is not the command's result."""
    print_line(text, sys.stderr)


def confirmed(question: str) -> bool:
    """Ask a yes-or-no question on stderr and return the answer."""
    import typer

    return typer.confirm(shown(question, sys.stderr), err=True)


def print_text(text: str) -> None:
    """Print a text to stdout without adding a line break."""
    print(shown(text, sys.stdout), end="")


def print_data(text: str) -> None:
    """Print a path or a file's content to stdout, unchanged; only a terminal gets control characters made visible."""
    print(shown(text, sys.stdout) if sys.stdout and sys.stdout.isatty() else text, end="")


def print_markdown(text: str) -> None:
    """Print Markdown: formatted, in a pager, on a terminal; else as it is."""
    if not sys.stdout.isatty():
        print_text(text)
        return
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console()
    with console.pager(styles=True):
        console.print(Markdown(shown(text, sys.stdout), hyperlinks=False))


def print_json(doc: Any) -> None:
    """Print one JSON document to stdout."""
    utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    text = json.dumps(doc, indent=2, ensure_ascii=not utf8, allow_nan=False)
    controls = "[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]"  # JSON does not escape what terminals obey
    print(re.sub(controls, lambda match: f"\\u{ord(match[0]):04x}", text))


def print_table(table: TextTable) -> None:
    """Print a table to stdout, no wider than the terminal; as wide as it needs to be in a pipe or a file."""
    print_line(rendered(table, stdout_width()))


PICTURE_COLOURS: dict[str, Any] = {
    "paper": (16, 20, 27),
    "ink": (221, 227, 236),
    "positive": (255, 165, 92),
    "negative": (97, 175, 239),
}
"""The colours of a map over its image on a terminal: those of the app's dark theme."""


def print_picture(levels: NDArray[np.uint8], values: NDArray[np.float32]) -> None:
    """Print a map over its image: half blocks in colours on a terminal, else signs.

    Signs are ``#`` and ``+`` for strong and weak positive values, ``=`` and ``-`` for negative ones.

    Args:
        levels: the grey image, uint8 ``(height, width)``.
        values: the map, float32 of the same shape.
    """
    from mnist_tui.runs.explanations import over, shares, sign_of

    utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    if not is_live(sys.stdout) or os.environ.get("NO_COLOR") or not utf8:
        part = shares(values)
        for row in range(0, len(part), 2):
            line = "".join(sign_of(value, 1.0) for value in part[row : row + 2].mean(axis=0).tolist())
            print_line(line.rstrip())
        return
    from rich.console import Console
    from rich.style import Style
    from rich.text import Text

    picture = over(levels, values, **PICTURE_COLOURS).tolist()
    console = Console(file=sys.stdout, highlight=False)
    for row in range(0, len(picture), 2):
        below = picture[row + 1] if row + 1 < len(picture) else [PICTURE_COLOURS["paper"]] * len(picture[row])
        line = Text(no_wrap=True)
        for high, low in zip(picture[row], below, strict=True):
            colours = [f"rgb({','.join(map(str, colour))})" for colour in (high, low)]
            line.append("▀", Style(color=colours[0], bgcolor=colours[1]))
        console.print(line, crop=True)


def stdout_width() -> int | None:
    """Return the columns of the terminal on stdout; None if stdout is not a terminal, so that nothing limits a line."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def is_live(stream: TextIO) -> bool:
    """Return whether lines that are printed to a stream can be replaced: whether it is a terminal that can do so."""
    return stream.isatty() and os.environ.get("TERM", "") not in PLAIN_TERMINALS


class LiveLine:
    """A line of a terminal whose text is replaced again and again; `clear` it before printing anything else."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._showing = False

    def __enter__(self) -> LiveLine:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def show(self, text: str) -> None:
        self._showing = True
        print(f"{CLEAR_LINE}{isolated(visible_line(text))}", end="", file=self._stream, flush=True)

    def clear(self) -> None:
        """Remove the line if one is shown."""
        if self._showing:
            self._showing = False
            print(CLEAR_LINE, end="", file=self._stream, flush=True)


class ProgressView:
    """A progress bar on a terminal; elsewhere a line of text now and then."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._view = LiveView(stream) if stream.isatty() else None
        self._tenth = -1

    def __enter__(self) -> ProgressView:
        return self

    def __exit__(self, *_: object) -> None:
        if self._view is not None:
            self._view.clear()

    def show(self, done: int, total: int, text: str) -> None:
        """Show how many of all steps are done, with a word about the present one."""
        if self._view is None:
            if (tenth := 10 * done // max(1, total)) > self._tenth:
                self._tenth = tenth
                print_line(f"{done:,} of {counted(total, 'image')}", self._stream)
            return
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.text import Text

        words = Text(visible_line(f"{done:,} of {counted(total, 'image')}  {text}"), no_wrap=True, overflow="ellipsis")
        self._view.show(Group(ProgressBar(total=max(1, total), completed=done, width=60), words))


class LiveView:
    """Several lines of a terminal that are replaced again and again, with notes printed above them."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console
        from rich.live import Live

        self._stream = stream
        self._console = Console(file=stream, markup=False, emoji=False, highlight=False)
        self._live: Live = Live(console=self._console, auto_refresh=False, transient=True, redirect_stdout=False)
        self._live.start()

    def note(self, text: str) -> None:
        """Print a line above the view."""
        from rich.text import Text

        self._console.print(Text(shown(text, self._stream)))

    def show(self, view: RenderableType) -> None:
        """Replace the view. Every text in it must come from a `TextTable` or from `visible_line`."""
        self._live.update(view, refresh=True)

    def clear(self) -> None:
        """Remove the view."""
        self._live.stop()


class TextTable:
    """A table without a frame. Its headings and cells are plain text, never markup or terminal commands.

    Args:
        columns: the headings.
        right: the headings of the columns that are aligned to the right.
    """

    def __init__(self, *columns: str, right: tuple[str, ...] = ()) -> None:
        from rich.box import SIMPLE_HEAD
        from rich.table import Table

        self.table: Table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
        for column in columns:
            self.add_column(column, right=column in right)

    def add_column(self, title: str, *, right: bool = False, cut: bool = False) -> None:
        """Add a column; a cell that is too wide ends in ``…`` with `cut`, else it takes several lines."""
        self.table.add_column(
            _cell(title), justify="right" if right else "left", no_wrap=cut, overflow="ellipsis" if cut else "fold"
        )

    def add_row(self, *cells: str, style: str | None = None) -> None:
        self.table.add_row(*map(_cell, cells), style=style)


def _cell(text: str) -> Text:
    from rich.text import Text

    return Text(visible_line(text))


def rendered(table: TextTable, width: int | None = None) -> str:
    """Return a table as plain text of at most `width` columns, without blanks at the ends of lines; None: no limit."""
    from rich.console import Console

    console = Console(
        file=io.StringIO(), width=width or 1000, color_system=None, force_terminal=False, legacy_windows=False
    )
    with console.capture() as capture:
        console.print(table.table)
    return "\n".join(line.rstrip() for line in capture.get().rstrip("\n").splitlines())


@dataclass(frozen=True)
class TextColumn:
    """A column of a table that `fitted` can fit to a width.

    Attributes:
        cells: one text for each row.
        right: whether the texts are aligned to the right.
        need: the order in which columns are left out, the lowest first; a column of 0 is never left out.
        cut: whether the texts may be cut when leaving out columns is not enough.
    """

    title: str
    cells: tuple[str, ...]
    right: bool = False
    need: int = 0
    cut: bool = False

    @property
    def width(self) -> int:
        return max(map(len, (self.title, *self.cells)))

    @property
    def least(self) -> int:
        """The width to which `fit` may cut the column before it leaves out others; 0 if the column is never cut."""
        return self.width if self.cut else 0

    def cut_to(self, width: int) -> TextColumn:
        """Return the column with each text cut to `width` characters."""
        return replace(self, title=cut_end(self.title, width), cells=tuple(cut_end(text, width) for text in self.cells))


def fitted(columns: Sequence[TextColumn], width: int | None) -> list[TextColumn]:
    """Return the columns that fit into a width, with texts cut where necessary; all columns for None."""
    if width is None:
        return list(columns)
    sizes = fit(columns, [column.width for column in columns], width, GAP)
    return [columns[at].cut_to(size) for at, size in sizes.items()]


def table_of(columns: Sequence[TextColumn], styles: Sequence[str] = ()) -> TextTable:
    """Return a table with these columns; `styles` gives Rich's style of each row, such as ``red``."""
    table = TextTable()
    for column in columns:
        table.add_column(column.title, right=column.right, cut=True)
    rows = zip(*(column.cells for column in columns), strict=True)
    for cells, style in zip(rows, styles or repeat(None), strict=False):
        table.add_row(*cells, style=style)
    return table


def wrapped(line: str, width: int | None) -> str:
    """Return a line broken at `width` characters, with its other lines indented; unchanged for None."""
    return textwrap.fill(line, width, subsequent_indent="  ") if width else line


class LenientStream(io.RawIOBase):
    """A stream that writes to a file descriptor; after the first failure it drops everything without an error.

    Attributes:
        failure: the first failure; None if everything was written.
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
    """Open standard streams that are closed, and replace stdout and stderr by streams to which writing never raises.

    A character that the encoding lacks is written as a question mark.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:  # else the next file opened would become stdout
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    if sys.stdin is None:  # pyright: ignore[reportUnnecessaryComparison] - Python has none for a closed one
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout, sys.stderr = _lenient(sys.stdout, 1), _lenient(sys.stderr, 2)


def lost_output() -> str:
    """Return why results could not be written to stdout; empty if all were, or if their reader has gone."""
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
