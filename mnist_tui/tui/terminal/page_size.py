"""The sizes that a web page's terminal may have; apart, so that the server need not import Textual for it."""

from __future__ import annotations

MOST_COLUMNS, MOST_ROWS = 1_000, 400
"""More than a 4K screen shows in the smallest type. An app draws every cell: a page that claims more is cut to this."""


def bounded(columns: int, rows: int) -> tuple[int, int]:
    """The size nearest to the one asked for that the app is drawn in."""
    return max(1, min(columns, MOST_COLUMNS)), max(1, min(rows, MOST_ROWS))
