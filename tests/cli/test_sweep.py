"""`sweep`: what is refused before anything is made, what is shown meanwhile, and a real one stopped and continued."""

import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from rich.console import Console

from mnist_tui.cli import start_studies
from mnist_tui.cli.errors import WorkFailedError
from mnist_tui.cli.follow import StopSignals
from mnist_tui.cli.follow_study import StudyLines, check_outcome, follow, progress_line, view
from mnist_tui.cli.output import fitted
from mnist_tui.cli.study_results import trial_columns
from mnist_tui.data.errors import MissingDataError
from mnist_tui.experiment.presets import find_preset
from mnist_tui.runs.event_log import replayed
from mnist_tui.runs.library import run_folders
from mnist_tui.studies import start
from mnist_tui.studies.folder import find_study
from mnist_tui.studies.start import StudyRequest
from mnist_tui.studies.trial_table import in_rank_order
from mnist_tui.studies.watch import StudyWatch, read_study
from tests.cli.conftest import Command, sentence
from tests.cli.test_process import command, environment
from tests.present import present
from tests.studies.dask_processes import DaskProcesses, listening
from tests.studies.made import study
from tests.tui.recorded_studies import RecordedStudy
from tests.waiting import PATIENCE

SWEEP = ("sweep", "--preset", "raw")
DIGITS = (*SWEEP, "--dataset", "digits", "--validation", "0.2", "--epochs", "2")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ([], "a sweep needs something to vary: --over hidden=150,250"),
        (["--over", "hiden=5"], "there is no parameter 'hiden'; did you mean hidden?"),
        (["--over", "hidden"], "is not of the form NAME=VALUE,VALUE"),
        (["--over", "hidden=5,0"], "--over hidden=0: --hidden 0 is out of bounds"),
        (["--over", "hidden=5,6", "--over", "activation=tanh,foo"], "--activation foo is not known"),
        (["--over", "hidden=5,6", "--over", "hidden=7"], "hidden is given twice"),
        (["--over", "seed=1,2"], "--seeds N trains each trial with N"),
        (["--over", "hidden=5..9"], "hidden=5..9 is a range, of which a grid cannot train"),
        (["--over", "hidden=5,6", "--trials", "3"], "--trials 3 does not go with a grid"),
        (["--over", "hidden=5,6", "--search", "best"], "--search best is not known; choose grid, random or tpe"),
        (["--over", "hidden=5,6", "--metric", "f1"], "--metric f1 is not known; choose val_accuracy or val_loss"),
        (["--over", "hidden=5,6", "--seeds", "600"], "these are 1,200 trials; --yes trains more than 1,000"),
        (["--over", "hidden=5,6", "--seeds", "none"], "--seeds none is not a whole number"),
        (["--over", "hidden=5,6", "--workers", "0"], "--workers 0 is out of bounds"),
        (["--over", "hidden=5,6", "--scheduler", "node5"], "--scheduler node5 is not a valid address; a Dask"),
        (["--over", "hidden=5,6", "--workers", "2", "--scheduler", "tcp://a:1"], "--workers does not go with"),
    ],
)
def test_a_sweep_that_cannot_be_is_refused_before_anything_is_made(
    cli: Command, runs_dir: Path, line: list[str], said: str
) -> None:
    assert said in sentence(cli(*SWEEP, "--dataset", "digits", *line))
    assert not runs_dir.exists()


def test_something_else_at_a_schedulers_address_is_said_and_nothing_is_left_behind(
    cli: Command, runs_dir: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"HTTP/1.0 400 Bad request\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        said = sentence(cli(*DIGITS, "--over", "hidden=5,6", "--scheduler", address))
    assert f"no scheduler answers at {address} (another program listens there)" in said
    assert not runs_dir.exists()


def test_a_scheduler_that_does_not_answer_is_named(cli: Command, runs_dir: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
        said = sentence(cli(*DIGITS, "--over", "hidden=5,6", "--scheduler", address))
    assert f"no scheduler answers at {address}" in said
    assert not runs_dir.exists()


@pytest.mark.parametrize("line", [(*DIGITS, "--over", "hidden=5,6"), ("train", *DIGITS[1:], "--seeds", "2")])
def test_without_the_extra_the_command_that_adds_it_is_named(
    cli: Command, runs_dir: Path, monkeypatch: pytest.MonkeyPatch, line: tuple[str, ...]
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert sentence(cli(*line)).endswith("pip install 'mnist-tui[study]'")
    assert not runs_dir.exists()


@pytest.mark.parametrize("width", [59, 79, 139])
@pytest.mark.parametrize("height", [12, 24, 40])
def test_the_live_view_keeps_to_its_terminal(tmp_path: Path, width: int, height: int) -> None:
    names = ["glorot_uniform", "truncated_normal"]
    axes = ({"name": "hidden", "values": ["50", "25000"]}, {"name": "initializer", "values": names})
    state = read_study(RecordedStudy(tmp_path, axes, seeds=9).under_way().folder)
    console = Console(file=io.StringIO(), width=width, color_system=None)
    with console.capture() as caught:
        console.print(view(state, width=width, height=height, now=state.updated or 0.0))
    lines = caught.get().rstrip("\n").splitlines()
    assert len(lines) <= height
    assert all(len(line) <= width for line in lines)
    assert "of 36 trials" in lines[0]
    assert any("running" in line for line in lines[4:])
    assert any("finished" in line and line.count(" %") == line.count("%") >= 1 for line in lines[4:])


def test_a_narrow_table_leaves_out_the_run_first_and_never_the_values(tmp_path: Path) -> None:
    state = read_study(RecordedStudy(tmp_path).under_way().folder)
    columns = trial_columns(state, in_rank_order(state.rows, state.metric))
    titles = [[column.title for column in fitted(columns, width)] for width in (None, 110, 20)]
    assert titles[0][-1] == "run"
    assert "run" not in titles[1]
    assert titles[2] == ["trial", "hid…", "act…", "state", "val accuracy"]


def test_trials_are_listed_best_first_and_those_that_run_before_those_that_wait(tmp_path: Path) -> None:
    study = RecordedStudy(tmp_path)
    state = read_study(study.under_way().folder)
    ordered = in_rank_order(state.rows, state.metric)
    finished = [row for row in ordered if row.state == "finished"]
    assert [row.number for row in finished] == sorted((1, 2, 3), key=study.score, reverse=True)
    assert [row.state for row in ordered][len(finished) :] == ["running", "pruned", "waiting"]


def test_progress_counts_the_epochs_of_trials_under_way(tmp_path: Path) -> None:
    state = read_study(RecordedStudy(tmp_path).under_way().folder)
    assert state.progress == pytest.approx(4 + 7 / 12)
    assert progress_line(state, state.updated or 0.0).startswith("4 of 6 trials, 1 running, 1 pruned · about ")


def test_without_a_terminal_each_trial_has_one_line(tmp_path: Path) -> None:
    study, stream = RecordedStudy(tmp_path), io.StringIO()
    lines, watch = StudyLines(stream), StudyWatch(study.begin().folder)
    for step in (
        lambda: study.run(1, 12).end(1),
        lambda: study.note("trials are compared on the test set").run(2, 3),
        lambda: study.end(2, "failed", "out of memory").finish(),
    ):
        step()
        watch.read()
        lines.show(watch.study)
        lines.show(watch.study)
    told = stream.getvalue().splitlines()
    assert sum("trial 2 of 6" in line for line in told) == 1
    assert "note: trials are compared on the test set" in told
    assert told[-1] == "trial 2 of 6: hidden 50, activation sigmoid: failed: out of memory"


def test_a_second_signal_leaves_a_study_that_has_yet_to_stop(tmp_path: Path) -> None:
    folder = RecordedStudy(tmp_path).under_way().folder
    said = StudyLines(io.StringIO())
    with StopSignals(said.note) as signals:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(WorkFailedError, match="left study"):
            follow(folder, said, signals)
    assert len(list(folder.control.iterdir())) == 1


def test_only_a_study_of_which_nothing_came_is_a_failure(tmp_path: Path) -> None:
    study = RecordedStudy(tmp_path, axes=({"name": "hidden", "values": ["5", "6"]},)).begin()
    study.run(1, 1).end(1, "failed", "out of memory").run(2, 12).end(2).finish()
    check_outcome(study.folder, read_study(study.folder))
    study = RecordedStudy(tmp_path, axes=({"name": "hidden", "values": ["5", "6"]},)).begin()
    for number in (1, 2):
        study.run(number, 1).end(number, "failed", "out of memory")
    study.finish()
    with pytest.raises(WorkFailedError, match=r"none of the trials of study .* finished: out of memory"):
        check_outcome(study.folder, read_study(study.folder))
    dead = (
        RecordedStudy(tmp_path, axes=({"name": "hidden", "values": ["5", "6"]},)).begin().status("running", dead=True)
    )
    with pytest.raises(WorkFailedError, match=r"crashed: its process ended without a message.* `mnist-tui resume "):
        check_outcome(dead.folder, read_study(dead.folder))


@pytest.mark.slow
@pytest.mark.exhaustive
def test_a_sweep_that_was_stopped_goes_on_with_what_is_missing(tmp_path: Path) -> None:
    line = command(*DIGITS, "--over", "hidden=10,20", "--over", "activation=tanh,relu", "--workers", "1", "--json")
    with subprocess.Popen(
        line, env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        while not (told := process.stderr.readline()).startswith("trial "):
            assert told
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    stopped = json.loads(out)
    assert stopped["state"] == "stopped"
    done = {trial["run"] for trial in stopped["trials"] if trial["state"] == "finished"}
    assert 1 <= len(done) < 4

    again = subprocess.run(line, env=environment(tmp_path), capture_output=True, text=True, check=True)
    assert (
        f"study {stopped['study']} has the same settings and is not finished: it is resumed; --new starts another"
        in again.stderr
    )
    doc = json.loads(again.stdout)
    assert (doc["study"], doc["state"]) == (stopped["study"], "finished")
    runs = [trial["run"] for trial in doc["trials"]]
    assert done < set(runs)
    assert len(set(runs)) == 4
    scores = {trial["number"]: trial["score"] for trial in doc["trials"]}
    assert scores[doc["best"]["number"]] == max(scores.values())
    assert doc["best"]["command"].startswith("mnist-tui train --preset ")

    gone = subprocess.run(
        command("studies", "delete", doc["study"], "--runs", "-y"),
        env=environment(tmp_path),
        capture_output=True,
        check=True,
    )
    assert gone.stdout == b""
    assert [path.name for path in (tmp_path / "runs").iterdir() if path.name in runs] == []


@pytest.mark.slow
@pytest.mark.exhaustive
def test_twenty_four_trials_come_home_once_each_from_a_cluster_one_of_whose_two_workers_is_killed(
    tmp_path: Path, real_data: Path
) -> None:
    dask = DaskProcesses(tmp_path)
    over = ["--over", "hidden=10,20,30,40,50,60", "--over", "activation=tanh,sigmoid", "--seeds", "2"]
    line = command(
        *SWEEP, *over, "--limit", "500", "--epochs", "4", "--no-prune", "--scheduler", dask.address, "--json"
    )
    here = {**environment(tmp_path), "MNIST_TUI_DATA": str(real_data)}
    try:
        for _ in range(2):
            dask.add_worker()
        with subprocess.Popen(line, env=here, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            for _ in range(4):
                while not (told := process.stderr.readline()).startswith("trial "):
                    assert told
            study = find_study(tmp_path / "runs", "latest")
            hit = next(row for row in read_study(study).rows if row.state == "running")
            listening(hit.worker, *(nanny.pid for nanny in dask.workers)).kill()
            out, _ = process.communicate(timeout=PATIENCE)
    finally:
        dask.close()
    assert process.returncode == 0
    doc = json.loads(out)
    assert [(trial["number"], trial["state"]) for trial in doc["trials"]] == [(n, "finished") for n in range(1, 25)]
    homes = {trial["run"] for trial in doc["trials"]}
    assert homes == {run.id for run in run_folders(tmp_path / "runs")}
    assert len(homes) == 24
    points = {(*trial["values"].items(), trial["seed"]) for trial in doc["trials"]}
    assert len(points) == 24
    rows = {row.number: row for row in read_study(study).rows}
    assert (rows[hit.number].attempt, hit.attempt) == (2, 1)
    for run in run_folders(tmp_path / "runs"):
        results = run.results()
        assert results is not None and results["epochs_run"] == 4 and run.model_file.exists()
        assert present(replayed(run.events_file).data).verified
    assert "mnist is shipped to" in study.log_file.read_text()


def test_data_that_are_not_here_may_be_where_an_existing_clusters_workers_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(*_: object, **__: object) -> None:
        raise MissingDataError("mnist is nowhere")

    monkeypatch.setattr(start_studies, "check_data", missing)
    raw = find_preset("raw")
    here = study("hidden=5,6")
    there = study("hidden=5,6", scheduler="tcp://node5:8786")
    monkeypatch.setattr(start, "check_scheduler", lambda address: None)
    start_studies.check_supply(StudyRequest(there, {"raw": raw}), [raw])
    assert capsys.readouterr().err == ("note: mnist is not on this machine; the workers of the cluster must have it\n")
    with pytest.raises(MissingDataError):
        start_studies.check_supply(StudyRequest(here, {"raw": raw}), [raw])
