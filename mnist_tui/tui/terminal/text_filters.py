"""Filters for every drawn line: one makes control characters visible, one replaces characters that are not ASCII."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from mnist_tui.shown_text import isolated, needs_care, visible_line

LOOKALIKES = {
    look: char
    for char, looks in {
        "-": "─━╌╍═╴╶╸╺–—−‐‑‒",
        "|": "│┃║▏▎▍▕▌▐▊▋▉┆┇╎╏",
        "+": "┌┐└┘├┤┬┴┼╭╮╰╯╔╗╚╝╠╣╦╩╬┏┓┗┛┣┫┳┻╋",
        "#": "█▇▆▅■▓▙▛▜▟▚▞",
        "_": "▄▃▂▁⎯",
        "=": "▀▔≈≡",
        ".": "·…░•▖▗▘▝",
        ":": "▒⋮",
        "o": "●○◆◇□△⬤◯",
        "^": "▲↑⭘",
        "v": "▼↓▾✓✔",
        ">": "▶→▸≥›»",
        "<": "◀←◂≤‹«⏎",
        "*": "★☆∗",
        "x": "×✗✘✕",
        "~": "±∼",
        "'": "‘’′",
        '"': "“”″",
        "/": "÷⁄",
        "V": "√",
        "e": "ε",
        "u": "µμ",
        "S": "σΣ",
        "%": "‰",
    }.items()
    for look in looks
}
BRAILLE_BLANK, BRAILLE_LAST = 0x2800, 0x28FF


class AsciiText(LineFilter):
    """A filter that replaces each character that is not ASCII by a similar one; the width of a line stays the same."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        if all(segment.text.isascii() for segment in segments):
            return segments
        return [Segment("".join(map(ascii_of, text)), style, control) for text, style, control in segments]


@lru_cache(1024)
def ascii_of(char: str) -> str:
    """Return the ASCII replacement of a character: as many characters as the original has cells."""
    if char.isascii():
        return char
    if BRAILLE_BLANK <= ord(char) <= BRAILLE_LAST:
        return " " if ord(char) == BRAILLE_BLANK else "*"
    without_accents = (part for part in unicodedata.normalize("NFKD", char) if part.isascii())
    return (LOOKALIKES.get(char) or next(without_accents, "?")) * cell_len(char)


FILLING = " ─━═▔▁"
"""Characters that a longer text before them may replace."""


class SafeText(LineFilter):
    """A filter that makes control characters visible and isolates right-to-left words; a line keeps its width.

    A control character has no width, but its visible replacement has. The text becomes longer, and replaces blanks or
    a part of a border's line after it; where there are none, the last letters are cut.
    """

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        if not any(needs_care(segment.text) for segment in segments):
            return segments
        filtered: list[Segment] = []
        excess = 0
        for text, style, control in segments:
            rest = text
            if excess:
                rest = text[min(excess, _filling(text)) :]
                _shorten_last(filtered, excess - len(text) + len(rest))
                excess = 0
            if needs_care(rest):
                safe = visible_line(rest)
                excess = cell_len(safe) - cell_len(rest)
                blanks = len(safe) - len(safe.rstrip(" "))
                rest = safe[: len(safe) - min(excess, blanks)]
                excess -= len(safe) - len(rest)
                rest = isolated(rest)
            filtered.append(Segment(rest, style, control))
        _shorten_last(filtered, excess)
        return filtered


def _filling(text: str) -> int:
    """Return how many characters at the text's start may be dropped: all blanks, or a border's line but for one."""
    first = text[:1]
    run = len(text) - len(text.lstrip(first)) if first and first in FILLING else 0
    return run if first == " " else max(0, run - 1)


def _shorten_last(segments: list[Segment], excess: int) -> None:
    if excess and segments:
        text, style, control = segments.pop()
        segments.append(Segment(set_cell_size(text, max(0, cell_len(text) - excess)), style, control))
