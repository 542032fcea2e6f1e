"""What a preset is: title, description, layers, facts; or why its file cannot be used."""

from __future__ import annotations

from textual import getters
from textual.app import ComposeResult
from textual.containers import VerticalScroll

from mnist_tui.experiment.presets import BrokenPreset, Preset
from mnist_tui.tui.form import wording
from mnist_tui.tui.widgets.text import FactGrid, Line, TableView


class PresetDetails(VerticalScroll):
    """One preset in words and numbers."""

    HELP = """
    **The chosen preset**: its layers with what each gives to the next and how many parameters it trains, its inputs and
    where their number comes from, what its source published, and what had to be read into the source.
    """
    DEFAULT_CSS = """
    PresetDetails {
        height: 1fr;
        padding: 0 1;
        scrollbar-size-vertical: 1;
        & > #title { text-style: bold; color: $text-primary; }
        & > #about { margin-bottom: 1; color: $text-muted; }
        & > TableView { margin-bottom: 1; }
        & > #readings { margin-top: 1; color: $text-muted; }
        &.-broken > #title { color: $text-error; }
    }
    """
    title = getters.query_one("#title", Line)
    about = getters.query_one("#about", Line)
    table = getters.query_one(TableView)
    facts = getters.query_one(FactGrid)
    readings = getters.query_one("#readings", Line)

    def compose(self) -> ComposeResult:
        yield Line(id="title")
        yield Line(id="about")
        yield TableView(wording.READ_COLUMNS)
        yield FactGrid(wording.FACTS)
        yield Line(id="readings")

    def show(self, preset: Preset | BrokenPreset | None, query: str) -> None:
        """Shows a preset; None where nothing matches `query`."""
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
            self.table.show(wording.short_rows(wording.layer_lines(preset.experiment)))
            self.facts.show(wording.facts(preset))
            self.readings.say(
                "\n".join(["Where the source is silent or contradicts itself:", *(f"– {one}" for one in readings)])
            )
