"""The folder of a study: its layout, its status, how it is found and deleted.

It lies in `<runs>/studies`, and the runs of the study's trials lie in `<runs>`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

from mnist_tui.errors import RequestError, RunError
from mnist_tui.experiment.presets import Preset, load_preset
from mnist_tui.experiment.spec import SpecError
from mnist_tui.files import UnreadableFileError, read_text, write_text
from mnist_tui.paths import typed_path
from mnist_tui.runs.deletion import delete_run, remove_folder
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.library import absolute
from mnist_tui.runs.naming import ambiguous, is_file, matching, newest_first
from mnist_tui.runs.process_folder import HEARTBEAT_SECONDS, Inside, Lock, ProcessFolder, this_process
from mnist_tui.runs.records import is_name
from mnist_tui.studies import spec
from mnist_tui.studies.spec import Study
from mnist_tui.studies.state import LIVE, replayed

PLACE = "studies"
"""The folder of all studies, in the folder of the runs."""


class StudyError(RequestError):
    """A study does not exist or does not allow the request."""


class AmbiguousStudyError(StudyError):
    """A text that names several studies."""


@dataclass(frozen=True)
class StudyFolder(ProcessFolder):
    """One study's folder. Making the object reads nothing from the disk."""

    kind = "study"
    live = LIVE
    error = StudyError

    study_file = Inside("study.toml")
    presets = Inside("presets")
    log_file = Inside("runner.log")
    """The output of the study's process and its workers."""
    scratch = Inside("scratch")
    """A folder for the workers that the study starts on this machine; removed when it ends."""

    @property
    def runs_dir(self) -> Path:
        """The folder of the study's runs."""
        return self.path.parent.parent

    def run(self, run: str) -> RunFolder:
        """Return the folder of a run of this study. Raises StudyError where `run` is not a name but a path."""
        if not is_name(run):
            raise StudyError(f"study {self.id} names a run {run!r}, which is not the name of a folder beside it")
        return RunFolder(self.runs_dir / run)

    def study(self) -> Study:
        """Read the requested study. Raises StudyError where `study.toml` cannot be read or is not valid."""
        try:
            return spec.from_toml(read_text(self.study_file))
        except UnreadableFileError as error:
            raise StudyError(f"{self.study_file} cannot be read: it {error.strerror}") from None
        except (OSError, ValueError, SpecError) as error:
            why = getattr(error, "strerror", None) or error
            raise StudyError(f"{self.study_file} cannot be read: {why}") from None

    def write_study(self, study: Study) -> None:
        write_text(self.study_file, spec.to_toml(study))

    def bases(self) -> dict[str, Preset]:
        """Return the presets that the trials start from, by name. Raises PresetError where one cannot be read."""
        names = (base.preset for base in self.study().bases)
        return {name: load_preset(self.presets / f"{name}.toml", follow_links=False) for name in names}


class StatusWriter:
    """A callable that writes `status.json` when the state has changed or a heartbeat is due."""

    def __init__(self, folder: ProcessFolder) -> None:
        self._folder = folder
        self.state, self._written = "", 0.0

    def __call__(self, state: str, reason: str = "") -> None:
        now = time.monotonic()
        if state != self.state or now - self._written >= HEARTBEAT_SECONDS:
            self.state, self._written = state, now
            self._folder.write_status(replace(this_process(state), reason=reason))


def study_folders(runs_dir: Path) -> list[StudyFolder]:
    """Return the studies of a folder of runs, newest first."""
    return [StudyFolder(runs_dir / PLACE / name) for name in newest_first(runs_dir / PLACE, "study.toml")]


def find_study(runs_dir: Path, text: str) -> StudyFolder:
    """Return the study that a text names: an id, a unique beginning or ending of one, a folder, a name, or ``latest``.

    A study's name is its title, ``hog over hidden``, or the part of its id that is made of it, ``hog-over-hidden``.

    Raises:
        StudyError: the text names no study.
        AmbiguousStudyError: the text names several studies.
    """
    as_path = typed_path(text)
    if is_file(as_path / "study.toml"):
        return StudyFolder(absolute(as_path))
    folders = study_folders(runs_dir)
    if not folders:
        raise StudyError(
            f"there are no studies in {runs_dir / PLACE}; "
            "`mnist-tui sweep --preset raw --over hidden=150,250` makes one"
        )
    if text == "latest":
        return folders[0]
    matches = matching(folders, text) or [folder for folder in folders if text in _names(folder)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise AmbiguousStudyError(ambiguous(matches, text, "studies"))
    raise StudyError(
        f"there is no study {text!r} in {runs_dir / PLACE}; `mnist-tui studies` lists them, and latest is the newest"
    )


def _names(folder: StudyFolder) -> list[str]:
    in_id = folder.id.split("-", 2)[-1].rpartition("-")[0]
    try:
        return [in_id, folder.study().title]
    except RequestError:
        return [in_id]


def delete_study(folder: StudyFolder, *, runs: bool = False) -> None:
    """Delete a study, and with `runs` also its runs.

    Raises:
        StudyError: the study is running, another process writes its folder, or the folder cannot be deleted.
        RunError: one of its runs cannot be deleted; then the study still exists.
    """
    folder.check_own_files()
    try:
        state = folder.state()
    except StudyError:
        state = "crashed"
    if state in LIVE:
        raise StudyError(f"study {folder.id} is {state}; stop it first (`mnist-tui studies stop {folder.id}`)")
    try:
        lock = Lock(folder)
    except RunError as error:
        raise StudyError(f"study {folder.id} cannot be deleted: {error}") from None
    try:
        if runs:
            for row in replayed(folder.events_file).rows:
                if row.run and folder.run(row.run).path.is_dir():
                    delete_run(folder.run(row.run))
        remove_folder(folder.path)
    except OSError as error:
        raise StudyError(f"study {folder.id} cannot be deleted: {error.strerror or error}") from None
    finally:
        lock.release()
