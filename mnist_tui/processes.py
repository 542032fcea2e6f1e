"""Identify processes without the system clock, and measure for how long something has been seen unchanged.

A process is named by its number, its start since the boot and the running system (boot and process namespace) that both
belong to. Wall time cannot be used: it may be set back and forth while processes live.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from functools import cache
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
ENDED = (b"Z", b"X", b"x")
"""States in `/proc` of a process that has ended but was not waited for yet."""


@cache
def system() -> str:
    """Return the running system that this process's numbers of processes belong to: its boot and process namespace."""
    if sys.platform != "linux":
        return f"{sys.platform}/{socket.gethostname()}"
    try:
        boot = BOOT_ID.read_text(encoding="ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return f"linux/{socket.gethostname()}"


def start_of(pid: int) -> float:
    """Return when a process of this system started; 0 where there is none, or it has ended.

    Returns:
        Seconds since the boot (Linux), else since 1970 as the kernel recorded it; only to be compared for equality.
    """
    if sys.platform != "linux":
        import psutil

        try:
            process = psutil.Process(pid)
            return 0.0 if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
        except psutil.Error:
            return 0.0
    fields = _stat(pid)
    return 0.0 if not fields or fields[0] in ENDED else int(fields[19]) / os.sysconf("SC_CLK_TCK")


def is_running(pid: int, start: float) -> bool:
    """Return whether the process of this system with that number and start has not ended."""
    return pid > 0 and start > 0 and start_of(pid) == start


def is_stopped(pid: int) -> bool:
    """Return whether a process of this system is suspended (SIGSTOP, a debugger); False where that cannot be seen."""
    return bool(fields := _stat(pid)) and fields[0] in (b"T", b"t")


def _stat(pid: int) -> list[bytes]:
    """Return the fields of `/proc/PID/stat` after the second, the name, which may hold anything; empty without it."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return []


SILENT_SECONDS = 30.0
"""A process on another machine is taken for dead once its heartbeat has been seen unchanged for so long."""
_seen: dict[str, tuple[object, float]] = {}
_seeing = threading.Lock()


def unchanged_seconds(key: str, value: object) -> float:
    """Return for how long this process has seen `value` at `key`; 0 at first sight and after every change.

    The heartbeat of a process on another machine is judged so: by its changes, never by comparing two clocks.
    """
    now = time.monotonic()
    with _seeing:
        before = _seen.get(key)
        if before is None or before[0] != value:
            _seen[key] = (value, now)
            return 0.0
        return now - before[1]
