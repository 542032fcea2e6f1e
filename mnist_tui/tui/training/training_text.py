"""The texts of the training screen: a run's end, and the lines of the side panel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mnist_tui.report.result_words import score_difference
from mnist_tui.runs.diagnosis import Finding, headlines
from mnist_tui.runs.events import DeviceLoad, Gpu, computation
from mnist_tui.runs.state import RunState
from mnist_tui.runs.watch import BROKEN, RunSnapshot
from mnist_tui.settings import Glyphs
from mnist_tui.wording import counted, loss, percent, size, size_of

GRAVE = ("problem", "warning")
"""The severities of findings that are shown first."""


def outcome_lines(snapshot: RunSnapshot) -> list[str]:
    """Return lines about the end of a run and its scores, compared with the published ones; none while it is live."""
    if snapshot.live:
        return []
    ended, state = snapshot.run.ended, snapshot.state.capitalize()
    lines = [f"{state}: {snapshot.reason}" if snapshot.reason and snapshot.state != "finished" else f"{state}."]
    if ended is not None and ended.test_accuracy is not None:
        scores = f"test accuracy {percent(ended.test_accuracy)}, test loss {loss(ended.test_loss)}"
        if ended.macro_f1 is not None:
            scores += f", macro F1 {ended.macro_f1:.4f}"
        lines.append(scores)
    if ended is not None and ended.refused:
        lines.append(f"Not resumed: {ended.refused}")
    if len(lines) == 2 and len(lines[0]) <= len("Finished."):
        lines = [f"{lines[0].rstrip('.')}: {lines[1]}"]
    return lines + _published(snapshot)


def _published(snapshot: RunSnapshot) -> list[str]:
    """Return ``Published: test accuracy 97.62 % (ours −0.02 points), …``; nothing unless both have scores."""
    reference, ended = snapshot.reference, snapshot.run.ended
    if reference is None or ended is None or ended.test_accuracy is None:
        return []
    parts: list[str] = []
    for score, theirs, ours in (
        ("accuracy", reference.accuracy, ended.test_accuracy),
        ("loss", reference.loss, ended.test_loss),
    ):
        if theirs is not None:
            published = percent(theirs) if score == "accuracy" else loss(theirs)
            parts.append(f"{score} {published} ({'' if parts else 'ours '}{score_difference(score, ours, theirs)})")
    return [f"Published: test {', '.join(parts)}"] if parts else []


def side_lines(
    snapshot: RunSnapshot, width: int = 0, glyphs: Glyphs = "braille", findings: tuple[Finding, ...] = ()
) -> list[str]:
    """Return warnings and the end of a failed run's log, then data, model, device, checkpoint and mild findings.

    Args:
        width: characters of a line; the rest of a line shows the history of the device's load.
        findings: the run's diagnosis.
    """
    run, data, model = snapshot.run, snapshot.run.data, snapshot.run.model
    lines = [f"warning: {text}" for text in run.warnings]
    grave = tuple(finding for finding in findings if finding.severity in GRAVE)
    lines += headlines(grave)
    if snapshot.state in BROKEN:
        where = run.ended.where if run.ended else ""
        lines += [f"at {where}"] if where else []
        lines += ["last lines of the log:", *(snapshot.log or ("(it has none that tell of this)",))]
        lines.append(f"whole log: {snapshot.folder.log_file}")
    if data is not None:
        lines.append(f"{data.title}: {data.train:,} training, {data.test:,} test images")
    if (total := model.total if model else run.start.total if run.start else None) is not None:
        inputs = f"{counted(data.inputs, 'input')}, " if data else ""
        lines.append(f"{inputs}{counted(total, 'parameter')}")
    lines += device_lines(run, width, glyphs)
    if data is not None:
        held_out = f"{counted(data.validation, 'image')} held out"
        lines.append(f"validation: {held_out if data.validation else 'the test images'}")
    if model is not None:
        name = f" ({model.device_name})" if model.device_name else ""
        lines.append(f"on {model.device}{name}, {computation(model)}")
    if run.checkpoint is not None:
        steps = f", step {run.checkpoint.step} of the next" if run.checkpoint.step else ""
        lines.append(f"checkpoint: after epoch {run.checkpoint.epoch}{steps}")
    return lines + headlines(tuple(finding for finding in findings if finding not in grave))


BARS: dict[Glyphs, str] = {"braille": "▁▂▃▄▅▆▇█", "block": "▁▂▃▄▅▆▇█", "ascii": "_.:-=+*#"}
LONGEST_HISTORY = 30
GAP = " "
ROOMY = 44
"""Width from which on there is room for histories."""
HOTTEST = 100.0
"""Degrees Celsius at the top of a temperature's history."""


def spark(values: Sequence[float | None], top: float, width: int, glyphs: Glyphs = "braille") -> str:
    """Return the last `width` values as bars from 0 to `top`; an unknown value is a gap."""
    bars = BARS[glyphs]
    steps = len(bars) - 1
    shares = [None if value is None or top <= 0 else min(1.0, max(0.0, value / top)) for value in values[-width:]]
    return "".join(GAP if share is None else bars[round(share * steps)] for share in shares)


def device_lines(run: RunState, width: int = 0, glyphs: Glyphs = "braille") -> list[str]:
    """Return the load of the machine and of the worker; GPUs first.

    Args:
        width: characters of a line; if there is room, each reading has its own line, which ends with its history.
    """
    if run.load is None:
        return ["device load: not measured yet"]
    cpu, memory, worker_cpu, worker_memory = machine = _machine_readings(run.load, run.loads)
    if width < ROOMY:
        gpus = [gpu_line(gpu) for gpu in run.load.gpus] or ["no GPU seen"]
        return [*gpus, f"{cpu.text}, {memory.text}", f"{worker_cpu.text}, {worker_memory.text.removeprefix('worker ')}"]
    rows: list[DeviceReading] = []
    for gpu in run.load.gpus:
        readings = _gpu_readings(gpu, run.loads)
        rows.append(DeviceReading(f"GPU {gpu.index} {gpu.name}{'' if readings else ': NVML tells nothing'}"))
        rows += [replace(each, text=f"GPU {gpu.index} {each.text}") for each in readings]
    no_gpu = [] if rows else ["no GPU seen (`mnist-tui doctor` says why)"]
    rows += machine
    column = max(len(row.text) for row in rows if row.history) + 2
    room = max(0, min(LONGEST_HISTORY, width - column))
    histories = [spark(row.history, row.top, room, glyphs) for row in rows]
    return [row.text.ljust(column if row.history else 0) + bars for row, bars in zip(rows, histories, strict=True)] + no_gpu


def gpu_line(gpu: Gpu) -> str:
    """Return a line about a GPU, without the readings that NVML does not have."""
    texts = [reading.text.removeprefix("memory ") for reading in _gpu_readings(gpu, ())]
    return f"GPU {gpu.index} {gpu.name}: {', '.join(texts) or 'NVML tells nothing'}"


@dataclass(frozen=True)
class DeviceReading:
    """A reading of the device's load in words, and its history as bars from 0 to `top`."""

    text: str
    history: Sequence[float | None] = ()
    top: float = 0.0


def _gpu_readings(gpu: Gpu, loads: Sequence[DeviceLoad]) -> list[DeviceReading]:
    found = [next((each for each in load.gpus if each.index == gpu.index), None) for load in loads]

    def history(field: str) -> list[float | None]:
        return [each and getattr(each, field) for each in found]

    readings: list[DeviceReading] = []
    if gpu.utilization is not None:
        readings.append(DeviceReading(f"{gpu.utilization:.0f} % busy", history("utilization"), 100.0))
    if gpu.memory_used is not None:
        memory = f"memory {size_of(gpu.memory_used, gpu.memory_total)}"
        readings.append(DeviceReading(memory, history("memory_used"), float(gpu.memory_total or 0)))
    if gpu.temperature is not None:
        readings.append(DeviceReading(f"{gpu.temperature:.0f} °C", history("temperature"), HOTTEST))
    if gpu.power is not None:
        watts = history("power")
        readings.append(DeviceReading(f"{gpu.power:.0f} W", watts, max(filter(None, watts), default=0.0)))
    return readings


def _machine_readings(load: DeviceLoad, loads: Sequence[DeviceLoad]) -> list[DeviceReading]:
    memory, worker_memory = ([getattr(each, name) for each in loads] for name in ("memory_used", "worker_memory"))
    worker_cpu = f"worker {load.worker_cpu:.0f} % of one core"
    return [
        DeviceReading(f"CPU {load.cpu:.0f} % of {counted(load.cores, 'core')}", [each.cpu for each in loads], 100.0),
        DeviceReading(f"memory {size_of(load.memory_used, load.memory_total)}", memory, float(load.memory_total)),
        DeviceReading(worker_cpu, [each.worker_cpu for each in loads], 100.0 * load.cores),
        DeviceReading(f"worker memory {size(load.worker_memory)}", worker_memory, float(max(worker_memory))),
    ]
