"""Number a document's tables and figures, and write their numbers where the text refers to them.

In the report's Markdown, a caption is a paragraph ``Table: Words. {#tab-runs}`` above its table, a figure is a
paragraph that starts with a picture, and a reference is a link without text, ``[](#tab-runs)``. Every function
returns a new tree.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from mnist_tui.report.formats.tree import BARE, FIGURES, NO_BREAK, Node, Nodes, elements, headings, node, transformed

_ANCHOR = re.compile(r"\{#([a-zA-Z][\w-]*)\}")
UNKNOWN = "??"
"""The words of a reference to something that the document does not have."""


def with_captions(blocks: Nodes) -> Nodes:
    """Move each caption above a table into the table, and make a figure of each paragraph that is only a picture."""
    whole: Nodes = []
    for element in blocks:
        caption = _table_caption(whole[-1]) if whole and element["t"] == "Table" else None
        if caption:
            anchor, words = caption
            whole[-1] = node("Table", [[anchor, [], []], [None, [node("Plain", words)]], *element["c"][2:]])
        else:
            whole.append(element)
    return transformed(whole, {"Para": _figure})


def _table_caption(element: Node) -> tuple[str, Nodes] | None:
    """Return the anchor and the words of a caption; None if a block is no caption."""
    if element["t"] != "Para" or element["c"][0] != node("Str", "Table:"):
        return None
    last = element["c"][-1]
    anchor = _ANCHOR.fullmatch(last["c"]) if last["t"] == "Str" else None
    return (anchor[1], element["c"][2:-2]) if anchor else None


def _figure(element: Node) -> Node:
    first = element["c"][0]
    if first["t"] != "Image" or not first["c"][2][0].startswith(FIGURES):
        return element
    _, caption, (path, _) = first["c"]
    anchor = f"fig-{path.removeprefix(FIGURES)}"
    return node("Figure", [[anchor, [], []], [None, [node("Plain", caption)]], [node("Plain", [first])]])


def labels_of(blocks: Nodes) -> dict[str, str]:
    """Return the words for each table, figure and heading by its anchor: ``Table 3``, ``Section 2.1``."""
    labels: dict[str, str] = {}
    counts = [0] * 6
    for level, name, _ in headings(blocks):
        counts[level - 1 :] = [counts[level - 1] + 1, *[0] * (6 - level)]
        labels[name] = f"Section{NO_BREAK}{'.'.join(map(str, counts[:level]))}"
    for kind in ("Table", "Figure"):
        anchors = [anchor for element in elements(blocks) if element["t"] == kind and (anchor := element["c"][0][0])]
        labels |= {anchor: f"{kind}{NO_BREAK}{number}" for number, anchor in enumerate(anchors, 1)}
    return labels


def anchors_of(blocks: Nodes) -> list[str]:
    """Return the ids of a document's headings, tables, figures and words."""
    places = {"Header": 1, "Figure": 0, "Table": 0, "Span": 0}
    ids = [element["c"][places[element["t"]]][0] for element in elements(blocks) if element["t"] in places]
    return [name for name in ids if name]


def _bold_label(label: str) -> Nodes:
    return [node("Strong", [node("Str", f"{label}:")])]


def with_numbered_captions(
    blocks: Nodes, labels: Mapping[str, str], made: Callable[[str], Nodes] = _bold_label
) -> Nodes:
    """Return the tree with ``Table 3:`` before captions, for formats that do not count tables themselves.

    Args:
        made: returns the elements of a caption's number, from words such as ``Table 3``.
    """

    def captioned(element: Node) -> Node:
        attributes, (short, caption), *rest = element["c"]
        if not attributes[0]:
            return element
        words = node("Plain", [*made(labels[attributes[0]]), node("Space"), *caption[0]["c"]])
        return node(element["t"], [attributes, [short, [words]], *rest])

    return transformed(blocks, {"Table": captioned, "Figure": captioned})


def with_references(blocks: Nodes, labels: Mapping[str, str], made: Callable[[str, str], Nodes] | None = None) -> Nodes:
    """Fill in the links without text: the words for what they refer to.

    Args:
        made: returns the elements of a reference from its anchor and its words; if absent, a link.
    """

    def link(element: Node) -> Any:
        _, text, (target, _) = element["c"]
        if text or not target.startswith("#"):
            return element
        label = labels.get(target[1:], UNKNOWN)
        if made and label != UNKNOWN:
            return made(target[1:], label)
        return node("Link", [BARE, [node("Str", label)], [target, ""]])

    return transformed(blocks, {"Link": link})
