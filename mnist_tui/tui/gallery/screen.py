"""The images behind a confusion matrix, with their predictions after the selected epoch."""

from __future__ import annotations

from asyncio import to_thread
from dataclasses import replace

from textual import getters, on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from mnist_tui.experiment.shapes import DEFAULT_IMAGE
from mnist_tui.experiment.spec import HogFeatures
from mnist_tui.report.run_images import Images
from mnist_tui.runs.events import DataReady
from mnist_tui.tui.bench import Route
from mnist_tui.tui.dialogs import ChooseClassScreen, TextScreen
from mnist_tui.tui.feed import RunFeed
from mnist_tui.tui.gallery.predictions import (
    FINAL,
    ORDER_WORDS,
    ORDERS,
    Failure,
    HogDrawings,
    ImageFilter,
    ImageOrder,
    ImagePredictions,
    drawn_image,
    picked,
    predictions_after,
    predictions_of,
)
from mnist_tui.tui.run_screen import RunScreen, run_keys
from mnist_tui.tui.selected_images import ImageSelection
from mnist_tui.tui.terminal.keymap import bind, pane_keys, pane_title
from mnist_tui.tui.widgets.confusion import class_names
from mnist_tui.tui.widgets.controls import KeyFooter
from mnist_tui.tui.widgets.pixels import PICTURE_SIZES, Picture, PictureGrid, PictureSize, PixelView, Tile, size_in
from mnist_tui.tui.widgets.probabilities import Probabilities
from mnist_tui.tui.widgets.run_status import Banner, StatusLine, sample_line
from mnist_tui.tui.widgets.tab_strip import TabStrip
from mnist_tui.tui.widgets.text import Line
from mnist_tui.wording import noun, sentence_of

SIDE_LEAST, SIDE_GAP = 28, 2
"""Columns of the selected image and its probabilities, and between them and the pictures."""
SIDE_LINES = 13
"""Lines of the title and the probabilities beside the selected image."""


class GalleryScreen(RunScreen):
    """The screen with the images that a run's network was tested on, and its predictions for them.

    Attributes:
        predictions: the predictions that are shown; None before they are read.
        drawings: the HOG pictures; None if the network has no HOG features.

    Args:
        cell: true and predicted class of the images to show first; None for all misclassified images.
        final: whether to begin with the final evaluation instead of the selected epoch.
        only: images of the final evaluation to show alone, until another epoch or all images are shown.
    """

    GUIDE = "screens#images"
    CSS_PATH = "gallery.tcss"
    HELP = """
    **Images.** Each picture has its true class, what it was read as, how probable the network held that, and its
    number in the dataset; Enter or a double click shows it large, with all probabilities. Worst first: the surest
    errors before the others, then the right ones, the most doubtful before the others. `t` and `p` choose a true and a
    predicted class, `e` wrong images only or all, `x` all again, `o` another order, `j` jumps to a number, `z` changes
    the size, `h` shows the HOG picture or hides it. Comma and full stop show the epoch before and after, `u` the final
    evaluation.
    """
    BINDINGS = [
        bind("gallery.large", "enter", "large", "Large", "The selected image alone, large, with all probabilities"),
        bind("gallery.errors", "e", "errors", "Errors", "Wrong images only, or all"),
        bind("gallery.final", "u", "final(True)", "After training", "The finished network on the test images"),
        bind("gallery.epochs", "u", "final(False)", "Epochs", "The epochs again"),
        bind("gallery.order", "o", "order", "Order", "Worst first, surest first, doubtful first, by number"),
        bind("gallery.inside", "k", "inside", "Look inside", "What the network does with the selected image"),
        bind("gallery.true", "t", "choose('true')", "True", "Choose the true class"),
        bind("gallery.predicted", "p", "choose('predicted')", "Read as", "Choose the predicted class"),
        bind("gallery.all", "x", "all", "All", "Show all images, right and wrong", hidden=True),
        bind("gallery.jump", "j", "jump", "Jump", "Jump to an image by its number", hidden=True),
        bind("gallery.hog", "h", "hog", "HOG", "Show or hide the HOG pictures", hidden=True),
        bind("gallery.size", "z", "size", "Size", "Larger or smaller pictures, or what fits", hidden=True),
        *run_keys("gallery", "matrix", "weights", "diagnosis"),
        bind("gallery.back", "escape", "back", "Back", "Back to where you were"),
    ]

    status = getters.query_one(StatusLine)
    sample = getters.query_one("#sample", Banner)
    missing = getters.query_one("#missing", Banner)
    grid = getters.query_one(PictureGrid)
    detail = getters.query_one("#detail", Line)
    side = getters.query_one("#side", Vertical)
    side_title = getters.query_one("#side-title", Line)
    side_picture = getters.query_one("#side-picture", PixelView)
    bars = getters.query_one(Probabilities)

    def __init__(
        self,
        feed: RunFeed,
        cell: tuple[int, int] | None = None,
        final: bool = False,
        only: ImageSelection | None = None,
    ) -> None:
        super().__init__(feed)
        self.chosen = ImageFilter(*cell) if cell else ImageFilter(errors=only is None, only=only)
        self.order: ImageOrder = "worst"
        self.final = final
        self.predictions: ImagePredictions | None = None
        self._failure: Failure = ""
        self.indices: list[int] = []
        self._read_for: int | None = None
        self._newest = 0
        self._ended = False
        self._picture_size: PictureSize = "automatic"
        features = self.experiment and self.experiment.features
        self.drawings = HogDrawings(features) if isinstance(features, HogFeatures) else None
        self._hog = self.drawings is not None

    def compose(self) -> ComposeResult:
        yield TabStrip()
        yield StatusLine(self.feed.title, self.feed.folder.id)
        yield Banner(id="sample")
        yield Banner(id="missing")
        with Horizontal(id="body", classes="pane -stacked") as pane:
            pane.border_title = pane_title("Images")
            pane.border_subtitle = pane_keys({"← → ↑ ↓": "select", "PgUp PgDn": "page"})
            yield PictureGrid()
            with Vertical(id="side"):
                yield Line(id="side-title")
                yield PixelView(id="side-picture")
                yield Probabilities()
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
        """Read and show predictions; the selected picture stays selected, unless it is the first one."""
        source, ended = predictions_of(self.feed, self.app.options.data_dir), self.snapshot.run.ended is not None
        predictions = await to_thread(predictions_after, source, wanted, data, ended=ended)
        shown, keep = self.predictions, None
        if wanted != self._read_for:
            return
        if isinstance(predictions, str):
            self.predictions, self._failure = None, predictions
        else:
            if shown is not None and shown.images.what == predictions.images.what:
                if shown.epoch == predictions.epoch:
                    return
                keep = self.selected_image if self.grid.selected else None
            self.predictions = predictions
        self._pick(keep)

    def _pick(self, keep: int | None = None) -> None:
        """Apply filter and order again; the image with the index `keep` is selected if it is shown, else the first."""
        predictions = self.predictions
        self.indices = [] if predictions is None else picked(predictions, self.chosen, self.order).tolist()
        self._show_pictures(self.indices.index(keep) if keep in self.indices else 0)

    def _show_pictures(self, selected: int) -> None:
        pictures, size = 2 if self._hog else 1, self._picture_size
        shape = self.predictions.images.shape if self.predictions is not None else DEFAULT_IMAGE[:2]
        self.grid.show(len(self.indices), self._tile, selected=selected, pictures=pictures, size=size, shape=shape)

    def _tile(self, at: int, width: int) -> Tile:
        assert self.predictions is not None
        index = self.indices[at]
        pictures: list[Picture | None] = [drawn_image(self.predictions.images, index)]
        if self._hog and self.drawings is not None:
            pictures.append(self.drawings.get(self.predictions.images, index))
        return Tile(tuple(pictures), self.predictions.caption(index, self.names, width, self.app.settings.glyphs))

    @on(PictureGrid.PictureSelected)
    def _draw_head(self) -> None:
        """Update all texts, and draw the HOG pictures of the page that have not been drawn yet."""
        predictions, detail = self.predictions, ""
        self.status.show(self.snapshot.state, self.feed.title)
        if predictions is not None:
            detail = "x shows all images"
            if self.indices:
                index = self.indices[self.grid.selected]
                side = "HOG at the right · " if self._hog else ""
                detail = f"{side}{predictions.sentence(index, self.names)}"
                if len(detail) > self.size.width - 2:  # the caption below the image has the rest
                    detail = detail.partition(f"{predictions.images.what}: ")[0] + predictions.images.what
        self.missing.say(sentence_of(predictions.missing) if predictions else "")
        note = self._heading(predictions) if predictions else self._failure or self._waiting()
        self.query_one("#body").border_title = pane_title("Images", note=note)
        self.query_one(KeyFooter).relabel("errors", "All" if self.chosen.errors else "Errors")
        self.detail.say(detail)
        self._draw_side()
        if predictions is not None and self._hog and self.drawings is not None:
            self._draw_hog(self.drawings, predictions.images, [self.indices[at] for at in self.grid.shown])

    def _draw_side(self) -> None:
        """Show the selected image and the probabilities of all classes in the columns that the pictures leave free."""
        predictions, index = self.predictions, self.selected_image
        shares = predictions.distributions if predictions is not None else None
        is_wide = self.has_class("-wide") or self.has_class("-huge")
        self.side.display = is_wide and shares is not None and index is not None
        if not self.side.display or predictions is None or shares is None or index is None:
            return
        room = self.query_one("#body").content_size
        width = room.width - SIDE_GAP - self.grid.plan_in(room.width - SIDE_GAP - SIDE_LEAST).columns_wide
        self.side.styles.width = max(SIDE_LEAST, width)
        images = predictions.images
        self.side_title.say("Probabilities of the classes")
        picture, size = drawn_image(images, index), size_in(images.shape, width, room.height - SIDE_LINES)
        self.side_picture.display = picture is not None and size >= images.shape
        if picture is not None and self.side_picture.display:
            self.side_picture.show(picture, size)
        true = int(images.labels[index])
        self.bars.show(self.names, shares[index].tolist(), glyphs=self.app.settings.glyphs, true=true)

    def on_resize(self) -> None:
        self.call_after_refresh(self._draw_side)

    def _waiting(self) -> str:
        if self.snapshot.run.data is None:
            return "the run has not read its data"
        return "reading the images …" if self.feed.epoch or self.final else "no epoch has ended yet"

    def _epoch_words(self) -> str:
        epoch = self.predictions.epoch if self.predictions else None if self.final else self.feed.epoch
        return f"after epoch {epoch}" if epoch is not None else "final evaluation"

    def _heading(self, predictions: ImagePredictions) -> str:
        count, grid = len(self.indices), self.grid
        what = self.chosen.words(self.names).removeprefix("all ").replace("images", noun(count, "image"), 1)
        words = f"{count:,}{' ' if what.startswith(('wrong', 'image')) else ': '}{what}, {self._epoch_words()}"
        if not self.final and predictions.epoch not in {None, self.feed.epoch}:
            words += f" (nothing was kept of epoch {self.feed.epoch})"
        page = f" · page {grid.page + 1} of {grid.pages}" if count else ""
        return f"{words} · {ORDER_WORDS[self.order]}{page}"

    @work(group="hog", exit_on_error=False)
    async def _draw_hog(self, drawings: HogDrawings, images: Images, indices: list[int]) -> None:
        new = await to_thread(drawings.draw, images, indices)
        if new and self.predictions is not None and images is self.predictions.images:
            self._show_pictures(self.grid.selected)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        match action:
            case "hog":
                return self.drawings is not None
            case "final":
                has_both = self.snapshot.run.ended is not None and bool(self.feed.newest)
                return parameters[0] is not self.final and has_both
            case _:
                return True

    def refuse(self, action: str, parameters: tuple[object, ...]) -> bool:
        if action == "hog":
            self.notify("This network has no HOG features.", title="No HOG pictures")
        return action == "hog"

    def look_at(self, epoch: int | None) -> None:
        self.final = False
        self.chosen = replace(self.chosen, only=None)
        super().look_at(epoch)
        self.refresh_bindings()

    @property
    def selected_image(self) -> int | None:
        """The index of the selected image among the images of `predictions`; None if there is none."""
        return self.indices[self.grid.selected] if self.indices else None

    def _choose(self, chosen: ImageFilter) -> None:
        self.chosen = chosen
        self._pick(self.selected_image)

    @on(PictureGrid.PictureOpened)
    def action_large(self) -> None:
        from mnist_tui.tui.gallery.large import LargeImage

        if self.selected_image is not None:
            self.app.push_screen(LargeImage(self))

    def action_inside(self) -> None:
        """Look inside the network for the selected image."""
        from mnist_tui.tui.selected_images import ExplainedImage

        predictions, index = self.predictions, self.selected_image
        pixels = predictions.images.picture(index) if predictions is not None and index is not None else None
        if predictions is None or index is None or pixels is None:
            why = "There is no image to look at." if predictions is not None else "The images are still being read."
            self.notify(why, severity="warning")
            return
        images = predictions.images
        name, true = f"Image {int(images.numbers[index]):,}", int(images.labels[index])
        probabilities = predictions.recorded(index, len(self.names))
        when = "final evaluation" if predictions.epoch is None else f"recorded after epoch {predictions.epoch}"
        image = ExplainedImage(pixels, name, images.what, true, images.photographs, probabilities, when)
        self.app.show(Route("inside", run=self.feed.folder, image=image))

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
        title = "True class" if which == "true" else "Read as"

        def choose(at: int | None) -> None:
            if at is not None:
                self._choose(replace(self.chosen, **{which: at if at < len(self.names) else None}))

        at = len(self.names) if now is None else now
        self.app.push_screen(ChooseClassScreen(title, self.names, at, "any class"), choose)

    def action_jump(self) -> None:
        """Ask for the number of an image: its place in the dataset's file, counted from 1."""
        if self.predictions is None:
            return
        most = int(self.predictions.images.numbers.max())

        def problem(text: str) -> str:
            number = int(text or 0)
            return "" if 1 <= number <= most else f"there is no image {number:,}; 1 to {most:,} are there"

        what, numbers = self.predictions.images.what, f"number, 1 to {most:,}"
        screen = TextScreen(
            "Jump to an image", what, problem=problem, restrict="[0-9]*", placeholder=numbers, keep="Jump"
        )
        self.app.push_screen(screen, self._jump)

    def _jump(self, text: str | None) -> None:
        if text is None or self.predictions is None:
            return
        number = int(text)
        images = self.predictions.images
        matches = (images.numbers == number).nonzero()[0].tolist()
        if not matches:
            self.notify(f"Image {number:,} is not one of the {images.what}.", severity="warning")
        elif matches[0] not in self.indices:
            words = self.predictions.sentence(matches[0], self.names)
            self.notify(f"{words}: not among those shown; x shows all.", severity="warning")
        else:
            self.grid.look_at(self.indices.index(matches[0]))

    def action_hog(self) -> None:
        self._hog = not self._hog
        self._show_pictures(self.grid.selected)

    def action_size(self) -> None:
        size = self._picture_size = PICTURE_SIZES[(PICTURE_SIZES.index(self._picture_size) + 1) % len(PICTURE_SIZES)]
        self._show_pictures(self.grid.selected)
        self.notify(f"Size: {size}{', where it fits' if size in {'large', 'medium'} else ''}", timeout=2)

    def action_final(self, final: bool) -> None:
        """Show the final evaluation, or the epochs again."""
        self.final = final
        self.draw()
        self.refresh_bindings()
