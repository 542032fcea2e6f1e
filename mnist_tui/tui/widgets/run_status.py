"""Widgets of the screens of a run: its state, name and id, warnings, and its progress."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.segment import Segment
from textual import getters
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.strip import Strip

from mnist_tui.runs.events import Phase
from mnist_tui.runs.state import LIVE, STATES, RunState
from mnist_tui.runs.times import times_in_words, times_of, total_seconds
from mnist_tui.tui.widgets.text import Bar, Line, bar_texts
from mnist_tui.wording import size_of, ticking


def sample_line(sample: bool) -> str:
    """Return the warning that a run has the bundled sample instead of MNIST; empty for other data."""
    return "The bundled digits sample of scikit-learn, not MNIST: scores do not compare" if sample else ""


class StatusLine(Horizontal):
    """The state, name and id of a run in one line.

    Where there is no room for all of that, the note in brackets goes, then the date in the id, then the id.
    """

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
    run_id = getters.query_one("#run-id", Line)

    def __init__(self, what: str, run_id: str) -> None:
        super().__init__()
        self._what, self._note, self._run_id = what, "", run_id

    def compose(self) -> ComposeResult:
        yield Line("reading …", id="word")
        yield Line(self._what, cut=True, id="what")
        yield Line(self._run_id, id="run-id")

    def show(self, state: str, what: str, note: str = "", run_id: str | None = None) -> None:
        """Show the state of a run, and a name or a title with a note about it; with an id, it is another run."""
        self._what, self._note = what, f" ({note})" if note else ""
        self._run_id = self._run_id if run_id is None else run_id
        self.word.say(state)
        self._fit()
        for each in STATES:
            self.word.set_class(each == state, f"-{each}")

    def on_resize(self) -> None:
        self._fit()

    def _fit(self) -> None:
        """Show as much as there is room for, beside the state and the blanks around the texts."""
        short, room = self._run_id.split("-", 2)[-1], self.size.width - cell_len(self.word.text) - 4
        texts = (
            (self._what + self._note, self._run_id),
            (self._what, self._run_id),
            (self._what, short),
            (self._what, ""),
        )
        fitting = (pair for pair in texts if sum(map(cell_len, pair)) + (2 if pair[1] else 0) <= room)
        what, run_id = next(fitting, texts[-1] if room > 0 else texts[0])
        self.what.say(what)
        self.run_id.say(run_id)
        self.run_id.display = bool(run_id)


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

    def say(self, text: str | Content) -> None:
        super().say(text)
        self.set_class(bool(self.text), "-said")


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
    "evaluating": "final evaluation",
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


def phase_progress(phase: Phase) -> str:
    """Describe a phase with its numbers, if it has any: ``extracting features: 1,000 of 70,000 images``."""
    if not phase.total:
        return phase_text(phase)
    unit = "MB" if phase.unit == "bytes" else phase.unit
    numbers = size_of(phase.done, phase.total, "MB") if unit == "MB" else f"{phase.done:,.0f} of {phase.total:,.0f}"
    return f"{phase_text(phase)}: {numbers if unit == 'MB' else f'{numbers} {unit}'.rstrip()}"


def in_training(run: RunState) -> bool:
    """Return whether the run is in the training phase itself."""
    return run.phase is None or run.phase.name == "training"


def progress_parts(
    run: RunState, state: str, now: float, planned: int, *, stopping: bool = False
) -> list[tuple[int, str]]:
    """Return the parts of a run's line of progress at `now` (seconds since 1970), each with its rank.

    Where there is no room for all, the parts with the largest ranks are left out. The parts are the phase or the epoch
    and the step, images/s, the time left, the time so far and the learning rate, as far as they are known.

    Args:
        planned: the number of epochs to assume until the run's events tell it.
        stopping: whether the run was asked to stop; then no time left is told.
    """
    progress, last, done = run.progress, run.history[-1] if run.history else None, len(run.history)
    planned = run.epochs or planned
    begun = progress is not None and progress.epoch == done + 1
    epoch = f"epoch {min(done + begun, planned):,} of {planned:,}" if run.origin is None else "evaluation"
    if state not in LIVE:
        return [(0, epoch), *enumerate(times_in_words(times_of(run), brief=True), 1)]
    spent = total_seconds(run, now)
    elapsed = [(2, f"elapsed {ticking(spent)}")] if spent is not None else []
    if not in_training(run) and run.phase is not None:
        return [(0, phase_progress(run.phase)), *elapsed, *([(3, epoch)] if run.origin is None else [])]
    parts = [(0, epoch)]
    if begun and progress is not None:
        parts.append((4, f"step {progress.step:,} of {progress.steps:,}"))
    if state == "running" and progress is not None:
        parts.append((1, f"{progress.images_per_second:,.0f} images/s"))
    if stopping:
        parts.append((1, "stopping"))
    elif state == "running" and run.seconds_left is not None and (last or (progress and progress.step > 1)):
        parts.append((1, f"{ticking(run.seconds_left)} left"))
    rates = (newest.learning_rate for newest in (progress, last) if newest is not None)
    return [*parts, *elapsed, *[(5, f"learning rate {rate:.4g}") for rate in rates if rate is not None][:1]]


def fitting_text(parts: Sequence[tuple[int, str]], width: int) -> str:
    """Join texts by dots; those with the largest ranks are left out until the rest fits."""
    kept = list(parts)
    while len(kept) > 1 and sum(len(text) + 3 for _, text in kept) - 3 > width:
        kept.remove(max(kept, key=lambda part: part[0]))
    return " · ".join(text for _, text in kept)


PULSE_SECONDS = 4.0
"""The time in which the pulse of a bar moves from its start to its end."""


class ProgressLine(Bar):
    """The progress of a run or a study in one line: a bar in the colour of the state, then texts about it."""

    DEFAULT_CSS = """
    ProgressLine {
        padding: 0 1;
        &.-paused > .bar--full { color: $state-paused; }
        &.-finished > .bar--full { color: $state-finished; }
        &.-stopped > .bar--full { color: $state-stopped; }
        &.-failed > .bar--full, &.-diverged > .bar--full, &.-crashed > .bar--full { color: $state-failed; }
    }
    """
    LEAST_BAR: int | None = None
    """Columns that the texts leave to the bar; None for a third of the line."""
    _state = ""
    _texts: Sequence[tuple[int, str]] = ()
    _pulse: float | None = None

    def show_progress(
        self, share: float, state: str, texts: Sequence[tuple[int, str]], *, pulse_at: float | None = None
    ) -> None:
        """Show a share from 0 to 1 and texts with their ranks, of which those of the largest ranks are left out.

        Args:
            pulse_at: a time in seconds; then a short part of the bar, which moves with time, is shown for the share.
        """
        self._texts = texts
        self._pulse = None if pulse_at is None else pulse_at % PULSE_SECONDS / PULSE_SECONDS
        if state != self._state:
            self.set_classes(f"-{state}")
            self._state = state
        self.show(share)

    def strips(self) -> list[Strip]:
        width = self.size.width
        least = width // 3 if self.LEAST_BAR is None else self.LEAST_BAR
        text = fitting_text(self._texts, width - least - 2)
        bar = max(0, min(width // 3, width - 2 - len(text)))
        parts = self._parts(bar) if self._pulse is None else self._pulsing(bar, self._pulse)
        return [Strip([*parts, Segment(f"  {text}", self.rich_style)])]

    def _pulsing(self, width: int, at: float) -> list[Segment]:
        """Return a bar with a short filled part that moves; it says that the worker is busy, not how far it is."""
        part = max(1, width // 6)
        glyphs = self.app.settings.glyphs
        full, rest = bar_texts(1.0, width, glyphs)[0], bar_texts(0.0, width, glyphs)[1]
        start = round(at * (width - part))
        pieces = ((rest[:start], "rest"), (full[:part], "full"), (rest[start + part :], "rest"))
        return [Segment(text, self.component_style(f"bar--{name}")) for text, name in pieces]


class RunProgress(ProgressLine):
    """The progress of a run in one line: a bar, and what the worker does, how fast, and how long yet."""

    HELP = """
    **Progress.** The bar is filled by the epochs of those planned, and inside an epoch by its steps (batches). What is
    left is the time to the last planned epoch at the pace of the last few; pauses are in neither time. Before the first
    step a short bar moves: the worker is busy. Once the run has ended: time and speed of the training alone, without
    evaluation, and the total time from the start to the end.
    """

    def show_run(self, run: RunState, state: str, now: float, planned: int, *, stopping: bool = False) -> None:
        """Show a run; the arguments are those of `progress_parts`."""
        done, progress, phase = len(run.history), run.progress, run.phase
        planned = run.epochs or planned
        partial = progress.step / progress.steps if progress and progress.epoch == done + 1 else 0.0
        share = (done + partial) / planned if planned else 0.0
        if run.origin is not None and state == "finished":
            share = 1.0
        pulses = phase is None and state == "starting"
        if phase is not None and not in_training(run) and state in LIVE:
            share = phase.done / phase.total if phase.total else share
            pulses = not phase.total and phase.name != "waiting"
        texts = progress_parts(run, state, now, planned, stopping=stopping)
        self.show_progress(share, state, texts, pulse_at=now if pulses else None)
