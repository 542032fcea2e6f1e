"""Figures kept in `tests/benchmarks/RESULTS.md`: a section for each benchmark, replaced whole when it runs again."""

from __future__ import annotations

import os
import platform
import re
import sys
import time
from pathlib import Path
from typing import Any

from mnist_tui.files import write_text
from mnist_tui.runs.processor import cpu_features, cpu_name
from mnist_tui.training.machine import versions

FILE = Path(__file__).with_name("RESULTS.md")
HEAD = "# Benchmarks\n\nEach section is written by its script when it runs; ratios are of interleaved pairs.\n"


def write(section: str, body: str, gpu: str = "") -> None:
    """Replaces the section, or appends it, with the machine it was measured on under its heading.

    Args:
        section: its heading, on one line.
        body: Markdown without headings of the second level.
        gpu: the GPU's name, where another process than this one computed on it.
    """
    sections = _sections()
    sections[section] = f"{machine(gpu or used_gpu())}\n\n{body.strip()}"
    write_text(FILE, "\n".join([HEAD, *(f"## {name}\n\n{text}\n" for name, text in sections.items())]))


def body(section: str, gpu: str = "") -> str:
    """What the section says below its machine; empty where there is none, or where that was another machine."""
    where, _, text = _sections().get(section, "").partition("\n\n")
    return text if _undated(where) == _undated(machine(gpu or used_gpu())) else ""


def machine(gpu: str = "") -> str:
    """Processor, cores, vector instructions, GPU where one is used, Python, TensorFlow, date, last minute's load.

    The load tells a figure taken beside other work: the benchmarks themselves come to the number of cores or less.
    """
    facts = [
        f"{cpu_name()}, {len(os.sched_getaffinity(0))} cores, {cpu_features()}",
        *([f"GPU {gpu}"] if gpu else []),
        f"Python {platform.python_version()}",
        f"TensorFlow {versions().get('tensorflow', 'not installed')}",
        f"{time.strftime('%Y-%m-%d')}, load {os.getloadavg()[0]:.1f}",
    ]
    return " · ".join(facts)


def used_gpu() -> str:
    """The name of the first GPU that this process's TensorFlow uses; empty where it uses none or is not imported."""
    tf: Any = sys.modules.get("tensorflow")
    gpus = tf.config.get_visible_devices("GPU") if tf else []
    return tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU") if gpus else ""


def _sections() -> dict[str, str]:
    text = FILE.read_text(encoding="utf-8") if FILE.exists() else ""
    _, *parts = re.split(r"^## ", text, flags=re.MULTILINE)
    return {name: rest.strip() for name, _, rest in (part.partition("\n") for part in parts)}


def _undated(where: str) -> str:
    return where.rpartition(" · ")[0]
