"""Textual's driver for terminals, which also understands what a terminal answers about pictures.

Textual takes such an answer for typed keys: its parser does not know them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from time import monotonic

from textual._xterm_parser import XTermParser
from textual.driver import Driver
from textual.drivers import linux_driver
from textual.message import Message

QUERY_SECONDS = 2.0
"""The time after a query in which a lone Escape is kept back for a moment: it may begin the answer."""

ANSWER = re.compile(
    r"\x1bP>\|(?P<name>[^\x1b]{0,100})\x1b\\|\x1b\[\?(?P<attributes>[\d;]*)c|\x1b\[6;(?P<height>\d+);(?P<width>\d+)t"
)
"""The answers: the terminal's name (XTVERSION), its attributes (DA1), and the size of a character in pixels."""
BEGUN = re.compile(r"\x1b(?:P>(?:\|[^\x1b]{0,100}\x1b?)?|\[\?[\d;]*|\[6;[\d;]*)\Z")
"""The beginning of an answer, which no key has, at the end of what has been read."""
UNSURE = re.compile(r"\x1b(?:P|\[6?)?\Z")
"""What may be the beginning of an answer or a key, such as Escape."""
UNSURE_SECONDS = 0.05
"""The time for which such characters are kept back; the rest of an answer comes at once."""


class TerminalAnswer(Message):
    """Posted to the app for each answer of the terminal.

    Attributes:
        name: the terminal's name and version; None if the answer is another one.
        attributes: the numbers of its attributes; empty if the answer is another one.
        cell: width and height of a character in pixels; None if the answer is another one.
    """

    def __init__(self, name: str | None, attributes: frozenset[int], cell: tuple[int, int] | None) -> None:
        super().__init__()
        self.name, self.attributes, self.cell = name, attributes, cell


class AnswerParser(XTermParser):
    """Textual's parser without the answers, which become messages, also if one is read in two pieces."""

    asked_at = float("-inf")
    """The time of the newest query; keys that may begin an answer are kept back for a moment after it."""

    def __init__(self, debug: bool = False) -> None:
        self._kept, self._kept_at = "", 0.0
        super().__init__(debug)

    def feed(self, data: str) -> Iterable[Message]:
        if not data:  # the end of the input
            yield from super().feed(data)
            return
        data, self._kept = self._kept + data, ""
        at = 0
        for match in ANSWER.finditer(data):
            if before := data[at : match.start()]:
                yield from super().feed(before)
            yield _message(match)
            at = match.end()
        rest = data[at:]
        begun = BEGUN.search(rest)
        if begun is None and monotonic() - AnswerParser.asked_at < QUERY_SECONDS:
            begun = UNSURE.search(rest)
        if begun is not None:
            rest, self._kept, self._kept_at = rest[: begun.start()], begun[0], monotonic()
        if rest:
            yield from super().feed(rest)

    def tick(self) -> Iterable[Message]:
        if self._kept and UNSURE.match(self._kept) and monotonic() - self._kept_at > UNSURE_SECONDS:
            kept, self._kept = self._kept, ""
            yield from super().feed(kept)
        yield from super().tick()


def _message(match: re.Match[str]) -> TerminalAnswer:
    numbers = (int(number) for number in (match["attributes"] or "").split(";") if number)
    cell = (int(match["width"]), int(match["height"])) if match["width"] else None
    return TerminalAnswer(match["name"], frozenset(numbers), cell)


class TerminalDriver(linux_driver.LinuxDriver):
    """Textual's driver for Linux and macOS with the parser that knows answers."""

    def run_input_thread(self) -> None:
        setattr(linux_driver, "XTermParser", AnswerParser)  # noqa: B010 (the thread makes the parser from this name)
        super().run_input_thread()


def with_answers(driver: type[Driver]) -> type[Driver]:
    """Return a driver class that understands answers if the driver is Textual's for terminals, else the driver."""
    return TerminalDriver if driver is linux_driver.LinuxDriver else driver
