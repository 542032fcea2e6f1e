"""What earlier runs say about a preset: the newest run of it, and how long an epoch takes on this machine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from mnist_tui.errors import RequestError
from mnist_tui.experiment.presets import Preset
from mnist_tui.runs.collection.summaries import RunSummary, list_runs, values_of
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.state import LIVE

WITHOUT_EFFECT = {"epochs", "seed"}
"""Parameters that do not change the time of an epoch."""
TimedSettings = tuple[str, frozenset[tuple[str, str]]]
"""A preset's name and the parameters, with their texts, on which the time of an epoch depends."""


class EarlierRuns:
    """The runs of a folder that were trained here, by preset.

    Args:
        runs: newest first.
    """

    def __init__(self, runs: Iterable[RunSummary] = ()) -> None:
        self._by_preset: dict[str, list[RunSummary]] = {}
        self._seconds: dict[TimedSettings, float] = {}
        for run in runs:
            if run.origin:
                continue
            self._by_preset.setdefault(run.preset, []).append(run)
            settings = _timed_settings(run.preset, run.values)
            measured = run.seconds and run.epochs_done and not run.sample and settings not in self._seconds
            if measured and run.seconds and _is_of_this_machine(run):
                self._seconds[settings] = run.seconds / run.epochs_done

    def of(self, preset: str) -> list[RunSummary]:
        """Return the runs of a preset, newest first."""
        return self._by_preset.get(preset, [])

    def is_live(self, preset: str) -> bool:
        """Return whether the newest run of a preset is still training."""
        return any(run.state in LIVE for run in self.of(preset)[:1])

    def seconds_an_epoch(self, preset: Preset) -> float | None:
        """Return how long an epoch of the preset took in its newest run on this machine; None if there is none."""
        return self._seconds.get(_timed_settings(preset.name, values_of(preset.experiment)))


def read_earlier_runs(runs_dir: Path) -> EarlierRuns:
    """Read the runs of a folder. Reads many files: call it in a thread."""
    return EarlierRuns(list_runs(runs_dir))


def _timed_settings(preset: str, values: Mapping[str, str]) -> TimedSettings:
    return preset, frozenset((name, value) for name, value in values.items() if name not in WITHOUT_EFFECT)


def _is_of_this_machine(run: RunSummary) -> bool:
    try:
        return RunFolder(Path(run.folder)).status().is_here
    except RequestError:
        return False
