"""The layers of a network with the figures of their weights or biases, one line each; one of them is chosen."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.widget import Widget

from mnist_tui.runs.events import Distribution, LayerWeights
from mnist_tui.tui.form.table import Column, table
from mnist_tui.wording import percent

COLUMNS = (
    Column(""),
    Column("layer"),
    Column("values", right=True, need=2),
    Column("mean", right=True, need=4),
    Column("deviation", right=True, need=5),
    Column("at first", right=True, need=1),
    Column("smallest", right=True, need=3),
    Column("largest", right=True, need=3),
    Column("dead units", right=True, need=6),
)
NONE = "–"


def rows_of(
    layers: Sequence[LayerWeights], at_first: Sequence[LayerWeights], biases: bool, units: dict[str, int], chosen: int
) -> list[list[str]]:
    """The table's cells.

    Args:
        layers: as told of at the epoch that is looked at. at_first: as told of before training; empty if not told.
        units: of each layer, by name.
    """
    before = {layer.name: _spread(layer, biases) for layer in at_first}
    rows: list[list[str]] = []
    for at, layer in enumerate(layers):
        spread, first = _spread(layer, biases), before.get(layer.name)
        figures = [NONE] * 6
        if spread is not None:
            was = NONE if first is None else f"{first.deviation:.4f}"
            figures = [
                f"{sum(spread.counts):,}",
                f"{spread.mean:+.4f}",
                f"{spread.deviation:.4f}",
                was,
                f"{spread.low:+.3f}",
                f"{spread.high:+.3f}",
            ]
        rows.append([">" if at == chosen else " ", layer.name, *figures, dead_units(layer, units.get(layer.name))])
    return rows


def dead_units(layer: LayerWeights, units: int | None) -> str:
    """``3 of 250, 1.2 %``; empty for a layer without ReLUs."""
    if layer.dead is None:
        return ""
    return f"{round(layer.dead * units)} of {units}, {percent(layer.dead, 1)}" if units else percent(layer.dead, 1)


def _spread(layer: LayerWeights, biases: bool) -> Distribution | None:
    return layer.biases if biases else layer.weights


class LayerTable(Widget):
    """The table. Its columns give way where there is no room."""

    HELP = """
    **Layers.** Number, mean, standard deviation and range of a layer's weights or biases at the epoch that is looked
    at; *at first* is the deviation before training. Dead units are ReLUs whose output was zero for every image looked
    at. The arrow keys or a click choose a layer.
    """
    DEFAULT_CSS = """
    LayerTable { height: auto; }
    """

    class LayerPicked(Message):
        """A layer's line was clicked."""

        def __init__(self, at: int) -> None:
            super().__init__()
            self.at = at

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._rows: list[list[str]] = []
        self._chosen = 0

    def show(self, rows: list[list[str]], chosen: int) -> None:
        """Shows the rows of `rows_of`."""
        if rows != self._rows or chosen != self._chosen:
            layout = len(rows) != len(self._rows)
            self._rows, self._chosen = rows, chosen
            self.refresh(layout=layout)

    def on_click(self, event: events.Click) -> None:
        if 0 < event.y <= len(self._rows):
            self.post_message(self.LayerPicked(event.y - 1))

    def render(self) -> Content:
        if not self._rows:
            return Content("")
        fitted = table(COLUMNS, self._rows, self.content_size.width)
        lines = [Content.styled(fitted.header, "bold $foreground-muted")]
        lines += [
            Content.styled(line, "bold") if at == self._chosen else Content(line)
            for at, line in enumerate(fitted.lines)
        ]
        return Content("\n").join(lines)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._rows) + 1 if self._rows else 0
