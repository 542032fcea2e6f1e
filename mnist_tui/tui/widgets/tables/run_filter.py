"""The line in which a list of runs is filtered."""

from __future__ import annotations

from textual.binding import Binding
from textual.widgets import Input


class RunFilter(Input):
    """Filters the list as one types; the list's own keys go to the list."""

    HELP = """
    **Filter.** Terms joined by blanks must all hold. A term compares a parameter by its name on the command line
    (`hidden>200`, `lr<=0.001`, `optimizer=adam`, `ppc!=4`) or a figure (`accuracy>0.97`, `>97` or `>97%`, `f1`, `loss`,
    `val-accuracy`, `parameters`, `done`, `time` in seconds, `started>=2026-03`), or a text (`state=finished`,
    `preset=seed*`, `note=…`). Of several layers the largest counts. Any other word must stand in the row.
    """
    BINDINGS = [
        Binding(
            "down",
            "screen.table('move', 1)",
            "Down",
            show=False,
            tooltip="In the list: the row below",
            id="runs.filter-down",
        ),
        Binding(
            "up",
            "screen.table('move', -1)",
            "Up",
            show=False,
            tooltip="In the list: the row above",
            id="runs.filter-up",
        ),
        Binding(
            "pagedown",
            "screen.table('page', 1)",
            "Page down",
            show=False,
            tooltip="In the list: a page down",
            id="runs.filter-pagedown",
        ),
        Binding(
            "pageup",
            "screen.table('page', -1)",
            "Page up",
            show=False,
            tooltip="In the list: a page up",
            id="runs.filter-pageup",
        ),
        Binding("escape", "screen.clear", "Clear", tooltip="Clear the filter and go to the list", id="runs.unfilter"),
    ]
