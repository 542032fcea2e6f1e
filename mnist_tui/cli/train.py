"""Train without screens: `train`, `resume` and `extend` follow a run, `pause`, `stop` and others control one."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from mnist_tui import PROGRAM
from mnist_tui.cli.errors import WorkFailedError
from mnist_tui.cli.experiment_options import Request, with_experiment
from mnist_tui.cli.follow import EventPrinter, StopSignals, follow, print_begun, wait_until_known
from mnist_tui.cli.follow_study import follow_to_end
from mnist_tui.cli.open_app import check_data
from mnist_tui.cli.options import (
    DEVICES,
    AllowSample,
    DataDir,
    Detach,
    Json,
    Run,
    RunOrStudy,
    RunsDir,
    checked_device,
    checked_whole,
    chosen_run,
    complete_device,
    data_folder,
    option,
    run_or_study,
    runs_folder,
)
from mnist_tui.cli.output import print_json, print_line, print_note
from mnist_tui.cli.start_studies import begin, check_supply, requested_study, this_command
from mnist_tui.errors import RequestError
from mnist_tui.experiment.shapes import MAX_EPOCHS
from mnist_tui.files import why_unwritten
from mnist_tui.paths import typed_path
from mnist_tui.python_process import informative_text
from mnist_tui.report.result_words import MEASURED, PublishedScore, citation, published_scores, test_loss
from mnist_tui.runs import start as run_start
from mnist_tui.runs.control import CommandName, send
from mnist_tui.runs.devices import busy, device_of, live_on, usable_cores
from mnist_tui.runs.diagnosis import EXPLANATIONS, diagnose
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.results import run_document
from mnist_tui.runs.state import LIVE, RunState
from mnist_tui.runs.statistics import document_with_statistics
from mnist_tui.runs.tensorboard import check_available
from mnist_tui.runs.times import times_in_words, times_of
from mnist_tui.runs.watch import RunWatch
from mnist_tui.studies import start as study_start
from mnist_tui.studies.folder import StudyFolder
from mnist_tui.wording import counted, loss, percent

LOG_LINES = 12
LOOK_SECONDS = 1.0
NEW_HELP = "With --seeds or --folds: begin a new study even if an unfinished one is the same."
TENSORBOARD_HELP = "Also write a log for TensorBoard, into DIR/RUN; without DIR into the run's folder."
THREADS_HELP = "Threads of one operation on the CPU, 1 to its cores; a result's last bits depend on it."


@with_experiment
def train(
    ctx: typer.Context,
    *,
    request: Request,
    detach: Detach = False,
    wait: Annotated[bool, option("--wait", None, "Wait until no earlier run trains on the same device.")] = False,
    new: Annotated[bool, option("--new", None, NEW_HELP)] = False,
    threads: Annotated[str | None, option("--threads", "N", THREADS_HELP, panel="Training")] = None,
    tensorboard: Annotated[str | None, option("--tensorboard", "[DIR]", TENSORBOARD_HELP)] = None,
    as_json: Json = False,
    allow_sample: AllowSample = False,
    data_dir: DataDir = None,
    runs_dir: RunsDir = None,
) -> None:
    """Train without screens: a line an epoch, or one JSON document. Ctrl-C and SIGTERM stop and save."""
    preset = request.chosen()
    data = data_folder(ctx, data_dir)
    place = _tensorboard_folder(request, tensorboard)
    threads_number = checked_whole("--threads", threads, usable_cores())
    check_data(preset.experiment.dataset.name, data, allow_sample=allow_sample)
    if (
        "dataset" in request.texts
        and preset.experiment.dataset.validation == "own"
        and "validation" not in request.texts
    ):
        print_note(
            "note: the dataset's own validation split is the validation data; --validation test takes the test set"
        )
    runs = runs_folder(ctx, runs_dir)
    if not wait and (reason := busy(runs, request.device)) is not None:
        print_note(f"note: {reason.text}{' With --wait this run waits until it ends.' if reason.line else ''}")
    if request.makes_study:
        study = requested_study(request, preset, data, allow_sample=allow_sample, threads=threads_number)
        if wait and detach:
            raise RequestError(
                f"--wait does not go with --detach and {request.flags[-1]}: the study begins once the device is free"
            )
        check_supply(study, [preset])
        if wait:
            _wait_in_line(runs, request.device)
        follow_to_end(begin(runs, study, new=new), as_json=as_json, detach=detach)
        return
    start_run = partial(
        run_start.start,
        runs,
        preset,
        command=lambda _: this_command(),
        device=request.device,
        data_dir=data,
        allow_sample=allow_sample,
        wait=wait,
        threads=threads_number,
        tensorboard=place,
    )
    if place is not None:
        print_note(f"note: `tensorboard --logdir {shlex.quote(place or str(runs))}` shows the training")
    start_and_follow(start_run, detach=detach, as_json=as_json)


def _tensorboard_folder(request: Request, text: str | None) -> str | None:
    """Make the folder of ``--tensorboard`` and return its path; empty for the run's own, None without the option.

    Raises:
        RequestError: the folder cannot be made or written, or a log is asked for several runs.
    """
    if text is None:
        return None
    check_available()
    if request.makes_study:
        raise RequestError(
            "--tensorboard goes with one run; `mnist-tui export STUDY --history tensorboard` writes the logs of a study"
        )
    if not text:
        return ""
    place = typed_path(text).absolute()
    try:
        place.mkdir(parents=True, exist_ok=True)
        writable = os.access(place, os.W_OK | os.X_OK)
    except FileExistsError:
        raise RequestError(f"--tensorboard {text} is a file, not a folder") from None
    except OSError as error:
        raise RequestError(f"--tensorboard {text}: the folder cannot be made: {why_unwritten(error)}") from None
    if not writable:
        raise RequestError(f"--tensorboard {text}: you may not write in this folder")
    return str(place)


def _wait_in_line(runs_dir: Path, device: str) -> None:
    """Wait until no run of this machine trains on the device; print the run that is waited for."""
    waited_for = ""
    while live := live_on(runs_dir, device_of(device)):
        if live[0].id != waited_for:
            waited_for = live[0].id
            print_note(f"waiting for run {waited_for} to end")
        time.sleep(LOOK_SECONDS)


def start_and_follow(
    start_run: Callable[[], RunFolder], *, detach: bool, as_json: bool, watch: RunWatch | None = None
) -> None:
    """Start a worker, follow its run until it ends, and print the result; with `detach`, only print the run's id.

    Args:
        start_run: starts the worker and returns its run.
        watch: a watch on the run that has read earlier events already.

    Raises:
        RequestError, WorkFailedError: as `print_result` raises them.
    """
    if detach:
        folder = start_run()
        print_begun(folder, f"training goes on; `{PROGRAM} attach {folder.id}` shows it", as_json=as_json)
        return
    printer = EventPrinter(sys.stderr if as_json else sys.stdout, sys.stderr)
    with StopSignals(printer.note) as signals:
        folder = start_run()
        state = follow(folder, printer, signals, watch)
    printer.end()
    print_result(folder, state, as_json=as_json)


def print_result(folder: RunFolder, state: RunState, *, as_json: bool) -> None:
    """Print the result of a run that has ended on stdout.

    Raises:
        RequestError: the worker refused the request.
        WorkFailedError: the training failed, or the worker died.
    """
    reason = state.ended.reason if state.ended else ""
    if state.ended is not None and state.ended.refused:
        raise RequestError(f"run {folder.id} was not resumed and is as it was: {state.ended.refused}")
    if state.state == "failed" and state.ended is not None and not state.ended.where:
        raise RequestError(reason)
    doc = document_with_statistics(folder) if as_json else run_document(folder)
    if as_json:
        print_json(doc)
    else:
        head = reason if reason.startswith(state.state) else ": ".join(filter(None, (state.state, reason)))
        epochs = f"{len(state.history)} of {counted(state.epochs, 'epoch')}"
        print_line(f"{head} ({'; '.join([epochs, *times_in_words(times_of(state))])})")
        lines = (*score_lines(doc), *diagnosis_lines(folder, state))
        for line in (*lines, f"run        {folder.id}", f"folder     {folder.path}"):
            print_line(line)
    if state.state in ("failed", "crashed"):
        if state.state == "crashed":
            what = f"crashed: its worker {folder.why_crashed()}"
        else:
            why = reason or informative_text(folder.last_log_lines(LOG_LINES)[-2:])
            what = f"failed{f' ({why})' if why else ''}"
        raise WorkFailedError(f"run {folder.id} {what}; its log is {folder.log_file}")


def score_lines(doc: dict[str, Any]) -> list[str]:
    """Return lines with the scores of a run's document: on test and training data, published, and the difference.

    There are published scores only if the run's experiment equals that of a source.
    """

    def row(scores: list[PublishedScore], text_of: Callable[[PublishedScore], str]) -> str:
        return "  ".join(f"{score.score} {text_of(score)}" for score in scores)

    lines: list[str] = []
    if (test := doc["test"]) is not None:
        macro = percent(test["macro_f1"])
        of = "held out  " if doc.get("fold") else "test      "
        lines.append(f"{of} accuracy {percent(test['accuracy'])}  loss {test_loss(doc)}  macro F1 {macro}")
    if doc["train"] is not None:
        lines.append(f"training   accuracy {percent(doc['train']['accuracy'])}  loss {loss(doc['train']['loss'])}")
    for of in ("test", "training"):
        scores = [score for score in published_scores(doc) if score.of == of]
        if not scores:
            continue
        kind = "" if of == "test" else "training "
        where = f"in {citation(doc['reference'])}" if of == "test" else f"({scores[0].how})"
        lines.append(f"published  {kind}{row(scores, lambda score: score.written(score.published))}  {where}")
        if alike := [score for score in scores if score.ours is not None]:
            running = scores[0].how == MEASURED["running"]
            ours = f"  (ours alike: {row(alike, lambda score: score.written(score.ours))})" if running else ""
            lines.append(f"difference {kind}{row(alike, lambda score: score.difference)}{ours}")
    if (fold := doc.get("fold")) is not None:
        about = f"of {fold['of']} of the training images, on which the model was not trained; the test set was not used"
        lines.append(f"fold       {fold['number']} {about}")
    return lines


def diagnosis_lines(folder: RunFolder, state: RunState) -> list[str]:
    """Return lines with the diagnosis of a run, and with a command for everything that can be done about it."""
    if not state.history:
        return []
    findings = diagnose(state, folder.preset().experiment, folder.state())
    file = str(folder.experiment_file)
    lines: list[str] = []
    for finding in findings:
        if finding.kind not in EXPLANATIONS:
            lines.append(f"diagnosis  {finding.headline}")
            lines += [f"           {action.label}: {action.command(folder.id, file)}" for action in finding.actions]
    return lines


def _control(name: CommandName, note: str, doc: str) -> Callable[..., None]:
    """Return a command that sends a run's worker the command of that name and prints a note."""

    def control(ctx: typer.Context, run: Run, runs_dir: RunsDir = None) -> None:
        folder = chosen_run(ctx, run, runs_dir)
        if name != "stop":
            folder.check_trained_here(f"does not take the command {name}")
        send(folder, name)
        print_note(f"run {folder.id} {note}")

    control.__name__, control.__doc__ = name, doc
    return control


pause = _control("pause", "will pause; `mnist-tui continue` continues its training", "Pause a run's training.")
go_on = _control("continue", "goes on", "Continue a paused run's training.")
step = _control(
    "step", "will pause after the epoch it is in, or its next", "Train one epoch, or finish one, and pause."
)
stop = _control("stop", "will stop and save", "Stop a run's training, evaluate and save it.")
checkpoint = _control("checkpoint", "will save a checkpoint", "Save a checkpoint of a run now.")
DEVICE_HELP = "Where to train; by default where the run trained before."
Device = Annotated[str | None, option("--device", DEVICES, DEVICE_HELP, complete=complete_device)]


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
    """Continue a run that was stopped, failed or crashed from its checkpoint, or train what is missing of a study.

    Ctrl-C and SIGTERM stop and save.
    """
    folder = run_or_study(runs_folder(ctx, runs_dir), run)
    if isinstance(folder, StudyFolder):
        if device is not None or data_dir is not None:
            raise RequestError(f"study {folder.id} keeps its device and its data: leave --device and --data-dir out")
        wait_until_known(folder)
        study_start.resume(folder)
        follow_to_end(folder, as_json=as_json, detach=detach)
        return
    wait_until_known(folder)
    run_start.check_resumable(folder)
    train_on = partial(run_start.resume, folder)
    _train_further(folder, train_on, device, data_folder(ctx, data_dir), detach=detach, as_json=as_json)


def extend(
    ctx: typer.Context,
    *,
    run: Run,
    more: Annotated[str, option("--epochs", "N", "How many epochs more (whole number, 1 or more).")],
    detach: Detach = False,
    as_json: Json = False,
    device: Device = None,
    data_dir: DataDir = None,
    runs_dir: RunsDir = None,
) -> None:
    """Train a run N epochs more: while it trains, or from its checkpoint after it has ended."""
    folder = chosen_run(ctx, run, runs_dir)
    epochs = checked_whole("--epochs", more, MAX_EPOCHS) or 1
    run_start.check_extendable(folder)
    wait_until_known(folder)
    if folder.state() in LIVE:
        run_start.extend(folder, epochs)
        print_note(f"run {folder.id} will train {counted(epochs, 'epoch')} more")
        return
    train_on = partial(run_start.extend, folder, epochs)
    _train_further(folder, train_on, device, data_folder(ctx, data_dir), detach=detach, as_json=as_json)


def _train_further(
    folder: RunFolder,
    train_on: Callable[..., object],
    device: str | None,
    data_dir: Path | None,
    *,
    detach: bool,
    as_json: bool,
) -> None:
    """Check that the run's dataset is here, start its worker with `train_on`, and go on like `start_and_follow`.

    The worker checks that the data are the same as before.
    """
    device = None if device is None else checked_device(device)
    watch = RunWatch(folder)
    before, launch = watch.skip_earlier(), folder.launch()
    sample = launch.allow_sample if before.data is None else before.data.sample
    where = data_dir or (Path(launch.data_dir) if launch.data_dir else None)
    check_data(folder.preset().experiment.dataset.name, where, allow_sample=sample)

    def start_run() -> RunFolder:
        train_on(device=device, data_dir=data_dir)
        return folder

    start_and_follow(start_run, detach=detach, as_json=as_json, watch=watch)
