"""Runs side by side: curves over each other, the parameters that differ with the scores, accuracy by seed and size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.message import Message

from mnist_tui.errors import RunError
from mnist_tui.report.result_words import seed_sentences
from mnist_tui.runs.collection.seed_groups import seed_groups
from mnist_tui.runs.collection.summaries import RunSummary, summary_of
from mnist_tui.runs.event_log import FiguresReader
from mnist_tui.runs.state import LIVE, EpochRow
from mnist_tui.tui.bench import BenchScreen
from mnist_tui.tui.compare import compare_series
from mnist_tui.tui.export.request import default_folder
from mnist_tui.tui.run_commands import folder_of, open_run
from mnist_tui.tui.run_screen import epoch_keys
from mnist_tui.tui.terminal.desktop import copy
from mnist_tui.tui.widgets.adapted import KeyFooter
from mnist_tui.tui.widgets.plots.overlay import OverlaidCurves
from mnist_tui.tui.widgets.plots.plot import PAN, WHEEL, Plot
from mnist_tui.tui.widgets.plots.points import Scatter, SeedPlot
from mnist_tui.tui.widgets.row_table import RowTable
from mnist_tui.tui.widgets.text import Line
from mnist_tui.wording import counted

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
        series = compare_series.series_of(self._runs, together=self._together)
        for plot, metric in ((self.accuracy, "val_accuracy"), (self.loss, "val_loss")):
            plot.show(compare_series.curves(series, self._histories, metric), self._cursor)
        self.table.show(*compare_series.table(series, self.accuracy.marks))
        self.points.show(compare_series.points(series))
        self.by_seed.show(compare_series.seeded(series))
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
        own = compare_series.telling(self._runs)
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
