"""List, show and delete runs: `runs`, `show`, `logs`, `attach`, `delete` and `prune`."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Container, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from mnist_tui.cli.errors import FAILED
from mnist_tui.cli.follow import wait_until_known
from mnist_tui.cli.open_app import open_app
from mnist_tui.cli.options import (
    DataDir,
    Json,
    RefreshOption,
    Run,
    RunOrStudy,
    RunsDir,
    Yes,
    chosen_run,
    data_folder,
    may_delete,
    option,
    run_or_study,
    runs_folder,
)
from mnist_tui.cli.output import TextTable, print_json, print_note, print_table, print_text, rendered
from mnist_tui.errors import RequestError, RunError
from mnist_tui.files import UnreadableFileError, open_regular
from mnist_tui.runs.collection.summaries import RunSummary, all_scored_on, list_runs
from mnist_tui.runs.deletion import Waste, delete_run, discard_run, find_waste, remove_waste
from mnist_tui.runs.event_log import replayed
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.library import check_readable, skipped_entries
from mnist_tui.runs.results import run_document
from mnist_tui.runs.scores import MOST_IN_ORDER, WORST_LISTED, lowest_f1_first
from mnist_tui.runs.statistics import Statistics, document_with_statistics, statistics_of
from mnist_tui.runs.times import RunTimes, times_in_words
from mnist_tui.runs.worker_jobs import class_names
from mnist_tui.wording import DASH, count, counted, listed, loss, moment, noun, percent, seconds, size

LOG_BYTES = 64_000_000
"""How many bytes `logs` prints at most, from the end of the log."""


def runs(ctx: typer.Context, as_json: Json = False, runs_dir: RunsDir = None) -> None:
    """List all runs, newest first."""
    folder = runs_folder(ctx, runs_dir)
    check_readable(folder)
    summaries = list_runs(folder)
    if as_json:
        print_json([run.to_document() for run in summaries])
    elif summaries:
        _print_runs(summaries)
    else:
        print_note(f"there are no runs in {folder}; `mnist-tui train --preset raw` makes one")
    for run in summaries:
        if run.damaged:
            print_note(f"damaged: run {run.run}: {run.damaged}")
    if left_out := skipped_entries(folder):
        were = noun(left_out, "was", "were")
        print_note(f"{counted(left_out, 'entry')} {were} skipped: {', '.join(map(str, left_out))}")


def _print_runs(summaries: list[RunSummary]) -> None:
    figures = figure_columns(summaries, without=("test loss", "held-out loss", "training"))
    optional = [title for title in ("name", "note", "study") if any(getattr(run, title) for run in summaries)]
    table = TextTable("run", "state", "preset", "changed", "started", *figures, *optional, right=tuple(figures))
    for run in summaries:
        texts_of_figures = (text_of(run) for text_of in figures.values())
        # A study's id without its time is an ending of the id, which the command line accepts.
        texts = {"name": run.name, "note": run.note, "study": run.study.split("-", 2)[-1]}
        own = (texts[title] for title in optional)
        table.add_row(run.run, run.state, run.preset, run.differs, moment(run.started), *texts_of_figures, *own)
    print_table(table)


def figure_columns(
    summaries: list[RunSummary], without: Container[str] = (), of: str | None = None
) -> dict[str, Callable[[RunSummary], str]]:
    """Return the columns of figures of a table of runs: headings, and functions that return the cell of a run.

    Args:
        of: the images of the scores, ``test`` or ``held-out``; empty for scores of both; None for those of the test set
            if there are some.
    """
    of = (all_scored_on(summaries) or "test") if of is None else of
    columns: dict[str, Callable[[RunSummary], str]] = {
        "epochs": lambda run: run.epochs_in_words,
        f"{of} accuracy".lstrip(): lambda run: percent(run.accuracy_on_test_set if of == "test" else run.test_accuracy),
        "published": lambda run: percent(run.published_accuracy),
        "macro F1": lambda run: percent(run.macro_f1),
        f"{of} loss".lstrip(): lambda run: (
            DASH if run.test_loss is None or (run.fold and of == "test") else loss(run.test_loss)
        ),
        "parameters": lambda run: count(run.parameters),
        "training": lambda run: seconds(run.training_seconds),
    }
    if all(run.published_accuracy is None for run in summaries):
        del columns["published"]
    return {title: text_of for title, text_of in columns.items() if title not in without}


WRONG_HELP = "List instead the test images that it gets wrong, the surest first, with the numbers for `explain`."


def show(
    ctx: typer.Context,
    *,
    run: Run,
    wrong: Annotated[bool, option("--wrong", None, WRONG_HELP)] = False,
    as_json: Json = False,
    data_dir: DataDir = None,
    runs_dir: RunsDir = None,
) -> None:
    """Show one run: its experiment, history and scores."""
    folder = chosen_run(ctx, run, runs_dir)
    if wrong:
        _show_wrong(folder, data_folder(ctx, data_dir), as_json=as_json)
        return
    doc = document_with_statistics(folder) if as_json else run_document(folder)
    if as_json:
        print_json(doc)
    else:
        from mnist_tui.cli.train import diagnosis_lines

        found = statistics_of(folder) if doc["test"] is not None else None
        print_text(as_text(doc, found, diagnosis_lines(folder, replayed(folder.events_file))))


def _show_wrong(folder: RunFolder, data_dir: Path | None, *, as_json: bool) -> None:
    from mnist_tui.report.run_images import wrong_images

    found, names = wrong_images(folder, data_dir), class_names(folder)
    if as_json:
        print_json(
            [
                {
                    "number": image.number,
                    "class": names[image.true],
                    "predicted": names[image.predicted],
                    "probability": image.probability,
                }
                for image in found
            ]
        )
        return
    if not found:
        print_note(f"run {folder.id} classifies all images correctly")
        return
    table = TextTable("image", "class", "read as", "probability", right=("image", "probability"))
    for image in found:
        table.add_row(f"#{image.number}", names[image.true], names[image.predicted], percent(image.probability, 1))
    print_table(table)
    command = f"mnist-tui explain {folder.id} '#{found[0].number}'"
    print_note(f"{counted(found, 'image')}; `{command}` looks into the first one")


def logs(
    ctx: typer.Context,
    *,
    run: Run,
    lines: Annotated[int, option("-n --lines", "N", "Only the last N lines; 0 for all.")] = 0,
    runs_dir: RunsDir = None,
) -> None:
    """Print the log of a run: what its worker and libraries printed."""
    folder = chosen_run(ctx, run, runs_dir)
    if lines < 0:
        raise RequestError(f"-n must be 0 or more (got {lines}); 0 prints all lines")
    try:
        with open_regular(folder.log_file) as log:
            log.seek(max(0, os.fstat(log.fileno()).st_size - LOG_BYTES))
            text = log.read(LOG_BYTES).decode("utf-8", "replace")
    except FileNotFoundError:
        print_note(f"run {folder.id} has printed nothing")
        return
    except OSError as error:
        why = f"it {error.strerror}" if isinstance(error, UnreadableFileError) else error.strerror or error
        raise RequestError(f"{folder.log_file} cannot be read: {why}") from None
    print_text("".join(f"{line}\n" for line in text.splitlines()[-lines:]))


def attach(ctx: typer.Context, run: RunOrStudy, refresh: RefreshOption = None, runs_dir: RunsDir = None) -> None:
    """Open the app on a run's training screen, or on a study's screen for a study's id."""
    from mnist_tui.studies.folder import StudyFolder

    folder = run_or_study(runs_folder(ctx, runs_dir), run)
    if isinstance(folder, StudyFolder):
        raise typer.Exit(open_app(folder.runs_dir, begin=lambda: folder, refresh=refresh))
    raise typer.Exit(open_app(folder.path.parent, run=folder, refresh=refresh))


def delete(
    ctx: typer.Context,
    *,
    run: Run,
    stop: Annotated[bool, option("--stop", None, "Also a run that still trains: it ends and saves nothing.")] = False,
    yes: Yes = False,
    runs_dir: RunsDir = None,
) -> None:
    """Delete a run that no longer trains, with all its files."""
    folder = chosen_run(ctx, run, runs_dir)
    if not may_delete(f"run {folder.id} ({folder.path})", yes=yes):
        return
    wait_until_known(folder)
    if stop:
        discard_run(folder)
    else:
        delete_run(folder)
    print_note(f"deleted run {folder.id}")


HISTORY = 10
"""How many epochs `show` prints: the last ones. The JSON document has all."""


def as_text(doc: dict[str, Any], found: Statistics | None, diagnosis: list[str]) -> str:
    """Return lines that describe a run, from its document (`runs.results.run_document`), statistics and diagnosis."""
    from mnist_tui.cli.train import score_lines
    from mnist_tui.report.result_words import solution_in_words

    total, trainable, origin = doc["parameters"]["total"], doc["parameters"]["trainable"], doc["origin"]
    epochs: list[dict[str, Any]] = doc["epochs"]
    lines = [
        f"run        {doc['run']}",
        f"state      {doc['state']}{f': {reason}' if (reason := doc['reason']) else ''}",
        f"title      {doc['title']}",
        f"preset     {doc['preset']}",
        f"command    {doc['command']}",
        f"data       {_data(doc)}",
    ]
    if origin is not None:
        lines.insert(1, f"origin     {origin['words']}")
        lines += [f"sources    {', '.join(source['name'] for source in origin['sources'])}"]
        lines += [f"note       {note}" for note in origin["notes"]]
    is_model = origin is not None and not origin.get("predictions_only")
    model = "not known, it was not loaded" if is_model else "none, only its predictions"
    if total is not None:
        model = f"{counted(total, 'parameter')}, {count(trainable)} trainable"
    lines.append(f"model      {model}")
    planned = doc["experiment"]["training"]["epochs"]
    lines.append(f"epochs     {'none: it was not trained here' if origin else f'{len(epochs)} of {planned}'}")
    lines += [f"study      {study}"] if (study := doc["study"]) else []
    if solution := doc["closed_form"]:
        ridge, images, temperature = solution_in_words(solution)
        lines += [f"ridge      {ridge}", f"solved     over {images}"]
        lines.append(f"softmax    of the scores over the temperature {temperature}")
    if words := times_in_words(RunTimes(**doc["times"])):
        lines.append(f"times      {'; '.join(words)}")
    lines += [*score_lines(doc), *diagnosis]
    lines += [f"warning    {text}" for text in doc["warnings"]]
    lines += [f"damaged    {why}"] if (why := doc.get("damaged")) else []
    lines.append(f"folder     {doc['folder']}")
    parts = ["\n".join(lines)]
    if found is not None:
        parts.append(_statistics(found, [row["class"] for row in doc["test"]["per_class"]]))
    if doc["test"] is not None:
        parts.append(_per_class(doc["test"]["per_class"], found))
    if epochs:
        parts.append(_history(epochs))
    return "\n\n".join(parts) + "\n"


def _data(doc: dict[str, Any]) -> str:
    data = doc["dataset"]
    if data is None:
        return f"{doc['experiment']['dataset']['name']} (not read yet)"
    words = {"train": "train", "validation": "validation", "test": "held out" if doc.get("fold") else "test"}
    parts = ", ".join(f"{count(data[part])} {word}" for part, word in words.items() if data.get(part))
    return f"{data.get('title') or data['name']}{' (bundled sample)' if data.get('sample') else ''}: {parts}"


def _statistics(found: Statistics, class_names: Sequence[str]) -> str:
    from mnist_tui.report.statistics_words import statistics_in_words, statistics_notes

    table = TextTable("statistic", "value")
    for name, value in statistics_in_words(found).items():
        table.add_row(name, value)
    return "\n".join([rendered(table), *statistics_notes(found, class_names)])


def _per_class(rows: list[dict[str, Any]], found: Statistics | None) -> str:
    from mnist_tui.report.statistics_words import class_statistics

    ranking = ("ROC-AUC", "average precision") if found else ()
    right = ("precision", "recall", "F1", *ranking, "images")
    table = TextTable("class", *right, right=right)
    of_class = (
        {name: values for name, *values in class_statistics(found, [row["class"] for row in rows])} if found else {}
    )
    is_long = len(rows) > MOST_IN_ORDER
    shown = lowest_f1_first(rows, lambda row: row["f1"])[:WORST_LISTED] if is_long else rows
    for row in shown:
        scores = (percent(row[key]) for key in ("precision", "recall", "f1"))
        table.add_row(str(row["class"]), *scores, *of_class.get(row["class"], ()), count(row["support"]))
    more = f"the {WORST_LISTED} classes with the lowest F1, of {len(rows)}; --json has all of them\n" if is_long else ""
    return f"{more}{rendered(table)}"


def _history(epochs: list[dict[str, Any]]) -> str:
    columns: dict[str, tuple[str, Callable[[Any], str]]] = {
        "epoch": ("epoch", str),
        "loss": ("loss", loss),
        "accuracy": ("accuracy", percent),
        "val loss": ("val_loss", loss),
        "val accuracy": ("val_accuracy", percent),
        "learning rate": ("learning_rate", lambda rate: DASH if rate is None else f"{rate:.4g}"),
        "time": ("seconds", seconds),
    }
    table = TextTable(*columns, right=tuple(columns))
    for row in epochs[-HISTORY:]:
        table.add_row(*(text_of(row[key]) for key, text_of in columns.values()))
    left_out = len(epochs) - HISTORY
    return rendered(table) + (f"\n({left_out} earlier epochs: --json has them)" if left_out > 0 else "")


def prune(
    ctx: typer.Context,
    *,
    yes: Annotated[bool, option("--yes -y", None, "Delete what is listed; without it nothing is.")] = False,
    older_than: Annotated[float, option("--older-than", "DAYS", "Only what has not changed for so many days.")] = 0.0,
    as_json: Json = False,
    runs_dir: RunsDir = None,
) -> None:
    """List runs and files that are of no use, and delete them with --yes.

    These are discarded runs, runs that failed or crashed and left nothing, and stale temporary files.
    """
    from mnist_tui.studies.folder import PLACE

    if not (math.isfinite(older_than) and older_than >= 0):
        raise RequestError(f"--older-than must be a number of days, 0 or more (got {older_than:g})")
    folder = runs_folder(ctx, runs_dir)
    waste = find_waste(folder, folder / PLACE, older_than=older_than * 86_400)
    deleted = [entry for entry in waste if yes and _delete(entry)]
    if as_json:
        print_json([{**_document_of(entry), "deleted": entry in deleted} for entry in waste])
    elif waste:
        table = TextTable("what", "why", "size", right=("size",))
        for entry in waste:
            table.add_row(entry.run.id if entry.run else str(entry.path), entry.why, size(entry.size))
        print_table(table)
    if not waste:
        print_note(f"there is nothing to prune in {folder}")
    elif yes:
        print_note(f"deleted {_counted(deleted)}")
    else:
        print_note(f"{_counted(waste)}; nothing was deleted, the same command with --yes does it")
    if yes and len(deleted) < len(waste):
        raise typer.Exit(FAILED)


def _document_of(entry: Waste) -> dict[str, Any]:
    run = entry.run.id if entry.run else None
    return {"path": str(entry.path), "run": run, "why": entry.why, "bytes": entry.size}


def _delete(entry: Waste) -> bool:
    """Delete a run or a file and return True; if that is not possible, print a note and return False."""
    try:
        remove_waste(entry)
    except RunError as error:
        print_note(f"not deleted: {error}")
        return False
    return True


def _counted(waste: list[Waste]) -> str:
    """Return the number and the size of what can be deleted: ``2 runs and 1 temporary file, 12.6 MB``."""
    runs = sum(entry.run is not None for entry in waste)
    numbers = ((runs, "run"), (len(waste) - runs, "temporary file"))
    parts = [counted(number, name) for number, name in numbers if number]
    return f"{listed(parts) or 'nothing'}, {size(sum(entry.size for entry in waste))}"
