"""The screen of a run's confusion matrix: any epoch, three views, differences, and the images of a cell."""

from __future__ import annotations

from asyncio import to_thread
from dataclasses import dataclass
from pathlib import Path

from textual import getters, on, work
from textual.app import ComposeResult
from textual.containers import Container, VerticalScroll

from mnist_tui.errors import RunError
from mnist_tui.runs.collection.summaries import RunSummary, list_runs
from mnist_tui.runs.event_log import replayed
from mnist_tui.runs.events import Matrix
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.results import results_of
from mnist_tui.runs.scores import Confusion, accuracy, in_words, total
from mnist_tui.runs.state import RunState
from mnist_tui.tui.bench import Route
from mnist_tui.tui.dialogs import ChooseScreen
from mnist_tui.tui.feed import RunFeed
from mnist_tui.tui.run_screen import RunScreen, run_keys
from mnist_tui.tui.terminal.keyboard import TAKES_KEYBOARD
from mnist_tui.tui.terminal.keymap import bind
from mnist_tui.tui.widgets.confusion import VIEWS, CellMatrix, ConfusionView, View, WorstConfusions, class_names
from mnist_tui.tui.widgets.controls import KeyFooter
from mnist_tui.tui.widgets.run_status import Banner, StatusLine, sample_line
from mnist_tui.tui.widgets.tab_strip import TabStrip
from mnist_tui.tui.widgets.text import Line
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
    and errors only. `b` takes the present epoch as the base: every other epoch is then shown as its difference; `o`
    takes another run's final matrix, or its newest; `x` ends it. `u` shows the final evaluation.
    """
    BINDINGS = [
        bind("matrix.view", "v", "view", "View", "Counts, row percentages, errors only"),
        bind("matrix.final", "u", "final", "Final", "The final evaluation, or the epochs again"),
        bind("matrix.base", "b", "base", "Base", "Compare other epochs with this one"),
        bind("matrix.other", "o", "other", "Other run", "Compare with another run"),
        bind("matrix.no-base", "x", "compare(None)", "No base", "End the comparison"),
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

    def __init__(self, feed: RunFeed) -> None:
        super().__init__(feed)
        self.view: View = "counts"
        self.base: NamedMatrix | None = None
        self.final = False
        self._final: NamedMatrix | None = None
        self._final_requested = False

    def compose(self) -> ComposeResult:
        yield TabStrip()
        yield StatusLine("confusion matrix", self.feed.folder.id)
        yield Banner(id="sample")
        with Container(id="body"):
            yield CellMatrix()
            with VerticalScroll(id="words", can_focus=False):
                yield Line(id="cell")
                yield WorstConfusions()
                yield Line(id="facts")
        yield KeyFooter()

    def shown(self) -> NamedMatrix | None:
        """Return the matrix to show; None before the first epoch has ended."""
        if self.final and self._final is not None:
            return self._final
        run, epoch = self.snapshot.run, self.feed.epoch
        if epoch == run.confusion_epoch:
            return NamedMatrix(run.confusion, f"epoch {epoch}") if run.confusion else None
        ended = self.feed.ended(epoch)
        return NamedMatrix(ended.confusion, f"epoch {epoch}") if ended else None

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
        self._draw_cell()

    def _fact_lines(self, shown: NamedMatrix | None) -> list[str]:
        if shown is None:
            return []
        lines = [f"accuracy {percent(accuracy(shown.matrix), 2)} of {counted(total(shown.matrix), 'image')}"]
        if self.base is not None:
            lines.append(f"base: {self.base.words}, accuracy {percent(accuracy(self.base.matrix), 2)}")
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
            words += f"; in the base {before:,} ({signed(row[predicted] - before, 0)})"
        self.cell.say(f"[ ] {words}")

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
        """Make the matrix that is shown the base; if it is the base already, end the comparison."""
        shown = self.shown()
        self.action_compare(None if shown == self.base else shown)
        if self.base is not None:
            self.notify(f"compared with {self.base.words}; , and . show other epochs, x ends it", timeout=4)

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
