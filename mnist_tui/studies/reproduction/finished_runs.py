"""Find the runs that count for a published experiment: finished, of full length, on the published data."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mnist_tui.data.catalogue import KNOWN
from mnist_tui.errors import RunError
from mnist_tui.experiment.presets import PresetError, mathematics
from mnist_tui.experiment.spec import Experiment
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.library import run_folders

PACKAGES = ("tensorflow", "keras", "mnist-tui")


@dataclass(frozen=True, order=True)
class Machine:
    """The machine that a run was computed on, without a name that would identify its owner.

    Attributes:
        memory: in GB (10⁹ bytes).
        versions: of PACKAGES, where they were recorded.
    """

    cpu: str
    cores: int
    memory: int
    os: str
    python: str
    versions: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class FinishedRun:
    """A run that counts.

    Attributes:
        accuracy, loss: of the test set.
        seconds: from the reading of the data to the end of the evaluation.
        training: how many of these seconds were spent in epochs.
        device: TensorFlow's name for its kind, or the name of the GPU.
        threads: None where they were not recorded.
        created: seconds since the Unix epoch.
    """

    run: str
    seed: int
    accuracy: float
    loss: float
    seconds: float
    training: float
    epochs: int
    device: str
    threads: int | None
    machine: Machine
    created: float


FinishedRuns = Mapping[Experiment, Mapping[int, FinishedRun]]
"""By experiment (without its seed), then by seed."""
DivergedSeeds = Mapping[Experiment, Collection[int]]
"""Seeds, by experiment (without its seed)."""


def find_finished_runs(runs_dir: Path, wanted: Collection[Experiment]) -> FinishedRuns:
    """Find the newest run that counts, for each experiment and seed; folders that cannot be read are skipped.

    Args:
        wanted: experiments without their seeds, as `presets.mathematics` returns them.
    """
    among = set(wanted)
    found: dict[Experiment, dict[int, FinishedRun]] = {}
    for folder in run_folders(runs_dir):
        try:
            read = _read(folder, among)
        except (RunError, PresetError, TypeError, ValueError, KeyError):
            continue
        if read is None:
            continue
        experiment, done = read
        seeds = found.setdefault(experiment, {})
        before = seeds.get(done.seed)
        if before is None or (before.created, before.run) < (done.created, done.run):
            seeds[done.seed] = done
    return found


def find_diverged_seeds(runs_dir: Path, wanted: Collection[Experiment]) -> DivergedSeeds:
    """Find the seeds whose training diverged on the published data; trained again, they would diverge again.

    Args:
        wanted: experiments without their seeds, as `presets.mathematics` returns them.
    """
    among = set(wanted)
    found: dict[Experiment, set[int]] = {}
    for folder in run_folders(runs_dir):
        try:
            if folder.state() != "diverged":
                continue
            results, preset = folder.results() or {}, folder.preset()
            experiment = mathematics(preset.experiment)
            if experiment in among and _published_data(results.get("dataset") or {}, experiment):
                found.setdefault(experiment, set()).add(preset.experiment.training.seed)
        except (RunError, PresetError, TypeError, ValueError):
            continue
    return found


def _read(folder: RunFolder, among: Collection[Experiment]) -> tuple[Experiment, FinishedRun] | None:
    """Return the experiment and the run; None where the run does not count."""
    results = folder.results()
    if results is None or results.get("state", "finished") != "finished" or not results.get("test"):
        return None
    preset = folder.preset()
    experiment = mathematics(preset.experiment)
    if experiment not in among or not _published_data(results["dataset"], experiment) or folder.state() != "finished":
        return None
    test, timings, platform = results["test"], results["timings"], results["platform"]
    return experiment, FinishedRun(
        run=folder.id,
        seed=preset.experiment.training.seed,
        accuracy=float(test["accuracy"]),
        loss=float(test["loss"]),
        seconds=float(timings["total"]),
        training=float(timings["train"]),
        epochs=int(results["epochs_run"]),
        device=_device(platform),
        threads=platform.get("threads") or None,
        machine=_machine(platform),
        created=folder.launch().created,
    )


def _published_data(dataset: Mapping[str, Any], experiment: Experiment) -> bool:
    """Whether the run had the dataset of that name, with the published checksums."""
    known = KNOWN.get(experiment.dataset.name)
    return known is not None and not dataset.get("sample") and dataset.get("sha256") == dict(known.sha256)


def _device(platform: Mapping[str, Any]) -> str:
    kind = str(platform.get("device", "")).partition(":")[0]
    return str(platform.get("device_name") or kind) if kind == "GPU" else kind


def _machine(platform: Mapping[str, Any]) -> Machine:
    versions = platform.get("versions") or {}
    return Machine(
        cpu=str(platform.get("cpu") or "unknown processor"),
        cores=int(platform.get("cores") or 0),
        memory=round(int(platform.get("memory") or 0) / 1e9),
        os=str(platform.get("os") or "").partition(" (Linux ")[0],
        python=str(platform.get("python") or ""),
        versions=tuple((name, str(versions[name])) for name in PACKAGES if name in versions),
    )
