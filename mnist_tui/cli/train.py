"""Train without screens: `train`, `resume`, `extend`, and the commands that are sent to a run that trains."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from mnist_tui import PROGRAM
from mnist_tui.cli.errors import WorkFailedError
from mnist_tui.cli.follow import EventPrinter, StopSignals, follow, wait_until_known
from mnist_tui.cli.open_app import check_data
from mnist_tui.cli.options import (
    AllowSample,
    DataDir,
    Json,
    Request,
    Run,
    RunOrStudy,
    RunsDir,
    checked_device,
    checked_whole,
    chosen_run,
    complete_device,
    data_folder,
    run_or_study,
    runs_folder,
    with_experiment,
)
from mnist_tui.cli.output import print_json, print_line, print_note
from mnist_tui.cli.studies import follow_to_end
from mnist_tui.cli.sweep import seeds_of, train_seeds
from mnist_tui.errors import RequestError
from mnist_tui.experiment.spec import MAX_EPOCHS
from mnist_tui.python_process import informative_text
from mnist_tui.report.result_words import MEASURED, PublishedScore, citation, published_scores
from mnist_tui.runs import start as run_start
from mnist_tui.runs.control import CommandName, send
from mnist_tui.runs.devices import busy, usable_cores
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.results import run_document
from mnist_tui.runs.start import check_extendable, check_resumable, start
from mnist_tui.runs.state import LIVE, RunState
from mnist_tui.runs.watch import RunWatch
from mnist_tui.studies import start as study_start
from mnist_tui.studies.folder import StudyFolder
from mnist_tui.wording import counted, loss, percent, seconds

LOG_LINES = 12


@with_experiment
def train(
    ctx: typer.Context,
    *,
    request: Request,
    detach: Annotated[bool, typer.Option("--detach", help="Print the run's id at once; training goes on.")] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Stand in line behind the runs that train on the same device.")
    ] = False,
    new: Annotated[
        bool, typer.Option("--new", help="With --seeds: begin anew although an unfinished group has the same settings.")
    ] = False,
    threads: Annotated[
        str | None,
        typer.Option(
            "--threads",
            metavar="N",
            help="Threads of one operation on the CPU, 1 to its cores; a result's last bits depend on it.",
            rich_help_panel="Training",
        ),
    ] = None,
    as_json: Json = False,
    allow_sample: AllowSample = False,
    data_dir: DataDir = None,
    runs_dir: RunsDir = None,
) -> None:
    """Train without screens: a line an epoch, or one JSON document. Ctrl-C and SIGTERM stop and save."""
    preset = request.chosen()
    data = data_folder(ctx, data_dir)
    threads_number = checked_whole("--threads", threads, usable_cores())
    check_data(preset.experiment.dataset.name, data, allow_sample=allow_sample)
    place = runs_folder(ctx, runs_dir)
    if not wait and (taken := busy(place, request.device)) is not None:
        print_note(f"note: {taken.text}{' With --wait this one stands in line.' if taken.line else ''}")
    if request.seeds is not None:
        study = seeds_of(request, preset, data_dir=data, allow_sample=allow_sample, threads=threads_number)
        train_seeds(study, place, detach=detach, wait=wait, new=new, as_json=as_json)
        return
    begin = partial(
        start,
        place,
        preset,
        command=lambda _: shlex.join([PROGRAM, *sys.argv[1:]]),
        device=request.device,
        data_dir=data,
        allow_sample=allow_sample,
        wait=wait,
        threads=threads_number,
    )
    start_and_follow(begin, detach=detach, as_json=as_json)


def start_and_follow(
    begin: Callable[[], RunFolder], *, detach: bool, as_json: bool, watch: RunWatch | None = None
) -> None:
    """Start a worker and follow its run to the end; with `detach`, only print the run's id.

    Args:
        begin: starts the worker and returns its run.
        watch: a watch on the run that has read earlier events already.

    Raises:
        RequestError, WorkFailedError: as `print_result` does.
    """
    if detach:
        folder = begin()
        if as_json:
            print_json({"run": folder.id, "folder": str(folder.path)})
        else:
            print_line(folder.id)
        print_note(f"training goes on; `{PROGRAM} attach {folder.id}` shows it")
        return
    printer = EventPrinter(sys.stderr if as_json else sys.stdout, sys.stderr)
    with StopSignals(printer.note) as signals:
        folder = begin()
        state = follow(folder, printer, signals, watch)
    printer.end()
    print_result(folder, state, as_json=as_json)


def print_result(folder: RunFolder, state: RunState, *, as_json: bool) -> None:
    """Print the result of a run on stdout.

    Raises:
        RequestError: the worker found that the request could not be met.
        WorkFailedError: the work failed or the worker died.
    """
    reason = state.ended.reason if state.ended else ""
    if state.ended is not None and state.ended.refused:
        raise RequestError(f"run {folder.id} was not resumed and is as it was: {state.ended.refused}")
    if state.state == "failed" and state.ended is not None and not state.ended.where:
        raise RequestError(reason)
    doc = run_document(folder)
    if as_json:
        print_json(doc)
    else:
        spent = (doc["timings"] or {}).get("train", sum(row.seconds for row in state.history))
        head = reason if reason.startswith(state.state) else ": ".join(filter(None, (state.state, reason)))
        epochs = f"{len(state.history)} of {counted(state.epochs, 'epoch')}"
        print_line(f"{head} ({epochs}, {seconds(spent)} of training)")
        for line in (*score_lines(doc), f"run        {folder.id}", f"folder     {folder.path}"):
            print_line(line)
    if state.state in ("failed", "crashed"):
        if state.state == "crashed":
            what = f"crashed: its worker {folder.why_crashed()}"
        else:
            why = reason or informative_text(folder.last_log_lines(LOG_LINES)[-2:])
            what = f"failed{f' ({why})' if why else ''}"
        raise WorkFailedError(f"run {folder.id} {what}; its log is {folder.log_file}")


def score_lines(doc: dict[str, Any]) -> list[str]:
    """Return lines with the scores of a run that was evaluated, and what its source published.

    The published scores are given where the experiment is still the source's, with the distance of ours from them.
    """
    lines: list[str] = []
    if (test := doc["test"]) is not None:
        macro = percent(test["macro_f1"])
        lines.append(f"test       accuracy {percent(test['accuracy'])}  loss {loss(test['loss'])}  macro F1 {macro}")
    if doc["train"] is not None:
        lines.append(f"training   accuracy {percent(doc['train']['accuracy'])}  loss {loss(doc['train']['loss'])}")
    for of in ("test", "training"):
        scores = [score for score in published_scores(doc) if score.of == of]
        if not scores:
            continue
        kind = "" if of == "test" else "training "
        where = f"in {citation(doc['reference'])}" if of == "test" else f"({scores[0].how})"
        lines.append(f"published  {kind}{_row(scores, lambda score: score.written(score.published))}  {where}")
        if alike := [score for score in scores if score.ours is not None]:
            running = scores[0].how == MEASURED["running"]
            ours = f"  (ours alike: {_row(alike, lambda score: score.written(score.ours))})" if running else ""
            lines.append(f"difference {kind}{_row(alike, lambda score: score.difference)}{ours}")
    return lines


def _row(scores: list[PublishedScore], text_of: Callable[[PublishedScore], str]) -> str:
    return "  ".join(f"{score.score} {text_of(score)}" for score in scores)


def _command(name: CommandName, note: str, doc: str) -> Callable[..., None]:
    def command(ctx: typer.Context, run: Run, runs_dir: RunsDir = None) -> None:
        folder = chosen_run(ctx, run, runs_dir)
        send(folder, name)
        print_note(f"run {folder.id} {note}")

    command.__doc__ = doc
    return command


COMMANDS: dict[str, Callable[..., None]] = {
    "pause": _command("pause", "will pause; `mnist-tui continue` lets it go on", "Let a run's training wait."),
    "continue": _command("continue", "goes on", "Let a paused run's training go on."),
    "step": _command(
        "step", "will pause after the epoch it is in, or its next", "Train one epoch, or the rest of one, and pause."
    ),
    "stop": _command("stop", "will stop and save", "Stop a run's training, evaluate and save it."),
    "checkpoint": _command("checkpoint", "will save a checkpoint", "Have a run save a checkpoint now."),
}


Detach = Annotated[bool, typer.Option("--detach", help="Return at once; training goes on.")]
Device = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="auto|cpu|gpu[:N]",
        help="Where to train; as before where it is not given.",
        autocompletion=complete_device,
    ),
]


def resume(
    ctx: typer.Context,
    *,
    run: RunOrStudy,
    detach: Detach = False,
    as_json: Json = False,
    device: Device = None,
    data_dir: DataDir = None,
    runs_dir: RunsDir = None,
) -> None:
    """Go on with a run that was stopped, failed or crashed, from its checkpoint, or with what is missing of a study.

    Ctrl-C and SIGTERM stop and save.
    """
    folder = run_or_study(runs_folder(ctx, runs_dir), run)
    if isinstance(folder, StudyFolder):
        if device is not None or data_dir is not None:
            raise RequestError(f"study {folder.id} goes on where it was: leave --device and --data-dir out")
        study_start.require_extra()
        wait_until_known(folder)
        study_start.resume(folder)
        follow_to_end(folder, as_json=as_json, detach=detach)
        return
    wait_until_known(folder)
    check_resumable(folder)
    _go_on(folder, run_start.resume, device, data_folder(ctx, data_dir), detach=detach, as_json=as_json)


def extend(
    ctx: typer.Context,
    *,
    run: Run,
    more: Annotated[str, typer.Option("--epochs", metavar="N", help="How many epochs more (N ≥ 1).")],
    detach: Detach = False,
    as_json: Json = False,
    device: Device = None,
    data_dir: DataDir = None,
    runs_dir: RunsDir = None,
) -> None:
    """Train N epochs more: a run that trains goes on for longer, one that has ended goes on from its checkpoint."""
    folder = chosen_run(ctx, run, runs_dir)
    epochs = checked_whole("--epochs", more, MAX_EPOCHS) or 1
    check_extendable(folder)
    wait_until_known(folder)
    if folder.state() in LIVE:
        run_start.extend(folder, epochs)
        print_note(f"run {folder.id} will train {counted(epochs, 'epoch')} more")
        return
    begin = partial(run_start.extend, epochs=epochs)
    _go_on(folder, begin, device, data_folder(ctx, data_dir), detach=detach, as_json=as_json)


def _go_on(
    folder: RunFolder,
    begin: Callable[..., object],
    device: str | None,
    data_dir: Path | None,
    *,
    detach: bool,
    as_json: bool,
) -> None:
    """Check the run's data, start a worker with `begin` and follow the run to its end; with `detach`, return at once.

    The worker checks that the data are the same as before.
    """
    device = None if device is None else checked_device(device)
    watch = RunWatch(folder)
    before, launch = watch.skip_earlier(), folder.launch()
    sample = launch.allow_sample if before.data is None else before.data.sample
    where = data_dir or (Path(launch.data_dir) if launch.data_dir else None)
    check_data(folder.preset().experiment.dataset.name, where, allow_sample=sample)

    def started() -> RunFolder:
        begin(folder, device=device, data_dir=data_dir)
        return folder

    start_and_follow(started, detach=detach, as_json=as_json, watch=watch)
