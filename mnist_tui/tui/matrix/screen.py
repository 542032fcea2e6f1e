"""The screen of a run's confusion matrix: any epoch, three views, differences, and the images of a cell."""

from __future__ import annotations

from asyncio import to_thread
from dataclasses import dataclass
from pathlib import Path

from textual import events, getters, on, work
from textual.app import ComposeResult
from textual.containers import Container, Vertical, VerticalScroll

from mnist_tui.runs.collection.summaries import list_runs, short_id
from mnist_tui.runs.event_log import replayed
from mnist_tui.runs.events import DataReady, Matrix
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.results import final_matrix
from mnist_tui.runs.scores import Confusion, accuracy, both_ways, in_words, precisions, recalls, worst_confusions
from mnist_tui.runs.state import RunState
from mnist_tui.tui.bench import Route
from mnist_tui.tui.choose_run import ChooseRunScreen
from mnist_tui.tui.dialogs import ChooseClassScreen, ChooseScreen
from mnist_tui.tui.feed import RunFeed
from mnist_tui.tui.gallery.predictions import (
    FINAL,
    Failure,
    ImageFilter,
    ImagePredictions,
    picked,
    predictions_after,
    predictions_of,
)
from mnist_tui.tui.run_screen import RunScreen, run_keys
from mnist_tui.tui.terminal.keyboard import TAKES_KEYBOARD
from mnist_tui.tui.terminal.keymap import bind, key_of, pane_title
from mnist_tui.tui.widgets.confusion import VIEW_WORDS, CellMatrix, ConfusionView, WorstConfusions, class_names
from mnist_tui.tui.widgets.confusion_cells import FEW, VIEWS, View
from mnist_tui.tui.widgets.controls import KeyFooter
from mnist_tui.tui.widgets.pixels import PictureGrid, Tile
from mnist_tui.tui.widgets.run_status import Banner, StatusLine, sample_line
from mnist_tui.tui.widgets.tab_strip import TabStrip
from mnist_tui.tui.widgets.text import Line, LinePart, PartsLine
from mnist_tui.wording import counted, percent, signed


@dataclass(frozen=True)
class NamedMatrix:
    """A matrix of counts, and a name for its origin, such as ``epoch 3`` or ``the final evaluation``."""

    matrix: Matrix
    words: str


def final_of(folder: RunFolder, run: RunState) -> NamedMatrix | None:
    """Return the matrix of the final evaluation on the test images; None if it is missing or cannot be read."""
    matrix = final_matrix(folder, run)
    return NamedMatrix(matrix, "the final evaluation") if matrix else None


def base_of_run(folder: RunFolder) -> NamedMatrix | None:
    """Read a run's final matrix, else its newest one, from its folder; None if no epoch has ended."""
    run = replayed(folder.events_file)
    final, name = final_of(folder, run), short_id(folder.id)
    if final is not None:
        return NamedMatrix(final.matrix, f"{name}, final evaluation")
    return NamedMatrix(run.confusion, f"{name}, epoch {run.confusion_epoch}") if run.confusion else None


class MatrixScreen(RunScreen):
    """The screen of a run's confusion matrix."""

    GUIDE = "screens#confusion-matrix"
    CSS_PATH = "matrix.tcss"
    HELP = """
    **Confusion matrix in full.** The arrow keys select a cell, Enter opens its images. Comma and full stop show the
    epoch before and after, `<` and `>` ten away, `f` follows the newest. `v` changes between counts, row percentages
    and errors only. `b` compares with an epoch (the first, the best, the last, the one that is shown now) or with the
    final matrix of another run, which `o` chooses at once: each cell is then the change from there; `x` ends it. `u`
    shows the evaluation after training: that of the finished network on the test images, if it differs from the last
    epoch's. With more than ten classes `t` and `p` select a true and a predicted class by name; where cells are shades,
    `z` shows the numbers around the selected cell. A click on an arrow or a word above the matrix does the same as its
    key.
    """
    BINDINGS = [
        bind("matrix.view", "v", "view", "View", "Counts, row percentages, errors only"),
        bind("matrix.final", "u", "final(True)", "After training", "The finished network on the test images"),
        bind("matrix.epochs", "u", "final(False)", "Epochs", "The epochs again"),
        bind("matrix.base", "b", "base", "Compare", "Compare with another epoch, the final evaluation or another run"),
        bind("matrix.other", "o", "other", "Compare runs", "Compare with another run"),
        bind("matrix.no-base", "x", "compare(None)", "End comparison", "Show counts again, not changes"),
        bind("matrix.worst", "n", "next_worst", "Worst", "Select the next of the worst confusions"),
        bind("matrix.zoom", "z", "zoom", "Zoom", "The numbers around the selected cell, or the whole matrix"),
        bind("matrix.true", "t", "choose(0)", "True class", "Select a row by the name of its class", hidden=True),
        bind("matrix.predicted", "p", "choose(1)", "Predicted", "Select a column by its class's name", hidden=True),
        bind("matrix.gallery", "g", "open", "All images", "All wrong images", hidden=True),
        *run_keys("matrix", "weights", "diagnosis"),
        bind("matrix.back", "escape", "back", "Back", "Back to where you were"),
    ]

    status = getters.query_one(StatusLine)
    sample = getters.query_one("#sample", Banner)
    matrix = getters.query_one(CellMatrix)
    cell = getters.query_one("#cell", Line)
    worst = getters.query_one(WorstConfusions)
    facts = getters.query_one("#facts", Line)
    modes = getters.query_one(PartsLine)
    images = getters.query_one(PictureGrid)

    def __init__(self, feed: RunFeed) -> None:
        super().__init__(feed)
        self.view: View = "counts"
        self.base: NamedMatrix | None = None
        self.final = False
        self._final: NamedMatrix | None = None
        self._final_requested = False
        self._predictions: ImagePredictions | None = None
        self._predicted: int | None = None
        self._pictured: tuple[object, ...] | None = None
        self._placed = False
        self._failure: Failure = ""

    def compose(self) -> ComposeResult:
        yield TabStrip()
        yield StatusLine(self.feed.title, self.feed.folder.id)
        yield Banner(id="sample")
        yield PartsLine()
        with Container(id="body"):
            yield CellMatrix()
            with Vertical(id="side"):
                with VerticalScroll(id="words", can_focus=False, classes="pane -stacked"):
                    yield Line(id="cell")
                    yield Line(id="facts")
                yield WorstConfusions(self._key("worst"))
                with Vertical(id="images", classes="pane -stacked"):
                    yield PictureGrid()
        yield KeyFooter()

    def on_mount(self) -> None:
        self.images.can_focus = False
        self.query_one("#words").border_title = pane_title("Selected cell")
        self.query_one("#images").border_title = pane_title("Images")
        self.query_one("#images").border_subtitle = "% probability of that class, # image"

    def _key(self, name: str) -> str:
        return key_of(f"matrix.{name}", MatrixScreen, self.app.settings.keys)

    def shown(self) -> NamedMatrix | None:
        """Return the matrix to show; None before the first epoch has ended."""
        if self.final and self._final is not None:
            return self._final
        return self._matrix_of(self.feed.epoch)

    def snapshot_changed(self) -> None:
        if self.snapshot.live:
            self.final, self._final, self._final_requested = False, None, False
        elif not self._final_requested and self.snapshot.run.ended is not None:
            self._final_requested = True
            self._read_final()

    def draw(self) -> None:
        run, shown = self.snapshot.run, self.shown()
        names = class_names(run)
        matrix, base = shown and shown.matrix, self.base and self.base.matrix
        caption = ""
        if shown is not None:
            share = percent(accuracy(shown.matrix), 2)
            caption = f"evaluated after {shown.words}"
            if self.final:
                evaluated = run.data.evaluated if run.data is not None else "test images"
                caption = evaluated.removeprefix("held-out images ").replace("test images", "of the test set")
                caption += ", evaluated after training" if self.feed.newest else ""
            caption += f": {share} right"
            if self.base is not None:
                before = percent(accuracy(self.base.matrix), 2)
                caption = f"of {shown.words}: {share} right, {before} in {self.base.words}"
            self._place_cursor(shown.matrix)
        self.set_class(len(names) > FEW, "-many")
        self.sample.say(sample_line(run.data is not None and run.data.sample))
        self.status.show(self.snapshot.state, self.feed.title)
        self.matrix.show(matrix, names, caption, view=self.view, base=base)
        self.worst.show(matrix, names, base)
        self.facts.say(self._note(shown))
        self.facts.display = bool(self.facts.text)
        self.modes.show(self._mode_parts())
        self._draw_cell()

    def _place_cursor(self, matrix: Matrix) -> None:
        """Begin on the worst confusion."""
        worst = [] if self._placed else worst_confusions(matrix, class_names(self.snapshot.run), 1)
        self._placed = True
        if worst:
            self.matrix.look_at((worst[0].true, worst[0].predicted))

    def _mode_parts(self) -> list[LinePart]:
        """Return the line above the matrix: the epoch between arrows, and each mode in words with its key."""
        left, right = ("<", ">") if self.app.settings.glyphs == "ascii" else ("◀", "▶")
        is_final = self.final and self._final is not None
        newest = ", the newest" if self.feed.cursor is None and self.snapshot.live else ""
        epoch = f"epoch {self.feed.epoch:,} of {self.snapshot.run.epochs:,}{newest}"
        epoch = "after training" if is_final else epoch
        parts = [
            LinePart(f"{left} ", "bold $accent", "screen.epoch(-1)"),
            LinePart(epoch, "bold $foreground"),
            LinePart(f" {right}", "bold $accent", "screen.epoch(1)"),
        ]
        if is_final and not self.feed.newest:
            parts = [LinePart("test images", "bold $foreground")]
        compared = f"compared with {self.base.words}" if self.base else "compare"
        view = ("view", f": {VIEW_WORDS[self.view]}")
        if self.matrix.has_shades:
            view = (VIEW_WORDS["errors"], ": on" if self.view == "errors" else ": off")
        words = [("view", "view", *view), ("base", "base", compared, "")]
        if self._can_zoom:
            words.insert(1, ("zoom", "zoom", "zoom", ": on" if self.matrix.zoomed else ": off"))
        words += [("no-base", "compare(None)", "end", "")] if self.base else []
        if self._final is not None and self.feed.newest:
            to_epochs, to_final = (
                ("epochs", "final(False)", "epochs", ""),
                ("final", "final(True)", "after training", ""),
            )
            words.append(to_epochs if is_final else to_final)
        for name, action, text, state in words:
            parts.append(LinePart(f"   {text} (", "", f"screen.{action}"))
            parts.append(LinePart(self._key(name), "$accent", f"screen.{action}"))
            parts.append(LinePart(f"){state}", "", f"screen.{action}"))
        return parts

    def _note(self, shown: NamedMatrix | None) -> str:
        """Return what should be known of this matrix."""
        if shown is None:
            return ""
        if self.base is not None and [sum(row) for row in shown.matrix] != [sum(row) for row in self.base.matrix]:
            return "They were measured on different images: compare percentages (v), not counts."
        if len(shown.matrix) == 2:
            return "With two classes, the recall of one is called sensitivity, the recall of the other specificity."
        return ""

    @on(CellMatrix.CellSelected)
    def _draw_cell(self) -> None:
        shown, (true, predicted) = self.shown(), self.matrix.cell
        if shown is None:
            self.cell.say("")
            return
        row, names = shown.matrix[true], class_names(self.snapshot.run)
        words = in_words(Confusion(true, predicted, names[true], names[predicted], row[predicted], sum(row)))
        if true != predicted:
            both = both_ways(shown.matrix, names, true, predicted)
            is_low = self.has_class("-short") or self.has_class("-medium")
            is_many = self.has_class("-many")
            gap = "  " if is_low and not (is_many and self.has_class("-normal")) else "\n"
            words = f"{words}{gap}{both}"
        if self.base is not None:
            before = self.base.matrix[true][predicted]
            words += f"\n{self.base.words}: {before:,}, so the change is {signed(row[predicted] - before, 0)}"
        if self.matrix.has_shades:
            recall, precision = recalls(shown.matrix)[true], precisions(shown.matrix)[predicted]
            gap = "\n" if self.has_class("-normal") else ", "
            words += f"\n{names[true]}: recall {percent(recall, 1)}{gap}"
            words += f"{names[predicted]}: precision {percent(precision, 1)}"
        self.cell.say(words)
        self._draw_images()

    @on(events.Resize)
    def _draw_again(self) -> None:
        self.call_after_refresh(self._show_modes)
        self._draw_images()

    def _show_modes(self) -> None:
        """Show the modes that the matrix has in its present size."""
        self.modes.show(self._mode_parts())
        self.refresh_bindings()

    def _draw_images(self) -> None:
        """Show the images of the selected cell, if there is room for them."""
        run = self.snapshot.run
        wanted = FINAL if self.final else self.feed.epoch
        is_wide = self.has_class("-wide") or self.has_class("-huge")
        pictured = (wanted, self.matrix.cell, run.ended is not None)
        if is_wide and run.data is not None and (wanted or run.ended) and pictured != self._pictured:
            self._pictured = pictured
            self._show_images(wanted, run.data)

    @work(exclusive=True, group="images", exit_on_error=False)
    async def _show_images(self, wanted: int, data: DataReady) -> None:
        if self._predicted != wanted:
            source, ended = predictions_of(self.feed, self.app.options.data_dir), self.snapshot.run.ended is not None
            found = await to_thread(predictions_after, source, wanted, data, ended=ended)
            self._predicted = wanted
            self._predictions, self._failure = (None, found) if isinstance(found, str) else (found, "")
        predictions, cell = self._predictions, ImageFilter(*self.matrix.cell)
        indices = [] if predictions is None else (await to_thread(picked, predictions, cell, "worst")).tolist()
        names, glyphs = class_names(self.snapshot.run), self.app.settings.glyphs

        def tile(at: int, width: int) -> Tile:
            assert predictions is not None
            _, certainty = predictions.caption(indices[at], names, width, glyphs)
            return Tile((predictions.images.picture(indices[at]),), (certainty,))

        self.images.show(len(indices), tile, selected=0, pictures=1, size="automatic", captions=1)
        note = self._failure or f"{counted(indices, 'image')}: {cell.words(names)}"
        if predictions is not None and predictions.epoch not in {None, wanted}:
            note += f", after epoch {predictions.epoch}"
        self.query_one("#images").border_title = pane_title("Images", key_of("matrix.images", CellMatrix, {}), note)

    @on(PictureGrid.PictureOpened)
    def _picture_opened(self) -> None:
        self.action_open(self.matrix.cell)

    @on(ConfusionView.CellChosen)
    def _open_cell(self, message: ConfusionView.CellChosen) -> None:
        self.matrix.look_at((message.true, message.predicted))
        self.action_open((message.true, message.predicted))

    @on(WorstConfusions.ConfusionChosen)
    def _look_at_worst(self, message: WorstConfusions.ConfusionChosen) -> None:
        self.matrix.look_at((message.confusion.true, message.confusion.predicted))

    @property
    def _can_zoom(self) -> bool:
        return self.matrix.zoomed or self.matrix.has_shades

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        match action:
            case "zoom":
                return self._can_zoom
            case "choose":
                return len(class_names(self.snapshot.run)) > FEW
            case "compare":
                return self.base is not None
            case "final":
                is_final = self.final and self._final is not None
                return self._final is not None and bool(self.feed.newest) and parameters[0] is not is_final
            case _:
                return True

    def look_at(self, epoch: int | None) -> None:
        self.final = self.final and not self.feed.newest
        self.refresh_bindings()
        super().look_at(epoch)

    def action_view(self) -> None:
        if self.matrix.has_shades:
            self.view = "counts" if self.view == "errors" else "errors"
        else:
            self.view = VIEWS[(VIEWS.index(self.view) + 1) % len(VIEWS)]
        self.draw()

    def action_zoom(self) -> None:
        """Show the numbers around the selected cell, or the whole matrix again."""
        self.matrix.zoom(not self.matrix.zoomed)
        self.refresh_bindings()
        self.draw()

    def action_choose(self, axis: int) -> None:
        """Ask for the true class (0) or the predicted one (1), and select its row or column."""
        names, cell = class_names(self.snapshot.run), self.matrix.cell

        def choose(at: int | None) -> None:
            if at is not None:
                self.matrix.look_at((cell[0], at) if axis else (at, cell[1]))

        title = "Predicted class" if axis else "True class"
        self.app.push_screen(ChooseClassScreen(title, names, cell[axis]), choose)

    def action_base(self) -> None:
        """Ask for the epoch or the run to compare with."""
        shown, run = self.shown(), self.snapshot.run
        if shown is None:
            return
        choices: list[tuple[str, NamedMatrix]] = []
        epochs = {"the first": 1, "the best": run.best.epoch if run.best else 0, "the last": self.feed.newest}
        for what, epoch in epochs.items():
            matrix = self._matrix_of(epoch)
            if matrix is not None and all(matrix.words != each.words for each in (shown, *(own for _, own in choices))):
                choices.append((f"{matrix.words}, {what}", matrix))
        if self._final is not None and self._final is not shown:
            choices.append((self._final.words, self._final))
        choices.append((f"{shown.words}, shown now: compare it with the next epochs you look at", shown))

        def compare(at: int | None) -> None:
            if at is not None and at < len(choices):
                self.action_compare(choices[at][1])
            elif at is not None:
                self.action_other()

        lines = [*(words for words, _ in choices), "another run …"]
        self.app.push_screen(ChooseScreen("Compare with", lines), compare)

    def _matrix_of(self, epoch: int) -> NamedMatrix | None:
        """Return the matrix of an epoch; None if that epoch has not ended."""
        run = self.snapshot.run
        if epoch == run.confusion_epoch:
            return NamedMatrix(run.confusion, f"epoch {epoch}") if run.confusion else None
        ended = self.feed.ended(epoch)
        return NamedMatrix(ended.confusion, f"epoch {epoch}") if ended else None

    def action_compare(self, base: NamedMatrix | None) -> None:
        self.base = base
        self.refresh_bindings()
        self.draw()

    def action_final(self, shown: bool) -> None:
        """Show the evaluation after training, or the epochs again."""
        self.final = shown
        self.refresh_bindings()
        self.draw()

    def action_next_worst(self) -> None:
        pairs = [(pair.true, pair.predicted) for pair in self.worst.confusions]
        if pairs:
            at = pairs.index(self.matrix.cell) + 1 if self.matrix.cell in pairs else 0
            self.matrix.look_at(pairs[at % len(pairs)])

    def action_open(self, cell: tuple[int, int] | None = None) -> None:
        self.app.show(Route("gallery", run=self.feed.folder, cell=cell, final=self.final))

    @work(exclusive=True, group=TAKES_KEYBOARD, exit_on_error=False)
    async def action_other(self) -> None:
        """Ask for another run on the same dataset that has ended an epoch, and compare with it."""
        data, own = self.snapshot.run.data, self.feed.folder.id
        dataset = data.name if data else ""
        every = await to_thread(list_runs, self.app.options.runs_dir)
        runs = [run for run in every if run.run != own and run.dataset == dataset and (run.epochs_done or run.origin)]
        if not self.is_current:
            return
        if not runs:
            self.notify("There is no other run on the same data of which an epoch has ended.", severity="warning")
            return

        def compare(at: int | None) -> None:
            if at is not None:
                self._compare_with(RunFolder(Path(runs[at].folder)))

        self.app.push_screen(ChooseRunScreen("Compare with", runs), compare)

    @work(exclusive=True, group="base", exit_on_error=False)
    async def _compare_with(self, folder: RunFolder) -> None:
        base = await to_thread(base_of_run, folder)
        shown = self.shown()
        if base is None:
            self.notify(f"Run {folder.id} has no matrix.", severity="warning")
        elif shown is not None and len(base.matrix) != len(shown.matrix):
            classes = f"{counted(base.matrix, 'class')}, this run {len(shown.matrix)}"
            self.notify(f"Run {folder.id} has {classes}: they cannot be compared.", severity="warning")
        else:
            self.action_compare(base)

    @work(exclusive=True, group="final", exit_on_error=False)
    async def _read_final(self) -> None:
        run = self.snapshot.run
        final = await to_thread(final_of, self.feed.folder, run)
        if final is not None and final.matrix == run.confusion:
            return  # the last epoch was evaluated on the same images, with the same weights
        self._final = final
        self.final = self.final or not self.feed.newest  # a run without epochs has no other matrix
        self.refresh_bindings()
        self.draw()
