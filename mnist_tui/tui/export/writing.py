"""Writes what is wished for: one report over all runs, each run's files. For a thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from mnist_tui.experiment.problem import RequestError
from mnist_tui.report.export import ExistsError, Progress, export
from mnist_tui.runs.folder import RunFolder, check_place_in_run
from mnist_tui.tui.export.request import ExportOutcome, ExportRequest
from mnist_tui.unexpected import logged

Part = Callable[[Progress], Sequence[Path]]
"""Writes a piece of the whole; gives its files."""


class ExportCancelledError(Exception):
    """The app was left meanwhile; raised out of a progress call."""


def carry_out(wish: ExportRequest, *, overwrite: bool, progress: Progress) -> ExportOutcome:
    """Writes what is wished for. A part that fails does not keep the others from being written.

    Args:
        progress: told what is being done, how much of that is done, and of how much.

    Raises:
        ExportCancelledError: from `progress`; what was begun is left out, nothing is half there.
    """
    try:
        check_place_in_run(wish.out / "any")
        there = wish.in_the_way()
        if there and not overwrite:
            return ExportOutcome(in_the_way=tuple(there))
        wish.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return ExportOutcome(failed=(f"{error.filename or wish.out} cannot be written: {error.strerror or error}",))
    except RequestError as error:
        return ExportOutcome(failed=(str(error),))
    except ValueError as error:
        return ExportOutcome(failed=(f"{str(wish.out)!r} is no folder's name: {error}",))
    warnings: list[str] = []
    parts = _parts(wish, overwrite, warnings)
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
            failed.append(f"{name}: {_sentence(error, wish.out)}" if name else _sentence(error, wish.out))
    return ExportOutcome(tuple(written), tuple(failed), tuple(late), tuple(warnings))


def _sentence(error: Exception, out: Path) -> str:
    """What went wrong; what nobody expected is logged whole."""
    if isinstance(error, OSError):
        return f"{error.filename or out}: {error.strerror or error}"
    return str(error) if isinstance(error, RequestError) else logged(error)


def _parts(wish: ExportRequest, overwrite: bool, warnings: list[str]) -> list[tuple[str, Part]]:
    """The pieces of the work, each with its name where there are several."""
    parts = [(run.id, partial(_of_run, wish, run, overwrite)) for run in wish.runs if wish.items]
    if wish.reports or wish.figures:
        parts.insert(0, ("report", partial(_report, wish, overwrite, warnings)))
    return [("" if len(parts) == 1 else name, part) for name, part in parts]


def _of_run(wish: ExportRequest, run: RunFolder, overwrite: bool, progress: Progress) -> Sequence[Path]:
    def writing(files: str, done: int, total: int) -> None:
        progress(f"writing {files}", done, total)

    return export(run, wish.items, wish.folder_of(run), overwrite=overwrite, progress=writing)


def _report(wish: ExportRequest, overwrite: bool, warnings: list[str], progress: Progress) -> Sequence[Path]:
    from mnist_tui.report.document import write_report

    return write_report(
        wish.runs,
        wish.documents,
        title=wish.title,
        author=wish.author,
        figures=wish.figures_folder,
        overwrite=overwrite,
        progress=progress,
        warn=warnings.append,
    )


def _within(progress: Progress, name: str, number: int, parts: int) -> Progress:
    """The progress of one part as one of the whole."""
    part = f"{name} ({number + 1} of {parts}): " if name else ""
    return lambda what, done, total: progress(part + what, done, total)
