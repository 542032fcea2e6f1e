"""Why no GPU is used: each link of the chain missing in turn."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mnist_tui.cli import doctor
from mnist_tui.cli.doctor import (
    Check,
    Driver,
    GpuFacts,
    TensorFlowAnswer,
    ask_tensorflow,
    extra_packages,
    has_hardware,
    verdict,
)

WORKING = GpuFacts(
    hardware=True,
    driver=Driver(("NVIDIA H200",), (12, 8)),
    visible=None,
    missing=(),
    extra=12,
    answer=TensorFlowAnswer(("CPU:0", "GPU:0"), "12.5.1"),
)
UNSEEN = replace(WORKING, answer=TensorFlowAnswer(("CPU:0",), "12.5.1"))


def pci(root: Path, vendor: str, kind: str) -> Path:
    """A system with one PCI device."""
    device = root / "sys/bus/pci/devices/0000:01:00.0"
    device.mkdir(parents=True)
    (device / "vendor").write_text(f"{vendor}\n", encoding="ascii")
    (device / "class").write_text(f"{kind}\n", encoding="ascii")
    return root


@pytest.mark.parametrize(
    ("vendor", "kind", "there"),
    [
        ("0x10de", "0x030200", True),
        ("0x10de", "0x030000", True),
        ("0x10de", "0x040300", False),
        ("0x8086", "0x030000", False),
    ],
)
def test_a_display_or_compute_device_of_nvidias_is_hardware(
    tmp_path: Path, vendor: str, kind: str, there: bool
) -> None:
    assert has_hardware(pci(tmp_path, vendor, kind)) is there


def test_a_device_file_is_hardware_where_a_container_hides_the_bus(tmp_path: Path) -> None:
    assert not has_hardware(tmp_path)
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "nvidia0").touch()
    assert has_hardware(tmp_path)


def test_a_gpu_that_is_used_works() -> None:
    assert verdict(WORKING) == Check("GPU", "works", "NVIDIA H200")


def test_with_several_gpus_the_choice_is_named() -> None:
    several = replace(
        WORKING, driver=Driver(("A", "B"), (12, 8)), answer=TensorFlowAnswer(("CPU:0", "GPU:0", "GPU:1"), "12.5.1")
    )
    finding = verdict(several).finding
    assert finding.startswith("A, B; a training uses one, by default the first")
    assert "--device gpu:0, --device gpu:1" in finding


def test_a_machine_without_a_gpu_wants_nothing() -> None:
    none = verdict(replace(UNSEEN, hardware=False, driver=Driver(problem="NVML Shared Library Not Found")))
    assert (none.state, none.advice) == ("works", "")
    assert "no NVIDIA GPU in this machine" in none.finding


@pytest.mark.parametrize(
    ("facts", "finding", "advice"),
    [
        (
            replace(UNSEEN, driver=Driver(problem="NVML Shared Library Not Found")),
            "an NVIDIA GPU, but no driver answers (NVML Shared Library Not Found)",
            "install NVIDIA's driver",
        ),
        (
            replace(UNSEEN, driver=Driver(problem="Driver/library version mismatch")),
            "no driver answers (Driver/library version mismatch)",
            "restart the machine",
        ),
        (replace(UNSEEN, driver=Driver((), (12, 8))), "its driver does not list it", "nvidia-smi"),
        (
            replace(UNSEEN, driver=Driver(("Tesla K80",), (11, 4))),
            "Tesla K80, but its driver is too old: it serves CUDA up to 11.4, TensorFlow was built for 12.5",
            "update NVIDIA's driver to one for CUDA 12.5",
        ),
        (
            replace(UNSEEN, driver=Driver(("NVIDIA H200",), (12, 4))),
            "its driver is too old: it serves CUDA up to 12.4, TensorFlow was built for 12.5",
            "update NVIDIA's driver",
        ),
        (
            replace(UNSEEN, answer=TensorFlowAnswer(("CPU:0",), "")),
            "this TensorFlow was built without CUDA",
            "tensorflow",
        ),
        (
            replace(UNSEEN, missing=("nvidia-cublas-cu12", "nvidia-cudnn-cu12"), extra=2),
            "CUDA's libraries are not installed",
            "python -m pip install 'mnist-tui[gpu]'",
        ),
        (
            replace(UNSEEN, missing=("nvidia-cudnn-cu12",)),
            "some of CUDA's libraries are not installed (nvidia-cudnn-cu12)",
            "python -m pip install 'mnist-tui[gpu]'",
        ),
        (replace(UNSEEN, visible=""), "CUDA_VISIBLE_DEVICES is empty, which hides it", "unset CUDA_VISIBLE_DEVICES"),
        (replace(UNSEEN, visible="-1"), "CUDA_VISIBLE_DEVICES is -1, which hides it", "(0)"),
        (replace(UNSEEN, visible="1,0"), "CUDA_VISIBLE_DEVICES is 1,0, which hides it", "(0)"),
        (UNSEEN, "TensorFlow does not see it and does not say why", "TF_CPP_MIN_LOG_LEVEL=0"),
    ],
)
def test_a_gpu_that_is_not_used_has_its_reason_and_a_cure(facts: GpuFacts, finding: str, advice: str) -> None:
    check = verdict(facts)
    assert check.state == "attention"
    assert finding in check.finding
    assert check.finding.endswith("training runs on the processor")
    assert advice in check.advice


def test_an_older_driver_that_serves_tensorflow_all_the_same_is_left_alone() -> None:
    assert verdict(replace(WORKING, driver=Driver(("NVIDIA H200",), (12, 2)))).state == "works"


@pytest.mark.parametrize("visible", ["0", "GPU-8f2a", "MIG-3e1c"])
def test_a_choice_of_visible_gpus_is_no_reason(visible: str) -> None:
    assert "CUDA_VISIBLE_DEVICES" not in verdict(replace(UNSEEN, visible=visible)).finding


def test_without_asking_tensorflow_the_driver_and_the_libraries_decide() -> None:
    unasked = replace(WORKING, answer=None)
    assert verdict(unasked) == Check("GPU", "works", "NVIDIA H200 (TensorFlow was not asked)")
    assert "are not installed" in verdict(replace(unasked, missing=("a",), extra=1)).finding


def child(log: str, devices: list[str]) -> list[str]:
    """A process that answers as TensorFlow would."""
    said = json.dumps({"devices": devices, "cuda": "12.5.1"})
    return [sys.executable, "-c", f"import sys; sys.stderr.write({log!r}); print({said!r})"]


UNLOADED = (
    "I0000 00:00:1 7722 dso_loader.cc:144] Could not load dynamic library '{}'; dlerror: {}: cannot open shared "
    "object file: No such file or directory\n"
)
SKIPPED = "W0000 00:00:1 7722 gpu_device.cc:2342] Cannot dlopen some GPU libraries. Please make sure …\n"


@pytest.mark.parametrize(
    ("log", "finding", "advice"),
    [
        (
            UNLOADED.format("libcudnn.so.9", "libcudnn.so.9") * 2 + UNLOADED.format("libcufft.so.11", "x") + SKIPPED,
            "TensorFlow cannot load libcudnn.so.9, libcufft.so.11",
            "--force-reinstall",
        ),
        (UNLOADED.format("libcuda.so.1", "x"), "TensorFlow cannot load libcuda.so.1", "part of NVIDIA's driver"),
        (SKIPPED, "TensorFlow says: Cannot dlopen some GPU libraries", "--force-reinstall"),
        (
            "E0000 00:00:1 7 cuda_platform.cc:52] failed call to cuInit: INTERNAL: CUDA error: no device (100)\n",
            "TensorFlow says: failed call to cuInit: INTERNAL: CUDA error: no device (100)",
            "nvidia-smi",
        ),
    ],
)
def test_the_library_that_cannot_be_loaded_is_named_as_tensorflow_names_it(
    log: str, finding: str, advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LD_LIBRARY_PATH", raising=False)
    answer = ask_tensorflow(child(log, ["CPU:0"]))
    assert isinstance(answer, TensorFlowAnswer)
    check = verdict(replace(WORKING, answer=answer))
    assert finding in check.finding
    assert advice in check.advice
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/cuda")
    if "libcudnn" in finding:
        assert "without LD_LIBRARY_PATH" in verdict(replace(WORKING, answer=answer)).advice


def test_a_tensorflow_that_does_not_start_is_broken_and_its_last_word_is_passed_on() -> None:
    asked = ask_tensorflow([sys.executable, "-c", "raise SystemError('no such instruction')"])
    assert isinstance(asked, Check)
    assert (asked.state, asked.finding) == ("broken", "TensorFlow does not start: SystemError: no such instruction")


def test_the_extras_packages_are_those_that_tensorflow_names() -> None:
    names = extra_packages()
    assert len(names) > 5
    assert all(name.startswith("nvidia-") for name in names)
    assert any("cudnn" in name for name in names)


@pytest.mark.slow
@pytest.mark.exhaustive
def test_the_real_tensorflow_names_its_devices_its_cuda_and_what_it_could_not_load() -> None:
    answer = ask_tensorflow([sys.executable, "-c", doctor.ASK_DEVICES])
    assert isinstance(answer, TensorFlowAnswer), answer
    assert answer.devices[0] == "CPU:0"
    if answer.cuda and not answer.gpus and doctor.ask_driver().problem:
        assert "libcuda.so.1" in doctor.UNLOADED.findall(answer.log)
