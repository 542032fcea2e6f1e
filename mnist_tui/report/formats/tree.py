"""Change a document as pandoc's tree, in the ways that several formats share. Every function returns a new tree."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mnist_tui.report.figures.drawing import Drawing
from mnist_tui.shown_text import FIRST_STRONG_ISOLATE, POP_ISOLATE, parts_by_direction

Node = dict[str, Any]
Nodes = list[Node]

FIGURES = "figures/"
"""The start of the path of the report's own pictures in its Markdown."""
_ID = re.compile(r"\{#([a-zA-Z][\w-]*)\}$")
BREAK = "\u200b"
"""A place of no width where a line may be broken."""
BLOCKS = frozenset(("Para", "Plain", "Header", "CodeBlock", "RawBlock", "Table"))
"""Blocks that hold no other blocks, except in a table's cells."""
EVERY = 8
"""A long word may be broken after this number of characters."""


@dataclass(frozen=True)
class PlacedFigure:
    """A figure of the report in one format.

    Attributes:
        place: the path of its file as the document names it.
        drawing: the figure.
    """

    place: str
    drawing: Drawing


def node(kind: str, content: Any = None) -> Node:
    return {"t": kind} if content is None else {"t": kind, "c": content}


def inlines(text: str) -> Nodes:
    """Return plain text as pandoc writes it: words with spaces between."""
    found: Nodes = []
    for word in text.split():
        found += [node("Space"), node("Str", word)]
    return found[1:]


def transformed(value: Any, change: Callable[[Node], Any], whole: Collection[str] = ()) -> Any:
    """Return the tree with every element, innermost first, replaced by what `change` returns for it.

    Args:
        change: takes an element; a list that it returns takes the element's place.
        whole: kinds of elements whose insides are left; BLOCKS is fast where `change` is about blocks alone.
    """
    if isinstance(value, list):
        out: list[Any] = []
        for one in value:
            if not isinstance(one, dict | list):
                out.append(one)
            elif isinstance(new := transformed(one, change, whole), list) and isinstance(one, dict):
                out += new
            else:
                out.append(new)
        return out
    if isinstance(value, dict) and "t" in value:
        content = value.get("c")
        enters = isinstance(content, dict | list) and value["t"] not in whole
        return change({"t": value["t"], "c": transformed(content, change, whole)} if enters else value)
    return value


def elements(value: Any) -> Iterator[Node]:
    """Yield every element of a tree, outermost first."""
    if isinstance(value, list):
        for one in value:
            yield from elements(one)
    elif isinstance(value, dict) and "t" in value:
        yield value
        yield from elements(value.get("c"))


def text_of(value: Any) -> str:
    """Return the text of elements, without emphasis."""
    parts: list[str] = []
    for one in elements(value):
        match one["t"]:
            case "Str":
                parts.append(one["c"])
            case "Code" | "Math":
                parts.append(one["c"][1])
            case "Space" | "SoftBreak" | "LineBreak":
                parts.append(" ")
            case _:
                pass
    return "".join(parts)


def with_ids(blocks: Nodes) -> Nodes:
    """Give headings the id of a ``{#id}`` at their end, or one made from their text; each id is used once."""
    taken: set[str] = set()

    def change(one: Node) -> Node:
        if one["t"] != "Header":
            return one
        level, (_, classes, pairs), title = one["c"]
        found = _ID.search(title[-1]["c"]) if title and title[-1]["t"] == "Str" else None
        if found and (whole := title[-1]["c"]) and found.start() == 0 and len(title) > 1:
            title = title[:-2] if title[-2]["t"] == "Space" else title[:-1]
            wanted = whole[2:-1]
        else:
            wanted = slug(text_of(title)) or "section"
        name = _unused(wanted, taken)
        return node("Header", [level, [name, classes, pairs], title])

    return transformed(blocks, change, BLOCKS)


def slug(title: str) -> str:
    """Return a heading's anchor by GitHub's rule: lower case, hyphens for spaces, no other punctuation."""
    kept = (
        "-" if char == " " else char
        for char in title.strip().lower()
        if char in " -_" or unicodedata.category(char)[0] in "LNM" or unicodedata.category(char) == "Pc"
    )
    return "".join(kept)


def slugs(titles: Sequence[str]) -> list[str]:
    """Return the anchors of a document's headings; one that is taken gets a number."""
    taken: set[str] = set()
    return [_unused(slug(title), taken) for title in titles]


def _unused(wanted: str, taken: set[str]) -> str:
    name, number = wanted, 0
    while name in taken:
        number += 1
        name = f"{wanted}-{number}"
    taken.add(name)
    return name


def headings(blocks: Nodes) -> list[tuple[int, str, Nodes]]:
    """Return level, id and title of every heading at the document's top level."""
    return [(one["c"][0], one["c"][1][0], one["c"][2]) for one in blocks if one["t"] == "Header"]


def with_pictures(
    blocks: Nodes, pictures: Mapping[str, PlacedFigure], made: Callable[[int, PlacedFigure, Nodes], Nodes]
) -> Nodes:
    """Replace each paragraph that starts with one of the report's pictures.

    Args:
        made: returns the blocks for a number, counted from 1, a picture and its caption.
    """
    numbers = itertools.count(1)

    def block(one: Node) -> Any:
        if one["t"] != "Para" or one["c"][0]["t"] != "Image":
            return one
        _, caption, (place, _) = one["c"][0]["c"]
        picture = pictures.get(place.removeprefix(FIGURES))
        return made(next(numbers), picture, caption) if picture and place.startswith(FIGURES) else one

    return transformed(blocks, block, BLOCKS)


def without_foreign_pictures(blocks: Nodes, names: Collection[str]) -> Nodes:
    """Replace pictures that are not the report's own by their text."""
    ours = {f"{FIGURES}{name}" for name in names}

    def change(one: Node) -> Any:
        return one["c"][1] if one["t"] == "Image" and one["c"][2][0] not in ours else one

    return transformed(blocks, change)


def captioned_figure(number: int, picture: PlacedFigure, caption: Nodes) -> Nodes:
    """Return a picture with its caption below, as wide as it was drawn, at most as wide as the page."""
    drawing = picture.drawing
    size = [["width", f"{drawing.millimetres[0]:g}mm"]]
    image = node("Image", [["", [], [*size, ["alt", drawing.alt]]], inlines(drawing.alt), [picture.place, ""]])
    return [node("Figure", [[f"figure-{number}", [], []], [None, [node("Plain", caption)]], [node("Plain", [image])]])]


def numbered_caption(number: int, caption: Nodes) -> Nodes:
    """Return a caption with its number before it, for formats that do not count figures themselves."""
    return [node("Strong", inlines(f"Figure {number}:")), node("Space"), *caption]


def numbered_figure(number: int, picture: PlacedFigure, caption: Nodes) -> Nodes:
    """Return a picture with its number and caption below."""
    return captioned_figure(number, picture, numbered_caption(number, caption))


def with_links(blocks: Nodes, names: Mapping[str, str] | None = None) -> Nodes:
    """Rename the targets of links inside the document; a link without a target becomes its text.

    Args:
        names: the targets' names by their ids; the ids themselves if absent.
    """
    if names is None:
        names = {name: name for one in elements(blocks) if (name := _id_of(one))}

    def change(one: Node) -> Any:
        if one["t"] != "Link" or not one["c"][2][0].startswith("#"):
            return one
        attributes, text, (target, title) = one["c"]
        there = names.get(target[1:])
        return node("Link", [attributes, text, [f"#{there}", title]]) if there else text

    return transformed(blocks, change)


def _id_of(one: Node) -> str:
    match one["t"]:
        case "Header":
            return one["c"][1][0]
        case "Figure":
            return one["c"][0][0]
        case _:
            return ""


def contents(blocks: Nodes, deepest: int = 2) -> Nodes:
    """Return a table of contents as a list of links, for formats that make none themselves."""
    chosen = [(level, name, title) for level, name, title in headings(blocks) if level <= deepest]
    return [_nested_list(chosen)] if chosen else []


def _nested_list(chosen: Sequence[tuple[int, str, Nodes]]) -> Node:
    top = min(level for level, _, _ in chosen)
    items: list[Nodes] = []
    inner: list[tuple[int, str, Nodes]] = []
    for level, name, title in chosen:
        if level > top and items:
            inner.append((level, name, title))
            continue
        _close_item(items, inner)
        items.append([node("Plain", [node("Link", [["", [], []], _without_links(title), [f"#{name}", ""]])])])
    _close_item(items, inner)
    return node("BulletList", items)


def _close_item(items: list[Nodes], inner: list[tuple[int, str, Nodes]]) -> None:
    if inner:
        items[-1].append(_nested_list(inner))
        inner.clear()


def _without_links(title: Nodes) -> Nodes:
    return transformed(title, lambda one: one["c"][1] if one["t"] == "Link" else [] if one["t"] == "Note" else one)


def with_raw_character(blocks: Nodes, char: str, form: str, code: str) -> Nodes:
    """Write a character in a format's own code, where pandoc would write it wrong."""

    def change(one: Node) -> Any:
        if one["t"] != "Str" or char not in one["c"]:
            return one
        pieces = re.split(f"({re.escape(char)})", one["c"])
        return [node("RawInline", [form, code]) if piece == char else node("Str", piece) for piece in pieces if piece]

    return transformed(blocks, change)


def breakable(text: str, longest: int) -> str:
    """Return a text whose words longer than `longest` characters may be broken."""
    return " ".join(_broken(word) if len(word) > longest else word for word in text.split(" "))


def _broken(word: str) -> str:
    parts = (part for piece in re.split(r"(?<=[/_.,=:-])", word) for part in re.findall(f".{{1,{EVERY}}}", piece))
    return BREAK.join(parts)


def with_breaks(value: Any, longest: int) -> Any:
    """Return the tree with words longer than `longest` characters breakable."""

    def change(one: Node) -> Node:
        match one["t"]:
            case "Str":
                return node("Str", breakable(one["c"], longest))
            case "Code":
                return node("Code", [one["c"][0], breakable(one["c"][1], longest)])
            case "CodeBlock":
                lines = (breakable(line, longest) for line in one["c"][1].split("\n"))
                return node("CodeBlock", [one["c"][0], "\n".join(lines)])
            case _:
                return one

    return transformed(value, change)


JOINED = frozenset(("Str", "Space", "SoftBreak"))
Apart = Callable[[Nodes], Nodes]


def isolated_by_characters(words: Nodes) -> Nodes:
    """Put Unicode's isolates around words."""
    return [node("Str", FIRST_STRONG_ISOLATE), *words, node("Str", POP_ISOLATE)]


def isolated_by_attribute(words: Nodes) -> Nodes:
    """Mark words with the attribute ``dir="rtl"``, which HTML isolates and Word sets from right to left."""
    return [node("Span", [["", [], [["dir", "rtl"]]], words])]


def with_directions(value: Any, made: Apart) -> Any:
    """Return the tree with its words from right to left set apart; code stays as it is.

    Without this, an author's name written from right to left would turn round the time that stands beside it.

    Args:
        made: sets words apart in the format's way.
    """
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
    """Return the text as pandoc writes it, with the spaces at its ends."""
    found: Nodes = []
    for at, word in enumerate(text.split(" ")):
        found += [node("Space")] if at else []
        found += [node("Str", word)] if word else []
    return found
