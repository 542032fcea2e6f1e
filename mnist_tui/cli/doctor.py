"""`doctor`: check this machine and say what to do about each problem. No check changes anything.

With ``--train`` it compares the training on a device with plain Keras instead; see `self_check`.
"""

from __future__ import annotations

import getpass
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from itertools import chain
from pathlib import Path
from typing import Annotated, Literal

import typer

from mnist_tui import PROGRAM, __version__, python_process
from mnist_tui.cli.errors import FAILED
from mnist_tui.cli.options import (
    DEVICES,
    DataDir,
    Json,
    RunsDir,
    checked_device,
    complete_device,
    data_folder,
    option,
    runs_folder,
)
from mnist_tui.cli.output import PLAIN_TERMINALS, print_json, print_line
from mnist_tui.cli.self_check import self_check
from mnist_tui.data.catalogue import download_cache
from mnist_tui.errors import RequestError
from mnist_tui.experiment.preset_files import user_folder
from mnist_tui.locks import why_unsupported
from mnist_tui.paths import PathError, log_folder
from mnist_tui.runs.processor import ONEDNN, cpu_features, onednn, onednn_choice
from mnist_tui.settings import load_settings, settings_file_text
from mnist_tui.wording import counted, size

SIGNS = {"works": "✓", "attention": "!", "broken": "✗"}
PACKAGES = ("tensorflow", "keras", "numpy", "numba", "textual", "plotext", "scikit-image", "scikit-learn", "pooch")
GLYPHS = "─│█▁▄⣿×→✓é"
LOGIND = (Path("/etc/systemd/logind.conf"), Path("/etc/systemd/logind.conf.d"), Path("/usr/lib/systemd/logind.conf.d"))
INSTALL = f"python -m pip install '{PROGRAM}[gpu]'"
REINSTALL = "python -m pip install --force-reinstall tensorflow"


@dataclass(frozen=True)
class Check:
    """The result of a check.

    Attributes:
        state: works, attention (something other than training does not work) or broken (training will not work).
        finding: what was found, as it follows the name and a colon.
        advice: what to do; empty if there is nothing to do.
    """

    name: str
    state: Literal["works", "attention", "broken"]
    finding: str
    advice: str = ""


TRAIN_HELP = "Instead, train each starter for some steps and compare with plain Keras; about a minute."
DEVICE_HELP = "With --train: the device to check."


def doctor(
    ctx: typer.Context,
    *,
    as_json: Json = False,
    quick: Annotated[bool, option("--quick", None, "Do not start TensorFlow to ask for its devices.")] = False,
    train: Annotated[bool, option("--train", None, TRAIN_HELP)] = False,
    device: Annotated[str | None, option("--device", DEVICES, DEVICE_HELP, complete=complete_device)] = None,
    data_dir: DataDir = None,
    runs_dir: RunsDir = None,
) -> None:
    """Check Python, TensorFlow, devices, terminal, folders, data and logout, and say what to do.

    With --train: check that training on a device gives the losses of plain Keras (exit code 1 if not).
    """
    if train and quick:
        raise RequestError("--quick does not go with --train, which starts TensorFlow")
    if train:
        self_check(checked_device(device or "auto"), data_folder(ctx, data_dir), as_json=as_json)
        return
    if device is not None:
        raise RequestError(f"--device {device} goes with --train, which checks one device by training on it")
    results: list[Check] = []
    for check in chain(
        installation(),
        gpu(quick=quick),
        terminal(),
        folders(lambda: runs_folder(ctx, runs_dir)),
        settings(),
        datasets(data_folder(ctx, data_dir)),
        logout(),
    ):
        results.append(check)
        if not as_json:
            advice = f"\n    → {check.advice}" if check.advice else ""
            print_line(f"{SIGNS[check.state]} {check.name}: {check.finding}{advice}")
    broken = any(check.state == "broken" for check in results)
    if as_json:
        print_json({"works": not broken, "checks": [asdict(check) for check in results]})
    if broken:
        raise typer.Exit(FAILED)


def installation() -> Iterator[Check]:
    """Check Python, the packages, the processor and the memory."""
    import psutil

    usable = (3, 11) <= sys.version_info[:2] <= (3, 13)
    advice = "" if usable else "install Python 3.11 to 3.13: TensorFlow has no wheels for others"
    finding = f"{platform.python_version()} ({sys.executable})"
    yield Check("Python", "works" if usable else "broken", finding, advice)
    yield Check(PROGRAM, "works", __version__)
    for package in PACKAGES:
        if number := _version(package):
            yield Check(package, "works", number)
        else:
            yield Check(package, "broken", "is not installed", f"python -m pip install --upgrade {PROGRAM}")
    cores, memory = counted(os.cpu_count() or 1, "core"), psutil.virtual_memory()
    yield Check("processor", "works", f"{cores}, {size(memory.total)} of memory, {size(memory.available)} free")
    yield _kernels()


def _kernels() -> Check:
    """Say which kernels a new run takes on the CPU."""
    features = cpu_features()
    if set_by_user := os.environ.get(ONEDNN):
        return Check("oneDNN", "works", f"{'on' if onednn() else 'off'}, because {ONEDNN} is {set_by_user}")
    if onednn_choice(set(features.split()), None) is None:
        return Check("oneDNN", "works", "left to TensorFlow, as the processor does not have both AVX2 and FMA")
    return Check("oneDNN", "works", f"on: convolutions use its kernels (processor: {features})")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def terminal() -> Iterator[Check]:
    """Check that this terminal can show the app."""
    term = os.environ.get("TERM", "")
    if not sys.stdout.isatty():
        finding = "stdout is not a terminal, so the app cannot be drawn"
        yield Check("terminal", "attention", finding, f"`{PROGRAM} train` needs no terminal")
    elif term in PLAIN_TERMINALS:
        yield Check("terminal", "attention", f"TERM is {term or 'not set'}", "set TERM=xterm-256color, or use tmux")
    else:
        window = shutil.get_terminal_size()
        small = window.columns < 60 or window.lines < 20
        advice = "the app needs at least 60×20, better 80×24" if small else ""
        yield Check("terminal", "attention" if small else "works", f"{term}, {window.columns}×{window.lines}", advice)
    if os.environ.get("NO_COLOR"):
        colours = "none, because NO_COLOR is set; numbers and marks say what colours say"
    elif os.environ.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        colours = "16 million (COLORTERM)"
    else:
        colours = f"{256 if '256' in term else 16} (set COLORTERM=truecolor if the terminal can show more)"
    yield Check("colours", "works", colours)
    encoding = sys.stdout.encoding or "ascii"
    try:
        GLYPHS.encode(encoding)
        yield Check("glyphs", "works", f"{encoding} can write {GLYPHS}")
    except (UnicodeEncodeError, LookupError):
        advice = "set LANG=C.UTF-8 (or another UTF-8 locale) before starting"
        yield Check("glyphs", "attention", f"{encoding} cannot write {GLYPHS!a}", advice)


def folders(runs_dir: Callable[[], Path]) -> Iterator[Check]:
    """Check that the program's folders are writable, and that files in the runs folder can be locked.

    Args:
        runs_dir: returns the runs folder; it may raise PathError.
    """
    for name, get_folder, advice in (
        ("runs folder", runs_dir, "name another with --runs-dir or MNIST_TUI_RUNS"),
        ("presets folder", user_folder, "name another with MNIST_TUI_CONFIG"),
        ("data cache", download_cache, "bring data with --data-dir instead"),
        ("log folder", log_folder, "logs are written to the temporary folder instead"),
    ):
        state = "broken" if name == "runs folder" else "attention"
        try:
            folder = get_folder().absolute()
        except PathError as error:
            yield Check(name, state, str(error), advice)
            continue
        existing = next(place for place in (folder, *folder.parents) if place.exists())
        try:
            with tempfile.TemporaryFile(dir=existing):
                pass
        except OSError as error:
            problem = error.strerror if existing.is_dir() else f"{existing} is not a folder"
            yield Check(name, state, f"{folder} cannot be written: {problem or error}", advice)
        else:
            yield Check(name, "works", f"{folder} ({size(shutil.disk_usage(existing).free)} free)")
            if name == "runs folder":
                yield _locks(existing)


def _locks(folder: Path) -> Check:
    try:
        why = why_unsupported(folder)
    except OSError as error:
        return Check("locks", "attention", f"could not be tested in {folder}: {error.strerror or error}")
    if not why:
        return Check("locks", "works", f"files in {folder} can be locked")
    finding = f"the file system of {folder} has no locks ({why}); files with a heartbeat take their place"
    return Check("locks", "attention", finding, "keep runs on a local disk: --runs-dir or MNIST_TUI_RUNS")


def settings() -> Iterator[Check]:
    """Check that the settings file can be read and used."""
    _, problems = load_settings()
    for problem in problems:
        yield Check("settings", "attention", problem, "correct the file, or set it in the app (F12)")
    if not problems:
        yield Check("settings", "works", settings_file_text())


EXPECTED = ("mnist", "fashion-mnist")
"""The datasets of the starter presets and of most others."""


def datasets(data_dir: Path | None) -> Iterator[Check]:
    """Check which datasets are on this machine; of the missing ones only those of the starter presets are named."""
    from mnist_tui.data.datasets import status
    from mnist_tui.data.errors import DataError

    try:
        statuses = status(data_dir)
    except DataError as error:
        yield Check("data", "attention", str(error))
        return
    others = [dataset for dataset in statuses if dataset.state == "missing" and dataset.name not in EXPECTED]
    for dataset in statuses:
        if dataset in others:
            continue
        where = dataset.location.source if dataset.location else ""
        if dataset.state == "damaged":
            yield Check(dataset.title, "attention", dataset.problem, "remove or replace the files")
        elif dataset.state == "missing":
            get = f"`{PROGRAM} data get {dataset.name}`"
            advice = f"{get}, or `{PROGRAM} data import DIR` where there is no network"
            yield Check(dataset.title, "attention", "is not on this machine", advice)
        else:
            yield Check(dataset.title, "works", where if dataset.state == "bundled" else f"{dataset.state}, in {where}")
    if others:
        more = f"{counted(others, 'known dataset')} can be downloaded (`{PROGRAM} data status` lists them)"
        yield Check("more data", "works", more)


def logout() -> Iterator[Check]:
    """Check that a training goes on after the user logs out."""
    inside = next((name for name, sign in (("tmux", "TMUX"), ("screen", "STY")) if os.environ.get(sign)), "")
    goes_on = f"a training goes on after a logout{f' (inside {inside})' if inside else ''}"
    kills = _ask_logind()
    if not (kills_user_processes(LOGIND) if kills is None else kills):
        yield Check("logout", "works", f"{goes_on}: systemd-logind ends no processes")
    elif _outlives_session():
        yield Check("logout", "works", f"{goes_on}: this shell belongs to no session")
    else:
        also = f"; {inside} does not protect from that" if inside else ""
        advice = "once `loginctl enable-linger`, then start with `systemd-run --user --scope mnist-tui …`"
        yield Check("logout", "attention", f"a logout ends trainings: KillUserProcesses is on{also}", advice)


def _ask_logind() -> bool | None:
    """Return whether the running systemd-logind has KillUserProcesses on; None if it does not answer."""
    name = "org.freedesktop.login1"
    question = ["busctl", "get-property", name, "/org/freedesktop/login1", f"{name}.Manager", "KillUserProcesses"]
    try:
        answer = subprocess.run(question, capture_output=True, text=True, timeout=2, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.split()[-1:] == ["true"]


def kills_user_processes(configuration: tuple[Path, ...]) -> bool:
    """Return whether the configuration files of systemd-logind set KillUserProcesses; the last setting counts."""
    values: list[str] = []
    for place in configuration:
        for file in sorted(place.glob("*.conf")) if place.is_dir() else [place]:
            with suppress(OSError):
                text = file.read_text(encoding="utf-8", errors="replace")
                values += re.findall(r"^\s*KillUserProcesses\s*=\s*(\w+)", text, flags=re.MULTILINE)
    return bool(values) and values[-1].lower() in ("yes", "true", "1", "on")


def _outlives_session() -> bool:
    """Return whether this process runs under the user's systemd manager, and that manager goes on after a logout."""
    try:
        under_manager = "/user@" in Path("/proc/self/cgroup").read_text(encoding="utf-8")
        return under_manager and Path("/var/lib/systemd/linger", getpass.getuser()).exists()
    except (OSError, KeyError):
        return False


DEVICE_SECONDS = 120
ASK_DEVICES = """
import json, tensorflow
build = tensorflow.sysconfig.get_build_info()
devices = [device.name.removeprefix("/physical_device:") for device in tensorflow.config.list_physical_devices()]
print(json.dumps({"devices": devices, "cuda": build.get("cuda_version", "") if build["is_cuda_build"] else ""}))
"""
LOADER_LOG = {"TF_CPP_MIN_LOG_LEVEL": "0", "TF_CPP_VMODULE": "dso_loader=1"}
"""Environment variables with which TensorFlow logs the names of libraries that it cannot load."""
UNLOADED = re.compile(r"Could not load dynamic library '([^']+)'")
GPU_MESSAGE = re.compile(r"(failed call to cuInit: .*|Ignoring visible gpu device .*|Cannot dlopen some GPU libraries)")


@dataclass(frozen=True)
class Driver:
    """The answer of NVIDIA's driver.

    Attributes:
        gpus: the names of the GPUs, in the driver's order.
        cuda: the newest CUDA version that the driver supports, such as (12, 4); None if unknown.
        problem: why the driver does not answer; empty if it does.
    """

    gpus: tuple[str, ...] = ()
    cuda: tuple[int, int] | None = None
    problem: str = ""


@dataclass(frozen=True)
class TensorFlowAnswer:
    """The answer of TensorFlow.

    Attributes:
        devices: the names of its devices: ``CPU:0``, ``GPU:0``, ….
        cuda: the CUDA version that TensorFlow was built for; empty if it was built without CUDA.
        log: everything that TensorFlow printed on stderr.
    """

    devices: tuple[str, ...]
    cuda: str = ""
    log: str = ""

    @property
    def gpus(self) -> tuple[str, ...]:
        return tuple(name for name in self.devices if name.startswith("GPU"))


@dataclass(frozen=True)
class GpuFacts:
    """All facts on which the verdict about the GPU depends: hardware, driver, CUDA's libraries and TensorFlow.

    Attributes:
        hardware: whether the machine has an NVIDIA GPU, known to the driver or not.
        visible: the variable CUDA_VISIBLE_DEVICES; None if not set.
        missing: the packages of our extra ``gpu`` that are not installed.
        extra: how many packages the extra has.
        answer: TensorFlow's answer; None if it was not asked or did not start.
    """

    hardware: bool
    driver: Driver
    visible: str | None
    missing: tuple[str, ...]
    extra: int
    answer: TensorFlowAnswer | None


def gpu(*, quick: bool) -> Iterator[Check]:
    """Check TensorFlow's devices, unless `quick`, and the GPU."""
    answer = None if quick else ask_tensorflow(python_process.python("-c", ASK_DEVICES))
    if isinstance(answer, TensorFlowAnswer):
        yield Check("devices", "works", f"TensorFlow sees {', '.join(answer.devices)}")
    elif answer is not None:
        yield answer
        answer = None
    packages = extra_packages()
    missing = tuple(name for name in packages if not _version(name))
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    yield verdict(GpuFacts(has_hardware(Path("/")), ask_driver(), visible, missing, len(packages), answer))


def verdict(facts: GpuFacts) -> Check:
    """Return a check that says whether a GPU is used, or the most likely reason why not."""
    driver, answer = facts.driver, facts.answer
    if answer is not None and answer.gpus:
        names = ", ".join(driver.gpus or answer.gpus)
        if len(answer.gpus) == 1:
            return Check("GPU", "works", names)
        choices = ", ".join(f"--device {name.lower()}" for name in answer.gpus)
        return Check("GPU", "works", f"{names}; a training uses one, by default the first ({choices})")
    if not driver.gpus and not facts.hardware:
        return Check("GPU", "works", "none: training runs on the processor (no NVIDIA GPU in this machine)")
    name = ", ".join(driver.gpus) or "an NVIDIA GPU"
    for finding, advice in _reasons(facts):
        return Check("GPU", "attention", f"{name}, but {finding}; training runs on the processor", advice)
    return Check("GPU", "works", f"{name} (TensorFlow was not asked)")


def _reasons(facts: GpuFacts) -> Iterator[tuple[str, str]]:
    """Yield pairs of a reason why no GPU is used and advice about it, the most likely reason first."""
    driver, answer, count = facts.driver, facts.answer, len(facts.driver.gpus)
    if driver.problem and not driver.gpus:
        advice = "install NVIDIA's driver until `nvidia-smi` lists the GPU; a container needs access to it (--gpus all)"
        if "mismatch" in driver.problem.lower():
            advice = "the driver was updated while it was running: restart the machine"
        yield f"no driver answers ({driver.problem})", advice
    elif not driver.gpus:
        advice = "see `nvidia-smi`; the GPU may be too new for the driver, or be reserved"
        yield "its driver does not list it", advice
    if facts.visible is not None:
        first = facts.visible.split(",")[0].strip()
        if not first.lower().startswith(("gpu-", "mig-")) and not (first.isdecimal() and int(first) < count):
            value = f"is {facts.visible}" if facts.visible.strip() else "is empty"
            numbers = "0" if count == 1 else f"0 to {count - 1}"
            advice = f"`unset CUDA_VISIBLE_DEVICES`, or set it to a number that the driver knows ({numbers})"
            yield f"CUDA_VISIBLE_DEVICES {value}, which hides {'it' if count == 1 else 'them'}", advice
    built_for = [int(number) for number in re.findall(r"\d+", answer.cuda)[:2]] if answer else []
    serves = list(driver.cuda or ())
    needs, has = ".".join(map(str, built_for)), ".".join(map(str, serves))
    too_old = (
        f"its driver is too old: it serves CUDA up to {has}, TensorFlow was built for {needs}",
        f"update NVIDIA's driver to one for CUDA {needs} or newer (`nvidia-smi` names its version)",
    )
    comparable = bool(serves and built_for)
    if comparable and serves[0] < built_for[0]:  # a driver usually serves every CUDA version of the same major number
        yield too_old
    if answer is not None and not answer.cuda:
        yield "this TensorFlow was built without CUDA", f"`{REINSTALL}` (Linux, x86-64 or ARM)"
    if facts.missing:
        some = len(facts.missing) < facts.extra
        names = f" ({', '.join(facts.missing)})" if some else ""
        yield f"{'some of ' if some else ''}CUDA's libraries are not installed{names}", INSTALL
    if answer is None:
        return
    if unloaded := list(dict.fromkeys(UNLOADED.findall(answer.log))):
        advice = f"{INSTALL} --force-reinstall"
        if any(name.startswith("libcuda.") for name in unloaded):
            advice = "libcuda is part of NVIDIA's driver: install the driver whole, or give the container all of it"
        elif os.environ.get("LD_LIBRARY_PATH"):
            advice = f"try without LD_LIBRARY_PATH, whose libraries come first, else {advice}"
        yield f"TensorFlow cannot load {', '.join(unloaded)}", advice
    if message := GPU_MESSAGE.search(answer.log):
        advice = f"see `nvidia-smi`; if it lists the GPU, {INSTALL} --force-reinstall"
        yield f"TensorFlow says: {message[1].strip()}", advice
    if comparable and serves < built_for:
        yield too_old
    advice = "see what TensorFlow prints: `TF_CPP_MIN_LOG_LEVEL=0 python -c 'import tensorflow as t; t.zeros(1)'`"
    yield "TensorFlow does not see it and does not say why", advice


def has_hardware(root: Path) -> bool:
    """Return whether the system whose root folder is `root` has an NVIDIA GPU, with or without a driver."""
    if any((root / "dev").glob("nvidia[0-9]*")):
        return True
    nvidia, display = "0x10de", "0x03"  # a PCI vendor, and the beginning of the PCI classes of displays
    for device in (root / "sys/bus/pci/devices").glob("*"):
        with suppress(OSError, UnicodeDecodeError):
            vendor, kind = ((device / name).read_text(encoding="ascii").strip() for name in ("vendor", "class"))
            if vendor == nvidia and kind.startswith(display):
                return True
    return False


def ask_driver() -> Driver:
    """Ask NVIDIA's driver for its GPUs through the library NVML."""
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


def ask_tensorflow(command: list[str]) -> TensorFlowAnswer | Check:
    """Ask TensorFlow for its devices in a new process; return a check instead if TensorFlow does not start.

    Args:
        command: the command line of the process, whose last line on stdout is JSON as ASK_DEVICES prints it.
    """
    try:
        process = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=DEVICE_SECONDS,
            check=True,
            cwd=python_process.WORKING_DIRECTORY,
            env=python_process.environment(LOADER_LOG),
        )
        answer = json.loads(process.stdout.splitlines()[-1])
        return TensorFlowAnswer(tuple(answer["devices"]), str(answer["cuda"]), process.stderr)
    except subprocess.TimeoutExpired:
        return Check("devices", "attention", f"TensorFlow did not start within {DEVICE_SECONDS} s", "try again")
    except (subprocess.CalledProcessError, OSError, ValueError, LookupError, TypeError) as error:
        lines = (getattr(error, "stderr", "") or str(error)).strip().splitlines()
        return Check("devices", "broken", f"TensorFlow does not start: {lines[-1] if lines else error}", REINSTALL)


def extra_packages() -> tuple[str, ...]:
    """Return the names of the packages with CUDA's libraries: those of TensorFlow's extra ``and-cuda``."""
    lines = (requires("tensorflow") or []) if _version("tensorflow") else []
    names = (re.match(r"[\w.-]+", line) for line in lines if "and-cuda" in line.partition(";")[2])
    return tuple(name[0] for name in names if name)
