"""Export a run's weights, complexity, history and summary to files, for the command line and the screens."""

from __future__ import annotations

import errno
import json
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path

from mnist_tui.errors import RequestError
from mnist_tui.files import move, temporary_prefix, write_text
from mnist_tui.python_process import end_words, informative_lines
from mnist_tui.report.complexity.breakdown import TEXT, complexity_in_format
from mnist_tui.report.tabular import csv_text
from mnist_tui.runs.event_log import replayed
from mnist_tui.runs.folder import RunFolder, check_place_in_run
from mnist_tui.runs.state import EpochRow
from mnist_tui.runs.weight_formats import CARD, WEIGHT_FORMATS
from mnist_tui.runs.worker_jobs import run_job
from mnist_tui.wording import listed

COMPLEXITY_FORMATS = {form: f"complexity.{form}" for form in ("md", "csv", "json", "tex")} | {TEXT: "complexity.txt"}
"""The formats of a model's complexity, each with its item in ITEMS."""
HISTORY_FORMATS = ("csv",)
ITEMS: dict[str, str] = {
    **{name: form.label for name, form in WEIGHT_FORMATS.items()},
    "complexity.md": "complexity (Markdown)",
    "complexity.csv": "complexity (CSV)",
    "complexity.json": "complexity (JSON)",
    "complexity.tex": "complexity (LaTeX)",
    "complexity.txt": "complexity in words (text)",
    "summary.md": "summary for a lab report (Markdown)",
    "history.csv": "every epoch's figures (CSV)",
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
    return out / (WEIGHT_FORMATS[item].file if item in WEIGHT_FORMATS else item)


def why_unavailable(item: str) -> str:
    """Return which packages an item's export lacks, and how to install them; empty if the item can be exported."""
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
                write_text(path, item_text(folder, item))
                done += 1
    except OSError as error:
        message = f"{out} cannot be written: {error.strerror or error}"
        raise ExportError(message, refused=error.errno not in NO_ROOM) from None
    return [*paths, *([out / CARD] if weights else [])]


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
    from mnist_tui.report.contents.documents import run_summary

    return run_summary(folder)


def _write_weights(folder: RunFolder, formats: list[str], out: Path) -> None:
    from mnist_tui.report.model_card import card

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
