"""Characters that a document shows as boxes, because no font has them; and a font that has."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from mnist_tui.report.figures.drawing import Drawing
from mnist_tui.wording import listed, noun

MOST_NAMED = 8
"""Characters that a sentence names."""
_WITHOUT_SHAPE = ("C", "Z", "M")
"""Categories of characters that are not drawn on their own: controls, blanks, marks."""
_TYPST_CHARACTERS = re.compile("[\x00-\u052f\u1e00-\u25ff\u2713\u2717\ufb00-\ufb06\ufffd]")
"""What typst's own fonts have, about: Latin, Greek, Cyrillic, punctuation, arrows, mathematics."""
_FONTS = {"CJK": "Noto Sans CJK", "HIRAGANA": "Noto Sans CJK", "KATAKANA": "Noto Sans CJK", "HANGUL": "Noto Sans CJK"}
_SCRIPTS = frozenset(
    (
        "ARABIC",
        "ARMENIAN",
        "BENGALI",
        "DEVANAGARI",
        "ETHIOPIC",
        "GEORGIAN",
        "GUJARATI",
        "GURMUKHI",
        "HEBREW",
        "KANNADA",
        "KHMER",
        "LAO",
        "MALAYALAM",
        "MONGOLIAN",
        "MYANMAR",
        "ORIYA",
        "SINHALA",
        "SYRIAC",
        "TAMIL",
        "TELUGU",
        "THAANA",
        "THAI",
        "TIBETAN",
    )
)


def drawn_characters(tree: Any) -> set[str]:
    """Return the characters of a tree's texts that are drawn and are not ASCII."""
    return _drawn_in(json.dumps(tree, ensure_ascii=False))


def _drawn_in(text: str) -> set[str]:
    """Return the characters of a text that are drawn and are not ASCII."""
    return {char for char in set(text) if not char.isascii() and unicodedata.category(char)[0] not in _WITHOUT_SHAPE}


def missing_in_figures(drawings: Iterable[Drawing]) -> set[str]:
    """Return the characters that figures may have and Matplotlib's font lacks."""
    texts = (f"{one.alt} {one.data.headings} {one.data.rows}" for one in drawings)
    found = {char for text in texts for char in _drawn_in(text)}
    return found and found - _figure_font_characters()


def missing_in_pdf(found: set[str]) -> set[str]:
    """Return which of some characters neither typst's own fonts nor those of this machine have."""
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
    """The characters of a font; none of one that cannot be read."""
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
        why: ``which no font on this machine has``.
        fonts: whether fonts that would help are named.
    """
    some = sorted(lacking)
    named = ", ".join(f"{char} (U+{ord(char):04X})" for char in some[:MOST_NAMED])
    more = f" and {len(some) - MOST_NAMED} more" if len(some) > MOST_NAMED else ""
    told = f"{where} shows boxes in the place of {named}{more}, {why}"
    names = list(dict.fromkeys(map(font_with, some)))
    return f"{told}; {listed(names)} {noun(names, 'has', 'have')} them" if fonts else told
