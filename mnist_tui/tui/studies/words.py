"""The texts above, beside and below the table of a study's screen."""

from __future__ import annotations

from collections.abc import Mapping

from mnist_tui.runs.collection.seed_groups import SeedStatistics
from mnist_tui.studies.state import StudyState, TrialRow
from mnist_tui.studies.trial_table import METRIC_NAMES, counts, metric_text, score_of, score_text, values_text
from mnist_tui.studies.watch import StudySnapshot
from mnist_tui.tui.studies.trial_rows import deviation_text, host_of
from mnist_tui.wording import counted, loss, percent, seconds, ticking

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
        parts = [f"{running:,} running", *([f"{study.to_come:,} waiting"] if study.to_come else [])]
    else:
        missing, of_them = study.to_come + stopped + running, f" ({stopped:,} stopped)" if stopped else ""
        parts = [f"{missing:,} missing{of_them}"] if missing else []
    parts += counts(study, ENDS if snapshot.live else ENDED_EARLY)
    if (best := study.best_row) is not None:
        parts.append(f"best #{best.number} {metric_text(best, study.metric)}")
    if snapshot.live and (left := study.seconds_left(now)) is not None:
        parts.append(f"ETA {ticking(left)}")
    if study.started is not None:
        end = now if snapshot.live else study.ended or study.updated or study.started
        spent = max(0.0, end - study.started)
        parts.append(f"elapsed {ticking(spent)}" if snapshot.live else f"took {seconds(spent)}")
    return " · ".join(parts)


def worker_lines(study: StudyState) -> list[str]:
    """Return a line for each worker that says what it does."""
    lines: list[str] = []
    running = {row.run: row for row in study.rows if row.run and row.state == "running"}
    for worker in study.workers:
        gpu = f" GPU {worker.gpu}" if worker.gpu is not None else ""
        row = running.get(worker.run)
        does = worker.state if row is None else f"#{row.number}, epoch {row.epoch:,} of {row.epochs:,}"
        lines.append(f"{worker.name or host_of(worker.address)} on {worker.host}{gpu}: {does}")
    return lines


def trial_lines(row: TrialRow, study: StudyState) -> list[str]:
    """Return everything that is known about a trial, in lines."""
    marked = "the best · " if row.number == study.best else ""
    values = values_text(row, base=len({each.base for each in study.rows}) > 1)
    epochs = f", epoch {row.epoch:,} of {row.epochs:,}" if row.epochs and row.state != "waiting" else ""
    scores = [f"validation accuracy {percent(score_of(row, 'val_accuracy', study.metric))}"]
    if (value := score_of(row, "val_loss", study.metric)) is not None:
        scores.append(f"validation loss {loss(value)}")
    if row.test_accuracy is not None:
        scores.append(f"test accuracy {percent(row.test_accuracy)}")
    if row.macro_f1 is not None:
        scores.append(f"macro F1 {percent(row.macro_f1)}")
    scores.append(counted(row.parameters, "parameter"))
    if row.seconds:
        scores.append(seconds(row.seconds))
    where = [row.run or "no run yet"]
    if row.worker:
        where.append(f"worker {host_of(row.worker)}")
    if row.attempt > 1:
        where.append(f"attempt {row.attempt}, as workers were lost")
    reason = [row.reason] if row.reason and (row.state != "finished" or row.deleted) else []
    return [f"#{row.number} {marked}{values} · {row.state}{epochs}", *reason, " · ".join(scores), " · ".join(where)]


def seed_lines(summaries: Mapping[str, SeedStatistics], study: StudyState) -> list[str]:
    """Return mean, standard deviation and interval over the seeds, in lines; or why there are none yet."""
    found = summaries.get("test_accuracy") or summaries.get("score")
    if found is None:
        return ["mean and deviation come with the first seed that has finished"]
    tested = "test_accuracy" in summaries
    key, name = ("test_accuracy", "test accuracy") if tested else (study.metric, METRIC_NAMES[study.metric])
    mean, minimum, maximum = (score_text(key, value) for value in (found.mean, found.minimum, found.maximum))
    line = f"{name} {mean} over {counted(found.n, 'seed')}"
    if found.std is None:
        return [line, "one seed has no deviation"]
    return [
        f"{line}, standard deviation {deviation_text(key, found.std)}",
        f"95 % interval of the mean {score_text(key, found.low)} to {score_text(key, found.high)}",
        f"lowest {minimum}, highest {maximum}",
    ]


def end_sentence(title: str, snapshot: StudySnapshot) -> str:
    """Return a sentence that says how a study ended."""
    study = snapshot.study
    ends = ", ".join([f"{study.count('finished'):,} finished", *counts(study, ENDS)])
    best = study.best_row
    tail = f", best #{best.number} with {METRIC_NAMES[study.metric]} {metric_text(best, study.metric)}" if best else ""
    reason = f": {snapshot.reason}" if snapshot.reason and snapshot.state != "finished" else ""
    return f"{title} {snapshot.state}: {ends}{tail}{reason}"


def study_title(snapshot: StudySnapshot) -> str:
    """Return the study's title and the kind of its search."""
    requested = snapshot.requested
    if requested is None:
        return snapshot.study.title or snapshot.folder.id
    sampled = requested.search.kind != "grid" and requested.axes
    return f"{requested.title} · {requested.search.kind} search" if sampled else requested.title
