"""The texts of a run's details on the results screen: its times, its data and platform, and the settings it had."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from textual.content import Content

from mnist_tui.experiment.parameters import PARAMETERS
from mnist_tui.experiment.preset_files import PresetError
from mnist_tui.experiment.presets import Preset, find_preset
from mnist_tui.runs.collection.summaries import difference
from mnist_tui.runs.times import REST, REST_WORDS, RunTimes, parts_of
from mnist_tui.settings import Glyphs
from mnist_tui.tui.widgets.text import bar_texts
from mnist_tui.wording import count, grouped, seconds

TIME_BAR, LEAST_TIME = 20, 0.005
"""Columns of a bar that shows a part of the total time, and the seconds from which a part is listed."""
PLATFORM = {"device": "Device", "cpu": "CPU", "python": "Python", "tensorflow": "TensorFlow", "keras": "Keras"}
RUN_FACTS = (
    *("Run", "State", "Origin", "Sources", "Notes", "Data"),
    *(*PLATFORM.values(), "Warning", "Folder", "Train again", "Command"),
)
"""The names of the facts about a run, in their order."""
UNUSED = {"", "none", "off", "0"}
"""Values of parameters that change nothing; only the seed can be 0 and have an effect."""


def timing_lines(doc: Mapping[str, Any], glyphs: Glyphs) -> list[Content]:
    """Return the duration of each part of the run with a bar for its share of the total, and the speed of training."""
    times = RunTimes(**doc["times"])
    parts = {name: value for name, value in parts_of(times, doc["timings"] or {}).items() if value >= LEAST_TIME}
    rows: list[tuple[str, str, float | None]] = [(name, seconds(value), value) for name, value in parts.items()]
    rows += [("Total", seconds(times.total), None)] if times.total is not None else []
    if times.images_per_second is not None:
        rows.append(("Training images/s", count(round(times.images_per_second)), None))
    label = max((len(name) for name, _, _ in rows), default=0)
    number = max((len(text) for _, text, _ in rows), default=0)
    lines: list[Content] = []
    for name, text, value in rows:
        full, rest = bar_texts(value / times.total, TIME_BAR, glyphs) if value and times.total else ("", "")
        bar = (f"  {full}", "$primary"), (rest, "$foreground 20%")
        lines.append(Content.assemble((f"{name:<{label}}", "$text-muted"), f"  {text:>{number}}", *bar))
    if REST in parts:
        lines.append(Content.styled(f"{REST}: {REST_WORDS}", "$text-muted"))
    return lines


def run_facts(doc: Mapping[str, Any]) -> dict[str, str]:
    """Return the run's data, platform, folder and command, by the names in RUN_FACTS."""
    data, platform = doc["dataset"] or {}, doc["platform"] or {}
    reason = f": {doc['reason']}" if doc["reason"] else ""
    facts = {"Run": doc["run"], "State": f"{doc['state']}{reason}"}
    if data:
        training = f"{count(data['train'])} training, " if data["train"] else ""
        facts["Data"] = f"{data['title']}: {training}{count(data['test'])} test images"
    if origin := doc["origin"]:
        facts["Origin"] = origin["words"]
        facts["Sources"] = ", ".join(source["name"] for source in origin["sources"])
        facts["Notes"] = "\n".join(origin["notes"])
    facts |= {name: platform[key] for key, name in PLATFORM.items() if isinstance(platform.get(key), str)}
    facts["Warning"] = "\n".join(doc["warnings"])
    return facts | {"Folder": doc["folder"], "Command" if origin else "Train again": doc["command"]}


def setting_lines(preset: Preset) -> list[Content]:
    """Return the parameters that a run was trained with, one a line; those that differ from its preset are marked.

    Args:
        preset: the run's own experiment, under the name of its preset.
    """
    experiment = preset.experiment
    try:
        planned = find_preset(preset.name).experiment
    except PresetError:
        planned = None
    name = f"{preset.name}, which is not there any more"
    if planned is not None:
        name = f"{preset.name}, {difference(planned, experiment) or 'unchanged'}"
    rows: list[tuple[str, str, str]] = []
    for parameter in PARAMETERS:
        text = parameter.read(experiment)
        before = text if planned is None else parameter.read(planned)
        if text != before or text not in UNUSED or parameter.name == "seed":
            rows.append((parameter.label, grouped(text) or "none", grouped(before or "none") if text != before else ""))
    label = max(len(name) for name, _, _ in rows)
    value = max((len(text) for _, text, before in rows if before), default=0)
    lines = [Content.assemble((f"{'Preset':<{label}}  ", "$text-muted"), name)]
    for name, text, before in rows:
        mark = (text, "bold $accent") if before else text
        note = f"{' ' * (value - len(text))}   preset: {before}" if before else ""
        lines.append(Content.assemble((f"{name:<{label}}  ", "$text-muted"), mark, (note, "$text-muted")))
    return lines
