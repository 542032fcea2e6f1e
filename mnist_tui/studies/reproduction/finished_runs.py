"""The finished runs of a folder that count for a source's experiment: full length, on the published data."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mnist_tui.data.catalogue import KNOWN
from mnist_tui.experiment.presets import PresetError, mathematics
from mnist_tui.experiment.spec import Experiment
from mnist_tui.runs.folder import RunError, RunFolder
from mnist_tui.runs.library import run_folders

PACKAGES = ("tensorflow", "keras", "mnist-tui")


@dataclass(frozen=True, order=True)
class Machine:
    """What a run was computed on, without a name that would tell whose it is.

    Attributes:
        memory: in GB (10⁹ bytes).
        versions: of PACKAGES, as far as they were recorded.
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
        seconds: from the data's reading to the evaluation's end; training: of them in epochs.
        device: as TensorFlow names its kind, or a GPU's name. threads: None where they were not recorded.
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
"""By what an experiment is but for its seed, then by seed."""
DivergedSeeds = Mapping[Experiment, Collection[int]]
"""Seeds, by the same."""


def found_runs(runs_dir: Path, wanted: Collection[Experiment]) -> FinishedRuns:
    """The newest run that counts, for each of the experiments and seeds; folders that cannot be read are passed over.

    Args:
        wanted: as `presets.mathematics` makes them.
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


def found_diverged(runs_dir: Path, wanted: Collection[Experiment]) -> DivergedSeeds:
    """The seeds whose training diverged on the published data: that is what comes of them, as often as they are run.

    Args:
        wanted: as `presets.mathematics` makes them.
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
    """The experiment and the run; None where it does not count."""
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
    """Whether the run had the dataset of that name, bit for bit."""
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
