"""The report as a PDF, set by typst: no TeX, the same bytes on every machine.

Only text with letters that typst's own fonts lack, such as Chinese, is set with the machine's and looks like there.
"""

from __future__ import annotations

import re
from itertools import pairwise

from mnist_tui.report.export import ExportError
from mnist_tui.report.formats import letters, pandoc
from mnist_tui.report.formats.directions import isolated_by_characters, with_directions
from mnist_tui.report.formats.front import seconds_since_1970, time_in_utc
from mnist_tui.report.formats.job import PreparedReport
from mnist_tui.report.formats.pandoc import TEMPLATES
from mnist_tui.report.formats.tables import with_fitted_tables, without_empty_heads
from mnist_tui.report.formats.tree import (
    Node,
    Nodes,
    PlacedFigure,
    node,
    walked,
    with_breaks,
    with_links,
    with_pictures,
)
from mnist_tui.shown_text import isolated

PDF_TABLE_SIZES = ("9pt", "8pt", "7pt")
"""Letters of tables, by their `tables.Fit.size`."""
PDF_LONGEST_WORD = 60
_PLAIN = re.compile(r"[^\W_]+[,;:)]?")
_OWN_FONTS_TEXT = re.compile("[\x00-\u052f\u1e00-\u25ff\u2713\u2717\ufb00-\ufb06\ufffd]*")
"""What typst's own fonts have letters for, about: Latin, Greek, Cyrillic, punctuation, arrows, mathematics."""


def write_pdf(job: PreparedReport) -> bytes:
    """The document.

    Raises:
        ExportError: pandoc or typst failed.
        OSError: a figure cannot be read.
    """
    blocks = with_pictures(job.blocks, job.pictures(lambda name: f"figures/{name}.svg"), _typst_figure)
    blocks = with_breaks(with_links(without_empty_heads(blocks)), PDF_LONGEST_WORD)
    tree = job.tree(
        walked(
            with_directions(with_fitted_tables(_kept_together(blocks), _pdf_table), isolated_by_characters),
            _typst_literal,
        )
    )
    body = pandoc.write_document(tree, "typst", ["--wrap=none", "--syntax-highlighting=none"])
    files = {"main.typ": (TEMPLATES / "report.typ").read_bytes(), "body.typ": body}
    for drawing in job.report.drawings:
        files[f"figures/{drawing.name}.svg"] = (job.figures / f"{drawing.name}.svg").read_bytes()
    return _compile(
        job, files, own_fonts=bool(_OWN_FONTS_TEXT.fullmatch(body.decode() + job.report.title + job.report.author))
    )


def missing_in_pdf_document(job: PreparedReport) -> str:
    """A warning of characters that the PDF shows as boxes; empty where there are none."""
    found = letters.missing_in_pdf(letters.drawn_characters(job.tree(job.blocks)))
    why = "which no font on this machine has"
    return letters.missing_sentence("the PDF", found, why, fonts=True) if found else ""


def _compile(job: PreparedReport, files: dict[str, bytes], *, own_fonts: bool) -> bytes:
    """Title and author are handed over as values: they are never read as typst's language."""
    import typst

    report = job.report
    said = {
        "title": report.title,
        "author": report.author,
        "time": time_in_utc(report.timestamp),
        "shown-title": isolated(report.title),
        "shown-author": isolated(report.author),
    }
    try:
        return typst.compile(
            files,  # pyright: ignore[reportArgumentType]: its stub knows no folder of files
            ignore_system_fonts=own_fonts,
            sys_inputs=said,
            timestamp=seconds_since_1970(report.timestamp),
            format="pdf",
        )
    except RuntimeError as error:
        raise ExportError(
            f"typst could not set the report: {' '.join(str(error).split())[:500]}", refused=False
        ) from None


def _typst_figure(number: int, picture: PlacedFigure, caption: Nodes) -> Nodes:
    drawing = picture.drawing
    image = f"#image({_typst_string(picture.place)}, width: {drawing.millimetres[0]:g}mm, alt: {_typst_string(drawing.alt)})"
    content = [node("Plain", [node("RawInline", ["typst", image])])]
    return [node("Figure", [[f"figure-{number}", [], []], [None, [node("Plain", caption)]], content])]


def _typst_string(text: str) -> str:
    """Text as a literal of typst's."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _kept_together(blocks: Nodes) -> Nodes:
    """A paragraph before a list or code stays on its page: it leads up to it."""
    found: Nodes = []
    for one, following in pairwise([*blocks, node("Null")]):
        leads = one["t"] == "Para" and following["t"] in {"BulletList", "CodeBlock"}
        sticky = [node("RawBlock", ["typst", "#block(sticky: true)["]), one, node("RawBlock", ["typst", "]"])]
        found += sticky if leads else [one]
    return found


def _typst_literal(one: Node) -> Node:
    """A word that typst might read as more than text, as a string; in its language even ``...`` and ``-1`` change."""
    if one["t"] != "Str" or _PLAIN.fullmatch(one["c"]):
        return one
    return node("RawInline", ["typst", f"#{_typst_string(one['c'])};"])


def _pdf_table(size: int, table: Node) -> Nodes:
    opening = node("RawBlock", ["typst", f"#[#set text(size: {PDF_TABLE_SIZES[size]})"])
    return [opening, table, node("RawBlock", ["typst", "]"])]
