"""Textual's own widgets with small changes: controls of forms, a footer whose keys fit, a panel that scrolls."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Checkbox, Footer, Input, Select, Switch
from textual.widgets._footer import FooterKey


def _move_keys(following: str, action: str = "{}") -> list[BindingType]:
    """Return the keys that move the focus; they have priority, so that a key typed right after goes to the new field.

    Args:
        following: the keys for the next field.
        action: the action of the widget, with {} for the action that moves the focus.
    """
    return [
        Binding(keys, action.format(move), name, tooltip=about, show=False, priority=True)
        for keys, move, name, about in (
            ("up", "app.focus_within(-1)", "Previous field", "Go to the field before"),
            ("down", "app.focus_within(1)", "Next field", "Go to the field after"),
            ("shift+tab", "app.focus_previous", "Previous field", "Go to the field before"),
            (following, "app.focus_next", "Next field", "Go to the field after"),
        )
    ]


class TextControl(Input):
    """A text field; Up, Down and Enter move to another field.

    Its text is selected when it gets the focus, also by a click, so that typing replaces it; a second click places the
    cursor.
    """

    BINDINGS = _move_keys("tab,enter")
    _is_fresh = False

    def on_focus(self) -> None:
        self._is_fresh = True

    def on_mouse_down(self, event: events.MouseDown) -> None:
        is_whole = self.selected_text == self.value
        if self._is_fresh and is_whole:
            event.prevent_default()
        self._is_fresh = False


class ValueSelect(Select[str]):
    """A choice of one value; Up and Down move to another field."""

    BINDINGS = _move_keys("tab", "field('{}')")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return action != "field" or not self.expanded

    async def action_field(self, move: str) -> None:
        """Move the focus; while the list of values is open, `check_action` leaves the keys to the list."""
        await self.run_action(move)


class Toggle(Switch):
    """A switch; Up and Down move to another field."""

    BINDINGS = _move_keys("tab")


ALWAYS = ("quit_here", "help")
"""Actions whose keys are always shown."""
KEY_PADDING, NAME_PADDING = 2, 1
PALETTE_FROM = 78
"""Columns from which the key of the command palette is shown; the help names it, too."""


def fitting(keys: Sequence[FooterKey], width: int, always: Collection[str]) -> list[bool]:
    """Return for each key whether it is shown in `width` columns; after the first that does not fit, none is.

    Args:
        always: actions whose keys are always shown, as is Escape.
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
    return cell_len(key.key_display) + KEY_PADDING + cell_len(key.description) + NAME_PADDING


class KeyFooter(Footer):
    """A footer that shows only whole keys (Textual's footer cuts the last one), whose labels may change."""

    def __init__(self) -> None:
        super().__init__()
        self._labels: dict[str, str] = {}

    def compose(self) -> ComposeResult:
        keys = [key for key in super().compose() if isinstance(key, FooterKey)]
        keys.sort(key=lambda key: key.action == "app.help")  # of dialogs' keys, Textual puts those of the base first
        for key in keys:
            key.description = self._labels.get(key.action, key.description)
        self._fit(keys)
        yield from keys

    def relabel(self, action: str, label: str) -> None:
        """Show another label for the key of an action."""
        if self._labels.get(action) != label:
            self._labels[action] = label
            keys = list(self.query(FooterKey))
            for key in keys:
                if key.action == action:
                    key.description = label
                    key.refresh(layout=True)
            self._fit(keys)

    def on_resize(self, event: events.Resize) -> None:
        self._fit(list(self.query(FooterKey)))

    def _fit(self, keys: Sequence[FooterKey]) -> None:
        bindings = (binding for kind in type(self.screen).__mro__ for binding in kind.__dict__.get("BINDINGS", ()))
        back = {each.action for each in bindings if isinstance(each, Binding) and "escape" in each.key.split(",")}
        always = {*ALWAYS, *back}  # actions that have Escape by default, whatever keys the user has set
        for key, shown in zip(keys, fitting(keys, self.size.width, always), strict=True):
            key.display = shown


class KeyedCheckbox(Checkbox):
    """A checkbox for the value `key` that shows [x] or [ ]; the states of Textual's own differ only in colour."""

    DEFAULT_CSS = """
    KeyedCheckbox {
        & > .toggle--button { color: $foreground-muted; background: transparent; }
        &.-on > .toggle--button { color: $text-success; background: transparent; }
    }
    """

    def __init__(self, label: str, key: str, value: bool) -> None:
        super().__init__(label, value, compact=True)
        self.key = key

    @property
    def _button(self) -> Content:
        return Content.styled("[x]" if self.value else "[ ]", self.get_visual_style("toggle--button"))


class SidePanel(VerticalScroll, inherit_bindings=False):
    """A panel that scrolls by line and by page, and leaves the keys home, end, left and right to the screen."""

    BINDINGS = [
        Binding("up", "scroll_up", "Scroll up", show=False),
        Binding("down", "scroll_down", "Scroll down", show=False),
        Binding("pageup", "page_up", "Page up", show=False),
        Binding("pagedown", "page_down", "Page down", show=False),
    ]
