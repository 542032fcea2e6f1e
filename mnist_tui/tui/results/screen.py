"""The results of a run that has ended: scores, classes, confusions, complexity and timings."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from textual import getters, on, work
from textual.app import ComposeResult
from textual.containers import Container, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from mnist_tui.columns import Column
from mnist_tui.errors import RequestError
from mnist_tui.experiment.complexity import Complexity
from mnist_tui.experiment.parameters import PARAMETERS
from mnist_tui.experiment.preset_files import PresetError
from mnist_tui.experiment.presets import EDITED, Preset, find_preset, has_same_results, length_in_words
from mnist_tui.experiment.spec import with_part
from mnist_tui.report.complexity.breakdown import complexity_in_words, network_lines
from mnist_tui.report.result_words import (
    MEASURED,
    PublishedScore,
    citation,
    ends_in_words,
    member_cells,
    published_scores,
    ridge_accuracies,
    solution_in_words,
    test_loss,
)
from mnist_tui.report.statistics_words import (
    MEANINGS,
    TEMPERATURE,
    WITH_IT,
    class_statistics,
    statistics_in_words,
    statistics_notes,
)
from mnist_tui.report.tabular import aligned
from mnist_tui.runs.collection.summaries import difference
from mnist_tui.runs.ensembles import EnsembleMember, members_of
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.origin import complexity_of
from mnist_tui.runs.results import run_document
from mnist_tui.runs.scores import MOST_IN_ORDER, both_ways, worst_confusions
from mnist_tui.runs.state import RESUMABLE
from mnist_tui.runs.statistics import Statistics, statistics_of
from mnist_tui.runs.times import REST, REST_WORDS, RunTimes, parts_of
from mnist_tui.runs.watch import BROKEN
from mnist_tui.settings import Glyphs
from mnist_tui.tui import run_commands
from mnist_tui.tui.bench import BenchScreen, Route
from mnist_tui.tui.experiment_words import FULL_COLUMNS, HOW, OTHER, TOTALS, WEIGHTS, full_rows, totals
from mnist_tui.tui.presets.network import NetworkBox, NetworkDrawing, boxes_of
from mnist_tui.tui.results.panes import MOST_PAIRS, ClassBars, ClassScores, ConfusionList, Headline
from mnist_tui.tui.terminal.desktop import copy
from mnist_tui.tui.terminal.keymap import bind, key_of, pane_title
from mnist_tui.tui.widgets.confusion import DIGITS, HEIGHT_DOUBLED, ROOMY_SCREEN, ConfusionView
from mnist_tui.tui.widgets.confusion_cells import FEW, MOST_LINES
from mnist_tui.tui.widgets.controls import KeyFooter
from mnist_tui.tui.widgets.plots.reliability import ReliabilityPlot
from mnist_tui.tui.widgets.run_status import Banner, StatusLine, sample_line
from mnist_tui.tui.widgets.tab_strip import TabStrip
from mnist_tui.tui.widgets.text import FactGrid, Line, LinePart, PartsLine, TableView, bar_texts
from mnist_tui.wording import DASH, count, counted, defined, grouped, loss, percent, seconds

Document = Mapping[str, Any]
UNREADABLE = "The run's folder cannot be read: {}."
FOREIGN = (("training",), ("weights",), ("diagnosis",))
"""The parameters of the action `show` for screens about a training."""
TIME_BAR, LEAST_TIME = 20, 0.005
"""Columns of a bar that shows a part of the total time, and the seconds from which a part is listed."""
PLATFORM = {"device": "Device", "cpu": "CPU", "python": "Python", "tensorflow": "TensorFlow", "keras": "Keras"}
RUN_FACTS = (
    *("Run", "State", "Origin", "Sources", "Notes", "Data"),
    *(*PLATFORM.values(), "Warning", "Folder", "Train again", "Command"),
)
"""The names of the facts about a run, in their order."""
UNUSED = {"", "none", "off", "0"}
"""Values of parameters that change nothing; only the seed can be 0 and have an effect."""
STATE_VERBS = {"stopped": "was stopped", "finished": "finished without an evaluation", "running": "still trains"}
"""What is said of a run in a state that is no verb of its own."""
PAGES = ("Scores", "Complexity", "Details", "Statistics")
STATISTICS = PAGES[-1]
INTERVAL = "95 % interval"
SHORT_STATISTICS = {"Average precision, macro": "Average precision", WITH_IT: "Calibration with it"}
"""The names of statistics that are shortened for the list beside the diagram."""
STATISTICS_COLUMNS = (Column("Statistic"), Column("Value", right=True), Column("What it means", need=1))
NO_STATISTICS = "The statistics come from the predictions of the final evaluation, which this run does not have."
FRAME, MANY_LINES, MATRIX_ELSE = 2, 22, 3
"""Lines of a pane's frame, of the pane with many classes, and of a matrix besides its rows."""
PLAIN_COLUMNS, PLAIN_ROWS = 78, 24
"""Columns and rows from which the accuracy is written in large digits."""


class ResultsSection(Static):
    """A pane with lines, which is hidden while it is empty."""

    def __init__(self, title: str, *, id: str) -> None:
        super().__init__("", id=id, markup=False, classes="pane -stacked")
        self.border_title = pane_title(title)

    def say(self, lines: Sequence[str | Content]) -> None:
        self.update(Content("\n").join(lines))
        self.set_class(not lines, "-empty")


class ResultsScreen(BenchScreen[None]):
    """The screen with the results of a run that has ended."""

    GUIDE = "screens#weights-diagnosis-results"
    CSS_PATH = "results.tcss"
    AUTO_FOCUS = "ConfusionList"
    HELP = """
    **Results.** The final evaluation on the test images, with dropout off. The weights are those of the last epoch, or
    of the best epoch if early stopping restored them. Published scores are shown for experiments that a source
    published, training scores only if both were measured in the same way. `i` says what the figures mean, and what can
    be done. `1` to `4` show scores, complexity, details and statistics. `E` exports a report, weights and tables; `y`
    copies the summary; `r` measures the accuracy on corrupted test images. `e` opens the experiment in the editor, to
    train it again with changes; `n` and `N` go to the next and the previous run of the list.
    """
    BINDINGS = [
        bind("results.resume", "p", "resume", "Resume", "Go on with it from its last checkpoint"),
        bind("results.export", "E", "export", "Export", "Report, weights, tables as files"),
        bind("results.diagnosis", "i", "show('diagnosis')", "Diagnosis", "How the training went, and what to do next"),
        bind("results.matrix", "m", "show('matrix')", "Matrix", "The confusion matrix in full"),
        bind("results.weights", "w", "show('weights')", "Weights", "Weights and biases layer by layer"),
        bind("results.edit", "e", "edit", "Train again", "Its experiment in the editor: train it again with changes"),
        bind("results.evaluate", "d", "show('evaluate')", "Other data…", "Evaluate the network on other data"),
        bind("results.next", "n", "step(1)", "Next run", "The results of the next run of the list"),
        bind("results.previous", "N", "step(-1)", "Previous", "The results of the run before it in the list"),
        bind("results.robustness", "r", "robustness", "Robustness", "Its accuracy on corrupted test images"),
        bind("results.gallery", "g", "show('gallery')", "Images", "The images behind the matrix"),
        bind("results.curves", "c", "show('training')", "Curves", "The run's curves"),
        bind("results.copy", "y", "copy", "Copy", "The summary to the clipboard, and into a file"),
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
        self._has_chosen_page = False
        self._has_scores = True
        self._class_names: Sequence[str] = ()
        self._is_foreign = False

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
                with VerticalScroll(classes="pane -stacked", id="classes", can_focus=False):
                    yield ClassBars()
            with Vertical(id="right"):
                yield ConfusionView(self._key("matrix"), in_page=True)
                yield ResultsSection("Scores", id="scores")
                yield ResultsSection("Members of the ensemble", id="members")
                yield ResultsSection("Closed form", id="solution")
        with (
            VerticalScroll(id="complexity-page", classes="page -hidden", can_focus=False),
            Container(id="complexity-columns"),
        ):
            with Vertical(id="layers-and-words"):
                with Vertical(id="layers", classes="pane -stacked") as layers:
                    layers.border_title = pane_title("Layers")
                    yield TableView(FULL_COLUMNS, total=True, below=(HOW, (WEIGHTS, OTHER)))
                yield ResultsSection("Layers", id="other-layers")
                yield ResultsSection("In words", id="complexity-words")
            with Vertical(id="network-and-totals"):
                with Vertical(id="network", classes="pane -stacked") as network:
                    network.border_title = pane_title("Network")
                    yield NetworkDrawing()
                with Vertical(id="totals", classes="pane -stacked") as sums:
                    sums.border_title = pane_title("Complexity")
                    yield FactGrid(TOTALS)
            yield ResultsSection("In words", id="words-below")
        with (
            VerticalScroll(id="details-page", classes="page -hidden", can_focus=False),
            Container(id="details-columns"),
        ):
            with Vertical(id="timings-and-run"):
                yield ResultsSection("Times", id="timings")
                with Vertical(id="run", classes="pane -stacked") as run:
                    run.border_title = pane_title("Run")
                    yield FactGrid(RUN_FACTS)
            yield ResultsSection("Trained with", id="settings")
        with (
            VerticalScroll(id="statistics-page", classes="page -hidden", can_focus=False),
            Container(id="statistics-columns"),
        ):
            with Vertical(id="statistics-texts"):
                with Vertical(classes="pane -stacked", id="statistics") as pane:
                    pane.border_title = pane_title("Statistics")
                    yield TableView(STATISTICS_COLUMNS)
                    yield Line("Reading the predictions …", id="statistics-notes")
                yield ResultsSection("Classes, each against the rest", id="ranking")
            yield ReliabilityPlot(id="reliability")
        yield KeyFooter()

    def _key(self, name: str) -> str:
        return key_of(f"results.{name}", ResultsScreen, self.app.settings.keys)

    def on_mount(self) -> None:
        self._show_tabs()
        for section in ("#members", "#solution"):  # few runs have them
            self.query_one(section, ResultsSection).say([])
        self.query_one("#confused").border_title = pane_title("Confusions")
        self.query_one("#confused").border_subtitle = Content.assemble(("Enter", "$accent"), " its images")

    def on_resize(self) -> None:
        self.call_after_refresh(self._fit_panes)
        is_small = self.size.width < PLAIN_COLUMNS or self.size.height < PLAIN_ROWS
        self.headline.fit(plain=is_small or self.app.settings.glyphs == "ascii")

    def _fit_panes(self) -> None:
        """List as many confusions as the classes leave room for, and say where the bars of the classes begin."""
        classes = min(MANY_LINES, len(self._class_names) + 1 + FRAME)
        self.confusions.fit(self.query_one("#scores-page").size.height - classes - FRAME)
        self._fit_matrix()
        self.query_one("#classes").border_title = pane_title("Classes", note=self.class_bars.scale)

    def _fit_matrix(self) -> None:
        """Make the matrix as high as the sections below it leave room for, if it stands beside the confusions."""
        is_beside = self.has_class("-wide") or self.has_class("-huge")
        has_room = is_beside and self.size.height >= ROOMY_SCREEN and len(self._class_names) <= FEW
        right = self.query_one("#right")
        below = sum(section.outer_size.height for section in right.query(ResultsSection) if section.display)
        room = self.query_one("#scores-page").size.height - below
        highest = MATRIX_ELSE + FRAME + len(self._class_names) * MOST_LINES
        natural = HEIGHT_DOUBLED + FRAME + 1
        self.matrix.styles.height = min(room, highest) if has_room and room > natural else None

    def on_screen_resume(self) -> None:
        self._read_folder()

    @work(thread=True, exit_on_error=False)
    def _read_folder(self) -> None:
        try:
            doc = run_document(self.folder)
            preset = self.folder.preset()
            sections: dict[str, Sequence[str | Content]] = {
                "scores": score_lines(doc),
                "solution": solution_lines(doc),
                "members": member_lines(members_of(self.folder)),
                "timings": timing_lines(doc, self.app.settings.glyphs),
                "settings": setting_lines(preset) if doc["origin"] is None else [],
            }
            counts = complexity_of(preset.experiment, self.folder.origin)
            sections |= {
                "other-layers": [] if counts else foreign_lines(network_lines(preset.experiment, self.folder.origin)),
                "complexity-words": [complexity_in_words(counts, preset.experiment)] if counts else [],
            }
            sections["words-below"] = sections["complexity-words"]  # in a window with one column
            boxes, facts = boxes_of(preset.experiment) if counts else (), run_facts(doc)
        except (RequestError, OSError, TypeError, KeyError) as error:
            self.app.call_from_thread(self._show_unreadable, UNREADABLE.format(error))
            return
        title = preset.title or preset.name, changes_in_words(preset)
        if origin := doc["origin"]:
            title = (title[0], origin["words"]) if origin["kind"] == "evaluated" else (origin["words"], "")
        self.app.call_from_thread(self._show, doc, sections, title, headline_facts(doc, preset), facts)
        self.app.call_from_thread(self._show_complexity, counts, boxes)

    @work(thread=True, exclusive=True, group="statistics", exit_on_error=False)
    def _read_statistics(self) -> None:
        found = statistics_of(self.folder)
        self.app.call_from_thread(self._show_statistics, found)

    def _show_statistics(self, found: Statistics | None) -> None:
        names = self._class_names
        notes = statistics_notes(found, names) if found else [NO_STATISTICS]
        self.query_one("#statistics TableView", TableView).show(statistics_rows(found) if found else [])
        self.query_one("#statistics-notes", Line).say("\n".join(notes))
        self.query_one("#ranking", ResultsSection).say(ranking_lines(found, names) if found else [])
        self.query_one(ReliabilityPlot).show(
            found.calibration if found else None, (found and found.no_probabilities) or ""
        )
        self.query_one(ReliabilityPlot).display = found is not None

    def _show_unreadable(self, text: str) -> None:
        self.headline.show("", {}, text)
        for section in self.query(ResultsSection):
            section.say([])
        self.query_one("#run FactGrid", FactGrid).show({})
        self._show_complexity(None)
        self._hide_scores(True)

    def _show(
        self,
        doc: Document,
        sections: Mapping[str, Sequence[str | Content]],
        title: tuple[str, str],
        headline: Mapping[str, str],
        facts: Mapping[str, str],
    ) -> None:
        self.status.show(doc["state"], *title)
        self._state, self._is_foreign = doc["state"], doc["origin"] is not None
        self.refresh_bindings()
        self.sample.say(sample_line(bool((doc["dataset"] or {}).get("sample"))))
        test, matrix = doc["test"], doc["confusion_matrix"]
        keys = {name: self._key(name) for name in ("curves", "diagnosis", "resume")}
        reached = percent(test["accuracy"]) if test else ""
        self.headline.show(reached, headline, missing_scores(doc, keys), evaluated_images(doc))
        for name, lines in sections.items():
            self.query_one(f"#{name}", ResultsSection).say(lines)
        self.query_one("#scores").set_class(len(sections["scores"]) == 1, "-line")
        self.query_one("#run FactGrid", FactGrid).show(facts)
        self._hide_scores(not matrix)
        if not test and not self._has_chosen_page:
            self._show_page("Details")
        if matrix:
            counts, names = tuple(tuple(row) for row in matrix), class_names(doc)
            when = "" if self._is_foreign else ", evaluated after training"
            fold = doc.get("fold")
            of = f"of fold {fold['number']} of {fold['of']}" if fold else "of the test set"
            self.matrix.show(counts, names, f"{of}{when}")
            worst = worst_confusions(counts, names, MOST_PAIRS)
            self.confusions.show(worst)
            both = both_ways(counts, names, worst[0].true, worst[0].predicted) if worst else ""
            self.query_one("#confused").border_title = pane_title("Confusions", note=both)
        scores = class_scores(doc)
        self._class_names = [score.name for score in scores]
        if self.page == STATISTICS:
            self._read_statistics()
        pane = self.query_one("#classes")
        pane.can_focus = len(scores) > MOST_IN_ORDER
        pane.set_class(pane.can_focus, "-many")
        self.class_bars.show(scores)
        self.call_after_refresh(self._fit_panes)

    def _show_complexity(self, counts: Complexity | None, boxes: Sequence[NetworkBox] = ()) -> None:
        """Show the complexity of a network; None if its layers are not those of an experiment."""
        self.query_one("#complexity-page #layers").display = counts is not None
        self.query_one("#network-and-totals").display = counts is not None
        if counts is not None:
            self.query_one("#layers TableView", TableView).show(full_rows(counts))
            self.query_one(NetworkDrawing).show(boxes)
            facts = totals(counts)
            if counts.dense_weights == counts.weights:
                facts["Dense part"] = ""  # it is the whole network
            self.query_one("#totals FactGrid", FactGrid).show(facts)

    def _hide_scores(self, hidden: bool) -> None:
        self._has_scores = not hidden
        self._let_focus()
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
        self._has_chosen_page = True
        self._show_page(page)

    def _show_page(self, page: str) -> None:
        self._page.add_class("-hidden")
        self.page = page
        self._page.remove_class("-hidden")
        self._let_focus()
        self._show_tabs()
        if page == STATISTICS:
            self._read_statistics()

    def _let_focus(self) -> None:
        """Let the list of confusions have the focus while it is seen, and only then."""
        is_seen = self._has_scores and self.page == PAGES[0]
        self.confusions.can_focus = is_seen
        if not is_seen and self.confusions.has_focus:
            self.set_focus(None)
        elif is_seen and self.focused is None:
            self.confusions.focus()

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

    def action_robustness(self) -> None:
        self.app.show(Route("robustness", runs=[self.folder]))

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
        if self._needs_training(action, parameters):
            return False
        if action == "resume":
            return self._state in RESUMABLE
        return action != "step" or self._list is not None

    def _needs_training(self, action: str, parameters: tuple[object, ...]) -> bool:
        """Return whether an action needs a training that the run does not have."""
        return self._is_foreign and (action in {"resume", "edit"} or parameters in FOREIGN)

    def refuse(self, action: str, parameters: tuple[object, ...]) -> bool:
        if not self._needs_training(action, parameters):
            return False
        getattr(self, f"action_{action}")(*parameters)  # says why it refuses
        return True

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


def evaluated_images(doc: Document) -> str:
    """Return the images of a run's scores in a word: ``test``, or ``held-out`` for a fold of a cross-validation."""
    return "held-out" if doc.get("fold") else "test"


def headline_facts(doc: Document, preset: Preset) -> dict[str, str]:
    """Return the scores beside the accuracy, the network's size, times and the published accuracy, if there is one."""
    test, times = doc["test"], RunTimes(**doc["times"])
    if not test:
        return {}
    planned, done = doc["experiment"]["training"]["epochs"], len(doc["epochs"])
    facts = {
        f"{evaluated_images(doc).capitalize()} loss": test_loss(doc),
        "Macro F1": percent(test["macro_f1"]),
        "Parameters": count(doc["parameters"]["total"]),
        "Epochs": f"{done:,} of {planned:,}",
        "Training": seconds(times.training),
    }
    if origin := doc["origin"]:
        del facts["Epochs"], facts["Training"]
        facts["Origin"] = origin["words"]
    for score in published_scores(doc):
        if score.name == "test accuracy":
            facts |= {"Published": score.written(score.published), "Difference": score.difference}
    if "Published" not in facts and not doc["origin"]:
        facts |= published_after_more_epochs(doc, preset)
    return facts


def changes_in_words(preset: Preset) -> str:
    """Say what a run's title leaves out: all changes if it only says ``edited``, else those of epochs and images."""
    if not preset.title.endswith(EDITED):
        return length_in_words(preset)
    try:
        return difference(find_preset(preset.name).experiment, preset.experiment)
    except PresetError:
        return ""


def published_after_more_epochs(doc: Document, preset: Preset) -> dict[str, str]:
    """Return the accuracy that was published for another number of epochs; empty if anything else differs."""
    try:
        source = find_preset(preset.name)
    except PresetError:
        return {}
    epochs = source.experiment.training.epochs
    same = with_part(preset.experiment, "training", epochs=epochs)
    published = source.published(sample=bool((doc["dataset"] or {}).get("sample")))
    if published is None or published.accuracy is None or not has_same_results(same, source.experiment):
        return {}
    return {f"Published after {counted(epochs, 'epoch')}": percent(published.accuracy)}


def missing_scores(doc: Document, keys: Mapping[str, str]) -> str:
    """Return why a run has no scores and what can be done; empty if it has scores.

    Args:
        keys: the keys for the ``curves``, for the ``diagnosis`` and to ``resume`` the run.
    """
    if doc["test"]:
        return ""
    state, reason = doc["state"], f": {doc['reason']}" if doc["reason"] else ""
    if doc["origin"]:
        return f"There are no test scores: the run {STATE_VERBS.get(state, state)}{reason}."
    after = f"after {counted(len(doc['epochs']), 'epoch')} of {doc['experiment']['training']['epochs']:,}"
    ways = [f"{keys['resume']} resumes it"] if state in RESUMABLE else []
    ways += [f"{keys['diagnosis']} says what to change"] if state == "diverged" else []
    ways.append(f"{keys['curves']} shows the curves" + (" and the end of its log" if state in BROKEN else ""))
    return f"There are no test scores: the run {STATE_VERBS.get(state, state)} {after}{reason}.\n{', '.join(ways)}."


def member_lines(members: Sequence[EnsembleMember]) -> list[str]:
    """Return a table of an ensemble's members and what it gains over each; no lines for other runs."""
    if not members:
        return []
    rows: list[tuple[str, ...]] = []
    for member in members:
        accuracy, gain, *_, p = member_cells(member)
        rows.append((member.label, accuracy, gain, p))
    return _aligned_right([("member", "accuracy", "ensemble better by", "McNemar's p"), *rows])


def foreign_lines(lines: Sequence[str]) -> list[Content]:
    """Return the lines of a table of layers with its head and rules in grey, and dashes for zeros."""
    table = [re.sub(r"(?<= )0(?= |$)", DASH, line) for line in lines]
    grey = {0: "bold $foreground-muted"} if len(table) > 1 else {}
    grey |= {at: "$border-blurred" for at, line in enumerate(table) if line.startswith("─")}
    return [Content.styled(line, grey.get(at, "")) for at, line in enumerate(table)]


def class_scores(doc: Document) -> list[ClassScores]:
    """Return the scores of each class; empty if the run was not evaluated."""
    rows = doc["test"]["per_class"] if doc["test"] else []
    return [ClassScores(row["class"], row["precision"], row["recall"], row["f1"], row["support"]) for row in rows]


def statistics_rows(found: Statistics) -> list[tuple[str, str, str]]:
    """Return a row of STATISTICS_COLUMNS for each statistic of a run."""
    texts = statistics_in_words(found)
    rows = {"Accuracy": defined(found.accuracy, percent)}
    if found.interval is not None:
        rows[INTERVAL] = f"{ends_in_words(found.interval)} %"
    rows |= {name: text for name, text in texts.items() if name not in rows}
    if found.temperature is None and not found.no_probabilities:
        del rows[TEMPERATURE]  # a note says why there is none
    meanings = {**MEANINGS, INTERVAL: "of the accuracy (Wilson)"}
    return [(SHORT_STATISTICS.get(name, name), text, meanings[name]) for name, text in rows.items()]


def ranking_lines(found: Statistics, names: Sequence[str]) -> list[str]:
    """Return the ROC-AUC and the average precision of each class, one a line, below a heading."""
    return _aligned_right([("Class", "ROC-AUC", "Average precision"), *class_statistics(found, names)])


def _aligned_right(rows: Sequence[Sequence[str]]) -> list[str]:
    return aligned([rows], range(1, len(rows[0])))


def score_lines(doc: Document) -> list[str]:
    """Return the run's scores, with the published scores and the differences if a source published this experiment."""
    test, train = doc["test"], doc["train"] or {}
    if not test:
        return []
    of = evaluated_images(doc)
    rows = {
        f"{of} accuracy": percent(test["accuracy"]),
        f"{of} loss": test_loss(doc),
        f"macro F1 ({of})": percent(test["macro_f1"]),
        "training accuracy, no dropout": percent(train.get("accuracy")),
        "training loss, no dropout": loss(train.get("loss")),
    }
    if doc["origin"]:
        rows = {name: text for name, text in rows.items() if not name.startswith("training")}
    published = published_scores(doc)
    if not published:  # the other scores stand above
        figures = f"accuracy {percent(train.get('accuracy'))}, loss {loss(train.get('loss'))}"
        lines = [] if doc["origin"] else [f"Training images, without dropout: {figures}."]
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
    if doc["test"]:
        return [row["class"] for row in doc["test"]["per_class"]]
    return list(map(str, range(len(doc["confusion_matrix"] or DIGITS))))


def timing_lines(doc: Document, glyphs: Glyphs) -> list[Content]:
    """Return the duration of each part of the run with a bar for its share of the total, and the speed of training."""
    times = RunTimes(**doc["times"])
    parts = {name: value for name, value in parts_of(times, doc["timings"] or {}).items() if value >= LEAST_TIME}
    rows: list[tuple[str, str, float | None]] = [(name, seconds(value), value) for name, value in parts.items()]
    rows += [("Total", seconds(times.total), None)] if times.total is not None else []
    if times.images_per_second is not None:
        rows.append(("Training images/s", count(round(times.images_per_second)), None))
    label = max((len(name) for name, _, _ in rows), default=0)
    number = max((len(text) for _, text, _ in rows), default=0)
    lines: list[Content] = []
    for name, text, value in rows:
        full, rest = bar_texts(value / times.total, TIME_BAR, glyphs) if value and times.total else ("", "")
        bar = (f"  {full}", "$primary"), (rest, "$foreground 20%")
        lines.append(Content.assemble((f"{name:<{label}}", "$text-muted"), f"  {text:>{number}}", *bar))
    if REST in parts:
        lines.append(Content.styled(f"{REST}: {REST_WORDS}", "$text-muted"))
    return lines


def run_facts(doc: Document) -> dict[str, str]:
    """Return the run's data, platform, folder and command, by the names in RUN_FACTS."""
    data, platform = doc["dataset"] or {}, doc["platform"] or {}
    reason = f": {doc['reason']}" if doc["reason"] else ""
    facts = {"Run": doc["run"], "State": f"{doc['state']}{reason}"}
    if data:
        training = f"{count(data['train'])} training, " if data["train"] else ""
        facts["Data"] = f"{data['title']}: {training}{count(data['test'])} test images"
    if origin := doc["origin"]:
        facts["Origin"] = origin["words"]
        facts["Sources"] = ", ".join(source["name"] for source in origin["sources"])
        facts["Notes"] = "\n".join(origin["notes"])
    facts |= {name: platform[key] for key, name in PLATFORM.items() if isinstance(platform.get(key), str)}
    facts["Warning"] = "\n".join(doc["warnings"])
    return facts | {"Folder": doc["folder"], "Command" if origin else "Train again": doc["command"]}


def setting_lines(preset: Preset) -> list[Content]:
    """Return the parameters that a run was trained with, one a line; those that differ from its preset are marked.

    Args:
        preset: the run's own experiment, under the name of its preset.
    """
    experiment = preset.experiment
    try:
        planned = find_preset(preset.name).experiment
    except PresetError:
        planned = None
    name = f"{preset.name}, which is not there any more"
    if planned is not None:
        name = f"{preset.name}, {difference(planned, experiment) or 'unchanged'}"
    rows: list[tuple[str, str, str]] = []
    for parameter in PARAMETERS:
        text = parameter.read(experiment)
        before = text if planned is None else parameter.read(planned)
        if text != before or text not in UNUSED or parameter.name == "seed":
            rows.append((parameter.label, grouped(text) or "none", grouped(before or "none") if text != before else ""))
    label = max(len(name) for name, _, _ in rows)
    value = max((len(text) for _, text, before in rows if before), default=0)
    lines = [Content.assemble((f"{'Preset':<{label}}  ", "$text-muted"), name)]
    for name, text, before in rows:
        mark = (text, "bold $accent") if before else text
        note = f"{' ' * (value - len(text))}   preset: {before}" if before else ""
        lines.append(Content.assemble((f"{name:<{label}}  ", "$text-muted"), mark, (note, "$text-muted")))
    return lines
