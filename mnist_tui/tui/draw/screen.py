"""The draw screen: a canvas, the input that a run's network receives, and the model's answer while a person draws."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from textual import getters, on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widget import Widget
from textual.widgets import Input, Static

from mnist_tui.data.catalogue import DataError
from mnist_tui.data.pictures import GreyPicture, centred, fitted, read_picture
from mnist_tui.errors import RequestError
from mnist_tui.experiment.shapes import IMAGE_EDGE
from mnist_tui.experiment.spec import HogFeatures
from mnist_tui.paths import PathError, typed_path
from mnist_tui.runs.folder import RunFolder
from mnist_tui.tui.bench import BenchScreen
from mnist_tui.tui.dialogs import ChooseScreen, FormDialog
from mnist_tui.tui.draw.canvas import DrawingCanvas, Probabilities, SeenPane
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
from mnist_tui.tui.terminal.keymap import bind
from mnist_tui.tui.widgets.controls import KeyFooter
from mnist_tui.tui.widgets.run_status import Banner, sample_line
from mnist_tui.wording import percent

FRAME = 2
SIDE_LEAST, BARS_LEAST = 20, 5
LINES_ELSE = 2
"""Status and footer."""
NO_RUN = "there is no run with a model yet: train one first (F2), then come back"
PEN_TEXTS = {"up": "up", "draws": "down, drawing", "erases": "down, erasing"}


class DrawScreen(BenchScreen[None]):
    """Shows a canvas that a run's model reads.

    Args:
        folder: the run; None for the newest that has a model.
    """

    CSS_PATH = "draw.tcss"
    AUTO_FOCUS = "DrawingCanvas"
    HELP = """
    **Draw.** What stands on the canvas is read by a run's model while you draw, in a process of its own that ends with
    this screen. Digits are first brought to MNIST's own size and place (`c` turns that off); clothes are not. Beside
    the canvas stands what the network sees, for a HOG run its oriented gradients (`g` shows the pixels). `r` puts a
    random test image of the run's data on the canvas, `i` an image file, `o` chooses another run.
    """
    BINDINGS = [
        bind(
            "draw.view", "v", "view", "View", "Probabilities or what the network sees, where there is no room for both"
        ),
        bind("draw.random", "r", "random", "Random", "Put a random test image of the run's data on the canvas"),
        bind("draw.image", "i", "image", "Image", "Read an image file onto the canvas"),
        bind("draw.run", "o", "run", "Run", "Choose the run whose model reads"),
        bind("draw.centre", "c", "centre", "Centre", "Bring the drawing to MNIST's size and place first, or leave it"),
        bind("draw.glyphs", "g", "glyphs", "HOG", "Show what the network sees as gradients or as pixels"),
        bind(
            "draw.load",
            "l",
            "load",
            "Load again",
            "Start the model's process anew, with the run's newest weights",
            hidden=True,
        ),
        bind("draw.back", "escape,f4", "back", "Back", "Back; the model's process ends"),
    ]

    heading = getters.query_one("#draw-heading", Static)
    sample = getters.query_one(Banner)
    canvas = getters.query_one(DrawingCanvas)
    seen = getters.query_one(SeenPane)
    answer = getters.query_one("#draw-answer", Static)
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
        yield Static("", id="draw-heading", markup=False)
        yield Banner()
        with Horizontal(id="draw-pictures"):
            with Vertical(id="draw-canvas-box", classes="frame") as box:
                box.border_title = "[b]canvas[/b]"
                yield DrawingCanvas()
            yield SeenPane(id="draw-seen", classes="frame")
            with VerticalScroll(id="draw-side", can_focus=False):
                yield Static("", id="draw-answer", markup=False)
                yield Probabilities(id="draw-bars-aside")
                yield Static("", id="draw-facts", markup=False)
        yield Probabilities(id="draw-bars")
        yield KeyFooter()

    def on_mount(self) -> None:
        self._update_texts()
        self._read_run(self._folder)

    def on_unmount(self) -> None:
        if self._reader is not None:
            self._reader.close()

    def on_resize(self) -> None:
        """Draw the pictures twice as large if there is room, the canvas first."""
        width, height = self.app.size
        small, large = IMAGE_EDGE + FRAME, 2 * IMAGE_EDGE + FRAME
        tall = height >= IMAGE_EDGE + FRAME + BARS_LEAST + LINES_ELSE
        self.canvas.double(tall and width >= large + small + SIDE_LEAST)
        self.seen.enlarge(tall and width >= 2 * large + SIDE_LEAST)

    @work(thread=True, exclusive=True, group="choose", exit_on_error=False)
    def _read_run(self, folder: RunFolder | None) -> None:
        """Read the run, or find one. Runs in a thread."""
        subject, problem = None, NO_RUN
        try:
            folder = folder or newest_with_model(self.app.options.runs_dir)
            if folder is not None:
                subject = readable_run(folder)
        except (RequestError, OSError, TypeError) as error:
            problem = f"the run's folder cannot be read: {error}"
        if self.is_attached:
            self.app.call_from_thread(self._show_run, subject, problem)

    def _show_run(self, subject: ReadableRun | None, problem: str) -> None:
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
    def _reader_changed(self, message: DrawingReader.ReaderChanged) -> None:
        if message.reader is self._reader:
            self._update_texts()

    @on(DrawingCanvas.DrawingChanged)
    def _drawing_changed(self, message: DrawingCanvas.DrawingChanged) -> None:
        if message.picture:
            self._compute_input()
        self._update_texts()

    def _compute_input(self) -> None:
        """Compute the network's input for the newest drawing, as soon as the one before is done."""
        if self._computing:
            self._outdated = True
            return
        self._computing, self._outdated = True, False
        self._compute(self.canvas.pixels, self._centring, self._subject.hog if self._subject else None)

    @work(thread=True, group="see", exit_on_error=False)
    def _compute(self, drawing: NDArray[np.uint8], centring: bool, hog: HogFeatures | None) -> None:
        computed = network_input(drawing, centring=centring, hog=hog)
        if self.is_attached:
            self.app.call_from_thread(self._computed, computed)

    def _computed(self, computed: NetworkInput) -> None:
        self._computing, self._input = False, computed
        if self._outdated:
            self._compute_input()
        self.seen.show(computed, centred=self._centring)
        self._ask()
        self._update_texts()

    def _ask(self) -> None:
        if self._reader is not None and self._input is not None and self._input.pixels.any():
            self._reader.ask(self._input.pixels)

    def _update_texts(self) -> None:
        subject, reader = self._subject, self._reader
        what = f"read by {subject.title}  {subject.folder.id}" if subject else "no run reads"
        self.heading.update(f"Draw  {what}")
        blank, answer = not self.canvas.pixels.any(), reader.answer if reader else None
        names = subject.names if subject else tuple(map(str, range(10)))
        shown = (None,) * len(names) if blank or answer is None else answer
        for bars in self.query(Probabilities):
            bars.show(names, shown, full="#" if self.app.settings.glyphs == "ascii" else "█")
        self.answer.update("draw something" if blank else _answer_text(names, answer))
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

    def action_image(self) -> None:

        def opened(result: tuple[str, GreyPicture] | None) -> None:
            if result is not None:
                self._path, picture = result
                if not picture.pixels.any():
                    self.notify(f"{self._path} shows nothing", severity="warning")
                pixels = (centred if self._centring else fitted)(picture.pixels)
                self._put(pixels, f"{Path(self._path).name}, {picture.words}")

        self.app.push_screen(OpenImageScreen(self._path), opened)

    def _put(self, pixels: NDArray[np.uint8], source: str) -> None:
        self._source, self._untouched = source, pixels
        self.canvas.put(pixels)

    @work(thread=True, exclusive=True, group="images", exit_on_error=False)
    def action_random(self) -> None:
        """Put a random test image on the canvas; read the images first if needed. Runs in a thread."""
        subject, images = self._subject, self._images
        if subject is None or subject.data is None:
            return
        try:
            images = images or test_images(subject.folder, subject.data, (self.app.options.data_dir,))
        except (DataError, RequestError, OSError) as error:
            self.app.call_from_thread(self.notify, str(error), severity="warning")
            return
        if self.is_attached:
            self.app.call_from_thread(self._put_image, subject, images, random.randrange(len(images.labels)))

    def _put_image(self, subject: ReadableRun, images: Images, index: int) -> None:
        if subject is self._subject:
            self._images = images
            label, number = subject.names[int(images.labels[index])], int(images.numbers[index])
            self._put(images.pixels[index], f"true class {label}: number {number:,} of the {images.what}")

    @work(thread=True, exclusive=True, group=TAKES_KEYBOARD, exit_on_error=False)
    def action_run(self) -> None:
        """List the runs that have a model and ask for one. Runs in a thread."""
        runs = runs_with_model(self.app.options.runs_dir)
        if self.is_attached:
            self.app.call_from_thread(self._offer, [folder for folder, _ in runs], [line for _, line in runs])

    def _offer(self, folders: list[RunFolder], lines: list[str]) -> None:
        if not folders:
            self.notify(NO_RUN, severity="warning")
            return
        now = self._subject.folder.id if self._subject else ""
        chosen = next((index for index, folder in enumerate(folders) if folder.id == now), 0)

        def read_chosen(index: int | None) -> None:
            if index is not None:
                self._read_run(folders[index])

        question = ChooseScreen("Whose model reads: run, data, state, test accuracy", lines, chosen)
        self.app.push_screen(question, read_chosen)


def _answer_text(names: Sequence[str], answer: Sequence[float | None] | None) -> str:
    if answer is None:
        return "no answer yet"
    finite = [value for value in answer if value is not None]
    if len(finite) < len(answer):
        return "no finite figure: the run diverged"
    return f"{names[answer.index(max(finite))]}  {percent(max(finite), 1)}"


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
