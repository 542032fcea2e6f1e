"""Filters of what the screens draw: text stays text, and ASCII alone where the settings ask for it."""

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
UNKNOWN = "?"


class AsciiText(LineFilter):
    """Replace every other character by one that looks like it; a line stays as wide as it was."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Return the segments of a line as they may be drawn."""
        if all(segment.text.isascii() for segment in segments):
            return segments
        return [Segment("".join(map(ascii_of, text)), style, control) for text, style, control in segments]


@lru_cache(1024)
def ascii_of(char: str) -> str:
    """The ASCII characters that stand for one character, as many as it is wide."""
    if char.isascii():
        return char
    if BRAILLE_BLANK <= ord(char) <= BRAILLE_LAST:
        return " " if ord(char) == BRAILLE_BLANK else "*"
    found = LOOKALIKES.get(char)
    if found is None:
        plain = [part for part in unicodedata.normalize("NFKD", char) if part.isascii()]
        found = plain[0] if plain else UNKNOWN
    return found * cell_len(char)


FILLING = " ─━═▔▁"


class SafeText(LineFilter):
    """Show control characters, and isolate words from right to left; a line stays as wide as it was.

    Control characters are of no width, what stands for them is: blanks or a border's line after the text give way,
    else its last letters.
    """

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Return the segments of a line as they may be drawn."""
        if not any(needs_care(segment.text) for segment in segments):
            return segments
        made: list[Segment] = []
        excess = 0
        for text, style, control in segments:
            left = text
            if excess:
                left = text[min(excess, _filling(text)) :]
                excess -= len(text) - len(left)
                _shorten(made, excess)
                excess = 0
            if needs_care(left):
                seen = visible_line(left)
                excess = cell_len(seen) - cell_len(left)
                blanks = len(seen) - len(seen.rstrip(" "))
                left = seen[: len(seen) - min(excess, blanks)]
                excess -= len(seen) - len(left)
                left = isolated(left)
            made.append(Segment(left, style, control))
        _shorten(made, excess)
        return made


def _filling(text: str) -> int:
    """Return how many of the first characters are blanks, or a border's line, of which one stays."""
    first = text[:1]
    run = len(text) - len(text.lstrip(first)) if first and first in FILLING else 0
    return run if first == " " else max(0, run - 1)


def _shorten(made: list[Segment], excess: int) -> None:
    """Take that many cells from the end of the last segment."""
    if excess and made:
        text, style, control = made.pop()
        made.append(Segment(set_cell_size(text, max(0, cell_len(text) - excess)), style, control))
