"""The screen that compares runs: curves, a table of differing parameters and scores, accuracy by seed and by size."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import repeat

from textual import getters, on, work
from textual.app import ComposeResult
from textual.containers import Grid, Horizontal, Vertical
from textual.message import Message

from mnist_tui.errors import RunError
from mnist_tui.report.result_words import interval_in_words, percentage_points, seed_sentences
from mnist_tui.runs.collection.seed_groups import SeedGroup, band, differing, grouped, seed_groups
from mnist_tui.runs.collection.summaries import RunSummary, summary_of
from mnist_tui.runs.event_log import EpochReader, FiguresReader
from mnist_tui.runs.events import EpochEnded
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.state import LIVE, EpochRow
from mnist_tui.tui.bench import BenchScreen
from mnist_tui.tui.export.request import default_folder
from mnist_tui.tui.run_commands import folder_of, open_run
from mnist_tui.tui.run_screen import epoch_keys
from mnist_tui.tui.terminal.desktop import copy
from mnist_tui.tui.terminal.keymap import bind, pane_title
from mnist_tui.tui.widgets.confusion import ConfusionView, class_names
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
from mnist_tui.tui.widgets.text import Line
from mnist_tui.wording import DASH, count, counted, loss, percent, seconds, shortened

CURVES, TABLE, SEEDS, POINTS = VIEWS = ("-view-curves", "-view-table", "-view-seeds", "-view-points")
MOST_MATRICES = 4
"""The most confusion matrices side by side; of more runs, those of the first ones are shown."""
READ_SECONDS = 2.0
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
    """Return a series for each run or, with `together`, for each group of seeds."""
    groups = grouped(runs) if together else [group for run in runs for group in grouped([run])]
    by_seed = [replace(each, runs=tuple(sorted(each.runs, key=lambda run: (run.seed, run.started)))) for each in groups]
    return list(map(ComparedSeries, _labels(by_seed), by_seed))


def _labels(groups: Sequence[SeedGroup]) -> list[str]:
    """Return a label for each group: the user's name, or the preset and the settings that not all groups share.

    The end of a run's id is added to equal labels.
    """
    changes = [group.runs[0].differs.split(", ") for group in groups]
    shared = set(changes[0]).intersection(*changes[1:])
    labels: list[str] = []
    for (first, *others), settings in zip((group.runs for group in groups), changes, strict=True):
        own = [text for text in settings if text not in shared and not (others and text.startswith("seed "))]
        labels.append(shortened(first.name or f"{first.preset} {', '.join(own)}".strip(), LONGEST))
    return [
        label if labels.count(label) == 1 else f"{shortened(label, LONGEST - 5)} {group.runs[0].run[-4:]}"
        for label, group in zip(labels, groups, strict=True)
    ]


def differing_parameters(runs: Sequence[RunSummary]) -> dict[str, tuple[str, ...]]:
    """Return the parameters that have several values among the runs, by name: a text for each run, empty for none."""
    return {name: texts for name, texts in differing(runs).items() if len(set(texts) - {""}) > 1}


def curves(
    series: Sequence[ComparedSeries], histories: Mapping[str, Sequence[EpochRow]], metric: str
) -> list[OverlaidSeries]:
    """Return each series' curve of a metric; a group's curve is the mean with its standard deviation."""
    overlaid: list[OverlaidSeries] = []
    for each in series:
        rows = [histories[run.run] for run in each.runs if histories.get(run.run)]
        if len(rows) > 1:
            spread = band(rows, metric)
            points = tuple((float(epoch), mean) for epoch, mean in zip(spread.epochs, spread.mean, strict=True))
            overlaid.append(OverlaidSeries(f"{each.label}, n={len(rows)}", points, spread.std))
        else:
            points = tuple((float(row.epoch), getattr(row, metric)) for row in (rows[0] if rows else ()))
            overlaid.append(OverlaidSeries(each.label, points))
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
            points.append(ScatterPoint(at, size, accuracy, deviation))
    return points


def scores_by_seed(series: Sequence[ComparedSeries]) -> list[SeedScores]:
    """Return the test accuracies of each group of seeds."""
    scores: list[SeedScores] = []
    for at, each in enumerate(series[:MOST_SERIES]):
        spread = each.group.spread("test_accuracy") if each.is_group else None
        if spread is not None:
            by_seed = each.group.by_seed("test_accuracy")
            scores.append(SeedScores(at, each.label, tuple(by_seed.items()), spread.mean, spread.std))
    return scores


def table(series: Sequence[ComparedSeries], marks: Marks) -> tuple[list[RowColumn], list[TableRow]]:
    """Return the table's columns and rows.

    The columns are the parameters that differ, then the scores. There is a row for each run; rows with statistics
    follow a group of seeds, and a row with the published scores follows an experiment that has some.
    """
    runs = [run for each in series for run in each.runs]
    parameters = {name: texts for name, texts in differing_parameters(runs).items() if name != "epochs"}
    fields = ("parameters", "state")
    varied = {field for field in fields if len({getattr(run, field) for run in runs}) > 1}
    columns = [
        RowColumn("mark", ""),
        RowColumn("name", "run", least=13),
        *(RowColumn(name, name, right=True, need=12 - at if at < 3 else 2) for at, name in enumerate(parameters)),
        RowColumn("accuracy", "test acc.", right=True),
        RowColumn("f1", "macro F1", right=True, need=5),
        RowColumn("loss", "test loss", right=True, need=13),
        RowColumn("parameters", "parameters", right=True, need=14 if "parameters" in varied else 1),
        RowColumn("epochs", "epochs", right=True),
        RowColumn("time", "training", right=True, need=3),
        RowColumn("state", "state", need=8 if "state" in varied else 2, toned=True),
    ]
    rows: list[TableRow] = []
    values = zip(*parameters.values(), strict=True) if parameters else repeat(())
    blank = [""] * len(parameters)
    for at, each in enumerate(series):
        mark, colour = marks.runs[at] if at < len(marks.runs) else marks.running, {"mark": run_tone(at)}
        for run in each.runs:
            cells = (
                mark,
                run.name or run.short,
                *(text or DASH for text in next(values)),
                percent(run.test_accuracy),
                percent(run.macro_f1),
                _loss(run.test_loss),
                count(run.parameters),
                f"{run.epochs_done:,}/{run.epochs:,}",
                seconds(run.training_seconds),
                run.state,
            )
            rows.append(TableRow(run.run, cells, tone=tone(run.state), tones=colour))
        first = each.runs[0]
        if each.is_group:
            for name, scores, time in _statistics(each.group):
                size = count(first.parameters) if name.startswith("mean") else ""
                cells = (mark, name, *blank, *scores, size, "", time, "")
                rows.append(TableRow(f"{each.group.group} {name}", cells, tones=colour))
        if first.published_accuracy is not None or first.published_loss is not None:
            scores = (percent(first.published_accuracy), DASH, _loss(first.published_loss))
            cells = (mark, "published", *blank, *scores, "", "", "", "")
            rows.append(TableRow(f"{first.run} published", cells, tones=colour))
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
        ("95 % interval", (*intervals, interval_in_words(cost, 1, 4, dash="–")), ""),
        row("lowest", "minimum"),
        row("highest", "maximum"),
    ]


def _difference_from_best(run: RunSummary, runs: Sequence[RunSummary]) -> str:
    """Compare a run with the most accurate one: ``1.42 points below raw-595a, with 39,750 more parameters``."""
    scored = [each for each in runs if each.test_accuracy is not None]
    best = max(scored, key=lambda each: each.test_accuracy or 0.0, default=None)
    if best is None or run.test_accuracy is None or len(scored) < 2:
        return ""
    if run is best:
        return "best test accuracy of these · "
    below = f"{percentage_points((best.test_accuracy or 0.0) - run.test_accuracy)} points below {best.short}"
    if run.parameters is None or best.parameters is None or run.parameters == best.parameters:
        return f"{below} · "
    more = run.parameters - best.parameters
    return f"{below}, with {counted(abs(more), 'more parameter' if more > 0 else 'fewer parameter')} · "


def _loss(value: float | None) -> str:
    return DASH if value is None else loss(value)


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
    `m` shows the confusion matrices side by side.
    Sentences describe groups of seeds, with the mean's 95 % interval, and compare two groups over the seeds that both
    have, with a permutation test; `y` copies the sentences. The table has only the parameters that differ. The arrow
    keys left and right read all curves at an epoch; `+` `-` zoom.
    """
    BINDINGS = [
        bind("compare.back", "escape", "back", "Back", "Back to where you were"),
        bind("compare.open", "enter", "open", "Open", "The run's own screen"),
        bind("compare.view", "v", "view", "View", "Curves, table, seeds or points, as there is room"),
        bind("compare.matrices", "m", "matrices", "Matrices", "The confusion matrices side by side, and back"),
        bind("compare.seeds", "g", "seeds", "Seeds", "Seeds as mean ± deviation, or each alone"),
        bind("compare.copy", "y", "copy", "Copy", "The sentences to the clipboard, and into a file"),
        *epoch_keys("compare", "Read"),
        bind("compare.last", "f", "read_at(None)", "Last values", "Read the last epoch of each again", hidden=True),
        *view_keys("compare", "plot", shown=("in", "log")),
    ]

    @dataclass
    class LogsRead(Message):
        """Posted when the runs' logs have been read and the sentences about groups of seeds have been written."""

        histories: dict[str, tuple[EpochRow, ...]]
        matrices: dict[str, EpochEnded]
        names: tuple[str, ...]
        runs: list[RunSummary]
        sentences: tuple[str, ...]

    accuracy = getters.query_one("#accuracy", OverlaidCurves)
    loss = getters.query_one("#loss", OverlaidCurves)
    table = getters.query_one("#table", RowTable)
    by_seed = getters.query_one(SeedPlot)
    points = getters.query_one(Scatter)
    details = getters.query_one("#details", Line)
    words = getters.query_one("#words", Line)

    def __init__(self, runs: Sequence[RunSummary]) -> None:
        super().__init__()
        self._runs = list(runs)
        self._readers = {run.run: FiguresReader(folder_of(run).events_file) for run in runs}
        self._histories: dict[str, tuple[EpochRow, ...]] = {}
        self._matrices: dict[str, EpochEnded] = {}
        self._names: tuple[str, ...] = ()
        self._sentences: tuple[str, ...] = ()
        self._together = True
        self._cursor: int | None = None
        self._reading = False

    def compose(self) -> ComposeResult:
        yield TabStrip()
        with Horizontal(id="body"):
            with Vertical(id="curves"):
                yield OverlaidCurves("accuracy", id="accuracy")
                yield OverlaidCurves("loss", id="loss")
            with Vertical(id="side"):
                with Vertical(id="compared", classes="pane -stacked") as pane:
                    pane.border_title = pane_title("Reading …")
                    yield RowTable(id="table")
                    yield Line(id="details")
                yield SeedPlot()
                yield Scatter()
        with Grid(id="matrices"):
            for number in range(MOST_MATRICES):
                yield ConfusionView(id=f"matrix-{number}")
        yield Line(id="words")
        yield KeyFooter()

    def on_mount(self) -> None:
        self.add_class(VIEWS[0])
        self._read()
        self.set_interval(READ_SECONDS, self._read_live)

    def _read(self) -> None:
        self._reading = True
        self._read_logs(list(self._runs))

    def _read_live(self) -> None:
        if self.is_current and not self._reading and any(run.state in LIVE for run in self._runs):
            self._read()

    @work(thread=True, exit_on_error=False)
    def _read_logs(self, runs: list[RunSummary]) -> None:
        """Read histories and the summaries of live runs, and make the sentences. SciPy's import takes long."""
        states = {run.run: self._readers[run.run].state() for run in runs}
        histories = {run: state.history for run, state in states.items()}
        matrices: dict[str, EpochEnded] = {}
        for run in runs:
            reader = EpochReader(folder_of(run).events_file)
            if histories[run.run] and (ended := reader.epoch(histories[run.run][-1].epoch)) is not None:
                matrices[run.run] = ended
        runs = [_updated(run) for run in runs]
        names = class_names(states[runs[0].run])
        self.post_message(self.LogsRead(histories, matrices, names, runs, seed_sentences(seed_groups(runs))))

    @on(LogsRead)
    def _show_logs(self, message: LogsRead) -> None:
        message.stop()
        if self.is_attached and self.app.is_running:
            self._reading = False
            self._histories, self._runs, self._sentences = message.histories, message.runs, message.sentences
            self._matrices, self._names = message.matrices, message.names
            self._draw()

    def _draw(self) -> None:
        series = series_of(self._runs, together=self._together)
        for plot, metric in ((self.accuracy, "val_accuracy"), (self.loss, "val_loss")):
            plot.show(curves(series, self._histories, metric), self._cursor)
        self.table.show(*table(series, self.accuracy.marks))
        self.points.show(points_by_size(series))
        self.by_seed.show(scores_by_seed(series))
        grouped = self._together and bool(self._sentences)
        self.set_class(grouped, "-seeds")
        self.words.say("\n".join(self._sentences))
        together = f", {counted(series, 'curve')}: seeds are mean ± standard deviation" if grouped else ""
        self.query_one("#compared").border_title = pane_title(f"{counted(self._runs, 'run')}{together}")
        self._draw_matrices(series)
        self._show_details()
        self.refresh_bindings()

    def _draw_matrices(self, series: Sequence[ComparedSeries]) -> None:
        """Show the matrix of each series' newest epoch; of a group of seeds, that of its first run."""
        for number, view in enumerate(self.query(ConfusionView)):
            ended = self._matrices.get(series[number].runs[0].run) if number < len(series) else None
            view.display = number < len(series)
            if number < len(series):
                view.border_title = pane_title(f"{self.accuracy.marks.runs[number]} {series[number].label}")
                caption = f"evaluated after epoch {ended.epoch}" if ended else "no epoch has ended"
                view.show(ended.confusion if ended else None, self._names, caption)

    @on(RowTable.CursorMoved)
    def _show_details(self) -> None:
        run = self._chosen
        if run is None:
            self.details.say("over the seeds that finished, the newest run of each" if self.table.chosen else "")
            return
        at = self._runs.index(run)
        parameters = differing_parameters(self._runs).items()
        differs = ", ".join(f"{name} {texts[at]}" for name, texts in parameters if texts[at]) or "the same parameters"
        best = _difference_from_best(run, self._runs)
        self.details.say(f"{run.run} · {best}{differs}{f' · {run.note}' if run.note else ''}")

    @property
    def _chosen(self) -> RunSummary | None:
        return next((run for run in self._runs if run.run == self.table.chosen), None)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "view":
            return len(self._views) > 1 and not self.has_class("-matrices")
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
        now = next(view for view in VIEWS if self.has_class(view))
        self.remove_class(now)
        views = self._views
        self.add_class(views[(views.index(now) + 1) % len(views)] if now in views else views[-1])

    @property
    def _views(self) -> tuple[str, ...]:
        """The views that are shown one at a time: all of them in a small window, else the plots below the table."""
        seeds = self.has_class("-seeds")
        if self.has_class("-narrow") or self.has_class("-normal"):
            return VIEWS if seeds else (CURVES, TABLE, POINTS)
        return (SEEDS, POINTS) if seeds else (CURVES,)

    def action_matrices(self) -> None:
        self.toggle_class("-matrices")
        self.refresh_bindings()

    def action_copy(self) -> None:
        """Copy the sentences, for a lab report."""
        folders = [folder_of(run) for run in self._runs]
        copy(self.app, "\n\n".join(self._sentences) + "\n", default_folder(folders) / "copied-seeds.txt")

    def action_seeds(self) -> None:
        self._together = not self._together
        self._draw()

    def action_epoch(self, by: int) -> None:
        self.action_read_at((self._newest if self._cursor is None else self._cursor) + by)

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
        for plot in (self.accuracy, self.loss):
            plot.action_view(what)


def _updated(run: RunSummary) -> RunSummary:
    """Read a live run's summary again; if the folder has been deleted, return the old summary as crashed."""
    if run.state not in LIVE:
        return run
    try:
        return summary_of(folder_of(run))
    except (RunError, ValueError, TypeError):
        return replace(run, state="crashed")
