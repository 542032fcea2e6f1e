"""`evaluate`: classify the test images of another dataset with a run's model, as a run of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import Annotated

import typer

from mnist_tui.cli.errors import WorkFailedError
from mnist_tui.cli.follow import EventPrinter, StopSignals, follow
from mnist_tui.cli.open_app import check_data
from mnist_tui.cli.options import DataDir, Json, Run, RunsDir, chosen_run, data_folder, option
from mnist_tui.cli.output import print_json, print_line, print_note
from mnist_tui.cli.start_studies import this_command
from mnist_tui.cli.train import score_lines
from mnist_tui.data.catalogue import validate_name
from mnist_tui.data.facts import facts_of
from mnist_tui.errors import RequestError
from mnist_tui.experiment import corruptions
from mnist_tui.experiment.corruptions import CORRUPTIONS
from mnist_tui.runs.collection.summaries import summary_of
from mnist_tui.runs.evaluations import refusal, start_evaluated
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.results import run_document
from mnist_tui.runs.source_runs import evaluated_run
from mnist_tui.runs.statistics import document_with_statistics
from mnist_tui.wording import percent

DATASET_HELP = "A dataset by name, or a folder of your own data: its test images are classified."
CORRUPT_HELP = f"Change the test images first, each by a strength from 1 to 5: {', '.join(CORRUPTIONS)}."
NAME_HELP = "A name for the new run, shown in lists."
Dataset = Annotated[str, option("--dataset", "NAME|DIR", DATASET_HELP)]
RunName = Annotated[str, option("--name", "TEXT", NAME_HELP)]


def evaluate(
    ctx: typer.Context,
    *,
    run: Run,
    dataset: Dataset,
    corrupt: Annotated[str | None, option("--corrupt", "NAME:STRENGTH[,…]", CORRUPT_HELP)] = None,
    name: RunName = "",
    as_json: Json = False,
    data_dir: DataDir = None,
    runs_dir: RunsDir = None,
) -> None:
    """Score a run on the test images of other data, as a new run with scores, matrix and images."""
    source = evaluated_run(chosen_run(ctx, run, runs_dir))
    data = data_folder(ctx, data_dir)
    check_data(where := validate_name(dataset), data, allow_sample=False)
    if corrupt is not None:
        corruptions.parse(corrupt)
    facts = facts_of(where, data)
    start = partial(
        start_evaluated,
        source,
        where,
        form=(len(facts.class_names), facts.image),
        corrupt=corrupt or "",
        command=lambda _: this_command(),
        data_dir=data,
        name=name,
    )
    folder = computed(start)
    if as_json:
        print_json(document_with_statistics(folder))
        return
    print_scores(folder)
    before = summary_of(source)
    print_line(f"before     accuracy {percent(before.test_accuracy)}  on {before.dataset} (run {source.id})")


def computed(start: Callable[[], RunFolder]) -> RunFolder:
    """Start a run that is not trained, print notes while it is computed, and return it once it has finished.

    Raises:
        RequestError: the worker refused the request; then the run is deleted.
        WorkFailedError: the run was stopped, and is deleted; or the worker failed, or it died.
    """
    printer = EventPrinter(sys.stderr, sys.stderr)
    with StopSignals(printer.note, "the evaluation ends without results") as signals:
        folder = start()
        state = follow(folder, printer, signals)
    printer.end()
    if reason := refusal(folder, state):
        if state.state == "stopped":
            raise WorkFailedError(f"the evaluation was {reason}; no run is left of it")
        raise RequestError(reason)
    if state.state != "finished":
        why = f"its worker {folder.why_crashed()}" if state.ended is None else state.ended.reason
        raise WorkFailedError(f"run {folder.id} {state.state}: {why}; its log is {folder.log_file}")
    return folder


def print_scores(folder: RunFolder) -> None:
    """Print what a run is that was not trained, its scores, and what was assumed or found."""
    doc = run_document(folder)
    for note in doc["origin"]["notes"]:
        print_note(f"note: {note}")
    print_line(f"origin     {doc['origin']['words']}")
    for line in (*score_lines(doc), f"run        {folder.id}", f"folder     {folder.path}"):
        print_line(line)
