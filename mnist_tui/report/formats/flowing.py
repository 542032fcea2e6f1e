"""Write a report as a document without pages: Markdown as GitHub shows it, and one HTML file."""

from __future__ import annotations

import base64
import re
from typing import Any

from mnist_tui.report.formats import pandoc
from mnist_tui.report.formats.pandoc import TEMPLATES, PreparedReport, time_in_utc
from mnist_tui.report.formats.tables import without_empty_heads
from mnist_tui.report.formats.tree import (
    BLOCKS,
    Node,
    Nodes,
    PlacedFigure,
    contents,
    headings,
    inlines,
    isolated_by_attribute,
    isolated_by_characters,
    node,
    numbered_caption,
    numbered_figure,
    slugs,
    text_of,
    walked,
    with_directions,
    with_links,
    with_pictures,
    with_written,
)

MARKDOWN_WRITER = "gfm-tex_math_gfm+subscript"
"""As GitHub reads it, dollars for formulas; a tilde is escaped, for GitHub strikes out between single ones."""


def write_markdown(job: PreparedReport, beside: str) -> bytes:
    """The document.

    Args:
        beside: name of the folder with the figures.

    Raises:
        ExportError: pandoc failed.
    """
    report = job.report
    blocks = with_pictures(job.blocks, job.pictures(lambda name: f"{beside}/{name}.svg"), _markdown_figure)
    found = headings(blocks)
    anchors = slugs([report.title, *(text_of(title) for _, _, title in found)])[1:]
    names = {name: anchor for (_, name, _), anchor in zip(found, anchors, strict=True)}
    made = " · ".join(part for part in (report.author, time_in_utc(report.timestamp)) if part)
    head = [node("Header", [1, ["", [], []], inlines(report.title)]), node("Para", inlines(made))]
    text = with_links([*head, *contents(blocks), *walked(blocks, _lowered_heading, BLOCKS)], names)
    text = with_written(walked(with_directions(text, isolated_by_characters), _entities), "\\", "gfm", "\\\\")
    text = walked(text, _dashes)
    return pandoc.write_document(job.tree(text), MARKDOWN_WRITER, ["--wrap=none"])


_ENTITY = re.compile(r"(&)(?=#?\w+;)")
"""What would be read as another character; pandoc leaves it."""


def _entities(one: Node) -> Any:
    """Text that looks like a character's name in HTML, such as ``&amp;``, with its first character escaped."""
    if one["t"] != "Str" or not _ENTITY.search(one["c"]):
        return one
    pieces = _ENTITY.split(one["c"])
    return [node("RawInline", ["gfm", "\\&"]) if piece == "&" else node("Str", piece) for piece in pieces if piece]


def _dashes(one: Node) -> Any:
    """A word of dashes begins with an escaped one, which pandoc leaves out: alone in its paragraph it were a rule."""
    if one["t"] != "Str" or len(one["c"]) < 2 or one["c"].strip("-"):
        return one
    return [node("RawInline", ["gfm", "\\-"]), node("Str", one["c"][1:])]


def _markdown_figure(number: int, picture: PlacedFigure, caption: Nodes) -> Nodes:
    image = node("Image", [["", [], []], inlines(picture.drawing.alt), [picture.place, ""]])
    return [node("Para", [image]), node("Para", numbered_caption(number, caption))]


def _lowered_heading(one: Node) -> Node:
    """Headings one level deeper, for the title is the first, and without ids, which GitHub does not know."""
    if one["t"] != "Header":
        return one
    level, _, title = one["c"]
    return node("Header", [min(level + 1, 6), ["", [], []], title])


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
