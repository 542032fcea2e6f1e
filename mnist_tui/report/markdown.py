"""Text that Markdown shows as it stands: escapes, code, tables. For CommonMark, GitHub and pandoc's Markdown alike."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence

from mnist_tui.shown_text import BIDI_CONTROLS

_SPECIAL = re.compile(r"[\\`*\[\]{}<|~&$^@#]|(?<![^\W_])_|_(?![^\W_])")
"""What means something anywhere in a line; an underscore inside a word does not."""
_LINE_START = re.compile(r"^[-=+>:%]")
_LIST_MARKER = re.compile(r"^(\(?(?:\d{1,9}|[a-zA-Z]|[ivxlcdm]{2,9}))([.)])(?=\s|$)")
"""A list's marker: ``1.``, ``a)``, ``(iv)``."""
_CAPTION = re.compile(r"^(table)(?=:)", re.IGNORECASE)
_INVISIBLE = frozenset(("Cc", "Cs"))


class MarkdownText(str):
    """Markdown already: not escaped again."""


def escaped(text: object) -> str:
    """One line of text with every character that means something to Markdown made to mean itself."""
    if isinstance(text, MarkdownText):
        return text
    line = visible(" ".join(str(text).split()))
    line = _SPECIAL.sub(r"\\\g<0>", line)
    line = _LIST_MARKER.sub(r"\1\\\2", line)
    line = _CAPTION.sub(r"\1\\", line)
    return _LINE_START.sub(r"\\\g<0>", line)


def visible(text: str) -> str:
    """The text with a replacement character for each that no format can hold, or that reorders the text around it.

    Controls and halves of surrogate pairs; embeddings, overrides and isolates of the direction of writing.
    """
    return "".join(
        "\N{REPLACEMENT CHARACTER}" if letter not in "\n\t" and _is_control(letter) else letter for letter in text
    )


def _is_control(letter: str) -> bool:
    return unicodedata.category(letter) in _INVISIBLE or ord(letter) in BIDI_CONTROLS


def paragraphs(text: str) -> str:
    """Text of several paragraphs, each escaped."""
    return "\n\n".join(escaped(part) for part in re.split(r"\n\s*\n", text.strip()) if part.strip())


def code_block(text: str, language: str = "") -> str:
    """A fenced block; the fence is longer than any run of backticks inside."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{visible(text).rstrip()}\n{fence}"


def link(text: object, anchor: str) -> MarkdownText:
    """A link to a heading's id."""
    return MarkdownText(f"[{escaped(text)}](#{anchor})")


def image(caption: str, name: str, alt: str) -> str:
    """A figure, alone on its line."""
    said = re.sub(r'[\\"&{}<>]', r"\\\g<0>", visible(" ".join(alt.split())))
    return f'![{escaped(caption)}](figures/{name}){{alt="{said}"}}'


def table(headings: Sequence[object], rows: Iterable[Sequence[object]], right: Collection[int] = ()) -> str:
    """A pipe table; cells are escaped unless they are `Ready`.

    Args:
        right: the columns that are aligned to the right, from 0.
    """
    marks = [MarkdownText("---:" if column in right else "---") for column in range(len(headings))]
    return "\n".join(f"| {' | '.join(map(escaped, cells))} |" for cells in (headings, marks, *rows))
