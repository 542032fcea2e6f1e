"""`robustness`: measure the accuracy of runs on corrupted test images, and print it by corruption and strength."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from mnist_tui.cli.errors import WorkFailedError
from mnist_tui.cli.options import (
    DataDir,
    Force,
    Json,
    Runs,
    RunsDir,
    among_several,
    complete_run,
    data_folder,
    may_write,
    option,
    runs_folder,
    runs_of,
    writing,
)
from mnist_tui.cli.output import LiveLine, TextTable, is_live, print_json, print_line, print_note, print_table
from mnist_tui.errors import RequestError
from mnist_tui.experiment.corruptions import CORRUPTIONS, STRENGTHS, parse_names
from mnist_tui.files import write_text
from mnist_tui.paths import typed_path
from mnist_tui.report.result_words import robustness_sentence
from mnist_tui.report.tabular import csv_text
from mnist_tui.runs.collection.summaries import RunSummary, summary_of
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.robustness import SEED, Robustness, RobustnessTest, robustness_of
from mnist_tui.runs.worker_jobs import JobError
from mnist_tui.wording import DASH, percent

CORRUPT_HELP = f"Only these corruptions, of {', '.join(CORRUPTIONS)}."
BASELINE_HELP = "Also print the mean corruption error relative to this run, which is measured, too."
OUTPUT_HELP = "Write the accuracies to a CSV file, a line for each run, corruption and strength."

MeasuredRuns = Sequence[tuple[RunSummary, Robustness]]


def robustness(
    ctx: typer.Context,
    *,
    runs: Runs,
    corrupt: Annotated[
        str | None, option("--corrupt", "NAME,…", CORRUPT_HELP, complete=among_several(CORRUPTIONS))
    ] = None,
    baseline: Annotated[str | None, option("--baseline", "RUN", BASELINE_HELP, complete=complete_run)] = None,
    as_json: Json = False,
    output: Annotated[Path | None, option("-o --output", "FILE.csv", OUTPUT_HELP, parser=typed_path)] = None,
    force: Force = False,
    data_dir: DataDir = None,
    runs_dir: RunsDir = None,
) -> None:
    """Measure the accuracy of runs on corrupted test images: shifted, rotated, blurred, with noise and more.

    Each corruption has five strengths. What is measured is kept with the run.
    """
    names = tuple(CORRUPTIONS) if corrupt is None else parse_names(corrupt)
    place = runs_folder(ctx, runs_dir)
    folders = {run.id: run for text in runs for run in runs_of(place, text)}
    base = None
    if baseline is not None:
        compared = runs_of(place, baseline)
        if len(compared) != 1:
            raise RequestError(f"--baseline takes one run, and {baseline} means {len(compared)} of them")
        base = compared[0]
    if output is not None and not may_write(output, "-o", force=force, endings=(".csv",)):
        return
    _measure(
        [*folders.values(), *([base] if base is not None and base.id not in folders else [])], names, ctx, data_dir
    )
    measured = [(summary_of(folder), found) for folder in folders.values() if (found := robustness_of(folder))]
    compared_to = robustness_of(base) if base is not None else None
    if output is not None:
        with writing(output):
            write_text(output, accuracies_csv(measured, names))
    if as_json:
        print_json(document(measured, names, base.id if base is not None else None, compared_to))
        return
    print_table(_table(measured, names))
    for run, found in measured:
        print_line()
        print_line(f"{run.run}: {robustness_sentence(found, names)}")
        if compared_to is not None and base is not None:
            relative = found.relative_error(compared_to, names)
            text = "not defined" if relative is None else f"{relative:.3f}"
            print_line(f"Its mean corruption error relative to {base.id} is {text} (1: as many errors as that run).")


def _measure(folders: Sequence[RunFolder], names: Sequence[str], ctx: typer.Context, data_dir: Path | None) -> None:
    """Measure the corruptions that have no results in a run yet; the progress goes to stderr."""
    said = ""
    try:
        with RobustnessTest(folders, names, data_folder(ctx, data_dir)) as test, LiveLine(sys.stderr) as line:
            for state in test:
                if is_live(sys.stderr):
                    line.show(state.words)
                elif (phase := state.phase.partition(", strength")[0]) not in ("", said):
                    print_note(f"{phase} …")
                    said = phase
    except JobError as error:
        if error.refused:
            raise
        raise WorkFailedError(str(error)) from None


def document(
    measured: MeasuredRuns, names: Sequence[str], baseline: str | None, to: Robustness | None
) -> dict[str, Any]:
    """Return the JSON document of some runs' accuracies on corrupted images."""
    return {
        "strengths": list(STRENGTHS),
        "seed": SEED,
        "baseline": baseline,
        "runs": [
            {
                "run": run.run,
                "name": run.shown_name,
                "dataset": run.dataset,
                **found.to_document(names),
                "relative_error": None if to is None else found.relative_error(to, names),
            }
            for run, found in measured
        ],
    }


def accuracies_csv(measured: MeasuredRuns, names: Sequence[str]) -> str:
    """Return a CSV line for each run, corruption and strength with its amount and accuracy; strength 0 is none."""
    rows: list[Sequence[object]] = [("run", "name", "corruption", "strength", "amount", "accuracy")]
    for run, found in measured:
        rows.append((run.run, run.shown_name, "none", 0, "", found.clean))
        for name in names:
            figures = zip(STRENGTHS, CORRUPTIONS[name].amounts, found.accuracies[name], strict=True)
            rows += ((run.run, run.shown_name, name, *row) for row in figures)
    return csv_text(rows)


def _table(measured: MeasuredRuns, names: Sequence[str]) -> TextTable:
    """Return a row for each corruption and run: the accuracies at the strengths, and the mean error over them."""
    several = len(measured) > 1
    strengths = [str(strength) for strength in (0, *STRENGTHS)]
    figures = [*strengths, "mean error"]
    table = TextTable("accuracy at strength", *(["run"] if several else []), *figures, right=tuple(figures))
    for name in names:
        for at, (run, found) in enumerate(measured):
            accuracies = map(percent, found.curve(name))
            own = [run.run] if several else []
            table.add_row(name if at == 0 else "", *own, *accuracies, percent(found.error(name)))
    if several and len(names) > 1:
        for at, (run, found) in enumerate(measured):
            error = found.mean_error(names)
            table.add_row("all" if at == 0 else "", run.run, *[DASH] * len(strengths), percent(error))
    return table
