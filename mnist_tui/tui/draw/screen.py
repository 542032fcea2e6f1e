"""The draw screen: a canvas, the input that a run's network receives, and the model's answer while a person draws."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from textual import getters, on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Static

from mnist_tui.data.catalogue import DataError
from mnist_tui.data.pictures import GreyPicture, centred, fitted
from mnist_tui.errors import RequestError
from mnist_tui.experiment.shapes import IMAGE_EDGE
from mnist_tui.experiment.spec import HogFeatures
from mnist_tui.runs.folder import RunFolder
from mnist_tui.tui.bench import BenchScreen
from mnist_tui.tui.dialogs import ChooseScreen
from mnist_tui.tui.draw.canvas import DrawingCanvas, Probabilities, SeenPane
from mnist_tui.tui.draw.model_reader import (
    DrawingReader,
    ModelAnswers,
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
SIDE_LEAST = 20
BARS_LEAST = 5
LINES_ELSE = 2
"""Status and footer."""
NO_RUN = "there is no run with a model yet: train one first (F2), then come back"


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
        bind("draw.run", "o", "run", "Run", "Have another run's model read"),
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
        self._model = ModelAnswers(self)
        self._centring = True
        self._source = ""
        self._untouched: NDArray[np.uint8] | None = None
        self._input: NetworkInput | None = None
        self._looking = self._stale = False
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
        self._say()
        self._choose(self._folder)

    def on_unmount(self) -> None:
        self._model.stop()

    def on_resize(self) -> None:
        """Draw the pictures twice as large if there is room, the canvas first."""
        width, height = self.app.size
        small, large = IMAGE_EDGE + FRAME, 2 * IMAGE_EDGE + FRAME
        tall = height >= IMAGE_EDGE + FRAME + BARS_LEAST + LINES_ELSE
        self.canvas.double(tall and width >= large + small + SIDE_LEAST)
        self.seen.enlarge(tall and width >= 2 * large + SIDE_LEAST)

    @work(thread=True, exclusive=True, group="choose", exit_on_error=False)
    def _choose(self, folder: RunFolder | None) -> None:
        """Read the run, or find one. Runs in a thread."""
        subject, why = None, ""
        try:
            found = folder or newest_with_model(self.app.options.runs_dir)
            subject, why = (None, NO_RUN) if found is None else (readable_run(found), "")
        except (RequestError, OSError, TypeError) as error:
            why = f"the run's folder cannot be read: {error}"
        if self.is_attached:
            self.app.call_from_thread(self._chosen, subject, why)

    def _chosen(self, subject: ReadableRun | None, why: str) -> None:
        if subject is None:
            if self._subject is None:
                self._model.status = why
            else:
                self.notify(why, severity="error")
            self._say()
            return
        self._subject, self._images = subject, None
        self._centring = subject.centres
        self.sample.say(sample_line(subject.data is not None and subject.data.sample))
        self.action_load()
        self.refresh_bindings()
        self._look()

    def action_load(self) -> None:
        """Load the run's model again."""
        if self._subject is not None:
            self._model.start(self._subject.folder)
            self._say()

    @on(DrawingReader.ModelReady)
    @on(DrawingReader.Answered)
    @on(DrawingReader.Lost)
    def _told(self, message: DrawingReader.ReaderMessage) -> None:
        if self._model.handle(message):
            if isinstance(message, DrawingReader.ModelReady):
                self._ask()
            self._say()

    @on(DrawingCanvas.DrawingChanged)
    def _drawn(self, message: DrawingCanvas.DrawingChanged) -> None:
        if message.picture:
            self._look()
        self._say()

    def _look(self) -> None:
        """Compute the network's input for the newest drawing, as soon as the one before is done."""
        if self._looking:
            self._stale = True
            return
        self._looking, self._stale = True, False
        self._see(self.canvas.pixels, self._centring, self._subject.hog if self._subject else None)

    @work(thread=True, group="see", exit_on_error=False)
    def _see(self, drawing: NDArray[np.uint8], centring: bool, hog: HogFeatures | None) -> None:
        """Compute the network's input. Runs in a thread."""
        seen_input = network_input(drawing, centring=centring, hog=hog)
        if self.is_attached:
            self.app.call_from_thread(self._saw, seen_input)

    def _saw(self, seen_input: NetworkInput) -> None:
        self._looking, self._input = False, seen_input
        if self._stale:
            self._look()
        self.seen.show(seen_input, centred=self._centring)
        self._ask()
        self._say()

    def _ask(self) -> None:
        if self._input is not None:
            self._model.ask(self._input.pixels)

    def _say(self) -> None:
        """Update all texts."""
        subject = self._subject
        what = f"read by {subject.title}  {subject.folder.id}" if subject else "no run reads"
        self.heading.update(f"Draw  {what}")
        blank, answer = not self.canvas.pixels.any(), self._model.answer
        names = subject.names if subject else tuple(map(str, range(10)))
        shown = (None,) * len(names) if blank or answer is None else answer
        for bars in self.query(Probabilities):
            bars.show(names, shown, full="#" if self.app.settings.glyphs == "ascii" else "█")
        self.answer.update(answer_words(names, answer, blank=blank))
        self.facts.update("\n".join(self._fact_lines()))

    def _fact_lines(self) -> list[str]:
        edited = self._untouched is not None and not np.array_equal(self._untouched, self.canvas.pixels)
        lines = [f"{self._source}{', changed' if edited else ''}"] if self._source else []
        lines.append(self._model.status)
        if self._subject is not None:
            lines.append(centring_words(self._subject, centring=self._centring))
        return [*lines, pen_words(self.canvas.pen, self.canvas.at)]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Enable the keys that can be used now."""
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
        self._look()
        self._say()

    def action_glyphs(self) -> None:
        self.seen.toggle()

    def action_view(self) -> None:
        self.toggle_class("-seen")

    def action_back(self) -> None:
        self.dismiss()

    def action_image(self) -> None:
        from mnist_tui.tui.draw.open_image import OpenImageScreen

        self.app.push_screen(OpenImageScreen(self._path), self._opened)

    def _opened(self, got: tuple[str, GreyPicture] | None) -> None:
        if got is not None:
            self._path, picture = got
            if not picture.pixels.any():
                self.notify(f"{self._path} shows nothing", severity="warning")
            pixels = (centred if self._centring else fitted)(picture.pixels)
            self._put(pixels, f"{Path(self._path).name}, {picture.words}")

    def _put(self, pixels: NDArray[np.uint8], source: str) -> None:
        self._source, self._untouched = source, pixels
        self.canvas.put(pixels)

    def action_random(self) -> None:
        self._pick(self._images)

    @work(thread=True, exclusive=True, group="images", exit_on_error=False)
    def _pick(self, images: Images | None) -> None:
        """Choose a random test image; read the images first if needed. Runs in a thread."""
        subject = self._subject
        if subject is None or subject.data is None:
            return
        try:
            images = images or test_images(subject.folder, subject.data, (self.app.options.data_dir,))
        except (DataError, RequestError, OSError) as error:
            self.app.call_from_thread(self.notify, str(error), severity="warning")
            return
        index = random.randrange(len(images.labels))
        if self.is_attached:
            self.app.call_from_thread(self._picked, subject, images, index)

    def _picked(self, subject: ReadableRun, images: Images, index: int) -> None:
        if subject is not self._subject:
            return
        self._images = images
        true = subject.names[int(images.labels[index])]
        number = int(images.numbers[index])
        self._put(images.pixels[index], f"true class {true}: number {number:,} of the {images.what}")

    @work(thread=True, exclusive=True, group=TAKES_KEYBOARD, exit_on_error=False)
    def action_run(self) -> None:
        """List the runs that have a model and ask for one. Runs in a thread."""
        found = runs_with_model(self.app.options.runs_dir)
        if self.is_attached:
            self.app.call_from_thread(self._offer, [folder for folder, _ in found], [line for _, line in found])

    def _offer(self, folders: list[RunFolder], lines: list[str]) -> None:

        if not folders:
            self.notify(NO_RUN, severity="warning")
            return
        now = self._subject.folder if self._subject else None
        chosen = next((index for index, folder in enumerate(folders) if now and folder.id == now.id), 0)

        def take(index: int | None) -> None:
            if index is not None:
                self._choose(folders[index])

        self.app.push_screen(ChooseScreen("Whose model reads: run, data, state, test accuracy", lines, chosen), take)


PEN_WORDS = {"up": "up", "draws": "down, drawing", "erases": "down, erasing"}


def answer_words(names: Sequence[str], answer: Sequence[float | None] | None, *, blank: bool) -> str:
    """Return ``7  99.4 %``, or why there is no answer."""
    if blank:
        return "draw something"
    if answer is None:
        return "no answer yet"
    finite = [value for value in answer if value is not None]
    if len(finite) < len(answer):
        return "no finite figure: the run diverged"
    return f"{names[answer.index(max(finite))]}  {percent(max(finite), 1)}"


def centring_words(subject: ReadableRun, *, centring: bool) -> str:
    """Return whether the drawing is centred, and why it is not."""
    if centring:
        return "centred like MNIST"
    return "not centred" if subject.centres else "not centred: its classes are no digits"


def pen_words(pen: str, at: tuple[int, int]) -> str:
    """Return ``pen down, drawing, at row 3, column 12 of 28``, counted from 1."""
    return f"pen {PEN_WORDS[pen]}, at row {at[0] + 1}, column {at[1] + 1} of {IMAGE_EDGE}"
