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
    transformed,
    with_directions,
    with_links,
    with_pictures,
    with_raw_character,
)

MARKDOWN_WRITER = "gfm-tex_math_gfm+subscript"
"""GitHub's Markdown with dollars for formulas; tildes are escaped, as GitHub strikes out text between them."""


def write_markdown(prepared: PreparedReport, beside: str) -> bytes:
    """Return the report in Markdown.

    Args:
        prepared: the report.
        beside: name of the folder with the figures.

    Raises:
        ExportError: pandoc failed.
    """
    report = prepared.report
    blocks = with_pictures(prepared.blocks, prepared.pictures(lambda name: f"{beside}/{name}.svg"), _markdown_figure)
    found = headings(blocks)
    anchors = slugs([report.title, *(text_of(title) for _, _, title in found)])[1:]
    names = {name: anchor for (_, name, _), anchor in zip(found, anchors, strict=True)}
    made = " · ".join(part for part in (report.author, time_in_utc(report.timestamp)) if part)
    head = [node("Header", [1, ["", [], []], inlines(report.title)]), node("Para", inlines(made))]
    text = with_links([*head, *contents(blocks), *transformed(blocks, _lowered_heading, BLOCKS)], names)
    text = with_raw_character(
        transformed(with_directions(text, isolated_by_characters), _entities), "\\", "gfm", "\\\\"
    )
    text = transformed(text, _dashes)
    return pandoc.write_document(prepared.tree(text), MARKDOWN_WRITER, ["--wrap=none"])


_ENTITY = re.compile(r"(&)(?=#?\w+;)")
"""Text that would be read as an HTML entity; pandoc does not escape it."""


def _entities(one: Node) -> Any:
    """Escape text that looks like an HTML entity, such as ``&amp;``."""
    if one["t"] != "Str" or not _ENTITY.search(one["c"]):
        return one
    pieces = _ENTITY.split(one["c"])
    return [node("RawInline", ["gfm", "\\&"]) if piece == "&" else node("Str", piece) for piece in pieces if piece]


def _dashes(one: Node) -> Any:
    """Escape the first dash of a word of dashes: alone in a paragraph it would be read as a rule."""
    if one["t"] != "Str" or len(one["c"]) < 2 or one["c"].strip("-"):
        return one
    return [node("RawInline", ["gfm", "\\-"]), node("Str", one["c"][1:])]


def _markdown_figure(number: int, picture: PlacedFigure, caption: Nodes) -> Nodes:
    image = node("Image", [["", [], []], inlines(picture.drawing.alt), [picture.place, ""]])
    return [node("Para", [image]), node("Para", numbered_caption(number, caption))]


def _lowered_heading(one: Node) -> Node:
    """Move a heading one level down, since the title is the first, and drop its id, which GitHub does not read."""
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


def write_html(prepared: PreparedReport) -> bytes:
    """Return the report as one HTML file: style and figures inside, formulas as MathML.

    Raises:
        ExportError: pandoc failed.
        OSError: a figure cannot be read.
    """
    blocks = with_pictures(prepared.blocks, prepared.pictures(lambda name: _data_url(prepared, name)), numbered_figure)
    blocks = transformed(with_links(without_empty_heads(blocks)), _scrolling, BLOCKS)
    tree = with_directions(prepared.tree(blocks), isolated_by_attribute)
    style = (TEMPLATES / "report.css").read_text(encoding="utf-8")
    tree["meta"]["style"] = node("MetaBlocks", [node("RawBlock", ["html", style])])
    return pandoc.write_document(tree, "html5", HTML_OPTIONS)


def _data_url(prepared: PreparedReport, name: str) -> str:
    svg = (prepared.figures / f"{name}.svg").read_bytes()
    return f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"


def _scrolling(one: Node) -> Node:
    """Put a table in a box that scrolls where the screen is too narrow."""
    return node("Div", [["", ["table"], []], [one]]) if one["t"] == "Table" else one
