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


@dataclass(frozen=True)
class FoundRuns:
    """The runs found for experiments; each experiment is without its seed.

    Attributes:
        finished: the newest run that counts, by experiment, then by seed.
        diverged: the seeds whose training diverged on the published data; trained again, they would diverge again.
    """

    finished: Mapping[Experiment, Mapping[int, FinishedRun]]
    diverged: Mapping[Experiment, Collection[int]]


def find_runs(runs_dir: Path, wanted: Collection[Experiment]) -> FoundRuns:
    """Find the runs of some experiments; folders that cannot be read are skipped.

    Args:
        wanted: experiments without their seeds, as `presets.mathematics` returns them.
    """
    among = set(wanted)
    finished: dict[Experiment, dict[int, FinishedRun]] = {}
    diverged: dict[Experiment, set[int]] = {}
    for folder in run_folders(runs_dir):
        try:
            state = folder.state()
            if state not in ("finished", "diverged"):
                continue
            results, preset = folder.results() or {}, folder.preset()
            experiment, seed = mathematics(preset.experiment), preset.experiment.training.seed
            if experiment not in among or not _published_data(results.get("dataset") or {}, experiment):
                continue
            if state == "diverged":
                diverged.setdefault(experiment, set()).add(seed)
            elif results.get("state", "finished") == "finished" and results.get("test"):
                run = _finished_run(folder, seed, results)
                seeds = finished.setdefault(experiment, {})
                seeds[seed] = max(run, seeds.get(seed, run), key=lambda run: (run.created, run.run))
        except (RunError, PresetError, TypeError, ValueError, KeyError):
            continue
    return FoundRuns(finished, diverged)


def _finished_run(folder: RunFolder, seed: int, results: Mapping[str, Any]) -> FinishedRun:
    test, timings, platform = results["test"], results["timings"], results["platform"]
    kind = str(platform.get("device", "")).partition(":")[0]
    return FinishedRun(
        run=folder.id,
        seed=seed,
        accuracy=float(test["accuracy"]),
        loss=float(test["loss"]),
        seconds=float(timings["total"]),
        training=float(timings["train"]),
        epochs=int(results["epochs_run"]),
        device=str(platform.get("device_name") or kind) if kind == "GPU" else kind,
        threads=platform.get("threads") or None,
        machine=_machine(platform),
        created=folder.launch().created,
    )


def _published_data(dataset: Mapping[str, Any], experiment: Experiment) -> bool:
    """Whether the run had the dataset of that name, with the published checksums."""
    known = KNOWN.get(experiment.dataset.name)
    return known is not None and not dataset.get("sample") and dataset.get("sha256") == dict(known.sha256)


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
