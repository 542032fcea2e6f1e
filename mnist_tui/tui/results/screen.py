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
from mnist_tui.runs.scores import worst_confusions
from mnist_tui.runs.state import RESUMABLE
from mnist_tui.runs.times import ALONE, RunTimes
from mnist_tui.runs.watch import BROKEN
from mnist_tui.tui import run_commands
from mnist_tui.tui.bench import BenchScreen, Route
from mnist_tui.tui.results.panes import ClassBars, ClassScores, ConfusionList, Headline
from mnist_tui.tui.terminal.desktop import copy
from mnist_tui.tui.terminal.keymap import bind, key_of, pane_title
from mnist_tui.tui.widgets.confusion import ConfusionView
from mnist_tui.tui.widgets.controls import KeyFooter
from mnist_tui.tui.widgets.run_status import Banner, StatusLine, sample_line
from mnist_tui.tui.widgets.tab_strip import TabStrip
from mnist_tui.tui.widgets.text import LinePart, PartsLine
from mnist_tui.wording import count, counted, loss, percent, seconds

Document = Mapping[str, Any]
UNREADABLE = "the run's folder cannot be read: {}"
TIMINGS = {
    "data": "reading the data",
    "features": "features",
    "build": "building and compiling",
    "evaluate": "final evaluation",
}
PLATFORM = ("device", "cpu", "python", "tensorflow", "keras")
STATE_VERBS = {"stopped": "was stopped", "finished": "finished without an evaluation", "running": "still trains"}
"""What is said of a run in a state that is no verb of its own."""
PAGES = ("Scores", "Complexity", "Details")
PLAIN_COLUMNS, PLAIN_ROWS = 78, 24
"""Columns and rows from which the accuracy is written in large digits."""
PAIRS = 8
"""The number of confusions that are shown."""


class ResultsSection(Static):
    """A pane with lines, which is hidden while it is empty."""

    def __init__(self, title: str, *, id: str) -> None:
        super().__init__("", id=id, markup=False, classes="pane -stacked")
        self.border_title = pane_title(title)

    def say(self, lines: list[str]) -> None:
        self.update("\n".join(lines))
        self.set_class(not lines, "-empty")


class ResultsScreen(BenchScreen[None]):
    """The screen with the results of a run that has ended."""

    GUIDE = "screens#weights-diagnosis-results"
    CSS_PATH = "results.tcss"
    AUTO_FOCUS = "ConfusionList"
    HELP = """
    **Results.** The final evaluation on the test images, with dropout off. The weights are those of the last epoch, or
    of the best epoch if early stopping restored them. Published scores are shown for experiments that a source
    published, training scores only if both were measured in the same way. `1`, `2` and `3` show scores, complexity and
    details. `E` exports a report, weights and tables; `y` copies the summary. `e` opens the experiment in the editor,
    to train it again with changes; `n` and `N` go to the next and the previous run of the list.
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
        *(
            bind(f"results.{page.lower()}", f"{at}", f"page('{page}')", page, f"The page {page.lower()}", hidden=True)
            for at, page in enumerate(PAGES, 1)
        ),
        bind("results.page-up", "pageup", "scroll_page(-1)", "Page up", "Scroll up", hidden=True),
        bind("results.page-down", "pagedown", "scroll_page(1)", "Page down", "Scroll down", hidden=True),
        bind("results.first", "home", "scroll_to_end(False)", "Start", "Scroll to the start", hidden=True),
        bind("results.last", "end", "scroll_to_end(True)", "End", "Scroll to the end", hidden=True),
    ]

    status = getters.query_one(StatusLine)
    sample = getters.query_one(Banner)
    headline = getters.query_one(Headline)
    tabs = getters.query_one(PartsLine)
    page = PAGES[0]
    matrix = getters.query_one(ConfusionView)
    confusions = getters.query_one(ConfusionList)
    class_bars = getters.query_one(ClassBars)

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
        yield Headline()
        yield PartsLine()
        with VerticalScroll(id="scores-page", classes="page", can_focus=False), Container(id="columns"):
            with Vertical(id="left"):
                with Vertical(classes="pane -stacked", id="confused"):
                    yield ConfusionList()
                with Vertical(classes="pane -stacked", id="classes"):
                    yield ClassBars()
                yield ResultsSection("Scores", id="scores")
                yield ResultsSection("Closed form", id="solution")
            with Vertical(id="right"):
                yield ConfusionView(self._key("matrix"))
        with VerticalScroll(id="complexity-page", classes="page -hidden", can_focus=False):
            yield ResultsSection("Complexity", id="complexity")
        with VerticalScroll(id="details-page", classes="page -hidden", can_focus=False):
            yield ResultsSection("Times", id="timings")
            yield ResultsSection("Run", id="run")
        yield KeyFooter()

    def _key(self, name: str) -> str:
        return key_of(f"results.{name}", ResultsScreen, self.app.settings.keys)

    def on_mount(self) -> None:
        self._show_tabs()
        self.query_one("#confused").border_title = pane_title("Confusions")
        self.query_one("#confused").border_subtitle = Content.assemble(("Enter", "$accent"), " its images")

    def on_resize(self) -> None:
        is_small = self.size.width < PLAIN_COLUMNS or self.size.height < PLAIN_ROWS
        self.headline.fit(plain=is_small or self.app.settings.glyphs == "ascii")

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
                "timings": timing_lines(doc),
                "complexity": as_table(complexity.of(preset.experiment)).rstrip().splitlines(),
                "run": run_lines(doc),
            }
        except (RequestError, OSError, TypeError, KeyError) as error:
            self.app.call_from_thread(self._show_unreadable, UNREADABLE.format(error))
            return
        self.app.call_from_thread(self._show, doc, sections, preset.title or preset.name)

    def _show_unreadable(self, text: str) -> None:
        self.headline.show("", {}, text)
        for section in self.query(ResultsSection):
            section.say([])
        self._hide_scores(True)

    def _show(self, doc: Document, sections: dict[str, list[str]], title: str) -> None:
        self.status.show(doc["state"], title)
        self._state = doc["state"]
        self.refresh_bindings()
        self.sample.say(sample_line(bool((doc["dataset"] or {}).get("sample"))))
        test, matrix = doc["test"], doc["confusion_matrix"]
        keys = {name: self._key(name) for name in ("curves", "diagnosis", "resume")}
        self.headline.show(percent(test["accuracy"]) if test else "", headline_facts(doc), missing_scores(doc, keys))
        for name, lines in sections.items():
            self.query_one(f"#{name}", ResultsSection).say(lines)
        self._hide_scores(not matrix)
        if matrix:
            counts, names = tuple(tuple(row) for row in matrix), class_names(doc)
            self.matrix.show(counts, names, "of the test set, evaluated after training")
            self.confusions.show(worst_confusions(counts, names, PAIRS))
        self.class_bars.show(class_scores(doc))
        self.query_one("#classes").border_title = pane_title("Classes", note=self.class_bars.scale)

    def _hide_scores(self, hidden: bool) -> None:
        for pane in ("#confused", "#classes", "ConfusionView"):
            self.query_one(pane).set_class(hidden, "-empty")

    @on(ConfusionView.CellChosen)
    def _cell_chosen(self, message: ConfusionView.CellChosen) -> None:
        self.app.show(Route("gallery", run=self.folder, cell=(message.true, message.predicted)))

    @on(ConfusionList.LeftAtEnd)
    def _scroll_line(self, message: ConfusionList.LeftAtEnd) -> None:
        self._page.scroll_relative(y=3 * message.by, animate=False)

    @property
    def _page(self) -> VerticalScroll:
        return self.query_one(f"#{self.page.lower()}-page", VerticalScroll)

    def action_page(self, page: str) -> None:
        """Show one of the pages."""
        self._page.add_class("-hidden")
        self.page = page
        self._page.remove_class("-hidden")
        self._show_tabs()

    def _show_tabs(self) -> None:
        parts: list[LinePart] = []
        for page in PAGES:
            here, action = page == self.page, f"screen.page('{page}')"
            key, name = ("bold $background on $primary",) * 2 if here else ("$accent", "")
            parts += [LinePart(f" {self._key(page.lower())} ", key, action), LinePart(f"{page} ", name, action)]
        self.tabs.show(parts)

    def action_scroll_page(self, by: int) -> None:
        self._page.scroll_relative(y=by * max(1, self._page.size.height - 1), animate=False)

    def action_scroll_to_end(self, last: bool) -> None:
        if last:
            self._page.scroll_end(animate=False)
        else:
            self._page.scroll_home(animate=False)

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


def headline_facts(doc: Document) -> dict[str, str]:
    """Return the scores beside the accuracy, the network's size, times and the published accuracy, if there is one."""
    test, times = doc["test"], RunTimes(**doc["times"])
    if not test:
        return {}
    planned, done = doc["experiment"]["training"]["epochs"], len(doc["epochs"])
    facts = {
        "Test loss": loss(test["loss"]),
        "Macro F1": percent(test["macro_f1"]),
        "Parameters": count(doc["parameters"]["total"]),
        "Epochs": f"{done:,} of {planned:,}",
        "Training": seconds(times.training),
    }
    for score in published_scores(doc):
        if score.name == "test accuracy":
            facts |= {"Published": score.written(score.published), "Difference": score.difference}
    return facts


def missing_scores(doc: Document, keys: Mapping[str, str]) -> str:
    """Return why a run has no scores and what can be done; empty if it has scores.

    Args:
        keys: the keys for the ``curves``, for the ``diagnosis`` and to ``resume`` the run.
    """
    if doc["test"]:
        return ""
    state = doc["state"]
    after = f"after {counted(len(doc['epochs']), 'epoch')} of {doc['experiment']['training']['epochs']:,}"
    reason = f": {doc['reason']}" if doc["reason"] else ""
    ways = [f"{keys['resume']} resumes it"] if state in RESUMABLE else []
    ways += [f"{keys['diagnosis']} says what to change"] if state == "diverged" else []
    ways.append(f"{keys['curves']} shows the curves" + (" and the end of its log" if state in BROKEN else ""))
    return f"There are no test scores: the run {STATE_VERBS.get(state, state)} {after}{reason}.\n{', '.join(ways)}."


def class_scores(doc: Document) -> list[ClassScores]:
    """Return the scores of each class; empty if the run was not evaluated."""
    rows = doc["test"]["per_class"] if doc["test"] else []
    return [ClassScores(row["class"], row["precision"], row["recall"], row["f1"], row["support"]) for row in rows]


def _aligned_right(rows: Sequence[Sequence[str]]) -> list[str]:
    return aligned([rows], range(1, len(rows[0])))


def score_lines(doc: Document) -> list[str]:
    """Return the run's scores, with the published scores and the differences if a source published this experiment."""
    test, train = doc["test"], doc["train"] or {}
    if not test:
        return []
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


def class_names(doc: Document) -> list[str]:
    return [row["class"] for row in doc["test"]["per_class"]] if doc["test"] else [str(digit) for digit in range(10)]


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
