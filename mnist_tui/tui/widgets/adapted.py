"""Textual's own widgets, changed a little: a footer that fits, a checkbox for any colours, a scrolled panel."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.screen import Screen
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
        always: actions whose keys are never left out.
    """
    kept = [_is_kept(key, width, always) for key in keys]
    room = width - sum(_width(key) for key, keep in zip(keys, kept, strict=True) if keep)
    shown: list[bool] = []
    for key, keep in zip(keys, kept, strict=True):
        room -= 0 if keep else _width(key)
        shown.append(keep or (room >= 0 and not _is_palette(key)))
    return shown


def ways_back(screen: Screen[Any]) -> set[str]:
    """Return the actions that Escape has by default, even if the user has set other keys."""
    bindings = (binding for kind in type(screen).__mro__ for binding in kind.__dict__.get("BINDINGS", ()))
    return {each.action for each in bindings if isinstance(each, Binding) and "escape" in each.key.split(",")}


def _is_kept(key: FooterKey, width: int, always: Collection[str]) -> bool:
    if _is_palette(key):
        return width >= PALETTE_FROM
    return key.key == "escape" or key.action.rpartition(".")[2] in always


def _is_palette(key: FooterKey) -> bool:
    return key.has_class("-command-palette")


def _width(key: FooterKey) -> int:
    frame = PALETTE_FRAME if _is_palette(key) else 0
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
        always = {*ALWAYS, *ways_back(self.screen)}
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
