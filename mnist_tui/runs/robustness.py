"""Robustness: a run's accuracy on corrupted test images, measured by a worker and kept in the run's folder.

The corruptions are those of `experiment.corruptions`, each at five strengths. A run keeps what was measured in
`robustness.json` until a corruption changes or the run is trained further; then it is measured anew.
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from mnist_tui.errors import RunError
from mnist_tui.experiment.corruptions import CORRUPTIONS, STRENGTHS, VERSION
from mnist_tui.files import write_json
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.process_folder import read_record
from mnist_tui.runs.records import document
from mnist_tui.runs.source_runs import check_has_model
from mnist_tui.runs.state import LIVE
from mnist_tui.runs.worker_jobs import WorkerMessages
from mnist_tui.wording import counted

SEED = 0
"""The seed of the corruptions' random numbers: the same for all runs, so that they are compared on the same images."""
MOST_IMAGES = 10_000
"""Of more test images so many are used, evenly spread, so that a measurement takes a minute or so."""


@dataclass(frozen=True)
class Robustness:
    """A run's accuracies on corrupted test images, as far as they are measured.

    Attributes:
        version: that of the corruptions.
        images: the number of test images.
        data: SHA-256 of the files of test images and labels; runs with the same ones can be compared.
        clean: the accuracy on the same images without corruption, 0 to 1.
        accuracies: by the corruption's name, the accuracy at each of STRENGTHS.
    """

    version: int
    images: int
    data: str
    clean: float
    accuracies: Mapping[str, tuple[float, ...]] = field(default_factory=dict[str, tuple[float, ...]])

    @property
    def names(self) -> tuple[str, ...]:
        """The measured corruptions, in the order of CORRUPTIONS."""
        return tuple(name for name in CORRUPTIONS if name in self.accuracies)

    @property
    def is_complete(self) -> bool:
        return len(self.names) == len(CORRUPTIONS)

    def curve(self, name: str) -> tuple[float, ...]:
        """Return the accuracies at the strengths 0 (no corruption) to 5."""
        return (self.clean, *self.accuracies[name])

    def error(self, name: str) -> float:
        """Return the mean error, 1 − accuracy, over the five strengths of a corruption."""
        return 1 - sum(self.accuracies[name]) / len(STRENGTHS)

    def mean_error(self, names: Sequence[str] = ()) -> float | None:
        """Return the mean of `error` over corruptions, by default all measured ones; None if one is not measured."""
        chosen = names or self.names
        if not chosen or any(name not in self.accuracies for name in chosen):
            return None
        return sum(map(self.error, chosen)) / len(chosen)

    def relative_error(self, baseline: Robustness, names: Sequence[str] = ()) -> float | None:
        """Return the mean corruption error relative to a baseline, 1 for the baseline itself.

        It is the mean over corruptions of the sum of the errors over the strengths, divided by the baseline's sum
        (Hendrycks and Dietterich, 2019, who multiply it by 100 and take AlexNet as the baseline).

        Args:
            names: the corruptions, by default those that both have.

        Returns:
            None if a corruption is not measured, if the baseline makes no error at all with one, and for other images.
        """
        chosen = names or tuple(name for name in self.names if name in baseline.accuracies)
        both = self.accuracies.keys() & baseline.accuracies.keys()
        if not chosen or not both.issuperset(chosen) or not self.same_images(baseline):
            return None
        if any(baseline.error(name) <= 0 for name in chosen):
            return None
        return sum(self.error(name) / baseline.error(name) for name in chosen) / len(chosen)

    def same_images(self, other: Robustness) -> bool:
        """Return whether two runs were measured on the same images."""
        return (self.images, self.data) == (other.images, other.data)

    def to_document(self, names: Sequence[str] = ()) -> dict[str, Any]:
        """Return the JSON object for front ends: accuracies by corruption, and the mean error of each and of all."""
        chosen = names or self.names
        return {
            "images": self.images,
            "clean": self.clean,
            "corruptions": [
                {
                    "corruption": name,
                    "amounts": list(CORRUPTIONS[name].amounts),
                    "accuracies": list(self.accuracies[name]),
                    "mean_error": self.error(name),
                }
                for name in chosen
            ],
            "mean_error": self.mean_error(chosen),
        }


def robustness_of(folder: RunFolder) -> Robustness | None:
    """Return what was measured of a run; None if nothing was, or if it does not hold any more or cannot be read."""
    with suppress(RunError):
        found = read_record(folder.robustness_file, Robustness)
        if found.version == VERSION and _is_sound(found):
            return found
    return None


def overall_error(folder: RunFolder) -> float | None:
    """Return a run's mean error over all corruptions; None unless all of them are measured."""
    found = robustness_of(folder)
    return found.mean_error() if found is not None and found.is_complete else None


def _is_sound(found: Robustness) -> bool:
    values = [found.clean, *(value for each in found.accuracies.values() for value in each)]
    is_full = all(len(found.accuracies[name]) == len(STRENGTHS) for name in found.names)
    return is_full and all(0 <= value <= 1 for value in values)


def check_measurable(folder: RunFolder) -> None:
    """Raise a RunError if the robustness of a run cannot be measured, which needs a model that does not change."""
    if (state := folder.state()) in LIVE:
        raise RunError(f"run {folder.id} is {state}: its robustness can be measured once it has ended")
    if folder.preset().experiment.dataset.fold is not None:
        raise RunError(
            f"run {folder.id} is a fold of a cross-validation, which leaves the test images unused; train a run "
            "without folds to measure its robustness"
        )
    origin = folder.origin
    if origin is not None and origin.corrupt:
        raise RunError(
            f"the images of run {folder.id} are corrupted already; measure the robustness of {origin.sources[0].name}"
        )
    if not os.access(folder.path, os.W_OK):
        raise RunError(f"you may not write in {folder.path}, where the robustness of a run is kept")
    check_has_model(folder)


@dataclass(frozen=True)
class RobustnessProgress:
    """How far a measurement has come.

    Attributes:
        phase: the present activity in words.
        done, total: the numbers of classified sets of images; total is 0 before it is known.
        measured: a run with all that is now measured of it, if there is more than at the last progress.
    """

    phase: str = ""
    done: int = 0
    total: int = 0
    measured: tuple[RunFolder, Robustness] | None = None

    @property
    def words(self) -> str:
        """The activity with its progress: ``classifying images: blur, strength 3 … (12 of 41 sets)``."""
        how_far = f" ({self.done} of {counted(self.total, 'set')})" if self.total else ""
        return f"{self.phase} …{how_far}" if self.phase else ""


class RobustnessTest:
    """The measurement of runs' robustness in a worker process, which starts at once.

    What the runs' folders have already is not measured again; each corruption is kept as soon as it is measured. The
    worker is killed by `close`, which any thread may call, and at the end of a ``with`` block.

    Args:
        names: the corruptions; all of them by default.
        data_dir: the folder that is searched for the data first; None for that with which each run was started.

    Raises:
        RunError: the robustness of a run cannot be measured.
    """

    def __init__(self, folders: Sequence[RunFolder], names: Sequence[str] = (), data_dir: Path | None = None) -> None:
        wanted = [(folder, missing(folder, names)) for folder in folders]
        self._wanted = [(folder, lacking) for folder, lacking in wanted if lacking]
        for folder, _ in self._wanted:
            check_measurable(folder)
        request = {
            "runs": [{"folder": str(folder.path.absolute()), "names": lacking} for folder, lacking in self._wanted],
            "data_dir": None if data_dir is None else str(data_dir.absolute()),
        }
        self._messages: WorkerMessages | None = None
        if self._wanted:
            self._messages = WorkerMessages("measurement", "--robustness", request=json.dumps(request))

    def __iter__(self) -> Generator[RobustnessProgress]:
        """Yield the progress; the folders then have what was measured (`robustness_of`).

        Raises:
            JobError: the data or a model cannot be used, or the worker failed or was killed.
            RunError: a run's folder cannot be written.
        """
        if self._messages is None:
            return
        state = RobustnessProgress("starting TensorFlow")
        yield state
        found: dict[int, Robustness] = {}
        for message in self._messages:
            if "run" in message:
                at: int = message.pop("run")
                folder = self._wanted[at][0]
                if "images" in message:
                    found[at] = _with_earlier(Robustness(VERSION, **message), robustness_of(folder))
                    continue
                accuracies = {**found[at].accuracies, message["corruption"]: tuple(message["accuracies"])}
                found[at] = replace(found[at], accuracies=accuracies)
                write_robustness(folder, found[at])
                yield replace(state, measured=(folder, found[at]))
            else:
                state = replace(state, **message)
                yield state

    def close(self) -> None:
        """Kill the worker; the iteration then ends with a JobError."""
        if self._messages is not None:
            self._messages.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._messages is not None:
            self._messages.__exit__()


def missing(folder: RunFolder, names: Sequence[str] = ()) -> list[str]:
    """Return those of some corruptions (by default of all) that are not measured of a run."""
    found = robustness_of(folder)
    return [name for name in names or CORRUPTIONS if found is None or name not in found.accuracies]


def write_robustness(folder: RunFolder, found: Robustness) -> None:
    """Keep what was measured in the run's folder; raises a RunError if it cannot be written."""
    folder.check_own_files()
    try:
        write_json(folder.robustness_file, document(found))
    except OSError as error:
        raise RunError(f"{folder.robustness_file} cannot be written: {error.strerror or error}") from None


def _with_earlier(new: Robustness, earlier: Robustness | None) -> Robustness:
    return replace(new, accuracies=earlier.accuracies) if earlier is not None and new.same_images(earlier) else new
