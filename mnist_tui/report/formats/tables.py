"""Fit tables to a page: size of letters, widths of columns, and which words may be broken. Pure functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mnist_tui.report.formats.tree import Node, Nodes, node, text_of, transformed, with_breaks

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


def _columns(table: Node) -> list[tuple[str, ...]]:
    """Return the texts of the cells, column by column, headings first."""
    _, _, _, head, bodies, foot = table["c"]
    groups = [head[1], *(group for body in bodies for group in (body[2], body[3])), foot[1]]
    return list(zip(*([text_of(cell[4]) for cell in row[1]] for group in groups for row in group), strict=False))


def table_layout(table: Node, capacities: Sequence[int] = PAGE) -> TableLayout:
    """Return the layout that a table needs.

    Args:
        capacities: characters across the page, for each size of letters.
    """
    columns = _columns(table)
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
    """The least cost so far and its widths, by the characters used beyond `least`."""
    left = max(0, capacity - sum(least))
    for column, start in zip(columns, least, strict=True):
        costs = _costs_by_width(column, start, left)
        new: dict[int, tuple[int, tuple[int, ...]]] = {}
        for used, (cost, widths) in best.items():
            for more, lines in costs.items():
                total = used + more
                if total <= left and (total not in new or cost + lines < new[total][0]):
                    new[total] = (cost + lines, (*widths, start + more))
        best = new
    _, widths = min(best.values())
    return TableLayout(size, tuple(round(width / sum(widths), 4) for width in widths), widths)


def _costs_by_width(column: Sequence[str], least: int, most: int) -> dict[int, int]:
    """Return a column's cost by the characters it gets beyond its least, without those that change nothing."""
    costs: dict[int, int] = {}
    lowest = None
    for more in range(most + 1):
        cost = sum(count * lines_of(text, least + more) ** 2 for text, count in Counter(column).items())
        if lowest is None or cost < lowest:
            costs[more] = lowest = cost
        if cost == len(column):
            break
    return costs


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

    def table(one: Node) -> Nodes:
        layout = table_layout(one, capacities)
        shares = layout.shares
        if shares is None and always:
            shares = tuple(round((width + GAP) / capacities[layout.size], 4) for width in layout.longest)
            shares = tuple(share / max(1.0, sum(shares)) for share in shares)
        attributes, caption, columns, *rest = one["c"]
        # typst would centre columns without an alignment
        columns = [[node("AlignLeft") if align["t"] == "AlignDefault" else align, width] for align, width in columns]
        if shares is None:
            return sized(layout.size, node("Table", [attributes, caption, columns, *rest]))
        columns = [[align, node("ColWidth", share)] for (align, _), share in zip(columns, shares, strict=True)]
        wide = node("Table", [attributes, caption, columns, *rest])
        return sized(layout.size, with_cells(wide, lambda cell, at: with_breaks(cell, layout.longest[at])))

    return transformed(blocks, {"Table": table})


def with_cells(table: Node, change: Callable[[Nodes, int], Nodes]) -> Node:
    """Return the table with its cells changed; `change` takes a cell's blocks and its column's number."""
    attributes, caption, columns, head, bodies, foot = table["c"]

    def changed(group: Any) -> Any:
        return [[row[0], [[*cell[:4], change(cell[4], at)] for at, cell in enumerate(row[1])]] for row in group]

    bodies = [[body[0], body[1], changed(body[2]), changed(body[3])] for body in bodies]
    return node("Table", [attributes, caption, columns, [head[0], changed(head[1])], bodies, foot])


def without_empty_heads(blocks: Nodes) -> Nodes:
    """Remove the headings of tables where all are empty; the first column then heads the rows."""

    def bold(cell: Nodes) -> Nodes:
        return [node(one["t"], [node("Strong", one["c"])]) if one["t"] in {"Plain", "Para"} else one for one in cell]

    def table(one: Node) -> Node:
        attributes, caption, columns, head, bodies, foot = one["c"]
        if any(text_of(row[1]) for row in head[1]) or not head[1]:
            return one
        headed = [[body[0], 1, body[2], body[3]] for body in bodies]
        plain = node("Table", [attributes, caption, columns, [head[0], []], headed, foot])
        return with_cells(plain, lambda cell, at: cell if at else bold(cell))

    return transformed(blocks, {"Table": table})
