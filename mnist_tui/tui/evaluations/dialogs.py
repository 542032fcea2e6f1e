"""Dialogs that ask for an evaluation on other data or for an import, start its worker, and show how far it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from textual import getters, on
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Input, Label, Static

from mnist_tui.data.catalogue import find, validate_name
from mnist_tui.data.errors import DataError
from mnist_tui.data.known import KNOWN
from mnist_tui.errors import RequestError
from mnist_tui.experiment import corruptions
from mnist_tui.experiment.corruptions import CORRUPTIONS
from mnist_tui.experiment.shapes import ImageShape, written
from mnist_tui.paths import typed_path
from mnist_tui.privacy import last_name
from mnist_tui.runs.evaluations import refusal
from mnist_tui.runs.folder import LONGEST_NAME, RunFolder
from mnist_tui.runs.origin import ENDINGS
from mnist_tui.runs.source_runs import check_has_model, evaluated_run
from mnist_tui.runs.watch import RunSnapshot, RunWatch
from mnist_tui.tui.bench import Route
from mnist_tui.tui.dialogs import FormDialog, too_long
from mnist_tui.tui.terminal.keymap import bind, key_of, labelled, shown
from mnist_tui.tui.widgets.controls import ValueSelect
from mnist_tui.tui.widgets.path_input import PathInput
from mnist_tui.tui.widgets.run_status import phase_progress
from mnist_tui.tui.widgets.text import Bar
from mnist_tui.unexpected import logged
from mnist_tui.wording import capitalized, counted, listed, percent

GROUP = "evaluation"
UNKNOWN = "unknown"


class EvaluationDialog(FormDialog[None]):
    """The base of both dialogs: a form whose run is computed while the dialog stays open.

    If the worker refuses the request, the dialog shows the reason, and the run is gone. If the dialog is closed before
    the end, the run goes on, and a notice tells the result.

    Attributes:
        FIRST_FOCUS: what has the focus at first.
    """

    AUTO_FOCUS = ""
    CANCEL = "Close"
    FIRST_FOCUS = "Input, ValueSelect"
    BINDINGS = [bind("evaluation.accept", "ctrl+s", "accept", "Start", "Start with what the form says", hidden=True)]
    state = getters.query_one("#evaluation-state", Static)
    bar = getters.query_one(Bar)
    chosen_name = getters.query_one("#evaluation-name", Input)

    def __init__(self, title: str = "") -> None:
        super().__init__(title)
        self._busy, self._why = False, ""

    def fields(self) -> Iterable[Widget]:
        yield from self.form()
        name = Input(placeholder="of the new run, if you like", id="evaluation-name", compact=True)
        yield field("Name", name, id="evaluation-name-field")
        yield Bar()
        yield Static(id="evaluation-state", markup=False, classes="note")

    def form(self) -> Iterable[Widget]:
        """Yield the fields above the name."""
        return ()

    @property
    def chosen_dataset(self) -> str:
        """The chosen dataset or folder, whole; raises a RequestError or a DataError if there is none."""
        folder, select = self.query_one("#evaluation-folder", Input).value.strip(), self.query_one(ValueSelect)
        chosen = folder or (select.value if isinstance(select.value, str) else "")
        if not chosen:
            raise RequestError("no dataset is chosen")
        return validate_name(chosen)

    def request(self) -> Callable[[], RunFolder]:
        """Return a function that starts the run, which is called in a thread; raise an error for a wrong field."""
        raise NotImplementedError

    def on_mount(self) -> None:
        self.bar.display = self.state.display = False
        self.query(self.FIRST_FOCUS).first().focus()

    def on_descendant_focus(self) -> None:
        """Show the key of the button: Enter, except on a choice, where Enter opens the list of values."""
        on_choice = isinstance(self.focused, ValueSelect)
        key = key_of("evaluation.accept", EvaluationDialog, self.app.settings.keys) if on_choice else shown("enter")
        self.accept_button.label = labelled(self.ACCEPT, key)
        self.accept_button.refresh(layout=True)
        self.query_one(".dialog").border_subtitle = "Enter shows the list" if on_choice else ""

    @on(Input.Changed)
    @on(ValueSelect.Changed)
    def _changed(self) -> None:
        if not self._busy:
            self.show_problem(self._why)

    def accept(self) -> None:
        if self._busy:
            return
        try:
            if problem := too_long(LONGEST_NAME)(self.chosen_name.value):
                raise RequestError(problem)
            start = self.request()
        except (RequestError, DataError, OSError) as error:
            self.show_problem(str(error))
            return
        self._set_busy(True)
        self.state.update("Starting a worker …")
        self.app.run_worker(self._compute(start), group=GROUP, exit_on_error=False)

    async def _compute(self, start: Callable[[], RunFolder]) -> None:
        """Start the run, follow it, and show its results; if the dialog was closed meanwhile, tell them in a notice."""
        app = self.app
        try:
            folder, end, reason = await asyncio.to_thread(self._follow, start)
        except (RequestError, DataError, OSError) as error:
            folder, end, reason = None, None, str(error)
        except Exception as error:  # nothing else would report an error of this thread
            folder, end, reason = None, None, logged(error)
        self._set_busy(False)
        is_closed = self not in app.screen_stack
        if end is not None and not reason and end.state != "finished":
            reason = f"the run {end.state}: {end.reason}"
        if reason and is_closed:
            app.report_error(f"{self.TITLE} failed", reason)
        elif reason:
            self.show_problem(reason)
        elif end is not None and folder is not None and is_closed:
            accuracy = end.run.ended.test_accuracy if end.run.ended else None
            app.notify(
                f"Run {folder.id} has an accuracy of {percent(accuracy)}.", title=f"{self.TITLE} finished", timeout=10
            )
        elif folder is not None:
            self.dismiss(None)
            app.show(Route("results", run=folder))

    def _follow(self, start: Callable[[], RunFolder]) -> tuple[RunFolder, RunSnapshot, str]:
        """Return the run, its last snapshot, and the reason if the request was refused."""
        folder = start()
        watch, last = RunWatch(folder), RunSnapshot(folder)
        for last in watch.follow():
            self.call_later(self._show_progress, last)
        return folder, last, refusal(folder, last.run)

    def _show_progress(self, snapshot: RunSnapshot) -> None:
        phase = snapshot.run.phase
        if self._busy and phase is not None:
            self.state.update(f"{capitalized(phase_progress(phase))} …")
            self.bar.show(phase.done / phase.total if phase.total else 0.0)

    def _set_busy(self, busy: bool) -> None:
        self._busy = busy
        if self.is_attached:
            self.bar.display = self.state.display = self.accept_button.disabled = busy
            self.state.update("")
            self.show_problem("")


def field(label: str, control: Widget, *, id: str | None = None) -> Horizontal:
    """Return a control with its label in one line."""
    return Horizontal(Label(label, markup=False), control, classes="evaluation-field", id=id)


def dataset_fields(choices: Sequence[tuple[str, str]], chosen: str | None) -> Iterable[Widget]:
    """Yield the choice of a dataset that is here, and the field for a folder of other data."""
    value: Any = {} if chosen is None else {"value": chosen}
    if not choices:
        value["prompt"] = "none is here"
    select = ValueSelect(choices, compact=True, allow_blank=not choices, id="evaluation-dataset", **value)
    yield field("Dataset", select)
    yield field("or folder", PathInput(placeholder="of your own data", id="evaluation-folder", folders=True))


class EvaluateScreen(EvaluationDialog):
    """The dialog that asks on which other data a run is to be evaluated."""

    TITLE = "Evaluation on other data"
    ACCEPT = "Evaluate"
    GUIDE = "elsewhere"
    HELP = f"""
    **Other data.** The trained network classifies the test images of another dataset: a known one, or a folder of your
    own images, whose path wins if both are given. Tab completes it. The images must have the same size and colours, and
    as many classes. `blur:3,noise:2` changes the images first, each by a strength from 1 to 5; there are
    {listed(list(CORRUPTIONS))}. The result is a run of its own, with scores, matrix and images, but without a
    training. Esc closes the dialog; the work goes on and ends with a notice.
    """
    BINDINGS = [bind("evaluate.cancel", "escape", "cancel", "Close", "Close; an evaluation under way goes on")]

    def __init__(self, run: RunFolder) -> None:
        super().__init__()
        self._run = run
        self._image, self._class_count, self._own = (0, 0, 0), 0, ""
        self._title = ""
        try:
            self._run = evaluated_run(run)
            preset = self._run.preset()
            experiment, self._title = preset.experiment, preset.title or preset.name
            self._image, self._class_count = experiment.image_shape, experiment.classes
            self._own = experiment.dataset.name
            check_has_model(self._run)
        except RequestError as error:
            self._why = str(error)

    def form(self) -> Iterable[Widget]:
        names = datasets_here(self._image, self._class_count, self.app.options.data_dir)
        if self._own and self._own not in KNOWN:
            names.append(self._own)
        names.sort(key=lambda name: (_is_sample(name), bool(self._note(name)), name != self._own))
        choices = [(f"{_dataset_title(name)}{self._note(name)}", name) for name in names]
        colours = "grey" if self._image[2] == 1 else "coloured"
        forms = f"{written(self._image[:2])} {colours} images of {counted(self._class_count, 'class')}"
        about = [self._title, self._run.id, *([f"It classifies {forms}."] if self._class_count else [])]
        yield Static("\n".join(filter(None, about)), markup=False)
        yield from dataset_fields(choices, next(iter(names), None))
        example = Input(placeholder="none, or such as blur:3,noise:2", id="evaluation-corrupt", compact=True)
        yield field("Corruption", example)
        yield Static(f"{listed(list(CORRUPTIONS))}; strength 1 to 5", markup=False, classes="note -below")

    def _note(self, name: str) -> str:
        """Return what the choice says of a dataset; empty for another one with the classes of the training."""
        if name == self._own:
            return ", as in training"
        own = KNOWN.get(self._own)
        return "" if own is not None and own.class_names == KNOWN[name].class_names else ", other classes"

    def on_mount(self) -> None:
        if self._why:
            self.show_problem(self._why)

    def request(self) -> Callable[[], RunFolder]:
        corrupt = self.query_one("#evaluation-corrupt", Input).value.replace(" ", "")
        if corrupt:
            corruptions.parse(corrupt)
        name = self.chosen_name.value
        return partial(self.app.starter.evaluate, self._run, self.chosen_dataset, corrupt=corrupt, name=name)


def _dataset_title(name: str) -> str:
    return KNOWN[name].title if name in KNOWN else last_name(name)


def _is_sample(name: str) -> bool:
    return name in KNOWN and KNOWN[name].sample


def datasets_here(image: ImageShape, classes: int, data_dir: Path | None) -> list[str]:
    """Return the known datasets on this machine with these images and as many classes."""
    fitting = [name for name, known in KNOWN.items() if known.image == image and len(known.class_names) == classes]
    return [name for name in fitting if is_here(name, data_dir)]


def is_here(name: str, data_dir: Path | None) -> bool:
    """Return whether a known dataset is on this machine."""
    try:
        return find(name, data_dir) is not None
    except DataError:  # the data folder is not a folder
        return False


class ImportScreen(EvaluationDialog):
    """The dialog that asks for a model, or predictions, made elsewhere."""

    TITLE = "Import"
    ACCEPT = "Import"
    GUIDE = "elsewhere"
    HELP = f"""
    **Import.** A file from another program: a Keras model (`.keras`, `.h5`), an ONNX model (`.onnx`), or predictions
    for the test images of a dataset (`.npz`, `.csv`: probabilities or labels). Tab completes the path. The model is
    evaluated on the dataset's test images, and a run is made of it: with scores, matrix and images, but without a
    training. Nothing in the file is executed. *Pixel values* is the
    range of the pixels that the model takes.
    {"Esc closes the dialog; the work goes on and ends with a notice."}
    """
    BINDINGS = [bind("import.cancel", "escape", "cancel", "Close", "Close; an import under way goes on")]

    def form(self) -> Iterable[Widget]:
        yield Static(f"A model or predictions from another program: {listed(list(ENDINGS), 'or')}.", markup=False)
        yield field("File", PathInput(placeholder="its path; Tab completes", id="import-file"))
        names = [name for name in KNOWN if is_here(name, self.app.options.data_dir)]
        yield from dataset_fields([(KNOWN[name].title, name) for name in names], names[0] if names else None)
        scales = [("automatic", UNKNOWN), ("0 to 1", "1"), ("0 to 255", "255")]
        yield field(
            "Pixel values", ValueSelect(scales, compact=True, allow_blank=False, value=UNKNOWN, id="import-scale")
        )

    def request(self) -> Callable[[], RunFolder]:
        file = self.query_one("#import-file", Input).value.strip()
        if not file:
            raise RequestError("no file is named")
        scale = self.query_one("#import-scale", ValueSelect).value
        return partial(
            self.app.starter.import_file,
            typed_path(file),
            self.chosen_dataset,
            scale=str(scale) if scale in ("1", "255") else "",
            name=self.chosen_name.value,
        )
