"""Characters that LaTeX's fonts may lack, printed without any package."""

from __future__ import annotations

import re
import unicodedata

SYMBOLS = {
    "−": "-", "×": r"\times", "·": r"\cdot", "±": r"\pm", "≤": r"\le", "≥": r"\ge", "≠": r"\ne", "≈": r"\approx",
    "→": r"\to", "←": r"\leftarrow", "↑": r"\uparrow", "↓": r"\downarrow", "∞": r"\infty", "∑": r"\sum",
    "√": r"\surd", "∂": r"\partial", "∈": r"\in", "⋅": r"\cdot", "⁻": "^-", "«": r"\ll", "»": r"\gg",
    "∅": r"\emptyset", "∩": r"\cap", "∪": r"\cup", "╲": r"\backslash", "●": r"\bullet",
    "ε": r"\varepsilon", "ϕ": r"\phi", "φ": r"\varphi", "ς": r"\varsigma",
}  # fmt: skip
"""As mathematics."""
POWERS = {"<super>": "^", "<sub>": "_"}
_GREEK = re.compile(r"GREEK (SMALL|CAPITAL) LETTER (\w+)$")
_SMALL = frozenset((
    "ALPHA", "BETA", "GAMMA", "DELTA", "EPSILON", "ZETA", "ETA", "THETA", "IOTA", "KAPPA", "LAMBDA", "MU", "NU", "XI",
    "PI", "RHO", "SIGMA", "TAU", "UPSILON", "PHI", "CHI", "PSI", "OMEGA",
))  # fmt: skip
"""Greek letters that TeX has a command for."""
_AS_LATIN = {"ALPHA": "A", "BETA": "B", "EPSILON": "E", "ZETA": "Z", "ETA": "H", "IOTA": "I", "KAPPA": "K", "MU": "M",
             "NU": "N", "OMICRON": "O", "RHO": "P", "TAU": "T", "CHI": "X"}  # fmt: skip
"""Greek capitals for which TeX has no command, since they look so."""
_BEYOND_OT1 = frozenset("«»ÐÞðþĄąĐđĘęĦħĮįĸĿŀŉŊŋŦŧŲųſ")
"""Latin letters that a document without packages cannot print."""


def latex_symbol(char: str) -> str | None:
    """A character that is not ASCII in LaTeX's own mathematics, or as nothing; None for one that neither says."""
    if char in SYMBOLS:
        return rf"\ensuremath{{{SYMBOLS[char]}}}"
    decomposed = unicodedata.decomposition(char).split()
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
    """Any character that is not ASCII, for a document of which nothing is known; one without a sign by its number."""
    if char < "\u0180" and char.isprintable() and char not in _BEYOND_OT1 and char not in SYMBOLS:
        return char
    said = latex_symbol(char)
    return said if said is not None else rf"\texttt{{U+{ord(char):04X}}}"
