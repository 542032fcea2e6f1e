"""What a run was computed on, for its reports: system, processor, memory, versions. Imports none of what it names."""

from __future__ import annotations

import os
import platform
import socket
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

PACKAGES = ("tensorflow", "keras", "numpy", "scikit-learn", "scikit-image", "mnist-tui")
VECTOR_INSTRUCTIONS = (
    "avx",
    "avx2",
    "fma",
    "avx512f",
    "avx_vnni",
    "avx512_vnni",
    "avx512_bf16",
    "avx512_fp16",
    "amx_tile",
    "amx_bf16",
    "amx_int8",
    "asimd",
    "asimddp",
    "bf16",
    "i8mm",
    "sve",
    "sve2",
)
"""In the names of Linux, of x86 and ARM."""


def facts() -> dict[str, Any]:
    """The machine and the software, for `RunStarted.platform`; memory in bytes."""
    return {
        "os": operating_system(),
        "machine": platform.machine(),
        "cpu": cpu_name(),
        "cores": os.cpu_count() or 1,
        "memory": psutil.virtual_memory().total,
        "python": platform.python_version(),
        "host": socket.gethostname(),
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """Installed versions of what decides a run's figures; a package that is not installed is left out."""
    found: dict[str, str] = {}
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def operating_system() -> str:
    """The system's name as a person knows it, with the kernel's release."""
    kernel = f"{platform.system()} {platform.release()}"
    with suppress(OSError):
        return f"{platform.freedesktop_os_release()['PRETTY_NAME']} ({kernel})"
    return kernel


def cpu_name() -> str:
    """The processor's own name where the system tells it."""
    return _cpu_info("model name") or platform.processor() or platform.machine()


def cpu_features() -> str:
    """Those of the processor's vector instructions that decide which kernels run (``avx2 avx512f fma``)."""
    known = (_cpu_info("flags") or _cpu_info("Features")).split()
    return " ".join(name for name in VECTOR_INSTRUCTIONS if name in known)


def _cpu_info(wanted: str) -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == wanted:
                return value.strip()
    return ""
