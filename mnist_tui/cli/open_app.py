"""Open the app once its terminal, folders and data are checked. Commands without screens check their data here, too.

This module does without typer, as the app's start does.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from mnist_tui.cli.output import PLAIN_TERMINALS, print_note
from mnist_tui.data.known import KNOWN
from mnist_tui.errors import RequestError
from mnist_tui.paths import typed_path
from mnist_tui.settings import load_settings

if TYPE_CHECKING:
    from mnist_tui.experiment.presets import Preset
    from mnist_tui.runs.folder import RunFolder
    from mnist_tui.settings import Refresh
    from mnist_tui.studies.folder import StudyFolder


def open_app(
    runs_dir: Path,
    *,
    preset: Preset | None = None,
    edit: bool = False,
    begin: Callable[[], StudyFolder] | None = None,
    run: RunFolder | None = None,
    data_dir: Path | None = None,
    device: str = "auto",
    refresh: Refresh | None = None,
) -> int:
    """Open the app and return its exit code. Without a preset, a study or a run it shows its list of presets.

    Args:
        preset: the preset to train; with `edit` it is opened in the editor instead.
        begin: begins or finds the study to show; it is called after the checks.
        run: the run to show on its training screen.
        data_dir: the data folder that an option names; None for the default.
        refresh: how often live screens are redrawn; None for the user's setting.

    Raises:
        RequestError: there is no terminal, or a folder or the data cannot be used.
        Exception: an unexpected error that ended the app.
    """
    _require_terminal()
    if run is None:
        try:
            runs_dir.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=runs_dir):
                pass
        except OSError as error:
            from mnist_tui.runs.folder import unwritable

            raise unwritable(runs_dir, error) from None
    if preset is not None and data_dir is not None:
        check_named_data(preset.experiment.dataset.name, data_dir)
    study = begin() if begin else None
    action = "watch" if run else "study" if study else "browse" if preset is None else "edit" if edit else "train"

    standby = None
    if action == "train":
        from mnist_tui.runs.library import any_running_here
        from mnist_tui.runs.start import Standby

        if not any_running_here(runs_dir):
            standby = Standby()  # it imports TensorFlow while this process imports the app

    from mnist_tui.tui.app import AppOptions, BenchApp

    bench = BenchApp(
        AppOptions(
            preset=preset,
            action=action,
            run=run,
            study=study,
            runs_dir=runs_dir,
            data_dir=data_dir,
            device=device,
            standby=standby,
            refresh=refresh,
        )
    )
    # The app ends with its terminal even under nohup, for it would read the end of its input for ever without one.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    bench.run()
    if bench.error is not None:
        raise bench.error
    return bench.return_code or 0


def _require_terminal() -> None:
    if os.environ.get("TEXTUAL_DRIVER"):
        return
    instead = "for training without screens there is `mnist-tui train --preset NAME`"
    for name, stream in (("stdout", sys.stdout), ("stdin", sys.stdin)):
        if not stream.isatty():
            raise RequestError(f"the app needs a terminal, and {name} is not one; {instead}")
    if not sys.stderr.isatty():
        raise RequestError(f"the app draws on stderr, which is not a terminal; do not redirect it, or {instead}")
    term = os.environ.get("TERM", "")
    if term in PLAIN_TERMINALS:
        why = f"a terminal with TERM={term} cannot draw screens" if term else "TERM is not set"
        raise RequestError(f"{why}; set TERM (to xterm-256color, say), or {instead}")


def usual_runs_dir(*, warn: bool = True) -> Path:
    """Return the runs folder: ``MNIST_TUI_RUNS``, else that of the settings, else one in the user's data folder.

    Args:
        warn: whether to print warnings about settings that cannot be used.

    Raises:
        PathError: the folder's name is not a path, or there is no home folder.
    """
    from mnist_tui.runs.library import default_runs_dir

    if os.environ.get("MNIST_TUI_RUNS", "").strip():
        return default_runs_dir()
    settings, problems = load_settings()
    for problem in problems if warn else ():
        print_note(f"warning: {problem}")
    return typed_path(settings.runs_dir) if settings.runs_dir else default_runs_dir()


def check_data(name: str, data_dir: Path | None, *, allow_sample: bool) -> None:
    """Check that a dataset is on this machine or can be downloaded; files in a folder named by the user are verified.

    The check takes less than three seconds without a network.

    Raises:
        DataError: there is no such dataset, or the files in a folder that the user named cannot be used.
        MissingDataError: the data are not on this machine, and no mirror answers.
    """
    is_replaceable = allow_sample and name == "mnist"  # the only dataset that the bundled digits may replace
    if check_named_data(name, data_dir) or is_replaceable or name not in KNOWN:
        return

    from mnist_tui.data.datasets import missing_message
    from mnist_tui.data.download import reachable
    from mnist_tui.data.errors import MissingDataError

    if not reachable(KNOWN[name].mirrors):
        raise MissingDataError(missing_message(name, data_dir, reason="and no mirror can be reached to download it"))


def check_named_data(name: str, data_dir: Path | None) -> bool:
    """Return whether a dataset is on this machine; read and verify its files if the user named their folder.

    Raises:
        DataError: there is no such dataset, or the files in a folder that the user named cannot be used.
    """
    from mnist_tui.data.catalogue import find

    location = find(name, data_dir)
    if location is not None and location.binding:
        from mnist_tui.data.datasets import load

        load(name, data_dir, download=False)
    return location is not None
