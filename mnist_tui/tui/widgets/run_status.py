"""Widgets of the screens of a run: its state, name and id, warnings, and its progress."""

from __future__ import annotations

from textual import getters
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from mnist_tui.runs.events import Phase
from mnist_tui.runs.state import LIVE, STATES, RunState
from mnist_tui.runs.times import times_in_words, times_of, total_seconds
from mnist_tui.tui.widgets.text import Bar, Line
from mnist_tui.wording import size_of, ticking


def sample_line(sample: bool) -> str:
    """Return the warning that a run has the bundled sample instead of MNIST; empty for other data."""
    return "The bundled digits sample of scikit-learn, not MNIST: scores do not compare" if sample else ""


class StatusLine(Horizontal):
    """The state, name and id of a run in one line."""

    DEFAULT_CSS = """
    StatusLine {
        height: 1;
        background: $surface;
        & > #word { width: auto; padding: 0 1; text-style: bold; background: $state-starting; color: $background; }
        & > #word.-running { background: $state-running; }
        & > #word.-paused, & > #word.-stopping { background: $state-paused; }
        & > #word.-finished { background: $state-finished; }
        & > #word.-stopped { background: $state-stopped; }
        & > #word.-failed, & > #word.-diverged, & > #word.-crashed, & > #word.-damaged { background: $state-failed; }
        & > #what { width: 1fr; padding: 0 1; }
        & > #run-id { width: auto; padding: 0 1; color: $text-muted; }
    }
    """
    word = getters.query_one("#word", Line)
    what = getters.query_one("#what", Line)

    def __init__(self, what: str, run_id: str) -> None:
        super().__init__()
        self._what, self._run_id = what, run_id

    def compose(self) -> ComposeResult:
        yield Line("reading …", id="word")
        yield Line(self._what, cut=True, id="what")
        yield Line(self._run_id, id="run-id")

    def show(self, state: str, what: str) -> None:
        """Show the state of a run, and a name or a title."""
        self.word.say(state)
        self.what.say(what)
        for each in STATES:
            self.word.set_class(each == state, f"-{each}")


class Banner(Line):
    """A warning, which takes no room while it is empty."""

    DEFAULT_CSS = """
    Banner {
        height: auto;
        padding: 0 1;
        background: $warning;
        color: $background;
        text-style: bold;
        display: none;
        &.-said { display: block; }
    }
    """

    def say(self, text: str) -> None:
        super().say(text)
        self.set_class(bool(text), "-said")


PHASES = {
    "importing": "importing TensorFlow",
    "downloading": "downloading the data",
    "reading": "reading the data",
    "verifying": "verifying the data",
    "features": "extracting features",
    "building": "building the model",
    "compiling": "compiling the training step",
    "training": "training",
    "solving": "solving the output layer",
    "evaluating": "evaluating on the test images",
    "saving": "saving",
}


def phase_text(phase: Phase | None) -> str:
    """Describe what the worker is doing, for example ``reading the data``; empty if there is no phase."""
    if phase is None:
        return ""
    text = PHASES.get(phase.name, phase.name)
    if phase.text.lower().startswith(phase.name):
        return phase.text
    return f"{text}: {phase.text}" if phase.text and phase.text.lower() not in text.lower() else text


def phase_numbers(phase: Phase) -> str:
    """Return a phase's progress, such as ``3 of 4 files`` or ``0.2 of 11.3 MB``; its name if it has no numbers."""
    if not phase.total:
        return phase.name
    if phase.unit == "bytes":
        return size_of(phase.done, phase.total, "MB")
    return f"{phase.done:,.0f} of {phase.total:,.0f} {phase.unit}".rstrip()


def in_training(run: RunState) -> bool:
    """Return whether the run is in the training phase itself."""
    return run.phase is None or run.phase.name == "training"


def pace_text(run: RunState, state: str, now: float) -> str:
    """Return phase, learning rate, images/s, time left and elapsed time at `now` (seconds since 1970), if known.

    For a run that is not live these are the speed and the time of the whole training, and the total time.
    """
    if state not in LIVE:
        return " · ".join(times_in_words(times_of(run)))
    parts = [] if in_training(run) else [phase_text(run.phase)]
    progress, last = run.progress, run.history[-1] if run.history else None
    rates = (newest.learning_rate for newest in (progress, last) if newest is not None)
    parts += [f"learning rate {rate:.4g}" for rate in rates if rate is not None][:1]
    if state == "running" and progress is not None:
        parts.append(f"{progress.images_per_second:,.0f} images/s")
    begun = run.history or (progress is not None and progress.step > 1)
    if begun and run.seconds_left is not None and in_training(run):
        parts.append(f"ETA {ticking(run.seconds_left)}")
    if (spent := total_seconds(run, now)) is not None:
        parts.append(f"elapsed {ticking(spent)}")
    return " · ".join(parts)


class Meter(Horizontal):
    """A name, a bar, and a text with the numbers of the bar."""

    DEFAULT_CSS = """
    Meter {
        height: 1;
        & > .meter--name { width: 7; text-style: bold; }
        & > .meter--numbers { width: auto; min-width: 18; padding-left: 1; }
    }
    """
    bar = getters.query_one(Bar)
    name_label = getters.query_one(".meter--name", Line)
    numbers = getters.query_one(".meter--numbers", Line)

    def __init__(self, name: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._name_text = name

    def compose(self) -> ComposeResult:
        yield Line(self._name_text, classes="meter--name")
        yield Bar()
        yield Line(classes="meter--numbers")

    def show(self, name: str, share: float, numbers: str) -> None:
        """Show a share from 0 to 1 as a bar, with its name and its numbers."""
        self.name_label.say(name)
        self.bar.show(share)
        self.numbers.say(numbers)


class RunProgress(Vertical):
    """The progress of a run: bars for the epochs and for the batches of the present epoch, pace and times."""

    HELP = """
    **Progress.** Epochs of those planned, steps (batches) of the present epoch, pace, time. ETA is the time to the last
    planned epoch at the pace of the last few; pauses are in neither time. Once the run has ended: time and speed of the
    training alone, evaluation left out, and the total time from the start to the end.
    """
    DEFAULT_CSS = "RunProgress { height: auto; padding: 0 1; }"
    epoch_meter = getters.query_one("#epoch-meter", Meter)
    batch_meter = getters.query_one("#batch-meter", Meter)
    pace = getters.query_one("#pace", Line)

    def compose(self) -> ComposeResult:
        yield Meter("Epoch", id="epoch-meter")
        yield Meter("Batch", id="batch-meter")
        yield Line(id="pace")

    def show(self, run: RunState, state: str, now: float, planned: int) -> None:
        """Show a run at `now` (seconds since 1970); `planned` epochs are assumed until its events tell their number."""
        done, planned = len(run.history), run.epochs or planned
        progress = run.progress
        partial = progress.step / progress.steps if progress and progress.epoch == done + 1 else 0.0
        current = min(done + (1 if partial else 0), planned)
        self.epoch_meter.show("Epoch", (done + partial) / planned if planned else 0.0, f"epoch {current} of {planned}")
        self.batch_meter.display = progress is not None or run.ended is None  # a closed form has had no steps
        if not in_training(run) and run.phase is not None:
            share = run.phase.done / run.phase.total if run.phase.total else 0.0
            self.batch_meter.show("Phase", share, phase_numbers(run.phase))
        elif progress is not None:
            step = progress.step if progress.epoch > done else progress.steps
            self.batch_meter.show("Batch", step / progress.steps, f"step {step} of {progress.steps}")
        self.pace.say(pace_text(run, state, now))
