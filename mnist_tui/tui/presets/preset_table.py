"""The table of presets: a row for each, in groups that open and close. The app's first frame waits for this module."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from textual import events
from textual.message import Message

from mnist_tui.experiment.preset_files import BrokenPreset
from mnist_tui.experiment.preset_index import PresetEntry, PresetGroup, matches
from mnist_tui.tui.terminal.keymap import bind
from mnist_tui.tui.widgets.row_table import GAP, MARKS, RowColumn, RowTable, TableRow
from mnist_tui.wording import count, percent

CUT_NAME, WIDE_NAME = 18, 22
"""Columns to which a name is cut in a narrow table, and in one with room for titles beside the names."""
CUT_TITLE, WHOLE_TITLE = 18, 36
"""Columns to which a title is cut in a narrow table, and in one with room for it beside names and accuracies."""
COLUMNS = (
    RowColumn("name", "  Name", least=CUT_NAME, middle=True),
    RowColumn("what", "What it is", need=2, least=CUT_TITLE, toned=True),
    RowColumn("parameters", "Parameters", right=True, need=1),
    RowColumn("accuracy", "Published", right=True, need=3),
)
OPEN_AT_FIRST = ("Starters", "Classics", "Saved")
OPENED, CLOSED = "▾", "▸"


class PresetTable(RowTable):
    """The presets in groups. A click chooses a preset, or opens and closes a group; a key or a button trains it.

    Args:
        groups: all presets.
        selected: the name of the preset that has the cursor at first; None for the first preset.
    """

    HELP = """
    **Presets.** Each is a whole experiment: dataset, features, layers, optimizer, training. Enter or `t` trains the
    chosen one as it is, `f` for fewer epochs, `e` opens it in the editor, `w` sweeps its parameters or trains it in
    many seeds, `r` opens its last run, `/` searches by name, title, description and kinds of layers. The starters come
    first, then well-known networks, then the experiments of each source under its title, then those that you saved. On
    the title of a group Enter opens and closes it, → opens it and ← closes it.
    """
    BINDINGS = [
        bind("presets.train-chosen", "enter", "screen.train", "Train", "Train the chosen preset as it is"),
        bind("presets.toggle", "enter,space", "toggle_group", "Open/close", "Open or close the group"),
        bind("presets.open", "right", "open", "Open", "Open the group, or go to its first preset", hidden=True),
        bind("presets.close", "left", "close", "Close", "Close the group, or go to its title", hidden=True),
    ]

    @dataclass
    class Toggled(Message):
        """Posted when a group has been opened or closed."""

    def __init__(self, groups: Sequence[PresetGroup], selected: str | None, *, id: str) -> None:
        super().__init__(id=id)
        self._groups = {f"/{group.title}": group for group in groups}  # no preset's name has a slash
        self._selected = selected
        self._query = ""
        self._open = {group.title for group in groups if group.title in OPEN_AT_FIRST or self._has_selected(group)}
        self._closed_found = set[str]()

    def regroup(self, groups: Sequence[PresetGroup]) -> None:
        """Take other groups from now on, of which new ones are open; `show_matching` shows them."""
        known = self._groups
        self._groups = {f"/{group.title}": group for group in groups}
        self._open |= {group.title for key, group in self._groups.items() if key not in known}

    def _has_selected(self, group: PresetGroup) -> bool:
        return any(preset.name == self._selected for preset in group.presets)

    @property
    def chosen_group(self) -> PresetGroup | None:
        """The group under the cursor; None on a preset."""
        return self._groups.get(self.chosen or "")

    def is_open(self, group: PresetGroup) -> bool:
        """Return whether the presets of a group are shown; while a search is on, those that match."""
        return group.title not in self._closed_found if self._query else group.title in self._open

    def show_matching(self, query: str) -> int:
        """Show the presets that match a query, and return their number.

        A preset stays chosen if it is among them; but under a new query the preset of that name, then one whose name
        begins with it, comes before those that only contain its words.
        """
        before = self.chosen or self._selected
        is_new = query.strip() != self._query
        self._query = query.strip()
        self._closed_found.clear()
        self._show_rows()
        names = [key for key in self.keys if key not in self._groups]
        if names:
            stays = before if before in self.keys else names[0]
            self.choose(_nearest(names, self._query, stays) if is_new and self._query else stays)
        return len(names) if self._query else sum(len(group.presets) for group in self._groups.values())

    def _show_rows(self) -> None:
        rows = list(self._rows_of_groups())
        self.show(self._columns_for(rows), rows)

    def _columns_for(self, rows: Sequence[TableRow]) -> Sequence[RowColumn]:
        """Return the columns; a wide table rather omits the parameters, which stand beside it, than cut titles."""
        names = max((len(row.cells[0]) for row in rows if not row.heading), default=0)
        room = self.size.width - MARKS - names - len("Published") - 2 * GAP
        if room < CUT_TITLE:
            return COLUMNS
        least = {"name": WIDE_NAME, "what": min(WHOLE_TITLE, room)}
        return [replace(column, least=least.get(column.key, column.least)) for column in COLUMNS]

    def on_resize(self) -> None:
        if self._rows:
            self.show(self._columns_for(self._rows), self._rows)
        super().on_resize()

    def _rows_of_groups(self) -> Iterator[TableRow]:
        for key, group in self._groups.items():
            if found := [preset for preset in group.presets if matches(preset, self._query)]:
                is_open = self.is_open(group)
                title = f"{OPENED if is_open else CLOSED} {group.title}"
                yield TableRow(key, (title, f"{len(found)}"), heading=True)
                shared = _shared_beginning([preset.name for preset in group.presets])
                yield from (_row(preset, shared) for preset in (found if is_open else ()))

    def _set_open(self, group: PresetGroup, is_open: bool) -> None:
        change, wanted = (self._closed_found, not is_open) if self._query else (self._open, is_open)
        (change.add if wanted else change.discard)(group.title)
        self._show_rows()
        self.post_message(self.Toggled())

    def on_click(self, event: events.Click) -> None:
        row = round(self.scroll_y) + event.y - 1
        if event.y and row < len(self.keys) and (group := self._groups.get(self.keys[row])):
            self._set_open(group, not self.is_open(group))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return action != "toggle_group" or self.chosen_group is not None

    def action_toggle_group(self) -> None:
        if group := self.chosen_group:
            self._set_open(group, not self.is_open(group))

    def action_open(self) -> None:
        """Open the group under the cursor, or move to its first preset."""
        if group := self.chosen_group:
            if self.is_open(group):
                self.action_move(1)
            else:
                self._set_open(group, True)

    def action_close(self) -> None:
        """Close the group under the cursor, or move to the title of the preset's group."""
        if group := self.chosen_group:
            self._set_open(group, False)
            return
        titles = (key for key in reversed(self.keys[: self.keys.index(self.chosen or "")]) if key in self._groups)
        self.choose(next(titles, ""))


def _nearest(names: Sequence[str], query: str, otherwise: str) -> str:
    """Return the name that is the query, else one that begins with it; of these `otherwise` if it is one of them."""
    beginning = [name for name in names if name.lower().startswith(query.lower())]
    whole = [name for name in beginning if len(name) == len(query)]
    best = whole or beginning
    return best[0] if best and otherwise not in best else otherwise


def _shared_beginning(names: Sequence[str]) -> str:
    """Return the words with which all of several names begin, such as ``labo04-``; empty for a single name."""
    words = zip(*(name.split("-")[:-1] for name in names), strict=False)
    shared = takewhile(lambda of_all: len(set(of_all)) == 1, words)
    return "".join(f"{first}-" for first, *_ in shared) if len(names) > 1 else ""


def _row(preset: PresetEntry | BrokenPreset, shared: str) -> TableRow:
    """Return the row of a preset, without the beginning of its name that the whole group shares."""
    name = f"  {preset.name.removeprefix(shared)}"
    if isinstance(preset, BrokenPreset):
        return TableRow(preset.name, (name, "cannot be read", "", ""), tone="row-table--bad")
    published = "" if preset.accuracy is None else percent(preset.accuracy)
    return TableRow(preset.name, (name, preset.title, count(preset.parameters), published))
