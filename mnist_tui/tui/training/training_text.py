"""The texts of the training screen: how a run ended, and the lines of its side panel."""

from __future__ import annotations

from collections.abc import Callable, Sequence

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
    """Return a few lines about how the run ended, with published scores; empty while it lives."""
    if snapshot.live:
        return []
    ended = snapshot.run.ended
    word = snapshot.state.capitalize()
    lines = [f"{word}: {snapshot.reason}" if snapshot.reason and snapshot.state != "finished" else f"{word}."]
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
    """``Published: test accuracy 97.62 % (ours −0.02 points), …``; none where nothing was, or there is none of ours."""
    reference, ended = snapshot.reference, snapshot.run.ended
    if reference is None or ended is None or ended.test_accuracy is None:
        return []
    parts: list[str] = []
    for score, theirs, ours in (
        ("accuracy", reference.accuracy, ended.test_accuracy),
        ("loss", reference.loss, ended.test_loss),
    ):
        if theirs is not None:
            told = percent(theirs) if score == "accuracy" else loss(theirs)
            parts.append(f"{score} {told} ({'' if parts else 'ours '}{score_difference(score, ours, theirs)})")
    return [f"Published: test {', '.join(parts)}"] if parts else []


def side_lines(
    snapshot: RunSnapshot, width: int = 0, glyphs: Glyphs = "braille", findings: tuple[Finding, ...] = ()
) -> list[str]:
    """Return warnings and the end of a failed run's log, then data, model, device, checkpoint and mild findings.

    Args:
        width: characters of a line; histories of the load take the rest of a line.
        findings: the run's diagnosis.
    """
    run = snapshot.run
    lines = [f"warning: {text}" for text in run.warnings]
    grave = tuple(finding for finding in findings if finding.severity in GRAVE)
    lines += headlines(grave)
    if snapshot.state in BROKEN:
        where = run.ended.where if run.ended else ""
        lines += [f"at {where}"] if where else []
        lines += ["last lines of the log:", *(snapshot.log or ("(it has none that tell of this)",))]
        lines.append(f"whole log: {snapshot.folder.log_file}")
    lines += [line for line in (data_line(run), model_line(run)) if line]
    lines += device_lines(run, width, glyphs)
    lines += [line for line in (validation_line(run), place_line(run)) if line]
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
    if width < ROOMY:
        return [*([gpu_line(gpu) for gpu in run.load.gpus] or ["no GPU seen"]), *machine_lines(run.load)]
    gpus = [line for gpu in run.load.gpus for line in _gpu_rows(gpu, run.loads)]
    none = [] if gpus else [("no GPU seen (`mnist-tui doctor` says why)", [], 0.0)]
    return _with_histories([*gpus, *_machine_rows(run.load, run.loads), *none], width, glyphs)


def gpu_line(gpu: Gpu) -> str:
    """Return a line about a GPU, without the readings that NVML does not have."""
    parts: list[str] = []
    if gpu.utilization is not None:
        parts.append(f"{gpu.utilization:.0f} % busy")
    if gpu.memory_used is not None:
        parts.append(size_of(gpu.memory_used, gpu.memory_total))
    if gpu.temperature is not None:
        parts.append(f"{gpu.temperature:.0f} °C")
    if gpu.power is not None:
        parts.append(f"{gpu.power:.0f} W")
    return f"GPU {gpu.index} {gpu.name}: {', '.join(parts) or 'NVML tells nothing'}"


def machine_lines(load: DeviceLoad) -> list[str]:
    """Return lines about CPU and memory of the machine and of the worker."""
    return [
        f"CPU {load.cpu:.0f} % of {counted(load.cores, 'core')}, memory {size_of(load.memory_used, load.memory_total)}",
        f"worker {load.worker_cpu:.0f} % of one core, memory {size(load.worker_memory)}",
    ]


DeviceFact = tuple[str, Sequence[float | None], float]
"""A fact in words, its history, and the value at the top of that."""


def _gpu_rows(gpu: Gpu, loads: Sequence[DeviceLoad]) -> list[DeviceFact]:
    """One GPU's facts and their histories."""

    def history(of: Callable[[Gpu], float | None]) -> list[float | None]:
        found = ([each for each in load.gpus if each.index == gpu.index] for load in loads)
        return [of(each[0]) if each else None for each in found]

    rows: list[DeviceFact] = []
    name = f"GPU {gpu.index}"
    if gpu.utilization is not None:
        rows.append((f"{name} {gpu.utilization:.0f} % busy", history(lambda each: each.utilization), 100.0))
    if gpu.memory_used is not None:
        memory = f"{name} memory {size_of(gpu.memory_used, gpu.memory_total)}"
        rows.append((memory, history(lambda each: each.memory_used), float(gpu.memory_total or 0)))
    if gpu.temperature is not None:
        rows.append((f"{name} {gpu.temperature:.0f} °C", history(lambda each: each.temperature), HOTTEST))
    if gpu.power is not None:
        watts = history(lambda each: each.power)
        rows.append((f"{name} {gpu.power:.0f} W", watts, max((each for each in watts if each), default=0.0)))
    return [(f"{name} {gpu.name}{'' if rows else ': NVML tells nothing'}", [], 0.0), *rows]


def _machine_rows(load: DeviceLoad, loads: Sequence[DeviceLoad]) -> list[DeviceFact]:
    worker_memory = [each.worker_memory for each in loads]
    return [
        (f"CPU {load.cpu:.0f} % of {counted(load.cores, 'core')}", [each.cpu for each in loads], 100.0),
        (
            f"memory {size_of(load.memory_used, load.memory_total)}",
            [each.memory_used for each in loads],
            float(load.memory_total),
        ),
        (f"worker {load.worker_cpu:.0f} % of one core", [each.worker_cpu for each in loads], 100.0 * load.cores),
        (f"worker memory {size(load.worker_memory)}", worker_memory, float(max(worker_memory))),
    ]


def _with_histories(rows: Sequence[DeviceFact], width: int, glyphs: Glyphs) -> list[str]:
    column = max(len(text) for text, history, _ in rows if history) + 2
    room = max(0, min(LONGEST_HISTORY, width - column))
    return [text.ljust(column) + spark(history, top, room, glyphs) if history else text for text, history, top in rows]


def data_line(run: RunState) -> str:
    """``MNIST: 60,000 training, 10,000 test images``."""
    data = run.data
    return f"{data.title}: {data.train:,} training, {data.test:,} test images" if data else ""


def validation_line(run: RunState) -> str:
    """Return where the validation data come from: images held out of the training set, or the test images."""
    data = run.data
    if data is None:
        return ""
    return (
        f"validation: {counted(data.validation, 'image')} held out"
        if data.validation
        else "validation: the test images"
    )


def model_line(run: RunState) -> str:
    """``784 inputs, 198,760 parameters``."""
    total = run.model.total if run.model else (run.start.total if run.start else None)
    inputs = f"{counted(run.data.inputs, 'input')}, " if run.data else ""
    return f"{inputs}{counted(total, 'parameter')}" if total is not None else ""


def place_line(run: RunState) -> str:
    """``on CPU:0 (Intel Xeon), xla program in float32, 8 threads``."""
    model = run.model
    if model is None:
        return ""
    return f"on {model.device}{f' ({model.device_name})' if model.device_name else ''}, {computation(model)}"
