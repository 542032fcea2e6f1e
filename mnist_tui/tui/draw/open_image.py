"""The dialog that opens an image file."""

from __future__ import annotations

import re
from pathlib import Path

from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Input, Static

from mnist_tui.data.catalogue import DataError
from mnist_tui.data.pictures import GreyPicture, read_picture
from mnist_tui.paths import PathError, typed_path
from mnist_tui.tui.bench import BenchModal
from mnist_tui.tui.terminal.keymap import key_of, labelled


def path_of(text: str) -> Path:
    """Return a path that was typed or dropped into the terminal, which quotes it or escapes its spaces.

    Raises:
        PathError: the text is not a path.
    """
    text = text.strip()
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "'\""
    text = text[1:-1] if quoted else re.sub(r"\\(.)", r"\1", text)
    return typed_path(text.removeprefix("file://"))


class OpenImageScreen(BenchModal[tuple[str, GreyPicture] | None]):
    """Returns the name of a file and its picture; None if it was cancelled.

    Args:
        path: the text that the line begins with.
    """

    HELP = """
    **Open an image.** PNG, JPEG, GIF, BMP, TIFF, WebP or PGM of any size, dark on light or light on dark: the border
    says which. A relative path begins where the program was started; a file dropped into the terminal gives its path.
    """
    DEFAULT_CSS = """
    OpenImageScreen {
        align: center middle;
        & > Vertical {
            width: 72;
            max-width: 96%;
            height: auto;
            padding: 0 1;
            border: round $primary;
            background: $panel;
        }
        Static { height: auto; margin-top: 1; }
        Static.-wrong { color: $text-error; }
        Horizontal { height: 1; margin-top: 1; align-horizontal: right; }
        Button { margin-left: 2; }
    }
    """
    BINDINGS = [
        Binding("escape", "dismiss(None)", "Cancel", tooltip="Leave the canvas as it is", id="open-image.cancel"),
        Binding("ctrl+s", "open", "Open", tooltip="Read the file onto the canvas", id="open-image.open"),
        Binding("down", "app.focus_within(1)", "Next", tooltip="To the next field", show=False, id="open-image.next"),
        Binding(
            "up",
            "app.focus_within(-1)",
            "Previous",
            tooltip="To the field before",
            show=False,
            id="open-image.previous",
        ),
    ]
    line = getters.query_one(Input)
    said = getters.query_one(Static)

    def __init__(self, path: str = "") -> None:
        super().__init__()
        self._path, self._busy = path, False

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = "Open an image file"
            box.border_subtitle = "Enter opens"
            yield Input(self._path, placeholder="path of a PNG, JPEG, …", compact=True)
            yield Static("", markup=False)
            with Horizontal():
                yield Button(labelled("Open", self._key_of("open")), variant="primary", compact=True, id="open")
                yield Button(labelled("Cancel", self._key_of("cancel")), compact=True, id="cancel")

    def _key_of(self, action: str) -> str:
        return key_of(f"open-image.{action}", OpenImageScreen, self.app.settings.keys)

    @on(Input.Changed)
    def _typed(self) -> None:
        self._say("")

    @on(Button.Pressed, "#cancel")
    def _cancel(self) -> None:
        self.dismiss(None)

    @on(Input.Submitted)
    @on(Button.Pressed, "#open")
    def action_open(self) -> None:
        """Read the file, if one is named and none is being read."""
        if self._busy:
            return
        if not self.line.value.strip():
            self._say("no file is named")
            return
        self._busy = True
        self._read(self.line.value)

    @work(thread=True, exit_on_error=False)
    def _read(self, text: str) -> None:
        try:
            path = path_of(text)
            picture, why = read_picture(path), ""
        except (DataError, PathError) as error:
            path, picture, why = Path(), None, str(error)
        if self.is_attached:
            self.app.call_from_thread(self._done, path, picture, why)

    def _done(self, path: Path, picture: GreyPicture | None, why: str) -> None:
        self._busy = False
        if picture is None:
            self._say(why)
        else:
            self.dismiss((str(path), picture))

    def _say(self, why: str) -> None:
        self.said.update(why)
        self.said.set_class(bool(why), "-wrong")
