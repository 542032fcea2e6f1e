"""The report as LaTeX that compiles with pdfLaTeX and the packages of every distribution; figures as pdf beside it."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

from mnist_tui.report import tex_letters
from mnist_tui.report.formats import letters, pandoc
from mnist_tui.report.formats.job import PreparedReport
from mnist_tui.report.formats.pandoc import TEMPLATES
from mnist_tui.report.formats.tables import with_fitted_tables, without_empty_heads
from mnist_tui.report.formats.tree import (
    BLOCKS,
    BREAK,
    Node,
    Nodes,
    captioned_figure,
    node,
    walked,
    with_breaks,
    with_links,
    with_pictures,
    with_written,
)

LATEX_OPTIONS = ("--standalone", f"--template={TEMPLATES / 'report.tex'}", "--wrap=none", "--syntax-highlighting=none")
LATEX_TABLE_SIZES = (r"\small", r"\footnotesize", r"\scriptsize")
"""Letters of tables, by their `tables.Fit.size`."""
LATEX_LONGEST_WORD = 40
FIRST_OF_CJK = "\u2e80"
LATIN = "\u024f"
"""The last of the letters that LaTeX puts together from others."""
LATEX_OF = {BREAK: r"\hskip0pt\relax", "✓": r"\ensuremath{\checkmark}", "▲": r"\ensuremath{\blacktriangle}"}
"""What needs this document's packages, or is not said by `tex_letters`."""


def write_latex(job: PreparedReport, beside: str) -> bytes:
    """The document.

    Args:
        beside: name of the folder with the figures.

    Raises:
        ExportError: pandoc failed.
    """
    blocks = with_pictures(job.blocks, job.pictures(lambda name: f"{beside}/{name}.pdf"), captioned_figure)
    blocks = with_breaks(with_links(without_empty_heads(blocks)), LATEX_LONGEST_WORD)
    blocks = with_written(blocks, "`", "latex", r"\textasciigrave{}")
    blocks = walked(with_fitted_tables(blocks, _latex_table), _code_lines, BLOCKS)
    tree = job.tree(blocks)
    tree["meta"]["symbols"] = node("MetaBlocks", [node("RawBlock", ["latex", symbol_declarations(non_ascii(tree))])])
    return pandoc.write_document(tree, "latex", LATEX_OPTIONS)


def missing_in_latex(job: PreparedReport) -> str:
    """A warning of characters that pdfLaTeX prints as their numbers; empty where there are none."""
    found = {
        char
        for char in letters.drawn_characters(job.tree(job.blocks))
        if _is_foreign(char) and "nosuch" in latex_of(char)
    }
    why = "for which pdfLaTeX's usual fonts have no letters; the other formats show them"
    return letters.missing_sentence("the LaTeX document", found, why, fonts=False) if found else ""


def _is_foreign(char: str) -> bool:
    """Whether a character is one of another script than LaTeX's own, or a picture; it has most other signs."""
    return char > LATIN and (unicodedata.category(char).startswith("L") or char >= FIRST_OF_CJK)


def _latex_table(size: int, table: Node) -> Nodes:
    opening = node("RawBlock", ["latex", rf"\begingroup{LATEX_TABLE_SIZES[size]}"])
    return [opening, table, node("RawBlock", ["latex", r"\endgroup"])]


def _code_lines(one: Node) -> Any:
    """Code as lines that wrap, which LaTeX's own verbatim does not; each begins with a box, for its blanks to stay."""
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
    """Everything in a tree that is not ASCII, in order."""
    return sorted({char for char in json.dumps(tree, ensure_ascii=False) if not char.isascii()})


def symbol_declarations(found: list[str]) -> str:
    """What pdfLaTeX prints for characters that it does not know: mathematics, nothing, or the code point in a box."""
    return "\n".join(rf"  \symbolfor{{{char}}}{{{ord(char):04X}}}{{{latex_of(char)}}}" for char in found)


def latex_of(char: str) -> str:
    """A character as LaTeX that needs no font beyond the usual ones."""
    said = LATEX_OF.get(char, tex_letters.latex_symbol(char))
    return said if said is not None else rf"\nosuchletter{{{ord(char):04X}}}"
