"""The contents of the parts of a report that can be left out (`report.parts`).

A part of a section is about one run or group of seeds and stands at the end of its section. A part of the whole report
stands behind the sections, with a heading of its own. The tests in the comparison are built in `comparison`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from mnist_tui.report.contents.ensembles import ensemble_part
from mnist_tui.report.contents.explanations import explanations_part
from mnist_tui.report.contents.part_contents import PartContents, PartSettings
from mnist_tui.report.contents.robustness import robustness_part
from mnist_tui.report.contents.several_runs import ReportSection
from mnist_tui.report.contents.statistics import statistics_part

SECTION_PARTS: dict[str, Callable[[ReportSection, PartSettings], PartContents | None]] = {"members": ensemble_part}
"""The parts of a section, by their names; None if there is nothing to say."""
WHOLE_PARTS: dict[str, Callable[[PartSettings], PartContents | None]] = {
    "statistics": statistics_part,
    "robustness": robustness_part,
    "explanations": explanations_part,
}
"""The parts of the whole report, by their names, in their order; None if there is nothing to say."""


def section_parts(section: ReportSection, settings: PartSettings, without: Collection[str]) -> list[PartContents]:
    """Return what the parts say at the end of a section, without the parts that are left out."""
    parts = (part(section, settings) for name, part in SECTION_PARTS.items() if name not in without)
    return [contents for contents in parts if contents is not None]


def whole_parts(settings: PartSettings, without: Collection[str]) -> list[PartContents]:
    """Return what the parts of the whole report say, without the parts that are left out."""
    parts = (part(settings) for name, part in WHOLE_PARTS.items() if name not in without)
    return [contents for contents in parts if contents is not None]
