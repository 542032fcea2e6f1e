"""Export a run's weights, complexity, history, summary and code to files, for the command line and the screens."""

from __future__ import annotations

import errno
import json
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from mnist_tui.errors import RequestError
from mnist_tui.files import discard_abandoned, move, replacing_folder, temporary_prefix, write_text
from mnist_tui.python_process import end_words, informative_lines
from mnist_tui.report.complexity.breakdown import TEXT, complexity_in_format
from mnist_tui.report.tabular import csv_text
from mnist_tui.runs import tensorboard
from mnist_tui.runs.event_log import replayed
from mnist_tui.runs.folder import RunFolder, check_place_in_run
from mnist_tui.runs.origin import complexity_of
from mnist_tui.runs.source_runs import check_weights_exportable
from mnist_tui.runs.state import EpochRow
from mnist_tui.runs.weight_formats import CARD, WEIGHT_FORMATS
from mnist_tui.runs.worker_jobs import run_job
from mnist_tui.wording import listed

if TYPE_CHECKING:
    from mnist_tui.experiment.presets import Preset

COMPLEXITY_FORMATS = {form: f"complexity.{form}" for form in ("md", "csv", "json", "tex")} | {TEXT: "complexity.txt"}
"""The formats of a model's complexity, each with its item in ITEMS."""
HISTORY_FORMATS = {"csv": "history.csv", "tensorboard": "history.tensorboard"}
"""The formats of the history, each with its item in ITEMS."""
CODE_FORMATS = {"keras": "experiment.py", "notebook": "experiment.ipynb"}
"""The forms of the experiment as a program, each with its item in ITEMS."""
ITEMS: dict[str, str] = {
    **{name: form.label for name, form in WEIGHT_FORMATS.items()},
    "complexity.md": "Markdown (.md)",
    "complexity.csv": "CSV (.csv)",
    "complexity.json": "JSON (.json)",
    "complexity.tex": "LaTeX table (.tex)",
    "complexity.txt": "Explained in words (.txt)",
    "summary.md": "Summary for a lab report (.md)",
    HISTORY_FORMATS["csv"]: "Every epoch's figures (.csv)",
    HISTORY_FORMATS["tensorboard"]: "Log for TensorBoard (folder)",
    CODE_FORMATS["keras"]: "Keras program (.py)",
    CODE_FORMATS["notebook"]: "Jupyter notebook (.ipynb)",
}
"""The items that can be exported, each with its label; names without a dot are formats of weights."""
NO_ROOM = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO))
"""Errors of the disk, which are not the fault of the request."""
REFUSED = 2
"""The exit code of a worker that refused a request."""
Progress = Callable[[str, int, int], None]
"""Called with what is being written, how many items are done, and how many there are."""


class ExportError(RequestError):
    """An error for something that cannot be exported.

    Attributes:
        refused: whether the request was wrong; False if the work itself failed.
    """

    def __init__(self, message: str, *, refused: bool = True) -> None:
        self.refused = refused
        super().__init__(message)


class ExistsError(ExportError):
    """An error for existing files that the export would replace; `paths` has them."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = tuple(paths)
        what = "file exists" if len(paths) == 1 else "files exist"
        super().__init__(f"{len(paths)} {what} already: {', '.join(map(str, paths))}")


def path_of_item(item: str, out: Path) -> Path:
    """Return the path that an item is written to in the folder `out`."""
    if item == HISTORY_FORMATS["tensorboard"]:
        return out / "tensorboard"
    return out / (WEIGHT_FORMATS[item].file if item in WEIGHT_FORMATS else item)


def why_unavailable(item: str) -> str:
    """Return which packages an item's export lacks, and how to install them; empty if the item can be exported."""
    if item == HISTORY_FORMATS["tensorboard"]:
        return tensorboard.why_unavailable()
    if (form := WEIGHT_FORMATS.get(item)) is None:
        return ""
    missing = [package for package in form.writer_packages if find_spec(package) is None]
    adds = f"pip install 'mnist-tui[{form.extra}]' adds it"
    return f"{item} needs {listed(missing)}, not installed here; {adds}" if missing else ""


def export(
    folder: RunFolder,
    items: Sequence[str],
    out: Path,
    *,
    overwrite: bool = False,
    progress: Progress = lambda what, done, total: None,
) -> list[Path]:
    """Write items of ITEMS into the folder `out`, which is created if necessary. No file is ever written in part.

    Weights need TensorFlow, which starts once, in a process of its own, and takes some seconds. With weights comes a
    model card, `CARD`, which replaces an earlier card of the same run.

    Args:
        progress: called before each item; an exception from it ends the export.

    Returns:
        The files, in the order of the items, then the card.

    Raises:
        ExistsError: files exist, and `overwrite` is not set; nothing was written.
        ExportError: an item is unknown or lacks a package, the run has no model, the folder cannot be written, or
            the worker failed.
        RunError, PresetError: the run's folder cannot be read.
    """
    wanted = list(dict.fromkeys(items))
    for item in wanted:
        if item not in ITEMS:
            raise ExportError(f"{item!r} cannot be exported; choose from {', '.join(ITEMS)}")
    if lacking := next(filter(None, map(why_unavailable, wanted)), ""):
        raise ExportError(lacking)
    for item in wanted:
        check_exportable(folder, item)
    paths = [path_of_item(item, out) for item in wanted]
    for path in paths:
        check_place_in_run(path)
    weights = [item for item in wanted if item in WEIGHT_FORMATS]
    try:
        existing = [path for path in paths if path.exists()]
        if weights and (out / CARD).exists():
            from mnist_tui.report.model_card import is_card_of

            existing += [] if is_card_of(folder, out / CARD) else [out / CARD]
        if existing and not overwrite:
            raise ExistsError(existing)
        out.mkdir(parents=True, exist_ok=True)
        if weights:
            names = ", ".join(path_of_item(item, out).name for item in weights)
            slow = " (this starts TensorFlow, some seconds)" if _for_worker(folder, weights, out) else ""
            progress(names + slow, 0, len(wanted))
            _write_weights(folder, weights, out)
        done = len(weights)
        for item, path in zip(wanted, paths, strict=True):
            if item not in WEIGHT_FORMATS:
                progress(path.name, done, len(wanted))
                _write_item(folder, item, path)
                done += 1
    except OSError as error:
        raise _unwritable(out, error) from None
    return [*paths, *([out / CARD] if weights else [])]


def check_exportable(folder: RunFolder, item: str) -> None:
    """Raise a RunError if a run has not what an item holds, because it was not trained here."""
    if item in WEIGHT_FORMATS:
        check_weights_exportable(folder, [item])
    elif item.startswith("history"):
        folder.check_trained_here("has no history of epochs")
    elif item in CODE_FORMATS.values():
        folder.check_trained_here("has no code")
    elif item.startswith("complexity") and complexity_of(folder.preset().experiment, folder.origin) is None:
        folder.check_trained_here("has no formulas of its layers")


def export_preset(preset: Preset, items: Sequence[str], out: Path, *, overwrite: bool = False) -> list[Path]:
    """Write the experiment of a preset as programs, items of CODE_FORMATS, into the folder `out`; return the files.

    Raises:
        ExistsError: files exist, and `overwrite` is not set; nothing was written.
        ExportError: the folder cannot be written.
        RequestError: the experiment cannot be written as a program; the message says why.
    """
    from mnist_tui.report.experiment_code import code_of_preset

    texts = {out / item: code_of_preset(preset, item) for item in items}
    try:
        existing = [path for path in texts if path.exists()]
        if existing and not overwrite:
            raise ExistsError(existing)
        out.mkdir(parents=True, exist_ok=True)
        for path, text in texts.items():
            write_text(path, text)
    except OSError as error:
        raise _unwritable(out, error) from None
    return [*texts]


def _unwritable(out: Path, error: OSError) -> ExportError:
    why = "it is a file, not a folder" if error.errno == errno.EEXIST else error.strerror or error
    message = f"{out} cannot be written: {why}"
    return ExportError(message, refused=error.errno not in NO_ROOM)


def _write_item(folder: RunFolder, item: str, path: Path) -> None:
    """Write an item that is not weights: a text, or the folder of a TensorBoard log, which is replaced as a whole."""
    if item != HISTORY_FORMATS["tensorboard"]:
        write_text(path, item_text(folder, item))
        return
    folder.check_trained_here("has no epochs for TensorBoard")
    with replacing_folder(path) as temporary:
        tensorboard.TensorBoardLog(folder, temporary).close()


def item_text(folder: RunFolder, item: str) -> str:
    """Return the contents of an item that is text; in the history, values that are not finite are empty."""
    name, _, form = item.partition(".")
    if name == "complexity":
        preset = folder.preset()
        return complexity_in_format(preset.experiment, form, title=preset.title or preset.name)
    if name == "history":
        names = [entry.name for entry in fields(EpochRow)]
        rows = replayed(folder.events_file).history
        return csv_text([names, *([getattr(row, name) for name in names] for row in rows)])
    if item in CODE_FORMATS.values():
        from mnist_tui.report.experiment_code import code_of_run

        return code_of_run(folder, item)
    from mnist_tui.report.contents.documents import run_summary

    return run_summary(folder)


def _write_weights(folder: RunFolder, formats: list[str], out: Path) -> None:
    from mnist_tui.report.model_card import card

    discard_abandoned(out)
    if for_worker := _for_worker(folder, formats, out):
        with tempfile.TemporaryDirectory(prefix=temporary_prefix(), dir=out) as temporary:
            for path in _run_worker(folder, for_worker, Path(temporary)):
                move(path, out / path.name)
    write_text(out / CARD, card(folder, formats, out))


def _for_worker(folder: RunFolder, formats: list[str], out: Path) -> list[str]:
    """Return the formats that a worker must write: all, except the run's model if `out` is the run's own folder.

    In another folder, a copy of the model file would not be safe: the run can come from somebody else, and the
    configuration in the file can describe another network than the card, or name code to run. The worker builds the
    model from the experiment instead.
    """
    path, own = path_of_item("keras", out), folder.model_file
    stays = path.exists() and own.exists() and path.samefile(own)
    return [name for name in formats if name != "keras" or not stays]


def _run_worker(folder: RunFolder, formats: list[str], out: Path) -> list[Path]:
    try:
        process = run_job("export", folder, [*formats, "--out", str(out.absolute())])
    except subprocess.TimeoutExpired as error:
        raise ExportError(f"the export did not end within {error.timeout:.0f} s", refused=False) from None
    if process.returncode < 0:
        raise ExportError(f"the export's worker {end_words(process.returncode)}", refused=False)
    if process.returncode != 0:
        lines = informative_lines(process.stderr.decode("utf-8", "replace").splitlines())
        why = lines[-1].strip().replace(str(out.absolute()), str(out.parent)) if lines else "the export failed"
        raise ExportError(why, refused=process.returncode == REFUSED)
    try:
        written = [Path(path) for path in json.loads(process.stdout.splitlines()[-1])]
    except (ValueError, IndexError, TypeError):
        raise ExportError("the export's worker did not report the files that it wrote", refused=False) from None
    names = {path.name for path in written}
    if names != {WEIGHT_FORMATS[name].file for name in formats}:
        raise ExportError(f"the export's worker wrote {', '.join(names)}", refused=False)
    return written
