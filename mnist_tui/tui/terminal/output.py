"""Shorter output: of the sequences for colours and attributes (SGR), only what changes is sent.

Textual resets the style after every piece of text and sends the next piece's style whole. On a slow line these
sequences are three quarters of all bytes.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from textual.driver import Driver

_STYLE = re.compile(r"\x1b\[([0-9;:]*)m")
_MOVES = re.compile(r"(?:\r\n|\x1b\[[0-9;]*H)+")
"""Movements of the cursor, which no style changes."""
_ATTRIBUTES = frozenset(("1", "2", "3", "4", "5", "6", "7", "8", "9", "21", "51", "52", "53"))
_BASIC_COLOURS = re.compile(r"(?:3|9|4|10)[0-7]")


class Style(NamedTuple):
    """What a terminal does to the text that follows, as parameters of SGR; empty strings are the terminal's colours."""

    attributes: frozenset[str] = frozenset()
    foreground: str = ""
    background: str = ""


PLAIN = Style()


def shorter(frame: str) -> str:
    """Return output that a terminal shows in the same way; it begins and ends with the plain style.

    Output with sequences for styles that are not known here is returned as it is.
    """
    first, *pieces = _STYLE.split(frame)
    parts, sent, wanted = [first], PLAIN, PLAIN
    for parameters, text in zip(pieces[::2], pieces[1::2], strict=True):
        changed = _applied(wanted, parameters)
        if changed is None:
            return frame
        wanted = changed
        if text and wanted != sent and not _MOVES.fullmatch(text):
            parts.append(_change(sent, wanted))
            sent = wanted
        parts.append(text)
    if wanted != sent:
        parts.append(_change(sent, wanted))
    return "".join(parts)


@lru_cache(8192)
def _applied(style: Style, parameters: str) -> Style | None:
    """Return the style after a sequence; None if the sequence has a parameter that is not known here."""
    codes = iter(parameters.split(";"))
    for code in codes:
        if code in {"", "0"}:
            style = PLAIN
        elif code in _ATTRIBUTES:
            style = style._replace(attributes=style.attributes | {code})
        elif code in {"38", "48"}:
            kind = next(codes, "")
            rest = [next(codes, "") for _ in range({"5": 1, "2": 3}.get(kind, 0))]
            if not rest or "" in rest:
                return None
            colour = ";".join((code, kind, *rest))
            style = style._replace(foreground=colour) if code == "38" else style._replace(background=colour)
        elif code == "39":
            style = style._replace(foreground="")
        elif code == "49":
            style = style._replace(background="")
        elif _BASIC_COLOURS.fullmatch(code):
            style = style._replace(foreground=code) if code[0] in "39" else style._replace(background=code)
        else:
            return None
    return style


@lru_cache(8192)
def _change(before: Style, after: Style) -> str:
    """Return the sequence that makes one style of the other."""
    if after == PLAIN:
        return "\x1b[0m"
    codes: list[str] = []
    if before.attributes - after.attributes:  # an attribute has no end of its own on every terminal
        codes, before = ["0"], PLAIN
    codes += sorted(after.attributes - before.attributes, key=int)
    if after.foreground != before.foreground:
        codes.append(after.foreground or "39")
    if after.background != before.background:
        codes.append(after.background or "49")
    return f"\x1b[{';'.join(codes)}m"


def with_shorter_output(driver: type[Driver]) -> type[Driver]:
    """Return a driver class that writes the same in fewer bytes."""

    class ShorterOutput(driver):
        def write(self, data: str) -> None:
            super().write(shorter(data))

    return ShorterOutput
