"""What every format starts from: the report's tree, read once, and where its figures are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mnist_tui.report.formats import pandoc
from mnist_tui.report.formats.front import clean_report, metadata
from mnist_tui.report.formats.pandoc import Tree
from mnist_tui.report.formats.tree import Nodes, PlacedFigure, with_ids, without_foreign_pictures
from mnist_tui.report.markdown import Report


@dataclass(frozen=True)
class PreparedReport:
    """A report ready to be written.

    Attributes:
        report: cleaned of what is no text.
        version: pandoc's version of its tree.
        blocks: the report's text, its headings with ids, no pictures but its own.
        figures: the folder that holds its figures, ``NAME.svg`` and so on.
    """

    report: Report
    version: tuple[int, ...]
    blocks: Nodes
    figures: Path

    def pictures(self, place: Callable[[str], str]) -> dict[str, PlacedFigure]:
        """The figures by name, each with the place that a document finds it at."""
        return {drawing.name: PlacedFigure(place(drawing.name), drawing) for drawing in self.report.drawings}

    def tree(self, blocks: Nodes) -> Tree:
        """A whole document of some blocks, with title, author and time."""
        return {"pandoc-api-version": [*self.version], "meta": metadata(self.report), "blocks": blocks}


def prepare_report(report: Report, figures: Path) -> PreparedReport:
    """Reads the report's Markdown.

    Raises:
        ExportError: pandoc is not there or failed.
    """
    clean = clean_report(report)
    tree = pandoc.read_markdown(clean.markdown)
    blocks = without_foreign_pictures(with_ids(tree["blocks"]), [drawing.name for drawing in clean.drawings])
    return PreparedReport(clean, tuple(tree["pandoc-api-version"]), blocks, figures)
