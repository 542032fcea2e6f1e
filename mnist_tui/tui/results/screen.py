"""The results of a run that has ended: scores, classes, confusions, complexity and timings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from textual import getters, on, work
from textual.app import ComposeResult
from textual.containers import Container, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from mnist_tui.errors import RequestError
from mnist_tui.experiment import complexity
from mnist_tui.report.complexity.breakdown import as_table
from mnist_tui.report.result_words import (
    MEASURED,
    PublishedScore,
    citation,
    published_scores,
    ridge_accuracies,
    solution_in_words,
)
from mnist_tui.report.tabular import aligned
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.results import run_document
from mnist_tui.runs.scores import in_words, worst_confusions
from mnist_tui.runs.state import RESUMABLE
from mnist_tui.runs.times import ALONE, RunTimes
from mnist_tui.tui import run_commands
from mnist_tui.tui.bench import BenchScreen, Route
from mnist_tui.tui.terminal.desktop import copy
from mnist_tui.tui.terminal.keymap import bind
from mnist_tui.tui.widgets.confusion import ConfusionView
from mnist_tui.tui.widgets.controls import KeyFooter
from mnist_tui.tui.widgets.run_status import Banner, StatusLine, sample_line
from mnist_tui.tui.widgets.tab_strip import TabStrip
from mnist_tui.wording import count, loss, percent, seconds

Document = Mapping[str, Any]
UNREADABLE = "the run's folder cannot be read: {}"
TIMINGS = {
    "data": "reading the data",
    "features": "features",
    "build": "building and compiling",
    "evaluate": "final evaluation",
}
PLATFORM = ("device", "cpu", "python", "tensorflow", "keras")
PAIRS = 8
"""The number of confusions that are shown."""


class ResultsSection(Static):
    """A titled block of lines, which is hidden while it is empty."""

    def __init__(self, title: str, *, id: str) -> None:
        super().__init__("", id=id, markup=False)
        self.border_title = Content.styled(title, "bold")

    def say(self, lines: list[str]) -> None:
        self.update("\n".join(lines))
        self.set_class(not lines, "-empty")


class ResultsScreen(BenchScreen[None]):
    """The screen with the results of a run that has ended."""

    GUIDE = "screens#weights-diagnosis-results"
    CSS_PATH = "results.tcss"
    AUTO_FOCUS = "#page"
    HELP = """
    **Results.** The final evaluation on the test images, with dropout off. The weights are those of the last epoch, or
    of the best epoch if early stopping restored them. Published scores are shown for experiments that a source
    published, training scores only if both were measured in the same way. `E` exports a report, weights and tables; `y`
    copies the summary. `e` opens the experiment in the editor, to train it again with changes; `n` and `N` go to the
    next and the previous run of the list.
    """
    BINDINGS = [
        bind("results.edit", "e", "edit", "Train again", "Its experiment in the editor: train it again with changes"),
        bind("results.resume", "p", "resume", "Resume", "Go on with it from its last checkpoint"),
        bind("results.next", "n", "step(1)", "Next run", "The results of the next run of the list"),
        bind("results.previous", "N", "step(-1)", "Previous", "The results of the run before it in the list"),
        bind("results.export", "E", "export", "Export", "Report, weights, tables as files"),
        bind("results.copy", "y", "copy", "Copy", "The summary to the clipboard, and into a file"),
        bind("results.matrix", "m", "show('matrix')", "Matrix", "The confusion matrix in full"),
        bind("results.gallery", "g,enter", "show('gallery')", "Images", "The images behind the matrix"),
        bind("results.weights", "w", "show('weights')", "Weights", "Weights and biases layer by layer"),
        bind("results.diagnosis", "i", "show('diagnosis')", "Diagnosis", "What the figures say"),
        bind("results.curves", "c", "show('training')", "Curves", "The run's curves"),
        bind("results.back", "escape", "back", "Back", "Back to where you were"),
    ]

    status = getters.query_one(StatusLine)
    sample = getters.query_one(Banner)
    matrix = getters.query_one(ConfusionView)

    def __init__(self, folder: RunFolder) -> None:
        super().__init__()
        self.folder = folder
        self._state = ""

    @property
    def shown_run(self) -> RunFolder:
        return self.folder

    def compose(self) -> ComposeResult:
        yield TabStrip()
        yield StatusLine("results", self.folder.id)
        yield Banner()
        with VerticalScroll(id="page"):
            with Container(id="columns"):
                with Vertical(id="left"):
                    yield ResultsSection("scores", id="scores")
                    yield ResultsSection("closed form", id="solution")
                    yield ResultsSection("most confused", id="confused")
                    yield ResultsSection("classes", id="classes")
                with Vertical(id="right"):
                    yield ConfusionView()
                    yield ResultsSection("timings", id="timings")
            yield ResultsSection("complexity", id="complexity")
            yield ResultsSection("run", id="run")
        yield KeyFooter()

    def on_screen_resume(self) -> None:
        self._read_folder()

    @work(thread=True, exit_on_error=False)
    def _read_folder(self) -> None:
        try:
            doc = run_document(self.folder)
            preset = self.folder.preset()
            sections = {
                "scores": score_lines(doc),
                "solution": solution_lines(doc),
                "confused": confused_lines(doc),
                "classes": class_lines(doc),
                "timings": timing_lines(doc),
                "complexity": as_table(complexity.of(preset.experiment)).rstrip().splitlines(),
                "run": run_lines(doc),
            }
        except (RequestError, OSError, TypeError, KeyError) as error:
            self.app.call_from_thread(self._show_sections, {"scores": [UNREADABLE.format(error)]})
            return
        self.app.call_from_thread(self._show, doc, sections, preset.title or preset.name)

    def _show(self, doc: Document, sections: dict[str, list[str]], title: str) -> None:
        self.status.show(doc["state"], title)
        self._state = doc["state"]
        self.refresh_bindings()
        self.sample.say(sample_line(bool((doc["dataset"] or {}).get("sample"))))
        self._show_sections(sections)
        matrix = doc["confusion_matrix"]
        self.matrix.set_class(not matrix, "-empty")
        if matrix:
            counts = tuple(tuple(row) for row in matrix)
            self.matrix.show(counts, class_names(doc), "of the test set, evaluated after training")

    def _show_sections(self, sections: dict[str, list[str]]) -> None:
        for name, lines in sections.items():
            self.query_one(f"#{name}", ResultsSection).say(lines)

    @on(ConfusionView.CellChosen)
    def _cell_chosen(self, message: ConfusionView.CellChosen) -> None:
        self.app.show(Route("gallery", run=self.folder, cell=(message.true, message.predicted)))

    def action_export(self) -> None:
        self.app.show(Route("export", runs=[self.folder]))

    def action_edit(self) -> None:
        run_commands.edit_again(self.app, self.folder)

    def action_resume(self) -> None:
        run_commands.resume_and_show(self.app, self.folder)

    def action_step(self, by: int) -> None:
        """Show the results of the next run (1) or the previous one (-1) of the list, and move its cursor there."""
        runs = self._list.ended_runs if self._list is not None else []
        places = {run.path: at for at, run in enumerate(runs)}
        at = places.get(self.folder.path, -1) + by
        if self._list is None or not 0 <= at < len(runs):
            self.notify(f"The list has no run {'after' if by > 0 else 'before'} this one.", timeout=4)
            return
        self._list.choose_run(runs[at])
        self.app.show(Route("results", run=runs[at]))

    @property
    def _list(self) -> BenchScreen[Any] | None:
        """The list of runs, the study or the comparison from which one came; None if there is none."""
        return next((screen for screen in reversed(self.app.trail) if screen.LISTS_RUNS), None)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "resume":
            return self._state in RESUMABLE
        return action != "step" or self._list is not None

    @work(thread=True, exit_on_error=False)
    def action_copy(self) -> None:
        """Copy the summary of the run, as a lab report needs it."""
        from mnist_tui.report.export import item_text

        try:
            text = item_text(self.folder, "summary.md")
        except (RequestError, OSError, TypeError, KeyError) as error:
            self.app.call_from_thread(self.notify, UNREADABLE.format(error), severity="error")
            return
        self.app.call_from_thread(copy, self.app, text, self.folder.exports / "copied-summary.md")


def _aligned_right(rows: Sequence[Sequence[str]]) -> list[str]:
    return aligned([rows], range(1, len(rows[0])))


def score_lines(doc: Document) -> list[str]:
    """Return the run's scores, with the published scores and the differences if a source published this experiment."""
    test, train = doc["test"], doc["train"] or {}
    if not test:
        return ["The run ended before it was evaluated: there are no scores."]
    rows = {
        "test accuracy": percent(test["accuracy"]),
        "test loss": loss(test["loss"]),
        "macro F1 (test)": percent(test["macro_f1"]),
        "training accuracy, no dropout": percent(train.get("accuracy")),
        "training loss, no dropout": loss(train.get("loss")),
    }
    published = published_scores(doc)
    if not published:
        lines = _aligned_right(list(rows.items()))
        return [*lines, f"nothing was published of it in {citation(doc['reference'])}"] if doc["reference"] else lines
    comparable = {_row_name(score): score for score in published if score.ours is not None}
    for name, score in comparable.items():
        rows.setdefault(name, score.written(score.ours))
    table = [["", "ours", "published", "difference"]]
    for name, ours in rows.items():
        score = comparable.get(name)
        table.append([name, ours, score.written(score.published) if score else "", score.difference if score else ""])
    others = [
        f"published {score.name} {score.written(score.published)} ({score.how})"
        for score in published
        if score.ours is None
    ]
    return [*_aligned_right(table), *others, f"published in {citation(doc['reference'])}"]


def _row_name(score: PublishedScore) -> str:
    """Return the name of a published score's row; training scores measured in the last epoch have their own row."""
    if score.of == "test":
        return score.name
    return f"{score.name}, no dropout" if score.how == MEASURED["evaluated"] else f"{score.name}, last epoch"


def solution_lines(doc: Document) -> list[str]:
    """Return facts about a solution in closed form; empty for a network that was trained in steps."""
    solution = doc.get("closed_form")
    if not solution:
        return []
    ridge, images, temperature = solution_in_words(solution)
    lines = [
        f"ridge        {ridge}",
        f"solved over  {images}",
        f"temperature  {temperature}",
        "losses are those of softmax(scores / temperature)",
    ]
    rows = ridge_accuracies(solution)
    return [*lines, "", *_aligned_right([("ridge", "validation accuracy"), *rows])] if len(rows) > 1 else lines


def class_lines(doc: Document) -> list[str]:
    """Return precision, recall, F1 and number of images of each class."""
    if not doc["test"]:
        return []
    rows = [
        [row["class"], percent(row["precision"]), percent(row["recall"]), percent(row["f1"]), count(row["support"])]
        for row in doc["test"]["per_class"]
    ]
    return _aligned_right([["class", "precision", "recall", "F1", "images"], *rows])


def class_names(doc: Document) -> list[str]:
    return [row["class"] for row in doc["test"]["per_class"]] if doc["test"] else [str(digit) for digit in range(10)]


def confused_lines(doc: Document) -> list[str]:
    """Return the most frequent confusions of two classes, one a line."""
    if not doc["confusion_matrix"]:
        return []
    pairs = worst_confusions(doc["confusion_matrix"], class_names(doc), PAIRS)
    return [in_words(pair) for pair in pairs] or ["no image was confused"]


def timing_lines(doc: Document) -> list[str]:
    """Return the speed of the training and the duration of each part of the run, one a line."""
    timings, times = doc["timings"] or {}, RunTimes(**doc["times"])
    rows = [[f"training, {ALONE}", seconds(times.training)]] if times.training is not None else []
    if times.images_per_second is not None:
        rows.append(["images/s", count(round(times.images_per_second))])
    rows += [[name, seconds(timings[key])] for key, name in TIMINGS.items() if timings.get(key) is not None]
    rows += [["total", seconds(times.total)]] if times.total is not None else []
    return _aligned_right(rows) if rows else []


def run_lines(doc: Document) -> list[str]:
    """Return the run's data, epochs, platform, folder and command."""
    data, platform = doc["dataset"] or {}, doc["platform"] or {}
    reason = f": {doc['reason']}" if doc["reason"] else ""
    lines = [f"run      {doc['run']}", f"state    {doc['state']}{reason}"]
    if data:
        lines.append(f"data     {data['title']}: {count(data['train'])} training, {count(data['test'])} test images")
    lines.append(f"epochs   {len(doc['epochs'])} of {doc['experiment']['training']['epochs']}")
    lines += [f"{key:8} {platform[key]}" for key in PLATFORM if isinstance(platform.get(key), str)]
    lines += [f"warning  {text}" for text in doc["warnings"]]
    return [*lines, f"folder   {doc['folder']}", f"again    {doc['command']}"]
