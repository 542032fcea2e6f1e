"""Write the table of a reproduction as text, as Markdown and as JSON, and say in words what will be trained."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mnist_tui.cli.output import TextColumn, fitted, rendered, table_of, wrapped
from mnist_tui.experiment.preset_files import builtin_folder
from mnist_tui.report.markdown import MarkdownText, escaped
from mnist_tui.report.markdown import table as markdown_table
from mnist_tui.report.result_words import score_difference
from mnist_tui.studies.reproduction.published_experiments import PublishedExperiment, rule_in_words
from mnist_tui.studies.reproduction.table import Machine, MissingSeeds, ReproductionRow, ReproductionTable, SourceRows
from mnist_tui.wording import DASH, counted, listed, loss, percent, plus_minus, seconds

COMPARED = ("agrees", "misses")
"""The verdicts for which two accuracies were compared."""


def published(row: ReproductionRow) -> str:
    """Return the published accuracy: ``97.94 % (mean of 10 seeds)``."""
    accuracy, references = row.published.accuracy, row.published.references
    seeds = max(reference.seeds for reference in references)
    pooled = sum(reference.accuracy is not None for reference in references)
    of = counted(seeds, "seed") if seeds > 1 else counted(pooled, "training") if pooled > 1 else ""
    return percent(accuracy) + (f" (mean of {of})" if of and accuracy is not None else "")


def ids(row: ReproductionRow) -> str:
    """Return the experiment's ids, with their common beginning written once: ``report-mlp2layers-a, b``."""
    first, *others = row.published.ids
    common = first.rpartition("-")[0] + "-"
    return ", ".join([first, *(name.removeprefix(common) for name in others)])


def our_accuracy(row: ReproductionRow) -> str:
    """Return mean and sample deviation of our test accuracies: ``97.92 % ± 0.11``."""
    return mean(row) + (f" ± {deviation(row)}" if row.accuracy and row.accuracy.std is not None else "")


def mean(row: ReproductionRow) -> str:
    return percent(row.accuracy.mean) if row.accuracy else "not run"


def deviation(row: ReproductionRow) -> str:
    """Return the sample deviation of our test accuracies, in percentage points; a dash for one seed."""
    return f"{100 * row.accuracy.std:.2f}" if row.accuracy and row.accuracy.std is not None else DASH


def seeds(row: ReproductionRow) -> str:
    """Return the seeds of our runs: ``0 to 4``, ``0, 2 and 3: 3 of 5; 1 diverged``."""
    done, wanted = [run.seed for run in row.runs], row.published.rule.seeds
    whole = len(done) > 2 and done == list(range(done[0], done[-1] + 1))
    text = f"{done[0]} to {done[-1]}" if whole else listed([str(seed) for seed in done])
    if 0 < len(done) < wanted:
        text += f": {len(done)} of {wanted}"
    diverged = f"{listed([str(seed) for seed in row.diverged])} diverged" if row.diverged else ""
    return "; ".join(filter(None, (text, diverged))) or DASH


def difference_text(row: ReproductionRow) -> str:
    """Return our accuracy minus the published one: ``−0.12 points``."""
    if row.accuracy is None or row.published.accuracy is None:
        return DASH
    return score_difference("accuracy", row.accuracy.mean, row.published.accuracy)


def verdict(row: ReproductionRow, *, margin: bool = True) -> str:
    """Return the verdict on our accuracy: ``misses (± 0.50), provisional``, without margin ``misses, provisional``."""
    result = row.verdict
    if result.word not in COMPARED:
        return result.word
    limit = f" (± {100 * result.margin:.2f})" if result.margin is not None else " (at or above)"
    return f"{result.word}{limit if margin else ''}{', provisional' if result.provisional else ''}"


def time_text(row: ReproductionRow) -> str:
    """Return the median time of our runs with the shortest and the longest; the expected time if there is no run."""
    if row.seconds is None:
        return expected_time(row) or DASH
    times = [run.seconds for run in row.runs]
    return seconds(row.seconds) + (f" ({seconds(min(times))} to {seconds(max(times))})" if len(times) > 1 else "")


def expected_time(row: ReproductionRow) -> str:
    """Return how long a run will take: ``about 4 min 05 s by efc2-cnn-step1``; empty if nothing similar was run."""
    if row.estimate is None:
        return ""
    words = f"{'at most ' if row.estimate.at_most else ''}about {seconds(row.estimate.seconds)}"
    return words if row.estimate.like in row.published.ids else f"{words} by {row.estimate.like}"


def epochs(row: ReproductionRow) -> str:
    """Return the epochs of our runs: ``10``, ``12 to 31``."""
    numbers = sorted({run.epochs for run in row.runs})
    return " to ".join(f"{number:,}" for number in dict.fromkeys((*numbers[:1], *numbers[-1:]))) or DASH


def computed_on(row: ReproductionRow, machines: Sequence[Machine]) -> str:
    """Return the devices of our runs: ``CPU, 2 threads``; with several machines ``CPU, 2 threads, machine A``."""
    several = len(machines) > 1
    devices = sorted({(run.device, run.threads or 0, machine_letter(machines.index(run.machine))) for run in row.runs})
    parts = [
        device + (f", {counted(threads, 'thread')}" if threads else "") + (f", machine {name}" if several else "")
        for device, threads, name in devices
    ]
    return "; ".join(parts) or DASH


def machine_letter(index: int) -> str:
    """Return the name of a machine in the table: ``A``, ``B``, …, ``Z``, then ``27``, ``28``, …."""
    return chr(ord("A") + index) if index < 26 else str(index + 1)


def machine_text(machine: Machine) -> str:
    """Describe a machine: ``AMD EPYC, 2 cores, 25 GB memory, Debian 12, Python 3.11.7, TensorFlow 2.21.0, …``."""
    names = {"tensorflow": "TensorFlow", "keras": "Keras"}
    parts = [machine.cpu, counted(machine.cores, "core"), f"{machine.memory} GB memory", machine.os]
    versions = [f"{names.get(name, name)} {version}" for name, version in machine.versions]
    return ", ".join(filter(None, [*parts, f"Python {machine.python}", *versions]))


def days(table: ReproductionTable) -> str:
    """Return the days on which the runs were begun, in UTC: ``2026-11-21 to 2026-11-22``."""
    dates = sorted({time.strftime("%Y-%m-%d", time.gmtime(run.created)) for run in table.runs})
    return " to ".join(dict.fromkeys((*dates[:1], *dates[-1:])))


def tally(table: ReproductionTable) -> str:
    """Count the verdicts: ``40 experiments: 20 agree (3 of them provisional), 1 misses, 19 not run``."""
    parts: list[str] = []
    for word, several in {"agrees": "agree", "misses": "miss", "not comparable": "", "not run": ""}.items():
        rows = [row for row in table.rows if row.verdict.word == word]
        provisional = sum(row.verdict.provisional for row in rows) if word in COMPARED else 0
        if rows:
            of_them = f" ({provisional} of them provisional)" if provisional else ""
            parts.append(f"{len(rows)} {word if len(rows) == 1 else several or word}{of_them}")
    return f"{counted(table.rows, 'experiment')}: {', '.join(parts)}"


def plan(table: ReproductionTable, parts: Sequence[MissingSeeds]) -> tuple[str, ...]:
    """Return lines that say what will be trained and how long it may take: one for each experiment, one for all."""
    before = f"; {counted(len(table.runs), 'finished run')} from before" if table.runs else ""
    if not parts:
        return (f"nothing is missing{before}",)
    lines = [
        f"{part.row.published.preset.name}: {counted(len(part.seeds), 'training')}, "
        + (f"{expected_time(part.row)} each" if part.row.estimate else "time not known")
        for part in parts
    ]
    trainings = sum(len(part.seeds) for part in parts)
    unknown = sum(len(part.seeds) for part in parts if part.row.estimate is None)
    total = sum(len(part.seeds) * part.row.estimate.seconds for part in parts if part.row.estimate)
    rest = f", and {counted(unknown, 'training')} whose time is not known" if unknown else ""
    time_needed = f"about {seconds(total)} one after the other{rest}"
    if unknown == trainings:
        time_needed = "how long they take is not known"
    return (*lines, f"{counted(trainings, 'training')} to do: {time_needed}{before}")


COMMON_CELLS: Mapping[str, Callable[[ReproductionRow], str]] = {
    "seeds": seeds,
    "difference": difference_text,
    "verdict": verdict,
    "published loss": lambda row: DASH if row.published.loss is None else loss(row.published.loss),
    "our loss": lambda row: DASH if row.loss is None else plus_minus(row.loss.mean, row.loss.std, loss),
    "time of a run": time_text,
    "epochs": epochs,
}
"""The functions that return the cells of a row in both tables, by their headings."""
MARKDOWN_CELLS = {"published accuracy": published, "ours, mean ± deviation": our_accuracy, **COMMON_CELLS}
TEXT_CELLS: Mapping[str, Callable[[ReproductionRow], str]] = {
    "published": lambda row: percent(row.published.accuracy),
    "ours": mean,
    "±": deviation,
    **COMMON_CELLS,
    "verdict": lambda row: verdict(row, margin=False),
}
"""The text has shorter headings than Markdown, so that its main columns fit into 80 characters."""
LEFT = ("seeds", "verdict", "time of a run")
NEEDS = {"difference": 8, "±": 7, "seeds": 6, "time of a run": 5, "epochs": 4, "published loss": 3, "our loss": 2}
"""The columns of the text that a narrow terminal leaves out, the lowest number first; see `TextColumn`."""
SECONDS = (
    "The times are those of a clock on the wall, from the reading of the data to the end of the evaluation: the median "
    "over the seeds, and the shortest and longest. What else the machine did meanwhile is not recorded; trainings side "
    "by side and other work make them longer."
)
HONESTY = (
    "A run counts if it has finished, if its experiment differs from the preset in the seed alone, and if it was "
    "trained on all of the published data, by their checksums. For each seed from 0 on, the newest such run is in the "
    "mean. Our seeds draw other random numbers than the sources' did: compare means, not single runs. Few seeds leave "
    "much to chance: ± is the sample standard deviation of single runs, not the error of the mean."
)


def document(table: ReproductionTable) -> dict[str, Any]:
    """Return the JSON document of the table, with accuracies from 0 to 1 and times in seconds."""
    machines = [{**asdict(machine), "versions": dict(machine.versions)} for machine in table.machines]
    return {
        "rule": list(rule_in_words()),
        "machines": [{"memory_gb": machine.pop("memory"), **machine} for machine in machines],
        "sources": [
            {
                "source": part.source.name,
                "title": part.source.title,
                "experiments": [_row(row, table.machines) for row in part.rows],
            }
            for part in table.parts
        ],
    }


def _row(row: ReproductionRow, machines: Sequence[Machine]) -> dict[str, Any]:
    result, published = row.verdict, row.published
    of_a_run = ("run", "seed", "accuracy", "loss", "seconds", "epochs", "device", "threads")
    return {
        "ids": list(published.ids),
        "published": {
            "accuracy": published.accuracy,
            "loss": published.loss,
            "seeds": max(reference.seeds for reference in published.references),
        },
        "accuracy": row.accuracy and row.accuracy.to_document(),
        "loss": row.loss and row.loss.to_document(),
        "difference": result.difference,
        "verdict": result.word,
        "provisional": result.provisional,
        "margin": result.margin,
        "seeds_wanted": published.rule.seeds,
        "seconds": row.seconds,
        "estimate": row.estimate and asdict(row.estimate),
        "explanation": row.explanation or None,
        "diverged": list(row.diverged),
        "runs": [
            {**{name: getattr(run, name) for name in of_a_run}, "machine": machines.index(run.machine)}
            for run in row.runs
        ],
    }


def plan_document(table: ReproductionTable, parts: Sequence[MissingSeeds]) -> dict[str, Any]:
    """Return the JSON document of what will be trained; the ``seconds`` of an estimate are those of one training."""
    return {
        "missing": [
            {
                "id": part.row.published.preset.name,
                "seeds": list(part.seeds),
                "estimate": part.row.estimate and asdict(part.row.estimate),
            }
            for part in parts
        ],
        "there": len(table.runs),
    }


def as_text(table: ReproductionTable, width: int | None = None) -> str:
    """Return the table as text of at most `width` characters a line; None for no limit."""
    parts: list[str] = []
    for part in table.parts:
        columns = fitted(_columns(part.rows, table.machines), width)
        parts.append(f"{part.source.title}\n\n{rendered(table_of(columns), width)}")
        misses = [f"{row.published.preset.name}: {why}" for row in part.rows if (why := _about_miss(row))]
        parts += [wrapped(line, width) for line in misses]
    return "\n\n".join([*parts, wrapped(tally(table), width)]) + "\n"


def _columns(rows: Sequence[ReproductionRow], machines: Sequence[Machine]) -> list[TextColumn]:
    return [
        TextColumn("experiment", tuple(map(ids, rows))),
        *(
            TextColumn(heading, tuple(map(cell, rows)), right=heading not in LEFT, need=NEEDS.get(heading, 0))
            for heading, cell in TEXT_CELLS.items()
        ),
        TextColumn("computed on", tuple(computed_on(row, machines) for row in rows), need=1),
    ]


def as_markdown(table: ReproductionTable, place: Path) -> str:
    """Return the table as a Markdown document; the same runs give the same text.

    Args:
        place: the file that the document is for. If it lies in the checkout of the presets, they are linked.
    """
    parts = [
        "# Reproductions",
        "Published beside ours, written by `mnist-tui reproduce` from finished runs.",
        f"{tally(table)}.",
        "## What agrees",
        "\n".join(f"- {sentence}" for sentence in rule_in_words()),
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
        return f"{runs}, on {escaped(machine_text(machines[0]))}."
    lines = [f"- Machine {machine_letter(at)}: {escaped(machine_text(each))}." for at, each in enumerate(machines)]
    return "\n".join([f"{runs}, on {len(machines)} machines:", "", *lines])


def _part(part: SourceRows, machines: Sequence[Machine], place: Path) -> str:
    headings = ("experiment", *MARKDOWN_CELLS, "computed on")
    rows = [
        (
            MarkdownText(_linked(row.published, place)),
            *(MarkdownText(cell(row)) for cell in MARKDOWN_CELLS.values()),
            computed_on(row, machines),
        )
        for row in part.rows
    ]
    right = {at for at, heading in enumerate(headings) if heading in MARKDOWN_CELLS and heading not in LEFT}
    misses = [f"{_linked(row.published, place)}: {why}" for row in part.rows if (why := _about_miss(row))]
    return "\n\n".join([f"## {escaped(part.source.title)}", markdown_table(headings, rows, right), *misses])


def _about_miss(row: ReproductionRow) -> str:
    """Return why our accuracy misses the published one; empty if it does not."""
    if row.verdict.word != "misses":
        return ""
    done, wanted = len(row.runs), row.published.rule.seeds
    of = f" (so far {counted(done, 'seed')} of {wanted})" if done < wanted else ""
    left_open = "; its preset lists what the source leaves open" if row.published.readings else ""
    return row.explanation or f"misses by {difference_text(row)}{of}, not explained yet{left_open}."


def _linked(published: PublishedExperiment, place: Path) -> str:
    root, folder = builtin_folder(), place.absolute().parent
    checkout = folder.is_relative_to(root.parent) and (root.parent / "pyproject.toml").exists()
    return ", ".join(
        f"[{preset.name}]({Path(os.path.relpath(preset.path, folder)).as_posix()})"
        if checkout and preset.path is not None
        else preset.name
        for preset in published.presets
    )
