"""The screen that compares runs: curves, a table of differing parameters and scores, accuracy by seed and by size."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import repeat

from textual import getters, on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message

from mnist_tui.errors import RunError
from mnist_tui.report.result_words import (
    USUAL_P,
    interval_in_words,
    p_value_in_words,
    percentage_points,
    seed_sentences,
)
from mnist_tui.runs.collection.seed_groups import SeedGroup, band, differing_parameters, grouped, seed_groups
from mnist_tui.runs.collection.summaries import RunSummary, all_scored_on, summary_of
from mnist_tui.runs.event_log import EpochReader, FiguresReader
from mnist_tui.runs.events import Matrix
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.model_tests import McNemarTest, ModelTests, tests_of_runs
from mnist_tui.runs.results import final_matrix
from mnist_tui.runs.robustness import overall_error
from mnist_tui.runs.state import LIVE, EpochRow, RunState
from mnist_tui.tui.bench import BenchScreen, Route
from mnist_tui.tui.compare.matrices import ComparedMatrices, NewestMatrix
from mnist_tui.tui.export.request import default_folder
from mnist_tui.tui.run_commands import folder_of, open_run
from mnist_tui.tui.run_screen import epoch_keys
from mnist_tui.tui.terminal.desktop import copy
from mnist_tui.tui.terminal.keymap import bind, key_of, pane_title
from mnist_tui.tui.widgets.confusion import class_names
from mnist_tui.tui.widgets.controls import KeyFooter
from mnist_tui.tui.widgets.plots.compared import (
    MOST_SERIES,
    OverlaidCurves,
    OverlaidSeries,
    Scatter,
    ScatterPoint,
    SeedPlot,
    SeedScores,
)
from mnist_tui.tui.widgets.plots.plot import Plot, view_keys
from mnist_tui.tui.widgets.plots.raster import Marks
from mnist_tui.tui.widgets.row_table import RowColumn, RowTable, TableRow, run_tone, tone
from mnist_tui.tui.widgets.tab_strip import TabStrip
from mnist_tui.tui.widgets.text import Line, LinePart, PartsLine
from mnist_tui.wording import DASH, capitalized, count, counted, listed, loss, percent, seconds, shortened

CURVES, TABLE, SEEDS, POINTS = VIEWS = ("-view-curves", "-view-table", "-view-seeds", "-view-points")
ABOUT_VIEW = "The view of that number: curves, table, by seed or by size"
VIEW_NAMES = {CURVES: "Curves", TABLE: "Table", SEEDS: "By seed", POINTS: "By size"}
TABLE_EDGE = 4
"""Columns for the marks at the left of a table, and its scroll bar."""
LINES_AROUND = 4
"""Lines beside the rows of both tables: their heads, a gap, the chosen run."""
PANE_FRAME = 2
OTHER_IMAGES = "The runs were tested on different images: their accuracies cannot be compared."
OF_CURVES = {"epoch", "read_at", "plot"}
"""Actions that the screen has only while it shows the curves."""
OF_MATRICES = {"matrix_page", "next_worst"}
"""Actions that the screen has only while it shows the matrices."""
LEAST_DIFFERING = 3
"""The fewest lines of the table of what differs."""
DETAILS_LINES = 2
"""More lines for the values of the chosen run, where that table is cut."""
READ_SECONDS = 2.0
WHAT_DIFFERS = "What differs"
LEAST_VALUE, WIDEST_VALUE = 8, 30
"""Characters of a column in the table of what differs."""
MOST_NAMED = 5
"""The most settings that the sentence about the best run names."""
LONGEST = 42
"""Characters of a label in the legend; longer ones are cut in their middle."""


@dataclass(frozen=True)
class ComparedSeries:
    """One curve: a run, or a group of seeds.

    Attributes:
        label: short, different from all others.
        group: the run alone, or the runs of one experiment, sorted by seed.
    """

    label: str
    group: SeedGroup

    @property
    def runs(self) -> tuple[RunSummary, ...]:
        return self.group.runs

    @property
    def is_group(self) -> bool:
        return len(self.runs) > 1


def series_of(runs: Sequence[RunSummary], *, together: bool) -> list[ComparedSeries]:
    """Return a series for each run or, with `together`, for each group of seeds; runs of one seed stay apart."""
    groups: list[SeedGroup] = []
    for group in grouped(runs) if together else ():
        has_seeds = len({run.repetition for run in group.runs}) > 1
        groups += [group] if has_seeds else _alone(group.runs)
    groups = groups or _alone(runs)
    by_seed = [
        replace(each, runs=tuple(sorted(each.runs, key=lambda run: (run.repetition, run.started)))) for each in groups
    ]
    return list(map(ComparedSeries, _labels(by_seed), by_seed))


def _alone(runs: Sequence[RunSummary]) -> list[SeedGroup]:
    return [group for run in runs for group in grouped([run])]


def _labels(groups: Sequence[SeedGroup]) -> list[str]:
    """Return a label for each group: the user's name, or the preset and the settings that not all groups share.

    The end of a run's id is added to equal labels.
    """
    changes = [list(map(_in_words, group.runs[0].differs.split(", "))) for group in groups]
    shared = set(changes[0]).intersection(*changes[1:])
    labels: list[str] = []
    for (first, *others), settings in zip((group.runs for group in groups), changes, strict=True):
        repeated = ("seed ", "validation fold:") if others else ()
        own = [text for text in settings if text not in shared and not (repeated and text.startswith(repeated))]
        labels.append(shortened(first.name or f"{first.preset} {', '.join(own)}".strip(), LONGEST))
    return [
        label if labels.count(label) == 1 else f"{shortened(label, LONGEST - 5)} {group.runs[0].run[-4:]}"
        for label, group in zip(labels, groups, strict=True)
    ]


def _in_words(text: str) -> str:
    """Return a parameter's name, or a text that begins with it, as a form has it: ``batch size 64``."""
    name, blank, value = text.partition(" ")
    return f"{name.replace('-', ' ')}{blank}{value}"


def differing_settings(first: ComparedSeries, second: ComparedSeries) -> list[str]:
    """Return the names of the parameters that differ between two series, without the seed."""
    return [_in_words(name) for name in differing_parameters([first.runs[0], second.runs[0]]) if name != "seed"]


def curves(
    series: Sequence[ComparedSeries], histories: Mapping[str, Sequence[EpochRow]], metric: str
) -> list[OverlaidSeries]:
    """Return each series' curve of a metric; a group's curve is the mean with its standard deviation.

    One run of each seed counts (`SeedGroup.newest`), as in the table.
    """
    overlaid: list[OverlaidSeries] = []
    for each in series:
        rows = [histories[run.run] for run in each.group.newest if histories.get(run.run)]
        if len(rows) > 1:
            spread = band(rows, metric)
            points = tuple((float(epoch), mean) for epoch, mean in zip(spread.epochs, spread.mean, strict=True))
            overlaid.append(OverlaidSeries(f"{each.label}, n={len(rows)}", points, spread.std))
        else:
            points = tuple((float(row.epoch), getattr(row, metric)) for row in (rows[0] if rows else ()))
            state = each.runs[0].state
            overlaid.append(OverlaidSeries(each.label if state == "finished" else f"{each.label} ({state})", points))
    return overlaid


def points_by_size(series: Sequence[ComparedSeries]) -> list[ScatterPoint]:
    """Return test accuracy against the number of parameters, where both are known."""
    points: list[ScatterPoint] = []
    for at, each in enumerate(series):
        size = next((run.parameters for run in each.runs if run.parameters), None)
        accuracy, deviation = each.runs[0].test_accuracy, None
        if each.is_group:
            spread = each.group.spread("test_accuracy")
            accuracy, deviation = spread and spread.mean, spread and spread.std
        if size is not None and accuracy is not None:
            points.append(ScatterPoint(at, size, accuracy, deviation, each.label))
    return points


def scores_by_seed(series: Sequence[ComparedSeries]) -> list[SeedScores]:
    """Return the test accuracies of each group of seeds."""
    scores: list[SeedScores] = []
    for at, each in enumerate(series[:MOST_SERIES]):
        spread = each.group.spread("test_accuracy") if each.is_group else None
        if spread is not None:
            by_seed = each.group.by_seed("test_accuracy")
            points = tuple(by_seed.items())
            scores.append(SeedScores(at, each.label, points, spread.mean, spread.std, each.group.repetition))
    return scores


def table(
    series: Sequence[ComparedSeries], marks: Marks, *, settings: bool = True
) -> tuple[list[RowColumn], list[TableRow]]:
    """Return the table's columns and rows.

    The columns are the parameters that differ (with `settings`), then the scores. There is a row for each run; rows
    with statistics follow a group of seeds, and a row with the published scores follows an experiment that has some.
    """
    runs = [run for each in series for run in each.runs]
    of = all_scored_on(runs)
    differs = differing_parameters(runs) if settings else {}
    parameters = {name: texts for name, texts in differs.items() if name != "epochs"}
    narrow_first = sorted(parameters, key=lambda name: max(map(len, (name, *parameters[name]))))
    fields = ("parameters", "state") if settings else ()
    varied = {field for field in fields if len({getattr(run, field) for run in runs}) > 1}
    columns = [
        RowColumn("mark", ""),
        RowColumn("name", "Run", least=13 if settings else 30, middle=True),
        *(
            RowColumn(name, _in_words(name), right=True, need=20 - at if (at := narrow_first.index(name)) < 4 else 10)
            for name in parameters
        ),
        RowColumn("accuracy", {"test": "Test acc.", "held-out": "Held-out acc."}.get(of, "Accuracy"), right=True),
        RowColumn("difference", "To the best", right=True, need=30),
        RowColumn("f1", "Macro F1", right=True, need=5),
        RowColumn("loss", capitalized(f"{of} loss".lstrip()), right=True, need=13),
        RowColumn("parameters", "Parameters", right=True, need=14 if "parameters" in varied else 1),
        RowColumn("epochs", "Epochs", right=True, need=0 if settings else 20),
        RowColumn("time", "Training", right=True, need=3),
        RowColumn("state", "State", need=25 if "state" in varied else 2, toned=True),
    ]
    rows: list[TableRow] = []
    best = _best(runs) if _are_comparable(runs) else None
    values = zip(*parameters.values(), strict=True) if parameters else repeat(())
    blank = [""] * len(parameters)
    for at, each in enumerate(series):
        mark, colour = marks.runs[at] if at < len(marks.runs) else marks.running, {"mark": run_tone(at)}
        for run in each.runs:
            cells = (
                mark,
                run.name or run.short if each.is_group else each.label,
                *(text or DASH for text in next(values)),
                percent(run.test_accuracy),
                _to_best(run, best),
                percent(run.macro_f1),
                _loss(run.test_loss),
                count(run.parameters),
                run.epochs_in_words,
                seconds(run.training_seconds),
                run.state,
            )
            rows.append(TableRow(run.run, cells, tone=tone(run.state), tones=colour))
        first = each.runs[0]
        if each.is_group:
            for name, scores, time in _statistics(each.group):
                size = count(first.parameters) if name.startswith("mean") else ""
                cells = (mark, name, *blank, scores[0], "", *scores[1:], size, "", time, "")
                rows.append(TableRow(f"{each.group.group} {name}", cells, tones=colour))
        if first.published_accuracy is not None or first.published_loss is not None:
            scores = (percent(first.published_accuracy), "", DASH, _loss(first.published_loss))
            cells = ("", "published", *blank, *scores, "", "", "", "")
            rows.append(TableRow(f"{first.run} published", cells))
    return columns, rows


def differences(
    series: Sequence[ComparedSeries], marks: Marks, width: int, errors: Mapping[str, float]
) -> tuple[list[RowColumn], list[TableRow]] | None:
    """Return a table of what differs, with a row for each parameter and a column for each series.

    Sizes, states, test losses and mean errors on corrupted images follow the parameters. The table is None if a column
    would have less than LEAST_VALUE characters, or if nothing differs.

    Args:
        errors: the mean errors of the runs for which all corruptions are measured.
    """
    runs = [run for each in series for run in each.runs]
    texts = {_in_words(name): texts for name, texts in differing_parameters(runs).items()}
    for title, values in (
        ("parameters", tuple(count(run.parameters) for run in runs)),
        ("state", tuple(run.state for run in runs)),
        (loss_title := f"{all_scored_on(runs)} loss".lstrip(), tuple(_loss(run.test_loss) for run in runs)),
        ("error, corrupted", tuple(percent(errors.get(run.run)) for run in runs)),
    ):
        if len(set(values)) > 1 and not (title == loss_title and any(each.is_group for each in series)):
            texts[title] = values
    names = max(map(len, (*texts, WHAT_DIFFERS)))
    room = (width - names) // len(series) - 2
    if not texts or room < LEAST_VALUE:
        return None
    room = min(room, WIDEST_VALUE)
    columns = [RowColumn("what", WHAT_DIFFERS)]
    are_whole = all(len(each.label) + 2 <= room for each in series) or len(series) > len(marks.runs)
    for at, each in enumerate(series):
        mark = marks.runs[at] if at < len(marks.runs) else marks.running
        head = f"{mark} {shortened(each.label, room - 2)}" if are_whole else mark
        columns.append(RowColumn(f"{at}", head, tone=run_tone(at)))
    rows: list[TableRow] = []
    for name, values in texts.items():
        of_run = dict(zip((run.run for run in runs), values, strict=True))
        own = (", ".join(dict.fromkeys(of_run[run.run] or DASH for run in each.runs)) for each in series)
        rows.append(TableRow(name, (name, *(shortened(text, room) for text in own))))
    return columns, rows


def _statistics(group: SeedGroup) -> list[tuple[str, Sequence[str], str]]:
    """Return rows of statistics: a name, three scores and the time. For one seed, there is only the mean."""
    accuracy, f1, cost, _ = statistics = [
        group.summary(field) for field in ("test_accuracy", "macro_f1", "test_loss", "training_seconds")
    ]

    def row(name: str, field: str, share: Callable[[float | None], str] = percent) -> tuple[str, Sequence[str], str]:
        values = [each and getattr(each, field) for each in statistics]
        return name, (share(values[0]), share(values[1]), _loss(values[2])), seconds(values[3])

    mean = row(f"mean, n = {len(group.scored)}", "mean")
    if accuracy is None or accuracy.n < 2:
        return [mean]
    intervals = [interval_in_words(score, dash="–") for score in (accuracy, f1)]
    return [
        mean,
        row("deviation", "std", lambda std: DASH if std is None else f"{percentage_points(std)} points"),
        *([] if group.folds else [("95 % interval", (*intervals, interval_in_words(cost, 1, 4, dash="–")), "")]),
        row("lowest", "minimum"),
        row("highest", "maximum"),
    ]


def _are_comparable(runs: Sequence[RunSummary]) -> bool:
    """Return whether the test accuracies of runs were measured on the same dataset, and there are two of them."""
    scored = [run for run in runs if run.test_accuracy is not None]
    return len(scored) > 1 and len({(run.dataset, run.sample, run.fold, run.fold and run.seed) for run in scored}) == 1


def _best(runs: Sequence[RunSummary]) -> RunSummary | None:
    """Return the run with the highest test accuracy; None if no run has one."""
    scored = [run for run in runs if run.test_accuracy is not None]
    return max(scored, key=lambda run: run.test_accuracy or 0.0, default=None)


def _to_best(run: RunSummary, best: RunSummary | None) -> str:
    if best is None or run.test_accuracy is None or best.test_accuracy is None:
        return ""
    return "best" if run is best else f"{percentage_points(run.test_accuracy - best.test_accuracy)} points"


def answer(series: Sequence[ComparedSeries], marks: Marks, tests: Sequence[ModelTests] = ()) -> str:
    """Return which series has the highest test accuracy, by how much, and the difference in parameters, in a sentence.

    A second sentence says whether the difference of the best two may be chance, and a third one names their settings
    if they differ in several. A group of seeds counts with its mean. The text is empty if fewer than two series have a
    test accuracy.

    Args:
        tests: the tests between the networks of the runs.
    """
    runs = [run for each in series for run in each.runs]
    points = {point.series: point.y for point in points_by_size(series)}
    if len(points) < 2:
        return ""
    if not _are_comparable(runs):
        return OTHER_IMAGES
    first, second, *others = sorted(points, key=lambda at: -points[at])

    def name(at: int) -> str:
        mark, each = f"{marks.runs[at]} " if at < len(marks.runs) else "", series[at]
        return f"{mark}{each.label}"

    settings = differing_settings(series[first], series[second])
    others_too = [f"{len(settings) - MOST_NAMED} more"] if len(settings) > MOST_NAMED else []
    names = listed([*settings[:MOST_NAMED], *others_too])
    caution = f" They differ in {len(settings)} settings: {names}." if len(settings) > 1 else ""
    ahead = percentage_points(points[first] - points[second])
    sizes = [series[at].runs[0].parameters or 0 for at in (first, second)]
    more = sizes[0] - sizes[1]
    size = f"with {counted(abs(more), 'more parameter' if more > 0 else 'fewer parameter')}" if more else ""
    if not float(ahead):
        same = f"{name(first)} and {name(second)} have the same {all_scored_on(runs)} accuracy"
        return f"{same}{f', the first {size}' if size else ''}.{caution}"
    highest = f"the {'highest' if others else 'higher'} {all_scored_on(runs)} accuracy"
    by = f"{name(first)} has {highest}, {ahead} points above {name(second)}"
    test = _test_of(series[first].runs[0], series[second].runs[0], tests)
    chance = f" McNemar's test: {p_value_in_words(test.holm)}, this {_chance(test)}." if test else ""
    return f"{by}{f', {size}' if size else ''}.{chance}{caution}"


def short_answer(series: Sequence[ComparedSeries], marks: Marks, tests: Sequence[ModelTests] = ()) -> str:
    """Return what `answer` says of the best two series by their marks alone, ``▲ is the best: +1.42 points on ●``.

    Series of which one has no mark have the text of `answer`.
    """
    points = {point.series: point.y for point in points_by_size(series)}
    first, second = sorted(points, key=lambda at: -points[at])[:2] if len(points) > 1 else (0, 0)
    ahead = percentage_points(points[first] - points[second]) if first != second else "0"
    is_comparable = _are_comparable([run for each in series for run in each.runs])
    if not is_comparable or not float(ahead) or max(first, second) >= len(marks.runs):
        return answer(series, marks, tests)
    test = _test_of(series[first].runs[0], series[second].runs[0], tests)
    chance = f", {p_value_in_words(test.holm)}: this {_chance(test)}" if test else ""
    return f"{marks.runs[first]} is the best: +{ahead} points on {marks.runs[second]}{chance}"


def _test_of(first: RunSummary, second: RunSummary, tests: Sequence[ModelTests]) -> McNemarTest | None:
    """Return the test between the networks of two runs; None if they were not tested."""
    for group in tests:
        names = [model.name for model in group.models]
        for one, other, test in group.pairs:
            if {names[one], names[other]} == {first.run, second.run}:
                return test
    return None


def _chance(test: McNemarTest) -> str:
    return "is hardly chance" if test.holm < USUAL_P else "may be chance"


def _loss(value: float | None) -> str:
    return DASH if value is None else loss(value)


class ComparedRuns(RowTable):
    """The table of runs. It has the focus while curves are read, so it leaves the help to its screen."""

    HELP = ""


class CompareScreen(BenchScreen[None]):
    """The screen that compares runs; runs that differ in their seed alone are shown together.

    Args:
        runs: at least two, in the order of their marks.
    """

    GUIDE = "screens#runs-and-comparing"
    CSS_PATH = "compare.tcss"
    TITLE = "Compare"
    LISTS_RUNS = True
    AUTO_FOCUS = "#table"
    HELP = """
    **Runs side by side.** The curves are those of validation; each run has its mark and colour. Runs that differ in
    their seed alone are one curve, their mean, with a band one standard deviation to each side; `g` shows each run.
    The line above the curves says which run has the highest test accuracy, by how much, and whether this may be chance;
    `t` shows all tests. `m` shows the confusion matrices, their
    differences and the worst confusions, and the curves again.
    Sentences describe groups of seeds, with the mean's 95 % interval, and compare two groups over the seeds that both
    have, with a permutation test; `y` copies the sentences. "What differs" has a row for each parameter and a column
    for each run; where there is no room for it, the line below the runs has the values of the chosen run. The arrow
    keys up and down choose a run, left and right read all curves at an epoch; `+` `-` zoom.
    """
    BINDINGS = [
        bind("compare.open", "enter", "open", "Open", "The run's own screen"),
        bind("compare.view", "v", "view", "View", "The next view: curves, table, by seed, by size, as there is room"),
        *(
            bind(f"compare.view-{n}", f"{n}", f"choose_view({n})", f"View {n}", ABOUT_VIEW, hidden=True)
            for n in range(1, len(VIEWS) + 1)
        ),
        bind("compare.matrices", "m", "matrices(True)", "Matrices", "The confusion matrices side by side"),
        bind("compare.curves", "m", "matrices(False)", "Curves", "The curves again"),
        bind("compare.differences", "v", "matrix_page(1)", "View", "The differences, or the next matrix"),
        bind("compare.worst", "n", "next_worst", "Worst", "Select the next of the worst confusions"),
        bind("compare.seeds", "g", "seeds", "Seeds", "Seeds as mean ± deviation, or each alone"),
        bind("compare.tests", "t", "tests", "Tests", "Which networks differ on the same test images, and on which"),
        bind("compare.robustness", "r", "robustness", "Robustness", "Their accuracy on corrupted test images"),
        bind("compare.copy", "y", "copy", "Copy", "The sentences to the clipboard, and into a file"),
        *epoch_keys("compare", "Read"),
        bind("compare.last", "f", "read_at(None)", "Last values", "Read the last epoch of each again", hidden=True),
        *view_keys("compare", "plot", shown=("in", "log")),
        bind("compare.back", "escape", "back", "Back", "From the matrices to the curves, else to where you were"),
    ]

    @dataclass
    class LogsRead(Message):
        """Posted when the runs' logs have been read and the sentences about groups of seeds have been written."""

        histories: dict[str, tuple[EpochRow, ...]]
        matrices: dict[str, tuple[Matrix, str]]
        names: dict[str, tuple[str, ...]]
        runs: list[RunSummary]
        sentences: tuple[str, ...]
        errors: dict[str, float]
        tests: list[ModelTests]

    accuracy = getters.query_one("#accuracy", OverlaidCurves)
    loss = getters.query_one("#loss", OverlaidCurves)
    table = getters.query_one("#table", ComparedRuns)
    by_seed = getters.query_one(SeedPlot)
    points = getters.query_one(Scatter)
    differing = getters.query_one("#differences", RowTable)
    details = getters.query_one("#details", Line)
    words = getters.query_one("#words", Line)
    answer = getters.query_one("#answer", Line)
    waiting = getters.query_one("#waiting", Line)
    views = getters.query_one("#views", PartsLine)
    matrices = getters.query_one(ComparedMatrices)

    def __init__(self, runs: Sequence[RunSummary]) -> None:
        super().__init__()
        self._runs = list(runs)
        self._readers = {run.run: FiguresReader(folder_of(run).events_file) for run in runs}
        self._histories: dict[str, tuple[EpochRow, ...]] = {}
        self._matrices: dict[str, tuple[Matrix, str]] = {}
        self._names: dict[str, tuple[str, ...]] = {}
        self._sentences: tuple[str, ...] = ()
        self._errors: dict[str, float] = {}
        self._tests: list[ModelTests] = []
        self._together = True
        self._cursor: int | None = None
        self._reading = False
        self._lines = 0
        self._are_cut = False

    def compose(self) -> ComposeResult:
        yield TabStrip()
        yield PartsLine(id="views")
        yield Line(id="answer")
        yield Line(id="waiting")
        with Horizontal(id="body"):
            with Vertical(id="curves"):
                yield OverlaidCurves("accuracy", id="accuracy")
                yield OverlaidCurves("loss", named=False, id="loss")
            with Vertical(id="side"):
                with Vertical(id="compared", classes="pane -stacked") as pane:
                    pane.border_title = pane_title("Reading …")
                    yield ComparedRuns(id="table")
                    yield RowTable(id="differences")
                    yield Line(id="details")
                yield SeedPlot()
                yield Scatter()
        yield ComparedMatrices(id="matrices")
        yield Line(id="words")
        yield KeyFooter()

    def on_mount(self) -> None:
        self.add_class(VIEWS[0])
        self.differing.can_focus = False
        self._read()
        self.set_interval(READ_SECONDS, self._read_live)

    def _read(self) -> None:
        self._reading = True
        self._read_logs(list(self._runs))

    def on_screen_resume(self) -> None:
        """Read again what another screen has measured of the runs."""
        if self._histories and not self._reading:
            self._read()

    def _read_live(self) -> None:
        if self.is_current and not self._reading and any(run.state in LIVE for run in self._runs):
            self._read()

    @work(thread=True, exit_on_error=False)
    def _read_logs(self, runs: list[RunSummary]) -> None:
        """Read histories and the summaries of live runs, and make the sentences. SciPy's import takes long."""
        states = {run.run: self._readers[run.run].state() for run in runs}
        histories = {run: state.history for run, state in states.items()}
        found = {run.run: _newest_matrix(folder_of(run), states[run.run]) for run in runs}
        matrices = {run: matrix for run, matrix in found.items() if matrix is not None}
        runs = [_updated(run) for run in runs]
        names = {run: class_names(state) for run, state in states.items()}
        errors = {run.run: error for run in runs if (error := overall_error(folder_of(run))) is not None}
        groups = seed_groups(runs)
        seeds = {run.run for group in groups for run in group.runs}
        tests = tests_of_runs([folder_of(run) for run in runs], seeds)
        self.post_message(self.LogsRead(histories, matrices, names, runs, seed_sentences(groups), errors, tests))

    @on(LogsRead)
    def _show_logs(self, message: LogsRead) -> None:
        message.stop()
        if self.is_attached and self.app.is_running:
            self._reading = False
            self._histories, self._runs, self._sentences = message.histories, message.runs, message.sentences
            self._matrices, self._names, self._errors = message.matrices, message.names, message.errors
            self._tests = message.tests
            self._draw()

    def _draw(self) -> None:
        series = series_of(self._runs, together=self._together)
        has_results = any(self._histories.values()) or any(run.test_accuracy is not None for run in self._runs)
        self.set_class(bool(self._histories) and not has_results, "-waiting")
        is_live = any(run.state in LIVE for run in self._runs)
        self.waiting.say(f"No epoch of these runs has ended yet{': their curves appear here' if is_live else ''}.")
        for plot, metric in ((self.accuracy, "val_accuracy"), (self.loss, "val_loss")):
            plot.show(curves(series, self._histories, metric), self._cursor)
        self.points.show(points_by_size(series), all_scored_on(self._runs))
        self.by_seed.show(scores_by_seed(series))
        grouped = self._together and bool(self._sentences)
        self.set_class(grouped, "-seeds")
        self.words.say("\n".join(self._sentences))
        together = f", {counted(series, 'curve')}: seeds or folds are mean ± standard deviation" if grouped else ""
        self.query_one("#compared").border_title = pane_title(f"{counted(self._runs, 'run')}{together}")
        self._draw_matrices(series)
        self._arrange()

    def on_resize(self) -> None:
        self.call_after_refresh(self._arrange)

    def _arrange(self) -> None:
        """Show what depends on the room: the table, what differs, the names of the views, the keys in the footer."""
        self._show_answer()
        self._show_tables()
        self._show_details()
        self._show_views()
        self.points.show_labels(POINTS in self._views)
        self.refresh_bindings()

    def _show_answer(self) -> None:
        """Show which series is the best; above curves that need the lines it is said in one."""
        series = series_of(self._runs, together=self._together)
        write = (
            short_answer if self._view == CURVES and TABLE in self._views and not self.has_class("-tall") else answer
        )
        if self.has_class("-seeds"):
            tested = {
                (run.dataset, run.sample, run.fold is None) for run in self._runs if run.test_accuracy is not None
            }
            self.answer.say(OTHER_IMAGES if len(tested) > 1 else "")
        else:
            self.answer.say(write(series, self.accuracy.marks, self._tests))
        self.answer.set_class(not self.answer.text, "-empty")

    def _show_tables(self) -> None:
        """Show what differs in a table of its own if there is room for it, else in columns of the other table."""
        pane, side = self.query_one("#compared"), self.query_one("#side")
        width, height = pane.scrollable_content_region.size
        if not height and self.table.keys:
            return  # other views hide the tables, which stay as they are meanwhile
        series, marks = series_of(self._runs, together=self._together), self.accuracy.marks
        columns, rows = table(series, marks, settings=False)
        found = differences(series, marks, width - TABLE_EDGE, self._errors)
        if not (found is not None and self._views == (CURVES,) and self.has_class("-tall")):
            pane.styles.height = None
        elif height:
            needed = len(rows) + len(found[1]) + LINES_AROUND + DETAILS_LINES
            height = min(needed, side.size.height * 2 // 3 - PANE_FRAME)
            pane.styles.height = height + PANE_FRAME
        if height:
            lines = height - len(rows) - LINES_AROUND
            self._are_cut = found is not None and lines < len(found[1])
            self._lines = lines - DETAILS_LINES if self._are_cut else lines
            self.differing.display = found is not None and self._lines >= min(len(found[1]), LEAST_DIFFERING)
        if found is not None and self.differing.display:
            heads, differing = found
            if self._are_cut:
                more = (f"and {len(differing) - self._lines + 1} more", *("…" for _ in series))
                differing = [*differing[: self._lines - 1], TableRow("more", more)]
            self.differing.styles.height = len(differing) + 1
            self.differing.show(heads, differing)
        else:
            columns, rows = table(series, marks)
        self.table.styles.height = len(rows) + 1 if self.differing.display else "1fr"
        self.table.show(columns, rows)

    def _show_views(self) -> None:
        self.views.show(self.parts_of_views())

    def parts_of_views(self, *, in_tests: bool = False) -> list[LinePart]:
        """Return the names of all views with their keys; the present one, or the tests, is marked."""
        parts: list[LinePart] = []
        now, views = self._view, self._views
        entries = [
            (f"{n}", VIEW_NAMES[view], f"screen.choose_view({n})", view == now) for n, view in enumerate(views, 1)
        ]
        if len(views) == 1:
            entries = [("1", "Curves and table", "screen.choose_view(1)", now is not None)]
        entries.append((self._key("matrices"), "Matrices", "screen.matrices(True)", now is None))
        if in_tests:
            entries = [(key, name, action, False) for key, name, action, _ in entries]
        entries.append((self._key("tests"), "Tests", "screen.tests", in_tests))
        for key, name, action, here in entries:
            key_style, name_style = ("bold $background on $primary",) * 2 if here else ("$accent", "")
            parts += [LinePart(f" {key} ", key_style, action), LinePart(f"{name} ", name_style, action), LinePart(" ")]
        return parts

    def _key(self, name: str) -> str:
        return key_of(f"compare.{name}", CompareScreen, self.app.settings.keys)

    def _draw_matrices(self, series: Sequence[ComparedSeries]) -> None:
        """Show the matrix of each series' newest epoch; of a group of seeds it is that of the first run."""
        marks = self.accuracy.marks.runs
        self.matrices.show(
            [
                NewestMatrix(
                    mark,
                    each.label,
                    folder_of(first),
                    self._names.get(first.run, ()),
                    *self._matrices.get(first.run, (None, "")),
                )
                for mark, each in zip(marks, series, strict=False)
                for first in each.runs[:1]
            ]
        )

    @on(RowTable.CursorMoved)
    def _show_details(self) -> None:
        run = self._chosen
        if run is None:
            self.details.say(
                "over the seeds or folds that finished, the newest run of each" if self.table.chosen else ""
            )
            return
        at = self._runs.index(run)
        parameters = differing_parameters(self._runs).items()
        differs = (
            ", ".join(f"{_in_words(name)} {texts[at]}" for name, texts in parameters if texts[at])
            or "the same parameters"
        )
        parts = [run.run, "" if self.differing.display and not self._are_cut else differs, run.note]
        self.details.say(" · ".join(filter(None, parts)))

    @property
    def _chosen(self) -> RunSummary | None:
        return next((run for run in self._runs if run.run == self.table.chosen), None)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        in_matrices = self.has_class("-matrices")
        if action == "choose_view":
            return isinstance(parameters[0], int) and parameters[0] <= len(self._views)
        if action == "matrices":
            return parameters[0] is not in_matrices
        if action in OF_MATRICES:
            return in_matrices and (action == "next_worst" or len(self.matrices.panels) > 1)
        view, views = self._view, self._views
        if action in OF_CURVES:
            return view is not None and (view == CURVES or CURVES not in views)
        if action == "open":
            return view is not None and (view == TABLE or TABLE not in views)
        if action == "view":
            return view is not None and len(views) > 1
        if action == "robustness":
            return bool(self.ended_runs)
        return action not in {"seeds", "copy"} or bool(self._sentences)

    @property
    def ended_runs(self) -> list[RunFolder]:
        series = series_of(self._runs, together=self._together)
        return [folder_of(run) for each in series for run in each.runs if run.state not in LIVE]

    def choose_run(self, folder: RunFolder) -> None:
        self.table.choose(folder.id)

    @property
    def subject(self) -> tuple[str, ...]:
        return tuple(run.run for run in self._runs)

    @on(RowTable.Opened)
    def action_open(self) -> None:
        if self._chosen is not None:
            open_run(self.app, self._chosen)

    def action_view(self) -> None:
        """Show the next view, among the views for which there is no room side by side."""
        now, views = next(view for view in VIEWS if self.has_class(view)), self._views
        self.action_choose_view((views.index(now) + 1) % len(views) + 1 if now in views else len(views))

    def action_choose_view(self, number: int) -> None:
        """Show one of the views, counted from 1."""
        if self.has_class("-matrices"):
            self.action_matrices(False)
        self.remove_class(*VIEWS)
        self.add_class(self._views[number - 1])
        self.call_after_refresh(self._arrange)

    @property
    def _view(self) -> str | None:
        """The view that is shown, of those that are shown one at a time; None for the matrices."""
        if self.has_class("-matrices"):
            return None
        return next((view for view in self._views if self.has_class(view)), self._views[0])

    @property
    def _views(self) -> tuple[str, ...]:
        """The views that are shown one at a time: all of them in a small window, else the plots below the table."""
        seeds = self.has_class("-seeds")
        if self.has_class("-narrow") or self.has_class("-normal"):
            return VIEWS if seeds else (CURVES, TABLE, POINTS)
        return (SEEDS, POINTS) if seeds else (CURVES,)

    def action_matrices(self, shown: bool) -> None:
        """Show the matrices, or the curves again."""
        self.set_class(shown, "-matrices")
        self._draw()
        if shown:
            self.matrices.focus_matrix()
        else:
            self.table.focus()
        self.refresh_bindings()

    def action_matrix_page(self, by: int) -> None:
        self.matrices.action_turn(by)

    def action_to_matrix_page(self, page: int) -> None:
        self.matrices.turn_to(page)

    def action_next_worst(self) -> None:
        self.matrices.next_worst()

    @on(ComparedMatrices.CellOpened)
    def _open_images(self, message: ComparedMatrices.CellOpened) -> None:
        message.stop()
        self.app.show(Route("gallery", run=message.folder, cell=message.cell))

    def action_back(self) -> None:
        if self.has_class("-matrices"):
            self.action_matrices(False)
        else:
            super().action_back()

    def action_copy(self) -> None:
        """Copy the sentences, for a lab report."""
        folders = [folder_of(run) for run in self._runs]
        copy(self.app, "\n\n".join(self._sentences) + "\n", default_folder(folders) / "copied-seeds.txt")

    def action_tests(self) -> None:
        self.app.show(Route("tests", summaries=self._runs))

    def action_robustness(self) -> None:
        self.app.show(Route("robustness", runs=self.ended_runs))

    def action_seeds(self) -> None:
        self._together = not self._together
        self._draw()

    def action_epoch(self, by: int) -> None:
        """Move by a number of epochs; at first from the last epoch in view."""
        start = min(self._newest, int(self.accuracy.last_in_view)) if self._cursor is None else self._cursor
        self.action_read_at(start + by)

    @on(Plot.EpochPointed)
    def _epoch_pointed(self, message: Plot.EpochPointed) -> None:
        message.stop()
        self.action_read_at(message.epoch)

    def action_read_at(self, epoch: int | None) -> None:
        """Read all curves at an epoch, or at the last epoch of each curve for None."""
        self._cursor = max(1, min(epoch, self._newest)) if epoch is not None and self._newest else None
        self._draw()

    @property
    def _newest(self) -> int:
        return max((rows[-1].epoch for rows in self._histories.values() if rows), default=0)

    def action_plot(self, what: str) -> None:
        for plot in (self.loss,) if what == "log" else (self.accuracy, self.loss):
            plot.action_view(what)


def _newest_matrix(folder: RunFolder, state: RunState) -> tuple[Matrix, str] | None:
    """Read the matrix of a run's newest epoch or, without epochs, of its evaluation; None if there is none."""
    if state.history:
        ended = EpochReader(folder.events_file).epoch(state.history[-1].epoch)
        return (ended.confusion, f"after epoch {ended.epoch}") if ended is not None else None
    matrix = final_matrix(folder, state)
    return (matrix, "in the final evaluation") if matrix else None


def _updated(run: RunSummary) -> RunSummary:
    """Read a live run's summary again; if the folder has been deleted, return the old summary as crashed."""
    if run.state not in LIVE:
        return run
    try:
        return summary_of(folder_of(run))
    except (RunError, ValueError, TypeError):
        return replace(run, state="crashed")
