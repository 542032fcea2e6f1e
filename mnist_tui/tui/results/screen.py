"""What a run that has ended achieved: scores, classes, confusions, complexity, timings; and the way to its exports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Container, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from mnist_tui.errors import RequestError
from mnist_tui.experiment.complexity import of
from mnist_tui.report.complexity.breakdown import as_table
from mnist_tui.report.result_words import (
    MEASURED,
    PublishedScore,
    citation,
    published_scores,
    ridge_accuracies,
    solution_in_words,
)
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.results import run_document
from mnist_tui.runs.scores import in_words, worst_confusions
from mnist_tui.tui.bench import BenchScreen, Route
from mnist_tui.tui.widgets.confusion import ConfusionView
from mnist_tui.tui.widgets.controls import KeyFooter
from mnist_tui.tui.widgets.run_status import Banner, StatusLine, sample_line
from mnist_tui.wording import count, loss, percent, seconds


class ResultsSection(Static):
    """A block of lines under a title; it takes no room while it is empty."""

    def __init__(self, title: str, *, id: str) -> None:
        super().__init__("", id=id, markup=False)
        self.border_title = Content.styled(title, "bold")

    def say(self, lines: list[str]) -> None:
        self.update("\n".join(lines))
        self.set_class(not lines, "-empty")


class ResultsScreen(BenchScreen[None]):
    """Shows a run's results.

    Args:
        folder: the run.
    """

    CSS_PATH = "results.tcss"
    AUTO_FOCUS = "#page"
    HELP = """
    **Results.** The final evaluation on the test images, with dropout off; the weights are those of the last epoch,
    or of the best one where early stopping brings them back. What a source published stands beside ours as long as
    the experiment is the source's; a training figure only beside one that was measured alike. `e` exports a report,
    weights and tables; `y` copies the summary.
    """
    BINDINGS = [
        Binding("e", "export", "Export", tooltip="Report, weights, tables as files", id="results.export"),
        Binding("y", "copy", "Copy", tooltip="The summary to the clipboard, and into a file", id="results.copy"),
        Binding("m", "show('matrix')", "Matrix", tooltip="The confusion matrix in full", id="results.matrix"),
        Binding("g,enter", "show('gallery')", "Images", tooltip="The images behind the matrix", id="results.gallery"),
        Binding("w", "show('weights')", "Weights", tooltip="Weights and biases layer by layer", id="results.weights"),
        Binding("i", "show('diagnosis')", "Diagnosis", tooltip="What the figures say", id="results.diagnosis"),
        Binding("escape", "back", "Back", tooltip="Back to where you were", id="results.back"),
        Binding("escape,d", "study", "Study", tooltip="Back to the study", id="results.study"),
        Binding("escape,c", "curves", "Curves", tooltip="Back to the run's curves", id="results.curves"),
        Binding("d", "presets", "Presets", tooltip="Back to the presets", id="results.presets"),
    ]

    status = getters.query_one(StatusLine)
    sample = getters.query_one(Banner)
    matrix = getters.query_one(ConfusionView)

    def __init__(self, folder: RunFolder) -> None:
        super().__init__()
        self.folder = folder

    @property
    def shown_run(self) -> RunFolder:
        return self.folder

    def compose(self) -> ComposeResult:
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

    def on_mount(self) -> None:
        self._load()

    @work(thread=True, exit_on_error=False)
    def _load(self) -> None:
        """Reads the folder; a long run's events take a moment."""
        try:
            doc = run_document(self.folder)
            preset = self.folder.preset()
            table = as_table(of(preset.experiment)).rstrip().splitlines()
        except (RequestError, OSError, TypeError, KeyError) as error:
            self.app.call_from_thread(self._fail, f"the run's folder cannot be read: {error}")
            return
        self.app.call_from_thread(self._show, doc, table, preset.title or preset.name)

    def _fail(self, why: str) -> None:
        self._section("scores").say([why])

    def _show(self, doc: dict[str, Any], complexity: list[str], title: str) -> None:
        self.status.show(doc["state"], title)
        data = doc["dataset"] or {}
        self.sample.say(sample_line(bool(data.get("sample"))))
        self._section("scores").say(score_lines(doc))
        self._section("solution").say(solution_lines(doc))
        self._section("confused").say(confused_lines(doc))
        self._section("classes").say(class_lines(doc))
        self._section("timings").say(timing_lines(doc))
        self._section("complexity").say(complexity)
        self._section("run").say(run_lines(doc))
        matrix = doc["confusion_matrix"]
        self.matrix.set_class(not matrix, "-empty")
        if matrix:
            counts = tuple(tuple(row) for row in matrix)
            self.matrix.show(counts, class_names(doc), "of the test set, evaluated after training")

    def _section(self, name: str) -> ResultsSection:
        return self.query_one(f"#{name}", ResultsSection)

    def action_show(self, what: str) -> None:
        """Another screen of this run, over this one."""
        self.app.show(Route(what, run=self.folder))

    @on(ConfusionView.CellChosen)
    def _cell_chosen(self, message: ConfusionView.CellChosen) -> None:
        """The images of a cell of the matrix."""
        self.app.show(Route("gallery", run=self.folder, cell=(message.true, message.predicted)))

    def action_export(self) -> None:
        self.app.show(Route("export", runs=[self.folder]))

    @work(thread=True, exit_on_error=False)
    def action_copy(self) -> None:
        """The summary for a lab report, by the clipboard and by a file beside the run's exports."""
        from mnist_tui.report.export import item_text
        from mnist_tui.tui.terminal.desktop import copy

        try:
            text = item_text(self.folder, "summary.md")
        except (RequestError, OSError, TypeError, KeyError) as error:
            self.app.call_from_thread(self.notify, f"the run's folder cannot be read: {error}", severity="error")
            return
        self.app.call_from_thread(copy, self.app, text, self.folder.exports / "copied-summary.md")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The way back, and to a study, only where the run was opened from there."""
        if action == "back":
            return self.app.can_go_back
        return action != "study" or self.app.origin is not None

    def action_back(self) -> None:
        self.app.back()

    def action_study(self) -> None:
        self.app.back_to_study()

    def action_curves(self) -> None:
        self.app.show(Route("training", run=self.folder))

    def action_presets(self) -> None:
        self.app.show(Route("presets"))


Document = Mapping[str, Any]
TIMINGS = {
    "data": "reading the data",
    "features": "features",
    "build": "building and compiling",
    "train": "training",
    "evaluate": "evaluation",
    "total": "altogether",
}
PLATFORM = ("device", "cpu", "python", "tensorflow", "keras")
PAIRS = 8


def aligned(rows: Sequence[Sequence[str]], gap: str = "  ") -> list[str]:
    """Columns as wide as their widest cell; the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        gap.join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    ]


def score_lines(doc: Document) -> list[str]:
    """Ours, and what was published where the experiment is the source's, with the difference."""
    test, train = doc["test"], doc["train"] or {}
    if not test:
        return ["The run ended before it was evaluated: there are no scores."]
    rows = {
        "test accuracy": percent(test["accuracy"]),
        "test loss": loss(test["loss"]),
        "macro F1 (test)": f"{test['macro_f1']:.4f}",
        "training accuracy, no dropout": percent(train.get("accuracy")),
        "training loss, no dropout": loss(train.get("loss")),
    }
    published = published_scores(doc)
    if not published:
        lines = aligned(list(rows.items()))
        return [*lines, f"nothing was published of it in {citation(doc['reference'])}"] if doc["reference"] else lines
    alike = {_row(one): one for one in published if one.ours is not None}
    rows |= {name: one.written(one.ours) for name, one in alike.items() if name not in rows}
    written = [
        [name, ours, *((one.written(one.published), one.difference) if (one := alike.get(name)) else ("", ""))]
        for name, ours in rows.items()
    ]
    lines = aligned([["", "ours", "published", "difference"], *written])
    lines += [f"published {one.name} {one.written(one.published)} ({one.how})" for one in published if one.ours is None]
    return [*lines, f"published in {citation(doc['reference'])}"]


def _row(one: PublishedScore) -> str:
    """The row that a published score stands in: a training score of the last epoch has one of its own."""
    if one.of == "test":
        return one.name
    return f"{one.name}, no dropout" if one.how == MEASURED["evaluated"] else f"{one.name}, last epoch"


def solution_lines(doc: Document) -> list[str]:
    """What a closed form found; nothing for what was trained in steps."""
    found = doc.get("closed_form")
    if not found:
        return []
    ridge, images, temperature = solution_in_words(found)
    lines = [
        f"ridge        {ridge}",
        f"solved over  {images}",
        f"temperature  {temperature}",
        "losses are those of softmax(scores / temperature)",
    ]
    rows = ridge_accuracies(found)
    return [*lines, "", *aligned([("ridge", "validation accuracy"), *rows])] if len(rows) > 1 else lines


def class_lines(doc: Document) -> list[str]:
    """Precision, recall, F1 and images of each class."""
    if not doc["test"]:
        return []
    rows = [["class", "precision", "recall", "F1", "images"]]
    rows += [
        [row["class"], percent(row["precision"]), percent(row["recall"]), f"{row['f1']:.4f}", count(row["support"])]
        for row in doc["test"]["per_class"]
    ]
    return aligned(rows)


def class_names(doc: Document) -> list[str]:
    """The classes by number."""
    return [row["class"] for row in doc["test"]["per_class"]] if doc["test"] else [str(digit) for digit in range(10)]


def confused_lines(doc: Document) -> list[str]:
    """The most confused pairs in words."""
    matrix = doc["confusion_matrix"]
    if not matrix:
        return []
    found = [in_words(pair) for pair in worst_confusions(matrix, class_names(doc), PAIRS)]
    return found or ["no image was confused"]


def timing_lines(doc: Document) -> list[str]:
    """How long each part took."""
    timings = doc["timings"] or {}
    rows = [[name, seconds(timings[key])] for key, name in TIMINGS.items() if timings.get(key) is not None]
    return aligned(rows) if rows else []


def run_lines(doc: Document) -> list[str]:
    """Data, epochs, platform, command: what a reader needs to know of the run."""
    data, platform = doc["dataset"] or {}, doc["platform"] or {}
    reason = f": {doc['reason']}" if doc["reason"] else ""
    lines = [f"run      {doc['run']}", f"state    {doc['state']}{reason}"]
    if data:
        lines.append(f"data     {data['title']}: {count(data['train'])} training, {count(data['test'])} test images")
    lines.append(f"epochs   {len(doc['epochs'])} of {doc['experiment']['training']['epochs']}")
    lines += [f"{key:8} {platform[key]}" for key in PLATFORM if isinstance(platform.get(key), str)]
    lines += [f"warning  {text}" for text in doc["warnings"]]
    return [*lines, f"folder   {doc['folder']}", f"again    {doc['command']}"]
