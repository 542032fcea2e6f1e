"""The report as LaTeX that compiles with pdfLaTeX and the packages of every distribution; figures as pdf beside it."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

from mnist_tui.report.formats import pandoc
from mnist_tui.report.formats.job import Job
from mnist_tui.report.formats.tables import fitted, without_empty_heads
from mnist_tui.report.formats.tree import (
    BREAK,
    Node,
    Nodes,
    figure,
    node,
    walked,
    with_breaks,
    with_links,
    with_pictures,
    with_written,
)

OPTIONS = ("--standalone", "--template=report.tex", "--wrap=none", "--syntax-highlighting=none")
SIZES = (r"\small", r"\footnotesize", r"\scriptsize")
"""Letters of tables, by their `tables.Fit.size`."""
LONGEST_WORD = 40
SYMBOLS = {
    "−": "-", "×": r"\times", "·": r"\cdot", "±": r"\pm", "≤": r"\le", "≥": r"\ge", "≠": r"\ne", "≈": r"\approx",
    "→": r"\to", "←": r"\leftarrow", "↑": r"\uparrow", "↓": r"\downarrow", "∞": r"\infty", "∑": r"\sum",
    "√": r"\surd", "∂": r"\partial", "∈": r"\in", "⋅": r"\cdot", "⁻": "^-",
    "∅": r"\emptyset", "∩": r"\cap", "∪": r"\cup", "╲": r"\backslash", "✓": r"\checkmark",
    "▲": r"\blacktriangle", "●": r"\bullet", "ε": r"\varepsilon", "ϕ": r"\phi", "φ": r"\varphi", "ς": r"\varsigma",
}  # fmt: skip
"""Characters that pdfLaTeX's fonts may lack, as mathematics."""
POWERS = {"<super>": "^", "<sub>": "_"}
_GREEK = re.compile(r"GREEK (SMALL|CAPITAL) LETTER (\w+)$")
_AS_LATIN = {"ALPHA": "A", "BETA": "B", "EPSILON": "E", "ZETA": "Z", "ETA": "H", "IOTA": "I", "KAPPA": "K", "MU": "M",
             "NU": "N", "OMICRON": "O", "RHO": "P", "TAU": "T", "CHI": "X"}  # fmt: skip
"""Greek capitals for which TeX has no command, since they look so."""


def write(job: Job, beside: str) -> bytes:
    """The document.

    Args:
        beside: name of the folder with the figures.

    Raises:
        ExportError: pandoc failed.
    """
    blocks = with_pictures(job.blocks, job.pictures(lambda name: f"{beside}/{name}.pdf"), figure)
    blocks = with_breaks(with_links(without_empty_heads(blocks)), LONGEST_WORD)
    blocks = with_written(blocks, "`", "latex", r"\textasciigrave{}")
    blocks = walked(fitted(blocks, _sized), _lines)
    tree = job.tree(blocks)
    tree["meta"]["symbols"] = node("MetaBlocks", [node("RawBlock", ["latex", declarations(characters(tree))])])
    return pandoc.write(tree, "latex", OPTIONS)


def _sized(size: int, table: Node) -> Nodes:
    opening = node("RawBlock", ["latex", rf"\begingroup{SIZES[size]}"])
    return [opening, table, node("RawBlock", ["latex", r"\endgroup"])]


def _lines(one: Node) -> Any:
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


def characters(tree: Any) -> list[str]:
    """Everything in a tree that is not ASCII, in order."""
    return sorted({char for char in json.dumps(tree, ensure_ascii=False) if not char.isascii()})


def declarations(found: list[str]) -> str:
    """What pdfLaTeX prints for characters that it does not know: mathematics, nothing, or the code point in a box."""
    return "\n".join(rf"  \symbolfor{{{char}}}{{{ord(char):04X}}}{{{printed(char)}}}" for char in found)


def printed(char: str) -> str:
    """A character as LaTeX that needs no font beyond the usual ones."""
    if char == BREAK:
        return r"\hskip0pt\relax"
    if char in SYMBOLS:
        return rf"\ensuremath{{{SYMBOLS[char]}}}"
    decomposed = unicodedata.decomposition(char).split()
    if len(decomposed) == 2 and decomposed[0] in POWERS and int(decomposed[1], 16) < 0x80:
        return rf"\ensuremath{{{POWERS[decomposed[0]]}{{{chr(int(decomposed[1], 16))}}}}}"
    greek = _GREEK.match(unicodedata.name(char, ""))
    if greek:
        case, name = greek.groups()
        name = {"LAMDA": "LAMBDA", "FINAL": "SIGMA"}.get(name, name)
        if case == "CAPITAL" and name in _AS_LATIN:
            return _AS_LATIN[name]
        if name == "OMICRON":
            return "o"
        return rf"\ensuremath{{\{name.lower() if case == 'SMALL' else name.capitalize()}}}"
    if unicodedata.category(char) in {"Zs", "Cf", "Mn"}:
        return r"\space" if unicodedata.category(char) == "Zs" else ""
    return rf"\nosuchletter{{{ord(char):04X}}}"
