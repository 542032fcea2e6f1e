"""Exports: what can be exported, what a person requests, the writing, and its result. No Textual."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from mnist_tui.errors import RequestError
from mnist_tui.report.export import (
    ITEMS,
    ExistsError,
    Progress,
    check_exportable,
    export,
    path_of_item,
    why_unavailable,
)
from mnist_tui.report.parts import PARTS
from mnist_tui.runs.folder import RunFolder, check_place_in_run
from mnist_tui.runs.weight_formats import CARD, WEIGHT_FORMATS
from mnist_tui.unexpected import logged
from mnist_tui.wording import counted

REPORTS = {
    "pdf": "PDF (.pdf)",
    "html": "Web page, one file (.html)",
    "docx": "Word (.docx)",
    "tex": "LaTeX (.tex), figures beside it",
    "md": "Markdown (.md), figures beside it",
}
"""The report's formats, in the order in which a written report is chosen to be opened."""
FIGURES = "figures"
FULL = "full"
"""The choice of a report with the details of each run."""
SECTIONS = {"complexity": "Complexity", "experiment": "Code"}
"""The sections of items by the first part of their names; those of other items with a dot are in Training."""
REPORT = "Report"
REPORT_PARTS = "Parts of the report"
"""The titles of the sections of the report and of its parts."""
PART_LABELS = {
    "statistics": "Statistics and calibration",
    "robustness": "Corrupted test images",
    "explanations": "Maps of worst confusions",
    "members": "Members of an ensemble",
    "pairs": "Tests between networks",
}
"""The parts of a report in a few words."""


@dataclass(frozen=True)
class Offer:
    """A file, or a kind of file, that can be exported.

    Attributes:
        lacks: why it cannot be exported: a package is not installed, or no run has it; empty if it can.
    """

    key: str
    label: str
    lacks: str = ""


def sections(runs: Sequence[RunFolder] = ()) -> dict[str, list[Offer]]:
    """Return all offers by the title of their section; the report's section comes first, then that of its parts.

    Args:
        runs: what none of them has is offered as lacking; parts that their report cannot have are not offered.
    """
    report = [Offer(name, label) for name, label in REPORTS.items()]
    report.append(Offer(FIGURES, "Figures on their own (svg, pdf, png, csv)"))
    parts = [Offer(name, PART_LABELS[name]) for name in PARTS if name not in _absent_parts(runs)]
    offers: dict[str, list[Offer]] = {REPORT: report, REPORT_PARTS: parts, "Training": [], "Weights": []}
    for item, label in ITEMS.items():
        kind, dot, _ = item.partition(".")  # an item whose name has one part is a weight format
        section = SECTIONS.get(kind, "Training") if dot else "Weights"
        offers.setdefault(section, []).append(Offer(item, label, why_unavailable(item) or _why_none_has(runs, item)))
    return offers


def _absent_parts(runs: Sequence[RunFolder]) -> set[str]:
    """Return the parts that a report on these runs cannot have: there is one run, no ensemble, nothing was measured."""
    has = {
        "pairs": len(runs) > 1,
        "members": any(map(_is_ensemble, runs)),
        "robustness": any(os.path.lexists(run.robustness_file) for run in runs),
    }
    return {part for part, is_there in has.items() if runs and not is_there}


def _is_ensemble(run: RunFolder) -> bool:
    try:
        return run.origin is not None and run.origin.kind == "ensemble"
    except RequestError:
        return False


def _why_none_has(runs: Sequence[RunFolder], item: str) -> str:
    for run in runs:
        try:
            check_exportable(run, item)
        except RequestError:
            continue
        return ""
    return "only for runs trained here" if runs else ""


@dataclass(frozen=True)
class ExportRequest:
    """The files that a person asks for.

    Attributes:
        runs: the runs to export; of several, each gets its own folder in `out`, named after the run.
        items: what to write for each run, keys of `report.export.ITEMS`.
        reports: the formats of the report, which is about all runs.
        figures: whether the report's figures are written as files, too.
        full: whether the report has the details of each run.
        without: the names of the report's parts that are left out.
        title, author: the report's title and author; empty for the report's own choice.
        out: the folder that everything is written into.
    """

    runs: tuple[RunFolder, ...]
    items: tuple[str, ...]
    reports: tuple[str, ...]
    figures: bool
    full: bool
    without: tuple[str, ...]
    title: str
    author: str
    out: Path

    def folder_of(self, run: RunFolder) -> Path:
        """Return the folder for the files of one run."""
        return self.out / run.id if len(self.runs) > 1 else self.out

    @property
    def documents(self) -> list[Path]:
        """The paths of the report, one for each format."""
        return [self.out / f"report.{ending}" for ending in self.reports]

    @property
    def figures_folder(self) -> Path | None:
        return self.out / FIGURES if self.figures else None

    def files_text(self, pages: int | None = None) -> str:
        """Return the names of the files that will be written.

        Args:
            pages: about how many pages the report will have; None if that is not known.
        """
        report = ", ".join([path.name for path in self.documents] + ([f"{FIGURES}/"] if self.figures else []))
        report += f" (about {counted(pages, 'page')})" if self.documents and pages is not None else ""
        card = [CARD] if any(item in WEIGHT_FORMATS for item in self.items) else []
        items = ", ".join([*(path_of_item(item, Path()).name for item in self.items), *card])
        if not items or len(self.runs) == 1:
            return ", ".join(filter(None, (report, items)))
        each = f"in a folder for each of the {counted(self.runs, 'run')}: {items}"
        return f"{report}; {each}" if report else each

    def existing(self) -> list[Path]:
        """Return the requested files that exist already; names that only the export chooses are not known here."""
        wanted = [path_of_item(item, self.folder_of(run)) for run in self.runs for item in self.items]
        existing = [path for path in (*wanted, *self.documents) if path.exists()]
        figures = self.figures_folder
        return [*existing, figures] if figures and figures.is_dir() and any(figures.iterdir()) else existing


@dataclass(frozen=True)
class ExportOutcome:
    """The result of an export.

    Attributes:
        written: the written files, and folders for items that are folders.
        failed: a sentence for each part that could not be written.
        existing: files that existed already and were not replaced.
        warnings: sentences about the written report.
    """

    written: tuple[Path, ...] = ()
    failed: tuple[str, ...] = ()
    existing: tuple[Path, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def report(self) -> Path | None:
        """The written report, in the format that is easiest to open; None if there is none."""
        names = [f"report.{ending}" for ending in REPORTS]
        return next((path for name in names for path in self.written if path.name == name), None)


def default_folder(runs: Sequence[RunFolder]) -> Path:
    """Return the folder into which these runs are exported if a person chooses no other."""
    return runs[0].exports if len(runs) == 1 else Path.cwd() / "mnist-tui-exports"


def report_in(folder: Path) -> Path | None:
    """Return the report in a folder, in the format that is easiest to open; None if there is none."""
    return next((path for ending in REPORTS if (path := folder / f"report.{ending}").is_file()), None)


class ExportCancelledError(Exception):
    """Raised by a progress callback to end the export, as the app is closing."""


def write_export(request: ExportRequest, *, overwrite: bool, progress: Progress) -> ExportOutcome:
    """Write the requested files. If a part fails, the other parts are still written. To be called in a thread.

    Args:
        overwrite: whether existing files are replaced; if not, nothing is written if a file exists.
        progress: called with a text about the present work, the number of finished steps, and the number of all steps.

    Raises:
        ExportCancelledError: `progress` has raised it; the file that was being written is left out.
    """
    try:
        check_place_in_run(request.out / "any")
        existing = request.existing()
        if existing and not overwrite:
            return ExportOutcome(existing=tuple(existing))
        request.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return ExportOutcome(failed=(f"{error.filename or request.out} cannot be written: {error.strerror or error}",))
    except RequestError as error:
        return ExportOutcome(failed=(str(error),))
    except ValueError as error:
        return ExportOutcome(failed=(f"{str(request.out)!r} is not a folder's name: {error}",))
    warnings: list[str] = []
    parts: list[tuple[str, str, Callable[..., Sequence[Path]]]] = []
    if request.reports or request.figures:
        parts.append(("report", "", partial(_write_report, request, warnings)))
    for run in request.runs if request.items else ():
        parts.append((run.id, "writing ", partial(export, run, request.items, request.folder_of(run))))
    written: list[Path] = []
    failed: list[str] = []
    appeared: list[Path] = []
    for number, (name, verb, write) in enumerate(parts, start=1):
        named = f"{name}: " if len(parts) > 1 else ""
        before = f"{name} ({number} of {len(parts)}): {verb}" if named else verb

        def report_progress(what: str, done: int, total: int, before: str = before) -> None:
            progress(before + what, done, total)

        try:
            written += write(overwrite=overwrite, progress=report_progress)
        except ExportCancelledError:
            raise
        except ExistsError as error:
            appeared += error.paths
        except Exception as error:  # a thread's last line of defence
            failed.append(named + _sentence(error, request.out))
    return ExportOutcome(tuple(written), tuple(failed), tuple(appeared), tuple(warnings))


def _write_report(
    request: ExportRequest, warnings: list[str], *, overwrite: bool, progress: Progress
) -> Sequence[Path]:
    from mnist_tui.report.document import write_report

    return write_report(
        request.runs,
        request.documents,
        title=request.title,
        author=request.author,
        figures=request.figures_folder,
        full=request.full,
        without=request.without,
        overwrite=overwrite,
        progress=progress,
        warn=warnings.append,
    )


def _sentence(error: Exception, out: Path) -> str:
    """Return an error as a sentence; an unexpected error is also written to the log, with its traceback."""
    if isinstance(error, OSError):
        return f"{error.filename or out}: {error.strerror or error}"
    return str(error) if isinstance(error, RequestError) else logged(error)
