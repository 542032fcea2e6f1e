"""Textual's own widgets, changed a little: controls of forms, a footer whose keys fit, a panel that scrolls."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Checkbox, Footer, Input, Select, Switch
from textual.widgets._footer import FooterKey

from mnist_tui.tui.terminal.keyboard import focus_within


def _move_key(keys: str, action: str, description: str) -> Binding:
    """Return a key that moves the focus; with priority, so that keys typed at once after it go to the new field."""
    return Binding(keys, action, description, show=False, priority=True)


def _move_keys(following: str) -> list[BindingType]:
    """Return the keys by which a field leads to its neighbours; `following` are those that lead to the next one."""
    return [
        _move_key("up", "app.focus_within(-1)", "Previous field"),
        _move_key("down", "app.focus_within(1)", "Next field"),
        _move_key("shift+tab", "app.focus_previous", "Previous field"),
        _move_key(following, "app.focus_next", "Next field"),
    ]


class TextControl(Input):
    """A text; Up, Down and Enter move to another field."""

    BINDINGS = _move_keys("tab,enter")


class ValueSelect(Select[str]):
    """One of several values; Up and Down move to another field."""

    BINDINGS = [
        _move_key("up", "field('up')", "Previous field"),
        _move_key("down", "field('down')", "Next field"),
        _move_key("shift+tab", "field('previous')", "Previous field"),
        _move_key("tab", "field('next')", "Next field"),
    ]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return action != "field" or not self.expanded

    def action_field(self, way: str) -> None:
        """Move to another field; while the list of values is open, the keys belong to the list."""
        match way:
            case "up" | "down":
                focus_within(self.screen, 1 if way == "down" else -1)
            case "next":
                self.screen.focus_next()
            case _:
                self.screen.focus_previous()


class Toggle(Switch):
    """On or off; Up and Down move to another field."""

    BINDINGS = _move_keys("tab")


ALWAYS = ("quit", "help")
"""Actions whose keys are always shown."""
KEY_PADDING, NAME_PADDING, PALETTE_FRAME = 2, 1, 2
PALETTE_FROM = 78
"""Columns from which the palette's key is shown; the help names it, too."""


def fitting(keys: Sequence[FooterKey], width: int, always: Collection[str]) -> list[bool]:
    """Return which keys are shown in `width` columns: none after the first one that does not fit.

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
