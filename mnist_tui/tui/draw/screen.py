"""The draw screen: a canvas, what a run's network receives of the drawing, and how the network classifies it."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len
from textual import getters, on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, ScrollableContainer, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from mnist_tui.data.errors import DataError
from mnist_tui.data.pictures import FilePicture, Reading, centred, fitted, read_picture
from mnist_tui.errors import RequestError
from mnist_tui.paths import PathError, typed_path
from mnist_tui.report.run_images import Images, test_images
from mnist_tui.runs.folder import RunFolder
from mnist_tui.settings import BLOCK
from mnist_tui.tui.bench import Route
from mnist_tui.tui.choose_run import ChooseRunScreen
from mnist_tui.tui.dialogs import FormDialog
from mnist_tui.tui.draw.canvas import DrawingCanvas, SeenPane
from mnist_tui.tui.draw.model_reader import (
    DrawingReader,
    NetworkInput,
    ReadableRun,
    network_input,
    newest_with_model,
    readable_run,
    runs_with_model,
)
from mnist_tui.tui.run_screen import ModelScreen
from mnist_tui.tui.terminal.keyboard import TAKES_KEYBOARD
from mnist_tui.tui.terminal.keymap import bind, key_of, pane_keys, pane_title
from mnist_tui.tui.widgets.controls import KeyFooter
from mnist_tui.tui.widgets.path_input import PathInput
from mnist_tui.tui.widgets.pixels import size_in
from mnist_tui.tui.widgets.probabilities import Probabilities, big_text
from mnist_tui.tui.widgets.run_status import Banner, StatusLine, sample_line
from mnist_tui.tui.widgets.tab_strip import TabStrip
from mnist_tui.wording import percent

LINES_ELSE = 3
"""The tabs, the line of the run and the footer."""
BARS_LEAST = 2
"""Lines of the bars below the pictures."""
SIDE_NARROW, SIDE_NORMAL, SIDE_WIDE = 24, 16, 36
"""Columns that are left for the answer, in windows of each width."""
SIDE_BESIDE_LARGE = 13
"""Those beside a canvas that is too large for two pictures and the answer, in a window of middle width."""
PANE_LEAST, SEEN_LEAST = 22, 20
"""Columns of a pane, and of a picture of the network's input that is worth to be seen beside a large canvas."""
BORDER_LEAST = 50
"""Columns of a canvas whose border has room for the pen's place."""
NO_RUN = "There is no run with a model yet: train one, then come back; its model reads what you draw."
LOADING = "Loading the model: TensorFlow takes some seconds. You can draw meanwhile."
FIRST = "Draw with the mouse, or with Space and the arrow keys"
TRAIN_FIRST = "Train a network first (F2)"
PEN_TEXTS = {"up": "pen up", "draws": "drawing", "erases": "erasing"}


class DrawScreen(ModelScreen[DrawingReader]):
    """The screen on which a person draws and a run's model classifies the drawing.

    Args:
        folder: the run; None for the newest run that has a model.
    """

    MAIN = True
    TAB = "draw"
    CSS_PATH = "draw.tcss"
    AUTO_FOCUS = "DrawingCanvas"
    HELP = """
    **Draw.** A run's model classifies the drawing while you draw, in a process of its own that ends with this screen,
    or five minutes after you have left it.
    For MNIST and data like it, grey images of the ten digits with 28×28 pixels, the drawing is first scaled and centred
    as MNIST's digits are; `c` turns that on or off. Beside the canvas is what the network receives, for a HOG run its
    oriented gradients (`g` shows the pixels). `r` puts a random test image of the
    run's data on the canvas, `i` an image file; `o` chooses another run.
    """
    BINDINGS = [
        bind("draw.view", "v", "view", "View", "Switch between the probabilities and the network's input"),
        bind("draw.random", "r", "random", "Random", "Put a random test image of the run's data on the canvas"),
        bind("draw.image", "i", "image", "Image", "Read an image file onto the canvas"),
        bind("draw.run", "o", "run", "Run", "Choose the run whose model reads"),
        bind("draw.inside", "k", "inside", "Look inside", "What the network does with the drawing"),
        bind("draw.centre", "c", "centre", "Centre", "Bring the drawing to MNIST's size and place first, or leave it"),
        bind("draw.glyphs", "g", "glyphs", "HOG", "Show what the network sees as gradients or as pixels"),
        bind("draw.load", "l", "load", "Load again", "Load the run's newest weights in a new process", hidden=True),
        bind("draw.back", "escape", "back", "Back", "Back to where you were"),
    ]

    status = getters.query_one(StatusLine)
    sample = getters.query_one(Banner)
    canvas = getters.query_one(DrawingCanvas)
    canvas_box = getters.query_one("#draw-canvas-box", ScrollableContainer)
    seen = getters.query_one(SeenPane)
    side = getters.query_one("#draw-side", VerticalScroll)
    answer = getters.query_one("#draw-answer", Static)
    share = getters.query_one("#draw-share", Static)
    facts = getters.query_one("#draw-facts", Static)

    def __init__(self, folder: RunFolder | None = None) -> None:
        super().__init__()
        self._folder = folder
        self._subject: ReadableRun | None = None
        self._status = "Looking for a run whose model can read."
        self._centring = True
        self._source = ""
        self._untouched: NDArray[np.uint8] | None = None
        self._true: int | None = None
        self._input: NetworkInput | None = None
        self._computing = self._outdated = False
        self._images: Images | None = None
        self._path = ""
        self._has_wide_border = False

    def compose(self) -> ComposeResult:
        yield TabStrip()
        yield StatusLine("", "")
        yield Banner()
        with Horizontal(id="draw-pictures"):
            with ScrollableContainer(id="draw-canvas-box", classes="pane frame", can_focus=False) as box:
                box.border_title = pane_title("Canvas")
                yield DrawingCanvas()
            yield SeenPane(id="draw-seen", classes="pane frame")
            with VerticalScroll(id="draw-side", classes="pane", can_focus=False) as side:
                side.border_title = pane_title("Answer")
                yield Static("", id="draw-answer", markup=False)
                yield Static("", id="draw-share", markup=False)
                yield Probabilities(id="draw-bars-aside")
                yield Static("", id="draw-facts", markup=False)
        yield Probabilities(id="draw-bars")
        yield KeyFooter()

    def _canvas_keys(self) -> Content:
        own = self.app.settings.keys
        return pane_keys({key_of(f"draw.{name}", DrawingCanvas, own): name for name in ("erase", "undo")})

    @property
    def _pen_place(self) -> str:
        row, column = self.canvas.at
        return f"pen at row {row + 1}, column {column + 1}"

    def on_mount(self) -> None:
        self._update_texts()
        self._read_run(self._folder)

    def shown_again(self, route: Route) -> None:
        """Let the model of the run from which one comes read the drawing."""
        shown = self._subject.folder if self._subject is not None else self._folder
        if route.run is not None and (shown is None or shown.path != route.run.path):
            self._read_run(route.run)

    def new_reader(self) -> DrawingReader:
        assert self._subject is not None
        return DrawingReader(self._subject.folder, self)

    def seen_again(self) -> None:
        if self.reader is None:
            self.action_load()

    def on_resize(self) -> None:
        """Enlarge the canvas if there is room, then the network's input; scroll a canvas that is too large.

        A canvas that leaves no room for the input beside it makes the input take turns with the answer.
        """
        width, height = self.app.size
        shape = self.canvas.pixels.shape[:2]
        narrow, normal, short = (self._is(name) for name in ("-narrow", "-normal", "-short"))
        frame = 2 if narrow or normal else 4
        least = SIDE_NARROW if narrow else SIDE_NORMAL if normal else SIDE_WIDE
        pane = max(shape[1] + frame, PANE_LEAST)
        beside = max(min(shape[1], SEEN_LEAST) + frame, PANE_LEAST)
        alone = narrow or width < least + pane + beside
        self.set_class(alone and not narrow, "-alone")
        side = SIDE_BESIDE_LARGE if alone and normal else least
        border = 1 if short else 2
        warning = -(-cell_len(self.sample.text) // max(1, width - 2))  # its lines; it may be new
        lines = height - LINES_ELSE - warning - border - BARS_LEAST * normal
        columns = width - side - frame
        size = max(size_in(shape, columns - (0 if alone else pane), lines), shape)
        self.canvas.draw_in(size)
        needed = -(-size[0] // 2)
        full = size[1] + (needed > lines)  # with the scrollbar
        shown = max(min(full, columns), PANE_LEAST - frame)
        self.canvas_box.styles.width = shown + frame
        self.canvas_box.styles.align_horizontal = "left" if shown < full else "center"
        self.seen.fit(width - shown - 2 * frame - (0 if alone else side), lines)
        height = min(needed + (shown < full), lines) + border
        large = not narrow and not normal
        self._has_wide_border = large and shown >= BORDER_LEAST
        self.canvas_box.styles.height = lines + border if large else height
        for beside_canvas in (self.seen, self.side):
            beside_canvas.styles.height = self.canvas_box.styles.height if large else None
        self._update_texts()

    def _is(self, size_class: str) -> bool:
        """Return whether the window has a size class, before the screen gets it, too."""
        sizes = zip(self.app.size, (self.app.HORIZONTAL_BREAKPOINTS, self.app.VERTICAL_BREAKPOINTS), strict=True)
        return any([name for least, name in steps or () if size >= least][-1] == size_class for size, steps in sizes)

    @work(exclusive=True, group="choose", exit_on_error=False)
    async def _read_run(self, folder: RunFolder | None) -> None:
        """Read a run (None: the newest that has a model) and load its model."""
        subject, problem = None, NO_RUN
        try:
            folder = folder or await asyncio.to_thread(newest_with_model, self.app.options.runs_dir)
            if folder is not None:
                subject = await asyncio.to_thread(readable_run, folder)
        except (RequestError, OSError, TypeError) as error:
            problem = f"The run's folder cannot be read: {error}."
        if subject is not None:
            self._subject, self._images, self._true = subject, None, None
            self._centring = not subject.why_not_centred
            self.canvas.photograph = self.seen.picture.photograph = subject.reading != "strokes"
            self.canvas.begin(subject.image)
            self.canvas.draw_anew()
            self.sample.say(sample_line(subject.data is not None and subject.data.sample))
            self.on_resize()
            self.action_load()
            self.refresh_bindings()
            self._compute_input()
        elif self._subject is not None:
            self.notify(problem, severity="error")
        else:
            self._status = problem
            self._update_texts()

    def action_load(self) -> None:
        if self._subject is None:
            return
        self._status = self.restart_reader()
        self._ask()
        self._update_texts()

    @on(DrawingReader.ReaderChanged)
    def _reader_changed(self) -> None:
        self._update_texts()

    @on(DrawingCanvas.DrawingChanged)
    def _drawing_changed(self, message: DrawingCanvas.DrawingChanged) -> None:
        if message.picture:
            if not self.canvas.pixels.any():  # what is drawn next has nothing to do with the image that was here
                self._source, self._untouched, self._true = "", None, None
            self._compute_input()
        self.canvas_box.scroll_to_region(self.canvas.pen_cell, animate=False)
        self._update_texts()

    def _compute_input(self) -> None:
        """Compute the network's input from the newest drawing, once the computation under way has ended."""
        self._outdated = True
        if not self._computing:
            self._computing = True
            self._compute()

    @work(group="see", exit_on_error=False)
    async def _compute(self) -> None:
        while self._outdated:
            self._outdated, centring = False, self._centring
            hog = self._subject.hog if self._subject else None
            self._input = await asyncio.to_thread(network_input, self.canvas.pixels, centring=centring, hog=hog)
            self.seen.show(self._input, centred=self._centring)
            self._ask()
            self._update_texts()
        self._computing = False

    def _ask(self) -> None:
        if self.reader is not None and self._input is not None and self._input.pixels.any():
            self.reader.ask(self._input.pixels.tobytes())

    def _update_texts(self) -> None:
        subject, reader = self._subject, self.reader
        if subject is None:
            self.status.show("no model", "")
        else:
            self.status.show(subject.state, subject.name, subject.data_title, subject.folder.id)
        blank, answer = not self.canvas.pixels.any(), reader.answer if reader else None
        names = subject.names if subject else tuple(map(str, range(10)))
        shown = (None,) * len(names) if blank or answer is None else answer
        full = BLOCK[self.app.settings.glyphs]
        edited = self._untouched is not None and not np.array_equal(self._untouched, self.canvas.pixels)
        for bars in self.query(Probabilities):
            bars.show(names, shown, glyphs=self.app.settings.glyphs, true=None if edited or blank else self._true)
        name, share = "", TRAIN_FIRST if self._status == NO_RUN else FIRST
        if reader is not None and reader.loading:
            share = LOADING
        elif not blank:
            name, share = _answer_texts(names, answer)
        self.answer.update(big_text(name, full))
        self.share.update(share)
        lines = [f"{self._source}{', changed' if edited else ''}."] if self._source else []
        speed = reader.speed if reader and not self._is("-normal") else ""
        score = subject.score if subject and reader and not reader.loading else ""
        lines += filter(None, (reader.status if reader else self._status, score, speed))
        if subject is not None:
            why_not = f": {subject.why_not_centred}" if subject.why_not_centred else ""
            if not self._centring:
                lines.append(f"Not centred{why_not}.")
            if subject.image[2] > 1:
                lines.append("Strokes are white: the same in red, green and blue.")
        self.canvas_box.border_title = pane_title("Canvas", note=PEN_TEXTS[self.canvas.pen])
        place, keys = f"{self._pen_place}  " if self._has_wide_border else "", self._canvas_keys()
        self.canvas_box.border_subtitle = Content.assemble(place, keys)
        if not self._has_wide_border and not self._is("-normal"):
            lines.append(f"{self._pen_place[:1].upper()}{self._pen_place[1:]}.")
        self.facts.update("\n".join(lines))
        self.set_class(blank, "-blank")
        apart = self._is("-narrow") or self.has_class("-alone")
        as_drawn = subject is not None and subject.hog is None and not self._centring
        self.set_class(as_drawn and not apart, "-as-drawn")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        match action:
            case "glyphs":
                return self._subject is not None and self._subject.hog is not None
            case "random":
                return self._subject is not None and self._subject.data is not None
            case "load":
                return self._subject is not None
            case "view":
                return self.has_class("-narrow") or self.has_class("-alone")
            case _:
                return True

    def action_centre(self) -> None:
        self._centring = not self._centring
        self._compute_input()
        self._update_texts()

    def action_inside(self) -> None:
        """Look inside the network for the drawing, as the network receives it."""
        from mnist_tui.tui.selected_images import ExplainedImage

        if self._subject is None or self._input is None or not self.canvas.pixels.any():
            self.notify("Draw something first, or put a test image on the canvas.", severity="warning")
            return
        photograph = self._subject.reading != "strokes"
        image = ExplainedImage(self._input.pixels.copy(), "Drawing", self._source, photograph=photograph)
        self.app.show(Route("inside", run=self._subject.folder, image=image))

    def action_glyphs(self) -> None:
        self.seen.toggle()

    def action_view(self) -> None:
        self.toggle_class("-seen")

    @work(group=TAKES_KEYBOARD)
    async def action_image(self) -> None:
        subject = self._subject
        result = await self.app.push_screen_wait(OpenImageScreen(self._path, subject.reading if subject else "strokes"))
        if result is not None:
            self._path, picture = result
            if not picture.pixels.any():
                self.notify(f"The image in {self._path} is empty.", severity="warning")
            pixels = (centred if self._centring else fitted)(picture.pixels, self.canvas.pixels.shape[:2])
            self._put(pixels, f"{Path(self._path).name}, {picture.words}")

    def _put(self, pixels: NDArray[np.uint8], source: str, true: int | None = None) -> None:
        self._source, self._untouched, self._true = source, pixels, true
        self.canvas.put(pixels)

    @work(exclusive=True, group="images", exit_on_error=False)
    async def action_random(self) -> None:
        """Put a random test image on the canvas; the first time, read the images."""
        subject, data_dir = self._subject, self.app.options.data_dir
        if subject is None or subject.data is None:
            return
        try:
            images = self._images or await asyncio.to_thread(test_images, subject.folder, subject.data, data_dir)
        except (DataError, RequestError, OSError) as error:
            self.notify(str(error), severity="warning")
            return
        if subject is self._subject:
            self._images = images
            index = random.randrange(len(images.labels))
            true, number = int(images.labels[index]), int(images.numbers[index])
            source = f"True class {subject.names[true]}: number {number:,} of the {images.what}"
            self._put(images.pixels[index], source, true)

    @work(exclusive=True, group=TAKES_KEYBOARD, exit_on_error=False)
    async def action_run(self) -> None:
        """Ask for one of the runs that have a model, and read it."""
        runs = await asyncio.to_thread(runs_with_model, self.app.options.runs_dir)
        if not runs:
            self.notify(NO_RUN, severity="warning")
            return
        now = self._subject.folder.id if self._subject else ""
        at = next((index for index, (folder, _) in enumerate(runs) if folder.id == now), 0)
        summaries = [run for _, run in runs]
        chosen = await self.app.push_screen_wait(ChooseRunScreen("Whose model reads the drawing?", summaries, at))
        if chosen is not None:
            self._read_run(runs[chosen][0])


def _answer_texts(names: Sequence[str], answer: Sequence[float | None] | None) -> tuple[str, str]:
    """Return the name of the most probable class, empty without an answer, and a line about it."""
    if answer is None:
        return "", "No answer yet"
    finite = [value for value in answer if value is not None]
    if len(finite) < len(answer):
        return "", "No finite probability: the run diverged"
    best = names[answer.index(max(finite))]
    return best, f"{best} with {percent(max(finite), 1)}"


def path_of(text: str) -> Path:
    """Return the path that a person typed or dropped into the terminal, without the terminal's quotes or backslashes.

    Raises:
        PathError: the text is not a path.
    """
    text = text.strip()
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "'\""
    text = text[1:-1] if quoted else re.sub(r"\\(.)", r"\1", text)
    return typed_path(text.removeprefix("file://"))


class OpenImageScreen(FormDialog[tuple[str, FilePicture]]):
    """A dialog that asks for an image file and returns its path and picture; None if the dialog is cancelled.

    Args:
        path: the text of the field at first.
        reading: how the file is read.
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

    def __init__(self, path: str = "", reading: Reading = "strokes") -> None:
        super().__init__()
        self._reading: Reading = reading
        self._line = PathInput(path, placeholder="path of a PNG, JPEG, …; Tab completes names")

    def fields(self) -> Iterable[Widget]:
        yield self._line

    @on(Input.Changed)
    def _typed(self) -> None:
        self.show_problem("")

    def accept(self) -> None:
        self._open()

    @work(exclusive=True, exit_on_error=False)
    async def _open(self) -> None:
        if not self._line.value.strip():
            self.show_problem("no file is named")
            return
        try:
            path = path_of(self._line.value)
            picture = await asyncio.to_thread(read_picture, path, self._reading)
        except (DataError, PathError) as error:
            self.show_problem(str(error))
        else:
            self.dismiss((str(path), picture))
