"""The device panel in lines: GPUs by NVML, CPU and memory, the worker's own share, model and data."""

from __future__ import annotations

from mnist_tui.report.wording import computation, size
from mnist_tui.runs.events import DeviceLoad, Gpu
from mnist_tui.runs.state import RunState
from mnist_tui.tui.quantities import used_of


def device_lines(run: RunState) -> list[str]:
    """How loaded the machine is and what of that is the worker, one fact a line; GPUs first."""
    if run.load is None:
        return ["device load: not measured yet"]
    return [gpu_line(gpu) for gpu in run.load.gpus] + machine_lines(run.load)


def gpu_line(gpu: Gpu) -> str:
    """One GPU; what NVML does not tell is left out."""
    parts: list[str] = []
    if gpu.utilization is not None:
        parts.append(f"{gpu.utilization:.0f} % busy")
    if gpu.memory_used is not None:
        parts.append(used_of(gpu.memory_used, gpu.memory_total))
    if gpu.temperature is not None:
        parts.append(f"{gpu.temperature:.0f} °C")
    if gpu.power is not None:
        parts.append(f"{gpu.power:.0f} W")
    return f"GPU {gpu.index} {gpu.name}: {', '.join(parts) or 'NVML tells nothing'}"


def machine_lines(load: DeviceLoad) -> list[str]:
    """CPU and memory of the machine, and of the worker."""
    cores = f"{load.cores} core{'s' if load.cores != 1 else ''}"
    return [
        f"CPU {load.cpu:.0f} % of {cores}, memory {used_of(load.memory_used, load.memory_total)}",
        f"worker {load.worker_cpu:.0f} % of one core, memory {size(load.worker_memory)}",
    ]


def data_line(run: RunState) -> str:
    """``MNIST: 60,000 training, 10,000 test images``."""
    data = run.data
    return f"{data.title}: {data.train:,} training, {data.test:,} test images" if data else ""


def validation_line(run: RunState) -> str:
    """What plays validation."""
    data = run.data
    if data is None:
        return ""
    return f"validation: {data.validation:,} images held out" if data.validation else "validation: the test images"


def model_line(run: RunState) -> str:
    """``784 inputs, 198,760 parameters``."""
    total = run.model.total if run.model else (run.start.total if run.start else None)
    inputs = f"{run.data.inputs:,} inputs, " if run.data else ""
    return f"{inputs}{total:,} parameters" if total is not None else ""


def place_line(run: RunState) -> str:
    """``on CPU:0 (Intel Xeon), xla program in float32, 8 threads``."""
    model = run.model
    if model is None:
        return ""
    return f"on {model.device}{f' ({model.device_name})' if model.device_name else ''}, {computation(model)}"
