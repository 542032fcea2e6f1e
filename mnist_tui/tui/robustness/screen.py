"""The screen of runs' accuracy on corrupted test images: measured here, a curve for each run, a table, and examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from textual import getters, on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message

from mnist_tui.errors import RequestError
from mnist_tui.experiment.corruptions import CORRUPTIONS, STRENGTHS
from mnist_tui.report.result_words import percentage_points, robustness_sentence
from mnist_tui.runs.collection.summaries import RunSummary, summary_of
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.robustness import (
    Robustness,
    RobustnessProgress,
    RobustnessTest,
    check_measurable,
    missing,
    robustness_of,
)
from mnist_tui.tui.bench import BenchScreen
from mnist_tui.tui.compare.screen import series_of
from mnist_tui.tui.terminal.keymap import bind, key_of, pane_title
from mnist_tui.tui.widgets.controls import KeyFooter
from mnist_tui.tui.widgets.pixels import Picture, PictureGrid, Tile
from mnist_tui.tui.widgets.plots.compared import MOST_SERIES
from mnist_tui.tui.widgets.plots.raster import Marks
from mnist_tui.tui.widgets.plots.strengths import StrengthCurves, StrengthSeries
from mnist_tui.tui.widgets.row_table import RowColumn, RowTable, TableRow
from mnist_tui.tui.widgets.run_status import StatusLine
from mnist_tui.tui.widgets.tab_strip import TabStrip
from mnist_tui.tui.widgets.text import Line
from mnist_tui.wording import DASH, capitalized, counted, listed, percent, shortened

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ALL = "all"
"""The row of the means over all corruptions."""
LABEL = 18
"""Characters of a run's label in the head of a column."""
EXAMPLES = 100
"""The test images of which one after the other is shown as an example."""


@dataclass(frozen=True)
class RunRobustness:
    """A run of the screen.

    Attributes:
        label: short, different from those of the other runs.
        state: the run's state.
        found: what is measured of it; None for nothing.
        refused: why it cannot be measured; empty if it can.
    """

    folder: RunFolder
    label: str
    state: str
    found: Robustness | None
    refused: str

    def curve(self, name: str) -> tuple[float, ...] | None:
        """Return the accuracies at the strengths 0 to 5; None if they are not measured."""
        if self.found is None:
            return None
        if name != ALL:
            return self.found.curve(name) if name in self.found.accuracies else None
        if not self.found.is_complete:
            return None
        curves = [self.found.curve(each) for each in CORRUPTIONS]
        return tuple(sum(values) / len(values) for values in zip(*curves, strict=True))


class CorruptionExamples(PictureGrid, can_focus=False):
    """A test image without corruption and at each strength of one, or with each corruption: all on one page."""

    SELECTS = False
    HELP = ""

    @property
    def plenty(self) -> int:
        return self.count


class RobustnessScreen(BenchScreen[None]):
    """The screen of the robustness of one run or of several.

    Args:
        runs: runs that have ended, in the order of their marks.
    """

    GUIDE = "screens#robustness"
    CSS_PATH = "robustness.tcss"
    TITLE = "Robustness"
    AUTO_FOCUS = "#corruptions"
    HELP = """
    **Robustness.** How the accuracy falls when the test images are corrupted: shifted, rotated, blurred, with noise,
    with less contrast, partly erased, with thinner or thicker strokes. Strength 0 is the images as they are. `↑` and
    `↓` choose a corruption, `m` measures what is missing; `x`, or leaving the screen, ends that. What is measured is
    kept with the run. The mean error is 1 − accuracy, averaged over the five strengths; in the first row also over all
    corruptions. `n` shows another image as an example.
    """
    BINDINGS = [
        bind("robustness.measure", "m", "measure", "Measure", "Classify the corrupted test images"),
        bind("robustness.cancel", "x", "cancel", "Cancel", "End the measurement; what is measured is kept"),
        bind("robustness.example", "n", "example", "Next image", "Another test image as the example"),
        bind("robustness.back", "escape", "back", "Back", "Back to where you were"),
    ]

    @dataclass
    class RunsRead(Message):
        """Posted when the runs' folders have been read."""

        runs: list[RunRobustness]

    status = getters.query_one(StatusLine)
    table = getters.query_one("#corruptions", RowTable)
    curves = getters.query_one(StrengthCurves)
    said = getters.query_one("#said", Line)
    about = getters.query_one("#about", Line)
    examples = getters.query_one(CorruptionExamples)

    def __init__(self, runs: Sequence[RunFolder]) -> None:
        super().__init__()
        self.folders = list(runs)
        self._runs: list[RunRobustness] = []
        self._test: RobustnessTest | None = None
        self._measuring = False
        self._images: NDArray[np.uint8] | None = None
        self._example = 0
        self._failed, self._cancelled = "", False

    @property
    def shown_run(self) -> RunFolder | None:
        return self.folders[0] if len(self.folders) == 1 else None

    @property
    def subject(self) -> tuple[str, ...]:
        return tuple(folder.id for folder in self.folders)

    def compose(self) -> ComposeResult:
        yield TabStrip()
        yield StatusLine("Robustness", self.folders[0].id if len(self.folders) == 1 else "")
        yield Line(id="said")
        with Horizontal(id="measured"):
            yield StrengthCurves()
            with Vertical(id="side"):
                with Vertical(classes="pane -stacked", id="errors"):
                    yield RowTable(id="corruptions")
                    yield Line(id="about")
                with Vertical(classes="pane -stacked", id="example"):
                    yield CorruptionExamples()
        yield KeyFooter()

    def on_mount(self) -> None:
        self.curves.show(_title(ALL), (), "Reading the runs …")
        self._read()
        self._read_images()

    def on_resize(self) -> None:
        self.call_after_refresh(self.refresh_bindings)

    def on_unmount(self) -> None:
        if self._test is not None:
            self._test.close()

    @work(thread=True, exclusive=True, group="reading", exit_on_error=False)
    def _read(self) -> None:
        summaries = [summary for folder in self.folders if (summary := _summary(folder)) is not None]
        labels = [each.label for each in series_of(summaries, together=False)] if summaries else []
        folders = {folder.id: folder for folder in self.folders}
        runs = [
            RunRobustness(folder := folders[each.run], label, each.state, robustness_of(folder), _why_not(folder))
            for each, label in zip(summaries, labels, strict=True)
        ]
        self.post_message(self.RunsRead(runs))

    @on(RunsRead)
    def _show_runs(self, message: RunsRead) -> None:
        message.stop()
        self._runs = message.runs
        self._draw()

    def _draw(self) -> None:
        runs = self._runs
        one = runs[0] if len(runs) == 1 else None
        self.status.show(one.state if one else "", f"Robustness of {one.label if one else counted(runs, 'run')}")
        self.status.word.display = one is not None
        self.table.show(*(_table_of_one(one) if one else _table_of_several(runs, self.curves.marks)))
        self.query_one("#errors").border_title = pane_title(
            "Corruptions", note="accuracy at strength 1 to 5" * bool(one)
        )
        self.set_class(bool(runs) and not any(run.found for run in runs), "-unmeasured")
        self._draw_chosen()
        if not self._measuring:
            self._say(self._failed or self._words())
        self.refresh_bindings()

    def _say(self, text: str) -> None:
        self.said.say(text)
        self.said.display = bool(text)

    def _words(self) -> str:
        """Say what is measured, what is not, and which key measures it."""
        sentences = [_answer(self._runs)]
        for run in self._runs:
            if run.refused:
                sentences.append(f"{capitalized(run.refused)}.")
            elif len(self._runs) == 1 and run.found is not None and run.found.is_complete:
                sentences.append(robustness_sentence(run.found))
        if lacking := self._lacking:
            key = key_of("robustness.measure", RobustnessScreen, self.app.settings.keys)
            what = "Nothing is measured yet" if not any(run.found for run in self._runs) else "Not all is measured"
            of = f" of {counted(lacking, 'run')}" if len(self._runs) > 1 else ""
            sentences.append(f"{what}: {key} classifies the corrupted test images{of}, which takes a minute or so.")
        return " ".join(filter(None, sentences))

    @property
    def _lacking(self) -> list[RunFolder]:
        """The runs of which something can be measured that is missing."""
        return [
            run.folder for run in self._runs if not run.refused and (run.found is None or not run.found.is_complete)
        ]

    @on(RowTable.CursorMoved)
    def _draw_chosen(self) -> None:
        """Show the curves of the chosen corruption, what it does, and examples of it."""
        name = self.table.chosen or ALL
        curves = ((run.label, run.curve(name)) for run in self._runs)
        series = [StrengthSeries(label, curve) for label, curve in curves if curve is not None]
        nothing = "Drawn once all corruptions are measured." if name == ALL else "Not measured yet."
        self.curves.show(_title(name), series, nothing)
        self.about.say(_about(name))
        self._draw_examples(name)

    @work(thread=True, exit_on_error=False)
    def _read_images(self) -> None:
        from mnist_tui.data.corruptions import at_strength
        from mnist_tui.data.errors import DataError
        from mnist_tui.report.run_images import test_images
        from mnist_tui.runs.worker_jobs import data_of

        for folder in self.folders:
            try:
                if (data := data_of(folder)) is not None:
                    images = test_images(folder, data, self.app.options.data_dir).pixels[:EXAMPLES]
                    for name in CORRUPTIONS:  # imports what the first drawing would wait for
                        at_strength(images[:1], name, STRENGTHS[0])
                    self.app.call_from_thread(self._show_images, images)
                    return
            except (DataError, RequestError, OSError):
                continue

    def _show_images(self, images: NDArray[np.uint8]) -> None:
        if self.is_attached:
            self._images = images
            self.add_class("-examples")
            self._draw_examples(self.table.chosen or ALL)
            self.refresh_bindings()

    def _draw_examples(self, name: str) -> None:
        if self._images is None:
            return
        from mnist_tui.data.corruptions import at_strength

        shown = self._images[: self._example + 1]
        names = list(CORRUPTIONS) if name == ALL else [name]
        strengths = [3] if name == ALL else [0, *STRENGTHS]
        pictures: list[tuple[Picture, str]] = [
            (at_strength(shown, each, strength)[-1], f"{each} {strength}" if strength else "no corruption")
            for each in names
            for strength in strengths
        ]
        note = "at strength 3" if name == ALL else f"{name} at all strengths"
        self.query_one("#example").border_title = pane_title(f"Test image {self._example + 1:,}", note=note)
        self.examples.show(
            len(pictures),
            lambda at, width: Tile((pictures[at][0],), (shortened(pictures[at][1], width),)),
            selected=0,
            pictures=1,
            size="automatic",
            shape=shown.shape[1:3],
            captions=1,
        )

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "measure":
            return not self._measuring and bool(self._lacking)
        if action == "example":
            return self._images is not None and self.query_one("#example").display
        return action != "cancel" or self._measuring

    def action_example(self) -> None:
        if self._images is not None:
            self._example = (self._example + 1) % len(self._images)
            self._draw_examples(self.table.chosen or ALL)

    def action_measure(self) -> None:
        self._measuring, self._failed, self._cancelled = True, "", False
        self.refresh_bindings()
        self._measure(self._lacking)

    @work(thread=True, exit_on_error=False)
    def _measure(self, folders: Sequence[RunFolder]) -> None:
        why = ""
        try:
            with RobustnessTest(folders, data_dir=self.app.options.data_dir) as test:
                self._test = test
                for state in test:
                    if self._cancelled or not self.is_attached:
                        break
                    self.app.call_from_thread(self._show_progress, state)
        except (RequestError, OSError) as error:
            why = "" if self._cancelled else f"The measurement failed: {error}"
        if self.is_attached:
            self.app.call_from_thread(self._end, why)

    def _show_progress(self, state: RobustnessProgress) -> None:
        if words := state.words:
            self._say(capitalized(words))
        if state.measured is not None:
            folder, found = state.measured
            self._runs = [replace(run, found=found) if run.folder == folder else run for run in self._runs]
            self._draw()

    def _end(self, why: str) -> None:
        self._test, self._measuring, self._failed = None, False, why
        self._read()

    def action_cancel(self) -> None:
        self._cancelled = True
        if self._test is not None:
            self._test.close()


def _summary(folder: RunFolder) -> RunSummary | None:
    try:
        return summary_of(folder)
    except (RequestError, OSError, ValueError, TypeError):
        return None


def _why_not(folder: RunFolder) -> str:
    """Return why a run cannot be measured; empty if it can, or if nothing is missing."""
    try:
        if missing(folder):
            check_measurable(folder)
    except (RequestError, OSError) as error:
        return str(error)
    return ""


def _title(name: str) -> str:
    return f"mean of {counted(CORRUPTIONS, 'corruption')}" if name == ALL else name


def _about(name: str) -> str:
    """Return what a corruption does, with its amounts."""
    if name == ALL:
        return f"The mean over {listed(list(CORRUPTIONS))}."
    corruption = CORRUPTIONS[name]
    return f"{name.capitalize()} {corruption.does}: {corruption.amounts_in_words}."


def _table_of_one(run: RunRobustness) -> tuple[list[RowColumn], list[TableRow]]:
    """Return a row for each corruption: the accuracies at the strengths, and the mean error."""
    columns = [
        RowColumn("name", "Corruption"),
        *(RowColumn(f"{strength}", f"{strength}", right=True, need=strength) for strength in STRENGTHS),
        RowColumn("error", "Mean error", right=True),
    ]
    rows: list[TableRow] = []
    for name in (ALL, *CORRUPTIONS):
        curve = run.curve(name)
        values = [DASH] * len(STRENGTHS) if curve is None else [percent(value, 1) for value in curve[1:]]
        rows.append(TableRow(name, (name, *values, _error(curve))))
    return columns, rows


def _table_of_several(runs: Sequence[RunRobustness], marks: Marks) -> tuple[list[RowColumn], list[TableRow]]:
    """Return a row for each corruption with the mean error of each run."""
    columns = [
        RowColumn("name", "Mean error"),
        *(
            RowColumn(f"{at}", shortened(f"{_mark(at, marks)}{run.label}", LABEL), right=True, need=max(1, 20 - at))
            for at, run in enumerate(runs)
        ),
    ]
    rows: list[TableRow] = []
    for name in (ALL, *CORRUPTIONS):
        best = _best(name, runs)
        texts = [f"{f'{marks.best} ' if at == best else ''}{_error(run.curve(name))}" for at, run in enumerate(runs)]
        rows.append(TableRow(name, (name, *texts), tones={} if best is None else {f"{best}": "row-table--good"}))
    return columns, rows


def _mark(at: int, marks: Marks) -> str:
    return f"{marks.runs[at]} " if at < MOST_SERIES else ""


def _answer(runs: Sequence[RunRobustness]) -> str:
    """Return which of several runs has the smallest mean error over all corruptions, and by how much, in a sentence."""
    found = [(error, run) for run in runs if run.found and run.found.is_complete and (error := run.found.mean_error())]
    if len(found) < 2:
        return ""
    (error, best), (second, other), *_ = sorted(found, key=lambda pair: pair[0])
    if not all(run.found.same_images(best.found) for _, run in found if run.found and best.found):
        return "The runs were tested on different images: their errors cannot be compared."
    return (
        f"{best.label} has the smallest mean error on corrupted images: {percent(error)}, "
        f"{percentage_points(second - error).lstrip('+')} points less than {other.label}."
    )


def _best(name: str, runs: Sequence[RunRobustness]) -> int | None:
    """Return the place of the run with the smallest mean error; None if fewer than two runs have one."""
    rights = {at: sum(curve[1:]) for at, run in enumerate(runs) if (curve := run.curve(name)) is not None}
    return max(rights, key=rights.__getitem__) if len(rights) > 1 else None


def _error(curve: Sequence[float] | None) -> str:
    return DASH if curve is None else percent(1 - sum(curve[1:]) / len(STRENGTHS), 1)
