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


def isolated_by_characters(words: Nodes) -> Nodes:
    """Put Unicode's isolates around words."""
    return [node("Str", FIRST_STRONG_ISOLATE), *words, node("Str", POP_ISOLATE)]


def isolated_by_attribute(words: Nodes) -> Nodes:
    """Mark words with the attribute ``dir="rtl"``, which HTML isolates and Word sets from right to left."""
    return [node("Span", [["", [], [["dir", "rtl"]]], words])]


def with_directions(value: Any, made: Apart) -> Any:
    """Return the tree with its words from right to left as `made` sets them apart; code stays as it is."""
    if isinstance(value, list):
        return _of_list_with_directions(value, made)
    if isinstance(value, dict):
        if value.get("t") in {"Code", "CodeBlock", "RawInline", "RawBlock", "MetaString"}:
            return value
        return {key: with_directions(inner, made) for key, inner in value.items()}
    return value


def _of_list_with_directions(values: list[Any], made: Apart) -> list[Any]:
    out: list[Any] = []
    joined: Nodes = []
    for one in values:
        if isinstance(one, dict) and one.get("t") in JOINED:
            joined.append(one)
            continue
        out += [*_words_by_direction(joined, made), with_directions(one, made)]
        joined = []
    return out + _words_by_direction(joined, made)


def _words_by_direction(joined: Nodes, made: Apart) -> Nodes:
    parts = parts_by_direction("".join(one["c"] if one["t"] == "Str" else " " for one in joined))
    if not any(rtl for _, rtl in parts):
        return joined
    out: Nodes = []
    for text, rtl in parts:
        words = _word_nodes(text)
        out += made(words) if rtl else words
    return out


def _word_nodes(text: str) -> Nodes:
    """The text as pandoc has it, blanks at its ends kept."""
    found: Nodes = []
    for at, word in enumerate(text.split(" ")):
        found += [node("Space")] if at else []
        found += [node("Str", word)] if word else []
    return found
