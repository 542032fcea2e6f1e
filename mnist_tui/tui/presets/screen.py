"""The first screen: a table of all presets with a search, and details of the chosen one. Nothing heavy is imported."""

from __future__ import annotations

import asyncio
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Input

from mnist_tui.data.catalogue import KNOWN, DataError, file_list, find
from mnist_tui.experiment.preset_files import BrokenPreset, PresetError
from mnist_tui.experiment.preset_index import PresetEntry, grouped, list_entries
from mnist_tui.tui.bench import Bench, BenchScreen, Route
from mnist_tui.tui.presets.preset_table import PresetTable
from mnist_tui.tui.terminal.keymap import bind, key_of, labelled, pane_title
from mnist_tui.tui.widgets.controls import KeyFooter
from mnist_tui.tui.widgets.row_table import RowTable
from mnist_tui.tui.widgets.run_status import Banner
from mnist_tui.tui.widgets.tab_strip import TabStrip

if TYPE_CHECKING:
    from mnist_tui.experiment.presets import Preset
    from mnist_tui.tui.presets.details import PresetDetails
    from mnist_tui.tui.presets.earlier_runs import EarlierRuns


class PresetSearch(Input):
    """The search field, which filters the list while a person types; the arrow keys move in the list."""

    HELP = """
    **Search.** Every word must be found in a preset's name, title, description, dataset, kinds of layers or optimizer.
    Groups with a match are open. The arrow keys move in the list, Enter goes there, Esc clears.
    """
    BINDINGS = [
        Binding("down", "screen.move('move', 1)", "Down", show=False),
        Binding("up", "screen.move('move', -1)", "Up", show=False),
        Binding("pagedown", "screen.move('page', 1)", "Page down", show=False),
        Binding("pageup", "screen.move('page', -1)", "Page up", show=False),
        Binding("escape", "screen.clear_search", "Clear", tooltip="Clear the search and go to the list"),
    ]


class DataNote(Banner):
    """A banner about a dataset that is missing on this machine; a thread looks for it, as folders may be slow."""

    app = getters.app(Bench)

    def __init__(self) -> None:
        super().__init__()
        self._dataset = ""
        self._notes = {"": ""}

    def follow(self, dataset: str) -> None:
        """Show the note about a dataset; an empty name shows none."""
        if dataset != self._dataset:
            self._dataset = dataset
            self.say(self._notes.get(dataset, ""))
            if dataset not in self._notes:
                self._find_note(dataset)

    @work(exit_on_error=False)
    async def _find_note(self, dataset: str) -> None:
        self._notes[dataset] = await asyncio.to_thread(data_note, dataset, self.app.options.data_dir)
        self.say(self._notes.get(self._dataset, ""))


def data_note(name: str, data_dir: Path | None) -> str:
    """Return a sentence about a dataset that is missing or incomplete on this machine; empty if it is there."""
    try:
        location = find(name, data_dir)
    except DataError as error:
        return str(error)
    if location is not None:
        return f"{location.folder} lacks {', '.join(location.missing)}" if location.missing else ""
    known = KNOWN[name]
    megabytes = sum(known.packed_bytes.values()) / 1_000_000
    here = f"{known.title} is not on this machine: training downloads it ({megabytes:.0f} MB)"
    if name == "mnist":
        return f"{here}. Offline it trains on the bundled digits sample instead, 1,797 images, and says so."
    return (
        f"{here}. Offline, put {file_list()} into a folder named {name} "
        "and name the folder above it with --data-dir or MNIST_TUI_DATA."
    )


class PresetsScreen(BenchScreen[None]):
    """The screen with all presets.

    Args:
        selected: the name of the preset that is chosen at first; None for the first preset.
    """

    TAB = "presets"
    CSS_PATH = "presets.tcss"
    GUIDE = "presets"
    TITLE = "Presets"
    AUTO_FOCUS = "PresetTable"
    STARTS_RUNS = True
    KEPT = True
    BINDINGS = [
        bind("presets.train", "t", "train", "Train", "Train the chosen preset as it is", display="Enter/t"),
        bind("presets.quick", "f", "quick", "Quick run", "Train it for a tenth of its epochs"),
        bind("presets.edit", "e", "open('editor')", "Edit", "Open the chosen preset in the editor"),
        bind("presets.sweep", "w", "open('sweep')", "Sweep", "Seeds, or values of parameters, as trials"),
        bind("presets.last-run", "r", "last_run", "Last run", "Open the newest run of the chosen preset"),
        bind("presets.search", "slash", "search", "Search", "Search the presets", display="/"),
        bind("presets.sources", "s", "sources", "Sources", "Show or hide the notes on the source", hidden=True),
        bind("presets.all", "escape", "back", "Back", "Clear the search; then back to where you were"),
    ]

    data_note = getters.query_one(DataNote)
    search = getters.query_one(PresetSearch)
    listing = getters.query_one(PresetTable)

    def __init__(self, selected: str | None = None) -> None:
        super().__init__()
        self._use(list_entries())
        self._selected = selected
        self._loaded: Preset | BrokenPreset | None = None
        self._runs: EarlierRuns | None = None
        self._filled = False

    def _use(self, entries: list[PresetEntry | BrokenPreset]) -> None:
        self._entries = entries
        self._presets: dict[str, PresetEntry | BrokenPreset] = {}
        for preset in entries:
            self._presets.pop(preset.name, None)
            self._presets[preset.name] = preset
        self._groups = grouped(self._presets.values())

    @property
    def chosen(self) -> PresetEntry | BrokenPreset | None:
        """The preset under the cursor; None on a group."""
        return self._presets.get(self.listing.chosen or "")

    @property
    def details(self) -> PresetDetails:
        from mnist_tui.tui.presets.details import PresetDetails

        return self.query_one(PresetDetails)

    def compose(self) -> ComposeResult:
        yield TabStrip()
        with Horizontal(id="body"):
            with Vertical(id="list", classes="pane"):
                yield PresetSearch(placeholder="/ searches name, title, layers", compact=True, id="search")
                yield PresetTable(self._groups, self._selected, id="presets")
            yield Vertical(id="chosen", classes="pane")
        yield DataNote()
        yield KeyFooter()

    def on_mount(self) -> None:
        self._list("")
        self.call_after_refresh(self._fill)

    @work
    async def _fill(self) -> None:
        """Add the details after the table is drawn, so that the first frame does not wait for them."""
        await self.app.window.until_written()
        module = await asyncio.to_thread(import_module, "mnist_tui.tui.presets.details")
        await asyncio.to_thread(import_module, "mnist_tui.tui.run_commands")
        if not self.is_attached:
            return
        details: PresetDetails = module.PresetDetails()
        buttons = Horizontal(
            self._button("train", "Train", "train", primary=True),
            self._button("quick", "Quick run", "quick"),
            self._button("edit", "Edit", "open('editor')"),
            self._button("last-run", "Last run", "last_run"),
            id="buttons",
        )
        await self.query_one("#chosen").mount(details, buttons)
        if not details.is_attached:  # the screen was left meanwhile
            return
        self._filled = True
        self._show_chosen()
        self._read_runs()

    def _button(self, name: str, label: str, action: str, *, primary: bool = False) -> Button:
        key = key_of(f"presets.{name}", PresetsScreen, self.app.settings.keys)
        variant = "primary" if primary else "default"
        return Button(labelled(label, key), variant=variant, compact=True, id=name, action=f"screen.{action}")

    def on_screen_resume(self) -> None:
        """Read the runs again and, if one has been saved, changed or deleted meanwhile, the presets."""
        if self._filled:
            self._read_runs()
            if (entries := list_entries()) != self._entries:
                self._use(entries)
                self.listing.regroup(self._groups)
                self._list(self.search.value)

    @work(exclusive=True, group="earlier-runs", exit_on_error=False)
    async def _read_runs(self) -> None:
        """Read the runs in a thread, and show what they say about the chosen preset."""
        from mnist_tui.tui.presets.earlier_runs import read_earlier_runs

        self._runs = await asyncio.to_thread(read_earlier_runs, self.app.options.runs_dir)
        loaded = self._loaded
        if self.is_attached and loaded is not None and not isinstance(loaded, BrokenPreset):
            self.details.show_runs(loaded, self._runs)
            self._show_buttons()

    def _list(self, query: str) -> None:
        """List the presets that match a query; the chosen preset stays chosen if it is among them."""
        found = self.listing.show_matching(query)
        number = f"{found:,} of {len(self._presets):,}" if query.strip() else f"{len(self._presets):,}"
        pane = self.query_one("#list")
        pane.border_title, pane.border_subtitle = pane_title("Presets", note=number), "Enter opens a group"
        if not found:
            self._show_chosen()

    @on(Input.Changed, "#search")
    def _filter(self, event: Input.Changed) -> None:
        self._list(event.value)

    @on(Input.Submitted, "#search")
    def _to_list(self) -> None:
        self.listing.focus()

    @on(PresetTable.Toggled)
    @on(RowTable.CursorMoved)
    def _show_chosen(self) -> None:
        chosen, group = self.chosen, self.listing.chosen_group
        if chosen is not None:
            self.app.selected = chosen.name
        if not self._filled:
            return
        self._loaded = _loaded(chosen) if isinstance(chosen, PresetEntry) else chosen
        name = chosen.name if chosen is not None else "Group" if group is not None else "Nothing found"
        self.query_one("#chosen").border_title = pane_title(name)
        if self._loaded is None and group is not None:
            self.details.show_group(group, is_open=self.listing.is_open(group))
        elif self._loaded is None:
            self.details.show_none(self.search.value)
        elif isinstance(self._loaded, BrokenPreset):
            self.details.show_broken(self._loaded)
        else:
            self.details.show_preset(self._loaded, self._runs)
        self._show_buttons()
        self.data_note.follow(chosen.dataset if isinstance(chosen, PresetEntry) else "")

    def _show_buttons(self) -> None:
        """Show the buttons whose actions are possible now."""
        for button in self.query_one("#buttons").query(Button):
            action = {"quick": "quick", "last-run": "last_run"}.get(str(button.id), "train")
            button.set_class(not self.check_action(action, ()), "-impossible")
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        match action:
            case "train" | "open":
                return isinstance(self.chosen, PresetEntry)
            case "back":
                return len(self.app.trail) > 1 or bool(self.search.value)
            case "quick":
                loaded = self._loaded
                if loaded is None or isinstance(loaded, BrokenPreset):
                    return False
                from mnist_tui.tui.run_commands import quick_epochs

                return bool(quick_epochs(loaded.experiment))
            case "last_run":
                return bool(self._runs and self.chosen and self._runs.of(self.chosen.name))
            case "sources":
                return self._filled and self.details.sources.display
            case _:
                return True

    def action_train(self) -> None:
        if preset := self._chosen_preset():
            from mnist_tui.tui import run_commands

            run_commands.train(self.app, preset)

    def action_quick(self) -> None:
        """Train the chosen preset for fewer epochs."""
        if preset := self._chosen_preset():
            from mnist_tui.tui import run_commands

            run_commands.train_quickly(self.app, preset)

    def action_last_run(self) -> None:
        """Open the newest run of the chosen preset."""
        from mnist_tui.tui import run_commands

        if self._runs and self.chosen and (runs := self._runs.of(self.chosen.name)):
            run_commands.open_run(self.app, runs[0])

    def action_sources(self) -> None:
        self.details.sources.collapsed = not self.details.sources.collapsed

    def action_open(self, name: str) -> None:
        """Open the chosen preset in the editor or in the form of a sweep."""
        if preset := self._chosen_preset():
            self.app.show(Route(name, preset=preset))

    def _chosen_preset(self) -> Preset | None:
        """Read the chosen preset; return None, and say why, if its file cannot be used."""
        loaded = _loaded(self.chosen) if isinstance(self.chosen, PresetEntry) else None
        if isinstance(loaded, BrokenPreset):
            self.notify(loaded.message, severity="error", markup=False)
        return None if isinstance(loaded, BrokenPreset) else loaded

    def action_search(self) -> None:
        self.search.focus()

    def action_back(self) -> None:
        """Clear the search; if there is none, go back."""
        if self.search.value or self.search.has_focus:
            self.action_clear_search()
        else:
            super().action_back()

    def action_clear_search(self) -> None:
        self.search.value = ""
        self.listing.focus()

    def action_move(self, action: str, by: int) -> None:
        """Move the cursor of the list, while the search has the focus."""
        getattr(self.listing, f"action_{action}")(by)


def _loaded(entry: PresetEntry) -> Preset | BrokenPreset:
    try:
        return entry.load()
    except PresetError as error:  # the file was changed or deleted after it was listed
        return BrokenPreset(entry.name, entry.path, str(error))
