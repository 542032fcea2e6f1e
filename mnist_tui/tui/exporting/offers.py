"""What can be chosen for an export, by section, with what it lacks here."""

from __future__ import annotations

from dataclasses import dataclass

from mnist_tui.report.export import ITEMS, lacks

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
