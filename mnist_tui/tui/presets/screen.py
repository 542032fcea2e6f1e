"""The first screen: a list of all presets with a search, and details of the chosen one. Nothing heavy is imported."""

from __future__ import annotations

import asyncio
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Input, OptionList
from textual.widgets.option_list import Option

from mnist_tui.data.catalogue import KNOWN, DataError, file_list, find
from mnist_tui.experiment.preset_files import BrokenPreset, PresetError
from mnist_tui.experiment.preset_index import PresetEntry, grouped, list_entries, matches
from mnist_tui.tui.bench import Bench, BenchScreen, Route
from mnist_tui.tui.terminal.keymap import bind, key_of, labelled
from mnist_tui.tui.widgets.controls import KeyFooter
from mnist_tui.tui.widgets.run_status import Banner
from mnist_tui.tui.widgets.tab_strip import TabStrip
from mnist_tui.tui.widgets.text import FactGrid, Line, TableView
from mnist_tui.wording import counted

if TYPE_CHECKING:
    from mnist_tui.experiment.presets import Preset


class PresetDetails(VerticalScroll):
    """The pane with the texts of one preset, its layers and its figures."""

    HELP = """
    **The chosen preset**: its layers with their output shapes and numbers of parameters, how the number of inputs comes
    about, the published results of its source, and how gaps in the source were filled.
    """
    title = getters.query_one("#title", Line)
    about = getters.query_one("#about", Line)
    table = getters.query_one(TableView)
    facts = getters.query_one(FactGrid)
    readings = getters.query_one("#readings", Line)

    def compose(self) -> ComposeResult:
        from mnist_tui.tui import experiment_words

        yield Line(id="title")
        yield Line(id="about")
        yield TableView(experiment_words.READ_COLUMNS)
        yield FactGrid(experiment_words.FACTS)
        yield Line(id="readings")

    def show(self, preset: Preset | BrokenPreset | None, query: str) -> None:
        """Show a preset; if it is None, say that no preset matches the query."""
        from mnist_tui.experiment.presets import Preset
        from mnist_tui.tui import experiment_words

        usable = isinstance(preset, Preset)
        self.set_class(isinstance(preset, BrokenPreset), "-broken")
        readings = preset.reference.readings if usable and preset.reference else ()
        self.table.display = self.facts.display = usable
        self.readings.display = bool(readings)
        self.scroll_home(animate=False)
        if preset is None:
            self.title.say("No preset matches")
            self.about.say(f"Nothing is found for “{query.strip()}”; Esc shows all.")
        elif isinstance(preset, BrokenPreset):
            self.title.say(f"{preset.name} cannot be used")
            self.about.say(preset.message)
        else:
            self.title.say(preset.title or preset.name)
            self.about.say(" ".join(preset.about.split()))
            self.table.show(experiment_words.layer_rows(preset.experiment))
            self.facts.show(experiment_words.facts(preset))
            self.readings.say(
                "\n".join(["Where the source is silent or contradicts itself:", *(f"– {one}" for one in readings)])
            )


PROMPT_LINES = 2
"""Lines of a preset in the list; a heading has one."""


class PresetList(OptionList):
    """The list of presets below headings. A click only chooses a preset; a key or a button trains it."""

    HELP = """
    **Presets.** Each is a whole experiment: dataset, features, layers, optimizer, training. Enter or `t` trains the
    chosen one as it is, `e` opens it in the editor, `w` sweeps its parameters or trains it in many seeds, `/` searches
    by name, title, description and kinds of layers. The starters come first, then the experiments of each source under
    its title, then those that you saved.
    """
    BINDINGS = [
        Binding("enter", "screen.train", "Train", show=False),
        Binding("j", "cursor_down", "Down", show=False),
        Binding("k", "cursor_up", "Up", show=False),
    ]

    def on_resize(self) -> None:
        """Keep the chosen preset visible when the list gets smaller."""
        self.scroll_to_highlight()

    def scroll_to_highlight(self, top: bool = False) -> None:
        """Scroll to the chosen preset; if a heading is right above it, show that, too."""
        super().scroll_to_highlight(top)
        above = (self.highlighted or 0) - 1
        if above >= 0 and self.options[above].disabled:
            line = sum(1 if option.disabled else PROMPT_LINES for option in self.options[:above])
            if line < self.scroll_offset.y:
                self.scroll_to(y=line, animate=False, force=True)


class PresetSearch(Input):
    """The search field, which filters the list while a person types; the arrow keys move in the list."""

    HELP = """
    **Search.** Every word must be found in a preset's name, title, description, dataset, kinds of layers or optimizer.
    The arrow keys move in the list, Enter goes there, Esc clears.
    """
    BINDINGS = [
        Binding("down", "screen.move('cursor_down')", "Down", show=False),
        Binding("up", "screen.move('cursor_up')", "Up", show=False),
        Binding("pagedown", "screen.move('page_down')", "Page down", show=False),
        Binding("pageup", "screen.move('page_up')", "Page up", show=False),
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
    AUTO_FOCUS = "PresetList"
    STARTS_RUNS = True
    BINDINGS = [
        bind("presets.train", "t", "train", "Train", "Train the chosen preset as it is", display="⏎/t"),
        bind("presets.edit", "e", "open('editor')", "Edit", "Open the chosen preset in the editor"),
        bind("presets.sweep", "w", "open('sweep')", "Sweep", "Seeds, or values of parameters, as trials"),
        bind("presets.search", "slash", "search", "Search", "Search the presets", display="/"),
        bind("presets.all", "escape", "clear_search", "All presets", "Clear the search", hidden=True),
    ]

    data_note = getters.query_one(DataNote)
    search = getters.query_one(PresetSearch)
    listing = getters.query_one(PresetList)
    details = getters.query_one(PresetDetails)
    count = getters.query_one("#found", Line)

    def __init__(self, selected: str | None = None) -> None:
        super().__init__()
        self._selected = selected
        self._presets: dict[str, PresetEntry | BrokenPreset] = {}
        for preset in list_entries():
            self._presets.pop(preset.name, None)
            self._presets[preset.name] = preset
        self._groups = grouped(self._presets.values())
        self._filled = False

    @property
    def chosen(self) -> PresetEntry | BrokenPreset | None:
        """The preset under the cursor."""
        option = self.listing.highlighted_option
        return self._presets.get(option.id or "") if option else None

    def compose(self) -> ComposeResult:
        yield TabStrip()
        with Horizontal(id="top"):
            yield Line("presets", id="word")
            yield PresetSearch(placeholder="/ searches name, title, kinds", compact=True, id="search")
            yield Line(id="found")
        with Horizontal(id="body"):
            yield PresetList(compact=True, id="presets")
            yield Vertical(id="chosen")
        yield DataNote()
        yield KeyFooter()

    def on_mount(self) -> None:
        self._list("")
        self.call_after_refresh(self._fill)

    @work
    async def _fill(self) -> None:
        """Add the details after the list is drawn, so that the first frame does not wait for them."""
        await asyncio.to_thread(import_module, "mnist_tui.tui.experiment_words")
        if not self.is_attached:
            return
        train, edit = (key_of(f"presets.{name}", PresetsScreen, self.app.settings.keys) for name in ("train", "edit"))
        buttons = Horizontal(
            Button(labelled("Train", train), variant="primary", compact=True, id="train", action="screen.train"),
            Button(labelled("Edit", edit), compact=True, id="edit", action="screen.open('editor')"),
            id="buttons",
        )
        await self.query_one("#chosen").mount(PresetDetails(), buttons)
        self._filled = True
        self._show_chosen()

    def _list(self, query: str) -> None:
        """List the presets that match a query; the chosen preset stays chosen if it is among them."""
        selected = self.chosen.name if self.chosen else self._selected
        options, names = list[Option](), list[str]()
        for group in self._groups:
            if matching := [preset for preset in group.presets if matches(preset, query)]:
                options.append(Option(Content(group.title), disabled=True))
                options += [Option(_prompt(preset), id=preset.name) for preset in matching]
                names += [preset.name for preset in matching]
        self.listing.set_options(options)
        if names:
            self.listing.highlighted = self.listing.get_option_index(selected if selected in names else names[0])
        self.count.say(f"{len(names)} of {len(self._presets)}" if query.strip() else counted(names, "preset"))
        if not names:
            self._show_chosen()

    @on(Input.Changed, "#search")
    def _filter(self, event: Input.Changed) -> None:
        self._list(event.value)

    @on(Input.Submitted, "#search")
    def _to_list(self) -> None:
        self.listing.focus()

    @on(OptionList.OptionHighlighted)
    def _show_chosen(self) -> None:
        if not self._filled:
            return
        chosen = self.chosen
        shown = _loaded(chosen) if isinstance(chosen, PresetEntry) else chosen
        self.details.show(shown, self.search.value)
        buttons, usable = self.query_one("#buttons"), isinstance(chosen, PresetEntry)
        if buttons.display != usable:
            buttons.display = usable
            self.refresh_bindings()
        self.data_note.follow(chosen.dataset if isinstance(chosen, PresetEntry) else "")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return action not in {"train", "open"} or isinstance(self.chosen, PresetEntry)

    def action_train(self) -> None:
        if preset := self._chosen_preset():
            from mnist_tui.tui import run_commands

            run_commands.train(self.app, preset)

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

    def action_clear_search(self) -> None:
        self.search.value = ""
        self.listing.focus()

    def action_move(self, action: str) -> None:
        getattr(self.listing, f"action_{action}")()


def _loaded(entry: PresetEntry) -> Preset | BrokenPreset:
    try:
        return entry.load()
    except PresetError as error:  # the file was changed or deleted after it was listed
        return BrokenPreset(entry.name, entry.path, str(error))


def _prompt(preset: PresetEntry | BrokenPreset) -> Content:
    if isinstance(preset, BrokenPreset):
        mark, title = ("  broken", "$text-error"), "cannot be read"
    else:
        mark, title = ("  saved" if preset.origin == "saved" else "", "$text-accent"), preset.title
    return Content.assemble((preset.name, "bold"), mark, "\n", title)
