"""Change a document as pandoc's tree: ids, links, figures, directions of writing, tables that fit a page.

Every function returns a new tree.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mnist_tui.shown_text import FIRST_STRONG_ISOLATE, POP_ISOLATE, parts_by_direction

Node = dict[str, Any]
Nodes = list[Node]

FIGURES = "figures/"
"""The start of the paths of the report's own pictures in the report's Markdown."""
_ID = re.compile(r"\{#([a-zA-Z][\w-]*)\}$")
BREAK = "\u200b"
"""A character without width, after which a line may be broken."""
NO_BREAK = "\u00a0"
"""A space at which no line ends."""
SIGNS = frozenset("×=+−±→")
"""Signs between which and the numbers beside them no line ends."""
BLOCKS = frozenset(("Para", "Plain", "Header", "CodeBlock", "RawBlock", "Table"))
"""The kinds of blocks that hold no other blocks, except in the cells of a table."""
EVERY = 8
"""The number of characters after which a long word may be broken."""
KEPT_IN_ANCHORS = frozenset(("Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc"))
"""Unicode's categories of letters, marks, numbers and the underscore."""
BARE = ["", [], []]
"""The attributes of an element without an id, classes and values."""


def node(kind: str, content: Any = None) -> Node:
    return {"t": kind} if content is None else {"t": kind, "c": content}


def inlines(text: str) -> Nodes:
    """Return plain text as pandoc writes it: words with spaces between."""
    return _words_and_spaces(text.split())


def _words_and_spaces(words: Sequence[str]) -> Nodes:
    nodes: Nodes = []
    for at, word in enumerate(words):
        nodes += [node("Space")] if at else []
        nodes += [node("Str", word)] if word else []
    return nodes


def transformed(value: Any, changes: Mapping[str, Callable[[Node], Any]]) -> Any:
    """Return the tree with every element of certain kinds replaced, innermost elements first.

    Args:
        changes: for each kind of element, a function that returns the new element, or a list of elements. If all kinds
            are in BLOCKS, the contents of blocks, also the cells of tables, stay as they are.
    """
    whole = BLOCKS if changes.keys() <= BLOCKS else frozenset[str]()

    def change(value: Any) -> Any:
        if isinstance(value, list):
            out: list[Any] = []
            for element in value:
                new = change(element)
                out += new if isinstance(element, dict) and isinstance(new, list) else [new]
            return out
        if isinstance(value, dict) and "t" in value:
            kind, content = value["t"], value.get("c")
            if isinstance(content, dict | list) and kind not in whole:
                value = {"t": kind, "c": change(content)}
            return changes[kind](value) if kind in changes else value
        return value

    return change(value)


def elements(value: Any) -> Iterator[Node]:
    """Yield every element of a tree, outermost first."""
    if isinstance(value, list):
        for element in value:
            yield from elements(element)
    elif isinstance(value, dict) and "t" in value:
        yield value
        yield from elements(value.get("c"))


def text_of(value: Any) -> str:
    """Return the text of elements, without emphasis."""
    parts: list[str] = []
    for element in elements(value):
        match element["t"]:
            case "Str":
                parts.append(element["c"])
            case "Code" | "Math":
                parts.append(element["c"][1])
            case "Space" | "SoftBreak" | "LineBreak":
                parts.append(" ")
            case _:
                pass
    return "".join(parts)


def with_ids(blocks: Nodes) -> Nodes:
    """Give each heading a unique id: the one of a ``{#id}`` at its end, or one made from its text."""
    used: set[str] = set()

    def heading(element: Node) -> Node:
        level, (_, classes, pairs), title = element["c"]
        own_id = _ID.fullmatch(title[-1]["c"]) if len(title) > 1 and title[-1]["t"] == "Str" else None
        if own_id:
            title = title[:-2] if title[-2]["t"] == "Space" else title[:-1]
        name = _unused(own_id[1] if own_id else slug(text_of(title)) or "section", used)
        return node("Header", [level, [name, classes, pairs], title])

    return transformed(blocks, {"Header": heading})


ANCHOR = "anchor:"
"""The start of the address of a link that is no link, but gives an id to the link's text."""


def with_anchors(blocks: Nodes) -> Nodes:
    """Give ids to the texts of links to ``anchor:ID``, so that other links can lead to them."""

    def link(element: Node) -> Node:
        _, text, (target, _) = element["c"]
        return node("Span", [[target.removeprefix(ANCHOR), [], []], text]) if target.startswith(ANCHOR) else element

    return transformed(blocks, {"Link": link})


def slug(title: str) -> str:
    """Return a heading's anchor by GitHub's rule: lower case, with hyphens for spaces and no other punctuation."""
    kept = (char for char in title.strip().lower() if char in " -" or unicodedata.category(char) in KEPT_IN_ANCHORS)
    return "".join(kept).replace(" ", "-")


def slugs(titles: Sequence[str]) -> list[str]:
    """Return the anchors of a document's headings; an anchor that already exists gets a number."""
    used: set[str] = set()
    return [_unused(slug(title), used) for title in titles]


def _unused(wanted: str, used: set[str]) -> str:
    numbered = (f"{wanted}-{number}" for number in itertools.count(1))
    name = next(name for name in itertools.chain([wanted], numbered) if name not in used)
    used.add(name)
    return name


def headings(blocks: Nodes) -> list[tuple[int, str, Nodes]]:
    """Return level, id and title of every heading at the document's top level."""
    return [(element["c"][0], element["c"][1][0], element["c"][2]) for element in blocks if element["t"] == "Header"]


def without_foreign_pictures(blocks: Nodes, names: Collection[str]) -> Nodes:
    """Replace each picture that is not one of the report's figures by the picture's text."""
    ours = {f"{FIGURES}{name}" for name in names}
    return transformed(blocks, {"Image": lambda element: element if element["c"][2][0] in ours else element["c"][1]})


def with_links(blocks: Nodes, names: Mapping[str, str]) -> Nodes:
    """Rename the targets of links inside the document; a link to a missing target becomes the link's text.

    Args:
        names: the new names of the targets by their ids.
    """

    def link(element: Node) -> Any:
        attributes, text, (target, title) = element["c"]
        if not target.startswith("#"):
            return element
        name = names.get(target[1:])
        return node("Link", [attributes, text, [f"#{name}", title]]) if name else text

    return transformed(blocks, {"Link": link})


def contents(blocks: Nodes, deepest: int = 2) -> Nodes:
    """Return a table of contents as a list of links, for formats in which pandoc makes none."""
    chosen = [heading for heading in headings(blocks) if heading[0] <= deepest]
    return [_nested_list(chosen)] if chosen else []


def _nested_list(chosen: Sequence[tuple[int, str, Nodes]]) -> Node:
    """Return a list of links to headings; lower levels are lists inside the item of the heading above them."""
    top = min(level for level, _, _ in chosen)
    starts = [at for at, (level, _, _) in enumerate(chosen) if level == top or at == 0]
    items: list[Nodes] = []
    for start, end in itertools.pairwise([*starts, len(chosen)]):
        _, name, title = chosen[start]
        title = transformed(title, {"Link": lambda element: element["c"][1], "Note": lambda _: []})
        inner = [_nested_list(chosen[start + 1 : end])] if end > start + 1 else []
        items.append([node("Plain", [node("Link", [BARE, title, [f"#{name}", ""]])]), *inner])
    return node("BulletList", items)


def with_raw_text(blocks: Nodes, pattern: str, form: str, code: str) -> Nodes:
    """Replace text that matches a pattern by code of the output format, as pandoc would not escape it rightly."""
    parts = re.compile(f"({pattern})")

    def string(element: Node) -> Nodes:
        pieces = parts.split(element["c"])
        return [
            node("RawInline", [form, code]) if at % 2 else node("Str", piece)
            for at, piece in enumerate(pieces)
            if piece
        ]

    return transformed(blocks, {"Str": string})


def wrapped(form: str, opening: str, block: Node, closing: str) -> Nodes:
    """Return a block with code of the output format (LaTeX or Typst) before and after it."""
    return [node("RawBlock", [form, opening]), block, node("RawBlock", [form, closing])]


def breakable(text: str, longest: int) -> str:
    """Return a text with a BREAK after punctuation and after every few characters of words longer than `longest`."""

    def broken(word: str) -> str:
        pieces = re.split(r"(?<=[/_.,=:-])", word)
        return BREAK.join(part for piece in pieces for part in re.findall(f".{{1,{EVERY}}}", piece))

    return " ".join(broken(word) if len(word) > longest else word for word in text.split(" "))


def with_breaks(value: Any, longest: int) -> Any:
    """Return the tree with places to break in all words longer than `longest` characters."""

    def code(element: Node) -> Node:
        lines = (breakable(line, longest) for line in element["c"][1].split("\n"))
        return node(element["t"], [element["c"][0], "\n".join(lines)])

    return transformed(
        value, {"Str": lambda element: node("Str", breakable(element["c"], longest)), "Code": code, "CodeBlock": code}
    )


def with_whole_formulas(blocks: Nodes) -> Nodes:
    """Return the tree with spaces that do not end a line inside ``784 × 250 = 196,000``, and before ``%``."""

    def joined(value: Any) -> Any:
        if isinstance(value, dict):
            code = value.get("t") in {"Code", "CodeBlock"}
            return value if code else {key: joined(inner) for key, inner in value.items()}
        if not isinstance(value, list):
            return value
        parts: list[Any] = []
        for part in map(joined, value):
            before, space = _word(parts[-2]) if len(parts) > 1 else "", parts[-1:]
            after = _word(part)
            if before and after and space == [node("Space")] and _belong_together(before, after):
                parts[-2:] = [node("Str", f"{before}{NO_BREAK}{after}")]
            else:
                parts.append(part)
        return parts

    return joined(blocks)


def _word(part: Any) -> str:
    return part["c"] if isinstance(part, dict) and part.get("t") == "Str" else ""


def _belong_together(before: str, after: str) -> bool:
    return before.rpartition(NO_BREAK)[2] in SIGNS or after.rstrip(",;.:)") in {*SIGNS, "%"}


JOINED = frozenset(("Str", "Space", "SoftBreak"))
"""The kinds of elements that make words."""


def isolated_by_characters(words: Nodes) -> Nodes:
    """Put Unicode's characters for isolation around words."""
    return [node("Str", FIRST_STRONG_ISOLATE), *words, node("Str", POP_ISOLATE)]


def isolated_by_attribute(words: Nodes) -> Nodes:
    """Mark words with the attribute ``dir="rtl"``, which HTML isolates and Word sets from right to left."""
    return [node("Span", [["", [], [["dir", "rtl"]]], words])]


def with_directions(value: Any, isolate: Callable[[Nodes], Nodes]) -> Any:
    """Return the tree with words from right to left isolated from the words around them; code stays as it is.

    Without this, an author's name that is written from right to left would reverse the time beside it.

    Args:
        isolate: isolates words in the way of the format.
    """
    if isinstance(value, list):
        out: list[Any] = []
        for are_words, group in itertools.groupby(value, lambda p: isinstance(p, dict) and p.get("t") in JOINED):
            parts = list(group)
            out += _words_by_direction(parts, isolate) if are_words else [with_directions(p, isolate) for p in parts]
        return out
    if isinstance(value, dict) and value.get("t") not in {"Code", "CodeBlock", "RawInline", "RawBlock", "MetaString"}:
        return {key: with_directions(inner, isolate) for key, inner in value.items()}
    return value


def _words_by_direction(nodes: Nodes, isolate: Callable[[Nodes], Nodes]) -> Nodes:
    parts = parts_by_direction("".join(element["c"] if element["t"] == "Str" else " " for element in nodes))
    if not any(rtl for _, rtl in parts):
        return nodes
    out: Nodes = []
    for text, rtl in parts:
        words = _words_and_spaces(text.split(" "))
        out += isolate(words) if rtl else words
    return out


PAGE = (94, 106, 122)
"""The characters across the page, for each size of letters from the largest to the smallest."""
GAP = 2
"""The space between two columns, in characters."""
LONGEST_WORD = 24
"""The longest word, in characters, that is not broken: a column is at least as wide."""
LONGEST_SHORT = 20
"""The longest text of a cell, in characters, that is not broken between its words if there is room."""
SHORTEST = 5
"""The least `LONGEST_WORD` if the table does not fit the page even in the smallest letters."""


@dataclass(frozen=True)
class TableLayout:
    """The layout of a table.

    Attributes:
        size: the size of letters, 0 for the usual one, 1 and 2 for smaller ones.
        widths: each column's width in characters.
        fits: whether every column is as wide as its longest text, so that no line is broken.
    """

    size: int
    widths: tuple[int, ...]
    fits: bool


def table_layout(table: Node, capacities: Sequence[int] = PAGE) -> TableLayout:
    """Return the layout with the largest letters in which no word of a table is broken, if there is one.

    If the longest texts do not fit beside each other, columns are as wide as their longest words, and share the rest of
    the page as their texts need it, which is the rule of CSS 2 for automatic tables. Short texts below the headings are
    not broken either, if there is room for that in the two larger sizes.

    Args:
        capacities: the characters across the page, for each size of letters.
    """
    _, _, _, head, bodies, foot = table["c"]
    groups = [head[1], *(group for body in bodies for group in (body[2], body[3])), foot[1]]
    rows = [[text_of(cell[4]) for cell in row[1]] for group in groups for row in group]
    room = GAP * max(0, max(map(len, rows), default=0) - 1)
    columns, cells = list(zip(*rows, strict=False)), list(zip(*rows[len(head[1]) :], strict=False))
    whole = [max(len(text) + 1 for text in column) for column in columns]
    words = [max((len(word) + 1 for text in column for word in text.split(" ")), default=1) for column in columns]
    short = [max((len(text) + 1 for text in column if len(text) <= LONGEST_SHORT), default=1) for column in cells]
    unbroken = [max(pair) for pair in itertools.zip_longest(words, short, fillvalue=1)]
    for widths, sizes in ((unbroken, 2), (words, len(capacities))):
        for size, capacity in enumerate(capacities[:sizes]):
            if sum(whole) + room <= capacity:
                return TableLayout(size, tuple(whole), fits=True)
            least = [min(width, LONGEST_WORD) for width in widths]
            if sum(least) + room <= capacity:
                return TableLayout(size, _shared(capacity - room, least, whole), fits=False)
    capacity = capacities[-1] - room
    cuts = range(LONGEST_WORD, SHORTEST, -1)
    cut = next((cut for cut in cuts if sum(min(word, cut) for word in words) <= capacity), SHORTEST)
    least = [min(word, cut) for word in words]
    return TableLayout(len(capacities) - 1, _shared(capacity, least, whole), fits=False)


def _shared(capacity: int, least: Sequence[int], most: Sequence[int]) -> tuple[int, ...]:
    wanted = [big - small for small, big in zip(least, most, strict=True)]
    spare = max(0, capacity - sum(least))
    return tuple(small + spare * more // max(1, sum(wanted)) for small, more in zip(least, wanted, strict=True))


def with_fitted_tables(
    blocks: Nodes, sized: Callable[[int, Node], Nodes], capacities: Sequence[int] = PAGE, *, always: bool = False
) -> Nodes:
    """Return the document with tables that fit the page.

    Args:
        sized: returns a table in one of the sizes of letters.
        capacities: the characters across the page, for each size of letters.
        always: whether to set the widths of columns also in tables that fit without.
    """

    def table(element: Node) -> Nodes:
        layout = table_layout(element, capacities)
        attributes, caption, columns, *rest = element["c"]
        # typst would centre columns without an alignment
        columns = [[node("AlignLeft") if align["t"] == "AlignDefault" else align, width] for align, width in columns]
        if not layout.fits or always:
            across = max(capacities[layout.size], sum(layout.widths) + GAP * len(columns))
            shares = (node("ColWidth", round((width + GAP) / across, 4)) for width in layout.widths)
            columns = [[align, share] for (align, _), share in zip(columns, shares, strict=True)]
        fitted = node("Table", [attributes, caption, columns, *rest])
        if layout.fits:
            return sized(layout.size, fitted)
        return sized(layout.size, with_cells(fitted, lambda cell, at: with_breaks(cell, layout.widths[at])))

    return transformed(blocks, {"Table": table})


def with_rows(table: Node, change: Callable[[list[Any]], list[Any]]) -> Node:
    """Return the table with every row changed, from the first of the head to the last of the foot."""
    attributes, caption, columns, head, bodies, foot = table["c"]
    head = [head[0], [change(row) for row in head[1]]]
    bodies = [[*body[:2], [change(row) for row in body[2]], [change(row) for row in body[3]]] for body in bodies]
    foot = [foot[0], [change(row) for row in foot[1]]]
    return node("Table", [attributes, caption, columns, head, bodies, foot])


def with_cells(table: Node, change: Callable[[Nodes, int], Nodes]) -> Node:
    """Return the table with changed cells; `change` takes the blocks of a cell and the number of its column."""

    def changed(row: list[Any]) -> list[Any]:
        return [row[0], [[*cell[:4], change(cell[4], at)] for at, cell in enumerate(row[1])]]

    return with_rows(table, changed)


def without_empty_heads(blocks: Nodes) -> Nodes:
    """Remove the headings of tables if all are empty; the first column then has the headings of the rows."""

    def bold(block: Node) -> Node:
        return node(block["t"], [node("Strong", block["c"])])

    def table(element: Node) -> Node:
        attributes, caption, columns, head, bodies, foot = element["c"]
        if any(text_of(row[1]) for row in head[1]) or not head[1]:
            return element
        headed = [[body[0], 1, body[2], body[3]] for body in bodies]
        plain = node("Table", [attributes, caption, columns, [head[0], []], headed, foot])
        return with_cells(plain, lambda cell, at: cell if at else transformed(cell, {"Plain": bold, "Para": bold}))

    return transformed(blocks, {"Table": table})
