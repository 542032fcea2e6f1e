"""A reproduction in words: the cells of its table, the machines, and what is going to be trained. Pure."""

from __future__ import annotations

import time
from collections.abc import Sequence

from mnist_tui.report.published import difference
from mnist_tui.runs.collection.seed_groups import SeedStatistics
from mnist_tui.studies.reproduction.finished_runs import Machine
from mnist_tui.studies.reproduction.selection import MissingSeeds
from mnist_tui.studies.reproduction.table import ReproductionRow, ReproductionTable
from mnist_tui.wording import DASH, counted, listed, loss, percent, seconds

HELD = ("agrees", "misses")
"""Verdicts for which figures were held against each other."""
NAMES = {"tensorflow": "TensorFlow", "keras": "Keras", "mnist-tui": "mnist-tui"}


def published(row: ReproductionRow) -> str:
    """``97.94 % (mean of 10 seeds)``."""
    accuracy, references = row.subject.accuracy, row.subject.references
    several = max(reference.seeds for reference in references)
    pooled = sum(reference.accuracy is not None for reference in references)
    of = counted(several, "seed") if several > 1 else counted(pooled, "training") if pooled > 1 else ""
    return percent(accuracy) + (f" (mean of {of})" if of and accuracy is not None else "")


def ids(row: ReproductionRow) -> str:
    """``report-mlp2layers-a, b``: what the names have in common once."""
    first, *others = row.subject.ids
    common = first.rpartition("-")[0] + "-"
    return ", ".join([first, *(name.removeprefix(common) for name in others)])


def ours(row: ReproductionRow) -> str:
    """``97.92 % ± 0.11``: mean and sample deviation."""
    return mean(row) + (f" ± {deviation(row)}" if row.accuracy and row.accuracy.std is not None else "")


def mean(row: ReproductionRow) -> str:
    """Of our test accuracies."""
    return percent(row.accuracy.mean) if row.accuracy else "not run"


def deviation(row: ReproductionRow) -> str:
    """Of our test accuracies, in points; a dash for one."""
    return f"{100 * row.accuracy.std:.2f}" if row.accuracy and row.accuracy.std is not None else DASH


def seeds(row: ReproductionRow) -> str:
    """``0 to 4``, ``0, 2 and 3: 3 of 5; 1 diverged``; of those that the rule wants, or more."""
    lost = f"{listed([str(seed) for seed in row.diverged])} diverged" if row.diverged else ""
    return "; ".join(filter(None, (_counted_seeds(row), lost))) or DASH


def _counted_seeds(row: ReproductionRow) -> str:
    there = [run.seed for run in row.runs]
    if not there:
        return ""
    whole = there == list(range(there[0], there[0] + len(there))) and len(there) > 2
    text = f"{there[0]} to {there[-1]}" if whole else listed([str(seed) for seed in there])
    wants = row.subject.rule.seeds
    return text if len(there) >= wants else f"{text}: {len(there)} of {wants}"


def apart(row: ReproductionRow) -> str:
    """``−0.12 points``: ours less the published accuracy."""
    if row.accuracy is None or row.subject.accuracy is None:
        return DASH
    return difference("accuracy", row.accuracy.mean, row.subject.accuracy)


def verdict(row: ReproductionRow) -> str:
    """``agrees (± 0.50)``, ``misses (± 0.50), provisional``."""
    found = row.verdict
    if found.word in HELD:
        margin = f"± {100 * found.margin:.2f}" if found.margin is not None else "at or above"
        return f"{found.word} ({margin}){', provisional' if found.provisional else ''}"
    return found.word


def short_verdict(row: ReproductionRow) -> str:
    """``agrees, provisional``."""
    word = row.verdict.word
    return f"{word}, provisional" if row.verdict.provisional and word in HELD else word


def losses(row: ReproductionRow) -> tuple[str, str]:
    """The published loss, and ours with its deviation."""
    theirs = row.subject.loss
    return DASH if theirs is None else loss(theirs), DASH if row.loss is None else _loss(row.loss)


def _loss(found: SeedStatistics) -> str:
    return loss(found.mean) + (f" ± {loss(found.std)}" if found.std is not None else "")


def took(row: ReproductionRow) -> str:
    """What a run took, the median and the range; of one that was not run, what it may take."""
    if row.seconds is not None:
        every = [run.seconds for run in row.runs]
        ends = f" ({seconds(min(every))} to {seconds(max(every))})" if len(every) > 1 else ""
        return seconds(row.seconds) + ends
    return expected(row) or DASH


def expected(row: ReproductionRow) -> str:
    """``about 4 min 05 s by efc2-cnn-step1``; empty where nothing is known."""
    if row.estimate is None:
        return ""
    own = row.estimate.like in row.subject.ids
    words = f"{'at most ' if row.estimate.at_most else ''}about {seconds(row.estimate.seconds)}"
    return words if own else f"{words} by {row.estimate.like}"


def epochs(row: ReproductionRow) -> str:
    """``10``, ``12 to 31``."""
    every = [run.epochs for run in row.runs]
    if not every:
        return DASH
    return f"{min(every):,}" if min(every) == max(every) else f"{min(every):,} to {max(every):,}"


def computed_on(row: ReproductionRow, machines: Sequence[Machine]) -> str:
    """``CPU, 2 threads``, with the machine where there are several."""
    several = len(machines) > 1
    found = sorted({(run.device, run.threads or 0, letter(machines.index(run.machine))) for run in row.runs})
    parts = [
        device + (f", {counted(threads, 'thread')}" if threads else "") + (f", machine {name}" if several else "")
        for device, threads, name in found
    ]
    return "; ".join(parts) or DASH


def letter(index: int) -> str:
    """``A``, ``B``, …, ``Z``, ``27``, …."""
    return chr(ord("A") + index) if index < 26 else str(index + 1)


def machine(of: Machine) -> str:
    """``AMD EPYC, 2 cores, 25 GB memory, Debian 12, Python 3.11.7, TensorFlow 2.21.0, Keras 3.15.1``."""
    versions = [f"{NAMES[name]} {version}" for name, version in of.versions]
    parts = [of.cpu, counted(of.cores, "core"), f"{of.memory} GB memory", of.os, f"Python {of.python}", *versions]
    return ", ".join(filter(None, parts))


def days(table: ReproductionTable) -> str:
    """``2026-11-21 to 2026-11-22``, in UTC."""
    found = sorted({time.strftime("%Y-%m-%d", time.gmtime(run.created)) for run in table.runs})
    return found[0] if len(found) == 1 else f"{found[0]} to {found[-1]}" if found else ""


def tally(table: ReproductionTable) -> str:
    """``60 experiments: 20 agree (3 of them provisional), 1 misses, 2 not comparable, 37 not run``."""
    rows = table.rows
    parts: list[str] = []
    for word, one, many in (
        ("agrees", "agrees", "agree"),
        ("misses", "misses", "miss"),
        ("not comparable", "not comparable", "not comparable"),
        ("not run", "not run", "not run"),
    ):
        those = [row for row in rows if row.verdict.word == word]
        held = sum(row.verdict.provisional for row in those) if word in HELD else 0
        if those:
            said = f" ({held} of them provisional)" if held else ""
            parts.append(f"{len(those)} {one if len(those) == 1 else many}{said}")
    return f"{counted(len(rows), 'experiment')}: {', '.join(parts)}"


def plan(table: ReproductionTable, parts: Sequence[MissingSeeds]) -> tuple[str, ...]:
    """What is going to be trained and about how long it takes, a line an experiment and one for all."""
    there = f"; {counted(len(table.runs), 'finished run')} of before" if table.runs else ""
    if not parts:
        return (f"nothing is missing{there}",)
    lines = [
        f"{part.row.subject.preset.name}: {counted(len(part.seeds), 'training')}, "
        + (f"{expected(part.row)} each" if part.row.estimate else "time not known")
        for part in parts
    ]
    trainings = sum(len(part.seeds) for part in parts)
    unknown = sum(len(part.seeds) for part in parts if part.row.estimate is None)
    total = sum(len(part.seeds) * part.row.estimate.seconds for part in parts if part.row.estimate)
    if unknown == trainings:
        long = "how long they take is not known"
    else:
        rest = f", and {counted(unknown, 'training')} whose time is not known" if unknown else ""
        long = f"about {seconds(total)} one after the other{rest}"
    return (*lines, f"{counted(trainings, 'training')} to do: {long}{there}")
