"""What a part of a report adds to it, and what it has to know of the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mnist_tui.report.contents.references import Citations
from mnist_tui.report.contents.several_runs import ReportSection
from mnist_tui.report.figures.drawing import Drawing


@dataclass(frozen=True)
class PartContents:
    """What a part adds to a report.

    Attributes:
        markdown: its text, from `render_template`; figures stand in it by the template filter `figure`.
        drawings: the figures that the text names.
    """

    markdown: str
    drawings: tuple[Drawing, ...] = ()


@dataclass(frozen=True)
class PartSettings:
    """What a part has to know of its report.

    Attributes:
        cite: cites works.
        full: whether the report has the details of each run.
        sections: all sections of the report.
    """

    cite: Citations
    full: bool
    sections: Sequence[ReportSection]
