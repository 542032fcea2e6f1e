"""The runs of a folder: list them, or find a run by the text that a person types."""

from __future__ import annotations

import os
from pathlib import Path

from mnist_tui.errors import RunError
from mnist_tui.paths import NoHomeError, data_folder, path_in_variable, typed_path
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.naming import SkippedEntry, ambiguous, is_file, matching, newest_first, scan_folder
from mnist_tui.runs.state import LIVE

RECENT = 50
"""How many of the newest runs are examined by `newest` and `any_running_here`."""


class AmbiguousRunError(RunError):
    """A text that fits several runs."""


def default_runs_dir() -> Path:
    """Return the folder for runs: ``MNIST_TUI_RUNS`` if it is set, else ``runs`` in the user's data folder.

    Raises:
        PathError: the variable holds no path, or there is no home folder (`NoHomeError`).
    """
    try:
        return path_in_variable("MNIST_TUI_RUNS") or data_folder() / "runs"
    except NoHomeError as error:
        raise NoHomeError(f"{error}; or name a folder for the runs with --runs-dir or MNIST_TUI_RUNS") from None


def run_folders(runs_dir: Path) -> list[RunFolder]:
    """Return the runs of a folder, newest first."""
    return [RunFolder(runs_dir / name) for name in newest_first(runs_dir, "experiment.toml")]


def find_run(runs_dir: Path, text: str) -> RunFolder:
    """Return the run that a text names: an id, a unique beginning or ending of an id, a path, or ``latest``.

    Raises:
        RunError: there is no such run, or there are several (`AmbiguousRunError`).
    """
    as_path = typed_path(text)
    if is_file(as_path / "experiment.toml"):
        return RunFolder(absolute(as_path))
    names, skipped = scan_folder(runs_dir, "experiment.toml")
    folders = [RunFolder(runs_dir / name) for name in names]
    if not folders:
        check_readable(runs_dir)
        which = "" if text == "latest" else f"there is no run {text!r}: "
        raise RunError(f"{which}there are no runs in {runs_dir}; `mnist-tui train --preset raw` makes one")
    if text == "latest":
        return newest(folders)
    matches = matching(folders, text)
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise AmbiguousRunError(ambiguous(matches, text, "runs"))
    for entry in skipped:
        if text == entry.name:
            raise RunError(f"{runs_dir / text} cannot be examined: {entry.why}")
    raise RunError(f"there is no run {text!r} in {runs_dir}; `mnist-tui runs` lists them, and latest is the newest")


def newest(folders: list[RunFolder]) -> RunFolder:
    """Return the run that was made last, from at least one folder, sorted by name, the newest first.

    Names begin with the second in which the run was made; for runs of the same second the launch time decides.
    """
    second = folders[0].id[:15]
    return max((folder for folder in folders[:RECENT] if folder.id[:15] == second), key=_created)


def absolute(path: Path) -> Path:
    """Return a folder's absolute path. If the folder itself is a link, it is kept, so that it is refused later."""
    return path.resolve() if path.name in ("", "..") else path.parent.resolve() / path.name


def check_readable(runs_dir: Path) -> None:
    """Raise a `RunError` if a runs folder cannot be listed; a folder that does not exist yet is no error."""
    try:
        with os.scandir(runs_dir):
            pass
    except FileNotFoundError:
        return
    except OSError as error:
        why = f"cannot be read ({error.strerror or error})"
        if isinstance(error, NotADirectoryError):
            why = "is not a folder"
        raise RunError(f"the runs folder {runs_dir} {why}; name another with --runs-dir or MNIST_TUI_RUNS") from None


def skipped_entries(runs_dir: Path) -> list[SkippedEntry]:
    """Return the entries of a runs folder that cannot be examined."""
    return scan_folder(runs_dir, "experiment.toml")[1]


def _created(folder: RunFolder) -> float:
    try:
        return folder.launch().created
    except RunError:
        return 0.0


def any_running_here(runs_dir: Path) -> bool:
    """Return whether a worker on this machine trains one of the newest runs."""
    for folder in run_folders(runs_dir)[:RECENT]:
        try:
            if folder.status().is_here and folder.state() in LIVE:
                return True
        except RunError:
            continue
    return False
