"""The load of the machine and of a run's worker: a bar, a value and a short history for each reading."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from rich.segment import Segment
from textual.strip import Strip

from mnist_tui.runs.events import DeviceLoad, Gpu
from mnist_tui.settings import Glyphs
from mnist_tui.tui.widgets.text import DrawnWidget, bar_texts
from mnist_tui.wording import counted, size, size_of

Level = Literal["light", "medium", "heavy"]
MEDIUM, HEAVY = 0.6, 0.9
"""Shares of a full load from which it counts as medium and as heavy."""
HISTORY = 12
"""Characters of a history."""
ROOMY = 54
"""Columns from which there is a history."""
GAP = 2
LEAST_COLUMN, LEAST_FULL = 20, 40
BARS: dict[Glyphs, str] = {"braille": "", "block": "▁▂▃▄▅▆▇█", "ascii": "_.:-=+*#"}
DOTS = ((0x40, 0x44, 0x46, 0x47), (0x80, 0xA0, 0xB0, 0xB8))
"""The dots of a braille character for one to four filled rows, for its left and its right column."""


@dataclass(frozen=True)
class LoadReading:
    """One reading of the load.

    Attributes:
        value: the reading with its unit; `short` is the same in fewer characters.
        share: its share of the most possible, 0 to 1; None for a line without a bar.
        history: earlier shares and this one, oldest first.
    """

    name: str
    value: str
    short: str = ""
    share: float | None = None
    history: tuple[float | None, ...] = ()

    @property
    def level(self) -> Level:
        share = self.share or 0.0
        return "heavy" if share >= HEAVY else "medium" if share >= MEDIUM else "light"


def readings(loads: Sequence[DeviceLoad]) -> list[LoadReading]:
    """Return the readings of the newest load, GPUs first, with their histories."""
    if not loads:
        return []
    return [reading for gpu in loads[-1].gpus for reading in _gpu_readings(gpu, loads)] + _machine_readings(loads)


def _share(part: float | None, whole: float | None) -> float | None:
    return None if part is None or not whole else max(0.0, min(1.0, part / whole))


def _gpu_readings(gpu: Gpu, loads: Sequence[DeviceLoad]) -> Iterator[LoadReading]:
    """Yield the GPU's name with temperature and power, then the readings that NVML has."""
    same = [next((each for each in load.gpus if each.index == gpu.index), None) for load in loads]
    name = f"GPU {gpu.index}"
    facts = [f"{gpu.temperature:.0f} °C"] if gpu.temperature is not None else []
    facts += [f"{gpu.power:.0f} W"] if gpu.power is not None else []
    is_mute = not facts and gpu.utilization is None and gpu.memory_used is None
    yield LoadReading(f"{name}  {gpu.name}", ", ".join(facts) or ("NVML tells nothing" if is_mute else ""))
    if gpu.utilization is not None:
        busy = tuple(each and _share(each.utilization, 100.0) for each in same)
        value = f"{gpu.utilization:.0f} %"
        yield LoadReading(name, f"{value} busy", value, busy[-1], busy)
    if gpu.memory_used is not None:
        used = tuple(each and _share(each.memory_used, each.memory_total) for each in same)
        value = size_of(gpu.memory_used, gpu.memory_total)
        yield LoadReading(f"{name} memory", value, size(gpu.memory_used), used[-1], used)


def _machine_readings(loads: Sequence[DeviceLoad]) -> list[LoadReading]:
    load = loads[-1]
    cpu, memory, worker_cpu, worker_memory = (
        tuple(_share(part, whole) for part, whole in pairs)
        for pairs in (
            [(each.cpu, 100.0) for each in loads],
            [(each.memory_used, each.memory_total) for each in loads],
            [(each.worker_cpu, 100.0 * each.cores) for each in loads],
            [(each.worker_memory, each.memory_total) for each in loads],
        )
    )
    cores, busy = counted(load.cores, "core"), f"{load.worker_cpu / 100:.1f}"
    own = size_of(load.worker_memory, load.memory_total)
    return [
        LoadReading("CPU", f"{load.cpu:.0f} % of {cores}", f"{load.cpu:.0f} %", cpu[-1], cpu),
        LoadReading("Training", f"{busy} of {cores}", f"{busy} of {load.cores}", worker_cpu[-1], worker_cpu),
        LoadReading("Memory", size_of(load.memory_used, load.memory_total), size(load.memory_used), memory[-1], memory),
        LoadReading("Training memory", own, size(load.worker_memory), worker_memory[-1], worker_memory),
    ]


def history_text(shares: Sequence[float | None], width: int, glyphs: Glyphs) -> str:
    """Return the last shares as small columns in one line, two to a character in braille; an unknown one is a gap."""
    bars = BARS[glyphs]
    if bars:
        texts = [" " if share is None else bars[round(share * (len(bars) - 1))] for share in shares[-width:]]
        return "".join(texts).rjust(width)
    padded = [*[None] * (2 * width), *shares][-2 * width :]
    dots = [0 if share is None else DOTS[at % 2][min(3, int(4 * share))] for at, share in enumerate(padded)]
    return "".join(chr(0x2800 + left + right) for left, right in zip(dots[::2], dots[1::2], strict=True))


class DeviceLoads(DrawnWidget):
    """The readings of the device's load, each with a bar; in two columns and shortened where there is little room."""

    HELP = """
    **Device.** The load while the run trains: the whole machine, and this training alone. A bar is green below
    60 %, amber from there, red from 90 %. The small columns behind it are the last readings.
    """
    COMPONENT_CLASSES = {
        "device--name",
        "device--light",
        "device--medium",
        "device--heavy",
        "device--rest",
        "device--history",
    }
    DEFAULT_CSS = """
    DeviceLoads {
        height: 1fr;
        & > .device--name, & > .device--history { color: $text-muted; }
        & > .device--light { color: $success; }
        & > .device--medium { color: $warning; }
        & > .device--heavy { color: $error; }
        & > .device--rest { color: $foreground 25%; }
    }
    """
    _readings: Sequence[LoadReading] = ()

    def show(self, loads: Sequence[DeviceLoad]) -> None:
        """Show the newest of these loads, with the others as its history."""
        self._readings = readings(loads)
        self.draw()

    def strips(self) -> list[Strip]:
        width, height = self.size
        if not self._readings:
            return [Strip([Segment("Not measured yet.", self.component_style("device--name"))])]
        if len(self._readings) <= height:
            return self._rows(self._readings, width, short=False)
        bars = [reading for reading in self._readings if reading.share is not None] or self._readings
        if len(bars) <= height + 1 or width < 2 * LEAST_COLUMN + GAP:
            return self._rows(bars[:height], width, short=width < LEAST_FULL)
        column = (width - GAP) // 2
        halves = [self._rows(half, column, short=True) for half in (bars[::2], bars[1::2])]
        blank = Strip([Segment(" " * GAP, self.rich_style)])
        rest = Strip.blank(column, self.rich_style)
        rights = [*halves[1], *[rest] * (len(halves[0]) - len(halves[1]))]
        return [Strip.join([left, blank, right]) for left, right in zip(halves[0], rights, strict=True)]

    def _rows(self, shown: Sequence[LoadReading], width: int, *, short: bool) -> list[Strip]:
        glyphs = self.app.settings.glyphs
        bars = [reading for reading in shown if reading.share is not None]
        names = [reading.name.replace(" memory", " mem.") if short else reading.name for reading in shown]
        name = max((len(text) for text, each in zip(names, shown, strict=True) if each in bars), default=0)
        values = [reading.short if short else reading.value for reading in shown]
        value = max((len(text) for text, each in zip(values, shown, strict=True) if each in bars), default=0)
        history = 0 if short or width < ROOMY else HISTORY
        room = max(0, width - name - value - 2 - (history + 1 if history else 0))
        rows: list[Strip] = []
        for reading, label, text in zip(shown, names, values, strict=True):
            if reading.share is None:
                line = f"{label}{text:>{max(0, width - len(label))}}"[:width]
                rows.append(Strip([Segment(line, self.component_style("device--name"))]))
                continue
            level = self.component_style(f"device--{reading.level}")
            full, rest = bar_texts(reading.share, room, glyphs)
            parts = [
                Segment(f"{label:<{name}} ", self.component_style("device--name")),
                Segment(full, level),
                Segment(rest, self.component_style("device--rest")),
                Segment(f" {text:>{value}}", self.rich_style),
            ]
            if history:
                parts.append(Segment(f" {history_text(reading.history, history, glyphs)}", level))
            rows.append(Strip(parts).crop(0, width))
        return rows
