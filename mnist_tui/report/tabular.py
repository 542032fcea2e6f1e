"""Write rows as a table in aligned columns, as CSV, or in LaTeX that needs no package."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence

_TEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", "–": "--", "—": "---", "‘": "`", "’": "'", "“": "``", "”": "''", "…": r"\dots{}",
}  # fmt: skip

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""The beginnings of texts that a spreadsheet takes for formulas, unless they are numbers."""
NUMBER = re.compile(r"[+-]?[\d.]+(e[+-]?\d+)?", re.ASCII)


def aligned(blocks: Sequence[Sequence[Sequence[str]]], right: Collection[int] = ()) -> list[str]:
    """Return lines of aligned columns, with a rule between two blocks.

    Args:
        blocks: lists of rows of cells; the first block has the headings.
        right: the columns that are aligned to the right, from 0.
    """
    rows = [row for block in blocks for row in block]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines: list[str] = []
    for block in blocks:
        lines += ["─" * (sum(widths) + 2 * (len(widths) - 1))] if lines else []
        for row in block:
            cells = [f"{cell:{'>' if at in right else '<'}{widths[at]}}" for at, cell in enumerate(row)]
            lines.append("  ".join(cells).rstrip())
    return lines


def csv_text(rows: Iterable[Sequence[object]]) -> str:
    """Return rows as CSV; None becomes an empty field.

    A text that a spreadsheet could take for a formula begins with an apostrophe.
    """
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(map(_not_formula, row) for row in rows)
    return out.getvalue()


def _not_formula(cell: object) -> object:
    is_formula = isinstance(cell, str) and cell.startswith(FORMULA_STARTS) and not NUMBER.fullmatch(cell)
    return f"'{cell}" if is_formula else cell


def latex(blocks: Sequence[Sequence[Sequence[str]]], columns: str, *, title: str = "", note: str = "") -> str:
    """Return a LaTeX table, with rules between the blocks and the note below.

    Args:
        blocks: lists of rows of plain text; the first block has the headings.
        columns: LaTeX's letters for the columns, without separators: ``l``, ``r``, or ``p`` with a width.
        title: the caption, as plain text.
        note: plain text.
    """
    letters = re.sub(r"\{[^}]*\}", "", columns)
    lines = [r"\begin{table}", r"\centering\scriptsize\setlength{\tabcolsep}{2pt}", rf"\begin{{tabular}}{{{columns}}}"]
    for block in blocks:
        lines += [r"\hline", *(rf"{' & '.join(map(_tex_cell, row, letters))} \\" for row in block)]
    lines += ["\\hline", "\\end{tabular}"]
    lines += [f"\\par\\smallskip {tex_escaped(note)}"] if note else []
    lines += [f"\\caption{{{tex_escaped(title)}}}"] if title else []
    return "\n".join([*lines, "\\end{table}"]) + "\n"


def tex_escaped(text: str) -> str:
    """Return a text on one line, escaped so that LaTeX prints every character as it is."""
    line = " ".join(unicodedata.normalize("NFC", text).split())
    return "".join(_TEX.get(char) or (char if " " <= char <= "~" else latex_character(char)) for char in line)


def _tex_cell(cell: str, letter: str) -> str:
    text = tex_escaped(cell)
    if letter == "r" and cell[:1].isdigit():
        return text.replace(",", r"\,")
    return r"\raggedright " + text.replace(r"\_", r"\_\allowbreak{}") if letter == "p" and cell else text


SYMBOLS = {
    "−": "-", "×": r"\times", "·": r"\cdot", "±": r"\pm", "≤": r"\le", "≥": r"\ge", "≠": r"\ne", "≈": r"\approx",
    "→": r"\to", "←": r"\leftarrow", "↑": r"\uparrow", "↓": r"\downarrow", "∞": r"\infty", "∑": r"\sum",
    "√": r"\surd", "∂": r"\partial", "∈": r"\in", "⋅": r"\cdot", "⁻": "^-", "«": r"\ll", "»": r"\gg",
    "∅": r"\emptyset", "∩": r"\cap", "∪": r"\cup", "╲": r"\backslash", "●": r"\bullet",
    "ε": r"\varepsilon", "ϕ": r"\phi", "φ": r"\varphi", "ς": r"\varsigma",
}  # fmt: skip
"""Characters with a symbol in LaTeX's mathematics."""
POWERS = {"<super>": "^", "<sub>": "_"}
_GREEK = re.compile(r"GREEK (SMALL|CAPITAL) LETTER (\w+)$")
_SMALL = frozenset((
    "ALPHA", "BETA", "GAMMA", "DELTA", "EPSILON", "ZETA", "ETA", "THETA", "IOTA", "KAPPA", "LAMBDA", "MU", "NU", "XI",
    "PI", "RHO", "SIGMA", "TAU", "UPSILON", "PHI", "CHI", "PSI", "OMEGA",
))  # fmt: skip
"""The Greek letters with a command in TeX."""
_AS_LATIN = {"ALPHA": "A", "BETA": "B", "EPSILON": "E", "ZETA": "Z", "ETA": "H", "IOTA": "I", "KAPPA": "K", "MU": "M",
             "NU": "N", "OMICRON": "O", "RHO": "P", "TAU": "T", "CHI": "X"}  # fmt: skip
"""The Greek capitals without a command in TeX, because they look like Latin ones."""
_BEYOND_OT1 = frozenset("«»ÐÞðþĄąĐđĘęĦħĮįĸĿŀŉŊŋŦŧŲųſ")
"""Latin letters that a document without packages cannot print."""


def latex_symbol(char: str) -> str | None:
    """Return LaTeX for a character that is not ASCII: mathematics, a space, or nothing for marks; None if unknown."""
    if char in SYMBOLS:
        return rf"\ensuremath{{{SYMBOLS[char]}}}"
    decomposed = unicodedata.decomposition(char).split()  # such as <super> 0032
    if len(decomposed) == 2 and decomposed[0] in POWERS and int(decomposed[1], 16) < 0x80:
        return rf"\ensuremath{{{POWERS[decomposed[0]]}{{{chr(int(decomposed[1], 16))}}}}}"
    if greek := _GREEK.match(unicodedata.name(char, "")):
        return _greek(*greek.groups())
    if unicodedata.category(char) in {"Zs", "Cf", "Mn"}:
        return r"\space{}" if unicodedata.category(char) == "Zs" else ""
    return None


def _greek(case: str, letter: str) -> str | None:
    name = "LAMBDA" if letter == "LAMDA" else letter
    if case == "CAPITAL" and name in _AS_LATIN:
        return _AS_LATIN[name]
    if name == "OMICRON":
        return "o"
    return rf"\ensuremath{{\{name.lower() if case == 'SMALL' else name.capitalize()}}}" if name in _SMALL else None


def latex_character(char: str) -> str:
    """Return LaTeX without packages for a character that is not ASCII, at worst the character's number."""
    if char < "\u0180" and char.isprintable() and char not in _BEYOND_OT1 and char not in SYMBOLS:
        return char
    text = latex_symbol(char)
    return text if text is not None else rf"\texttt{{U+{ord(char):04X}}}"
