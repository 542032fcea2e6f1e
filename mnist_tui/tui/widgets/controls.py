"""The controls of forms: Textual's input, select and switch, whose Up, Down, Tab and Enter move between the fields."""

from __future__ import annotations

from textual.binding import Binding
from textual.widgets import Input, Select, Switch

from mnist_tui.tui.terminal.keyboard import focus_within


def _move_key(keys: str, action: str, description: str) -> Binding:
    """Return a key that moves the focus; with priority, so that keys typed at once after it go to the new field."""
    return Binding(keys, action, description, show=False, priority=True)


class TextControl(Input):
    """A text; Up, Down and Enter move to another field."""

    BINDINGS = [
        _move_key("up", "app.focus_within(-1)", "Previous field"),
        _move_key("down", "app.focus_within(1)", "Next field"),
        _move_key("shift+tab", "app.focus_previous", "Previous field"),
        _move_key("tab,enter", "app.focus_next", "Next field"),
    ]


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

    BINDINGS = [
        _move_key("up", "app.focus_within(-1)", "Previous field"),
        _move_key("down", "app.focus_within(1)", "Next field"),
        _move_key("shift+tab", "app.focus_previous", "Previous field"),
        _move_key("tab", "app.focus_next", "Next field"),
    ]
