"""The images behind a confusion matrix, with their predictions after the selected epoch."""

from __future__ import annotations

from asyncio import to_thread
from dataclasses import replace

from textual import getters, on, work
from textual.app import ComposeResult
from textual.containers import Horizontal

from mnist_tui.errors import RequestError
from mnist_tui.experiment.spec import HogFeatures
from mnist_tui.runs.events import DataReady
from mnist_tui.tui.dialogs import ChooseScreen, TextScreen
from mnist_tui.tui.feed import RunFeed
from mnist_tui.tui.gallery.predictions import (
    ORDER_WORDS,
    ORDERS,
    Failure,
    HogDrawings,
    ImageFilter,
    ImageOrder,
    ImagePredictions,
    epoch_words,
    picked,
    picture_caption,
    prediction_sentence,
    predictions_of,
    probability_lines,
)
from mnist_tui.tui.run_screen import RunScreen
from mnist_tui.tui.terminal.keymap import bind
from mnist_tui.tui.widgets.confusion import class_names
from mnist_tui.tui.widgets.controls import KeyFooter
from mnist_tui.tui.widgets.pixels import EDGES, Ink, PictureGrid, Size, Tile
from mnist_tui.tui.widgets.run_status import Banner, StatusLine, sample_line
from mnist_tui.tui.widgets.text import Line
from mnist_tui.wording import counted

SIZES: tuple[Size, ...] = ("automatic", *EDGES)
FINAL = 0
"""Stands for the final evaluation where epochs are counted from 1."""


class GalleryScreen(RunScreen):
    """The images of a run.

    Args:
        cell: true and predicted class of the images to show first; None for all wrong ones.
        final: whether to show the final evaluation first, not an epoch.
    """

    CSS_PATH = "gallery.tcss"
    HELP = """
    **Images.** Each picture has its true class, what it was read as, how probable the network held that, and its
    number in the dataset. Worst first: the surest errors before the others, then the right ones, the most doubtful
    before the others. `t` and `p` choose a true and a predicted class, `e` wrong images only or all, `x` all again,
    `o` another order, `j` jumps to a number, `z` changes the size, `h` shows the HOG picture or hides it. Comma and
    full stop show the epoch before and after, `u` the final evaluation.
    """
    BINDINGS = [
        bind("gallery.order", "o", "order", "Order", "Worst first, surest first, doubtful first, by number"),
        bind("gallery.errors", "e", "errors", "Errors", "Wrong images only, or all"),
        bind("gallery.final", "u", "final", "Final", "The final evaluation, or the epochs again"),
        bind("gallery.true", "t", "choose('true')", "True", "Choose the true class"),
        bind("gallery.predicted", "p", "choose('predicted')", "Read as", "Choose the predicted class"),
        bind("gallery.all", "x", "all", "All", "Show all images, right and wrong", hidden=True),
        bind("gallery.jump", "j", "jump", "Jump", "Jump to an image by its number", hidden=True),
        bind("gallery.hog", "h", "hog", "HOG", "Show or hide the HOG pictures", hidden=True),
        bind("gallery.size", "z", "size", "Size", "Larger or smaller pictures, or what fits", hidden=True),
        bind("gallery.back", "escape", "back", "Back", "Back to where you were"),
    ]

    status = getters.query_one(StatusLine)
    sample = getters.query_one("#sample", Banner)
    missing = getters.query_one("#missing", Banner)
    head = getters.query_one("#head", Line)
    grid = getters.query_one(PictureGrid)
    detail = getters.query_one("#detail", Line)
    bars = getters.query_one("#bars", Line)

    def __init__(self, feed: RunFeed, cell: tuple[int, int] | None = None, final: bool = False) -> None:
        super().__init__(feed)
        self.chosen = ImageFilter(*cell) if cell else ImageFilter(errors=True)
        self.order: ImageOrder = "worst"
        self.final = final
        self.predictions: ImagePredictions | None = None
        self._failure: Failure = ""
        self.indices: list[int] = []
        self._read_for: int | None = None
        self._newest = 0
        self._ended = False
        self._edge: Size = "automatic"
        self._drawings = _hog_drawings(feed)
        self._hog = self._drawings is not None

    def compose(self) -> ComposeResult:
        yield StatusLine("images", self.feed.folder.id)
        yield Banner(id="sample")
        yield Banner(id="missing")
        yield Line(id="head")
        with Horizontal(id="body"):
            yield PictureGrid()
            yield Line(id="bars")
        yield Line(id="detail")
        yield KeyFooter()

    @property
    def names(self) -> tuple[str, ...]:
        return class_names(self.snapshot.run)

    def snapshot_changed(self) -> None:
        if (self.snapshot.run.ended is not None) != self._ended:
            self._ended = not self._ended
            self.refresh_bindings()

    def draw(self) -> None:
        run = self.snapshot.run
        self.sample.say(sample_line(run.data is not None and run.data.sample))
        wanted = FINAL if self.final else self.feed.epoch
        if self.feed.newest < self._newest:
            self._read_for = self.predictions = None
            self._failure = ""
            self._pick()
        self._newest = self.feed.newest
        is_shown = self.predictions is not None and self.predictions.epoch == wanted
        outdated = wanted != self._read_for or (self.snapshot.live and not is_shown)
        if run.data is not None and (wanted or run.ended) and outdated:
            self._read_for = wanted
            self._read(wanted, run.data)
        self._draw_head()

    @work(group="predictions", exit_on_error=False)
    async def _read(self, wanted: int, data: DataReady) -> None:
        """Read and show predictions; the selected picture stays selected, unless that is the first."""
        predictions = await to_thread(self._read_predictions, wanted, data)
        shown, keep = self.predictions, None
        if wanted != self._read_for:
            return
        if isinstance(predictions, str):
            self.predictions, self._failure = None, predictions
        elif shown is None or shown.what != predictions.what:
            self.predictions = predictions
        elif shown.epoch == predictions.epoch:
            return
        else:
            keep = self._selected() if self.grid.selected else None
            self.predictions = predictions
        self._pick(keep)

    def _read_predictions(self, wanted: int, data: DataReady) -> ImagePredictions | Failure:
        """Return the predictions of an epoch; if a run that has ended has none, the final ones. For a thread."""
        source = predictions_of(self.feed, self.app.options.data_dir)
        with source.lock:
            predictions = source.final(data) if wanted == FINAL else source.of_epoch(wanted, data)
            if isinstance(predictions, str) and wanted != FINAL and self.snapshot.run.ended is not None:
                final = source.final(data)
                if isinstance(final, ImagePredictions):
                    why = f"{predictions}: this is the final evaluation. {final.missing}".strip()
                    return replace(final, missing=why)
            return predictions

    def _pick(self, keep: int | None = None) -> None:
        """Select and order anew; the picture with index `keep` stays selected."""
        predictions = self.predictions
        self.indices = [] if predictions is None else picked(predictions, self.chosen, self.order).tolist()
        self._show_pictures(self.indices.index(keep) if keep in self.indices else 0)

    def _show_pictures(self, selected: int) -> None:
        grid, glyphs = self.grid, self.app.settings.glyphs
        plain = self.app.no_color or self.app.native_ansi_color
        ink = Ink(glyphs=glyphs) if plain else Ink(grid.background_colors[1], grid.colors[3], glyphs)
        pictures = 2 if self._hog else 1
        grid.show(len(self.indices), self._tile, selected=selected, pictures=pictures, size=self._edge, ink=ink)

    def _tile(self, at: int, width: int) -> Tile:
        assert self.predictions is not None
        index = self.indices[at]
        pictures = [self.predictions.picture(index)]
        if self._hog and self._drawings is not None:
            pictures.append(self._drawings.get(self.predictions, index))
        glyphs = self.app.settings.glyphs
        return Tile(tuple(pictures), picture_caption(self.predictions, index, self.names, width, glyphs))

    @on(PictureGrid.PictureSelected)
    def _draw_head(self) -> None:
        """Say what is shown, and draw the HOG pictures of the page that are not drawn yet."""
        predictions = self.predictions
        self.missing.say(predictions.missing if predictions is not None else "")
        self.status.show(self.snapshot.state, f"images, {self._when()}")
        if predictions is None:
            self.head.say(self._failure or self._waiting())
            self.detail.say("")
            self.bars.say("")
            return
        self.head.say(self._what_is_shown(predictions))
        if self.indices:
            index = self.indices[self.grid.selected]
            lines = probability_lines(predictions, index, self.names, self.app.settings.glyphs)
            self.detail.say(prediction_sentence(predictions, index, self.names))
            self.bars.say("\n".join(["probability of each class", *lines] if lines else []))
            self.bars.set_class(not lines, "-empty")
        else:
            self.detail.say("x shows all images")
            self.bars.say("")
        if self._hog and self._drawings is not None:
            self._draw_hog(self._drawings, predictions, [self.indices[at] for at in self.grid.shown])

    def _waiting(self) -> str:
        if self.snapshot.run.data is None:
            return "the run has not read its data yet"
        return "reading the images …" if self.feed.epoch or self.final else "no epoch has ended yet"

    def _when(self) -> str:
        if self.predictions is not None:
            return epoch_words(self.predictions.epoch)
        return epoch_words(None if self.final else self.feed.epoch)

    def _what_is_shown(self, predictions: ImagePredictions) -> str:
        count, grid = len(self.indices), self.grid
        words = f"{counted(count, 'image')}: {self.chosen.words(self.names)}, {self._when()}"
        if not self.final and predictions.epoch not in {None, self.feed.epoch}:
            words += f" (nothing was kept of epoch {self.feed.epoch})"
        page = f" · page {grid.page + 1} of {grid.pages}" if count else ""
        return f"{words} · {ORDER_WORDS[self.order]}{page}"

    @work(group="hog", exit_on_error=False)
    async def _draw_hog(self, drawings: HogDrawings, predictions: ImagePredictions, indices: list[int]) -> None:
        if await to_thread(drawings.draw, predictions, indices) and predictions is self.predictions:
            self._show_pictures(self.grid.selected)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        match action:
            case "hog":
                return self._drawings is not None
            case "final":
                return self.snapshot.run.ended is not None
            case _:
                return True

    def look_at(self, epoch: int | None) -> None:
        self.final = False
        super().look_at(epoch)

    def _selected(self) -> int | None:
        return self.indices[self.grid.selected] if self.indices else None

    def _choose(self, chosen: ImageFilter) -> None:
        self.chosen = chosen
        self._pick(self._selected())

    def action_order(self) -> None:
        self.order = ORDERS[(ORDERS.index(self.order) + 1) % len(ORDERS)]
        self._pick()

    def action_errors(self) -> None:
        self._choose(replace(self.chosen, errors=not self.chosen.errors))

    def action_all(self) -> None:
        self._choose(ImageFilter())

    def action_choose(self, which: str) -> None:
        """Ask for the true or the predicted class."""
        now: int | None = getattr(self.chosen, which)
        lines = [*(f"{at} {name}" if name != str(at) else name for at, name in enumerate(self.names)), "any class"]
        title = "True class" if which == "true" else "Read as"
        screen = ChooseScreen(title, lines, len(lines) - 1 if now is None else now, digits=True)

        def take(at: int | None) -> None:
            if at is not None:
                self._choose(replace(self.chosen, **{which: at if at < len(self.names) else None}))

        self.app.push_screen(screen, take)

    def action_jump(self) -> None:
        """Ask for the number of an image: its place in the dataset's file, counted from 1."""
        if self.predictions is None:
            return
        most = int(self.predictions.numbers.max())

        def problem(text: str) -> str:
            number = int(text or 0)
            return "" if 1 <= number <= most else f"there is no image {number:,}; 1 to {most:,} are there"

        asked = f"number, 1 to {most:,}"
        screen = TextScreen(
            "Jump to an image",
            self.predictions.what,
            problem=problem,
            restrict="[0-9]*",
            placeholder=asked,
            keep="Jump",
        )
        self.app.push_screen(screen, self._jump)

    def _jump(self, text: str | None) -> None:
        if text is None or self.predictions is None:
            return
        number = int(text)
        found = (self.predictions.numbers == number).nonzero()[0].tolist()
        if not found:
            self.notify(f"image {number:,} is not one of the {self.predictions.what}", severity="warning")
        elif found[0] not in self.indices:
            words = prediction_sentence(self.predictions, found[0], self.names)
            self.notify(f"{words}: not among those shown; x shows all", severity="warning")
        else:
            self.grid.look_at(self.indices.index(found[0]))

    def action_hog(self) -> None:
        self._hog = not self._hog
        self._show_pictures(self.grid.selected)

    def action_size(self) -> None:
        self._edge = SIZES[(SIZES.index(self._edge) + 1) % len(SIZES)]
        self._show_pictures(self.grid.selected)
        self.notify(f"size: {self._edge}{', where it fits' if self._edge in {'large', 'medium'} else ''}", timeout=2)

    def action_final(self) -> None:
        self.final = not self.final
        self.draw()

    def action_back(self) -> None:
        self.app.pop_screen()


def _hog_drawings(feed: RunFeed) -> HogDrawings | None:
    try:
        features = feed.folder.preset().experiment.features
    except RequestError:
        return None
    return HogDrawings(features) if isinstance(features, HogFeatures) else None
