"""What curves are drawn with: the characters of each glyph setting. Values only."""

from __future__ import annotations

from dataclasses import dataclass

from mnist_tui.settings import Glyphs

QUADRANTS = " ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█"
BRAILLE = 0x2800
BRAILLE_BITS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
BLOCK_BITS = ((1, 4), (2, 8))
BOX_TO_ASCII = str.maketrans("│─┤├┬┴┼└┘┌┐", "|-+++++++++")


@dataclass(frozen=True)
class Marks:
    """One set of characters.

    Attributes:
        bits: of a character's dots, by column from the left and row from the top; a line is drawn dot by dot.
        line: how a line looks, for legends.
        validation, plain, running: marks of the series that are no lines.
        cursor, best, stopped: of the epoch looked at, the best one, and the one after which early stopping ended it.
        rule: what a heading's line is made of.
        dot: between two parts of a caption.
        band: the mean's surroundings, a deviation wide; empty where they are shaded dot by dot.
        runs: one for each of the runs laid over each other.
    """

    bits: tuple[tuple[int, ...], ...]
    line: str
    validation: str
    plain: str
    running: str
    cursor: str
    best: str
    stopped: str
    rule: str
    dot: str
    band: str
    runs: str

    @property
    def size(self) -> tuple[int, int]:
        """Dots in a character: columns, rows."""
        return len(self.bits), len(self.bits[0])

    def character(self, bits: int) -> str:
        """A character with those dots."""
        if len(self.bits[0]) == 4:
            return chr(BRAILLE + bits)
        return QUADRANTS[bits] if len(self.bits) == 2 else self.line[0]

    def framed(self, text: str) -> str:
        """A line of the axes in this set."""
        return text.translate(BOX_TO_ASCII) if self.rule == "-" else text


_SHAPES = "●▲■◆○△□◇"
MARKS: dict[Glyphs, Marks] = {
    "braille": Marks(BRAILLE_BITS, "⠤⠒", "◆", "○", "·", "│", "★", "■", "─", "·", "", _SHAPES),
    "block": Marks(BLOCK_BITS, "▄▀", "◆", "○", "·", "│", "★", "■", "─", "·", "░", _SHAPES),
    "ascii": Marks(((1,),), "*", "o", "x", ".", "|", "^", "#", "-", ";", ":", "o+x#%@&$"),
}
