"""Check whether TensorFlow uses a GPU, and if not, find the missing link.

A GPU needs the hardware, NVIDIA's driver, a CUDA version that the driver serves, the libraries (the ``gpu`` extra) and
a CUDA_VISIBLE_DEVICES that does not hide it. `GpuFacts` are collected first; `verdict` decides on them alone.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from mnist_tui import PROGRAM, python_process
from mnist_tui.cli.checks import Check

DEVICE_SECONDS = 120
NVIDIA, DISPLAY = "0x10de", "0x03"
"""The PCI number of the vendor NVIDIA, and the beginning of the PCI class numbers of displays."""
EXTRA = "and-cuda"
"""TensorFlow's extra for the CUDA libraries, which this project's extra ``gpu`` includes."""
INSTALL = f"python -m pip install '{PROGRAM}[gpu]'"
REINSTALL = "python -m pip install --force-reinstall tensorflow"
_ASK = """
import json, tensorflow
build = tensorflow.sysconfig.get_build_info()
devices = [device.name.removeprefix("/physical_device:") for device in tensorflow.config.list_physical_devices()]
print(json.dumps({"devices": devices, "cuda": build.get("cuda_version", "") if build["is_cuda_build"] else ""}))
"""
_ASK_ENVIRONMENT = {"TF_CPP_MIN_LOG_LEVEL": "0", "TF_CPP_VMODULE": "dso_loader=1"}
"""At this level TensorFlow's loader names the libraries that it could not load."""
_UNLOADED = re.compile(r"Could not load dynamic library '([^']+)'")
_SAID = re.compile(r"(failed call to cuInit: .*|Ignoring visible gpu device .*|Cannot dlopen some GPU libraries)")


@dataclass(frozen=True)
class Driver:
    """NVIDIA's driver.

    Attributes:
        gpus: names of its GPUs, in its order.
        cuda: the newest CUDA version that it serves; None if unknown.
        problem: why it does not answer; empty if it does.
    """

    gpus: tuple[str, ...] = ()
    cuda: tuple[int, int] | None = None
    problem: str = ""


@dataclass(frozen=True)
class TensorFlowAnswer:
    """What TensorFlow answered in a process of its own.

    Attributes:
        devices: ``CPU:0``, ``GPU:0``, ….
        cuda: the CUDA version it was built for; empty if it was built without CUDA.
        log: everything it printed on stderr.
    """

    devices: tuple[str, ...]
    cuda: str = ""
    log: str = ""

    @property
    def gpus(self) -> tuple[str, ...]:
        return tuple(name for name in self.devices if name.startswith("GPU"))


@dataclass(frozen=True)
class GpuFacts:
    """Everything that the verdict depends on.

    Attributes:
        hardware: whether the machine has an NVIDIA GPU, known to the driver or not.
        visible: CUDA_VISIBLE_DEVICES; None if not set.
        missing: packages of the ``gpu`` extra that are not installed.
        extra: how many packages the extra has.
        answer: None if TensorFlow was not asked or did not start.
    """

    hardware: bool
    driver: Driver
    visible: str | None
    missing: tuple[str, ...]
    extra: int
    answer: TensorFlowAnswer | None


def gpu(*, quick: bool) -> Iterator[Check]:
    """Check TensorFlow's devices (unless `quick`) and the GPU."""
    answer: TensorFlowAnswer | None = None
    if not quick:
        asked = ask(python_process.python("-c", _ASK))
        yield devices(asked)
        answer = asked if isinstance(asked, TensorFlowAnswer) else None
    wanted = extra_packages()
    missing = tuple(name for name in wanted if not _installed(name))
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    yield verdict(GpuFacts(has_hardware(Path("/")), ask_driver(), visible, missing, len(wanted), answer))


def devices(asked: TensorFlowAnswer | Check) -> Check:
    """Return what TensorFlow sees, or why it does not start."""
    if isinstance(asked, Check):
        return asked
    return Check("devices", "works", f"TensorFlow sees {', '.join(asked.devices)}")


def verdict(facts: GpuFacts) -> Check:
    """Return whether a GPU is used, or the first reason why not and what to do about it."""
    driver, answer = facts.driver, facts.answer
    if answer is not None and answer.gpus:
        return _used(driver, answer)
    if not driver.gpus and not facts.hardware:
        return Check("GPU", "works", "none: training runs on the processor (no NVIDIA GPU in this machine)")
    name = ", ".join(driver.gpus) or "an NVIDIA GPU"
    finding, advice = (
        _no_driver(driver)
        or _hidden(facts)
        or _driver_too_old(driver, answer, exactly=False)
        or _without_cuda(answer)
        or _not_installed(facts)
        or _in_tensorflows_words(answer)
        or _driver_too_old(driver, answer, exactly=True)
        or ("", "")
    )
    if finding:
        return Check("GPU", "attention", f"{name}, but {finding}; training runs on the processor", advice)
    if answer is None:
        return Check("GPU", "works", f"{name} (TensorFlow was not asked)")
    advice = "see what TensorFlow prints: `TF_CPP_MIN_LOG_LEVEL=0 python -c 'import tensorflow as t; t.zeros(1)'`"
    return Check(
        "GPU",
        "attention",
        f"{name}, but TensorFlow does not see it and does not say why; training runs on the processor",
        advice,
    )


def _used(driver: Driver, answer: TensorFlowAnswer) -> Check:
    names = ", ".join(driver.gpus) or ", ".join(answer.gpus)
    if len(answer.gpus) == 1:
        return Check("GPU", "works", names)
    choices = ", ".join(f"--device {name.lower()}" for name in answer.gpus)
    return Check("GPU", "works", f"{names}; a training takes one, the first unless told otherwise ({choices})")


Reason = tuple[str, str] | None
"""Why no GPU is used and what to do about it; None if this is not why."""


def _no_driver(driver: Driver) -> Reason:
    if driver.gpus:
        return None
    if not driver.problem:
        return "its driver does not list it", "see `nvidia-smi`; the GPU may be too new for the driver, or be reserved"
    advice = "install NVIDIA's driver until `nvidia-smi` lists the GPU; a container needs to be given it (--gpus all)"
    if "mismatch" in driver.problem.lower():
        advice = "the driver was updated while it was running: restart the machine"
    return f"no driver answers ({driver.problem})", advice


def _hidden(facts: GpuFacts) -> Reason:
    if facts.visible is None:
        return None
    first = facts.visible.split(",")[0].strip()
    count = len(facts.driver.gpus)
    if first.lower().startswith(("gpu-", "mig-")) or (first.isdecimal() and int(first) < count):
        return None
    numbers = "0" if count == 1 else f"0 to {count - 1}"
    value = "is empty, which" if not facts.visible.strip() else f"is {facts.visible}, which"
    finding = f"CUDA_VISIBLE_DEVICES {value} hides {'it' if count == 1 else 'them'}"
    return finding, f"`unset CUDA_VISIBLE_DEVICES`, or set it to a number that the driver knows ({numbers})"


def _driver_too_old(driver: Driver, answer: TensorFlowAnswer | None, *, exactly: bool) -> Reason:
    """Usually a driver serves every CUDA version of the same major number; `exactly` compares the minor number, too."""
    if driver.cuda is None or answer is None or not answer.cuda:
        return None
    numbers = re.findall(r"\d+", answer.cuda)
    wanted = (int(numbers[0]), int(numbers[1]) if len(numbers) > 1 else 0)
    if driver.cuda >= wanted if exactly else driver.cuda[0] >= wanted[0]:
        return None
    has, needs = (".".join(map(str, numbers)) for numbers in (driver.cuda, wanted))
    return (
        f"its driver is too old: it serves CUDA up to {has}, TensorFlow was built for {needs}",
        f"update NVIDIA's driver to one for CUDA {needs} or newer (`nvidia-smi` names its version)",
    )


def _without_cuda(answer: TensorFlowAnswer | None) -> Reason:
    if answer is None or answer.cuda:
        return None
    return "this TensorFlow was built without CUDA", f"`{REINSTALL}` (Linux, x86-64 or ARM)"


def _not_installed(facts: GpuFacts) -> Reason:
    if not facts.missing:
        return None
    if len(facts.missing) == facts.extra:
        return "CUDA's libraries are not installed", INSTALL
    return f"some of CUDA's libraries are not installed ({', '.join(facts.missing)})", INSTALL


def _in_tensorflows_words(answer: TensorFlowAnswer | None) -> Reason:
    if answer is None:
        return None
    if unloaded := list(dict.fromkeys(_UNLOADED.findall(answer.log))):
        advice = f"{INSTALL} --force-reinstall"
        if any(name.startswith("libcuda.") for name in unloaded):
            advice = "libcuda is part of NVIDIA's driver: install the driver whole, or give the container all of it"
        elif os.environ.get("LD_LIBRARY_PATH"):
            advice = f"try without LD_LIBRARY_PATH, whose libraries come first, else {advice}"
        return f"TensorFlow cannot load {', '.join(unloaded)}", advice
    said = _SAID.search(answer.log)
    if said is None:
        return None
    return f"TensorFlow says: {said[1].strip()}", f"see `nvidia-smi`; if it lists the GPU, {INSTALL} --force-reinstall"


def has_hardware(root: Path) -> bool:
    """Return whether the system under `root` (``/``) has an NVIDIA GPU, with or without a driver."""
    if any((root / "dev").glob("nvidia[0-9]*")):
        return True
    return any(
        _line(device / "vendor") == NVIDIA and _line(device / "class").startswith(DISPLAY)
        for device in (root / "sys/bus/pci/devices").glob("*")
    )


def _line(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def ask_driver() -> Driver:
    """Ask NVIDIA's driver through NVML."""
    try:
        import pynvml
    except ImportError:
        return Driver(problem="nvidia-ml-py is not installed")
    try:
        pynvml.nvmlInit()
        try:
            handles = [pynvml.nvmlDeviceGetHandleByIndex(n) for n in range(pynvml.nvmlDeviceGetCount())]
            names = [pynvml.nvmlDeviceGetName(handle) for handle in handles]
            cuda = pynvml.nvmlSystemGetCudaDriverVersion_v2()
        finally:
            pynvml.nvmlShutdown()
    except pynvml.NVMLError as error:
        return Driver(problem=str(error))
    gpus = tuple(name.decode() if isinstance(name, bytes) else str(name) for name in names)
    return Driver(gpus, (cuda // 1000, cuda % 1000 // 10))


def ask(command: list[str]) -> TensorFlowAnswer | Check:
    """Ask TensorFlow in a process of its own.

    Args:
        command: starts the process; it prints one line of JSON.
    """
    try:
        asked = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=DEVICE_SECONDS,
            check=True,
            cwd=python_process.WORKING_DIRECTORY,
            env=python_process.environment(_ASK_ENVIRONMENT),
        )
        said = json.loads(asked.stdout.splitlines()[-1])
        return TensorFlowAnswer(tuple(said["devices"]), str(said["cuda"]), asked.stderr)
    except subprocess.TimeoutExpired:
        return Check("devices", "attention", f"TensorFlow did not start within {DEVICE_SECONDS} s", "try again")
    except (subprocess.CalledProcessError, OSError, ValueError, LookupError, TypeError) as error:
        lines = (getattr(error, "stderr", "") or str(error)).strip().splitlines()
        return Check("devices", "broken", f"TensorFlow does not start: {lines[-1] if lines else error}", REINSTALL)


def extra_packages() -> tuple[str, ...]:
    """Return the packages of CUDA's libraries, as TensorFlow's metadata names them."""
    try:
        lines = requires("tensorflow") or []
    except PackageNotFoundError:
        return ()
    names = (re.match(r"[\w.-]+", line) for line in lines if EXTRA in line.partition(";")[2])
    return tuple(name[0] for name in names if name)


def _installed(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True
