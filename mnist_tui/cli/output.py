"""What goes to stdout: JSON documents and tables. Formatting alone; figures in words are `report.wording`'s."""

from __future__ import annotations

import io
import json
import shutil
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table


def print_json(doc: Any) -> None:
    """One JSON document."""
    utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    print(json.dumps(doc, indent=2, ensure_ascii=not utf8, allow_nan=False))


def print_table(table: Table) -> None:
    """A table: as wide as it needs in a pipe or a file, no wider than the window in a terminal."""
    print(rendered(table, shutil.get_terminal_size().columns if sys.stdout.isatty() else None))


def rendered(table: Table, width: int | None = None) -> str:
    """A table as plain text, lines without trailing blanks."""
    from rich.console import Console

    console = Console(
        file=io.StringIO(), width=width or 1000, color_system=None, force_terminal=False, legacy_windows=False
    )
    with console.capture() as capture:
        console.print(table)
    return "\n".join(line.rstrip() for line in capture.get().rstrip("\n").splitlines())


def plain_table(*columns: str, right: tuple[str, ...] = ()) -> Table:
    """A table without frames; the columns named in `right` are aligned to the right."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return table
