"""Where a run was trained: device, machine, versions, time; and how it runs again."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime

from mnist_tui.report.contents.grid import Facts
from mnist_tui.report.evidence import Evidence
from mnist_tui.runs.events import computation
from mnist_tui.wording import DASH, counted, in_utc, size

RERUN_COMMAND = shlex.join(["mnist-tui", "train", "--preset", "experiment.toml"])
"""The command that trains the experiment of `experiment.toml` in the folder where it is typed."""


def platform_facts(evidence: Evidence) -> Facts:
    """Device, computation, machine and versions, weights and run."""
    known = evidence.document["platform"] or {}
    versions = {name: version for name, version in (known.get("versions") or {}).items() if version}
    model, folder = evidence.state.model, evidence.folder
    device = model.device_name or model.device if model else known.get("device_name") or known.get("device") or DASH
    on = f" ({model.device})" if model else ""
    machine = [known.get("cpu"), counted(known["cores"], "core") if known.get("cores") else None, known.get("machine")]
    return [
        ("Device used", f"{device}{on}"),
        ("Computation", ", ".join(filter(None, (computation(model), model.cpu_features))) if model else DASH),
        ("Processor", ", ".join(str(part) for part in machine if part) or DASH),
        ("Memory", size(known["memory"]) if known.get("memory") else DASH),
        ("Operating system", str(known.get("os") or DASH)),
        ("Python", str(known.get("python") or DASH)),
        ("TensorFlow", versions.pop("tensorflow", "") or (model.tensorflow if model else "") or DASH),
        ("Keras", versions.pop("keras", "") or (model.keras if model else "") or DASH),
        *versions.items(),
        ("Weights", f"{folder.id}/{folder.model_file.name}" if folder.model_file.exists() else "none saved"),
        ("Run", folder.id),
        ("Timestamp", in_utc(datetime.fromtimestamp(evidence.created, UTC)) if evidence.created is not None else DASH),
    ]
