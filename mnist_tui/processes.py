"""Identify processes without the system clock, and measure for how long a value has not changed.

A process is identified by its number, its start time since the boot, and the running system (boot and process
namespace). Wall time cannot be used, because it can be set back and forth while processes live.
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
"""The states in `/proc` of a process that has ended but was not waited for yet."""


@cache
def system() -> str:
    """Identify the running system: its boot and process namespace. Process numbers are valid only in it."""
    if sys.platform != "linux":
        return f"{sys.platform}/{socket.gethostname()}"
    try:
        boot = BOOT_ID.read_text(encoding="ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return f"linux/{socket.gethostname()}"


def start_of(pid: int) -> float:
    """Return when a process of this system started; 0 if there is none, or it has ended.

    Returns:
        Seconds since the boot (Linux) or since 1970 (others). Compare them only for equality.
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
    """Return whether a process of this system with that number and start time exists and has not ended."""
    return pid > 0 and start > 0 and start_of(pid) == start


def is_stopped(pid: int) -> bool:
    """Return whether a process of this system is suspended (SIGSTOP, a debugger); False if that is not known."""
    return bool(fields := _stat(pid)) and fields[0] in (b"T", b"t")


def _stat(pid: int) -> list[bytes]:
    """Return the fields of `/proc/PID/stat` after the second, the name, which may contain blanks and brackets."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return []


SILENT_SECONDS = 30.0
"""A process on another machine counts as dead if its heartbeat has not changed for so long."""
_seen: dict[str, tuple[object, float]] = {}
_seeing = threading.Lock()


def unchanged_seconds(key: str, value: object) -> float:
    """Return the seconds since this function was first called with this `value` for `key`; 0 after every change.

    It shows whether the heartbeat of a process on another machine changes, without comparing two clocks.
    """
    now = time.monotonic()
    with _seeing:
        before = _seen.get(key)
        if before is None or before[0] != value:
            _seen[key] = (value, now)
            return 0.0
        return now - before[1]
