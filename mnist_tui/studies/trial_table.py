"""The order of trials in tables, and their texts: scores, states, means, workers, CSV. For terminal and app."""

from __future__ import annotations

import socket
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace

from mnist_tui.runs.collection.learning_curve import AXES as LIMIT_AXES
from mnist_tui.runs.collection.learning_curve import LearningPoint, learning_curve
from mnist_tui.studies.events import TrialScores
from mnist_tui.studies.state import StudyState, TrialRow, by_point, ranked
from mnist_tui.wording import DASH, counted, listed, loss, percent, percent_plus_minus, plus_minus

METRIC_NAMES = {"val_accuracy": "validation accuracy", "val_loss": "validation loss"}
STATE_ORDER = ("running", "pruned", "stopped", "diverged", "failed", "waiting")
"""The order of trials that did not finish, after those that did."""


def study_learning_curve(study: StudyState) -> tuple[LearningPoint, ...]:
    """Return the learning curve of a study whose only parameter is the number of training images; else nothing."""
    if len(study.axes) != 1 or study.axes[0] not in LIMIT_AXES or len({row.base for row in study.rows}) > 1:
        return ()
    trainings: list[tuple[str, int, float, float | None]] = []
    for row in study.rows:
        requested = row.values[0][1]
        images = row.train_images or (int(requested) if requested.isdecimal() else 0)
        if row.state == "finished" and row.test_accuracy is not None and images:
            trainings.append((requested, images, row.test_accuracy, row.train_accuracy))
    return learning_curve(trainings)


@dataclass(frozen=True)
class TableShape:
    """The facts about a study that decide which columns its table has.

    Attributes:
        metric: val_accuracy or val_loss, by which trials are compared.
        axes: their names, in the study's order.
        bases, seeds: whether the trials have different bases, and different seeds or folds.
        folds: whether they are trainings on folds, which have no test scores.
        omitted: the keys of further columns that the table does not need.
    """

    metric: str
    axes: tuple[str, ...]
    bases: bool
    seeds: bool
    omitted: frozenset[str] = frozenset()
    folds: bool = False

    @property
    def repetition(self) -> str:
        """The heading of the column in which trials of the same values differ: ``seed`` or ``fold``."""
        return "fold" if self.folds else "seed"


def table_shape(study: StudyState) -> TableShape:
    """Return the shape of a study's table, from its present rows."""
    bases, seeds, folds = ({getattr(row, field) for row in study.rows} for field in ("base", "seed", "fold"))
    repeated = len(seeds) > 1 or len(folds) > 1 or study.repeats
    return TableShape(study.metric, study.axes, len(bases) > 1, repeated, folds=any(folds))


def in_rank_order(rows: Iterable[TrialRow], metric: str, *, compares: bool = True) -> list[TrialRow]:
    """Return the rows in the order of a table: finished trials first, then the others by state, then by number.

    Args:
        compares: whether trials are compared; then the finished ones are sorted by their scores, best first.
    """
    rows = sorted(rows, key=lambda row: row.number)
    first = ranked(rows, metric) if compares else [row for row in rows if row.state == "finished"]
    numbers = {row.number for row in first}
    others = [row for row in rows if row.number not in numbers]
    return first + sorted(others, key=lambda row: STATE_ORDER.index(row.state) if row.state in STATE_ORDER else -1)


def score_of(row: TrialRow, field: str, metric: str) -> float | None:
    """Return a score of a trial: the final model's score if the field is the study's metric, else the newest value.

    Args:
        field: a field of the row, such as val_loss.
        metric: the study's, by which trials are compared.
    """
    return row.score if field == metric and row.score is not None else getattr(row, field)


def metric_text(row: TrialRow, metric: str) -> str:
    """Return the score by which a trial is compared, as text."""
    return score_text(metric, score_of(row, metric, metric))


def score_text(field: str, value: float | None) -> str:
    """Return a loss or an accuracy as text: ``0.0923``, ``97.12 %``."""
    return DASH if value is None else loss(value) if field.endswith("loss") else percent(value)


def spread_text(field: str, values: Sequence[float]) -> str:
    """Return mean ± sample standard deviation: ``97.62 ± 0.11 %``, ``0.0923 ± 0.0010``; a single value without ±."""
    if len(values) < 2:
        return score_text(field, values[0] if values else None)
    mean, deviation = statistics.fmean(values), statistics.stdev(values)
    return plus_minus(mean, deviation, loss) if field.endswith("loss") else percent_plus_minus(mean, deviation)


def values_text(row: TrialRow, *, base: bool = False, seed: bool = True) -> str:
    """Return a trial's values and fold, its base and seed if requested: ``hidden 250, activation tanh, seed 3``."""
    values = [f"{name} {value}" for name, value in row.values]
    return ", ".join([*([row.base] if base else []), *values, *([row.repetition] if seed or row.fold else [])])


def epochs_text(row: TrialRow) -> str:
    """Return the newest epoch and the number of planned epochs: ``5/20``."""
    return f"{row.epoch:,}/{row.epochs:,}" if row.epochs else DASH


def state_text(row: TrialRow) -> str:
    """Return a trial's state as text: ``running``, ``running, attempt 2``, ``finished, deleted``."""
    again = f", attempt {row.attempt}" if row.state == "running" and row.attempt > 1 else ""
    return f"{row.state}{again}{', deleted' if row.deleted else ''}"


def reason_text(row: TrialRow) -> str:
    """Return a trial's state and reason: ``failed: out of memory``; the reason alone if it begins with the state."""
    return row.reason if row.reason.startswith(row.state) else ": ".join(filter(None, (row.state, row.reason)))


def counts(study: StudyState, states: Iterable[str]) -> list[str]:
    """Return how many trials are in each state, without states that none is in: ``["2 running", "1 failed"]``."""
    return [f"{number:,} {state}" for state in states if (number := study.count(state))]


HERE = "this machine"


def shown_host(host: str) -> str:
    """Return the name of a worker's machine; ``this machine`` for the one that shows it."""
    return HERE if host == socket.gethostname() else host


def workers_text(study: StudyState) -> str:
    """Describe a study's workers: ``2 workers on this machine, 4 threads each · 1 busy with #3``; empty for none."""
    workers = study.workers
    if not workers:
        return ""
    hosts = sorted({shown_host(worker.host) for worker in workers})
    where = listed(hosts) if len(hosts) <= 3 else f"{len(hosts)} machines"
    threads = {worker.threads for worker in workers}
    each = f", {counted(next(iter(threads)), 'thread')} each" if len(threads) == 1 else ""
    gpus = sum(worker.gpu is not None for worker in workers)
    on_gpus = f", {gpus:,} with a GPU" if gpus else ""
    numbers = [f"#{row.number}" for row in study.rows if row.state == "running"]
    trials = f" with {', '.join(numbers)}" if 0 < len(numbers) <= 8 else ""
    busy = sum(bool(worker.run) for worker in workers)
    return f"{counted(workers, 'worker')} on {where}{each}{on_gpus} · {busy} busy{trials}"


def mean_rows(rows: Iterable[TrialRow]) -> list[tuple[TrialRow, tuple[TrialRow, ...]]]:
    """Return, for each point, a row with the mean scores over its finished trials, and the rows of its trials."""
    return [(_mean(members), tuple(members)) for members in by_point(rows).values()]


def _mean(rows: Sequence[TrialRow]) -> TrialRow:
    finished = [row for row in rows if row.state == "finished"]
    states = [row.state for row in rows]
    continues = "running" in states or (finished and "waiting" in states)
    means = {field.name: known_values(finished, field.name) for field in fields(TrialScores)}
    return replace(
        rows[0],
        state="running" if continues else "finished" if finished else states[0],
        epoch=round(statistics.fmean(row.epoch for row in rows)),
        worker="",
        seconds=sum(row.seconds or 0.0 for row in finished) or None,
        **{field: statistics.fmean(values) if values else None for field, values in means.items()},
    )


CSV_FIELDS = (
    *("epoch", "epochs", "score", "val_accuracy", "val_loss"),
    *("test_accuracy", "test_loss", "macro_f1", "train_accuracy", "train_images"),
    *("parameters", "training_seconds", "attempt", "run", "reason"),
)
"""The fields of a trial's row that are columns of the CSV table, after those that describe its experiment."""
HELD_OUT = {"test_accuracy": "held_out_accuracy", "test_loss": "held_out_loss"}
"""The names of these columns in a cross-validation."""


def csv_rows(study: StudyState) -> list[list[object]]:
    """Return the table of trials for a CSV file: the headings, then a row for each trial; shares are from 0 to 1.

    None stands for a figure that is not known.
    """
    shape = table_shape(study)
    names = [HELD_OUT.get(field, field) if shape.folds else field for field in CSV_FIELDS]
    fold = ["fold"] if shape.folds else []
    rows: list[list[object]] = [["trial", "state", "preset", *shape.axes, "seed", *fold, *names]]
    for row in study.rows:
        values = [dict(row.values).get(axis, "") for axis in shape.axes]
        figures = [getattr(row, field) for field in CSV_FIELDS]
        numbers = [row.seed, row.fold] if shape.folds else [row.seed]
        rows.append([row.number, row.state, row.base, *values, *numbers, *figures])
    return rows


def known_values(rows: Iterable[TrialRow], field: str) -> list[float]:
    """Return the values of a field, without the rows where it is None."""
    return [value for row in rows if (value := getattr(row, field)) is not None]
