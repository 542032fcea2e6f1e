"""A study under way, as a terminal shows it: how far it is, its workers, and as many trials as fit. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mnist_tui.cli.study_tables import STYLES, fitted, in_order, table_of, trial_columns
from mnist_tui.shown_text import visible_line
from mnist_tui.studies.state import StudyState, TrialRow
from mnist_tui.wording import count, counted, seconds

if TYPE_CHECKING:
    from rich.console import RenderableType

AROUND = 6
"""Lines beside the trials: title, bar, workers, the table's head and its rule, what is left out."""
LEAST_ROWS = 3


def view(state: StudyState, *, width: int, height: int, now: float) -> RenderableType:
    """The study in at most `height` lines, but never without its first trials.

    Args:
        width, height: of the terminal, in cells.
        now: seconds since the Unix epoch.
    """
    from rich.console import Group
    from rich.padding import Padding
    from rich.progress_bar import ProgressBar
    from rich.text import Text

    ordered = in_order(state)
    shown = chosen(ordered, max(LEAST_ROWS, height - AROUND))
    columns = [column for column in fitted(trial_columns(state, shown), width) if column.title != "run"]
    parts: list[RenderableType] = [
        Text(visible_line(progress_line(state, now)), no_wrap=True, overflow="ellipsis", style="bold"),
        Padding(ProgressBar(total=total_of(state), completed=done_of(state), width=min(width, 60)), expand=False),
        Text(visible_line(workers_line(state)), no_wrap=True, overflow="ellipsis", style="dim"),
    ]
    if shown:
        parts.append(table_of(columns, [STYLES.get(row.state, "") for row in shown]).table)
    if left := len(ordered) - len(shown):
        parts.append(Text(f"… and {counted(left, 'trial')} more", style="dim"))
    return Group(*parts)


def chosen(ordered: Sequence[TrialRow], room: int) -> list[TrialRow]:
    """As many rows as there is room for: those that run, then the first of the others; their order is kept."""
    if len(ordered) <= room:
        return list(ordered)
    running = [row for row in ordered if row.state == "running"][:room]
    others = [row for row in ordered if row.state != "running"][: room - len(running)]
    kept = {row.number for row in (*running, *others)}
    return [row for row in ordered if row.number in kept]


def progress_line(state: StudyState, now: float) -> str:
    """``7 of 24 trials, 2 running, 1 failed · about 3 min 12 s left · raw over hidden``."""
    if not state.rows:
        return "the study's process starts" if state.live else state.state
    parts = [f"{state.done:,} of {counted(total_of(state), 'trial')}"]
    parts += [f"{number:,} {word}" for word in ("running", "pruned", "failed") if (number := state.count(word))]
    left = state.seconds_left(now)
    about = f" · about {seconds(round(left))} left" if left is not None else ""
    doing = "" if state.state == "running" else f" · {state.state}"
    return f"{', '.join(parts)}{doing}{about} · {state.title}"


def workers_line(state: StudyState) -> str:
    """``2 workers on 1 machine, 1 thread each: 2 busy``."""
    if not state.workers:
        return "no worker yet" if state.live else ""
    hosts = Counter(worker.host for worker in state.workers)
    busy = sum(bool(worker.run) for worker in state.workers)
    gpus = sum(worker.gpu is not None for worker in state.workers)
    threads = sorted({worker.threads for worker in state.workers})
    each = f", {counted(threads[0], 'thread')} each" if len(threads) == 1 else ""
    on = f"on {counted(len(hosts), 'machine')}{f', {count(gpus)} with a GPU' if gpus else ''}{each}"
    return f"{counted(len(state.workers), 'worker')} {on}: {busy:,} busy"


def total_of(state: StudyState) -> int:
    """Trials that there will be."""
    return max(1, state.trials, len(state.rows))


def done_of(state: StudyState) -> float:
    """Trials that ended, and of those that run the share of their epochs."""
    running = (row for row in state.rows if row.state == "running" and row.epochs)
    return state.done + sum(min(1.0, row.epoch / row.epochs) for row in running)
