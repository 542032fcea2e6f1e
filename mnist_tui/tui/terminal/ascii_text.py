"""What the screens draw in ASCII characters alone, for terminals and readers that have no others."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

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
