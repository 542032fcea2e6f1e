"""Named facts, one below the other: the name at the left, the value wrapped beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textual.app import ComposeResult
from textual.containers import Grid

from mnist_tui.tui.form.line import Line


class Facts(Grid):
    """Facts of fixed names; those without a value are not shown.

    Args:
        names: in their order.
    """

    DEFAULT_CSS = """
    Facts {
        grid-size: 2;
        grid-columns: 11 1fr;
        grid-rows: auto;
        grid-gutter: 0 1;
        height: auto;
        .facts--name { color: $text-muted; height: auto; }
        .facts--value { height: auto; }
    }
    """

    def __init__(self, names: Sequence[str], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._names = tuple(names)
        self._values = {name: Line(classes="facts--value") for name in names}
        self._labels = {name: Line(name, classes="facts--name") for name in names}

    def compose(self) -> ComposeResult:
        for name in self._names:
            yield self._labels[name]
            yield self._values[name]

    def show(self, facts: Mapping[str, str]) -> None:
        """Shows these values by name."""
        for name in self._names:
            text = facts.get(name, "")
            self._labels[name].display = self._values[name].display = bool(text)
            self._values[name].say(text)
