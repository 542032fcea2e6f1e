"""All keys of the app as one table, with the user's own keys; and the commands available on a screen."""

from __future__ import annotations

import re
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
from textual.style import Style

SECTIONS = {
    "app": "Everywhere",
    "presets": "Presets",
    "editor": "Editor",
    "layers": "Editor: list of layers",
    "rates": "Editor: learning-rate range test",
    "code": "Presets and editor: export code",
    "training": "Training",
    "curves": "Training: curves",
    "run": "All screens of a run",
    "matrix": "Confusion matrix",
    "gallery": "Images",
    "inside": "Look inside",
    "weights": "Weights",
    "diagnosis": "Diagnosis",
    "results": "Results",
    "confusions": "Results: list of confusions",
    "robustness": "Robustness",
    "export": "Export",
    "runs": "Runs",
    "compare": "Compare",
    "overlay": "Compare: curves",
    "tests": "Compare: tests",
    "evaluation": "Evaluate, ensemble and import: the form",
    "evaluate": "Evaluate on other data",
    "ensemble": "Ensemble",
    "import": "Import",
    "draw": "Draw",
    "open-image": "Draw: open an image",
    "studies": "Studies",
    "study": "Study",
    "trials": "Study: plot of the trials",
    "csv": "Study: table as CSV",
    "sweep": "New study",
    "settings": "Settings",
    "help": "Help",
    "guide": "Guide",
    "table": "Tables",
    "choose": "Lists to choose from",
    "dialog": "Questions: buttons",
    "ask": "Question: delete runs, or a line of text",
    "busy": "Question: the device is busy",
    "extend": "Question: how many more epochs",
    "discard": "Question: discard a run",
    "confirm": "Question: edits that are not saved",
    "save-preset": "Question: name of a preset",
    "leave": "Question: leave the program",
    "ask-many": "Question: many trials",
    "ask-stop": "Question: stop a study",
    "ask-study": "Question: delete a study",
}
"""The headings in the list of keys, in its order, by the first part of the bindings' ids."""


def section_of(name: str) -> str:
    """Return the heading of a binding in the list of keys, by the binding's id; empty for an id that is not ours."""
    return SECTIONS.get(name.partition(".")[0], "")


@dataclass(frozen=True)
class Entry:
    """An action of a class; or several actions that share their keys and exclude each other, as pause and continue do.

    Attributes:
        ids: the ids of the bindings.
        owner: the class that binds the keys.
        keys: the default keys.
    """

    ids: tuple[str, ...]
    owner: type[DOMNode]
    name: str
    about: str
    keys: tuple[str, ...]

    @property
    def section(self) -> str:
        """The heading in the list of keys: the screen or widget in which the keys work."""
        return section_of(self.ids[0])

    def current_keys(self, own: Mapping[str, str]) -> tuple[str, ...]:
        """Return the user's keys for the action if there are any, else the default keys."""
        return split(own[self.ids[0]]) if self.ids[0] in own else self.keys


def split(keys: str) -> tuple[str, ...]:
    """Split keys that are joined by commas, and replace each by Textual's name for it."""
    parts = ",".join(part for part in keys.split(",") if part.strip())
    return tuple(binding.key for binding in Binding.make_bindings([Binding(parts, "")])) if parts else ()


KEY_NAMES = {
    **{name: name.capitalize() for name in ("enter", "space", "tab", "home", "end", "insert", "backspace")},
    **{"escape": "Esc", "delete": "Del", "pageup": "PgUp", "pagedown": "PgDn"},
}
"""The names of keys that Textual writes in another way."""


def shown(keys: str | tuple[str, ...]) -> str:
    """Return keys as every place of the app writes them, joined by commas: ``Ctrl+T, F12, Esc, a, A``."""
    return ", ".join(_shown_key(key) for key in (split(keys) if isinstance(keys, str) else keys))


def _shown_key(key: str) -> str:
    modifiers, plus, bare = key.rpartition("+")
    name = KEY_NAMES.get(bare) or (bare.upper() if re.fullmatch(r"f\d+", bare) else format_key(bare))
    return "".join(part.capitalize() + "+" for part in modifiers.split("+") if plus) + (
        name.upper() if plus and len(name) == 1 else name
    )


def bind(
    name: str, keys: str, action: str, label: str, about: str = "", *, hidden: bool = False, display: str | None = None
) -> Binding:
    """Return the binding of an action whose keys the user may change.

    Args:
        name: the binding's id, such as ``draw.undo``: a section of the list of keys, and the action.
        keys: joined by commas.
        about: the effect of the action, for the list of keys.
        hidden: whether the footer omits the binding.
        display: the text in the footer instead of the keys.
    """
    return Binding(keys, action, label, show=not hidden, key_display=display, tooltip=about, id=name)


def key_of(name: str, owner: type[DOMNode], own: Mapping[str, str]) -> str:
    """Return an action's first key in the footer's format: the user's own key, else the default one.

    Args:
        name: the id of one of `owner`'s bindings.
        own: the user's keys by the ids of bindings.
    """
    named = (binding for binding in owner.BINDINGS if isinstance(binding, Binding) and binding.id == name)
    return shown(split(own.get(name) or next(named).key)[:1])


def labelled(label: str, key: str) -> Content:
    """Return a button's label with its key."""
    return Content.assemble(f"{label} ", (key, "not bold dim"))


def pane_title(name: str, key: str = "", note: str = "") -> Content:
    """Return the title in a pane's border: its name, the key that leads to it if it has one, and a note."""
    return Content.assemble((name, "bold"), *([" ", (key, "$accent")] if key else []), *([f"  {note}"] if note else []))


def pane_keys(keys: Mapping[str, str], actions: Mapping[str, str] | None = None) -> Content:
    """Return keys and what they do, for the lower border of the pane in which they work.

    Args:
        actions: for keys that can be clicked the action, with its namespace.
    """
    actions = actions or {}
    parts = (Content.assemble((key, "$accent"), f" {what}") for key, what in keys.items())
    return Content("  ").join(
        part.stylize(Style.from_meta({"@click": actions[key]})) if key in actions else part
        for key, part in zip(keys, parts, strict=True)
    )


@cache
def entries(classes: tuple[type[DOMNode], ...]) -> tuple[Entry, ...]:
    """Return every action of the classes that has a key and an id, in the order of SECTIONS."""
    table: dict[tuple[str, ...], Entry] = {}
    for entry in (entry for owner in classes for entry in _entries_of(owner)):
        table.setdefault(entry.ids, entry)
    order = {title: number for number, title in enumerate(SECTIONS.values())}
    return tuple(sorted(table.values(), key=lambda entry: (order.get(entry.section, len(order)), entry.section)))


def _entries_of(owner: type[DOMNode]) -> Iterator[Entry]:
    by_keys: dict[str, list[Binding]] = {}
    for binding in owner.__dict__.get("BINDINGS", ()):
        if isinstance(binding, Binding) and binding.id:
            by_keys.setdefault(binding.key, []).append(binding)
    for keys, bindings in by_keys.items():
        ids = tuple(dict.fromkeys(str(binding.id) for binding in bindings))
        names = dict.fromkeys(binding.description for binding in bindings if binding.description)
        first, *more = dict.fromkeys(binding.tooltip for binding in bindings if binding.tooltip) or [""]
        abouts = [first, *(f"{about[:1].lower()}{about[1:]}" for about in more)]
        yield Entry(ids, owner, " / ".join(names), "; ".join(abouts), split(keys))


def keymap(own: Mapping[str, str], table: tuple[Entry, ...]) -> dict[str, str]:
    """Return the keymap for Textual: the user's keys, and all other keys of the classes in which keys have changed.

    Textual removes a changed action's old keys from every action that shares them, and moves the actions of a keymap to
    the end of the footer. With all keys of a class in the keymap, other actions keep their keys and their order.
    """
    changed = {entry.owner for entry in table if any(name in own for name in entry.ids)}
    keys: dict[str, str] = {}
    for entry in table:
        if any(issubclass(entry.owner, owner) or issubclass(owner, entry.owner) for owner in changed):
            keys |= {name: ",".join(split(own[name]) if name in own else entry.keys) for name in entry.ids}
    return keys


def _work_together(first: type[DOMNode], second: type[DOMNode]) -> bool:
    """Return whether keys of both classes may work at the same moment."""
    if issubclass(first, App) or issubclass(second, App):
        return not issubclass(first, ModalScreen) and not issubclass(second, ModalScreen)
    return issubclass(first, second) or issubclass(second, first)


def taken(entry: Entry, key: str, own: Mapping[str, str], table: tuple[Entry, ...]) -> Entry | None:
    """Return another action that has a key already; actions that share a default key with `entry` do not count."""
    others = (each for each in table if each is not entry and not set(entry.keys) & set(each.keys))
    rivals = (each for each in others if _work_together(entry.owner, each.owner) and key in each.current_keys(own))
    return next(rivals, None)


def problems(own: Mapping[str, str], table: tuple[Entry, ...], path: str) -> list[str]:
    """Return a sentence for each of the user's keys that belongs to an unknown action or is taken by another action.

    Args:
        path: the settings file.
    """
    by_id = {name: entry for entry in table for name in entry.ids}
    unknown = [f"In {path}, [keys] {name} is no action's name; F12 shows all" for name in own if name not in by_id]
    conflicts: dict[frozenset[str], str] = {}
    for name, entry in by_id.items():
        for key in split(own.get(name, "")):
            if (other := taken(entry, key, own, table)) is not None:
                conflict = f"In {path}, [keys] {name} = {key!r} is also {other.ids[0]}'s key ({other.name})"
                conflicts.setdefault(frozenset((name, other.ids[0])), conflict)
    return [*unknown, *conflicts.values()]


@dataclass(frozen=True)
class ScreenCommand:
    """An action that has a key on the present screen.

    Attributes:
        keys: every key of the action, as the footer writes them.
        name: the label in the footer.
        about: a longer description; may be empty.
        own: whether this program defines the action; Textual defines scrolling and focusing.
        shown: whether the footer shows the key.
        section: the heading in the list of keys; empty for a binding without an id.
        moves: whether its keys move a cursor or lead back, as arrows and Escape do.
    """

    node: DOMNode
    action: str
    keys: tuple[str, ...]
    name: str
    about: str
    own: bool
    shown: bool
    section: str
    moves: bool


MOVING = {"up", "down", "left", "right", "pageup", "pagedown", "home", "end", "escape"}
"""Keys that move a cursor or lead back, on every screen."""


def commands_of(screen: Screen[Any]) -> list[ScreenCommand]:
    """Return the enabled commands: the program's own ones before Textual's, those in the footer before the others."""
    merged: dict[tuple[str, str], ScreenCommand] = {}
    for active in screen.active_bindings.values():
        node, binding = active.node, active.binding
        if active.enabled and binding.description:
            key, own = screen.app.get_key_display(binding), _is_own(node, binding.action)
            section = section_of(binding.id) if binding.id else ""
            moves = binding.key.rpartition("+")[2] in MOVING and (binding.key == "escape" or not binding.show)
            command = ScreenCommand(
                node, binding.action, (), binding.description, binding.tooltip, own, binding.show, section, moves
            )
            command = merged.get((command.action, command.name), command)
            if key not in command.keys:
                merged[command.action, command.name] = replace(command, keys=(*command.keys, key))
    return sorted(merged.values(), key=lambda command: (not command.own, not command.shown))


def _is_own(node: DOMNode, action: str) -> bool:
    for kind in type(node).__mro__:
        for entry in kind.__dict__.get("BINDINGS", ()):
            if (entry.action if isinstance(entry, Binding) else entry[1]) == action:
                return not kind.__module__.startswith("textual.")
    return True
