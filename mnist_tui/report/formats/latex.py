"""Write a report as LaTeX for pdfLaTeX; LaTeX counts tables and figures, which stand where the text has them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from mnist_tui.report import tabular
from mnist_tui.report.formats import numbering, tree
from mnist_tui.report.formats.tree import BARE, Node, Nodes, elements, node, text_of, transformed
from mnist_tui.report.formats.writers import PreparedReport, drawn_in, missing_sentence, picture

TABLE_SIZES = ("9.5}{11.5", "8.5}{10.5", "7.5}{9.5")
"""The sizes of letters and lines in tables, in points, by `TableLayout.size`."""
LONGEST_WORD = 40
MOST_LINES = 48
"""The lines of the longest table that fits on a page; longer ones are broken between rows, and repeat their head."""
LATIN, FIRST_OF_CJK = "\u024f", "\u2e80"
"""The last letter that LaTeX composes of Latin ones, and the first of the characters that LaTeX lacks altogether."""
LATEX_OF = {tree.BREAK: r"\hskip0pt\relax", "✓": r"\ensuremath{\checkmark}", "▲": r"\ensuremath{\blacktriangle}"}
"""LaTeX for characters that need this document's packages, or that `latex_symbol` does not know."""


def write_latex(prepared: PreparedReport, beside: str) -> bytes:
    """Return the report as LaTeX; it uses only packages that every TeX distribution includes."""
    blocks = prepared.with_pictures(lambda drawing: picture(drawing, f"{beside}/{drawing.name}.pdf", width=True))
    blocks = prepared.linked(numbering.with_references(blocks, prepared.labels, _reference))
    blocks = tree.with_breaks(tree.without_empty_heads(blocks), LONGEST_WORD)
    blocks = tree.with_raw_text(blocks, "`", "latex", r"\textasciigrave{}")
    blocks = transformed(tree.with_fitted_tables(blocks, _table), {"CodeBlock": _code_lines})
    document = prepared.tree(blocks)
    letters = sorted({char for char in json.dumps(document, ensure_ascii=False) if not char.isascii()})
    symbols = "\n".join(rf"  \symbolfor{{{char}}}{{{ord(char):04X}}}{{{latex_of(char)}}}" for char in letters)
    document["meta"]["symbols"] = node("MetaBlocks", [node("RawBlock", ["latex", symbols])])
    return prepared.write(document, "latex", template="report.tex")


def missing_in_latex(prepared: PreparedReport) -> str:
    """Return a warning about characters that pdfLaTeX prints as their numbers; empty if there are none."""
    foreign = {char for char in drawn_in(prepared) if char > LATIN and (char.isalpha() or char >= FIRST_OF_CJK)}
    lacking = {char for char in foreign if "nosuch" in latex_of(char)}
    why = "for which pdfLaTeX's usual fonts have no letters; the other formats show them"
    return missing_sentence("the LaTeX document", lacking, why)


def latex_of(char: str) -> str:
    """Return a character as LaTeX that needs only the usual fonts: mathematics, nothing, or its number in a box."""
    text = LATEX_OF.get(char, tabular.latex_symbol(char))
    return text if text is not None else rf"\nosuchletter{{{ord(char):04X}}}"


def _raw(code: str) -> Node:
    return node("RawInline", ["latex", code])


def _reference(anchor: str, label: str) -> Nodes:
    kind = label.partition(numbering.NO_BREAK)[0]
    return [_raw(rf"\hyperref[{anchor}]{{{kind}~\ref*{{{anchor}}}}}")]


def _table(size: int, table: Node) -> Nodes:
    """Return a table of one piece, or one that is broken between rows if it is longer than a page.

    A table without a caption stays where it is; one with a footnote is a longtable, as others lose footnotes.
    """
    (anchor, _, _), (_, caption), columns, (_, head), bodies, _ = table["c"]
    rows = [row for body in bodies for row in body[3]]
    across = "".join(_column(align["t"], width) for align, width in columns)
    long = _lines(columns, rows) > MOST_LINES or any(element["t"] == "Note" for element in elements(table))
    titled = [_raw(r"\caption{"), *caption[0]["c"], _raw(rf"}}\label{{{anchor}}}")] if anchor else []
    heads, body = [*_rows(head), _raw(r"\midrule ")] if head else [], _rows(rows)
    letters = rf"\fontsize{{{TABLE_SIZES[size]}}}\selectfont "
    if long:
        end = _raw(r"\tabularnewline ") if titled else _raw("")
        opening = "" if titled else r"\def\LTcaptype{none}"
        start = _raw(rf"{{{opening}{letters}\begin{{longtable}}[l]{{@{{}}{across}@{{}}}}")
        top, first = _raw(r"\toprule "), [*titled, end]
        repeated = [
            *first,
            top,
            *heads,
            _raw(r"\endfirsthead "),
            top,
            *heads,
            _raw(r"\endhead\bottomrule\endlastfoot "),
        ]
        return [node("Para", [start, *repeated, *body, _raw(r"\end{longtable}}")])]
    inside = [_raw(rf"{letters}\begin{{tabular}}{{@{{}}{across}@{{}}}}\toprule "), *heads, *body]
    closed = [*inside, _raw(r"\bottomrule\end{tabular}")]
    if titled:
        return [node("Para", [_raw(r"\begin{table}"), *titled, *closed, _raw(r"\end{table}")])]
    return [node("Para", [_raw("{"), *closed, _raw(r"\par}")])]


def _column(alignment: str, width: Node) -> str:
    right = alignment == "AlignRight"
    if width["t"] == "ColWidthDefault":
        return "r" if right else "l"
    ragged = r"\raggedleft" if right else r"\raggedright"
    return rf">{{{ragged}\arraybackslash}}p{{\dimexpr{width['c']:g}\linewidth-2\tabcolsep\relax}}"


def _rows(rows: Sequence[Any]) -> Nodes:
    content: Nodes = []
    for _, cells in rows:
        for at, cell in enumerate(cells):
            content += [_raw(" & ")] if at else []
            content += [inline for block in cell[4] for inline in block["c"]]
        content.append(_raw("\\tabularnewline\n"))
    return content


def _lines(columns: Sequence[Any], rows: Sequence[Any]) -> int:
    """Return about how many lines a table's rows have."""
    room = [tree.PAGE[0] * width["c"] if width["t"] == "ColWidth" else tree.PAGE[0] for _, width in columns]
    return sum(
        max((1 + int(len(text_of(cell[4])) / most) for cell, most in zip(cells, room, strict=False)), default=1)
        for _, cells in rows
    )


def _code_lines(element: Node) -> Nodes:
    """Return code as lines that wrap; each line starts with an empty box, so that leading spaces stay."""
    content: Nodes = []
    for line in element["c"][1].split("\n"):
        content += [node("LineBreak"), _raw(r"\mbox{}"), node("Code", [BARE, line.expandtabs(4)])]
    return tree.wrapped("latex", r"\begin{codelines}", node("Para", content[1:]), r"\end{codelines}")
