"""A reproduction as a JSON document, as a table for a terminal, and as the Markdown that is kept."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mnist_tui.cli import reproduction_words as words
from mnist_tui.cli.output import rendered
from mnist_tui.cli.study_tables import TextColumn, fitted, table_of
from mnist_tui.experiment.presets import builtin_folder
from mnist_tui.report.markdown import Ready, escaped
from mnist_tui.report.markdown import table as markdown_table
from mnist_tui.studies.reproduction import published_experiments
from mnist_tui.studies.reproduction.finished_runs import Machine
from mnist_tui.studies.reproduction.published_experiments import PublishedExperiment
from mnist_tui.studies.reproduction.selection import MissingSeeds
from mnist_tui.studies.reproduction.table import ReproductionRow, ReproductionTable, SourceRows
from mnist_tui.wording import counted, percent

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
    """The table as scripts read it; accuracies from 0 to 1, times in seconds."""
    return {
        "rule": list(published_experiments.in_words()),
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
    found, subject = row.verdict, row.subject
    return {
        "ids": list(subject.ids),
        "published": {
            "accuracy": subject.accuracy,
            "loss": subject.loss,
            "seeds": max(reference.seeds for reference in subject.references),
        },
        "accuracy": row.accuracy and row.accuracy.to_document(),
        "loss": row.loss and row.loss.to_document(),
        "difference": found.difference,
        "verdict": found.word,
        "provisional": found.provisional,
        "margin": found.margin,
        "seeds_wanted": subject.rule.seeds,
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
    """What is going to be trained; an estimate's `seconds` are of one training."""
    return {
        "missing": [
            {"id": part.row.subject.preset.name, "seeds": list(part.seeds), "estimate": _estimate(part.row)}
            for part in parts
        ],
        "there": len(table.runs),
    }


def _estimate(row: ReproductionRow) -> dict[str, Any] | None:
    one = row.estimate
    return one and {"seconds": one.seconds, "at_most": one.at_most, "like": one.like}


def as_text(table: ReproductionTable, width: int | None = None) -> str:
    """The table in lines.

    Args:
        width: of the terminal; None for as wide as it is.
    """
    parts: list[str] = []
    for part in table.parts:
        columns = fitted(_columns(part.rows, table.machines), width)
        parts.append(f"{part.source.title}\n\n{rendered(table_of(columns), width)}")
        told = [f"{row.subject.preset.name}: {said}" for row in part.rows if (said := _about_miss(row))]
        parts += [_filled(line, width) for line in told]
    return "\n\n".join([*parts, _filled(words.tally(table), width)]) + "\n"


def _filled(line: str, width: int | None) -> str:
    return textwrap.fill(line, width, subsequent_indent="  ") if width else line


def _columns(rows: Sequence[ReproductionRow], machines: Sequence[Machine]) -> list[TextColumn]:
    """Narrower than the kept table's: a terminal of 80 has the published accuracy, ours and the verdict."""
    losses = [words.losses(row) for row in rows]
    return [
        TextColumn("experiment", tuple(words.ids(row) for row in rows)),
        TextColumn("published", tuple(percent(row.subject.accuracy) for row in rows), right=True),
        TextColumn("ours", tuple(words.mean(row) for row in rows), right=True),
        TextColumn("±", tuple(words.deviation(row) for row in rows), right=True, spare=2),
        TextColumn("seeds", tuple(words.seeds(row) for row in rows), spare=3),
        TextColumn("difference", tuple(words.apart(row) for row in rows), right=True, spare=1),
        TextColumn("verdict", tuple(words.short_verdict(row) for row in rows)),
        TextColumn("published loss", tuple(published for published, _ in losses), right=True, spare=6),
        TextColumn("our loss", tuple(ours for _, ours in losses), right=True, spare=7),
        TextColumn("time of a run", tuple(words.took(row) for row in rows), spare=4),
        TextColumn("epochs", tuple(words.epochs(row) for row in rows), right=True, spare=5),
        TextColumn("computed on", tuple(words.computed_on(row, machines) for row in rows), spare=8),
    ]


def as_markdown(table: ReproductionTable, place: Path) -> str:
    """The table as a Markdown document; the same text for the same runs.

    Args:
        place: the file that it is for; presets are linked from there where both lie in one checkout.
    """
    parts = [
        "# Reproductions",
        "Published beside ours, written by `mnist-tui reproduce` from finished runs.",
        f"{words.tally(table)}.",
        "## What agrees",
        "\n".join(f"- {sentence}" for sentence in published_experiments.in_words()),
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
    runs = f"{counted(len(table.runs), 'run')}, {words.days(table)} (UTC)"
    if len(machines) == 1:
        return f"{runs}, on {escaped(words.machine(machines[0]))}."
    lines = [f"- Machine {words.letter(at)}: {escaped(words.machine(one))}." for at, one in enumerate(machines)]
    return "\n".join([f"{runs}, on {len(machines)} machines:", "", *lines])


def _part(part: SourceRows, machines: Sequence[Machine], place: Path) -> str:
    rows: list[tuple[object, ...]] = []
    for row in part.rows:
        *cells, computed_on = _cells(row, machines)
        rows.append((Ready(_linked(row.subject, place)), *map(Ready, cells), computed_on))
    right = {at for at, head in enumerate(HEADS) if head in RIGHT}
    misses = [f"{_linked(row.subject, place)}: {said}" for row in part.rows if (said := _about_miss(row))]
    return "\n\n".join([f"## {escaped(part.source.title)}", markdown_table(HEADS, rows, right), *misses])


def _cells(row: ReproductionRow, machines: Sequence[Machine]) -> tuple[str, ...]:
    """Those after the experiment's name, in the order of HEADS."""
    return (
        words.published(row),
        words.ours(row),
        words.seeds(row),
        words.apart(row),
        words.verdict(row),
        *words.losses(row),
        words.took(row),
        words.epochs(row),
        words.computed_on(row, machines),
    )


def _about_miss(row: ReproductionRow) -> str:
    """What is known of why a row misses; empty where it does not."""
    if row.verdict.word != "misses":
        return ""
    there, wants = len(row.runs), row.subject.rule.seeds
    of = f" (so far {counted(there, 'seed')} of {wants})" if there < wants else ""
    left_open = "; its preset lists what the source leaves open" if row.subject.readings else ""
    return row.explanation or f"misses by {words.apart(row)}{of}, not explained yet{left_open}."


def _linked(subject: PublishedExperiment, place: Path) -> str:
    root = builtin_folder()
    folder = place.absolute().parent
    checkout = folder.is_relative_to(root.parent) and (root.parent / "pyproject.toml").exists()
    names: list[str] = []
    for preset in subject.presets:
        near = checkout and preset.path is not None
        link = Path(os.path.relpath(preset.path, folder)).as_posix() if near and preset.path is not None else ""
        names.append(f"[{preset.name}]({link})" if link else preset.name)
    return ", ".join(names)
