"""Textual's own widgets, changed a little: a footer that fits, a checkbox for any colours, a scrolled panel."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.widgets import Checkbox, Footer
from textual.widgets._footer import FooterKey

ALWAYS = ("quit", "help")
"""Actions whose keys are always shown."""
KEY_PADDING, NAME_PADDING, PALETTE_FRAME = 2, 1, 2
PALETTE_FROM = 78
"""Columns from which the palette's key is shown; the help names it, too."""


def fitting(keys: Sequence[FooterKey], width: int, always: Collection[str]) -> list[bool]:
    """Return which keys are shown in so many columns: none after the first one that does not fit.

    Args:
        always: actions whose keys are never left out, besides those of Escape.
    """

    def is_kept(key: FooterKey) -> bool:
        if key.has_class("-command-palette"):
            return width >= PALETTE_FROM
        return key.key == "escape" or key.action.rpartition(".")[2] in always

    room = width - sum(map(_width, filter(is_kept, keys)))
    shown: list[bool] = []
    for key in keys:
        room -= 0 if is_kept(key) else _width(key)
        shown.append(is_kept(key) or (room >= 0 and not key.has_class("-command-palette")))
    return shown


def _width(key: FooterKey) -> int:
    frame = PALETTE_FRAME if key.has_class("-command-palette") else 0
    return cell_len(key.key_display) + KEY_PADDING + cell_len(key.description) + NAME_PADDING + frame


class KeyFooter(Footer):
    """Show as many keys as fit, none of them cut; Textual's footer cuts the last one."""

    def compose(self) -> ComposeResult:
        keys = [key for key in super().compose() if isinstance(key, FooterKey)]
        self._fit(keys)
        yield from keys

    def on_resize(self, event: events.Resize) -> None:
        self._fit(list(self.query(FooterKey)))

    def _fit(self, keys: Sequence[FooterKey]) -> None:
        bindings = (binding for kind in type(self.screen).__mro__ for binding in kind.__dict__.get("BINDINGS", ()))
        back = {each.action for each in bindings if isinstance(each, Binding) and "escape" in each.key.split(",")}
        always = {*ALWAYS, *back}  # actions that have Escape by default, whatever keys the user has set
        for key, shown in zip(keys, fitting(keys, self.size.width, always), strict=True):
            key.display = shown


class KeyedCheckbox(Checkbox):
    """Show a checkbox that is marked or empty; Textual's differs only in colour.

    Args:
        label: what is chosen.
        key: what it stands for.
    """

    def __init__(self, label: str, key: str, value: bool) -> None:
        super().__init__(label, value, compact=True)
        self.key = key
        self._mark()

    def watch_value(self) -> None:
        self._mark()
        super().watch_value()

    def _mark(self) -> None:
        self.BUTTON_INNER = "X" if self.value else " "


class SidePanel(VerticalScroll, inherit_bindings=False):
    """Scroll by line and by page; home, end, left and right are left to the screen."""

    BINDINGS = [
        Binding("up", "scroll_up", "Scroll up", show=False),
        Binding("down", "scroll_down", "Scroll down", show=False),
        Binding("pageup", "page_up", "Page up", show=False),
        Binding("pagedown", "page_down", "Page down", show=False),
    ]
