"""Sizes of the window at which a screen is tested."""

from __future__ import annotations

import pytest

Size = tuple[int, int]


def at_sizes(first: Size, *others: Size) -> pytest.MarkDecorator:
    """Give a test its argument `size`, columns and rows: the first in the ordinary suite, the others exhaustively."""
    return pytest.mark.parametrize(
        "size",
        [first, *(pytest.param(other, marks=pytest.mark.exhaustive) for other in others)],
        ids=[f"{columns}x{rows}" for columns, rows in (first, *others)],
    )
