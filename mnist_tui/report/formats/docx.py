"""The report as a Word document: figures as pictures of 200 dots an inch, a table of contents of links."""

from __future__ import annotations

from mnist_tui.report.formats import pandoc
from mnist_tui.report.formats.directions import isolated_by_attribute, with_directions
from mnist_tui.report.formats.front import seconds_since_1970
from mnist_tui.report.formats.job import PreparedReport
from mnist_tui.report.formats.pandoc import TEMPLATES
from mnist_tui.report.formats.tables import with_cells, with_fitted_tables, without_empty_heads
from mnist_tui.report.formats.tree import (
    Node,
    Nodes,
    contents,
    node,
    numbered_figure,
    walked,
    with_links,
    with_pictures,
)

DOCX_OPTIONS = ("--number-sections", "--syntax-highlighting=none", f"--reference-doc={TEMPLATES / 'reference.docx'}")
"""The reference is pandoc's own with A4 pages, smaller letters, and a style for each size of a table's letters."""
DOCX_TABLE_STYLES = ("Table 9", "Table 8", "Table 7")
"""Letters in tables, by their `tables.Fit.size`."""
DOCX_PAGE = (80, 92, 106)
"""Characters across the page in those styles; fewer than elsewhere, for the reader may lack the font."""


def write_docx(job: PreparedReport) -> bytes:
    """The document. pandoc may read files here, for it has to put the figures in; no other place of the text names one.

    Raises:
        ExportError: pandoc failed.
    """
    blocks = with_pictures(job.blocks, job.pictures(lambda name: f"{name}.png"), numbered_figure)
    blocks = with_fitted_tables(without_empty_heads(blocks), _docx_table, DOCX_PAGE, always=True)
    tree = with_directions(job.tree(with_links([*contents(blocks), *blocks])), isolated_by_attribute)
    return pandoc.write_document(
        tree, "docx", DOCX_OPTIONS, epoch=seconds_since_1970(job.report.timestamp), folder=job.figures
    )


def _docx_table(size: int, table: Node) -> Nodes:
    """The table with its words in a style for letters, since pandoc has its own for links and for cells."""
    style = ["", [], [["custom-style", DOCX_TABLE_STYLES[size]]]]

    def small(one: Node) -> Node:
        return node("Span", [style, [one]]) if one["t"] in {"Str", "Space", "Code"} else one

    return [with_cells(table, lambda blocks, _: walked(blocks, small))]
