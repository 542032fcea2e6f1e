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
from textual.content import Content
from textual.widgets import Button, Input

from mnist_tui.data.catalogue import files_of, find
from mnist_tui.data.errors import DataError
from mnist_tui.data.known import KNOWN
from mnist_tui.experiment.preset_files import BrokenPreset, PresetError
from mnist_tui.experiment.preset_index import PresetEntry, grouped, list_entries
from mnist_tui.tui.bench import Bench, BenchScreen, Route
from mnist_tui.tui.presets.preset_table import PresetTable
from mnist_tui.tui.terminal.keymap import bind, key_of, labelled, pane_title
from mnist_tui.tui.widgets.controls import KeyFooter
from mnist_tui.tui.widgets.row_table import RowTable
from mnist_tui.tui.widgets.run_status import Banner
from mnist_tui.tui.widgets.tab_strip import TabStrip
from mnist_tui.wording import size

if TYPE_CHECKING:
    from mnist_tui.experiment.presets import Preset
    from mnist_tui.tui.presets.details import PresetDetails
    from mnist_tui.tui.presets.earlier_runs import EarlierRuns


PUBLISHED = "Published: test accuracy"
READ_SECONDS = 3.0
RUNS = "earlier-runs"
"""The group of the workers that read the runs."""


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
    """A banner about a dataset, most often that it is missing; a thread looks for it, as folders may be slow."""

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
    """Return what is to be said about a dataset: that it is missing, or what is done with a person's own data."""
    from mnist_tui.data.facts import facts_of

    try:
        location = find(name, data_dir)
        if location is not None and not location.missing:
            return " ".join(facts_of(name, data_dir).notes) if name not in KNOWN else ""
    except DataError as error:
        return str(error)
    if location is not None:
        return f"{location.folder} lacks {', '.join(location.missing)}"
    known = KNOWN[name]
    here = f"{known.title} is not on this machine: training downloads it ({size(known.download_bytes)})"
    if name == "mnist":
        return f"{here}. Offline it trains on the bundled digits sample instead, 1,797 images, and says so."
    return (
        f"{here}. Offline, put {files_of(name)} into a folder named {known.place} "
        "and name the folder above it with --data-dir or MNIST_TUI_DATA."
    )


class PresetsScreen(BenchScreen[None]):
    """The screen with all presets.

    Args:
        selected: the name of the preset that is chosen at first; None for the first preset.
    """

    MAIN = True
    TAB = "presets"
    CSS_PATH = "presets.tcss"
    GUIDE = "presets"
    TITLE = "Presets"
    AUTO_FOCUS = "PresetTable"
    STARTS_RUNS = True
    KEPT = True
    BINDINGS = [
        bind("presets.train", "t", "screen.train", "Train", "Train the chosen preset as it is"),
        bind("presets.quick", "f", "quick", "Quick run", "Train it for a tenth of its epochs"),
        bind("presets.edit", "e", "open('editor')", "Edit", "Open the chosen preset in the editor"),
        bind("presets.sweep", "w", "open('sweep')", "Sweep", "Seeds, or values of parameters, as trials"),
        bind("presets.code", "E", "open('code')", "Export code", "The preset as a plain Keras program", hidden=True),
        bind("presets.last-run", "r", "last_run", "Last run", "Open the newest run of the chosen preset"),
        bind("presets.search", "slash", "search", "Search", "Search the presets", display="/"),
        bind("presets.sources", "s", "sources", "Sources", "Show or hide the notes on the source", hidden=True),
        bind("presets.all", "escape", "back", "Back", "Clear the search; then back to where you were"),
    ]

    data_note = getters.query_one(DataNote)
    search = getters.query_one(PresetSearch)
    listing = getters.query_one(PresetTable)
    footer = getters.query_one(KeyFooter)

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
            with Vertical(id="chosen", classes="pane") as chosen:
                chosen.border_title = "Reading the preset …"
        yield DataNote()
        yield KeyFooter()

    def on_mount(self) -> None:
        self._list("")
        self.call_after_refresh(self._fill)
        self.set_interval(READ_SECONDS, self._read_live)

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
        if not details.is_attached or not self.query(PresetTable):  # the screen was left meanwhile
            return
        self._filled = True
        self._show_chosen()
        self._read_runs()

    def _button(self, name: str, label: str, action: str, *, primary: bool = False) -> Button:
        variant = "primary" if primary else "default"
        return Button(
            labelled(label, self._key(name)), variant=variant, compact=True, id=name, action=f"screen.{action}"
        )

    def _key(self, name: str) -> str:
        return key_of(f"presets.{name}", PresetsScreen, self.app.settings.keys)

    def on_screen_resume(self) -> None:
        """Read the runs again and, if one has been saved, changed or deleted meanwhile, the presets."""
        if self._filled:
            self._read_runs()
            if (entries := list_entries()) != self._entries:
                self._use(entries)
                self.listing.regroup(self._groups)
                self._list(self.search.value)

    def _read_live(self) -> None:
        """Read the runs again while the newest run of the chosen preset is live."""
        is_reading = any(worker.group == RUNS and not worker.is_finished for worker in self.workers)
        if not is_reading and self.is_current and self._runs and self.chosen and self._runs.is_live(self.chosen.name):
            self._read_runs()

    @work(exclusive=True, group=RUNS, exit_on_error=False)
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
        pane.border_title = pane_title("Presets", note=number)
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
        about = "Enter opens and closes the group" if group else PUBLISHED
        self.query_one("#list").border_subtitle = Content(about)
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
        """Show the buttons whose actions are possible now, and how many epochs are trained."""
        from mnist_tui.tui.run_commands import train_label

        loaded = self._loaded
        label = train_label(None if loaded is None or isinstance(loaded, BrokenPreset) else loaded.experiment)
        for button in self.query_one("#buttons").query(Button):
            action = {"quick": "quick", "last-run": "last_run"}.get(str(button.id), "train")
            button.set_class(not self.check_action(action, ()), "-impossible")
        self.query_one("#train", Button).label = labelled(label, self._key("train"))
        self.call_after_refresh(self._fit_buttons)
        self.footer.relabel("screen.train", label)
        self.refresh_bindings()

    def on_resize(self) -> None:
        self.call_after_refresh(self._fit_buttons)

    def _fit_buttons(self) -> None:
        """Show as many buttons as the row has room for; the footer has the other keys."""
        for row in self.query("#buttons"):
            room = row.size.width
            for button in row.query(Button).exclude(".-impossible"):
                styles = button.styles
                width = Content(str(button.label)).cell_length + styles.padding.width + 2 * styles.line_pad
                button.set_class(width > room, "-no-room")
                styles.width = width
                room -= width + styles.margin.right

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
        """Open the chosen preset in the editor, in the form of a sweep, or in the dialog that writes it as code."""
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
