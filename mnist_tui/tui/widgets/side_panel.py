"""Text beside a run's curves, scrolled by the keys that the epoch cursor has no use for."""

from __future__ import annotations

from textual.binding import Binding
from textual.containers import VerticalScroll


class SidePanel(VerticalScroll, inherit_bindings=False):
    """Scrolls by line and by page; home, end, left and right stay the screen's."""

    BINDINGS = [
        Binding("up", "scroll_up", "Scroll up", show=False),
        Binding("down", "scroll_down", "Scroll down", show=False),
        Binding("pageup", "page_up", "Page up", show=False),
        Binding("pagedown", "page_down", "Page down", show=False),
    ]
