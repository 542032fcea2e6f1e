"""`train` with a real worker, on the bundled digits."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mnist_tui.cli.errors import WorkFailedError
from mnist_tui.cli.follow import EventPrinter, StopSignals, epoch_line, follow
from mnist_tui.cli.train import print_result
from mnist_tui.errors import RequestError
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.library import find_run
from mnist_tui.runs.state import LIVE, EpochRow
from mnist_tui.runs.weight_formats import WEIGHT_FORMATS
from tests.cli.conftest import Command, sentence
from tests.cli.test_process import command, environment
from tests.report.recorded import recorded_run
from tests.training.support import end_trainings
from tests.waiting import PATIENCE, wait_for


def ended(folder: RunFolder, lines: Any) -> Any:
    printer = EventPrinter(lines, lines)
    return follow(folder, printer, StopSignals(printer.note))


def test_an_epoch_is_one_line_a_person_can_read() -> None:
    row = EpochRow(3, 0.1234, 0.9612, None, 0.9701, 0.001, 1.234, 50_000)
    line = epoch_line(row, 10, rate_before=0.001)
    assert line == "epoch  3/10  loss 0.1234 (val not finite)  accuracy 96.12 % (val 97.01 %)  1.23 s"
    assert epoch_line(row, 10, rate_before=0.002) == f"{line}  learning rate 0.001"


def test_an_epochs_line_fits_80_columns() -> None:
    assert len(epoch_line(EpochRow(100, 0.1, 0.9999, 0.1, 0.9999, 0.001, 59.9, 50_000), 100)) <= 80


def test_a_run_is_told_phase_by_phase_and_epoch_by_epoch(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = recorded_run(tmp_path)
    state = ended(folder, sys.stdout)
    print_result(folder, state, as_json=False)
    text = capsys.readouterr().out
    assert [line[:9] for line in text.splitlines() if line.startswith("epoch")] == [
        "epoch 1/3",
        "epoch 2/3",
        "epoch 3/3",
    ]
    assert "MNIST: 60,000 training and 10,000 test images" in text
    assert "test       accuracy 98.00 %  loss 0.0700  macro F1 98.00 %" in text


def test_diverged_is_no_failure_but_failed_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    diverged = recorded_run(tmp_path, state="diverged", reason="diverged in epoch 3: the loss is not finite")
    print_result(diverged, ended(diverged, sys.stderr), as_json=True)
    assert json.loads(capsys.readouterr().out)["state"] == "diverged"
    failed = recorded_run(tmp_path, state="failed", reason="there was not enough memory")
    with pytest.raises(WorkFailedError, match=r"failed \(there was not enough memory\); its log is .*worker\.log"):
        print_result(failed, ended(failed, sys.stderr), as_json=True)
    assert json.loads(capsys.readouterr().out)["state"] == "failed"


def test_a_failure_without_a_place_in_the_code_was_the_requests(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = recorded_run(tmp_path, state="failed", reason="there is no gpu:7 here")
    text = folder.events_file.read_text(encoding="utf-8").replace('"where":"job.py:1"', '"where":""')
    folder.events_file.write_text(text, encoding="utf-8")
    with pytest.raises(RequestError, match=r"^there is no gpu:7 here$"):
        print_result(folder, ended(folder, sys.stderr), as_json=True)
    assert capsys.readouterr().out == ""


DIGITS = ["train", "--preset", "raw", "--dataset", "digits", "--device", "cpu"]


@pytest.fixture(autouse=True)
def nothing_trains_on(tmp_path: Path) -> Iterator[None]:
    yield
    end_trainings(tmp_path / "runs")


def started(tmp_path: Path, epochs: int = 100_000) -> subprocess.Popen[str]:
    """A long training, followed by a process in a session of its own, as in a terminal of its own."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # a process inherits what is ignored, as under nohup
    try:
        return subprocess.Popen(
            command(*DIGITS, "--epochs", epochs),
            env=environment(tmp_path),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A home with one finished run, and what `train --json` printed."""
    home = tmp_path_factory.mktemp("home")
    line = command(*DIGITS, "--epochs", "2", "--json")
    return home, subprocess.run(line, env=environment(home), capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_train_json_is_the_contracts_document_and_nothing_else(
    trained: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    home, process = trained
    assert process.returncode == 0, process.stderr
    doc = json.loads(process.stdout)
    assert (doc["state"], doc["preset"], doc["dataset"]["name"]) == ("finished", "raw", "digits")
    assert doc["dataset"]["sample"] is True
    assert [row["epoch"] for row in doc["epochs"]] == [1, 2]
    assert {"loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds"} <= doc["epochs"][0].keys()
    matrix = doc["confusion_matrix"]
    assert sum(map(sum, matrix)) == doc["dataset"]["test"] == 360
    assert sum(row[n] for n, row in enumerate(matrix)) / 360 == pytest.approx(doc["test"]["accuracy"])
    assert {"data", "features", "build", "train", "evaluate", "total"} <= doc["timings"].keys()
    assert doc["reference"] is None
    assert len([said for said in process.stderr.splitlines() if said.startswith("epoch ")]) == 2
    assert "--dataset digits" in find_run(home / "runs", "latest").launch().command


@pytest.mark.exhaustive
@pytest.mark.slow
def test_weights_are_exported_by_a_worker(
    trained: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    import numpy as np

    home, _ = trained
    formats = "keras,h5,npz,safetensors,onnx,tflite,savedmodel,csv"
    line = command("export", "latest", "--weights", formats, "-o", tmp_path / "out")
    process = subprocess.run(line, env=environment(home), capture_output=True, text=True, check=True)
    names = [*(form.file for form in WEIGHT_FORMATS.values()), "MODEL.md"]
    assert process.stdout.splitlines() == [str(tmp_path / "out" / name) for name in names]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(names)
    with np.load(tmp_path / "out" / "weights.npz") as arrays:
        assert sum(arrays[name].size for name in arrays.files) == 198_760


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.exhaustive)])
def test_ctrl_c_and_sigterm_stop_and_save(tmp_path: Path, number: signal.Signals) -> None:
    with started(tmp_path) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("epoch")
        process.send_signal(number)
        out, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, said
    assert "stopping" in said
    assert "stopped" in out
    folder = find_run(tmp_path / "runs", "latest")
    assert folder.state() == "stopped"
    assert folder.model_file.exists()


@pytest.mark.exhaustive
@pytest.mark.slow
def test_detach_returns_the_id_at_once_and_training_goes_on(tmp_path: Path) -> None:
    line = command(*DIGITS, "--epochs", "100000", "--detach", "--json")
    process = subprocess.run(line, env=environment(tmp_path), capture_output=True, text=True, check=True)
    doc = json.loads(process.stdout)
    folder = RunFolder(Path(doc["folder"]))
    assert folder.id == doc["run"]
    assert folder.state() in LIVE
    wait_for(lambda: folder.state() == "running")
    stop = subprocess.run(command("stop", "latest"), env=environment(tmp_path), check=True, capture_output=True)
    assert stop.stdout == b""
    wait_for(lambda: folder.state() not in LIVE)
    assert folder.state() == "stopped"


@pytest.mark.slow
@pytest.mark.exhaustive
def test_a_dropped_terminal_leaves_the_training_running(tmp_path: Path) -> None:
    with started(tmp_path) as process:
        assert process.stdout is not None
        process.stdout.readline()
        os.killpg(process.pid, signal.SIGHUP)
        process.communicate(timeout=PATIENCE)
    assert process.returncode == -signal.SIGHUP
    folder = find_run(tmp_path / "runs", "latest")
    assert folder.state() == "running"
    subprocess.run(command("stop", "latest"), env=environment(tmp_path), check=True, capture_output=True)
    wait_for(lambda: folder.state() == "stopped")


@pytest.mark.slow
@pytest.mark.exhaustive
def test_a_worker_that_is_killed_is_told_as_crashed(tmp_path: Path) -> None:
    with started(tmp_path) as process:
        assert process.stdout is not None
        process.stdout.readline()
        os.kill(find_run(tmp_path / "runs", "latest").status().pid, signal.SIGKILL)
        _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert said.splitlines()[-1].startswith("error: run ")
    assert "crashed" in said.splitlines()[-1]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """The folders for TensorBoard with which a training was asked for; none is started."""
    folders: list[str | None] = []

    def start(*_: object, tensorboard: str | None, **__: object) -> None:
        folders.append(tensorboard)
        raise RequestError("not started")

    monkeypatch.setattr("mnist_tui.cli.train.run_start.start", start)
    return folders


def test_tensorboard_takes_a_folder_or_none(
    cli: Command, asked: list[str | None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    line = ("train", "--preset", "raw", "--dataset", "digits")
    for options in (
        [],
        ["--tensorboard"],
        ["--tensorboard", "--detach"],
        ["--tensorboard", "logs"],
        ["--tensorboard=l"],
    ):
        assert "not started" in cli(*line, *options).stderr
    assert asked == [None, "", "", str(tmp_path / "logs"), str(tmp_path / "l")]


def test_what_tensorboard_cannot_do_is_said_before_anything_is_trained(
    cli: Command, asked: list[str | None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = ("train", "--preset", "raw", "--dataset", "digits", "--tensorboard")
    assert "--tensorboard goes with one run" in sentence(cli(*line, "--seeds", "2"))
    (tmp_path / "file").touch()
    assert "is a file, not a folder" in sentence(cli(*line, tmp_path / "file"))
    assert "the folder cannot be made" in sentence(cli(*line, tmp_path / "file" / "logs"))
    monkeypatch.setattr("mnist_tui.runs.tensorboard.find_spec", lambda _: None)
    assert sentence(cli(*line)) == (
        "a TensorBoard log needs tensorboard, not installed here; pip install 'mnist-tui[tensorboard]' adds it"
    )
    assert not asked
