"""The checks of `doctor`, a function for each subject (GPUs: `gpu_checks`). None of them changes anything."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from mnist_tui import PROGRAM, __version__
from mnist_tui.paths import PathError, log_folder
from mnist_tui.settings import load_settings, settings_file_text
from mnist_tui.wording import counted, size

PYTHONS = ((3, 11), (3, 13))
PACKAGES = ("tensorflow", "keras", "numpy", "textual", "plotext", "scikit-image", "scikit-learn", "pooch")
LOGIND_SECONDS = 2
GLYPHS = "─│█▁▄⣿×→✓é"
LOGIND = (Path("/etc/systemd/logind.conf"), Path("/etc/systemd/logind.conf.d"), Path("/usr/lib/systemd/logind.conf.d"))


@dataclass(frozen=True)
class Check:
    """What a check found.

    Attributes:
        state: works, attention (training works, something else does not) or broken (training will not work).
        advice: what to do; empty if there is nothing to do.
    """

    name: str
    state: Literal["works", "attention", "broken"]
    finding: str
    advice: str = ""


def installation() -> Iterator[Check]:
    """Check Python and the packages."""
    (low, high), now = PYTHONS, sys.version_info[:2]
    found = f"{platform.python_version()} ({sys.executable})"
    if low <= now <= high:
        yield Check("Python", "works", found)
    else:
        advice = f"install Python {low[0]}.{low[1]} to {high[0]}.{high[1]}: TensorFlow has no wheels for others"
        yield Check("Python", "broken", found, advice)
    yield Check(PROGRAM, "works", __version__)
    for package in PACKAGES:
        try:
            yield Check(package, "works", version(package))
        except PackageNotFoundError:
            yield Check(package, "broken", "is not installed", f"python -m pip install --upgrade {PROGRAM}")


def machine() -> Check:
    """Return the processor's cores and the memory."""
    import psutil

    cores, memory = counted(os.cpu_count() or 1, "core"), psutil.virtual_memory()
    return Check("processor", "works", f"{cores}, {size(memory.total)} of memory, {size(memory.available)} free")


def terminal() -> Iterator[Check]:
    """Check that the app can be drawn on this terminal."""
    term = os.environ.get("TERM", "")
    if not sys.stdout.isatty():
        finding = "stdout is not a terminal, so the app cannot be drawn"
        yield Check("terminal", "attention", finding, f"`{PROGRAM} train` needs no terminal")
    elif term in ("", "dumb", "unknown"):
        yield Check("terminal", "attention", f"TERM is {term or 'not set'}", "set TERM=xterm-256color, or use tmux")
    else:
        window = shutil.get_terminal_size()
        small = window.columns < 60 or window.lines < 20
        advice = "the app needs at least 60×20, better 80×24" if small else ""
        yield Check("terminal", "attention" if small else "works", f"{term}, {window.columns}×{window.lines}", advice)
    yield _colours(term)
    encoding = sys.stdout.encoding or "ascii"
    try:
        GLYPHS.encode(encoding)
        yield Check("glyphs", "works", f"{encoding} can write {GLYPHS}")
    except (UnicodeEncodeError, LookupError):
        advice = "set LANG=C.UTF-8 (or another UTF-8 locale) before starting"
        yield Check("glyphs", "attention", f"{encoding} cannot write {GLYPHS!a}", advice)


def _colours(term: str) -> Check:
    if os.environ.get("NO_COLOR"):
        return Check("colours", "works", "none, because NO_COLOR is set; numbers and marks say what colours say")
    if os.environ.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        return Check("colours", "works", "16 million (COLORTERM)")
    many = "256 " if "256" in term else "16 "
    return Check("colours", "works", f"{many}(set COLORTERM=truecolor if the terminal can show more)")


def folders(runs_dir: Callable[[], Path]) -> Iterator[Check]:
    """Check that the program's folders can be written, and that files in the runs folder can be locked."""
    from mnist_tui.data.places import download_cache
    from mnist_tui.experiment.presets import user_folder

    for name, ask, advice in (
        ("runs folder", runs_dir, "name another with --runs-dir or MNIST_TUI_RUNS"),
        ("presets folder", user_folder, "name another with MNIST_TUI_CONFIG"),
        ("data cache", download_cache, "bring data with --data-dir instead"),
        ("log folder", log_folder, "logs are written to the temporary folder instead"),
    ):
        state = "broken" if name == "runs folder" else "attention"
        try:
            folder = ask()
        except PathError as error:
            yield Check(name, state, str(error), advice)
            continue
        there = _first_that_exists(folder)
        problem = _unwritable(there) if there.is_dir() else f"{there} is not a folder"
        if problem:
            yield Check(name, state, f"{folder} cannot be written: {problem}", advice)
        else:
            yield Check(name, "works", f"{folder} ({size(shutil.disk_usage(there).free)} free)")
            if name == "runs folder":
                yield _locks(there)


def _locks(folder: Path) -> Check:
    """Check that files of the runs folder can be locked: the lock of a run lets one worker write it."""
    from mnist_tui.locks import why_unsupported

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


def _first_that_exists(folder: Path) -> Path:
    folder = folder.absolute()
    return next(place for place in (folder, *folder.parents) if place.exists())


def _unwritable(folder: Path) -> str:
    try:
        with tempfile.TemporaryFile(dir=folder):
            return ""
    except OSError as error:
        return error.strerror or str(error)


def datasets(data_dir: Path | None) -> Iterator[Check]:
    """Check which datasets are on this machine."""
    from mnist_tui.data.datasets import DataError, status

    try:
        found = status(data_dir)
    except DataError as error:
        yield Check("data", "attention", str(error))
        return
    for one in found:
        where = one.location.source if one.location else ""
        match one.state:
            case "damaged":
                yield Check(one.title, "attention", one.problem, "remove or replace the files")
            case "missing":
                advice = f"`{PROGRAM} data get {one.name}`, or `{PROGRAM} data import DIR` where there is no network"
                yield Check(one.title, "attention", "is not on this machine", advice)
            case "bundled":
                yield Check(one.title, "works", where)
            case _:
                yield Check(one.title, "works", f"{one.state}, in {where}")


def logout() -> Check:
    """Check that a training goes on after the user logs out."""
    inside = next((name for name, sign in (("tmux", "TMUX"), ("screen", "STY")) if os.environ.get(sign)), "")
    goes_on = f"a training goes on after a logout{f' (inside {inside})' if inside else ''}"
    asked = _ask_logind()
    if not (kills_user_processes(LOGIND) if asked is None else asked):
        return Check("logout", "works", f"{goes_on}: systemd-logind ends no processes")
    if _outside_the_session() and _lingers():
        return Check("logout", "works", f"{goes_on}: this shell belongs to no session")
    also = f"; {inside} does not protect from that" if inside else ""
    advice = "once `loginctl enable-linger`, then start with `systemd-run --user --scope mnist-tui …`"
    return Check("logout", "attention", f"a logout ends trainings: KillUserProcesses is on{also}", advice)


def _ask_logind() -> bool | None:
    """Return KillUserProcesses of the running systemd-logind; None if it does not answer."""
    name = "org.freedesktop.login1"
    question = ["busctl", "get-property", name, "/org/freedesktop/login1", f"{name}.Manager", "KillUserProcesses"]
    try:
        asked = subprocess.run(question, capture_output=True, text=True, timeout=LOGIND_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return asked.stdout.split()[-1:] == ["true"]


def _outside_the_session() -> bool:
    """Return whether this process runs under the user's own service manager, which may outlive the login."""
    try:
        return "/user@" in Path("/proc/self/cgroup").read_text(encoding="utf-8")
    except OSError:
        return False


def kills_user_processes(configuration: tuple[Path, ...]) -> bool:
    """Return whether the configuration files of systemd-logind end processes at a logout; the last setting counts."""
    values: list[str] = []
    for place in configuration:
        for file in sorted(place.glob("*.conf")) if place.is_dir() else [place]:
            with suppress(OSError):
                text = file.read_text(encoding="utf-8", errors="replace")
                values += re.findall(r"^\s*KillUserProcesses\s*=\s*(\w+)", text, flags=re.MULTILINE)
    return bool(values) and values[-1].lower() in ("yes", "true", "1", "on")


def _lingers() -> bool:
    import getpass

    try:
        return Path("/var/lib/systemd/linger", getpass.getuser()).exists()
    except (OSError, KeyError):
        return False
