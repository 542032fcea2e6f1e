"""The screen "Look inside": what a run's network does with one image."""

from __future__ import annotations

from asyncio import to_thread
from typing import Any

import numpy as np
from textual import getters, on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Static

from mnist_tui.errors import RequestError
from mnist_tui.experiment.complexity import LayerComplexity
from mnist_tui.experiment.spec import Experiment
from mnist_tui.runs.explanations import (
    METHODS,
    Activations,
    Explanation,
    HeatMap,
    NearestImages,
    default_layer,
    explained_run,
    layers_for,
    strongest,
    why_not,
)
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.worker_jobs import class_names
from mnist_tui.tui.bench import Route
from mnist_tui.tui.dialogs import ChooseClassScreen
from mnist_tui.tui.inside.reader import LOADING, InsideQuestion, InsideReader
from mnist_tui.tui.inside.views import ActivationBars, HeatView, MapGrid, maps_as_pictures
from mnist_tui.tui.run_screen import ModelScreen
from mnist_tui.tui.selected_images import ExplainedImage
from mnist_tui.tui.terminal.keymap import bind, pane_keys, pane_title
from mnist_tui.tui.widgets.controls import KeyFooter
from mnist_tui.tui.widgets.pixels import PICTURE_SIZES, PictureSize, PixelView, Size, Tile, natural, size_in
from mnist_tui.tui.widgets.probabilities import Probabilities
from mnist_tui.tui.widgets.run_status import StatusLine
from mnist_tui.tui.widgets.tab_strip import TabStrip
from mnist_tui.tui.widgets.text import Line, LinePart, PartsLine
from mnist_tui.wording import percent, sentence_of

LINES_ELSE = 8
"""Lines of tabs, run, methods, borders, texts and footer."""
TITLE_EDGE = 6
"""Columns of a pane's title beside its name and its note."""
BARS_LINES = 6
"""Lines for the probabilities and the words below the image."""
UNBROKEN = "\N{NO-BREAK SPACE}"
"""Keeps a coloured square and its word in one line."""
METHOD_NAMES = tuple(METHODS)


class InsideScreen(ModelScreen[InsideReader]):
    """The screen that shows what a run's network does with one image, in a process that keeps the model loaded.

    Args:
        folder: the run.
        image: the image.
    """

    GUIDE = "screens#look-inside"
    CSS_PATH = "inside.tcss"
    KEPT = True
    HELP = """
    **Look inside.** What the network does with this image. Left and right choose the method. *Activations*: the
    outputs of each layer; up and down choose the layer. *Occlusion*: where a patch of background over the image
    makes the class less probable. *Saliency* and *SmoothGrad*: the pixels that the score of the class depends on
    most. *Grad-CAM*: the places where the channels of a convolutional layer speak for the class. *Nearest*: the
    training images whose outputs of the last hidden layer are nearest. `c` chooses the class that is explained, `t`
    changes between the predicted and the true one. A map shows what the answer depends on, not whether it is right.
    """
    BINDINGS = [
        bind("inside.before", "left", "method(-1)", "Method", "The method before", display="←→"),
        bind("inside.after", "right", "method(1)", "Next method", "The next method", hidden=True),
        bind("inside.layer-before", "up", "layer(-1)", "Layer", "The layer before", display="↑↓"),
        bind("inside.layer-after", "down", "layer(1)", "Next layer", "The next layer", hidden=True),
        bind("inside.class", "c", "choose_class", "Class", "Choose the class that is explained"),
        bind("inside.true", "t", "other_class", "True class", "Explain the true class, or the predicted one"),
        bind("inside.page-up", "pageup", "turn(-1)", "Page", "The page before", display="PgUp/Dn"),
        bind("inside.page-down", "pagedown,space", "turn(1)", "Next page", "The next page", hidden=True),
        bind("inside.size", "z", "resize", "Size", "Larger or smaller pictures, or what fits"),
        bind("inside.load", "l", "load", "Load again", "Load the run's newest weights in a new process", hidden=True),
        bind("inside.back", "escape", "back", "Back", "Back to where you were"),
    ]

    status = getters.query_one(StatusLine)
    methods = getters.query_one(PartsLine)
    picture = getters.query_one("#image-pixels", PixelView)
    bars = getters.query_one(Probabilities)
    heat = getters.query_one(HeatView)
    grid = getters.query_one(MapGrid)
    units = getters.query_one(ActivationBars)
    nothing = getters.query_one("#nothing", Line)

    def __init__(self, folder: RunFolder, image: ExplainedImage) -> None:
        super().__init__()
        self._folder, self._image = folder, image
        self._experiment: Experiment | None = None
        self._names: tuple[str, ...] = ()
        self._problem = ""
        self._method = "occlusion"
        self._label: int | None = None
        self._predicted: int | None = None
        self._chosen_layers: dict[str, str] = {}
        self._answers: dict[InsideQuestion, Explanation | str] = {}
        self._grid_size: PictureSize = "automatic"

    def compose(self) -> ComposeResult:
        yield TabStrip()
        yield StatusLine("", self._folder.id)
        yield PartsLine(id="methods")
        with Horizontal(id="body"):
            with Vertical(id="image", classes="pane") as pane:
                pane.border_title = pane_title("Image")
                yield PixelView(id="image-pixels")
                yield Probabilities()
            with Vertical(id="view", classes="pane"):
                yield Line(id="nothing")
                yield HeatView()
                yield MapGrid()
                yield ActivationBars()
                yield Static("", classes="about", markup=False)
        yield Static("", classes="about -below", markup=False)
        yield KeyFooter()

    @property
    def shown_run(self) -> RunFolder:
        return self._folder

    def on_mount(self) -> None:
        self._choose_tab()
        self._read_run()

    def _choose_tab(self) -> None:
        """Take the tab of the screen from which one comes."""
        self.TAB = next((screen.TAB for screen in reversed(self.app.trail) if screen is not self), "runs")
        self.query_one(TabStrip).refresh()

    def shown_again(self, route: Route) -> None:
        """Show another image, or an image of another run; the method stays."""
        assert route.run is not None
        assert route.image is not None
        self._choose_tab()
        other, self._image = route.run.path != self._folder.path, route.image
        self._answers, self._label, self._predicted = {}, None, None
        if other:
            self._folder, self._experiment, self._chosen_layers = route.run, None, {}
            self._read_run()
        else:
            self._ask()

    def new_reader(self) -> InsideReader:
        return InsideReader(self._folder, self.app.options.data_dir, self)

    def seen_again(self) -> None:
        if self._experiment is not None:
            self._ask()

    @work(exclusive=True, group="run", exit_on_error=False)
    async def _read_run(self) -> None:
        folder = self._folder
        try:
            experiment, names, state, title = await to_thread(_facts, folder)
        except (RequestError, OSError, TypeError) as error:
            self._problem = str(error)
            self._draw()
            return
        if folder is self._folder:
            self._experiment, self._names, self._problem = experiment, names, ""
            if why_not(self._method, experiment):
                self._method = METHOD_NAMES[0]
            self.status.show(state, title, run_id=folder.id)
            self._ask()

    @property
    def _chosen_layer(self) -> str | None:
        """The layer of the method; None if it has none."""
        if self._experiment is None:
            return None
        return self._chosen_layers.get(self._method) or default_layer(self._method, self._experiment)

    @property
    def _question(self) -> InsideQuestion:
        is_map = METHODS[self._method].is_map
        layer = self._chosen_layer if self._method == "gradcam" else None
        label = self._label if is_map else None
        return InsideQuestion(self._folder, self._image.pixels.tobytes(), self._method, label, layer)

    def _ask(self) -> None:
        """Show the answer to the present question, or ask it."""
        if self._experiment is not None and self._question not in self._answers:
            if why := why_not(self._method, self._experiment):
                self._answers[self._question] = why
            elif self.reader is None:
                self.action_load()
                return
            else:
                self.reader.ask(self._question)
        self._draw()

    def action_load(self) -> None:
        self._answers = {}
        self._problem = self.restart_reader()
        if self.reader is not None:
            self.reader.ask(self._question)
        self._draw()

    @on(InsideReader.Answered)
    def _answered(self, message: InsideReader.Answered) -> None:
        if message.question.image != self._image.pixels.tobytes() or message.question.folder is not self._folder:
            return
        self._answers[message.question] = message.answer
        if not isinstance(message.answer, str):
            self._predicted = int(np.argmax(message.answer.probabilities))
        self._draw()

    @on(InsideReader.StatusChanged)
    def _status_changed(self) -> None:
        if self._question not in self._answers:
            self._draw_view()

    def on_resize(self) -> None:
        self.call_after_refresh(self._draw)

    @property
    def _picture_size(self) -> Size:
        """The size of the image and of its map in pixels: as large as both fit beside each other."""
        width, height = self.app.size
        frame = 2 if self.has_class("-narrow") else 4
        shape = self._image.pixels.shape[:2]
        lines = height - LINES_ELSE + (2 if self.has_class("-short") else 0)
        columns = width // 2 - frame
        roomy = size_in(shape, columns, lines - BARS_LINES)
        return roomy if roomy >= shape else size_in(shape, columns, lines)

    def _draw(self) -> None:
        """Draw everything anew."""
        image = self._image
        picture = natural(image.pixels) if image.photograph else image.pixels
        self.picture.show(picture, self._picture_size)
        width, pane = max(self._picture_size[1], 22) + 4, self.query_one("#image")
        pane.styles.width = width if not self.has_class("-narrow") else width - 2
        alone = not METHODS[self._method].is_map and (self.has_class("-narrow") or self.has_class("-normal"))
        self.set_class(alone, "-alone")
        self.query_one("#view").set_class(alone, "-stacked")
        self._draw_methods()
        answer = self._answers.get(self._question)
        known = next((each for each in (answer, *self._answers.values()) if each and not isinstance(each, str)), None)
        values = known.probabilities if known is not None else image.probabilities
        self.bars.display = bool(self._names and values)
        self.query_one(KeyFooter).relabel(
            "other_class", f"{'Predicted' if self._label == image.true else 'True'} class"
        )
        if self.bars.display:
            self.bars.show(self._names, values, glyphs=self.app.settings.glyphs, true=image.true)
        pane.border_subtitle = Content(image.recorded if known is None else "")
        fits = len(f"{image.name}  {image.source}") <= width - 6
        pane.border_title = pane_title(image.name, note=image.source if fits else "")
        self._draw_view()
        self.refresh_bindings()

    def _draw_methods(self) -> None:
        narrow = self.has_class("-narrow")
        parts: list[LinePart] = [] if narrow else [LinePart("Method: ")]
        for name, method in METHODS.items():
            missing = self._experiment is not None and why_not(name, self._experiment)
            style = "bold $background on $primary" if name == self._method else "$foreground 40%" if missing else ""
            title = method.title if narrow else f" {method.title} "
            parts += [LinePart(title, style, f"choose_method('{name}')"), LinePart(" ")]
        self.methods.show(parts)

    def _draw_view(self) -> None:
        """Show the answer to the present question, or what is being done."""
        answer, method, pane = self._answers.get(self._question), METHODS[self._method], self.query_one("#view")
        title, note, about = method.title, "", Content(f"{method.shows}.")
        shown: Any = self.nothing
        if answer is None or isinstance(answer, str):
            self.nothing.say(sentence_of(answer or self._problem or self._status))
        elif isinstance(answer, HeatMap):
            shown, note, about = self._draw_map(answer)
        elif isinstance(answer, NearestImages):
            shown, note, about = self._draw_nearest(answer)
        else:
            shown, note, about = self._draw_activations(answer)
        for each in (self.nothing, self.heat, self.grid, self.units):
            each.display = each is shown
        for line in self.query(".about").results(Static):
            line.update(about)
        pane.border_title = pane_title(title, note=note)
        pane.border_subtitle = pane_keys(self._page_keys(shown))

    @property
    def _status(self) -> str:
        """What the model's process is doing, and for which method if it is not the chosen one."""
        if self.reader is None:
            return LOADING
        answered = self.reader.question
        if answered is None or not self.reader.alive or answered.method == self._method:
            return self.reader.status
        return f"{METHODS[answered.method].title} first: {self.reader.status}"

    def _page_keys(self, shown: object) -> dict[str, str]:
        """Return the keys that turn pages, with the part that is shown; none if all is shown."""
        if shown is self.grid and self.grid.pages > 1:
            return {"PgUp PgDn": f"page {self.grid.page + 1} of {self.grid.pages}"}
        if shown is self.units and len(self.units.shown) < self.units.count:
            first, last = self.units.shown.start + 1, self.units.shown.stop
            return {"PgUp PgDn": f"{first:,} to {last:,} of {self.units.count:,}"}
        return {}

    @on(ActivationBars.PageChanged)
    @on(MapGrid.PictureSelected)
    def _page_changed(self) -> None:
        self.refresh_bindings()
        for each in (self.grid, self.units):
            if each.display:
                self.query_one("#view").border_subtitle = pane_keys(self._page_keys(each))

    def _draw_map(self, answer: HeatMap) -> tuple[Any, str, Content]:
        method, name = METHODS[answer.method], self._names[answer.label]
        self.heat.show_map(self._image.pixels, answer.values, self._picture_size, signed=method.signed)
        share = percent(answer.probabilities[answer.label], 1)
        roles = {self._predicted: "predicted", self._image.true: "true class"}
        role = ", ".join(words for at, words in roles.items() if at == answer.label)
        layer = f"{answer.layer}, " if answer.layer else ""
        notes = (
            f"{layer}class {name}{f' ({role})' if role else ''}, {share}",
            f"{layer}{name}, {share}",
            f"{name}, {share}",
        )
        room = self.query_one("#view").size.width - len(method.title) - TITLE_EDGE
        return self.heat, next((note for note in notes if len(note) <= room), notes[-1]), self._map_words(answer)

    def _map_words(self, answer: HeatMap) -> Content:
        method, plain = METHODS[answer.method], self.heat.plain
        most = strongest(answer.values)
        paper = f" ({method.paper})." if method.paper and not self.has_class("-narrow") else "."
        if not most:
            none = "Grad-CAM is 0 everywhere: no channel speaks for the class." if answer.layer else "All values are 0."
            return Content(f"{method.shows}{paper} {none}")
        if method.signed:
            rises = max(-float(answer.values.min()), 0.0)
            marks = ("# +", "= -") if plain else ("██", "██")
            falls = 100 * max(float(answer.values.max()), 0.0)
            return Content.assemble(
                f"{method.shows}{paper} ",
                (marks[0], "" if plain else "$accent"),
                f"{UNBROKEN}less, at most {falls:.1f}; ",
                (marks[1], "" if plain else "$primary"),
                f"{UNBROKEN}more, at most {100 * rises:.1f}{UNBROKEN}points",
            )
        strong = "brightest" if self.app.current_theme.dark else "darkest"
        mark, colour = (strong, "") if plain else ("██", "$accent")
        return Content.assemble(f"{method.shows}{paper} ", (mark, colour), f"{UNBROKEN}most: {most:.3g}")

    def _draw_nearest(self, answer: NearestImages) -> tuple[Any, str, Content]:
        pictures = [natural(each.pixels) if self._image.photograph else each.pixels for each in answer.images]

        def tile(at: int, width: int) -> Tile:
            each = answer.images[at]
            name, distance = self._names[each.label], f"{each.distance:.3g}"
            texts = (f"{name}, {distance} #{each.number}", f"{name}, {distance}", name[:width])
            return Tile((pictures[at],), (next(text for text in texts if len(text) <= width),))

        self._show_grid(len(pictures), tile, self._image.pixels.shape[:2])
        same = sum(each.label == self._predicted for each in answer.images)
        return (
            self.grid,
            f"{len(answer.images)} of {answer.count:,}, by {answer.layer}",
            Content(
                f"{METHODS['nearest'].shows} (Euclidean distance), with class, distance and number; "
                f"{same} of {len(answer.images)} have the predicted class"
            ),
        )

    def _draw_activations(self, answer: Activations) -> tuple[Any, str, Content]:
        layers = self._choices
        names = list(answer.layers)
        name = next((each for each in names if each == self._chosen_layer), names[0])
        values = answer.layers[name]
        layer = next(each for each in layers if each.name == name)
        note = f"of {name}: {layer.configuration or layer.kind}, layer {names.index(name) + 1} of {len(names)}"
        if values.ndim == 3 and values[..., 0].size > 1:
            pictures = maps_as_pictures(values)

            def tile(at: int, width: int) -> Tile:
                long = f"{at + 1}: to {float(values[..., at].max()):.3g}"
                return Tile((pictures[at],), (long[:width],))

            self._show_grid(len(pictures), tile, values.shape[:2])
            least, most = min(float(values.min()), 0.0), float(values.max())
            words = f"{len(pictures)} channels of {values.shape[0]}×{values.shape[1]} values with one scale, from "
            return self.grid, note, Content(f"{words}{least:.3g} (as the background) to {most:.3g}")
        values = values.reshape(-1)
        outputs = name == names[-1] and len(values) == len(self._names)
        unit_names = self._names if outputs else tuple(str(at + 1) for at in range(len(values)))
        if self.units.key != (self._question, name):
            self.units.key = (self._question, name)
            self.units.show(unit_names, values, percentages=outputs)
        if outputs:
            return self.units, note, Content("Probabilities of the classes")
        active, has_negative = int((values != 0).sum()), bool((values < 0).any())
        words = f"{len(values):,} units, {active:,} of them not 0; the longer a bar, the farther the output is from 0"
        plain = self.app.no_color or self.app.native_ansi_color or not has_negative
        colours = (
            ()
            if plain
            else ("; ", ("━━", "$primary"), f"{UNBROKEN}positive, ", ("━━", "$accent"), f"{UNBROKEN}negative")
        )
        return self.units, note, Content.assemble(words, *colours)

    def _show_grid(self, count: int, tile: Any, shape: Size) -> None:
        same = self.grid.key == (self._question, self._chosen_layer)
        self.grid.key = (self._question, self._chosen_layer)
        selected = self.grid.selected if same else 0
        self.grid.show(count, tile, selected=selected, pictures=1, size=self._grid_size, shape=shape, captions=1)

    @property
    def _choices(self) -> tuple[LayerComplexity, ...]:
        """The layers of which one can be chosen for the method."""
        return layers_for(self._method, self._experiment) if self._experiment is not None else ()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        match action:
            case "layer":
                return len(self._choices) > 1
            case "turn":
                several_units = self.units.display and len(self.units.shown) < self.units.count
                return several_units or (self.grid.display and self.grid.pages > 1)
            case "resize":
                return self.grid.display
            case "choose_class":
                return METHODS[self._method].is_map and bool(self._names)
            case "other_class":
                true, predicted = self._image.true, self._predicted
                return METHODS[self._method].is_map and None not in (true, predicted) and true != predicted
            case _:
                return True

    def action_method(self, by: int) -> None:
        """Go to the next method that the network has, or to the one before."""
        able = [name for name in METHODS if self._experiment is None or not why_not(name, self._experiment)]
        at = able.index(self._method) if self._method in able else 0
        self.action_choose_method(able[(at + by) % len(able)])

    def action_choose_method(self, name: str) -> None:
        self._method = name
        self._ask()

    def action_layer(self, by: int) -> None:
        names = [layer.name for layer in self._choices]
        now = self._chosen_layer if self._chosen_layer in names else names[0]
        self._chosen_layers[self._method] = names[max(0, min(names.index(now) + by, len(names) - 1))]
        self._ask()

    def action_choose_class(self) -> None:
        def choose(at: int | None) -> None:
            if at is not None:
                self._explain(at)

        now = self._label if self._label is not None else self._predicted or 0
        self.app.push_screen(ChooseClassScreen("Class to explain", self._names, now), choose)

    def action_other_class(self) -> None:
        now = self._predicted if self._label is None else self._label
        self._explain(self._predicted if now == self._image.true else self._image.true)

    def _explain(self, label: int | None) -> None:
        self._label = None if label == self._predicted else label
        self._ask()

    def action_turn(self, by: int) -> None:
        if self.units.display:
            self.units.turn(by)
        else:
            self.grid.action_page(by)

    def action_resize(self) -> None:
        self._grid_size = PICTURE_SIZES[(PICTURE_SIZES.index(self._grid_size) + 1) % len(PICTURE_SIZES)]
        self._draw_view()
        self.notify(
            f"Size: {self._grid_size}{', where it fits' if self._grid_size in {'large', 'medium'} else ''}", timeout=2
        )


def _facts(folder: RunFolder) -> tuple[Experiment, tuple[str, ...], str, str]:
    explained_run(folder)
    preset = folder.preset()
    return preset.experiment, class_names(folder), folder.state(), preset.title or preset.name
