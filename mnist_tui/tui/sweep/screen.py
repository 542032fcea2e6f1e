"""The form of a sweep: the parameters to vary and their values, how they are combined, and where they train."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Mapping

from textual import getters, on, work
from textual.app import ComposeResult
from textual.containers import Container, Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Input, Select, Static

from mnist_tui.errors import RequestError
from mnist_tui.experiment.parameters import PARAMETERS
from mnist_tui.experiment.presets import Preset
from mnist_tui.studies.spec import MANY_TRIALS, METRICS, SEARCH_KINDS, SEARCH_TRIALS
from mnist_tui.studies.start import absolute
from mnist_tui.studies.trial_table import METRIC_NAMES
from mnist_tui.tui.bench import BenchScreen, Route, subject_of
from mnist_tui.tui.dialogs import Choice, ChooseScreen, Question, TextScreen, answer_keys, too_long
from mnist_tui.tui.sweep.request import (
    LABELS,
    NothingToRepeatError,
    SweepPlan,
    SweepRequest,
    SweepRequestError,
    command_of,
    example_of,
    first_axis,
    plan_of,
    sizes_text,
    start_sweep,
)
from mnist_tui.tui.terminal.keyboard import TAKES_KEYBOARD
from mnist_tui.tui.terminal.keymap import bind, key_of, labelled, pane_title
from mnist_tui.tui.widgets.controls import KeyFooter, TextControl, ValueSelect
from mnist_tui.tui.widgets.row_table import RowColumn, RowTable, TableRow
from mnist_tui.tui.widgets.tab_strip import TabStrip
from mnist_tui.tui.widgets.text import Line
from mnist_tui.wording import counted, sentence_of

NOTICE_SECONDS = 12
SYNTAX = "Values with commas: 50,100,200. A random or tpe search also takes a range: 50..400, or 0.0001..0.01:log."
EXAMPLES = (
    ("Which number of neurons is best?", "Hidden neurons 100,200,400 and 3 seeds: 9 trainings"),
    ("Which pair of values is best?", "Dropout 0,0.3 and learning rate 0.001,0.01: 4 trainings"),
    ("How much is due to chance?", "no parameter and 10 seeds: 10 trainings"),
    ("How good is it on images it has not seen?", "no parameter and 5 folds: 5 trainings, each held out a fifth"),
    ("Would more images help?", "Training images 1000,5000,20000: 3 trainings and a learning curve"),
)
"""Questions that a study answers, and what to type for them."""
SEARCH_WORDS = {"grid": "grid: all of them", "random": "random: a sample", "tpe": "tpe: learns from scores"}
METRIC_WORDS = {metric: METRIC_NAMES[metric] for metric in METRICS}
BY_PATH = "another field, by its TOML path …"
PLANNING_SECONDS = 0.15
"""The time without a further change after which the form is checked."""


class ManyTrialsQuestion(Question):
    """The question whether to start a study of very many trials; by default it is not started."""

    TITLE = "Start so many trials?"
    HELP = """
    **Very many trials.** Each is a training of its own. A random or tpe search finds good values with far fewer.
    """
    ANSWERS = (
        Choice("keep", "escape,k,n", "Back", "Back to the form", "primary"),
        Choice("start", "s,y", "Start", "Start them all", "warning"),
    )
    BINDINGS = answer_keys("ask-many", ANSWERS)


class SweepScreen(BenchScreen[None]):
    """The form that asks for a sweep over parameters of a preset, or for trainings with several seeds.

    Args:
        preset: the preset that every trial starts from.
        seeds: the number of seeds at first.
    """

    TAB = "studies"
    CSS_PATH = "sweep.tcss"
    GUIDE = "studies"
    TITLE = "Sweep"
    AUTO_FOCUS = ""
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (78, "-normal"), (125, "-wide"), (170, "-huge")]
    HELP = """
    **Sweep.** The first row is a parameter and values to try: type others, or remove it with Ctrl+R. Ctrl+N adds a
    parameter to vary. Values are separated by commas, `150,250,200x100`; a random or tpe search also takes a range,
    `50..400`, `0.0001..0.01:log`. Every combination is a trial, trained once for each seed, or once for each fold that
    is held out (cross-validation). Without any parameter the preset itself is trained in several seeds or folds.
    Ctrl+T starts the study in a process of its own, which goes on when the app is left. Ctrl+O copies the command line
    that does the same.
    """
    BINDINGS = [
        bind("sweep.start", "ctrl+t", "start", "Start", "Start the study", hidden=True),
        bind("sweep.add", "ctrl+n", "add", "Add parameter", "A parameter to vary"),
        bind("sweep.remove", "ctrl+r", "remove", "Remove", "Remove the parameter that has the focus"),
        bind("sweep.copy", "ctrl+o", "copy", "Copy command", "The command line that does the same", hidden=True),
        bind("sweep.back", "escape", "back", "Back", "Back; nothing is started"),
    ]

    what = getters.query_one("#what", Line)
    axes = getters.query_one("#sweep-axes", Vertical)
    sentence = getters.query_one("#sweep-sentence", Line)
    sizes = getters.query_one("#sweep-sizes", Line)
    notes = getters.query_one("#sweep-notes", Line)
    listed = getters.query_one("#sweep-listed", RowTable)
    trials_title = getters.query_one("#sweep-trials-head", Line)
    start_button = getters.query_one("#sweep-start", Button)
    copy_button = getters.query_one("#sweep-copy", Button)
    command = getters.query_one("#sweep-command", Line)

    def __init__(self, preset: Preset, seeds: int = 1) -> None:
        super().__init__()
        self._preset, self._seeds = preset, seeds
        self._plan: SweepPlan | None = None
        self._starting = False

    def compose(self) -> ComposeResult:
        yield TabStrip()
        with Horizontal(id="top"):
            yield Line(f"Sweep of {self._preset.name}: {self._preset.title or 'as it is'}", id="what")
        with Container(id="sweep-body"):
            with Vertical(id="sweep-left"):
                with VerticalScroll(id="sweep-form", classes="pane", can_focus=False) as pane:
                    pane.border_title = pane_title("Parameters")
                    yield from self._fields()
                with VerticalScroll(id="sweep-examples", classes="pane", can_focus=False) as pane:
                    pane.border_title = pane_title("Examples")
                    yield Static(_examples(), markup=False)
            with Vertical(id="sweep-plan", classes="pane -stacked") as pane:
                pane.border_title = pane_title("Study")
                yield Line(id="sweep-sentence")
                yield Line(id="sweep-sizes")
                yield Line(id="sweep-notes")
                yield Line("Trials", classes="section", id="sweep-trials-head")
                yield RowTable(id="sweep-listed")
                yield Line("The same on the command line", classes="section")
                yield Line(id="sweep-command")
                with Horizontal(id="sweep-actions"):
                    yield Button(
                        labelled("Start", self._key("start")),
                        "primary",
                        compact=True,
                        id="sweep-start",
                        action="screen.start",
                    )
                    yield Button(
                        labelled("Copy", self._key("copy")), compact=True, id="sweep-copy", action="screen.copy"
                    )
        yield KeyFooter()

    def _fields(self) -> ComposeResult:
        seed = self._preset.experiment.training.seed
        yield Line("Parameters to vary", classes="section")
        with Vertical(id="sweep-axes"):
            name, values = first_axis(self._preset) if self._seeds == 1 else ("", "")
            if name:
                yield self._axis_row(name, values)
        yield Line(f"None; {self._key('add')} adds one. Each of its values is trained.", id="sweep-none")
        yield Line(SYNTAX, id="sweep-syntax")
        yield Line("Repeat each training", classes="section")
        yield SweepRow("seeds", "Seeds", f"{self._seeds}", f"1 or more, from seed {seed} on")
        yield SweepRow("folds", "Folds", "", "5: each fifth held out once", empty="none")
        yield Line("Combinations of values", classes="section", id="sweep-search-head")
        yield SweepRow("search", "Search", SEARCH_KINDS[0], "the combinations to train", SEARCH_WORDS)
        yield SweepRow("trials", "Trials", "", "combinations to sample", empty=f"{SEARCH_TRIALS}")
        yield SweepRow("prune", "Pruning", "on", "stop trials that are worse", {"on": "on", "off": "off"})
        yield SweepRow("metric", "Metric", METRICS[0], "the score that is compared", METRIC_WORDS)
        yield Line("Where it trains", classes="section")
        yield SweepRow("workers", "Workers", "", "trainings at once", empty="automatic")
        yield SweepRow("threads", "Threads", "", "of each worker", empty="automatic")
        yield SweepRow("scheduler", "Scheduler", "", "of Dask: tcp://HOST:PORT", empty="none, this machine")

    def _key(self, action: str) -> str:
        return key_of(f"sweep.{action}", SweepScreen, self.app.settings.keys)

    def on_mount(self) -> None:
        self.listed.can_focus = False
        self._plan_soon()
        first = next(iter(self._axis_rows), self._row("seeds"))
        first.control.focus()

    @property
    def subject(self) -> Hashable:
        return subject_of(self._preset), self._seeds

    @property
    def request(self) -> SweepRequest:
        """The content of the form."""
        rows = list(self.query(SweepRow))
        return SweepRequest(
            self._preset,
            tuple((row.key, row.text) for row in rows if row.is_axis),
            {row.key: row.text for row in rows if not row.is_axis},
            self.app.options.device,
            absolute(self.app.options.data_dir),
        )

    @on(Input.Changed)
    @on(Select.Changed)
    @work(group="plan", exclusive=True, exit_on_error=False)
    async def _plan_soon(self) -> None:
        """Show the plan of the form a moment after the last change, computed in a thread, as that may take a second."""
        self._plan = None
        for key in ("search", "trials", "prune", "metric"):
            is_unused = not self._axis_rows or (key == "trials" and self._row("search").text == "grid")
            self._row(key).control.disabled = is_unused
            self._row(key).display = not is_unused
        self.query_one("#sweep-search-head").display = bool(self._axis_rows)
        self.query_one("#sweep-none").display = not self._axis_rows
        self.set_class(bool(self._axis_rows), "-axes")
        self.query_one("#sweep-syntax").display = bool(self._axis_rows)
        await asyncio.sleep(PLANNING_SECONDS)
        problem: SweepRequestError | None = None
        try:
            self._plan = await asyncio.to_thread(plan_of, self.request)
        except SweepRequestError as error:
            problem = error
        names = {row: f"axis-{number}" for number, row in enumerate(self._axis_rows)}
        explained = False
        for row in self.query(SweepRow):
            here = problem is not None and names.get(row, row.key) == problem.field and bool(row.text)
            row.explain(str(problem) if here else "")
            explained |= here
        plan = self._plan
        refusal = "Correct the marked value first." if explained else sentence_of(str(problem))
        self.sentence.say(plan.sentence if plan else refusal)
        is_nothing = isinstance(problem, NothingToRepeatError)
        self.sentence.set_class(plan is None and not is_nothing, "-refused")
        self.sentence.set_class(is_nothing, "-hint")
        self.sentence.set_class(explained, "-wrong")
        self.sizes.say(", ".join(filter(None, (plan.epochs, sizes_text(plan.sizes)))) if plan else "")
        self.notes.say("\n".join(map(sentence_of, plan.notes)) if plan else "")
        self.set_class(plan is None, "-planless")
        rows = [TableRow(row[0], row) for row in plan.listed] if plan else []
        heads = plan.heads if plan else ()
        columns = [RowColumn(head, head, right=True, least=4 if at else 0) for at, head in enumerate(heads)]
        self.listed.show(columns, rows)
        is_cut = plan is not None and 0 < len(rows) < plan.trials
        self.trials_title.say(f"Trials, the first {len(rows):,} of {plan.trials:,}" if plan and is_cut else "Trials")
        self.set_class(not rows, "-unlisted")
        label = f"Start {counted(plan.trials, 'trial')}" if plan else "Start"
        self._label_start(label)
        self.start_button.disabled = self.copy_button.disabled = plan is None
        self.command.say(command_of(plan.request, "FILE") if plan else "")
        self.refresh_bindings()

    def _label_start(self, label: str) -> None:
        """Label the button that starts the study, and make it as wide as the label."""
        button = self.start_button
        button.label = text = labelled(label, self._key("start"))
        button.styles.width = text.cell_length + button.styles.padding.width + 2 * button.styles.line_pad

    def _row(self, key: str) -> SweepRow:
        return self.query_one(f"#sweep-{key}", SweepRow)

    @property
    def _axis_rows(self) -> list[SweepRow]:
        return list(self.axes.query(SweepRow))

    @work(group=TAKES_KEYBOARD)
    async def action_add(self) -> None:
        """Ask for a parameter, or for the TOML path of a field, and add a row for its values."""
        taken = {row.key for row in self._axis_rows}
        network = self._preset.experiment
        offered = [each for each in PARAMETERS if each.name not in taken | {"seed"} and each.applies(network)]
        width = max(len(parameter.label) for parameter in offered)
        lines = [f"{parameter.label.ljust(width)}  {parameter.hint}" for parameter in offered]
        chosen = await self.app.push_screen_wait(ChooseScreen("Which parameter is varied?", [*lines, BY_PATH]))
        if chosen is None:
            return
        if chosen < len(offered):
            await self.add_axis(offered[chosen].name)
            return
        about = "A field's path in the experiment's TOML form, such as optimizer.rho or layers.0.units."
        asked = TextScreen("Path of the field", about, problem=too_long(60), keep="Add")
        path = await self.app.push_screen_wait(asked)
        if path and path.strip() and path.strip() not in taken:
            await self.add_axis(path.strip())

    async def add_axis(self, name: str) -> None:
        """Add a row for the values of a parameter, starting with its present value."""
        parameter = next((parameter for parameter in PARAMETERS if parameter.name == name), None)
        row = self._axis_row(name, parameter.read(self._preset.experiment) if parameter else "")
        await self.axes.mount(row)
        self._plan_soon()
        row.control.focus()
        self.call_after_refresh(row.scroll_visible, animate=False)

    @staticmethod
    def _axis_row(name: str, values: str) -> SweepRow:
        return SweepRow(name, LABELS.get(name, name), values, f"such as {example_of(name)}", axis=True)

    async def action_remove(self) -> None:
        for row in self._axis_rows:
            if row.control is self.focused:
                await row.remove()
                self._row("seeds").control.focus()
                self._plan_soon()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        match action:
            case "remove":
                return self.is_mounted and any(row.control is self.focused for row in self._axis_rows)
            case "copy":
                return self._plan is not None
            case _:
                return True

    def on_descendant_focus(self) -> None:
        self.refresh_bindings()

    def action_copy(self) -> None:
        from mnist_tui.tui.terminal.desktop import copy

        if self._plan is not None:
            place = self.app.options.runs_dir / "studies" / "copied-command.txt"
            copy(self.app, command_of(self._plan.request, "FILE"), place)

    def action_start(self) -> None:
        """Start the study, even if the form is closed meanwhile."""
        if not self._starting:
            self._starting = True
            self.app.run_worker(self._start(self.request), group=TAKES_KEYBOARD, exit_on_error=False)

    async def _start(self, request: SweepRequest) -> None:
        app = self.app
        try:
            plan = await asyncio.to_thread(plan_of, request)
            if plan.trials > MANY_TRIALS:
                each = "Each is a training of its own. A random or tpe search needs fewer."
                if await app.push_screen_wait(ManyTrialsQuestion(plan.sentence, each)) != "start":
                    return
            folder, note = await asyncio.to_thread(start_sweep, app.options.runs_dir, request)
        except (RequestError, OSError) as error:
            app.report_error("The study cannot start", str(error))
            return
        finally:
            self._starting = False
        draft = app.editor.edited if app.editor is not None else None
        if draft is not None and draft.experiment == request.preset.experiment:
            draft.hold()
        app.show(Route("study", study=folder))
        if note:
            app.notify(note, title="Study", timeout=NOTICE_SECONDS)


def _examples() -> Content:
    """Return the examples, each as a question in bold type and a line with what to type."""
    lines = [Content.assemble((question, "bold"), f"\n  {answer}") for question, answer in EXAMPLES]
    return Content("\n\n").join(lines)


class SweepRow(Widget):
    """A field of the form with its label and a note beside it: a text or, if there are choices, one of them.

    Args:
        key: the field's name; for an axis, the name of its parameter.
        choices: the values that can be chosen, with the words that are shown for them.
        axis: whether the field holds the values of a parameter to vary.
        empty: what an empty field means; shown in it.
    """

    def __init__(
        self,
        key: str,
        label: str,
        text: str,
        note: str,
        choices: Mapping[str, str] | None = None,
        *,
        axis: bool = False,
        empty: str = "",
    ) -> None:
        super().__init__(id=None if axis else f"sweep-{key}", classes="-axis" if axis else "")
        self.key, self.is_axis = key, axis
        self._label, self._note = Line(label, classes="sweep-row--label"), Line(note, classes="sweep-row--note")
        self._error = Line(classes="sweep-row--error")
        self.control: Input | ValueSelect = (
            ValueSelect(
                [(words, choice) for choice, words in choices.items()], value=text, allow_blank=False, compact=True
            )
            if choices
            else TextControl(text, placeholder=empty, compact=True, select_on_focus=True)
        )
        self.HELP = f"**{label}.** {note[:1].upper()}{note[1:]}."  # pyright: ignore[reportAttributeAccessIssue]

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield self._label
            yield self.control
            yield self._note
        yield self._error

    @property
    def text(self) -> str:
        """The typed text; empty for a field that is disabled."""
        value = self.control.value
        return "" if self.control.disabled and not self.is_axis else str(value).strip()

    def explain(self, why: str) -> None:
        """Show why the text is refused; an empty reason means that it is accepted."""
        self._error.say(f"✗ {why}" if why else "")
        self.set_class(bool(why), "-refused")
