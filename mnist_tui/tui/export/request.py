"""An export as values: what is on offer, what is asked for, and what was written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mnist_tui.report.export import ITEMS, path_of_item, why_unavailable
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.weight_formats import CARD, WEIGHT_FORMATS
from mnist_tui.wording import counted

STEM = "report"
"""The name of the report's files without their endings."""


@dataclass(frozen=True)
class ExportRequest:
    """The files that a person asks for.

    Attributes:
        runs: one or more; each of several gets its own folder in `out`, named after the run.
        items: what to write for each run, keys of `report.export.ITEMS`.
        reports: endings of the report, which covers all runs.
        figures: whether to write the report's figures as files too.
        title, author: the report's title and author; empty for its own choice.
        out: the folder that everything is written into.
    """

    runs: tuple[RunFolder, ...]
    items: tuple[str, ...]
    reports: tuple[str, ...]
    figures: bool
    title: str
    author: str
    out: Path

    def folder_of(self, run: RunFolder) -> Path:
        """Return the folder for a run's own files."""
        return self.out / run.id if len(self.runs) > 1 else self.out

    @property
    def documents(self) -> list[Path]:
        """The report's files."""
        return [self.out / f"{STEM}.{ending}" for ending in self.reports]

    @property
    def figures_folder(self) -> Path | None:
        return self.out / FIGURES if self.figures else None

    @property
    def files_text(self) -> str:
        """The names of the files that will be written."""
        report = ", ".join([path.name for path in self.documents] + ([f"{FIGURES}/"] if self.figures else []))
        card = [CARD] if any(item in WEIGHT_FORMATS for item in self.items) else []
        items = ", ".join([*(path_of_item(item, Path()).name for item in self.items), *card])
        if not items or len(self.runs) == 1:
            return ", ".join(filter(None, (report, items)))
        each = f"in a folder for each of the {counted(self.runs, 'run')}: {items}"
        return f"{report}; {each}" if report else each

    def existing(self) -> list[Path]:
        """Return the files that exist already, as far as their names are known before the export."""
        wanted = [path_of_item(item, self.folder_of(run)) for run in self.runs for item in self.items]
        there = [path for path in (*wanted, *self.documents) if path.exists()]
        figures = self.figures_folder
        return [*there, figures] if figures and figures.is_dir() and any(figures.iterdir()) else there


@dataclass(frozen=True)
class ExportOutcome:
    """The result of an export.

    Attributes:
        written: the files, or the folder of an item that is a folder.
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
        """The report in the format that is easiest to open."""
        found = {path.suffix.removeprefix("."): path for path in self.written if path.stem == STEM}
        return next((found[ending] for ending in REPORTS if ending in found), None)


def default_folder(runs: Sequence[RunFolder]) -> Path:
    """Return the default folder for exports of these runs."""
    return runs[0].exports if len(runs) == 1 else Path.cwd() / "mnist-tui-exports"


def report_in(folder: Path) -> Path | None:
    """Return the report in a folder of exports, in the format that is easiest to open; None if there is none."""
    return next((path for ending in REPORTS if (path := folder / f"{STEM}.{ending}").is_file()), None)


REPORTS = {
    "pdf": "PDF (.pdf)",
    "html": "web page, one file (.html)",
    "docx": "Word (.docx)",
    "tex": "LaTeX (.tex), figures beside it",
    "md": "Markdown (.md), figures beside it",
}
"""The report's formats; the first one that was written is the one to open."""
FIGURES = "figures"
REPORT = "Report"
WEIGHTS = "Weights"
KINDS = {"complexity": "Complexity"}
"""Titles of sections by the first part of an item's name; an item whose name has one part is a weight format."""
OTHER_SECTION = "Training"


@dataclass(frozen=True)
class Offer:
    """One thing that can be exported.

    Attributes:
        lacks: what is missing here for it, and how to add it, in a sentence; empty if nothing is.
    """

    key: str
    label: str
    lacks: str = ""


def sections() -> dict[str, list[Offer]]:
    """Return everything on offer by section: the report, then what is written for each run."""
    found: dict[str, list[Offer]] = {REPORT: [Offer(name, label) for name, label in REPORTS.items()]}
    found[REPORT].append(Offer(FIGURES, "its figures on their own (svg, pdf, png, data as csv)"))
    found[WEIGHTS] = []
    for item, label in ITEMS.items():
        kind, dot, _ = item.partition(".")
        section = KINDS.get(kind, OTHER_SECTION) if dot else WEIGHTS
        found.setdefault(section, []).append(Offer(item, label, why_unavailable(item)))
    return found
