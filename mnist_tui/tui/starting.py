"""Start runs with the app's options, and keep a worker on standby, so that a run starts quickly.

This module does not need Textual. It is imported after the first frame, or when a run must start at once.
"""

from __future__ import annotations

import shlex
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mnist_tui.data.catalogue import validate_name
from mnist_tui.data.facts import facts_of, resolved
from mnist_tui.experiment.preset_files import PresetError
from mnist_tui.experiment.presets import Preset, find_preset
from mnist_tui.experiment.spec import DatasetSpec, Experiment, checked
from mnist_tui.runs import start
from mnist_tui.runs.devices import Busy, busy
from mnist_tui.runs.ensembles import start_ensemble
from mnist_tui.runs.evaluations import start_evaluated, start_imported
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.library import any_running_here

if TYPE_CHECKING:
    from mnist_tui.tui.bench import AppOptions


class Starter:
    """The start of runs with the app's options, and the worker on standby.

    Args:
        options: the folders of runs and data, and the device.
    """

    def __init__(self, options: AppOptions) -> None:
        self._options = options
        self._standby = options.standby
        self._lock = threading.Lock()
        self._dismissed = False

    def busy(self) -> Busy | None:
        """Return the reason why the device is busy; None if it is free. Reads many files: call it in a thread."""
        return busy(self._options.runs_dir, self._options.device)

    def start(self, preset: Preset, *, wait: bool = False) -> RunFolder:
        """Make a run's folder and start a worker in it: the worker on standby if there is one.

        Args:
            wait: whether the run waits until earlier runs on the device have ended; then the worker on standby is not
                used.

        Raises:
            DataError: there is no dataset of that name.
            SpecError: the dataset has other classes or images than the experiment says, or the layers do not fit them.
            RunError: the runs folder cannot be written, or no process can be started.
        """
        validate_name(preset.experiment.dataset.name)
        preset = replace(preset, experiment=checked(resolved(preset.experiment)))
        standby = None if wait else self._take_standby()
        options = self._options
        return start.start(
            options.runs_dir,
            replace(preset, origin="run"),
            command=lambda folder: self._command(preset, folder),
            device=options.device,
            data_dir=options.data_dir,
            allow_sample=True,
            wait=wait,
            standby=standby,
        )

    def evaluate(self, run: RunFolder, dataset: str, *, corrupt: str, name: str) -> RunFolder:
        """Start the evaluation of a run on other data; arguments and errors as for `start_evaluated`."""
        facts = facts_of(dataset, self._options.data_dir)
        return start_evaluated(
            run,
            dataset,
            form=(len(facts.class_names), facts.image),
            corrupt=corrupt,
            name=name,
            command=lambda _: self._words("evaluate", run.id, "--dataset", dataset, "--corrupt", corrupt),
            data_dir=self._options.data_dir,
            standby=self._take_standby(),
        )

    def import_file(self, file: Path, dataset: str, *, scale: str, name: str) -> RunFolder:
        """Start the import of a file for a dataset; arguments and errors as for `start_imported`."""
        return start_imported(
            self._options.runs_dir,
            file,
            resolved(Experiment(dataset=DatasetSpec(name=dataset))).dataset,
            scale=scale,
            name=name,
            command=lambda _: self._words("import", str(file.absolute()), "--dataset", dataset, "--scale", scale),
            data_dir=self._options.data_dir,
            standby=self._take_standby(),
        )

    def ensemble(self, runs: Sequence[RunFolder], *, vote: bool, name: str) -> RunFolder:
        """Start the scoring of an ensemble; arguments and errors as for `start_ensemble`."""
        ids = [run.id for run in runs]
        return start_ensemble(
            runs,
            vote=vote,
            name=name,
            command=lambda _: self._words("ensemble", *ids, *(["--vote"] if vote else [])),
            data_dir=self._options.data_dir,
            standby=self._take_standby(),
        )

    def _take_standby(self) -> start.Standby | None:
        with self._lock:
            standby, self._standby = self._standby, None
        return standby

    def prepare(self) -> bool:
        """Start a worker that imports TensorFlow in advance, unless one waits already. Call this in a thread.

        Returns:
            False if a training of this machine needs the cores, so that no worker was started.
        """
        if any_running_here(self._options.runs_dir):
            return False
        with self._lock:
            if not self._dismissed and (self._standby is None or not self._standby.waiting):
                self._standby = start.Standby()
        return True

    def dismiss(self, *, for_good: bool) -> None:
        """End the worker on standby; `prepare` may start another one, unless this was for good."""
        with self._lock:
            self._dismissed = for_good
            if self._standby is not None:
                self._standby.dismiss()
                self._standby = None

    def _command(self, preset: Preset, folder: RunFolder) -> str:
        """Return the command line that repeats the training, with the preset's name or, if edited, the run's file."""
        try:
            unchanged = find_preset(preset.name).experiment == preset.experiment
        except PresetError:
            unchanged = False
        device = () if self._options.device == "auto" else ("--device", self._options.device)
        return self._words("train", "--preset", preset.name if unchanged else str(folder.experiment_file), *device)

    def _words(self, *words: str) -> str:
        """Return a command line with the app's data folder; options without a value are left out."""
        kept = [
            word for word, value in zip(words, (*words[1:], "."), strict=True) if word and (value or word[:2] != "--")
        ]
        data_dir = self._options.data_dir
        return shlex.join(["mnist-tui", *kept, *(() if data_dir is None else ("--data-dir", str(data_dir)))])
