"""What can be done on a screen right now: the bindings behind the footer, the key sheet and the command palette."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from textual.binding import Binding
from textual.dom import DOMNode
from textual.screen import Screen


@dataclass(frozen=True)
class ScreenCommand:
    """One thing that a key does.

    Attributes:
        keys: every key that does it, as the footer writes them.
        name: as the footer says it. about: in more words, where there are such.
        own: whether it is this program's, not the scrolling and focusing that every Textual screen has.
        shown: whether the footer has it.
    """

    node: DOMNode
    action: str
    keys: tuple[str, ...]
    name: str
    about: str
    own: bool
    shown: bool


def commands_of(screen: Screen[Any]) -> list[ScreenCommand]:
    """What works now, the program's own commands first, and of those the footer's."""
    found = [_command(screen, node, binding) for node, binding in _active(screen)]
    merged: dict[tuple[str, str], ScreenCommand] = {}
    for command in found:
        key = (command.action, command.name)
        known = merged.get(key)
        keys = (*known.keys, *command.keys) if known else command.keys
        first = known or command
        merged[key] = replace(first, keys=tuple(dict.fromkeys(keys)))
    return sorted(merged.values(), key=lambda command: (not command.own, not command.shown))


def _active(screen: Screen[Any]) -> Iterator[tuple[DOMNode, Binding]]:
    for active in screen.active_bindings.values():
        if active.enabled and active.binding.description:
            yield active.node, active.binding


def _command(screen: Screen[Any], node: DOMNode, binding: Binding) -> ScreenCommand:
    shown = screen.app.get_key_display(binding)
    own = _own(node, binding.action)
    return ScreenCommand(node, binding.action, (shown,), binding.description, binding.tooltip, own, binding.show)


def _own(node: DOMNode, action: str) -> bool:
    """Whether the class that binds the action is not Textual's."""
    for kind in type(node).__mro__:
        for entry in kind.__dict__.get("BINDINGS", ()):
            if (entry.action if isinstance(entry, Binding) else entry[1]) == action:
                return not kind.__module__.startswith("textual.")
    return True
