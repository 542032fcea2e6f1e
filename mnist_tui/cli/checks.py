"""What `doctor` looks at, one function a subject; GPUs are `gpu_checks`. Each looks and says; none changes anything."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
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
    """One finding.

    Attributes:
        state: works, attention (training works, something else does not) or broken (training will not work).
        advice: what to do; empty where nothing is to be done.
    """

    name: str
    state: Literal["works", "attention", "broken"]
    finding: str
    advice: str = ""


def installation() -> Iterator[Check]:
    """Python and the packages."""
    (low, high), now = PYTHONS, sys.version_info[:2]
    fits = low <= now <= high
    advice = (
        "" if fits else f"install Python {low[0]}.{low[1]} to {high[0]}.{high[1]}: TensorFlow has no wheels for others"
    )
    yield Check("Python", "works" if fits else "broken", f"{platform.python_version()} ({sys.executable})", advice)
    yield Check(PROGRAM, "works", __version__)
    for package in PACKAGES:
        try:
            yield Check(package, "works", version(package))
        except PackageNotFoundError:
            yield Check(package, "broken", "is not installed", f"python -m pip install --upgrade {PROGRAM}")


def machine() -> Iterator[Check]:
    """Processor and memory."""
    import psutil

    cores, memory = os.cpu_count() or 1, psutil.virtual_memory()
    yield Check(
        "processor", "works", f"{counted(cores, 'core')}, {size(memory.total)} of memory, {size(memory.available)} free"
    )


def terminal() -> Iterator[Check]:
    """Whether the app can be drawn here."""
    term = os.environ.get("TERM", "")
    if not sys.stdout.isatty():
        yield Check(
            "terminal", "attention", "stdout is none, so that the app cannot be drawn", f"`{PROGRAM} train` needs none"
        )
    elif term in ("", "dumb", "unknown"):
        yield Check("terminal", "attention", f"TERM is {term or 'not set'}", "set TERM=xterm-256color, or use tmux")
    else:
        window = shutil.get_terminal_size()
        small = window.columns < 60 or window.lines < 20
        advice = "the app wants 60×20 at least, 80×24 better" if small else ""
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
        return Check("colours", "works", "none, as NO_COLOR asks; numbers and marks carry the meaning")
    if os.environ.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        return Check("colours", "works", "16 million (COLORTERM)")
    many = "256 " if "256" in term else "16 "
    return Check("colours", "works", f"{many}(set COLORTERM=truecolor where the terminal can do more)")


def places(runs_dir: Callable[[], Path]) -> Iterator[Check]:
    """Whether the folders can be written, and the settings read."""
    from mnist_tui.data.places import download_cache
    from mnist_tui.experiment.presets import user_folder

    for name, ask, advice in (
        ("runs folder", runs_dir, "name another with --runs-dir or MNIST_TUI_RUNS"),
        ("presets folder", user_folder, "name another with MNIST_TUI_CONFIG"),
        ("data cache", download_cache, "bring data with --data-dir instead"),
        ("log folder", log_folder, "logs go to the temporary folder instead"),
    ):
        state = "broken" if name == "runs folder" else "attention"
        try:
            folder = ask()
        except PathError as error:
            yield Check(name, state, str(error), advice)
            continue
        there = _first_that_exists(folder)
        problem = _unwritable(there) if there.is_dir() else f"{there} is no folder"
        if problem:
            yield Check(name, state, f"{folder} cannot be written: {problem}", advice)
        else:
            yield Check(name, "works", f"{folder} ({size(shutil.disk_usage(there).free)} free)")
            if name == "runs folder":
                yield _locks(there)


def _locks(folder: Path) -> Check:
    """Whether files of the runs folder can be locked, by which a run has one worker."""
    from mnist_tui.locks import why_unsupported

    try:
        why = why_unsupported(folder)
    except OSError as error:
        return Check("locks", "attention", f"could not be tried in {folder}: {error.strerror or error}")
    if not why:
        return Check("locks", "works", f"files in {folder} can be locked")
    finding = f"the file system of {folder} has no locks ({why}); files with a heartbeat take their place"
    return Check("locks", "attention", finding, "keep runs on a local disk: --runs-dir or MNIST_TUI_RUNS")


def settings() -> Iterator[Check]:
    """Whether the settings file can be read, and what in it cannot be used."""
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


def stock(data_dir: Path | None) -> Iterator[Check]:
    """Which datasets are on this machine."""
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


def logout() -> Iterator[Check]:
    """Whether a training outlives the login that started it."""
    inside = next((name for name, sign in (("tmux", "TMUX"), ("screen", "STY")) if os.environ.get(sign)), "")
    where = f" (inside {inside})" if inside else ""
    asked = _asked_logind()
    if not (kills_user_processes(LOGIND) if asked is None else asked):
        yield Check("logout", "works", f"a training goes on after a logout{where}: systemd-logind ends no processes")
    elif _outside_the_session() and _lingers():
        yield Check("logout", "works", f"a training goes on after a logout{where}: this shell belongs to no session")
    else:
        also = f"; {inside} does not protect from that" if inside else ""
        advice = "once `loginctl enable-linger`, then start with `systemd-run --user --scope mnist-tui …`"
        yield Check("logout", "attention", f"a logout ends trainings: KillUserProcesses is on{also}", advice)


def _asked_logind() -> bool | None:
    """KillUserProcesses as the running systemd-logind has it; None where it cannot be asked."""
    name = "org.freedesktop.login1"
    question = ["busctl", "get-property", name, "/org/freedesktop/login1", f"{name}.Manager", "KillUserProcesses"]
    try:
        asked = subprocess.run(question, capture_output=True, text=True, timeout=LOGIND_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return asked.stdout.split()[-1:] == ["true"]


def _outside_the_session() -> bool:
    """Whether this process runs under the user's own service manager, which a logout leaves alone if it lingers."""
    try:
        return "/user@" in Path("/proc/self/cgroup").read_text(encoding="utf-8")
    except OSError:
        return False


def kills_user_processes(configuration: tuple[Path, ...]) -> bool:
    """Whether systemd-logind ends a user's processes at logout, by its configuration files (the last word counts)."""
    files: list[Path] = []
    for place in configuration:
        files += sorted(place.glob("*.conf")) if place.is_dir() else [place]
    answer = False
    for file in files:
        try:
            text = file.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        for said in re.findall(r"^\s*KillUserProcesses\s*=\s*(\w+)", text, flags=re.MULTILINE):
            answer = said.lower() in ("yes", "true", "1", "on")
    return answer


def _lingers() -> bool:
    import getpass

    try:
        return Path("/var/lib/systemd/linger", getpass.getuser()).exists()
    except (OSError, KeyError):
        return False
