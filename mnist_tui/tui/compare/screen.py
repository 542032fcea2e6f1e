"""Runs side by side: curves over each other, the parameters that differ with the scores, accuracy by seed and size."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.message import Message

from mnist_tui.errors import RunError
from mnist_tui.report.result_words import interval_in_words, seed_sentences
from mnist_tui.report.result_words import percentage_points as points_of
from mnist_tui.runs.collection.seed_groups import SeedGroup, SeedStatistics, band, differing, grouped, seed_groups
from mnist_tui.runs.collection.summaries import RunSummary, summary_of
from mnist_tui.runs.event_log import FiguresReader
from mnist_tui.runs.state import LIVE, EpochRow
from mnist_tui.tui.bench import BenchScreen
from mnist_tui.tui.export.request import default_folder
from mnist_tui.tui.run_commands import folder_of, open_run
from mnist_tui.tui.run_screen import epoch_keys
from mnist_tui.tui.runs.run_rows import tone
from mnist_tui.tui.terminal.desktop import copy
from mnist_tui.tui.widgets.adapted import KeyFooter
from mnist_tui.tui.widgets.plots.overlay import MOST_SERIES, OverlaidCurves, OverlaidSeries
from mnist_tui.tui.widgets.plots.plot import PAN, WHEEL, Plot
from mnist_tui.tui.widgets.plots.points import Scatter, ScatterPoint, SeedPlot, SeedScores
from mnist_tui.tui.widgets.plots.raster import Marks
from mnist_tui.tui.widgets.row_table import RowColumn, RowTable, TableRow
from mnist_tui.tui.widgets.text import Line
from mnist_tui.wording import DASH, count, counted, loss, percent, seconds, shortened

CURVES, TABLE, SEEDS, POINTS = VIEWS = ("-view-curves", "-view-table", "-view-seeds", "-view-points")
LOOK_SECONDS = 2.0


class CompareScreen(BenchScreen[None]):
    """Compares runs; those that differ in nothing but their seed are taken together.

    Args:
        runs: at least two, in the order of their marks.
    """

    CSS_PATH = "compare.tcss"
    TITLE = "Compare"
    AUTO_FOCUS = "#table"
    LEADS_TO_RUNS = True
    HELP = """
    **Runs side by side.** The curves are those of validation, one mark and colour a run. Runs that differ in their seed
    alone are one curve, their mean, with a band one standard deviation to each side; `g` takes them apart. Groups of
    seeds are told in sentences, with the mean's 95 % interval; two groups are compared over the seeds that both have,
    with a permutation test; `y` copies the sentences. The table has only the parameters that differ. The arrow keys
    left and right read all curves at an epoch; `+` `-` zoom.
    """
    BINDINGS = [
        Binding("escape", "back", "Back", tooltip="Back to the list", id="compare.back"),
        Binding("enter", "open", "Open", tooltip="The run's own screen", id="compare.open"),
        Binding("v", "view", "View", tooltip="Curves, table, seeds or points, as there is room", id="compare.view"),
        Binding("g", "seeds", "Seeds", tooltip="Seeds as mean ± deviation, or each alone", id="compare.seeds"),
        Binding("y", "copy", "Copy", tooltip="The sentences to the clipboard, and into a file", id="compare.copy"),
        *epoch_keys("compare", "Read"),
        Binding("f", "last", "Last values", tooltip="Read the last epoch of each again", id="compare.last", show=False),
        Binding("plus,equals_sign", f"both('zoom', {WHEEL**2})", "Zoom in", tooltip="Fewer epochs", id="compare.in"),
        Binding("minus", f"both('zoom', {WHEEL**-2})", "Zoom out", tooltip="More epochs", id="compare.out", show=False),
        Binding(
            "left_square_bracket",
            f"both('pan', -{PAN})",
            "Pan left",
            tooltip="Earlier epochs",
            id="compare.left",
            show=False,
        ),
        Binding(
            "right_square_bracket",
            f"both('pan', {PAN})",
            "Pan right",
            tooltip="Later epochs",
            id="compare.right",
            show=False,
        ),
        Binding("0", "both('whole')", "All epochs", tooltip="All epochs in view again", id="compare.all", show=False),
        Binding("l", "log", "Log scale", tooltip="Logarithmic axis for the loss", id="compare.log"),
    ]

    class Read(Message):
        """What the logs say now, and what is said of the groups of seeds."""

        def __init__(
            self, histories: dict[str, tuple[EpochRow, ...]], runs: list[RunSummary], said: tuple[str, ...]
        ) -> None:
            super().__init__()
            self.histories, self.runs, self.said = histories, runs, said

    accuracy = getters.query_one("#accuracy", OverlaidCurves)
    loss = getters.query_one("#loss", OverlaidCurves)
    table = getters.query_one("#table", RowTable)
    by_seed = getters.query_one(SeedPlot)
    points = getters.query_one(Scatter)
    what = getters.query_one("#what", Line)
    details = getters.query_one("#told", Line)
    words = getters.query_one("#words", Line)

    def __init__(self, runs: Sequence[RunSummary]) -> None:
        super().__init__()
        self._runs = list(runs)
        self._glances = {run.run: FiguresReader(folder_of(run).events_file) for run in runs}
        self._histories: dict[str, tuple[EpochRow, ...]] = {}
        self._said: tuple[str, ...] = ()
        self._together = True
        self._cursor: int | None = None
        self._reading = False

    def compose(self) -> ComposeResult:
        with Horizontal(id="top"):
            yield Line("compare", id="word")
            yield Line("reading …", id="what")
        with Horizontal(id="body"):
            with Vertical(id="curves"):
                yield OverlaidCurves("accuracy", id="accuracy")
                yield OverlaidCurves("loss", id="loss")
            with Vertical(id="side"):
                yield RowTable(id="table")
                yield Line(id="told")
                yield SeedPlot()
                yield Scatter()
        yield Line(id="words")
        yield KeyFooter()

    def on_mount(self) -> None:
        self.add_class(VIEWS[0])
        self._look()
        self.set_interval(LOOK_SECONDS, self._look_again)

    def _look_again(self) -> None:
        if self.is_current and not self._reading and any(run.state in LIVE for run in self._runs):
            self._look()

    def _look(self) -> None:
        self._reading = True
        self._read_logs(list(self._runs))

    @work(thread=True, exit_on_error=False)
    def _read_logs(self, runs: list[RunSummary]) -> None:
        """The histories, what is known now of runs that lived, and the sentences, which load SciPy."""
        histories = {run.run: self._glances[run.run].look().history for run in runs}
        runs = [_anew(run) for run in runs]
        self.post_message(self.Read(histories, runs, seed_sentences(seed_groups(runs))))

    @on(Read)
    def _take(self, message: Read) -> None:
        message.stop()
        if not (self.is_attached and self.app.is_running):
            return
        self._reading = False
        self._histories, self._runs, self._said = message.histories, message.runs, message.said
        self._draw()

    def _draw(self) -> None:
        series = series_of(self._runs, together=self._together)
        for plot, metric in ((self.accuracy, "val_accuracy"), (self.loss, "val_loss")):
            plot.show(curves(series, self._histories, metric), self._cursor)
        self.table.show(*table(series, self.accuracy.marks))
        self.points.show(points(series))
        self.by_seed.show(seeded(series))
        grouped = self._together and bool(self._said)
        self.set_class(grouped, "-seeds")
        self.words.say("\n".join(self._said))
        curves = counted(series, "curve")
        together = f", {curves}: seeds are mean ± standard deviation" if grouped else ""
        self.what.say(f"{counted(self._runs, 'run')}{together}")
        self._tell()
        self.refresh_bindings()

    @on(RowTable.CursorMoved)
    def _tell(self) -> None:
        run = self._chosen
        if run is None:
            self.details.say("over the seeds that finished, the newest run of each" if self.table.chosen else "")
            return
        own = telling(self._runs)
        at = self._runs.index(run)
        differs = ", ".join(f"{name} {texts[at]}" for name, texts in own.items() if texts[at]) or "the same parameters"
        self.details.say(f"{run.run} · {differs}{f' · {run.note}' if run.note else ''}")

    @property
    def _chosen(self) -> RunSummary | None:
        return next((run for run in self._runs if run.run == self.table.chosen), None)

    @property
    def _newest(self) -> int:
        return max((rows[-1].epoch for rows in self._histories.values() if rows), default=0)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Which keys mean something now."""
        match action:
            case "view":
                return len(self._views) > 1
            case "seeds" | "copy":
                return bool(self._said)
            case _:
                return True

    def action_back(self) -> None:
        self.dismiss()

    @on(RowTable.Opened)
    def action_open(self) -> None:
        """The chosen run's own screen."""
        if self._chosen is not None:
            open_run(self.app, self._chosen)

    def action_view(self) -> None:
        """The next of what does not fit beside the rest."""
        now = next(view for view in VIEWS if self.has_class(view))
        self.remove_class(now)
        views = self._views
        self.add_class(views[(views.index(now) + 1) % len(views)] if now in views else views[-1])

    @property
    def _views(self) -> tuple[str, ...]:
        """What is seen one at a time: everything in a small window, else the two plots below the table."""
        seeds = self.has_class("-seeds")
        if self.has_class("-narrow") or self.has_class("-normal"):
            return VIEWS if seeds else (CURVES, TABLE, POINTS)
        return (SEEDS, POINTS) if seeds else (CURVES,)

    def action_copy(self) -> None:
        """The sentences for a lab report."""
        folders = [folder_of(run) for run in self._runs]
        copy(self.app, "\n\n".join(self._said) + "\n", default_folder(folders) / "copied-seeds.txt")

    def action_seeds(self) -> None:
        self._together = not self._together
        self._draw()

    def action_epoch(self, by: int) -> None:
        """Reads the curves at another epoch."""
        if self._newest:
            at = self._newest if self._cursor is None else self._cursor
            self._cursor = max(1, min(at + by, self._newest))
            self._draw()

    def action_last(self) -> None:
        self._cursor = None
        self._draw()

    @on(Plot.EpochPointed)
    def _looked(self, message: Plot.EpochPointed) -> None:
        message.stop()
        self._cursor = max(1, min(message.epoch, self._newest)) if self._newest else None
        self._draw()

    def action_both(self, action: str, *arguments: float) -> None:
        """Zooms or pans both curves."""
        for plot in (self.accuracy, self.loss):
            getattr(plot, f"action_{action}")(*arguments)

    def action_log(self) -> None:
        self.loss.action_log()


def _anew(run: RunSummary) -> RunSummary:
    """The run's summary now, if it lived; as it was where its folder has gone."""
    if run.state not in LIVE:
        return run
    try:
        return summary_of(folder_of(run))
    except (RunError, ValueError, TypeError):
        return replace(run, state="crashed")


Histories = Mapping[str, Sequence[EpochRow]]
LONGEST = 42
"""Characters of a label in the legend; longer ones are cut in their middle."""
STATISTICS: tuple[tuple[str, str, Callable[[SeedStatistics], float | None]], ...] = (
    ("mean", "mean", lambda found: found.mean),
    ("deviation", "deviation", lambda found: found.std),
    ("lowest", "lowest", lambda found: found.minimum),
    ("highest", "highest", lambda found: found.maximum),
)
"""Rows below a group of seeds."""


@dataclass(frozen=True)
class ComparedSeries:
    """One curve: a run, or a group of seeds.

    Attributes:
        label: short, different from all others.
    """

    label: str
    runs: tuple[RunSummary, ...]

    @property
    def together(self) -> bool:
        return len(self.runs) > 1

    @property
    def group(self) -> SeedGroup:
        """The runs as a group of seeds; all are of one experiment."""
        (group,) = grouped(self.runs)
        return group


def series_of(runs: Sequence[RunSummary], *, together: bool) -> list[ComparedSeries]:
    """The runs, or where `together` their groups of seeds, in their order; a group's runs by seed."""
    groups = grouped(runs) if together else [SeedGroup(run.run, (run,), ()) for run in runs]
    members = [tuple(sorted(group.runs, key=lambda run: (run.seed, run.started))) for group in groups]
    return [ComparedSeries(label, runs) for label, runs in zip(_labels(members), members, strict=True)]


def _labels(members: Sequence[Sequence[RunSummary]]) -> list[str]:
    """A person's name, or the preset with what tells it from the others here; the id's end where that is not enough."""
    firsts = [runs[0] for runs in members]
    changes = [run.differs.split(", ") for run in firsts]
    shared = set(changes[0]).intersection(*changes[1:])
    labels: list[str] = []
    for run, runs, words in zip(firsts, members, changes, strict=True):
        own = [word for word in words if word not in shared and not (len(runs) > 1 and word.startswith("seed "))]
        label = run.name or " ".join([run.preset, ", ".join(own)]).strip()
        labels.append(shortened(label, LONGEST))
    return [
        label if labels.count(label) == 1 else f"{shortened(label, LONGEST - 5)} {run.run[-4:]}"
        for label, run in zip(labels, firsts, strict=True)
    ]


def telling(runs: Sequence[RunSummary]) -> dict[str, tuple[str, ...]]:
    """The parameters that differ, without those that merely do not apply to some of the runs."""
    return {name: texts for name, texts in differing(runs).items() if len(set(texts) - {""}) > 1}


def curves(series: Sequence[ComparedSeries], histories: Histories, metric: str) -> list[OverlaidSeries]:
    """Each series' curve of one of a row's figures; a group's is its mean with its deviation."""
    found: list[OverlaidSeries] = []
    for one in series:
        rows = [histories[run.run] for run in one.runs if histories.get(run.run)]
        if len(rows) > 1:
            spread = band(rows, metric)
            points = tuple((float(epoch), mean) for epoch, mean in zip(spread.epochs, spread.mean, strict=True))
            found.append(OverlaidSeries(f"{one.label}, n={len(rows)}", points, spread.std))
        else:
            points = tuple((float(row.epoch), getattr(row, metric)) for row in (rows[0] if rows else ()))
            found.append(OverlaidSeries(one.label, points))
    return found


def points(series: Sequence[ComparedSeries]) -> list[ScatterPoint]:
    """Test accuracy against parameters, where both are known."""
    found: list[ScatterPoint] = []
    for at, one in enumerate(series):
        size = next((run.parameters for run in one.runs if run.parameters), None)
        if size is None:
            continue
        if not one.together:
            accuracy = one.runs[0].test_accuracy
            found += [ScatterPoint(at, size, accuracy)] if accuracy is not None else []
            continue
        spread = one.group.spread("test_accuracy")
        found += [ScatterPoint(at, size, spread.mean, spread.std)] if spread else []
    return found


def table(series: Sequence[ComparedSeries], marks: Marks) -> tuple[list[RowColumn], list[TableRow]]:
    """A row a run, those of a group of seeds followed by their mean, interval and range.

    The columns are the parameters that differ, then the scores.
    """
    runs = [run for one in series for run in one.runs]
    own = telling(runs)
    sizes, states = {run.parameters for run in runs}, {run.state for run in runs}
    columns = [
        RowColumn("mark", ""),
        RowColumn("name", "run", least=13),
        *(RowColumn(name, name, right=True, need=12 - at if at < 3 else 2) for at, name in enumerate(own)),
        RowColumn("accuracy", "test acc.", right=True),
        RowColumn("f1", "macro F1", right=True, need=5),
        RowColumn("loss", "test loss", right=True, need=4),
        RowColumn("parameters", "parameters", right=True, need=7 if len(sizes) > 1 else 1),
        RowColumn("epochs", "epochs", right=True, need=6 if len({run.epochs_done for run in runs}) > 1 else 3),
        RowColumn("time", "time", right=True, need=3),
        RowColumn("state", "state", need=8 if len(states) > 1 else 2, toned=True),
    ]
    rows: list[TableRow] = []
    place = 0
    for at, one in enumerate(series):
        mark = marks.runs[at] if at < len(marks.runs) else marks.running
        for run in one.runs:
            cells = (
                mark,
                run.name or run.short,
                *(texts[place] or DASH for texts in own.values()),
                percent(run.test_accuracy),
                percent(run.macro_f1),
                _loss(run.test_loss),
                count(run.parameters),
                f"{run.epochs_done:,}/{run.epochs:,}",
                seconds(run.seconds),
                run.state,
            )
            rows.append(TableRow(run.run, cells, tone=tone(run.state)))
            place += 1
        if one.together:
            rows += _over_seeds(one, mark, len(own))
        rows += _published(one.runs[0], mark, len(own))
    return columns, rows


def _published(run: RunSummary, mark: str, own: int) -> list[TableRow]:
    """What the source published of the experiment; no row where it published nothing."""
    if run.published_accuracy is None and run.published_loss is None:
        return []
    scores = (percent(run.published_accuracy), DASH, _loss(run.published_loss))
    return [TableRow(f"{run.run} published", (mark, "published", *([""] * own), *scores, "", "", "", ""))]


def _over_seeds(one: ComparedSeries, mark: str, own: int) -> list[TableRow]:
    """Mean, deviation, the mean's 95 % interval, the lowest and the highest value of a group of seeds."""
    group = one.group
    accuracy, f1, cost, took = (group.summary(field) for field in ("test_accuracy", "macro_f1", "test_loss", "seconds"))
    size = count(one.runs[0].parameters)
    rows: list[TableRow] = []
    for key, name, value in STATISTICS:
        share = _points if key == "deviation" else percent
        scores = (share(accuracy and value(accuracy)), share(f1 and value(f1)), _loss(cost and value(cost)))
        time = seconds(took and value(took))
        told = f"{name}, n = {len(group.scored)}" if key == "mean" else name
        cells = (mark, told, *([""] * own), *scores, size if key == "mean" else "", "", time, "")
        rows.append(TableRow(f"{group.group} {key}", cells))
    around = (
        interval_in_words(accuracy, dash="–"),
        interval_in_words(f1, dash="–"),
        interval_in_words(cost, 1, 4, dash="–"),
    )
    rows.insert(2, TableRow(f"{group.group} interval", (mark, "95 % interval", *([""] * own), *around, "", "", "", "")))
    return rows if accuracy is not None and accuracy.n > 1 else rows[:1]


def seeded(series: Sequence[ComparedSeries]) -> list[SeedScores]:
    """The groups of seeds among them, by seed, where a run has a test accuracy."""
    found: list[SeedScores] = []
    for at, one in enumerate(series[:MOST_SERIES]):
        spread = one.group.spread("test_accuracy") if one.together else None
        if spread is not None:
            points = tuple(sorted(one.group.by_seed("test_accuracy").items()))
            found.append(SeedScores(at, one.label, points, spread.mean, spread.std))
    return found


def _points(value: float | None) -> str:
    return DASH if value is None else f"{points_of(value)} points"


def _loss(value: float | None) -> str:
    return DASH if value is None else loss(value)
