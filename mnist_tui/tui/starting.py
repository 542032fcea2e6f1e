"""Start runs with the app's options, and keep a worker on standby, so that a run starts quickly.

This module does not need Textual. It is imported after the first frame, or when a run must start at once.
"""

from __future__ import annotations

import shlex
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from mnist_tui.data.catalogue import validate_name, with_whole_name
from mnist_tui.experiment.preset_files import PresetError
from mnist_tui.experiment.presets import Preset, find_preset
from mnist_tui.runs import start
from mnist_tui.runs.devices import Busy, busy
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
            RunError: the runs folder cannot be written, or no process can be started.
        """
        validate_name(preset.experiment.dataset.name)
        preset = replace(preset, experiment=with_whole_name(preset.experiment))
        standby = None
        if not wait:
            with self._lock:
                standby, self._standby = self._standby, None
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
        words = ["mnist-tui", "train", "--preset", preset.name if unchanged else str(folder.experiment_file)]
        if self._options.device != "auto":
            words += ["--device", self._options.device]
        if self._options.data_dir is not None:
            words += ["--data-dir", str(self._options.data_dir)]
        return shlex.join(words)
