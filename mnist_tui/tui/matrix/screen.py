"""The screen of a run's confusion matrix: any epoch, three views, differences, and the images of a cell."""

from __future__ import annotations

from asyncio import to_thread
from dataclasses import dataclass
from pathlib import Path

from textual import events, getters, on, work
from textual.app import ComposeResult
from textual.containers import Container, Vertical, VerticalScroll

from mnist_tui.errors import RunError
from mnist_tui.runs.collection.summaries import RunSummary, list_runs
from mnist_tui.runs.event_log import replayed
from mnist_tui.runs.events import DataReady, Matrix
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.results import results_of
from mnist_tui.runs.scores import Confusion, accuracy, in_words, total
from mnist_tui.runs.state import RunState
from mnist_tui.tui.bench import Route
from mnist_tui.tui.dialogs import ChooseScreen
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
from mnist_tui.tui.widgets.confusion import (
    VIEW_WORDS,
    VIEWS,
    CellMatrix,
    ConfusionView,
    View,
    WorstConfusions,
    class_names,
)
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
    try:
        results = results_of(folder, run)
    except RunError:
        return None
    rows = (results or {}).get("confusion_matrix")
    return NamedMatrix(tuple(tuple(row) for row in rows), "the final evaluation") if rows else None


def base_of_run(folder: RunFolder) -> NamedMatrix | None:
    """Read a run's final matrix, else its newest one, from its folder; None if no epoch has ended."""
    run = replayed(folder.events_file)
    final = final_of(folder, run)
    if final is not None:
        return NamedMatrix(final.matrix, f"{folder.id}, final evaluation")
    return NamedMatrix(run.confusion, f"{folder.id}, epoch {run.confusion_epoch}") if run.confusion else None


class MatrixScreen(RunScreen):
    """The screen of a run's confusion matrix."""

    GUIDE = "screens#confusion-matrix"
    CSS_PATH = "matrix.tcss"
    HELP = """
    **Confusion matrix in full.** The arrow keys select a cell, Enter opens its images. Comma and full stop show the
    epoch before and after, `<` and `>` ten away, `f` follows the newest. `v` changes between counts, row percentages
    and errors only. `b` compares with an epoch (the first, the best, the last, the one that is shown now) or with the
    final matrix of another run, which `o` chooses at once: each cell is then the change from there; `x` ends it. `u`
    shows the final evaluation. A click on an arrow or a word above the matrix does the same as its key.
    """
    BINDINGS = [
        bind("matrix.view", "v", "view", "View", "Counts, row percentages, errors only"),
        bind("matrix.final", "u", "final", "Final", "The final evaluation, or the epochs again"),
        bind("matrix.base", "b", "base", "Compare", "Compare with another epoch, the final evaluation or another run"),
        bind("matrix.other", "o", "other", "Other run", "Compare with another run"),
        bind("matrix.no-base", "x", "compare(None)", "End comparison", "Show counts again, not changes"),
        bind("matrix.worst", "n", "next_worst", "Worst", "Select the next of the worst confusions"),
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
        self._failure: Failure = ""

    def compose(self) -> ComposeResult:
        yield TabStrip()
        yield StatusLine("confusion matrix", self.feed.folder.id)
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
        what, caption = "confusion matrix", ""
        if shown is not None:
            newest = self.feed.cursor is None and not self.final and self.snapshot.live
            what = f"confusion, {shown.words}{', the newest' if newest else ''}"
            caption = "of the test set, evaluated after training" if self.final else f"evaluated after {shown.words}"
            if self.base is not None:
                caption = f"of {shown.words} against {self.base.words}"
        self.sample.say(sample_line(run.data is not None and run.data.sample))
        self.status.show(self.snapshot.state, what)
        self.matrix.show(matrix, names, caption, view=self.view, base=base)
        self.worst.show(matrix, names, base)
        self.facts.say("\n".join(self._fact_lines(shown)))
        self.modes.show(self._mode_parts())
        self._draw_cell()

    def _mode_parts(self) -> list[LinePart]:
        """Return the line above the matrix: the epoch between arrows, and each mode in words with its key."""
        left, right = ("<", ">") if self.app.settings.glyphs == "ascii" else ("◀", "▶")
        is_final = self.final and self._final is not None
        epoch = "final evaluation" if is_final else f"epoch {self.feed.epoch:,} of {self.snapshot.run.epochs:,}"
        parts = [
            LinePart(f"{left} ", "bold $accent", "screen.epoch(-1)"),
            LinePart(epoch, "bold $foreground"),
            LinePart(f" {right}", "bold $accent", "screen.epoch(1)"),
        ]
        compared = f"compared with {self.base.words}" if self.base else "compare"
        words = [("view", "view", f"shows {VIEW_WORDS[self.view]}"), ("base", "base", compared)]
        words += [("no-base", "compare(None)", "end")] if self.base else []
        if self._final is not None:
            words.append(("final", "final", "back to the epochs" if is_final else "final evaluation"))
        for name, action, text in words:
            parts.append(LinePart(f"   {self._key(name)} ", "$accent", f"screen.{action}"))
            parts.append(LinePart(text, "", f"screen.{action}"))
        return parts

    def _fact_lines(self, shown: NamedMatrix | None) -> list[str]:
        if shown is None:
            return []
        lines = [f"accuracy {percent(accuracy(shown.matrix), 2)} of {counted(total(shown.matrix), 'image')}"]
        if self.base is not None:
            lines.append(f"compared with {self.base.words}: accuracy {percent(accuracy(self.base.matrix), 2)}")
            if [sum(row) for row in shown.matrix] != [sum(row) for row in self.base.matrix]:
                lines.append("They were measured on different images: compare percentages (v), not counts.")
        return lines

    @on(CellMatrix.CellSelected)
    def _draw_cell(self) -> None:
        shown, (true, predicted) = self.shown(), self.matrix.cell
        if shown is None:
            self.cell.say("")
            return
        row, names = shown.matrix[true], class_names(self.snapshot.run)
        words = in_words(Confusion(true, predicted, names[true], names[predicted], row[predicted], sum(row)))
        if self.base is not None:
            before = self.base.matrix[true][predicted]
            words += f"; before {before:,} ({signed(row[predicted] - before, 0)})"
        self.cell.say(f"[ ] {words}")
        self._draw_images()

    @on(events.Resize)
    def _draw_images(self) -> None:
        """Show the images of the selected cell, if there is room for them."""
        run = self.snapshot.run
        wanted = FINAL if self.final else self.feed.epoch
        is_wide = self.has_class("-wide") or self.has_class("-huge")
        if is_wide and run.data is not None and (wanted or run.ended):
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
            return Tile(
                (predictions.images.picture(indices[at]),), predictions.caption(indices[at], names, width, glyphs)
            )

        self.images.show(len(indices), tile, selected=0, pictures=1, size="automatic")
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

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        match action:
            case "compare":
                return self.base is not None
            case "final":
                return self._final is not None
            case _:
                return True

    def look_at(self, epoch: int | None) -> None:
        self.final = False
        super().look_at(epoch)

    def action_view(self) -> None:
        self.view = VIEWS[(VIEWS.index(self.view) + 1) % len(VIEWS)]
        self.draw()

    def action_base(self) -> None:
        """Ask for the epoch or the run to compare with."""
        shown, run = self.shown(), self.snapshot.run
        if shown is None:
            return
        choices = [(f"{shown.words}, which is shown now", shown)]
        epochs = {"the first": 1, "the best": run.best.epoch if run.best else 0, "the last": self.feed.newest}
        for what, epoch in epochs.items():
            matrix = self._matrix_of(epoch)
            if matrix is not None and all(matrix.words != each.words for _, each in choices):
                choices.append((f"{matrix.words}, {what}", matrix))
        if self._final is not None and self._final is not shown:
            choices.append((self._final.words, self._final))

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

    def action_final(self) -> None:
        self.final = not self.final
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
        runs = [run for run in every if run.run != own and run.dataset == dataset and run.epochs_done]
        if not self.is_current:
            return
        if not runs:
            self.notify("there is no other run on the same data of which an epoch has ended", severity="warning")
            return

        def compare(at: int | None) -> None:
            if at is not None:
                self._compare_with(RunFolder(Path(runs[at].folder)))

        self.app.push_screen(ChooseScreen("Compare with", [_line(run) for run in runs]), compare)

    @work(exclusive=True, group="base", exit_on_error=False)
    async def _compare_with(self, folder: RunFolder) -> None:
        base = await to_thread(base_of_run, folder)
        if base is None:
            self.notify(f"{folder.id} has no matrix", severity="warning")
        else:
            self.action_compare(base)

    @work(exclusive=True, group="final", exit_on_error=False)
    async def _read_final(self) -> None:
        self._final = await to_thread(final_of, self.feed.folder, self.snapshot.run)
        self.refresh_bindings()


def _line(run: RunSummary) -> str:
    score = f"test accuracy {percent(run.test_accuracy)}" if run.test_accuracy is not None else f"{run.state}"
    return f"{run.run}  {counted(run.epochs_done, 'epoch')}, {score}"
