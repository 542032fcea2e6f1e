"""The draw screen: a canvas, what a run's network receives of the drawing, and how the network classifies it."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from textual import getters, on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from mnist_tui.data.catalogue import DataError
from mnist_tui.data.pictures import GreyPicture, centred, fitted, read_picture
from mnist_tui.errors import RequestError
from mnist_tui.experiment.shapes import IMAGE_EDGE
from mnist_tui.paths import PathError, typed_path
from mnist_tui.runs.folder import RunFolder
from mnist_tui.settings import BLOCK
from mnist_tui.tui.bench import BenchScreen, Route
from mnist_tui.tui.dialogs import ChooseScreen, FormDialog
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
from mnist_tui.tui.gallery.predictions import Images, test_images
from mnist_tui.tui.terminal.keyboard import TAKES_KEYBOARD
from mnist_tui.tui.terminal.keymap import bind, key_of, pane_keys, pane_title
from mnist_tui.tui.widgets.controls import KeyFooter
from mnist_tui.tui.widgets.path_input import PathInput
from mnist_tui.tui.widgets.probabilities import Probabilities, big_text
from mnist_tui.tui.widgets.run_status import Banner, sample_line
from mnist_tui.tui.widgets.tab_strip import TabStrip
from mnist_tui.wording import percent

FRAME = 4
"""Columns of a pane beside its content, and one line more than a pane's borders have."""
SIDE_LEAST = 36
LINES_ELSE = 3
"""The tabs, the heading and the footer."""
NO_RUN = "there is no run with a model yet: train one first (F2), then come back"
PEN_TEXTS = {"up": "up", "draws": "down, drawing", "erases": "down, erasing"}


class DrawScreen(BenchScreen[None]):
    """The screen on which a person draws and a run's model classifies the drawing.

    Args:
        folder: the run; None for the newest run that has a model.
    """

    TAB = "draw"
    CSS_PATH = "draw.tcss"
    AUTO_FOCUS = "DrawingCanvas"
    HELP = """
    **Draw.** A run's model classifies the drawing while you draw, in a process of its own that ends with this screen.
    Digits are first scaled and centred as in MNIST (`c` turns that off); clothes are not. Beside the canvas is what the
    network receives, for a HOG run its oriented gradients (`g` shows the pixels). `r` puts a random test image of the
    run's data on the canvas, `i` an image file; `o` chooses another run.
    """
    BINDINGS = [
        bind("draw.view", "v", "view", "View", "Switch between the probabilities and the network's input"),
        bind("draw.random", "r", "random", "Random", "Put a random test image of the run's data on the canvas"),
        bind("draw.image", "i", "image", "Image", "Read an image file onto the canvas"),
        bind("draw.run", "o", "run", "Run", "Choose the run whose model reads"),
        bind("draw.centre", "c", "centre", "Centre", "Bring the drawing to MNIST's size and place first, or leave it"),
        bind("draw.glyphs", "g", "glyphs", "HOG", "Show what the network sees as gradients or as pixels"),
        bind("draw.load", "l", "load", "Load again", "Load the run's newest weights in a new process", hidden=True),
        bind("draw.back", "escape", "back", "Back", "Back; the model's process ends"),
    ]

    heading = getters.query_one("#draw-heading", Static)
    sample = getters.query_one(Banner)
    canvas = getters.query_one(DrawingCanvas)
    seen = getters.query_one(SeenPane)
    answer = getters.query_one("#draw-answer", Static)
    share = getters.query_one("#draw-share", Static)
    facts = getters.query_one("#draw-facts", Static)

    def __init__(self, folder: RunFolder | None = None) -> None:
        super().__init__()
        self._folder = folder
        self._subject: ReadableRun | None = None
        self._reader: DrawingReader | None = None
        self._status = "looking for a run whose model can read"
        self._centring = True
        self._source = ""
        self._untouched: NDArray[np.uint8] | None = None
        self._input: NetworkInput | None = None
        self._computing = self._outdated = False
        self._images: Images | None = None
        self._path = ""

    def compose(self) -> ComposeResult:
        yield TabStrip()
        yield Static("", id="draw-heading", markup=False)
        yield Banner()
        with Horizontal(id="draw-pictures"):
            with Vertical(id="draw-canvas-box", classes="pane frame") as box:
                box.border_title = pane_title("Canvas")
                box.border_subtitle = self._canvas_keys()
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
        return pane_keys({key_of(f"draw.{name}", DrawingCanvas, own): name for name in ("pen", "erase", "undo")})

    def on_mount(self) -> None:
        self._update_texts()
        self._read_run(self._folder)

    def shown_again(self, route: Route) -> None:
        """Let the model of the run from which one comes read the drawing."""
        shown = self._subject.folder if self._subject is not None else self._folder
        if route.run is not None and (shown is None or shown.path != route.run.path):
            self._read_run(route.run)

    def on_unmount(self) -> None:
        if self._reader is not None:
            self._reader.close()

    def on_resize(self) -> None:
        """Double the size of the canvas if there is room, then that of the network's input."""
        width, height = self.app.size
        small, large = IMAGE_EDGE + FRAME, 2 * IMAGE_EDGE + FRAME
        tall = height >= IMAGE_EDGE + FRAME + LINES_ELSE
        self.canvas.double(tall and width >= large + small + SIDE_LEAST)
        self.seen.enlarge(tall and width >= 2 * large + SIDE_LEAST)

    @work(exclusive=True, group="choose", exit_on_error=False)
    async def _read_run(self, folder: RunFolder | None) -> None:
        """Read a run (None: the newest that has a model) and load its model."""
        subject, problem = None, NO_RUN
        try:
            folder = folder or await asyncio.to_thread(newest_with_model, self.app.options.runs_dir)
            if folder is not None:
                subject = await asyncio.to_thread(readable_run, folder)
        except (RequestError, OSError, TypeError) as error:
            problem = f"the run's folder cannot be read: {error}"
        if subject is not None:
            self._subject, self._images = subject, None
            self._centring = subject.centres
            self.sample.say(sample_line(subject.data is not None and subject.data.sample))
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
        if self._reader is not None:
            self._reader.close()
        try:
            self._reader = DrawingReader(self._subject.folder, self)
        except OSError as error:
            self._reader = None
            self._status = f"the model's process cannot be started: {error.strerror or error}"
        self._ask()
        self._update_texts()

    @on(DrawingReader.ReaderChanged)
    def _reader_changed(self) -> None:
        self._update_texts()

    @on(DrawingCanvas.DrawingChanged)
    def _drawing_changed(self, message: DrawingCanvas.DrawingChanged) -> None:
        if message.picture:
            self._compute_input()
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
        if self._reader is not None and self._input is not None and self._input.pixels.any():
            self._reader.ask(self._input.pixels)

    def _update_texts(self) -> None:
        subject, reader = self._subject, self._reader
        self.heading.update(f"Model: {subject.title}" if subject else "No model")
        blank, answer = not self.canvas.pixels.any(), reader.answer if reader else None
        names = subject.names if subject else tuple(map(str, range(10)))
        shown = (None,) * len(names) if blank or answer is None else answer
        full = BLOCK[self.app.settings.glyphs]
        for bars in self.query(Probabilities):
            bars.show(names, shown, full=full)
        name, share = ("", "Draw with the mouse or the keys") if blank else _answer_texts(names, answer)
        self.answer.update(big_text(name, full))
        self.share.update(share)
        edited = self._untouched is not None and not np.array_equal(self._untouched, self.canvas.pixels)
        lines = [f"{self._source}{', changed' if edited else ''}"] if self._source else []
        lines.append(reader.status if reader else self._status)
        if subject is not None:
            why_not = "" if subject.centres else ": its classes are no digits"
            lines.append("centred like MNIST" if self._centring else f"not centred{why_not}")
        row, column = self.canvas.at
        pen = PEN_TEXTS[self.canvas.pen]
        lines.append(f"pen {pen}, at row {row + 1}, column {column + 1} of {IMAGE_EDGE}")
        self.facts.update("\n".join(lines))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        match action:
            case "glyphs":
                return self._subject is not None and self._subject.hog is not None
            case "random":
                return self._subject is not None and self._subject.data is not None
            case "load":
                return self._subject is not None
            case "view":
                return self.has_class("-narrow")
            case _:
                return True

    def action_centre(self) -> None:
        self._centring = not self._centring
        self._compute_input()
        self._update_texts()

    def action_glyphs(self) -> None:
        self.seen.toggle()

    def action_view(self) -> None:
        self.toggle_class("-seen")

    def action_back(self) -> None:
        self.dismiss()

    @work(group=TAKES_KEYBOARD)
    async def action_image(self) -> None:
        result = await self.app.push_screen_wait(OpenImageScreen(self._path))
        if result is not None:
            self._path, picture = result
            if not picture.pixels.any():
                self.notify(f"{self._path} shows nothing", severity="warning")
            pixels = (centred if self._centring else fitted)(picture.pixels)
            self._put(pixels, f"{Path(self._path).name}, {picture.words}")

    def _put(self, pixels: NDArray[np.uint8], source: str) -> None:
        self._source, self._untouched = source, pixels
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
            label, number = subject.names[int(images.labels[index])], int(images.numbers[index])
            self._put(images.pixels[index], f"true class {label}: number {number:,} of the {images.what}")

    @work(exclusive=True, group=TAKES_KEYBOARD, exit_on_error=False)
    async def action_run(self) -> None:
        """Ask for one of the runs that have a model, and read it."""
        runs = await asyncio.to_thread(runs_with_model, self.app.options.runs_dir)
        if not runs:
            self.notify(NO_RUN, severity="warning")
            return
        now = self._subject.folder.id if self._subject else ""
        at = next((index for index, (folder, _) in enumerate(runs) if folder.id == now), 0)
        title = "Whose model reads: run, data, state, test accuracy"
        chosen = await self.app.push_screen_wait(ChooseScreen(title, [line for _, line in runs], at))
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


class OpenImageScreen(FormDialog[tuple[str, GreyPicture]]):
    """A dialog that asks for an image file and returns its path and picture; None if the dialog is cancelled.

    Args:
        path: the text of the field at first.
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
            picture = await asyncio.to_thread(read_picture, path)
        except (DataError, PathError) as error:
            self.show_problem(str(error))
        else:
            self.dismiss((str(path), picture))
