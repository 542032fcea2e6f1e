"""How a worker ended that left no final word: what is known is said, what TensorFlow prints at every start is not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mnist_tui.cli.errors import WorkFailedError
from mnist_tui.cli.train import print_result
from mnist_tui.experiment.presets import find_preset
from mnist_tui.python_process import end_words, informative_lines, reap, wait_until_logged
from mnist_tui.runs.folder import Launch, RunFolder, create
from mnist_tui.runs.process_folder import status_of
from mnist_tui.runs.results import run_document
from mnist_tui.runs.state import RunState

EVERY_START = """\
WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
I0000 00:00:1795935704.774605   25396 port.cc:153] oneDNN custom operations are on.
E0000 00:00:1795935730.438423   25345 cuda_platform.cc:52] failed call to cuInit: INTERNAL: UNKNOWN ERROR (303)
2026-11-29 06:22:01.123456: I tensorflow/core/util/port.cc:153] oneDNN custom operations are on.
2026-11-29 06:22:01.123456: E external/local_xla/xla/stream_executor/cuda/cuda_fft.cc] Unable to register cuFFT factory
To enable the following instructions: AVX2 AVX512F FMA, in other operations, rebuild TensorFlow.
"""
NO_MEMORY = "E0000 00:00:1795935730.438423   25345 gpu.cc:52] failed to allocate 2.0G (CUDA_ERROR_OUT_OF_MEMORY)"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (-9, "was killed (SIGKILL), perhaps because the memory ran out"),
        (-15, "was ended from outside (SIGTERM)"),
        (-11, "crashed (SIGSEGV)"),
        (-64, "crashed (SIGRTMAX)"),
        (-99, "crashed (signal 99)"),
        (3, "ended with exit code 3"),
    ],
)
def test_an_exit_code_is_told_with_the_signals_name(code: int, words: str) -> None:
    assert end_words(code) == words


def test_what_tensorflow_prints_at_every_start_is_no_cause_but_its_other_errors_are() -> None:
    assert informative_lines(EVERY_START.splitlines()) == []
    assert informative_lines([*EVERY_START.splitlines(), NO_MEMORY]) == [NO_MEMORY]


def crashed_run(place: Path, code: str) -> RunFolder:
    """A run whose worker, a child of this process, has ended."""
    folder = create(place, find_preset("raw"), Launch(created=1.0, command="mnist-tui train"))
    folder.log_file.write_text(EVERY_START, encoding="utf-8")
    worker = subprocess.Popen([sys.executable, "-c", code])
    folder.write_status(status_of(worker.pid, "running"))
    reap(worker, folder.log_file)
    worker.wait()
    wait_until_logged(worker.pid)
    return folder


def test_a_killed_worker_is_told_by_its_signal_everywhere(tmp_path: Path) -> None:
    folder = crashed_run(tmp_path, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    assert folder.state() == "crashed"
    assert folder.last_log_lines() == [f"mnist-tui: the process {end_words(-9)}"]
    assert run_document(folder)["reason"] == f"the worker {end_words(-9)}"
    with pytest.raises(WorkFailedError, match=r"crashed: its worker was killed \(SIGKILL\)") as told:
        print_result(folder, RunState(state="crashed"), as_json=True)
    assert "cuInit" not in str(told.value)


def test_how_an_earlier_worker_ended_is_not_told_of_a_later_one(tmp_path: Path) -> None:
    folder = crashed_run(tmp_path, "import os; os._exit(7)")
    assert folder.known_end() == "ended with exit code 7"
    with folder.log_file.open("a") as log:
        log.write(EVERY_START)
    assert folder.known_end() == ""
    assert folder.why_crashed().startswith("ended without a message")


def test_nothing_is_added_to_the_log_of_a_worker_that_ended_by_itself(tmp_path: Path) -> None:
    folder = crashed_run(tmp_path, "raise SystemExit(1)")
    assert folder.last_log_lines() == []
