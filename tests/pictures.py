"""A terminal for tests that shows pictures: it answers the queries, and reads Kitty's protocol and Sixel."""

from __future__ import annotations

import base64
import fcntl
import io
import re
import struct
import termios
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pyte
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from textual_image.renderable.tgp import _NUMBER_TO_DIACRITIC as NUMBERS

from tests.terminal import COMMAND, Terminal

CELL = 10, 20
"""Width and height of a character in pixels."""
Kind = Literal["kitty", "sixel", "silent"]
ANSWERS: dict[str, dict[bytes, str]] = {
    "kitty": {b"\x1b[>0q": "\x1bP>|kitty(0.35.2)\x1b\\", b"\x1b[16t": "\x1b[6;20;10t", b"\x1b[c": "\x1b[?62;52c"},
    "sixel": {b"\x1b[>0q": "\x1bP>|XTerm(390)\x1b\\", b"\x1b[16t": "\x1b[6;20;10t", b"\x1b[c": "\x1b[?63;1;4;22c"},
    "silent": {},
}
SEQUENCE = re.compile(rb"\x1b_G([^\x1b]*)\x1b\\|\x1bP([^\x1b]*)\x1b\\|\x1b\[(?:>0q|16t|c)")
UNFINISHED = re.compile(rb"\x1b(?:[_P][^\x1b]*\x1b?|\[>?0?1?6?)?\Z")
PLACEHOLDER, NOTHING = "\U0010eeee", -1


class PaintedScreen(pyte.Screen):
    """A screen on which a character erases what has been painted in its place: `paint` is NOTHING there."""

    def __init__(self, columns: int, rows: int) -> None:
        self.paint = np.full((rows * CELL[1], columns * CELL[0], 3), NOTHING, np.int16)
        super().__init__(columns, rows)

    def draw(self, data: str) -> None:
        for character in data:
            if not unicodedata.combining(character):
                x, y = min(self.cursor.x, self.columns - 1) * CELL[0], self.cursor.y * CELL[1]
                self.paint[y : y + CELL[1], x : x + CELL[0]] = NOTHING
            super().draw(character)

    def erase_in_display(self, how: int = 0, *args: Any, **kwargs: Any) -> None:
        self.paint[:] = NOTHING
        super().erase_in_display(how, *args, **kwargs)


class PictureTerminal(Terminal):
    """A program on a terminal of 120 columns and 40 lines that shows pictures.

    Attributes:
        queries: how many queries have come.
        sent: Kitty's pictures by number, in the size in which they are shown, RGB.
        deleted: the numbers of those that have been deleted.
    """

    def __init__(
        self, kind: Kind, arguments: Sequence[str], environment: Mapping[str, str], command: Sequence[str] = COMMAND
    ) -> None:
        self.kind = kind
        self.queries = self.sixels = 0
        self.sent: dict[int, NDArray[np.int16]] = {}
        self.deleted: set[int] = set()
        self._rest, self._chunks, self._options = b"", b"", dict[str, str]()
        super().__init__(arguments, 120, 40, environment, command)
        self._clear(120, 40)

    def _clear(self, columns: int, rows: int) -> None:
        self.screen = PaintedScreen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)

    def resize(self, columns: int, rows: int) -> None:
        """Gives the terminal another size; what it shows has to be drawn again."""
        self._clear(columns, rows)
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def show(self, output: bytes) -> None:
        output = self._rest + output
        at = 0
        for match in SEQUENCE.finditer(output):
            super().show(output[at : match.start()])
            at = match.end()
            if match[1] is not None:
                self._kitty(match[1])
            elif match[2] is not None:
                self._paint(sixel_picture(match[2]))
            else:
                self.queries += 1
                answer = ANSWERS[self.kind].get(match[0], "")
                self.press(answer)
        self._rest = b""
        if unfinished := UNFINISHED.search(output, at):
            self._rest = unfinished[0]
        super().show(output[at : len(output) - len(self._rest)])

    def _kitty(self, message: bytes) -> None:
        options, _, payload = message.partition(b";")
        named = dict(part.split("=") for part in options.decode().split(","))
        if named.get("a") == "d":
            self.deleted.add(int(named["i"]))
            return
        self._options |= named
        self._chunks += payload
        if named["m"] == "0":
            columns, rows = int(self._options["c"]), int(self._options["r"])
            picture = Image.open(io.BytesIO(base64.b64decode(self._chunks))).convert("RGB")
            fitted = picture.resize((columns * CELL[0], rows * CELL[1]), Image.Resampling.NEAREST)
            self.sent[int(self._options["i"])] = np.asarray(fitted).astype(np.int16)
            self._options, self._chunks = {}, b""

    def _paint(self, picture: NDArray[np.int16]) -> None:
        self.sixels += 1
        x, y = self.screen.cursor.x * CELL[0], self.screen.cursor.y * CELL[1]
        shown = self.screen.paint[y : y + picture.shape[0], x : x + picture.shape[1]]
        shown[:] = picture[: shown.shape[0], : shown.shape[1]]

    def canvas(self) -> NDArray[np.int16]:
        """The pixels of all pictures on the screen, NOTHING elsewhere, RGB."""
        canvas = self.screen.paint.copy()
        for y, line in self.screen.buffer.items():
            for x, cell in line.items():
                is_whole = cell.data.startswith(PLACEHOLDER) and len(cell.data) == 3
                if is_whole and (picture := self.sent.get(int(cell.fg, 16))) is not None:
                    row, column = (NUMBERS.index(ord(mark)) for mark in cell.data[1:])
                    part = picture[row * CELL[1] : (row + 1) * CELL[1], column * CELL[0] : (column + 1) * CELL[0]]
                    canvas[y * CELL[1] : (y + 1) * CELL[1], x * CELL[0] : (x + 1) * CELL[0]] = part
        return canvas

    def pictures(self) -> list[NDArray[np.int16]]:
        """The pictures on the screen, which have a gap between them, line by line."""
        canvas = self.canvas()
        labels: Any = ndimage.label(canvas[..., 0] != NOTHING)
        return [canvas[place] for place in ndimage.find_objects(labels[0])]


def sixel_picture(data: bytes) -> NDArray[np.int16]:
    """Decode a Sixel picture, RGB. As in xterm, the definition of a colour does not choose it for painting."""
    text = data.decode()
    head = re.match(r'[\d;]*q"1;1;(\d+);(\d+)', text)
    assert head is not None
    width, height = int(head[1]), int(head[2])
    picture = np.full((height + 6, width, 3), NOTHING, np.int16)
    colours: dict[int, list[int]] = {}
    colour = x = y = 0
    parts = re.findall(r"#(\d+)((?:;\d+){4})?|(?:!(\d+))?([?-~])|([$-])", text[head.end() :])
    for number, defined, count, sixel, control in parts:
        if defined:
            colours[int(number)] = [round(int(share) * 2.55) for share in defined.split(";")[2:]]
        elif number:
            colour = int(number)
        elif sixel:
            run = int(count or 1)
            for bit in range(6):
                if ord(sixel) - 63 >> bit & 1:
                    picture[y + bit, x : x + run] = colours[colour]
            x += run
        else:
            x, y = 0, y + 6 * (control == "-")
    return picture[:height]


def greys(picture: NDArray[np.int16], edge: int = 28) -> NDArray[np.float64]:
    """The brightness in the middle of each of the `edge` times `edge` pixels, from 0 (darkest) to 1."""
    middles = ((np.arange(edge) + 0.5) * len(picture) / edge).astype(int)
    levels = picture[np.ix_(middles, middles)].astype(float).sum(axis=2)
    return (levels - levels.min()) / (levels.max() - levels.min())
