"""The report as one HTML file that needs no other: style and figures inside, formulas as MathML."""

from __future__ import annotations

import base64

from mnist_tui.report.formats import pandoc
from mnist_tui.report.formats.directions import isolated_by_attribute, with_directions
from mnist_tui.report.formats.job import PreparedReport
from mnist_tui.report.formats.pandoc import TEMPLATES
from mnist_tui.report.formats.tables import without_empty_heads
from mnist_tui.report.formats.tree import BLOCKS, Node, node, numbered_figure, walked, with_links, with_pictures

HTML_OPTIONS = (
    "--standalone",
    f"--template={TEMPLATES / 'report.html'}",
    "--mathml",
    "--toc",
    "--toc-depth=3",
    "--number-sections",
    "--shift-heading-level-by=1",
    "--wrap=none",
    "--syntax-highlighting=none",
)


def write_html(job: PreparedReport) -> bytes:
    """The document.

    Raises:
        ExportError: pandoc failed.
        OSError: a figure cannot be read.
    """
    blocks = with_pictures(job.blocks, job.pictures(lambda name: _data_url(job, name)), numbered_figure)
    blocks = walked(with_links(without_empty_heads(blocks)), _scrolling, BLOCKS)
    tree = with_directions(job.tree(blocks), isolated_by_attribute)
    style = (TEMPLATES / "report.css").read_text(encoding="utf-8")
    tree["meta"]["style"] = node("MetaBlocks", [node("RawBlock", ["html", style])])
    return pandoc.write_document(tree, "html5", HTML_OPTIONS)


def _data_url(job: PreparedReport, name: str) -> str:
    svg = (job.figures / f"{name}.svg").read_bytes()
    return f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"


def _scrolling(one: Node) -> Node:
    """Tables too wide for a screen scroll in a box of their own."""
    return node("Div", [["", ["table"], []], [one]]) if one["t"] == "Table" else one
