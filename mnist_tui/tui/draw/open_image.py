"""The dialog that opens an image file."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from textual import on, work
from textual.widget import Widget
from textual.widgets import Input

from mnist_tui.data.catalogue import DataError
from mnist_tui.data.pictures import GreyPicture, read_picture
from mnist_tui.paths import PathError, typed_path
from mnist_tui.tui.dialogs import FormDialog
from mnist_tui.tui.terminal.keymap import bind


def path_of(text: str) -> Path:
    """Return a path that was typed or dropped into the terminal, which quotes it or escapes its spaces.

    Raises:
        PathError: the text is not a path.
    """
    text = text.strip()
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "'\""
    text = text[1:-1] if quoted else re.sub(r"\\(.)", r"\1", text)
    return typed_path(text.removeprefix("file://"))


class OpenImageScreen(FormDialog[tuple[str, GreyPicture]]):
    """Gives the name of a file and its picture; None if it was cancelled.

    Args:
        path: the text that the line begins with.
    """

    TITLE = "Open an image file"
    ACCEPT = "Open"
    HELP = """
    **Open an image.** PNG, JPEG, GIF, BMP, TIFF, WebP or PGM of any size, dark on light or light on dark: the border
    says which. A relative path begins where the program was started; a file dropped into the terminal gives its path.
    """
    BINDINGS = [
        bind("open-image.cancel", "escape", "cancel", "Cancel", "Leave the canvas as it is"),
        bind("open-image.open", "ctrl+s", "accept", "Open", "Read the file onto the canvas"),
        bind("open-image.next", "down", "app.focus_within(1)", "Next field", hidden=True),
        bind("open-image.previous", "up", "app.focus_within(-1)", "Previous field", hidden=True),
    ]

    def __init__(self, path: str = "") -> None:
        super().__init__()
        self._line, self._busy = Input(path, placeholder="path of a PNG, JPEG, …", compact=True), False

    def fields(self) -> Iterable[Widget]:
        yield self._line

    @on(Input.Changed)
    def _typed(self) -> None:
        self.show_problem("")

    def accept(self) -> None:
        """Read the file, if one is named and none is being read."""
        if self._busy:
            return
        if not self._line.value.strip():
            self.show_problem("no file is named")
            return
        self._busy = True
        self._read(self._line.value)

    @work(thread=True, exit_on_error=False)
    def _read(self, text: str) -> None:
        try:
            path = path_of(text)
            picture, problem = read_picture(path), ""
        except (DataError, PathError) as error:
            path, picture, problem = Path(), None, str(error)
        if self.is_attached:
            self.app.call_from_thread(self._done, path, picture, problem)

    def _done(self, path: Path, picture: GreyPicture | None, problem: str) -> None:
        self._busy = False
        if picture is None:
            self.show_problem(problem)
        else:
            self.dismiss((str(path), picture))
