"""The table of a reproduction as text, as Markdown and as JSON, and what will be trained, in words."""

from __future__ import annotations

import os
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mnist_tui.cli.output import rendered
from mnist_tui.cli.study_results import TextColumn, fitted, table_of
from mnist_tui.experiment.presets import builtin_folder
from mnist_tui.report.markdown import MarkdownText, escaped
from mnist_tui.report.markdown import table as markdown_table
from mnist_tui.report.result_words import score_difference
from mnist_tui.studies.reproduction import published_experiments
from mnist_tui.studies.reproduction.finished_runs import Machine
from mnist_tui.studies.reproduction.published_experiments import PublishedExperiment
from mnist_tui.studies.reproduction.table import MissingSeeds, ReproductionRow, ReproductionTable, SourceRows
from mnist_tui.wording import DASH, counted, listed, loss, percent, plus_minus, seconds

HELD = ("agrees", "misses")
"""Verdicts that come from a comparison of accuracies."""
NAMES = {"tensorflow": "TensorFlow", "keras": "Keras", "mnist-tui": "mnist-tui"}


def published(row: ReproductionRow) -> str:
    """``97.94 % (mean of 10 seeds)``."""
    accuracy, references = row.published.accuracy, row.published.references
    several = max(reference.seeds for reference in references)
    pooled = sum(reference.accuracy is not None for reference in references)
    of = counted(several, "seed") if several > 1 else counted(pooled, "training") if pooled > 1 else ""
    return percent(accuracy) + (f" (mean of {of})" if of and accuracy is not None else "")


def ids(row: ReproductionRow) -> str:
    """``report-mlp2layers-a, b``: the ids, with their common beginning written once."""
    first, *others = row.published.ids
    common = first.rpartition("-")[0] + "-"
    return ", ".join([first, *(name.removeprefix(common) for name in others)])


def our_accuracy(row: ReproductionRow) -> str:
    """``97.92 % ± 0.11``: mean and sample deviation."""
    return mean(row) + (f" ± {deviation(row)}" if row.accuracy and row.accuracy.std is not None else "")


def mean(row: ReproductionRow) -> str:
    """Our mean test accuracy."""
    return percent(row.accuracy.mean) if row.accuracy else "not run"


def deviation(row: ReproductionRow) -> str:
    """The sample deviation of our test accuracies, in percentage points; a dash for one seed."""
    return f"{100 * row.accuracy.std:.2f}" if row.accuracy and row.accuracy.std is not None else DASH


def seeds(row: ReproductionRow) -> str:
    """``0 to 4``, ``0, 2 and 3: 3 of 5; 1 diverged``."""
    lost = f"{listed([str(seed) for seed in row.diverged])} diverged" if row.diverged else ""
    return "; ".join(filter(None, (_counted_seeds(row), lost))) or DASH


def _counted_seeds(row: ReproductionRow) -> str:
    there = [run.seed for run in row.runs]
    if not there:
        return ""
    whole = there == list(range(there[0], there[0] + len(there))) and len(there) > 2
    text = f"{there[0]} to {there[-1]}" if whole else listed([str(seed) for seed in there])
    wants = row.published.rule.seeds
    return text if len(there) >= wants else f"{text}: {len(there)} of {wants}"


def difference_text(row: ReproductionRow) -> str:
    """``−0.12 points``: our accuracy minus the published one."""
    if row.accuracy is None or row.published.accuracy is None:
        return DASH
    return score_difference("accuracy", row.accuracy.mean, row.published.accuracy)


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
    theirs = row.published.loss
    return DASH if theirs is None else loss(theirs), DASH if row.loss is None else plus_minus(
        row.loss.mean, row.loss.std, loss
    )


def time_text(row: ReproductionRow) -> str:
    """The median time of a run, and the range; the expected time where there is no run."""
    if row.seconds is not None:
        every = [run.seconds for run in row.runs]
        ends = f" ({seconds(min(every))} to {seconds(max(every))})" if len(every) > 1 else ""
        return seconds(row.seconds) + ends
    return expected_time(row) or DASH


def expected_time(row: ReproductionRow) -> str:
    """``about 4 min 05 s by efc2-cnn-step1``; empty where nothing is known."""
    if row.estimate is None:
        return ""
    own = row.estimate.like in row.published.ids
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
    found = sorted({(run.device, run.threads or 0, machine_letter(machines.index(run.machine))) for run in row.runs})
    parts = [
        device + (f", {counted(threads, 'thread')}" if threads else "") + (f", machine {name}" if several else "")
        for device, threads, name in found
    ]
    return "; ".join(parts) or DASH


def machine_letter(index: int) -> str:
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
    """Return what will be trained and how long it may take: a line for each experiment and one for all."""
    there = f"; {counted(len(table.runs), 'finished run')} from before" if table.runs else ""
    if not parts:
        return (f"nothing is missing{there}",)
    lines = [
        f"{part.row.published.preset.name}: {counted(len(part.seeds), 'training')}, "
        + (f"{expected_time(part.row)} each" if part.row.estimate else "time not known")
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


HEADS = (
    "experiment",
    "published accuracy",
    "ours, mean ± deviation",
    "seeds",
    "difference",
    "verdict",
    "published loss",
    "our loss",
    "time of a run",
    "epochs",
    "computed on",
)
RIGHT = {"published accuracy", "ours, mean ± deviation", "difference", "published loss", "our loss", "epochs"}
SECONDS = (
    "The times are those of a clock on the wall, from the reading of the data to the end of the evaluation: the median "
    "over the seeds, and the shortest and longest. What else the machine did meanwhile is not recorded; trainings side "
    "by side and other work make them longer."
)
HONESTY = (
    "Only finished runs count whose experiment is the preset's but for the seed, on the whole of the published data "
    "by its checksums: one for each seed, the newest, seeds from 0 on. All of them are in the means. Their seeds draw "
    "other random numbers than the sources' did, so that groups are comparable and single runs are not. Few seeds "
    "leave much to chance: ± is the sample deviation of single runs, not the error of the mean."
)


def document(table: ReproductionTable) -> dict[str, Any]:
    """Return the table as scripts read it; accuracies from 0 to 1, times in seconds."""
    return {
        "rule": list(published_experiments.rule_in_words()),
        "machines": [_machine(one) for one in table.machines],
        "sources": [
            {
                "source": part.source.name,
                "title": part.source.title,
                "experiments": [_row(row, table.machines) for row in part.rows],
            }
            for part in table.parts
        ],
    }


def _machine(machine: Machine) -> dict[str, Any]:
    return {
        "cpu": machine.cpu,
        "cores": machine.cores,
        "memory_gb": machine.memory,
        "os": machine.os,
        "python": machine.python,
        "versions": dict(machine.versions),
    }


def _row(row: ReproductionRow, machines: Sequence[Machine]) -> dict[str, Any]:
    found, published = row.verdict, row.published
    return {
        "ids": list(published.ids),
        "published": {
            "accuracy": published.accuracy,
            "loss": published.loss,
            "seeds": max(reference.seeds for reference in published.references),
        },
        "accuracy": row.accuracy and row.accuracy.to_document(),
        "loss": row.loss and row.loss.to_document(),
        "difference": found.difference,
        "verdict": found.word,
        "provisional": found.provisional,
        "margin": found.margin,
        "seeds_wanted": published.rule.seeds,
        "seconds": row.seconds,
        "estimate": _estimate(row),
        "explanation": row.explanation or None,
        "diverged": list(row.diverged),
        "runs": [
            {
                "run": run.run,
                "seed": run.seed,
                "accuracy": run.accuracy,
                "loss": run.loss,
                "seconds": run.seconds,
                "epochs": run.epochs,
                "device": run.device,
                "threads": run.threads,
                "machine": machines.index(run.machine),
            }
            for run in row.runs
        ],
    }


def plan_document(table: ReproductionTable, parts: Sequence[MissingSeeds]) -> dict[str, Any]:
    """Return what will be trained, for scripts; the `seconds` of an estimate are for one training."""
    return {
        "missing": [
            {"id": part.row.published.preset.name, "seeds": list(part.seeds), "estimate": _estimate(part.row)}
            for part in parts
        ],
        "there": len(table.runs),
    }


def _estimate(row: ReproductionRow) -> dict[str, Any] | None:
    one = row.estimate
    return one and {"seconds": one.seconds, "at_most": one.at_most, "like": one.like}


def as_text(table: ReproductionTable, width: int | None = None) -> str:
    """Return the table as text.

    Args:
        width: of the terminal; None for no limit.
    """
    parts: list[str] = []
    for part in table.parts:
        columns = fitted(_columns(part.rows, table.machines), width)
        parts.append(f"{part.source.title}\n\n{rendered(table_of(columns), width)}")
        told = [f"{row.published.preset.name}: {said}" for row in part.rows if (said := _about_miss(row))]
        parts += [_filled(line, width) for line in told]
    return "\n\n".join([*parts, _filled(tally(table), width)]) + "\n"


def _filled(line: str, width: int | None) -> str:
    return textwrap.fill(line, width, subsequent_indent="  ") if width else line


def _columns(rows: Sequence[ReproductionRow], machines: Sequence[Machine]) -> list[TextColumn]:
    """Fewer words than in the Markdown table: 80 cells hold the published accuracy, ours and the verdict."""
    both_losses = [losses(row) for row in rows]
    return [
        TextColumn("experiment", tuple(ids(row) for row in rows)),
        TextColumn("published", tuple(percent(row.published.accuracy) for row in rows), right=True),
        TextColumn("ours", tuple(mean(row) for row in rows), right=True),
        TextColumn("±", tuple(deviation(row) for row in rows), right=True, need=7),
        TextColumn("seeds", tuple(seeds(row) for row in rows), need=6),
        TextColumn("difference", tuple(difference_text(row) for row in rows), right=True, need=8),
        TextColumn("verdict", tuple(short_verdict(row) for row in rows)),
        TextColumn("published loss", tuple(published for published, _ in both_losses), right=True, need=3),
        TextColumn("our loss", tuple(ours for _, ours in both_losses), right=True, need=2),
        TextColumn("time of a run", tuple(time_text(row) for row in rows), need=5),
        TextColumn("epochs", tuple(epochs(row) for row in rows), right=True, need=4),
        TextColumn("computed on", tuple(computed_on(row, machines) for row in rows), need=1),
    ]


def as_markdown(table: ReproductionTable, place: Path) -> str:
    """Return the table as a Markdown document; the same runs make the same text.

    Args:
        place: the file that it is written to; presets are linked from there where both lie in one checkout.
    """
    parts = [
        "# Reproductions",
        "Published beside ours, written by `mnist-tui reproduce` from finished runs.",
        f"{tally(table)}.",
        "## What agrees",
        "\n".join(f"- {sentence}" for sentence in published_experiments.rule_in_words()),
        "## Where and when",
        _machines(table),
        SECONDS,
        HONESTY,
        *(_part(part, table.machines, place) for part in table.parts),
    ]
    return "\n\n".join(parts) + "\n"


def _machines(table: ReproductionTable) -> str:
    machines = table.machines
    if not machines:
        return "Nothing was run."
    runs = f"{counted(len(table.runs), 'run')}, {days(table)} (UTC)"
    if len(machines) == 1:
        return f"{runs}, on {escaped(machine(machines[0]))}."
    lines = [f"- Machine {machine_letter(at)}: {escaped(machine(one))}." for at, one in enumerate(machines)]
    return "\n".join([f"{runs}, on {len(machines)} machines:", "", *lines])


def _part(part: SourceRows, machines: Sequence[Machine], place: Path) -> str:
    rows: list[tuple[object, ...]] = []
    for row in part.rows:
        *cells, computed_on = _cells(row, machines)
        rows.append((MarkdownText(_linked(row.published, place)), *map(MarkdownText, cells), computed_on))
    right = {at for at, head in enumerate(HEADS) if head in RIGHT}
    misses = [f"{_linked(row.published, place)}: {said}" for row in part.rows if (said := _about_miss(row))]
    return "\n\n".join([f"## {escaped(part.source.title)}", markdown_table(HEADS, rows, right), *misses])


def _cells(row: ReproductionRow, machines: Sequence[Machine]) -> tuple[str, ...]:
    """The cells after the experiment's name, in the order of HEADS."""
    return (
        published(row),
        our_accuracy(row),
        seeds(row),
        difference_text(row),
        verdict(row),
        *losses(row),
        time_text(row),
        epochs(row),
        computed_on(row, machines),
    )


def _about_miss(row: ReproductionRow) -> str:
    """Why a row misses its published accuracy; empty where it does not."""
    if row.verdict.word != "misses":
        return ""
    there, wants = len(row.runs), row.published.rule.seeds
    of = f" (so far {counted(there, 'seed')} of {wants})" if there < wants else ""
    left_open = "; its preset lists what the source leaves open" if row.published.readings else ""
    return row.explanation or f"misses by {difference_text(row)}{of}, not explained yet{left_open}."


def _linked(published: PublishedExperiment, place: Path) -> str:
    root = builtin_folder()
    folder = place.absolute().parent
    checkout = folder.is_relative_to(root.parent) and (root.parent / "pyproject.toml").exists()
    names: list[str] = []
    for preset in published.presets:
        near = checkout and preset.path is not None
        link = Path(os.path.relpath(preset.path, folder)).as_posix() if near and preset.path is not None else ""
        names.append(f"[{preset.name}]({link})" if link else preset.name)
    return ", ".join(names)
