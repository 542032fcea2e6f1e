"""`doctor --train`: compare the training on a device with plain Keras, and print the results as a table or as JSON.

The comparison itself is computed in a worker process (`training/self_check.py`); here its messages become text.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import typer

from mnist_tui import PROGRAM
from mnist_tui.cli.errors import FAILED, WorkFailedError
from mnist_tui.cli.output import (
    TextColumn,
    fitted,
    print_json,
    print_line,
    print_note,
    print_table,
    stdout_width,
    table_of,
    wrapped,
)
from mnist_tui.runs.processor import ONEDNN
from mnist_tui.runs.worker_jobs import JobError, check_device
from mnist_tui.wording import DASH, counted, listed, percent, seconds, size

Document = dict[str, Any]


def self_check(device: str, data_dir: Path | None, *, as_json: bool) -> None:
    """Compare the training on a device with plain Keras and print the results; progress goes to stderr.

    Args:
        device: auto, cpu, gpu or gpu:N.

    Raises:
        JobError: the device does not exist, or data cannot be used.
        WorkFailedError: the worker failed.
        typer.Exit: some program disagrees with plain Keras.
    """
    began = time.perf_counter()
    doc: Document = {"starters": []}
    print_note("starting TensorFlow; the check takes about a minute …")
    try:
        with closing(check_device(device, data_dir)) as messages:
            for message in messages:
                if "progress" in message:
                    print_note(f"{message['progress']} …")
                elif "starter" in message:
                    doc["starters"].append(message["starter"])
                else:
                    doc.update(message)
    except JobError as error:
        if error.refused:
            raise
        raise WorkFailedError(str(error)) from None
    doc |= {"findings": list(_findings(doc)), "seconds": time.perf_counter() - began}
    if as_json:
        print_json({"agrees": not doc["findings"], **doc})
    else:
        _print_text(doc)
    if doc["findings"]:
        raise typer.Exit(FAILED)


def _print_text(doc: Document) -> None:
    starters, tolerances = doc["starters"], doc["tolerances"]
    for line in _head(doc):
        print_line(wrapped(line, stdout_width()))
    print_line()
    gpu = doc["device"]["name"].startswith("GPU")
    print_table(table_of(fitted(_columns(starters, gpu=gpu), stdout_width())))
    print_line()
    explained = (
        f"Loss difference: the largest between the mean losses of the same step; up to {tolerances['loss']:g} is "
        "accepted as rounding. Plain Keras: its layers called one by one on the CPU, without `fit`."
    )
    print_line(wrapped(explained, stdout_width()))
    for line in (*_notes(starters), *doc["findings"]):
        print_line(wrapped(line, stdout_width()))
    if not doc["findings"]:
        print_line("The programs train as plain Keras does.")


def _head(doc: Document) -> Iterator[str]:
    """Yield lines about the device, how it computes, and the data."""
    device, starters = doc["device"], doc["starters"]
    driver = f", driver {device['driver']}" if device["driver"] else ""
    yield (
        f"Device: {device['name']}, {device['hardware']}{driver}; {counted(device['threads'], 'processor thread')}; "
        f"TensorFlow {device['tensorflow']}, Keras {device['keras']}"
    )
    precisions = listed(list(dict.fromkeys(starter["precision"] for starter in starters)))
    parts = [precisions]
    if device["tf32"] is not None:
        parts.append(f"TensorFloat-32 {_on(device['tf32'])}")
        parts.append(f"deterministic kernels {_on(all(starter['deterministic'] for starter in starters))}")
    onednn = "left to TensorFlow" if device["onednn"] is None else _on(device["onednn"])
    yield f"Computation: {', '.join(parts)}; oneDNN {onednn} (processor: {device['cpu_features'] or 'unknown'})"
    largest = max(starter["batch_size"] for starter in starters)
    steps = counted(starters[0]["steps"], "step")
    yield f"Training: {steps} of each starter, in batches of at most {counted(largest, 'image')}"
    for title in dict.fromkeys(starter["dataset"] for starter in starters):
        trained = [starter for starter in starters if starter["dataset"] == title]
        images = counted(trained[0]["images"], "training image")
        tested = counted(trained[0]["test_images"], "test image")
        yield f"Data of {listed([starter['preset'] for starter in trained])}: {title}, {images}, {tested}"


def _on(value: bool) -> str:
    return "on" if value else "off"


def _columns(starters: list[Document], *, gpu: bool) -> list[TextColumn]:
    """Return the table's columns; in a narrow terminal the batch sizes, memory and first steps are left out first."""
    rows = list[tuple[str, ...]]()
    for starter in starters:
        keras = (starter["preset"], "plain Keras", f"{starter['batch_size']:,}", "", *_measured(starter["keras"]))
        rows.append((*keras, "", "", ""))
        for program in starter["programs"]:
            name = f"{'✓' if program['agrees'] else '✗'} {program['program']}{' (a run)' if program['of_run'] else ''}"
            load = _unit(program["gpu_utilization"], "%"), _unit(program["gpu_power"], "W")
            measured = _difference(program["loss_difference"]), *_measured(program)
            rows.append(("", name, "", *measured, size(program["memory"]), *load))
    titles = {
        **{"starter": 0, "trained by": 0, "batch": 1, "loss difference": 0, "accuracy": 0, "images/s": 0},
        **{"first step": 3, "memory": 2},
        **({"GPU load": 4, "power": 5} if gpu else {}),
    }
    cells = zip(*rows, strict=True)
    return [
        TextColumn(title, column, right=at > 1, need=need)
        for at, ((title, need), column) in enumerate(zip(titles.items(), cells, strict=False))
    ]


def _measured(of: Document) -> tuple[str, str, str]:
    return percent(of["accuracy"]), f"{of['images_per_second']:,.0f}", seconds(of["first_step_seconds"])


def _difference(value: float | None) -> str:
    return "not finite" if value is None else f"{value:.1e}"


def _unit(value: float | None, unit: str) -> str:
    return DASH if value is None else f"{value:.0f} {unit}"


def _notes(starters: list[Document]) -> Iterator[str]:
    """Yield notes about data that are missing, and about differences that TensorFloat-32 explains."""
    if replaced := [starter["preset"] for starter in starters if starter["sample"]]:
        yield (
            f"Note: the data of {listed(replaced)} are not on this machine, so the bundled digits took their place; "
            f"`{PROGRAM} data get mnist` (or fashion-mnist) downloads them."
        )
    for starter in starters:
        for program in starter["programs"]:
            if program["agrees"] and program["without_tf32"] is not None:
                yield (
                    f"Note: {starter['preset']} with {program['program']}: the larger difference comes from "
                    f"TensorFloat-32's rounding; without it, it is {_difference(program['without_tf32'])}."
                )


def _findings(doc: Document) -> Iterator[str]:
    """Yield a sentence for each program that disagrees with plain Keras, and then what to do about it."""
    device, tolerances = doc["device"], doc["tolerances"]
    checks = [(starter["preset"], program) for starter in doc["starters"] for program in starter["programs"]]
    for preset, program in checks:
        difference = program["loss_difference"]
        if program["agrees"]:
            continue
        if difference is None:
            what = "a loss is not a finite number"
        elif difference > tolerances["loss"]:
            what = f"the losses differ by up to {difference:.2g}"
        else:
            what = f"the accuracies differ by more than {percent(tolerances['accuracy'], 0)}"
        yield f"{preset} with {program['program']} on {device['name']} does not train as plain Keras does: {what}"
    wrong = {program["program"] for _, program in checks if not program["agrees"]}
    if not wrong:
        return
    name = device["name"].lower().removesuffix(":0")
    if name.startswith("gpu"):
        driver = f" (now {device['driver']})" if device["driver"] else ""
        yield f"→ update NVIDIA's driver{driver} and check again; until the losses agree, train with --device cpu"
    elif device["onednn"]:
        yield f"→ check again with {ONEDNN}=0, which switches oneDNN's kernels off"
    for right in {program["program"] for _, program in checks} - wrong:
        yield f"→ until the losses agree, train with --set training.program={right}"
    command = f"{PROGRAM} doctor --train --device {name} --json"
    yield f"→ if they still disagree, report it to the authors of {PROGRAM} with the output of `{command}`"
