"""The texts above, beside and below the table of a study's screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mnist_tui.runs.collection.seed_groups import SeedStatistics
from mnist_tui.studies.state import StudyState, TrialRow, WorkerRow
from mnist_tui.studies.trial_table import METRIC_NAMES, metric_text, score_of
from mnist_tui.studies.watch import StudySnapshot
from mnist_tui.tui.studies.trial_rows import host_of
from mnist_tui.wording import counted, listed, loss, percent, seconds, ticking

ENDED_EARLY = ("failed", "diverged", "pruned")
ENDS = (*ENDED_EARLY, "stopped")


def share_done(study: StudyState) -> tuple[float, str]:
    """Return the share of trials that have ended, and the same in words. A running trial counts by its epochs."""
    if not study.total:
        return 0.0, "starting"
    return study.progress / study.total, f"{study.done:,} of {study.total:,} ended"


def progress_text(snapshot: StudySnapshot, now: float) -> str:
    """Return how many trials run, wait or went wrong, the best, time left and time taken; zeros are left out."""
    study = snapshot.study
    stopped, running = study.count("stopped"), study.count("running")
    if snapshot.live:
        ends, parts = ENDS, [f"{running:,} running", *([f"{study.to_come:,} waiting"] if study.to_come else [])]
    else:
        ends, missing = ENDED_EARLY, study.to_come + stopped + running
        of_them = f" ({stopped:,} stopped)" if stopped else ""
        parts = [f"{missing:,} missing{of_them}"] if missing else []
    parts += [f"{found:,} {state}" for state in ends if (found := study.count(state))]
    if (best := study.best_row) is not None:
        parts.append(f"best #{best.number} {metric_text(best, study.metric)}")
    if snapshot.live and (left := study.seconds_left(now)) is not None:
        parts.append(f"ETA {ticking(left)}")
    if study.started is not None:
        end = now if snapshot.live else study.ended or study.updated or study.started
        spent = max(0.0, end - study.started)
        parts.append(f"elapsed {ticking(spent)}" if snapshot.live else f"took {seconds(spent)}")
    return " · ".join(parts)


def workers(study: StudyState) -> list[str]:
    """Return a line for each worker that says what it does."""
    rows = {row.run: row for row in study.rows if row.run and row.state == "running"}
    return [f"{_named(worker)}: {_doing(rows.get(worker.run), worker)}" for worker in study.workers]


def workers_line(study: StudyState) -> str:
    """Return all workers in one line."""
    found = study.workers
    if not found:
        return ""
    hosts = sorted({worker.host for worker in found})
    busy = sum(1 for worker in found if worker.run)
    where = f" on {listed(hosts)}" if len(hosts) <= 3 else f" on {len(hosts)} machines"
    numbers = [f"#{row.number}" for row in study.rows if row.state == "running"]
    does = f" with {', '.join(numbers)}" if numbers and len(numbers) <= 8 else ""
    threads = {worker.threads for worker in found}
    each = f", {counted(next(iter(threads)), 'thread')} each" if len(threads) == 1 else ""
    return f"{counted(len(found), 'worker')}{where}{each} · {busy} busy{does}"


def _named(worker: WorkerRow) -> str:
    gpu = f" GPU {worker.gpu}" if worker.gpu is not None else ""
    return f"{worker.name or host_of(worker.address)} on {worker.host}{gpu}"


def _doing(row: TrialRow | None, worker: WorkerRow) -> str:
    if row is None:
        return worker.state
    return f"#{row.number}, epoch {row.epoch:,} of {row.epochs:,}"


def values_text(row: TrialRow, *, seed: bool = True, base: bool = False) -> str:
    """Return ``hidden 250, activation tanh, seed 3``."""
    parts = [row.base] if base else []
    parts += [f"{name} {value}" for name, value in row.values]
    return ", ".join([*parts, *([f"seed {row.seed}"] if seed else [])])


def trial_lines(row: TrialRow, study: StudyState) -> list[str]:
    """Return everything that is known about a trial, in lines."""
    marked = "the best · " if row.number == study.best else ""
    base = len({each.base for each in study.rows}) > 1
    where = [row.run or "no run yet"]
    if row.worker:
        where.append(f"worker {host_of(row.worker)}")
    if row.attempt > 1:
        where.append(f"attempt {row.attempt}, as workers were lost")
    scores = [f"validation accuracy {percent(score_of(row, 'val_accuracy', study.metric))}"]
    if (cost := score_of(row, "val_loss", study.metric)) is not None:
        scores.append(f"validation loss {loss(cost)}")
    if row.test_accuracy is not None:
        scores.append(f"test accuracy {percent(row.test_accuracy)}")
    if row.macro_f1 is not None:
        scores.append(f"macro F1 {percent(row.macro_f1)}")
    scores.append(counted(row.parameters, "parameter"))
    if row.seconds:
        scores.append(seconds(row.seconds))
    epochs = f", epoch {row.epoch:,} of {row.epochs:,}" if row.epochs and row.state != "waiting" else ""
    lines = [f"#{row.number} {marked}{values_text(row, base=base)} · {row.state}{epochs}"]
    lines += [row.reason] if row.reason and (row.state != "finished" or row.deleted) else []
    return [*lines, " · ".join(scores), " · ".join(where)]


def seed_lines(summaries: Mapping[str, SeedStatistics], study: StudyState) -> list[str]:
    """Return mean, standard deviation and interval over the seeds, in lines; or why there are none yet."""
    found = summaries.get("test_accuracy") or summaries.get("score")
    if found is None:
        return ["mean and deviation come with the first seed that has finished"]
    what = "test accuracy" if "test_accuracy" in summaries else METRIC_NAMES[study.metric]
    share = what != "validation loss"

    def figure_text(value: float) -> str:
        return percent(value) if share else loss(value)

    lines = [f"{what} {figure_text(found.mean)} over {counted(found.n, 'seed')}"]
    if found.std is not None and found.low is not None and found.high is not None:
        around = f"{100 * found.std:.2f} points" if share else loss(found.std)
        lines[0] += f", standard deviation {around}"
        lines.append(f"95 % interval of the mean {figure_text(found.low)} to {figure_text(found.high)}")
        lines.append(f"lowest {figure_text(found.minimum)}, highest {figure_text(found.maximum)}")
    else:
        lines.append("one seed has no deviation")
    return lines


def end_sentence(title: str, snapshot: StudySnapshot) -> str:
    """Return a sentence that says how a study ended."""
    study = snapshot.study
    finished = study.count("finished")
    others = [f"{found:,} {state}" for state in ENDS if (found := study.count(state))]
    best = study.best_row
    tail = f", best #{best.number} with {METRIC_NAMES[study.metric]} {metric_text(best, study.metric)}" if best else ""
    reason = f": {snapshot.reason}" if snapshot.reason and snapshot.state != "finished" else ""
    return f"{title} {snapshot.state}: {', '.join([f'{finished:,} finished', *others])}{tail}{reason}"


def study_title(snapshot: StudySnapshot) -> str:
    """Return the study's title and the kind of its search."""
    asked = snapshot.asked
    if asked is None:
        return snapshot.study.title or snapshot.folder.id
    parts = [asked.title]
    if asked.search.kind != "grid" and asked.axes:
        parts.append(f"{asked.search.kind} search")
    return " · ".join(parts)


def notes(snapshot: StudySnapshot) -> Sequence[str]:
    """Return the study's notes, and the last lines of its log if it crashed."""
    return [*snapshot.study.notes, *snapshot.log]
