"""Write an export: one report over all runs, and each run's files. To be called in a thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from mnist_tui.errors import RequestError
from mnist_tui.report.export import ExistsError, Progress, export
from mnist_tui.runs.folder import RunFolder, check_place_in_run
from mnist_tui.tui.export.request import ExportOutcome, ExportRequest
from mnist_tui.unexpected import logged

Part = Callable[[Progress], Sequence[Path]]
"""Writes one part of an export and returns its files."""


class ExportCancelledError(Exception):
    """The app is closing; raised by a progress callback to end the export."""


def write_export(request: ExportRequest, *, overwrite: bool, progress: Progress) -> ExportOutcome:
    """Write what is asked for. If a part fails, the other parts are still written.

    Args:
        request: what to write.
        overwrite: whether to replace files that exist; without it nothing is written if any does.
        progress: called with what is being done, how much of it is done, and of how much.

    Raises:
        ExportCancelledError: raised by `progress`; the file that was being written is left out.
    """
    try:
        check_place_in_run(request.out / "any")
        there = request.existing()
        if there and not overwrite:
            return ExportOutcome(existing=tuple(there))
        request.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return ExportOutcome(failed=(f"{error.filename or request.out} cannot be written: {error.strerror or error}",))
    except RequestError as error:
        return ExportOutcome(failed=(str(error),))
    except ValueError as error:
        return ExportOutcome(failed=(f"{str(request.out)!r} is not a folder's name: {error}",))
    warnings: list[str] = []
    parts = _parts(request, overwrite, warnings)
    written: list[Path] = []
    failed: list[str] = []
    late: list[Path] = []
    for number, (name, part) in enumerate(parts):
        try:
            written += part(_within(progress, name, number, len(parts)))
        except ExportCancelledError:
            raise
        except ExistsError as error:
            late += error.paths
        except Exception as error:  # a thread's last line of defence
            failed.append(f"{name}: {_sentence(error, request.out)}" if name else _sentence(error, request.out))
    return ExportOutcome(tuple(written), tuple(failed), tuple(late), tuple(warnings))


def _sentence(error: Exception, out: Path) -> str:
    """Return an error as a sentence; an unexpected one is written to the log with its traceback."""
    if isinstance(error, OSError):
        return f"{error.filename or out}: {error.strerror or error}"
    return str(error) if isinstance(error, RequestError) else logged(error)


def _parts(request: ExportRequest, overwrite: bool, warnings: list[str]) -> list[tuple[str, Part]]:
    """Return the parts of the export with their names; a single part has no name."""
    parts = [(run.id, partial(_write_run, request, run, overwrite)) for run in request.runs if request.items]
    if request.reports or request.figures:
        parts.insert(0, ("report", partial(_write_report, request, overwrite, warnings)))
    return [("" if len(parts) == 1 else name, part) for name, part in parts]


def _write_run(request: ExportRequest, run: RunFolder, overwrite: bool, progress: Progress) -> Sequence[Path]:
    def writing(files: str, done: int, total: int) -> None:
        progress(f"writing {files}", done, total)

    return export(run, request.items, request.folder_of(run), overwrite=overwrite, progress=writing)


def _write_report(request: ExportRequest, overwrite: bool, warnings: list[str], progress: Progress) -> Sequence[Path]:
    from mnist_tui.report.document import write_report

    return write_report(
        request.runs,
        request.documents,
        title=request.title,
        author=request.author,
        figures=request.figures_folder,
        overwrite=overwrite,
        progress=progress,
        warn=warnings.append,
    )


def _within(progress: Progress, name: str, number: int, parts: int) -> Progress:
    """Return a progress callback for one part that adds its name and number."""
    part = f"{name} ({number + 1} of {parts}): " if name else ""
    return lambda what, done, total: progress(part + what, done, total)
