"""The processor: its name, its vector instructions, and whether TensorFlow computes with oneDNN's kernels on it."""

from __future__ import annotations

import os
import platform
from collections.abc import Set
from contextlib import suppress
from pathlib import Path

from mnist_tui.runs.events import ModelBuilt

VECTOR_INSTRUCTIONS = (
    "avx avx2 fma avx512f avx_vnni avx512_vnni avx512_bf16 avx512_fp16 amx_tile amx_bf16 amx_int8 "
    "asimd asimddp bf16 i8mm sve sve2"
)
"""Linux's names of vector instructions, on x86 and on ARM."""
ONEDNN = "TF_ENABLE_ONEDNN_OPTS"
"""The variable by which TensorFlow, when it is imported, switches oneDNN's kernels on (1) or off (0)."""
NEEDED_BY_ONEDNN = {"avx2", "fma"}
TENSORFLOW_SWITCHES_ON = {"avx_vnni", "avx512_vnni", "avx512_bf16", "amx_tile", "amx_bf16", "amx_int8"}
"""Instructions of which one is enough for TensorFlow to switch oneDNN on by itself (its `IsMKLEnabled`)."""


def cpu_name() -> str:
    """Return the processor's name, or its architecture if the system does not know the name."""
    return _cpu_info("model name") or platform.processor() or platform.machine()


def cpu_features() -> str:
    """Return the processor's vector instructions that decide which kernels run (``avx2 avx512f fma``)."""
    available = (_cpu_info("flags") or _cpu_info("Features")).split()
    return " ".join(name for name in VECTOR_INSTRUCTIONS.split() if name in available)


def onednn_choice(features: Set[str], earlier: ModelBuilt | None) -> bool | None:
    """Return whether TensorFlow should compute with oneDNN's kernels; None to leave that to TensorFlow.

    They make convolutions about three times faster. TensorFlow itself uses them only on processors with instructions
    for neural networks; a new run uses them wherever the processor has AVX2 and FMA.

    Args:
        features: the processor's vector instructions, as `cpu_features` names them.
        earlier: the model as an earlier session of a resumed run built it. The run keeps its kernels, so that its
            bits stay the same; a run of a version that did not record them had TensorFlow's choice.
    """
    if not features >= NEEDED_BY_ONEDNN:
        return None
    if earlier is None:
        return True
    return bool(features & TENSORFLOW_SWITCHES_ON) if earlier.onednn is None else earlier.onednn


def choose_onednn(earlier: ModelBuilt | None = None) -> None:
    """Set the variable for `onednn_choice` before TensorFlow is imported, unless the user or a session has set it."""
    choice = onednn_choice(set(cpu_features().split()), earlier)
    if choice is not None:
        os.environ.setdefault(ONEDNN, str(int(choice)))


def onednn() -> bool | None:
    """Return whether TensorFlow was imported with oneDNN's kernels; None where that was left to TensorFlow."""
    value = os.environ.get(ONEDNN, "").strip().lower()
    return value in {"1", "true"} if value else None


def _cpu_info(key: str) -> str:
    with suppress(OSError):
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
        lines = (line.partition(":") for line in text.splitlines())
        return next((value.strip() for name, _, value in lines if name.strip() == key), "")
    return ""
