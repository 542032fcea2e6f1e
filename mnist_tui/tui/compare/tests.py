"""The screen of the tests between trained networks: who differs from whom on the same test images, and on which."""

from __future__ import annotations

from asyncio import to_thread
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from textual import getters, on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content

from mnist_tui.report.result_words import TWO_MODELS, USUAL_P, cochran_sentence, network_sentence, pair_cells
from mnist_tui.runs.collection.seed_groups import seed_groups
from mnist_tui.runs.collection.summaries import RunSummary
from mnist_tui.runs.event_log import FiguresReader
from mnist_tui.runs.model_tests import Answers, McNemarTest, ModelTests, only_right, tests_of_runs
from mnist_tui.tui.bench import BenchScreen, Route
from mnist_tui.tui.compare.screen import ABOUT_VIEW, VIEWS, CompareScreen, series_of
from mnist_tui.tui.gallery.predictions import ImagePredictions, RunPredictions
from mnist_tui.tui.run_commands import folder_of
from mnist_tui.tui.selected_images import ImageSelection
from mnist_tui.tui.terminal.keymap import bind, pane_title
from mnist_tui.tui.terminal.themes import RUN_TOKENS
from mnist_tui.tui.widgets.confusion import class_names
from mnist_tui.tui.widgets.controls import KeyFooter
from mnist_tui.tui.widgets.pixels import PictureGrid, Tile
from mnist_tui.tui.widgets.plots.raster import Marks, marks_of
from mnist_tui.tui.widgets.row_table import RowColumn, RowTable, TableRow, run_tone
from mnist_tui.tui.widgets.tab_strip import TabStrip
from mnist_tui.tui.widgets.text import Line, PartsLine
from mnist_tui.wording import counted, shortened, signed

CORRECTED = "Of several tests, p is corrected for their number (Holm)."
PLACES = ("only-first", "only-second")
"""The panes with the images that only the first or only the second network of a pair classifies correctly."""
NOTHING = (
    "No two of these runs can be tested: a test needs two runs whose final evaluation had the same images, and whose "
    "predictions are kept."
)
COLUMNS = (
    RowColumn("first", "Run", least=12, middle=True),
    RowColumn("second", "Against", least=12, middle=True),
    RowColumn("only-first", "Only it right", right=True, need=1),
    RowColumn("only-second", "Only the other", right=True, need=2),
    RowColumn("difference", "Points", right=True, need=9),
    RowColumn("interval", "95 % interval", right=True, need=8),
    RowColumn("p", "p", right=True, need=3),
    RowColumn("holm", "Corrected p", right=True, need=7),
    RowColumn("means", "Verdict"),
    RowColumn("data", "Test images", need=4),
)
LEAST_BAR = 20
"""The fewest columns for the intervals."""
BARS_FROM = len("points  ")
MOST_NAME = 14
"""The most characters of a network's name in the titles of images."""
MOST_BARS, FEW_BARS = 12, 3
"""The most intervals in high windows, and in lower ones."""


@dataclass(frozen=True, eq=False)
class TestedPair:
    """Two networks with their test, the more accurate one first."""

    first: Answers
    second: Answers
    test: McNemarTest


def interval_bars(pairs: Sequence[tuple[int, int, McNemarTest]], marks: Marks, width: int) -> Content:
    """Return a line for each pair of networks with the 95 % interval of their difference, and the axis below.

    Args:
        pairs: the numbers of the two networks, counted from 0, with their test.
        width: the available columns.
    """
    ends = [0.0, *(100 * end for *_, test in pairs for end in test.interval)]
    low, high = min(ends), max(ends)
    columns = width - BARS_FROM
    if columns < LEAST_BAR or low == high:
        return Content("")

    def column(points: float) -> int:
        return round((points - low) / (high - low) * (columns - 1))

    zero = column(0.0)
    lines: list[Content] = []
    for first, second, test in pairs:
        start, end = (column(100 * end) for end in test.interval)
        bar = [" "] * columns
        bar[start : end + 1] = marks.rule * (end + 1 - start)
        bar[zero] = "│" if bar[zero] == " " else "┼"
        at, style = column(100 * test.difference), f"${RUN_TOKENS[first]}"
        bar[at] = marks.runs[first]
        names = ((marks.runs[first], style), " − ", (marks.runs[second], f"${RUN_TOKENS[second]}"))
        lines.append(Content.assemble(*names, " " * (BARS_FROM - 5), ("".join(bar), style)))
    values = [" "] * columns
    for value in (0.0, low, high):
        text = signed(value, 2) if value else "0"
        left = max(0, min(column(value) - len(text) // 2, columns - len(text)))
        if not "".join(values[max(0, left - 1) : left + len(text) + 1]).strip():
            values[left : left + len(text)] = text
    lines.append(Content.assemble(("points", "$foreground-muted"), "  ", ("".join(values), "$foreground-muted")))
    return Content("\n").join(lines)


class RightImages(PictureGrid, can_focus=False):
    """Test images that one network classifies correctly, each with what the other one takes it for."""

    HELP = ""
    SELECTS = False

    def show_images(self, predictions: ImagePredictions, indices: Sequence[int], names: tuple[str, ...]) -> None:
        """Show images by their indices, with the first line of their captions."""

        def tile(at: int, width: int) -> Tile:
            caption = predictions.caption(indices[at], names, width, self.app.settings.glyphs)
            return Tile((predictions.images.picture(indices[at]),), caption[:1])

        shape = predictions.images.shape
        self.show(len(indices), tile, selected=0, pictures=1, size="automatic", shape=shape, captions=1)


class NetworkTestsScreen(BenchScreen[None]):
    """The screen of the tests between the networks of runs.

    Args:
        runs: at least two.
    """

    GUIDE = "screens#runs-and-comparing"
    CSS_PATH = "tests.tcss"
    TITLE = "Tests"
    AUTO_FOCUS = "#pairs"
    HELP = """
    **Tests between networks.** Each row has two networks on the same test images, the more accurate one first: how many
    images only one of them classifies correctly, the difference of their accuracies in points with its 95 % interval,
    and p of McNemar's test, at the right corrected for the number of tests (Holm). A p below 0.05 says that so unequal
    counts would be rare if both networks were equally accurate. Three and more networks are first tested together, by
    Cochran's Q. Of more than four, only the most accurate one is tested against the others. `Enter` shows the images
    that only the first network classifies correctly, `s` those of the second one. The tests say nothing of another
    seed: for that, train groups of seeds and compare them.
    """
    BINDINGS = [
        bind("tests.first", "enter", "images(True)", "Only it right", "Images that only the first network gets right"),
        bind("tests.second", "s", "images(False)", "Only the other right", "Images that only the second gets right"),
        *(
            bind(f"tests.view-{n}", f"{n}", f"choose_view({n})", f"View {n}", ABOUT_VIEW, hidden=True)
            for n in range(1, len(VIEWS) + 1)
        ),
        bind("tests.matrices", "m", "matrices(True)", "Matrices", "The confusion matrices", hidden=True),
        bind("tests.back", "escape", "back", "Back", "Back to where you were"),
    ]

    views = getters.query_one("#views", PartsLine)
    together = getters.query_one("#together", Line)
    legend = getters.query_one("#legend", Line)
    bars = getters.query_one("#bars", Line)
    table = getters.query_one("#pairs", RowTable)
    words = getters.query_one("#pair", Line)

    def __init__(self, runs: Sequence[RunSummary]) -> None:
        super().__init__()
        self._runs = list(runs)
        self._labels = {each.runs[0].run: each.label for each in series_of(self._runs, together=False)}
        self._numbers = {run: at for at, run in enumerate(self._labels)}
        self._pairs: dict[str, TestedPair] = {}
        self._predicted: dict[str, tuple[ImagePredictions | str, tuple[str, ...]]] = {}
        self._pictured: TestedPair | None = None

    def compose(self) -> ComposeResult:
        yield TabStrip()
        yield PartsLine(id="views")
        yield Line(id="together")
        yield Line(id="legend")
        with Vertical(id="tested", classes="pane -stacked") as pane:
            pane.border_title = pane_title("Reading …")
            yield RowTable(id="pairs")
            yield Line(id="pair")
        with Horizontal(id="examples"):
            for place in PLACES:
                with Vertical(id=place, classes="pane"):
                    yield RightImages()
        with Vertical(id="intervals", classes="pane -stacked") as pane:
            pane.border_title = pane_title("Difference of the accuracies", note="in points, with 95 % intervals")
            yield Line(id="bars")
        yield Line(f"{TWO_MODELS} {CORRECTED}", id="meaning")
        yield KeyFooter()

    def on_mount(self) -> None:
        self._read()
        self._show_views()

    def on_resize(self) -> None:
        self.call_after_refresh(self._arrange)

    def _arrange(self) -> None:
        self._show_views()
        self._show_bars()
        self._show_examples()

    @property
    def _compared(self) -> CompareScreen | None:
        """The screen from which this one was opened."""
        compared = (each for each in self.app.screen_stack if isinstance(each, CompareScreen))
        return next((each for each in compared if each.subject == self.subject), None)

    def _show_views(self) -> None:
        compared = self._compared
        self.views.display = compared is not None
        if compared is not None:
            self.views.show(compared.parts_of_views(in_tests=True))

    @property
    def subject(self) -> tuple[str, ...]:
        return tuple(run.run for run in self._runs)

    @work(thread=True, exit_on_error=False)
    def _read(self) -> None:
        seeds = {run.run for group in seed_groups(self._runs) for run in group.runs}
        found = tests_of_runs([folder_of(run) for run in self._runs], seeds)
        self.app.call_from_thread(self._show, found)

    def _show(self, found: Sequence[ModelTests]) -> None:
        tested = [
            TestedPair(tests.models[first], tests.models[second], test)
            for tests in found
            for first, second, test in tests.pairs
        ]
        self._pairs = {f"{pair.first.name} {pair.second.name}": pair for pair in tested}
        on = {tests.models[0].images: f" on {tests.models[0].dataset}" if len(found) > 1 else "" for tests in found}
        sentences = [cochran_sentence(tests, on[tests.models[0].images]) for tests in found if tests.cochran]
        self.together.say("\n".join(sentences))
        self.together.display = bool(sentences)
        several = len({pair.first.images for pair in tested}) > 1
        names = {run: self._mark(run).plain for run in self._labels} if self._has_marks else self._labels
        numbers = self._numbers if self._has_marks else {}
        rows = [pair_row(key, pair, names, numbers, data=several) for key, pair in self._pairs.items()]
        self.table.show(COLUMNS, rows)
        note = "McNemar's test on the same test images" if tested else ""
        self.query_one("#tested").border_title = pane_title("Pairs of networks", note=note)
        self.legend.display = self._has_marks and bool(tested)
        if self._has_marks:
            self.legend.say(Content("    ").join(self._mark(run) + f" {label}" for run, label in self._labels.items()))
        self.table.display = bool(tested)
        self.set_class(bool(tested), "-tested")
        self._show_pair()
        self._arrange()
        self.refresh_bindings()

    @property
    def _marks(self) -> Marks:
        return marks_of(self.app.settings.glyphs)

    @property
    def _has_marks(self) -> bool:
        """Whether there is a mark for each run; of more runs, the table has the names."""
        return len(self._labels) <= min(len(RUN_TOKENS), len(self._marks.runs))

    def _mark(self, run: str) -> Content:
        at = self._numbers[run]
        return Content.styled(self._marks.runs[at], f"${RUN_TOKENS[at]}")

    def _show_bars(self) -> None:
        found = [
            (self._numbers[pair.first.name], self._numbers[pair.second.name], pair.test)
            for pair in self._pairs.values()
        ]
        most = MOST_BARS if self.has_class("-tall") else FEW_BARS
        differ = any(end for *_, test in found for end in test.interval)
        self.query_one("#intervals").display = self._has_marks and differ and len(found) <= most
        if self._has_marks:
            self.bars.say(interval_bars(found, self._marks, self.bars.container_size.width))

    @on(RowTable.CursorMoved)
    def _show_pair(self) -> None:
        pair = self._chosen
        self.words.say(NOTHING if pair is None else network_sentence(*self._names(pair), pair.test))
        self.call_after_refresh(self._show_examples)

    def _show_examples(self) -> None:
        """Show images that only one of the chosen networks classifies correctly, if there is room for them."""
        pair = self._chosen
        if pair is not None and pair is not self._pictured and self.query_one("#examples").size.area:
            self._pictured = pair
            self._read_examples(pair)

    @work(exclusive=True, group="examples", exit_on_error=False)
    async def _read_examples(self, pair: TestedPair) -> None:
        for place, right, wrong in zip(PLACES, (pair.first, pair.second), (pair.second, pair.first), strict=True):
            if wrong.name not in self._predicted:
                self._predicted[wrong.name] = await to_thread(self._read_predictions, wrong.name)
            predictions, names = self._predicted[wrong.name]
            indices = only_right(right.right, wrong.right).tolist()
            right_name, wrong_name = (
                self._mark(each.name).plain if self._has_marks else shortened(self._labels[each.name], MOST_NAME)
                for each in (right, wrong)
            )
            note = f"{counted(indices, 'image')}, as {wrong_name} reads them"
            pane = self.query_one(f"#{place}")
            pane.border_title = pane_title(f"Only {right_name} right", note=note)
            if not isinstance(predictions, str):
                pane.query_one(RightImages).show_images(predictions, indices, names)

    def _read_predictions(self, name: str) -> tuple[ImagePredictions | str, tuple[str, ...]]:
        """Return the predictions of a run's test images, or why there are none, and the names of the classes."""
        folder = folder_of(next(run for run in self._runs if run.run == name))
        state = FiguresReader(folder.events_file).state()
        if state.data is None:
            return "the run has no data", ()
        return RunPredictions(folder, self.app.options.data_dir).final(state.data), class_names(state)

    @property
    def _chosen(self) -> TestedPair | None:
        return self._pairs.get(self.table.chosen or "")

    def _names(self, pair: TestedPair) -> tuple[str, str]:
        names = (pair.first.name, pair.second.name)
        first, second = (
            f"{self._mark(name)} {self._labels[name]}" if self._has_marks else self._labels[name] for name in names
        )
        return first, second

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "images":
            return self._chosen is not None
        if action == "matrices":
            return self._compared is not None
        return action != "choose_view" or bool(self._compared and self._compared.check_action(action, parameters))

    def action_choose_view(self, number: int) -> None:
        """Go back to a view of the comparison, counted from 1."""
        self._go_back(lambda compared: compared.action_choose_view(number))

    def action_matrices(self, shown: bool) -> None:
        """Go back to the comparison, and there to the matrices."""
        self._go_back(lambda compared: compared.action_matrices(shown))

    def _go_back(self, then: Callable[[CompareScreen], None]) -> None:
        compared = self._compared
        if compared is not None:
            self.app.show(Route("compare", summaries=self._runs))
            self.call_later(then, compared)

    @on(RowTable.Opened)
    def _open_first(self) -> None:
        self.action_images(True)

    def action_images(self, of_first: bool) -> None:
        """Show the images that only the first (or the second) network of the chosen pair classifies correctly."""
        pair = self._chosen
        if pair is None:
            return
        right, wrong = (pair.first, pair.second) if of_first else (pair.second, pair.first)
        indices = tuple(only_right(right.right, wrong.right).tolist())
        if not indices:
            self.notify(f"There is no image that only {self._labels[right.name]} gets right.", timeout=4)
            return
        selection = ImageSelection(indices, f"right here, wrong in {self._labels[wrong.name]}")
        run = next(run for run in self._runs if run.run == right.name)
        self.app.show(Route("gallery", run=folder_of(run), only=selection, final=True))


def pair_row(
    key: str, pair: TestedPair, labels: Mapping[str, str], numbers: Mapping[str, int], *, data: bool
) -> TableRow:
    """Return the row of a pair of networks.

    Args:
        labels: the names or the marks of the runs by their ids.
        numbers: the numbers of the runs, whose colours the marks have; empty for names.
        data: whether the row names the dataset.
    """
    test = pair.test
    cells = (
        labels[pair.first.name],
        labels[pair.second.name],
        *pair_cells(test),
        "differ" if test.holm < USUAL_P else "may be alike",
        pair.first.dataset if data else "",
    )
    columns = (("first", pair.first), ("second", pair.second)) if numbers else ()
    return TableRow(key, cells, tones={column: run_tone(numbers[each.name]) for column, each in columns})
