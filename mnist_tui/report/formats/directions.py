"""Words from right to left, set apart from the text beside them, in each format's own way. Pure: trees in, trees out.

Without that an author's name turns round the parts of the time that stands beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mnist_tui.report.formats.tree import Nodes, node
from mnist_tui.shown_text import FIRST_STRONG_ISOLATE, POP_ISOLATE, parts_by_direction

JOINED = frozenset(("Str", "Space", "SoftBreak"))
Apart = Callable[[Nodes], Nodes]


def by_characters(words: Nodes) -> Nodes:
    """Put Unicode's isolates around words."""
    return [node("Str", FIRST_STRONG_ISOLATE), *words, node("Str", POP_ISOLATE)]


def by_attribute(words: Nodes) -> Nodes:
    """Mark words with the attribute ``dir="rtl"``, which HTML isolates and Word sets from right to left."""
    return [node("Span", [["", [], [["dir", "rtl"]]], words])]


def apart(value: Any, made: Apart) -> Any:
    """Return the tree with its words from right to left as `made` sets them apart; code stays as it is."""
    if isinstance(value, list):
        return _of_list(value, made)
    if isinstance(value, dict):
        if value.get("t") in {"Code", "CodeBlock", "RawInline", "RawBlock", "MetaString"}:
            return value
        return {key: apart(inner, made) for key, inner in value.items()}
    return value


def _of_list(values: list[Any], made: Apart) -> list[Any]:
    out: list[Any] = []
    joined: Nodes = []
    for one in values:
        if isinstance(one, dict) and one.get("t") in JOINED:
            joined.append(one)
            continue
        out += [*_of_words(joined, made), apart(one, made)]
        joined = []
    return out + _of_words(joined, made)


def _of_words(joined: Nodes, made: Apart) -> Nodes:
    parts = parts_by_direction("".join(one["c"] if one["t"] == "Str" else " " for one in joined))
    if not any(rtl for _, rtl in parts):
        return joined
    out: Nodes = []
    for text, rtl in parts:
        words = _words(text)
        out += made(words) if rtl else words
    return out


def _words(text: str) -> Nodes:
    """The text as pandoc has it, blanks at its ends kept."""
    found: Nodes = []
    for at, word in enumerate(text.split(" ")):
        found += [node("Space")] if at else []
        found += [node("Str", word)] if word else []
    return found
