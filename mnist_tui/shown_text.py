"""Make text from people or files safe to show: control characters become visible instead of having an effect.

All text that is printed or drawn is passed through here: by `cli.output` for stdout and stderr, by
`tui.terminal.text_filters` for the screens, and by `tui.terminal.window` for the terminal's title.
"""

from __future__ import annotations

import re

BIDI_CONTROLS = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
"""Embeddings, overrides and isolates, which reorder the text around them."""
_SEEN = {
    **{code: 0x2400 + code for code in range(0x20)},  # Unicode's pictures of control characters: ␀, ␛ for escape
    0x7F: 0x2421,
    # C1 controls, line ends, directions, and halves of characters (Python's form of bytes that are not UTF-8)
    **dict.fromkeys((*range(0x80, 0xA0), 0x2028, 0x2029, *BIDI_CONTROLS, *range(0xD800, 0xE000)), 0xFFFD),
}
_SEEN_LINES = {code: seen for code, seen in _SEEN.items() if chr(code) not in "\n\t"}
_RTL = (
    "[\u0590-\u061b\u061d-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010cff\U00010d00-\U00010fff"
    "\U0001e800-\U0001efff]"
)
_STRETCH = re.compile(rf"{_RTL}+(?:(?: |[.'’\-\u200c\u200d0-9]+ ?| [0-9]+ ){_RTL}+)*")
"""Words from right to left with single blanks between them; two blanks separate the columns of a table."""
_CARE = re.compile(rf"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]|{_RTL}")
FIRST_STRONG_ISOLATE, POP_ISOLATE = "\u2068", "\u2069"


def visible(text: str) -> str:
    r"""Return the text with each control character replaced by one visible character; line ends and tabs stay.

    ``\x1b`` becomes ``␛``; the C1 controls, the characters that change the direction of writing, and halves of
    surrogate pairs become ``�``.
    """
    return text if text.isascii() and text.isprintable() else text.translate(_SEEN_LINES)


def visible_line(text: str) -> str:
    """Return the text with all control characters replaced as by `visible`, also line ends and tabs."""
    return text if text.isprintable() else text.translate(_SEEN)


def needs_care(text: str) -> bool:
    """Return whether `visible_line` or `isolated` would change the text."""
    return not (text.isascii() and text.isprintable()) and _CARE.search(text) is not None


def isolated(text: str) -> str:
    """Return the text with its right-to-left words isolated, so that they do not reorder the text beside them.

    Without that, ``محمد · 2026-11-29 10:20`` is shown with the parts of the time in reverse order.

    Reference: Unicode Standard Annex #9, section 2.4.2 (first strong isolate).
    """
    return text if text.isascii() else _STRETCH.sub(rf"{FIRST_STRONG_ISOLATE}\g<0>{POP_ISOLATE}", text)


def parts_by_direction(text: str) -> list[tuple[str, bool]]:
    """Split a text into parts of one direction; each part comes with True if it is written from right to left."""
    parts: list[tuple[str, bool]] = []
    end = 0
    for match in _STRETCH.finditer(text):
        parts += [(text[end : match.start()], False), (match[0], True)]
        end = match.end()
    return [part for part in [*parts, (text[end:], False)] if part[0]]
