"""Fit tables to a page: size of letters, widths of columns, and which words may be broken. Pure functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mnist_tui.report.formats.tree import BLOCKS, Node, Nodes, node, text_of, transformed, with_breaks

PAGE = (94, 106, 122)
"""Characters across the page, for each size of letters from the largest down."""
GAP = 2
"""The space between two columns, in characters."""
LONGEST_WORD = 24
"""The longest word, in characters, that a column is made wide enough for; longer words are broken."""
SHORTEST = 5
"""The same limit where even the smallest letters leave less room."""


@dataclass(frozen=True)
class TableLayout:
    """The layout of a table.

    Attributes:
        size: 0 for the usual letters, 1 and 2 for smaller ones.
        shares: each column's share of the page's width; None where every column is as wide as it needs.
        longest: the characters that each column has room for.
    """

    size: int
    shares: tuple[float, ...] | None
    longest: tuple[int, ...]


def table_rows(table: Node) -> list[list[Nodes]]:
    """Return the blocks of the cells, row by row, headings first."""
    _, _, _, head, bodies, foot = table["c"]
    groups = [head[1], *(group for body in bodies for group in (body[2], body[3])), foot[1]]
    return [[cell[4] for cell in row[1]] for group in groups for row in group]


def table_layout(table: Node, capacities: Sequence[int] = PAGE) -> TableLayout:
    """Return the layout that a table needs.

    Args:
        capacities: characters across the page, for each size of letters.
    """
    columns = list(zip(*([text_of(cell) for cell in row] for row in table_rows(table)), strict=False))
    room = GAP * max(0, len(columns) - 1)
    whole = [max(len(text) + 1 for text in column) for column in columns]
    words = [max((len(word) + 1 for text in column for word in text.split()), default=1) for column in columns]
    least = [min(word, LONGEST_WORD) for word in words]
    for size, capacity in enumerate(capacities):
        if sum(whole) + room <= capacity:
            return TableLayout(size, None, tuple(whole))
        if sum(least) + room <= capacity:
            return _share_width(size, columns, least, capacity - room)
    capacity = capacities[-1] - room
    cuts = range(LONGEST_WORD, SHORTEST, -1)
    cut = next((cut for cut in cuts if sum(min(length, cut) for length in least) <= capacity), SHORTEST)
    return _share_width(len(capacities) - 1, columns, [min(length, cut) for length in least], capacity)


def _share_width(size: int, columns: Sequence[Sequence[str]], least: Sequence[int], capacity: int) -> TableLayout:
    """Choose the widths with which the cells have the fewest lines; tall cells count more.

    A column is at least as wide as `least` says. Found by dynamic programming over the columns.
    """
    best: dict[int, tuple[int, tuple[int, ...]]] = {0: (0, ())}
    left = capacity - sum(least)
    for column, start in zip(columns, least, strict=True):
        costs = _costs_by_width(column, start, max(0, left))
        new: dict[int, tuple[int, tuple[int, ...]]] = {}
        for used, (cost, widths) in best.items():
            for more, lines in costs.items():
                total = used + more
                if total <= max(0, left) and (total not in new or cost + lines < new[total][0]):
                    new[total] = (cost + lines, (*widths, start + more))
        best = new
    _, widths = min(best.values())
    return TableLayout(size, tuple(round(width / sum(widths), 4) for width in widths), widths)


def _costs_by_width(column: Sequence[str], least: int, most: int) -> dict[int, int]:
    """Return a column's cost by the characters it gets beyond its least, without those that change nothing."""
    found: dict[int, int] = {}
    lowest = None
    for more in range(most + 1):
        cost = sum(count * lines_of(text, least + more) ** 2 for text, count in Counter(column).items())
        if lowest is None or cost < lowest:
            found[more] = lowest = cost
        if cost == len(column):
            break
    return found


def lines_of(text: str, width: int) -> int:
    """Count the lines of a text that is broken between words, and within words longer than the width."""
    lines, at = 1, 0
    for word in text.split():
        length = len(word)
        if at and at + 1 + length > width:
            lines, at = lines + 1, 0
        at += length + (1 if at else 0)
        more, at = divmod(at, width) if at > width else (0, at)
        lines += more
    return lines


def with_fitted_tables(
    blocks: Nodes, sized: Callable[[int, Node], Nodes], capacities: Sequence[int] = PAGE, *, always: bool = False
) -> Nodes:
    """Return the document with tables that fit the page.

    Args:
        sized: returns a table in one of the sizes of letters, in the format's own way.
        capacities: characters across the page, for each size of letters.
        always: whether to set the widths of columns also in tables that would fit without.
    """

    def change(one: Node) -> Any:
        if one["t"] != "Table":
            return one
        layout = table_layout(one, capacities)
        one = _aligned_left(one)
        if layout.shares is None and always:
            shares = tuple(round((width + GAP) / capacities[layout.size], 4) for width in layout.longest)
            layout = replace(layout, shares=tuple(share / max(1.0, sum(shares)) for share in shares))
        return sized(layout.size, one if layout.shares is None else _with_shares(one, layout))

    return transformed(blocks, change, BLOCKS)


def _aligned_left(table: Node) -> Node:
    """Align columns without an alignment to the left; typst would centre them."""
    attributes, caption, columns, *rest = table["c"]
    aligned = [[node("AlignLeft") if align["t"] == "AlignDefault" else align, width] for align, width in columns]
    return node("Table", [attributes, caption, aligned, *rest])


def _with_shares(table: Node, layout: TableLayout) -> Node:
    attributes, caption, columns, *rest = table["c"]
    shares = layout.shares or ()
    wide = [[align, node("ColWidth", share)] for (align, _), share in zip(columns, shares, strict=True)]
    table = node("Table", [attributes, caption, wide, *rest])
    return with_cells(table, lambda blocks, column: with_breaks(blocks, layout.longest[column]))


def with_cells(table: Node, change: Callable[[Nodes, int], Nodes]) -> Node:
    """Return the table with its cells changed; `change` takes a cell's blocks and its column's number."""
    attributes, caption, columns, head, bodies, foot = table["c"]

    def changed(group: Any) -> Any:
        return [[row[0], [[*cell[:4], change(cell[4], at)] for at, cell in enumerate(row[1])]] for row in group]

    bodies = [[body[0], body[1], changed(body[2]), changed(body[3])] for body in bodies]
    return node("Table", [attributes, caption, columns, [head[0], changed(head[1])], bodies, foot])


def without_empty_heads(blocks: Nodes) -> Nodes:
    """Remove the headings of tables where all are empty; the first column then heads the rows."""

    def change(one: Node) -> Node:
        if one["t"] != "Table":
            return one
        attributes, caption, columns, head, bodies, foot = one["c"]
        if any(text_of(row[1]) for row in head[1]) or not head[1]:
            return one
        headed = [[body[0], 1, body[2], [_bold_first(row) for row in body[3]]] for body in bodies]
        return node("Table", [attributes, caption, columns, [head[0], []], headed, foot])

    return transformed(blocks, change, BLOCKS)


def _bold_first(row: Any) -> Any:
    attributes, cells = row
    first, *rest = cells
    bold = [node(one["t"], [node("Strong", one["c"])]) if one["t"] in {"Plain", "Para"} else one for one in first[4]]
    return [attributes, [[*first[:4], bold], *rest]]
