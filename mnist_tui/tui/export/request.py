"""What is to be exported, and what became of that, as values; where exports go, and the report among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mnist_tui.report.export import ITEMS, lacks, target
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.weight_formats import CARD, WEIGHT_FORMATS
from mnist_tui.wording import counted

STEM = "report"
"""Of the report's files."""


@dataclass(frozen=True)
class ExportRequest:
    """What is to be written.

    Attributes:
        runs: one or more; each of several has a folder of its own in `out`, named after it.
        items: for each run, of report.export.ITEMS.
        reports: endings of the one report over all runs.
        figures: whether the report's figures are written on their own too.
        title, author: the report's; empty for what it takes by itself.
    """

    runs: tuple[RunFolder, ...]
    items: tuple[str, ...]
    reports: tuple[str, ...]
    figures: bool
    title: str
    author: str
    out: Path

    def folder_of(self, run: RunFolder) -> Path:
        """Where a run's own files go."""
        return self.out / run.id if len(self.runs) > 1 else self.out

    @property
    def documents(self) -> list[Path]:
        """The report's files."""
        return [self.out / f"{STEM}.{ending}" for ending in self.reports]

    @property
    def figures_folder(self) -> Path | None:
        return self.out / FIGURES if self.figures else None

    @property
    def in_words(self) -> str:
        """What will be written, by the names of the files."""
        report = ", ".join([path.name for path in self.documents] + ([f"{FIGURES}/"] if self.figures else []))
        card = [CARD] if any(item in WEIGHT_FORMATS for item in self.items) else []
        items = ", ".join([*(target(item, Path()).name for item in self.items), *card])
        if not items or len(self.runs) == 1:
            return ", ".join(filter(None, (report, items)))
        each = f"in a folder for each of the {counted(self.runs, 'run')}: {items}"
        return f"{report}; {each}" if report else each

    def in_the_way(self) -> list[Path]:
        """Files that are there already, as far as their names are known before the work."""
        wanted = [target(item, self.folder_of(run)) for run in self.runs for item in self.items]
        there = [path for path in (*wanted, *self.documents) if path.exists()]
        figures = self.figures_folder
        return [*there, figures] if figures and figures.is_dir() and any(figures.iterdir()) else there


@dataclass(frozen=True)
class ExportOutcome:
    """What became of a wish.

    Attributes:
        written: the files, and folders where they are one thing.
        failed: a sentence for each part that could not be written; the other parts are there.
        in_the_way: files that were there already and are as they were.
        warnings: sentences about what was written.
    """

    written: tuple[Path, ...] = ()
    failed: tuple[str, ...] = ()
    in_the_way: tuple[Path, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def report(self) -> Path | None:
        """The report in the format that is best looked at."""
        found = {path.suffix.removeprefix("."): path for path in self.written if path.stem == STEM}
        return next((found[ending] for ending in REPORTS if ending in found), None)


def place_of(runs: Sequence[RunFolder]) -> Path:
    """Where exports go unless the person says otherwise."""
    return runs[0].exports if len(runs) == 1 else Path.cwd() / "mnist-tui-exports"


def report_in(folder: Path) -> Path | None:
    """The report among exports, in the format that is best looked at; None for none."""
    return next((path for ending in REPORTS if (path := folder / f"{STEM}.{ending}").is_file()), None)


REPORTS = {
    "pdf": "PDF (.pdf)",
    "html": "web page, one file (.html)",
    "docx": "Word (.docx)",
    "tex": "LaTeX (.tex), figures beside it",
    "md": "Markdown (.md), figures beside it",
}
"""The report's formats, that which one opens first, first."""
FIGURES = "figures"
REPORT = "Report"
WEIGHTS = "Weights"
KINDS = {"complexity": "Complexity"}
"""Sections of items by the first part of their names; items without a second part are weights."""
REST = "Training"


@dataclass(frozen=True)
class Offer:
    """One thing that can be chosen.

    Attributes:
        lacks: why it cannot be had here and what would help, in a sentence; empty where it can.
    """

    key: str
    label: str
    lacks: str = ""


def sections() -> dict[str, list[Offer]]:
    """Everything on offer: the report, then what is written for each run."""
    found: dict[str, list[Offer]] = {REPORT: [Offer(name, label) for name, label in REPORTS.items()]}
    found[REPORT].append(Offer(FIGURES, "its figures on their own (svg, pdf, png, data as csv)"))
    found[WEIGHTS] = []
    for item, label in ITEMS.items():
        kind, dot, _ = item.partition(".")
        section = KINDS.get(kind, REST) if dot else WEIGHTS
        found.setdefault(section, []).append(Offer(item, label, lacks(item)))
    return found
