"""Write a report as a document: Markdown, HTML, Word, LaTeX and PDF."""

from __future__ import annotations

import base64
import json
import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from mnist_tui.report import tabular
from mnist_tui.report.export import ExportError
from mnist_tui.report.figures.drawing import Drawing
from mnist_tui.report.formats import pandoc
from mnist_tui.report.formats.pandoc import TEMPLATES, PreparedReport, seconds_since_1970, time_in_utc
from mnist_tui.report.formats.tables import with_cells, with_fitted_tables, without_empty_heads
from mnist_tui.report.formats.tree import (
    BLOCKS,
    BREAK,
    Node,
    Nodes,
    PlacedFigure,
    captioned_figure,
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
    with_breaks,
    with_directions,
    with_links,
    with_pictures,
    with_raw_character,
)
from mnist_tui.shown_text import isolated
from mnist_tui.wording import listed, noun

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


MOST_NAMED = 8
"""The most characters that a warning names."""
_WITHOUT_SHAPE = ("C", "Z", "M")
"""Categories of characters that are not drawn on their own: controls, spaces, combining marks."""
_TYPST_CHARACTERS = re.compile("[\x00-\u052f\u1e00-\u25ff\u2713\u2717\ufb00-\ufb06\ufffd]")
"""About the characters of typst's own fonts: Latin, Greek, Cyrillic, punctuation, arrows, mathematics."""
_FONTS = {"CJK": "Noto Sans CJK", "HIRAGANA": "Noto Sans CJK", "KATAKANA": "Noto Sans CJK", "HANGUL": "Noto Sans CJK"}
_SCRIPTS = frozenset((
    "ARABIC", "ARMENIAN", "BENGALI", "DEVANAGARI", "ETHIOPIC", "GEORGIAN", "GUJARATI", "GURMUKHI", "HEBREW",
    "KANNADA", "KHMER", "LAO", "MALAYALAM", "MONGOLIAN", "MYANMAR", "ORIYA", "SINHALA", "SYRIAC", "TAMIL", "TELUGU",
    "THAANA", "THAI", "TIBETAN",
))  # fmt: skip
"""Scripts that have a Noto font of their name."""


def drawn_characters(tree: Any) -> set[str]:
    """Return the characters of a tree's texts that are drawn and are not ASCII."""
    return _drawn_in(json.dumps(tree, ensure_ascii=False))


def _drawn_in(text: str) -> set[str]:
    """Return the characters of a text that are drawn and are not ASCII."""
    return {char for char in set(text) if not char.isascii() and unicodedata.category(char)[0] not in _WITHOUT_SHAPE}


def missing_in_figures(drawings: Iterable[Drawing]) -> set[str]:
    """Return the characters of figures that Matplotlib's font may lack."""
    texts = (f"{one.alt} {one.data.headings} {one.data.rows}" for one in drawings)
    found = {char for text in texts for char in _drawn_in(text)}
    return found and found - _figure_font_characters()


def missing_in_pdf(found: set[str]) -> set[str]:
    """Return the characters that neither typst's own fonts nor those of this machine have."""
    import typst

    left = {char for char in found if not _TYPST_CHARACTERS.match(char)}
    for font in typst.Fonts(include_system_fonts=True).fonts() if left else ():
        if not left:
            break
        if font.path:
            left -= _font_characters(Path(font.path), font.index)
    return left


@cache
def _figure_font_characters() -> frozenset[str]:
    import matplotlib

    return _font_characters(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", 0)


@cache
def _font_characters(path: Path, index: int) -> frozenset[str]:
    """Return the characters of a font; none if it cannot be read."""
    from fontTools.ttLib import TTFont, TTLibError

    try:
        with TTFont(path, fontNumber=index, lazy=True) as font:
            return frozenset(map(chr, font.getBestCmap() or ()))
    except (OSError, TTLibError, AssertionError, ValueError):
        return frozenset()


def font_with(char: str) -> str:
    """Return the name of a free font that has a character."""
    script = unicodedata.name(char, "").partition(" ")[0]
    if script in _FONTS:
        return _FONTS[script]
    if script in _SCRIPTS:
        return f"Noto Sans {script.capitalize()}"
    return "Noto Sans Symbols" if unicodedata.category(char) == "So" else "GNU Unifont"


def missing_sentence(where: str, lacking: set[str], why: str, *, fonts: bool) -> str:
    """Return the warning that a document shows boxes.

    Args:
        where: the document.
        lacking: the characters.
        why: ``which no font on this machine has``.
        fonts: whether to name fonts that would help.
    """
    some = sorted(lacking)
    named = ", ".join(f"{char} (U+{ord(char):04X})" for char in some[:MOST_NAMED])
    more = f" and {len(some) - MOST_NAMED} more" if len(some) > MOST_NAMED else ""
    told = f"{where} shows boxes instead of {named}{more}, {why}"
    names = list(dict.fromkeys(map(font_with, some)))
    return f"{told}; {listed(names)} {noun(names, 'has', 'have')} them" if fonts else told


DOCX_OPTIONS = ("--number-sections", "--syntax-highlighting=none", f"--reference-doc={TEMPLATES / 'reference.docx'}")
"""The reference document is pandoc's own with A4 pages, smaller letters, and a style for each size of table text."""
DOCX_TABLE_STYLES = ("Table 9", "Table 8", "Table 7")
"""The styles of table text, by `TableLayout.size`."""
DOCX_PAGE = (80, 92, 106)
"""Characters across the page in those styles; fewer than elsewhere, since the reader may lack the font."""


def write_docx(prepared: PreparedReport) -> bytes:
    """Return the report as a Word document: figures as pictures, a table of contents made of links.

    pandoc may read files here to put the figures in; nothing else in the text names a file.

    Raises:
        ExportError: pandoc failed.
    """
    blocks = with_pictures(prepared.blocks, prepared.pictures(lambda name: f"{name}.png"), numbered_figure)
    blocks = with_fitted_tables(without_empty_heads(blocks), _docx_table, DOCX_PAGE, always=True)
    tree = with_directions(prepared.tree(with_links([*contents(blocks), *blocks])), isolated_by_attribute)
    return pandoc.write_document(
        tree, "docx", DOCX_OPTIONS, epoch=seconds_since_1970(prepared.report.timestamp), folder=prepared.figures
    )


def _docx_table(size: int, table: Node) -> Nodes:
    """Set a table's words in a style of letters; cells and links have styles of pandoc's own."""
    style = ["", [], [["custom-style", DOCX_TABLE_STYLES[size]]]]

    def small(one: Node) -> Node:
        return node("Span", [style, [one]]) if one["t"] in {"Str", "Space", "Code"} else one

    return [with_cells(table, lambda blocks, _: transformed(blocks, small))]


LATEX_OPTIONS = ("--standalone", f"--template={TEMPLATES / 'report.tex'}", "--wrap=none", "--syntax-highlighting=none")
LATEX_TABLE_SIZES = (r"\small", r"\footnotesize", r"\scriptsize")
"""The sizes of table text, by `TableLayout.size`."""
LATEX_LONGEST_WORD = 40
FIRST_OF_CJK = "\u2e80"
LATIN = "\u024f"
"""The last of the letters that LaTeX composes of others."""
LATEX_OF = {BREAK: r"\hskip0pt\relax", "✓": r"\ensuremath{\checkmark}", "▲": r"\ensuremath{\blacktriangle}"}
"""LaTeX for characters that need this document's packages, or that `latex_symbol` does not know."""


def write_latex(prepared: PreparedReport, beside: str) -> bytes:
    """Return the report as LaTeX that compiles with pdfLaTeX and the packages of every distribution.

    Args:
        prepared: the report.
        beside: name of the folder with the figures, as pdf.

    Raises:
        ExportError: pandoc failed.
    """
    blocks = with_pictures(prepared.blocks, prepared.pictures(lambda name: f"{beside}/{name}.pdf"), captioned_figure)
    blocks = with_breaks(with_links(without_empty_heads(blocks)), LATEX_LONGEST_WORD)
    blocks = with_raw_character(blocks, "`", "latex", r"\textasciigrave{}")
    blocks = transformed(with_fitted_tables(blocks, _latex_table), _code_lines, BLOCKS)
    tree = prepared.tree(blocks)
    tree["meta"]["symbols"] = node("MetaBlocks", [node("RawBlock", ["latex", symbol_declarations(non_ascii(tree))])])
    return pandoc.write_document(tree, "latex", LATEX_OPTIONS)


def missing_in_latex(prepared: PreparedReport) -> str:
    """Return a warning of characters that pdfLaTeX prints as their numbers; empty where there are none."""
    found = {
        char
        for char in drawn_characters(prepared.tree(prepared.blocks))
        if _is_foreign(char) and "nosuch" in latex_of(char)
    }
    why = "for which pdfLaTeX's usual fonts have no letters; the other formats show them"
    return missing_sentence("the LaTeX document", found, why, fonts=False) if found else ""


def _is_foreign(char: str) -> bool:
    """Tell whether a character is a letter of a script that LaTeX lacks, or a picture; it has most other signs."""
    return char > LATIN and (unicodedata.category(char).startswith("L") or char >= FIRST_OF_CJK)


def _latex_table(size: int, table: Node) -> Nodes:
    opening = node("RawBlock", ["latex", rf"\begingroup{LATEX_TABLE_SIZES[size]}"])
    return [opening, table, node("RawBlock", ["latex", r"\endgroup"])]


def _code_lines(one: Node) -> Any:
    """Write code as lines that wrap; each starts with an empty box, so that its leading spaces stay."""
    if one["t"] != "CodeBlock":
        return one
    content: Nodes = []
    for line in one["c"][1].split("\n"):
        content += [
            node("LineBreak"),
            node("RawInline", ["latex", r"\mbox{}"]),
            node("Code", [["", [], []], line.expandtabs(4)]),
        ]
    return [
        node("RawBlock", ["latex", r"\begin{codelines}"]),
        node("Para", content[1:]),
        node("RawBlock", ["latex", r"\end{codelines}"]),
    ]


def non_ascii(tree: Any) -> list[str]:
    """Return the characters of a tree that are not ASCII, sorted."""
    return sorted({char for char in json.dumps(tree, ensure_ascii=False) if not char.isascii()})


def symbol_declarations(found: list[str]) -> str:
    """Declare what pdfLaTeX prints for characters: mathematics, nothing, or the code point in a box."""
    return "\n".join(rf"  \symbolfor{{{char}}}{{{ord(char):04X}}}{{{latex_of(char)}}}" for char in found)


def latex_of(char: str) -> str:
    """Return a character as LaTeX that needs only the usual fonts."""
    said = LATEX_OF.get(char, tabular.latex_symbol(char))
    return said if said is not None else rf"\nosuchletter{{{ord(char):04X}}}"


PDF_TABLE_SIZES = ("9pt", "8pt", "7pt")
"""The sizes of table text, by `TableLayout.size`."""
PDF_LONGEST_WORD = 60
_PLAIN = re.compile(r"[^\W_]+[,;:)]?")


def write_pdf(prepared: PreparedReport) -> bytes:
    """Return the report as a PDF, set by typst: without TeX, and with the same bytes on every machine.

    Only a text with letters that typst's own fonts lack, such as Chinese, is set with the fonts of the machine.

    Raises:
        ExportError: pandoc or typst failed.
        OSError: a figure cannot be read.
    """
    blocks = with_pictures(prepared.blocks, prepared.pictures(lambda name: f"figures/{name}.svg"), _typst_figure)
    blocks = with_breaks(with_links(without_empty_heads(blocks)), PDF_LONGEST_WORD)
    tree = prepared.tree(
        transformed(
            with_directions(with_fitted_tables(_kept_together(blocks), _pdf_table), isolated_by_characters),
            _typst_literal,
        )
    )
    body = pandoc.write_document(tree, "typst", ["--wrap=none", "--syntax-highlighting=none"])
    files = {"main.typ": (TEMPLATES / "report.typ").read_bytes(), "body.typ": body}
    for drawing in prepared.report.drawings:
        files[f"figures/{drawing.name}.svg"] = (prepared.figures / f"{drawing.name}.svg").read_bytes()
    text = set(body.decode() + prepared.report.title + prepared.report.author)
    return _compile(prepared, files, own_fonts=all(map(_TYPST_CHARACTERS.match, text)))


def missing_in_pdf_document(prepared: PreparedReport) -> str:
    """Return a warning of characters that the PDF shows as boxes; empty where there are none."""
    found = missing_in_pdf(drawn_characters(prepared.tree(prepared.blocks)))
    why = "which no font on this machine has"
    return missing_sentence("the PDF", found, why, fonts=True) if found else ""


def _compile(prepared: PreparedReport, files: dict[str, bytes], *, own_fonts: bool) -> bytes:
    """Compile with typst; title and author are passed as values, so that they are never read as its language."""
    import typst

    report = prepared.report
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
    place, alt = _typst_string(picture.place), _typst_string(drawing.alt)
    image = f"#image({place}, width: {drawing.millimetres[0]:g}mm, alt: {alt})"
    content = [node("Plain", [node("RawInline", ["typst", image])])]
    return [node("Figure", [[f"figure-{number}", [], []], [None, [node("Plain", caption)]], content])]


def _typst_string(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _kept_together(blocks: Nodes) -> Nodes:
    """Keep a paragraph before a list or code on the same page as that."""
    found: Nodes = []
    for one, following in pairwise([*blocks, node("Null")]):
        leads = one["t"] == "Para" and following["t"] in {"BulletList", "CodeBlock"}
        sticky = [node("RawBlock", ["typst", "#block(sticky: true)["]), one, node("RawBlock", ["typst", "]"])]
        found += sticky if leads else [one]
    return found


def _typst_literal(one: Node) -> Node:
    """Write a word as a string where typst might read it as its language: even ``...`` and ``-1`` change there."""
    if one["t"] != "Str" or _PLAIN.fullmatch(one["c"]):
        return one
    return node("RawInline", ["typst", f"#{_typst_string(one['c'])};"])


def _pdf_table(size: int, table: Node) -> Nodes:
    opening = node("RawBlock", ["typst", f"#[#set text(size: {PDF_TABLE_SIZES[size]})"])
    return [opening, table, node("RawBlock", ["typst", "]"])]
