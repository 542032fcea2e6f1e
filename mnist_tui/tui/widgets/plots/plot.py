"""The widget that all plots extend: it redraws only what looks different, and turns mouse events into messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.segment import Segment
from textual import events, getters
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from mnist_tui.tui.widgets.plots.axes import Plane
from mnist_tui.tui.widgets.plots.raster import MARKS, Marks, Row, changed

if TYPE_CHECKING:
    from mnist_tui.tui.bench import Bench

TONES = (
    "title",
    "text",
    "muted",
    "rule",
    "axis",
    "training",
    "validation",
    "plain",
    "running",
    "average",
    "cursor",
    "best",
    *(f"run{number}" for number in range(8)),
)
WHEEL = 1 / 1.25
PAN = 0.15


class Plot(Widget):
    """Show lines of characters with tones; a subclass makes them in `lines`."""

    COMPONENT_CLASSES = {f"plot--{tone}" for tone in TONES}
    DEFAULT_CSS = """
    Plot {
        width: 1fr;
        height: 1fr;
        & > .plot--title { color: $foreground; text-style: bold; }
        & > .plot--text { color: $foreground; }
        & > .plot--muted { color: $foreground-muted; }
        & > .plot--rule { color: $primary-muted; }
        & > .plot--axis { color: $foreground-muted; }
        & > .plot--training { color: $text-primary; }
        & > .plot--validation { color: $text-accent; }
        & > .plot--plain { color: $text-success; }
        & > .plot--running { color: $foreground-muted; }
        & > .plot--average { color: $text-warning; }
        & > .plot--cursor { color: $foreground; text-style: bold; }
        & > .plot--best { color: $text-success; text-style: bold; }
        & > .plot--run0 { color: $text-primary; }
        & > .plot--run1 { color: $text-accent; }
        & > .plot--run2 { color: $text-success; }
        & > .plot--run3 { color: $text-error; }
        & > .plot--run4 { color: $foreground; }
        & > .plot--run5 { color: $text-secondary; }
        & > .plot--run6 { color: $text-warning; }
        & > .plot--run7 { color: $foreground-muted; }
    }
    """
    ALLOW_SELECT = False

    if TYPE_CHECKING:
        app = getters.app(Bench)

    class EpochPointed(Message):
        """Posted when a person points at an epoch."""

        def __init__(self, epoch: int) -> None:
            super().__init__()
            self.epoch = epoch

    class ZoomWanted(Message):
        """Posted to make the view `factor` times as wide around an epoch."""

        def __init__(self, at: float, factor: float) -> None:
            super().__init__()
            self.at, self.factor = at, factor

    class PanWanted(Message):
        """Posted to move the view by a share of its width."""

        def __init__(self, share: float) -> None:
            super().__init__()
            self.share = share

    class WholeViewWanted(Message):
        """Posted to show all epochs."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.plane: Plane | None = None
        self.margin = 0
        self.redraws = 0
        self._lines: list[Row] = []
        self._held: int | None = None
        self._seen = True

    @property
    def marks(self) -> Marks:
        """Return the characters that the settings ask for."""
        settings = getattr(self.app, "settings", None)
        return MARKS[settings.glyphs if settings is not None else "braille"]

    def lines(self) -> Sequence[Row]:
        """Return the lines as they should be now, and set `plane` and `margin`."""
        raise NotImplementedError

    def draw(self) -> None:
        """Draw the plot, and ask the terminal only for the characters that have changed."""
        if not self._seen or self.size.area == 0:
            return
        self.redraws += 1
        before, self._lines = self._lines, list(self.lines())
        regions = [
            Region(span[0], y, span[1] - span[0], 1)
            for y, (old, new) in enumerate(zip(before, self._lines, strict=False))
            if (span := changed(old, new)) is not None
        ]
        if len(before) != len(self._lines):
            self.refresh()
        elif regions:
            self.refresh(*regions)

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        row = self._lines[y] if y < len(self._lines) else ()
        segments = [Segment(text, self.get_component_rich_style(f"plot--{tone}")) for tone, text in row]
        return Strip(segments).adjust_cell_length(width, self.get_component_rich_style("plot--text"))

    def on_resize(self) -> None:
        self.draw()

    def on_show(self) -> None:
        self._seen = True
        self.draw()

    def on_hide(self) -> None:
        self._seen = False

    def _epoch(self, event: events.MouseEvent) -> float | None:
        if self.plane is None:
            return None
        return self.plane.at(event.get_content_offset_capture(self).x - self.margin)

    def _look(self, event: events.MouseEvent) -> None:
        epoch = self._epoch(event)
        if epoch is not None:
            self.post_message(self.EpochPointed(max(1, round(epoch))))

    def on_mouse_down(self, event: events.MouseDown) -> None:
        self._held = event.button
        self.capture_mouse()
        if event.button == 1 and not event.shift:
            self._look(event)

    def on_mouse_up(self) -> None:
        self._held = None
        self.release_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Move the cursor with the left button, and the view with any other."""
        if self._held == 1 and not event.shift:
            self._look(event)
        elif self._held is not None and event.delta_x and self.plane is not None:
            self.post_message(self.PanWanted(-event.delta_x / self.plane.columns))

    def on_click(self, event: events.Click) -> None:
        if event.chain == 2:
            self.post_message(self.WholeViewWanted())

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._wheel(event, WHEEL, -PAN)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._wheel(event, 1 / WHEEL, PAN)

    def on_mouse_scroll_left(self, event: events.MouseScrollLeft) -> None:
        self._wheel(event, 1.0, -PAN)

    def on_mouse_scroll_right(self, event: events.MouseScrollRight) -> None:
        self._wheel(event, 1.0, PAN)

    def _wheel(self, event: events.MouseEvent, factor: float, share: float) -> None:
        event.stop()
        at = self._epoch(event)
        if event.shift or factor == 1.0:
            self.post_message(self.PanWanted(share))
        elif at is not None:
            self.post_message(self.ZoomWanted(at, factor))
