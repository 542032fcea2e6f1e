"""All keys of the app as one table, the user's own keys among them; and what can be done on a screen right now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from textual.app import App
from textual.binding import Binding
from textual.content import Content
from textual.dom import DOMNode
from textual.keys import format_key
from textual.screen import ModalScreen, Screen


@dataclass(frozen=True)
class Entry:
    """One action of one class, or several that share their keys and of which one works at a time (pause, continue).

    Attributes:
        ids: of the bindings. owner: the class that binds them.
        keys: by default.
    """

    ids: tuple[str, ...]
    owner: type[DOMNode]
    name: str
    about: str
    keys: tuple[str, ...]

    @property
    def section(self) -> str:
        """Where it works, as a heading."""
        return self.ids[0].partition(".")[0].replace("-", " ").replace("_", " ").capitalize()

    def now(self, own: Mapping[str, str]) -> tuple[str, ...]:
        """Its keys with the user's own."""
        return split(own[self.ids[0]]) if self.ids[0] in own else self.keys


def split(keys: str) -> tuple[str, ...]:
    """Keys joined by commas, each by the name that Textual has for it."""
    parts = ",".join(part for part in keys.split(",") if part.strip())
    return tuple(binding.key for binding in Binding.make_bindings([Binding(parts, "")])) if parts else ()


def shown(keys: str | tuple[str, ...]) -> str:
    """Keys as the footer writes them."""
    return ", ".join(map(_shown, split(keys) if isinstance(keys, str) else keys))


def _shown(key: str) -> str:
    modifiers, _, bare = key.rpartition("+")
    return f"{modifiers}+".removeprefix("+").replace("ctrl+", "^") + format_key(bare)


def key_of(name: str, owner: type[DOMNode], own: Mapping[str, str]) -> str:
    """The key of an action, of several the first, as the footer writes it: the user's own, else that of its binding.

    Args:
        name: id of one of `owner`'s bindings.
        own: the user's keys by such ids.
    """
    named = (binding for binding in owner.BINDINGS if isinstance(binding, Binding) and binding.id == name)
    return shown(split(own.get(name) or next(named).key)[:1])


def labelled(label: str, key: str) -> Content:
    """A button's label with its key."""
    return Content.assemble(f"{label} ", (key, "underline"))


@cache
def entries(classes: tuple[type[DOMNode], ...]) -> tuple[Entry, ...]:
    """Return every action of these classes that has a key and an id; the app's own first, then by section."""
    found = [entry for owner in classes for entry in _entries_of(owner)]
    return tuple(sorted(found, key=lambda entry: (not issubclass(entry.owner, App), entry.section)))


def _entries_of(owner: type[DOMNode]) -> Iterator[Entry]:
    alike: dict[str, list[Binding]] = {}
    for binding in owner.__dict__.get("BINDINGS", ()):
        if isinstance(binding, Binding) and binding.id:
            alike.setdefault(binding.key, []).append(binding)
    for keys, bindings in alike.items():
        ids = tuple(dict.fromkeys(str(binding.id) for binding in bindings))
        names = dict.fromkeys(binding.description for binding in bindings if binding.description)
        abouts = dict.fromkeys(binding.tooltip for binding in bindings if binding.tooltip)
        yield Entry(ids, owner, " / ".join(names), "; ".join(abouts), split(keys))


def keymap(own: Mapping[str, str], table: tuple[Entry, ...]) -> dict[str, str]:
    """What Textual is told: the user's keys and, where classes have changed ones, the keys of all else in them.

    Textual takes a changed action's old keys from every action that shares them, and moves what it is told of to the
    end of the footer: told of all, it keeps both.
    """
    changed = {entry.owner for entry in table if any(name in own for name in entry.ids)}
    told: dict[str, str] = {}
    for entry in table:
        if any(issubclass(entry.owner, owner) or issubclass(owner, entry.owner) for owner in changed):
            told |= {name: ",".join(split(own[name]) if name in own else entry.keys) for name in entry.ids}
    return told


def _meet(one: type[DOMNode], other: type[DOMNode]) -> bool:
    """Whether keys of both classes can work at the same moment, as far as the classes tell."""
    if issubclass(one, App) or issubclass(other, App):
        return not issubclass(one, ModalScreen) and not issubclass(other, ModalScreen)
    return issubclass(one, other) or issubclass(other, one)


def taken(entry: Entry, key: str, own: Mapping[str, str], table: tuple[Entry, ...]) -> Entry | None:
    """Who has that key already where `entry` works; those that share keys by default do not count."""
    for other in table:
        shares = set(entry.keys) & set(other.keys)
        if other is not entry and _meet(entry.owner, other.owner) and not shares and key in other.now(own):
            return other
    return None


def problems(own: Mapping[str, str], table: tuple[Entry, ...], path: str) -> list[str]:
    """A sentence for each of the user's keys that means nothing or is taken."""
    by_id = {name: entry for entry in table for name in entry.ids}
    found = [f"{path}: [keys] {name} is no action's name; F12 shows all" for name in own if name not in by_id]
    told: set[frozenset[str]] = set()
    for name, entry in by_id.items():
        for key in split(own.get(name, "")):
            other = taken(entry, key, own, table)
            if other is not None and frozenset((name, other.ids[0])) not in told:
                told.add(frozenset((name, other.ids[0])))
                found.append(f"{path}: [keys] {name} = {key!r} is also {other.ids[0]}'s key ({other.name})")
    return found


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
