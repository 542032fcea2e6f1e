"""The folder of a run: the names of its files, its launch record, its name and note, and how a new folder is made.

The worker (in `training`) writes most of the files; this module knows their names and how they are read.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnist_tui.clocks import since_boot
from mnist_tui.errors import RequestError, RunError
from mnist_tui.files import replacing_folder, write_json, write_text
from mnist_tui.runs.naming import is_far, new_name, time_in_name
from mnist_tui.runs.process_folder import Inside, ProcessFolder, read_object, read_record, status_of_new_folder
from mnist_tui.runs.records import document
from mnist_tui.runs.state import LIVE

if TYPE_CHECKING:
    from mnist_tui.experiment.presets import Preset
    from mnist_tui.runs.origin import Origin

POINTER = "checkpoint.json"
"""The file in the folder `checkpoint` that names the files of the newest complete checkpoint."""


@dataclass(frozen=True)
class RunFolder(ProcessFolder):
    """The folder of one run."""

    kind = "run"
    live = LIVE

    experiment_file = Inside("experiment.toml")
    launch_file = Inside("launch.json")
    checkpoint = Inside("checkpoint")
    checkpoint_file = Inside("checkpoint", POINTER)
    """This file exists if the run has a checkpoint."""
    results_file = Inside("results.json")
    predictions_file = Inside("predictions.npz")
    predicted_file = Inside("predicted.bin")
    model_file = Inside("model.keras")
    label_file = Inside("label.json")
    origin_file = Inside("origin.json")
    """This file exists if the run was not trained here (`runs.origin`)."""
    robustness_file = Inside("robustness.json")
    exports = Inside("exports")
    tensorboard = Inside("tensorboard")

    def preset(self) -> Preset:
        """Return the experiment with its preset's name, and with the published results if they still apply."""
        from mnist_tui.experiment.presets import load_preset

        return load_preset(self.experiment_file, follow_links=False)

    def launch(self) -> Launch:
        """Return the launch record; raises a `RunError` if it cannot be read."""
        return read_record(self.launch_file, Launch)

    def data_places(self, given: Path | None) -> tuple[Path | None, ...]:
        """Return the folders to search for the run's data, its own before `given`; None stands for the usual places."""
        places = (given, None)
        with suppress(RequestError, TypeError):
            own = self.launch().data_dir
            places = (Path(own) if own else None, *places)
        return places

    def write_launch(self, launch: Launch) -> None:
        write_json(self.launch_file, document(launch))

    @property
    def origin(self) -> Origin | None:
        """Where the run comes from, read from its folder; None if it was trained here. Raises a `RunError`."""
        from mnist_tui.runs.origin import read_origin

        return read_origin(self.origin_file)

    def check_trained_here(self, refused: str) -> None:
        """Raise a RunError if the run was not trained here.

        Args:
            refused: what is refused, after the run's id: ``cannot be resumed``, ``has no curves``.
        """
        if (origin := self.origin) is not None:
            raise RunError(f"run {self.id} {refused}: {origin.sentence}, so it has no training here")

    def results(self) -> dict[str, Any] | None:
        """Return the content of `results.json`, None while there is none; raises a `RunError` if it is damaged."""
        from mnist_tui.runs.results import check_results

        if not os.path.lexists(self.results_file):
            return None
        doc = read_object(self.results_file)
        try:
            check_results(doc)
        except ValueError as error:
            raise RunError(f"{self.results_file} cannot be read: {error}") from None
        return doc


@dataclass(frozen=True)
class Launch:
    """The launch record, `launch.json`: how a run was requested, without its experiment.

    Attributes:
        created: when the run was requested, in seconds since 1970.
        command: the command line that trains the same run again.
        device: auto, cpu or gpu[:N].
        data_dir: the folder that is searched for the data first, or None.
        allow_sample: whether the bundled digits may replace data that are not available.
        wait: whether to wait for the end of earlier runs on the same device (`devices`).
        threads: the number of threads for one TensorFlow operation on the CPU, on which the last bits of a result
            depend; None for one thread per usable core.
        tensorboard: the folder for TensorBoard logs, in which the run has one of its own; empty for the run's folder,
            None for no log.
        study: the id of the study that the run is a trial of; empty for none.
        since_boot: `created` in seconds since the boot, by a clock that nobody sets; it orders the queue. 0 in runs of
            earlier versions.
        more: keys of a later version, which are kept when the file is written again.
    """

    created: float
    command: str
    device: str = "auto"
    data_dir: str | None = None
    allow_sample: bool = False
    wait: bool = False
    threads: int | None = None
    study: str = ""
    tensorboard: str | None = None
    since_boot: float = 0.0
    more: Mapping[str, Any] = field(default_factory=dict[str, Any], compare=False)

    def made_at(self, run: str) -> float:
        """Return when the run with id `run` was made, in seconds since 1970, for sorting lists.

        If the clock was set back between two runs, the time in the id is used, which never goes back. Ids of earlier
        versions are in local time and are not used.
        """
        named = time_in_name(run) if self.since_boot else None
        return self.created if named is None or is_far(named, self.created) else max(self.created, named)


def create(
    runs_dir: Path,
    preset: Preset,
    launch: Launch,
    command: Callable[[RunFolder], str] | None = None,
    *,
    origin: Origin | None = None,
    fill: Callable[[RunFolder], None] = lambda _: None,
) -> RunFolder:
    """Make the folder of a new run, with the state starting.

    Args:
        launch: the launch record; `since_boot` is added where it is missing.
        command: returns the launch's command line from the run's folder; None if the launch already has one.
        origin: where a run comes from that is not to be trained; None for a training.
        fill: writes further files into the new folder, before anybody else sees it.

    Raises:
        RunError: `runs_dir` cannot be written.
    """
    from mnist_tui.experiment.presets import dump_preset

    folder = RunFolder(runs_dir / new_name(runs_dir, launch.created, preset.name, "run"))
    launch = replace(launch, since_boot=launch.since_boot or since_boot())
    if command is not None:
        launch = replace(launch, command=command(folder))
    try:
        runs_dir.mkdir(parents=True, exist_ok=True)
        with replacing_folder(folder.path) as path:  # a process that is killed here leaves no incomplete run
            new = RunFolder(path)
            new.control.mkdir()
            write_text(new.experiment_file, dump_preset(replace(preset, origin="run")))
            new.write_launch(launch)
            if origin is not None:
                write_json(new.origin_file, origin.to_document())
            fill(new)
            new.write_status(status_of_new_folder())
    except OSError as error:
        raise unwritable(runs_dir, error) from None
    return folder


def check_place_in_run(path: Path) -> None:
    """Raise a `RunError` if `path` is in a run's folder that contains a link, a pipe or a device."""
    for place in list(path.absolute().parents)[:3]:
        if os.path.lexists(place / "experiment.toml"):
            RunFolder(place).check_own_files()


def unwritable(runs_dir: Path, error: OSError) -> RunError:
    """Return the error for a runs folder that cannot be written."""
    return RunError(
        f"the runs folder {runs_dir} cannot be written ({error.strerror or error}); "
        "give a folder of yours with --runs-dir or MNIST_TUI_RUNS"
    )


LONGEST_NAME, LONGEST_NOTE = 60, 500


@dataclass(frozen=True)
class Label:
    """The name and the note that a user gave a run, each a line of text; empty for none."""

    name: str = ""
    note: str = ""
    more: Mapping[str, Any] = field(default_factory=dict[str, Any], compare=False)


def read_label(folder: RunFolder) -> Label:
    """Return the run's label; an empty one if there is none or it cannot be read."""
    try:
        return checked_label(folder)
    except RunError:
        return Label()


def checked_label(folder: RunFolder) -> Label:
    """Return the run's label; an empty one if there is none; raises a `RunError` if it cannot be read."""
    if not os.path.lexists(folder.label_file):
        return Label()
    label = read_record(folder.label_file, Label)
    return replace(label, name=one_line(label.name), note=one_line(label.note))


def write_label(folder: RunFolder, label: Label) -> Label:
    """Write a run's label (an empty one deletes the file), and return it as written: each text in one line.

    Raises:
        RunError: a text is too long, or the run's folder no longer exists or cannot be written.
    """
    folder.check_own_files()
    label = replace(label, name=one_line(label.name), note=one_line(label.note))
    for what, text, longest in (("name", label.name, LONGEST_NAME), ("note", label.note, LONGEST_NOTE)):
        if len(text) > longest:
            raise RunError(f"the {what} has {len(text)} characters; at most {longest} work")
    try:
        if label == Label():
            folder.label_file.unlink(missing_ok=True)
        else:
            write_json(folder.label_file, document(label))
    except OSError as error:
        raise RunError(f"{folder.label_file} cannot be written: {error.strerror or error}") from None
    return label


def one_line(text: str) -> str:
    """Return the text in one line: control characters and series of blanks become single blanks."""
    return " ".join("".join(part if part.isprintable() else " " for part in text).split())
