"""`doctor --train`: its options, and what it prints and advises; the worker's messages are given here."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from mnist_tui.runs.worker_jobs import JobError
from tests.cli.conftest import Command, sentence

CPU = {
    "name": "CPU:0",
    "hardware": "A processor",
    "driver": None,
    "threads": 2,
    "cpu_features": "avx avx2 fma",
    "onednn": True,
    "tf32": None,
    "tensorflow": "2.21.0",
    "keras": "3.14.0",
}
GPU = {**CPU, "name": "GPU:1", "hardware": "NVIDIA H200", "driver": "570.86", "tf32": True}
KERAS = {"accuracy": 0.91, "images_per_second": 31_000.0, "first_step_seconds": 0.3}
Worker = Callable[..., None]


def program(name: str, *, difference: float | None = 2e-7, agrees: bool = True, **other: Any) -> dict[str, Any]:
    return {
        **{"program": name, "of_run": name == "xla", "agrees": agrees, "loss_difference": difference},
        **{"without_tf32": None, "memory": 700_000_000, "gpu_utilization": None, "gpu_power": None},
        **{"accuracy": 0.91, "images_per_second": 210_000.0, "first_step_seconds": 1.2},
        **other,
    }


def starter(*programs: dict[str, Any], sample: bool = False) -> dict[str, Any]:
    return {
        **{"preset": "raw", "dataset": "MNIST", "sample": sample, "images": 10_000, "test_images": 2_000},
        **{"batch_size": 512, "steps": 105, "precision": "float32", "deterministic": True, "keras": KERAS},
        "programs": list(programs),
    }


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Worker:
    """Has `doctor --train` receive the messages of a check with one starter on a device; keeps what it requested."""

    def reports(device: dict[str, Any], result: dict[str, Any]) -> None:
        def check_device(*_: object) -> Any:
            yield {"device": device}
            yield {"tolerances": {"loss": 0.001, "accuracy": 0.01}}
            yield {"progress": "raw: 105 steps of plain Keras on the CPU"}
            yield {"starter": result}

        monkeypatch.setattr("mnist_tui.cli.self_check.check_device", check_device)

    return reports


def words(text: str) -> str:
    return " ".join(text.split())


def test_agreement_is_shown_with_its_figures_and_exits_0(cli: Command, worker: Worker) -> None:
    worker(CPU, starter(program("xla"), program("graph")))
    result = cli("doctor", "--train", "--device", "CPU")
    assert result.exit_code == 0, result.output
    assert "raw: 105 steps of plain Keras on the CPU …" in result.stderr
    text = words(result.stdout)
    assert "Device: CPU:0, A processor; 2 processor threads; TensorFlow 2.21.0, Keras 3.14.0" in text
    assert "Computation: float32; oneDNN on (processor: avx avx2 fma)" in text
    assert "Training: 105 steps of each starter, in batches of at most 512 images" in text
    assert "Data of raw: MNIST, 10,000 training images, 2,000 test images" in text
    assert "raw plain Keras 512 91.00 % 31,000 0.30 s" in text
    assert "✓ xla (a run) 2.0e-07 91.00 % 210,000 1.20 s 700.0 MB" in text
    assert "✓ graph 2.0e-07" in text
    assert text.endswith("The programs train as plain Keras does.")
    assert "power" not in text


def test_a_gpu_is_described_with_driver_rounding_load_and_power(cli: Command, worker: Worker) -> None:
    worker(GPU, starter(program("xla", gpu_utilization=87.0, gpu_power=412.4)))
    text = words(cli("doctor", "--train", "--device", "gpu:1").stdout)
    assert "Device: GPU:1, NVIDIA H200, driver 570.86;" in text
    assert "Computation: float32, TensorFloat-32 on, deterministic kernels on; oneDNN on" in text
    assert "700.0 MB 87 % 412 W" in text


def test_a_program_that_disagrees_exits_1_and_says_what_to_do(cli: Command, worker: Worker) -> None:
    worker(CPU, starter(program("xla", difference=0.25, agrees=False), program("graph")))
    result = cli("doctor", "--train")
    assert result.exit_code == 1
    text = words(result.stdout)
    assert "✗ xla (a run)" in text
    assert "raw with xla on CPU:0 does not train as plain Keras does: the losses differ by up to 0.25" in text
    assert "→ check again with TF_ENABLE_ONEDNN_OPTS=0" in text
    assert "→ until the losses agree, train with --set training.program=graph" in text
    assert "`mnist-tui doctor --train --device cpu --json`" in text
    assert "The programs train as" not in text


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"difference": None}, "a loss is not a finite number"),
        ({"accuracy": 0.8}, "the accuracies differ by more than 1 %"),
    ],
)
def test_the_document_of_a_gpu_that_disagrees_has_figures_and_advice(
    cli: Command, worker: Worker, wrong: dict[str, Any], said: str
) -> None:
    worker(GPU, starter(program("xla", agrees=False, **wrong)))
    result = cli("doctor", "--train", "--json")
    assert result.exit_code == 1
    doc = json.loads(result.stdout)
    assert doc["agrees"] is False
    assert doc["device"] == GPU
    assert doc["starters"][0]["programs"][0]["program"] == "xla"
    what, driver, report = doc["findings"]
    assert what == f"raw with xla on GPU:1 does not train as plain Keras does: {said}"
    assert "update NVIDIA's driver (now 570.86)" in driver
    assert "--device cpu" in driver
    assert "--device gpu:1 --json" in report


def test_missing_data_and_tensorfloat_32_are_explained(cli: Command, worker: Worker) -> None:
    worker(GPU, starter(program("xla", difference=0.003, without_tf32=4e-7), sample=True))
    result = cli("doctor", "--train")
    assert result.exit_code == 0
    text = words(result.stdout)
    assert "the data of raw are not on this machine, so the bundled digits took their place" in text
    assert "raw with xla: the larger difference comes from TensorFloat-32's rounding; without it, it is 4.0e-07" in text


@pytest.mark.parametrize(("refused", "code"), [(True, 2), (False, 1)])
def test_a_worker_that_refuses_or_fails_is_a_sentence(
    cli: Command, monkeypatch: pytest.MonkeyPatch, refused: bool, code: int
) -> None:
    def check_device(*_: object) -> Any:
        yield {"progress": "raw: reading the data"}
        raise JobError("there is no gpu:7 here", refused=refused)

    monkeypatch.setattr("mnist_tui.cli.self_check.check_device", check_device)
    result = cli("doctor", "--train", "--device", "gpu:7")
    assert result.exit_code == code
    assert result.stdout == ""
    assert result.stderr.splitlines()[-1] == "error: there is no gpu:7 here"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--device", "cpu"], "--device cpu goes with --train"),
        (["--train", "--quick"], "--quick does not go with --train"),
        (["--train", "--device", "tpu"], "--device tpu is not known; it is auto, cpu, gpu or gpu:N"),
    ],
)
def test_options_that_do_not_go_together_are_refused(cli: Command, arguments: list[str], said: str) -> None:
    assert said in sentence(cli("doctor", *arguments))


def test_the_help_says_what_is_compared_and_what_the_exit_code_means(cli: Command) -> None:
    text = words(cli("doctor", "--help", COLUMNS="120").stdout)
    assert "--train" in text
    assert "auto|cpu|gpu[:N]" in text
    assert "gives the losses of plain Keras (exit code 1 if not)" in text
