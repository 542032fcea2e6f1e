"""The pane with one preset: its network as a drawing, its facts, earlier runs of it, and the notes on its source.

The screen imports this module after the first frame, since it reads experiments.
"""

from __future__ import annotations

from textual import getters
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Collapsible

from mnist_tui.experiment.preset_files import BrokenPreset
from mnist_tui.experiment.preset_index import PresetEntry, PresetGroup
from mnist_tui.experiment.presets import Preset
from mnist_tui.runs.collection.summaries import RunSummary
from mnist_tui.tui.bench import Bench
from mnist_tui.tui.experiment_words import FACTS, READ_COLUMNS, facts, layer_rows
from mnist_tui.tui.presets.earlier_runs import EarlierRuns
from mnist_tui.tui.presets.network import NetworkDrawing, boxes_of
from mnist_tui.tui.run_commands import quick_epochs
from mnist_tui.tui.terminal.keymap import shown
from mnist_tui.tui.widgets.text import FactGrid, Line, TableView
from mnist_tui.wording import count, counted, moment, percent, roughly

OWN_FACTS = ("Last run", "Quick run")
GROUP_FACTS = ("Presets", "Parameters", "Published", "Best")


class PresetDetails(VerticalScroll):
    """The texts of one preset, its network, its figures and its earlier runs; or those of a group of presets."""

    HELP = """
    **The chosen preset**: its network, its newest run on this machine's list of runs, how the number of inputs comes
    about, the published results of its source, and its layers with their output shapes and numbers of parameters.
    `s` shows and hides the notes on the source: how its gaps and contradictions were filled.
    """
    app = getters.app(Bench)
    title = getters.query_one("#title", Line)
    about = getters.query_one("#about", Line)
    drawing = getters.query_one(NetworkDrawing)
    table = getters.query_one(TableView)
    own = getters.query_one("#own", FactGrid)
    facts = getters.query_one("#facts", FactGrid)
    sources = getters.query_one(Collapsible)
    readings = getters.query_one("#readings", Line)

    def compose(self) -> ComposeResult:
        yield Line(id="title")
        yield NetworkDrawing()
        yield FactGrid(OWN_FACTS, id="own")
        yield Line(id="about")
        yield FactGrid(tuple(dict.fromkeys(("Presets", *FACTS, "Best"))), id="facts")
        yield TableView(READ_COLUMNS)
        with Collapsible(title="Sources", id="sources"):
            yield Line(id="readings")

    def show_preset(self, preset: Preset, runs: EarlierRuns | None) -> None:
        """Show a preset; None for runs that have not been read yet."""
        experiment, reference = preset.experiment, preset.reference
        self._show(preset.title or preset.name, " ".join(preset.about.split()))
        self.drawing.show(boxes_of(experiment))
        self.facts.show(facts(preset))
        self.own.show(_own_facts(preset, runs, self._key("last-run", "r")))
        self.table.show(layer_rows(experiment))
        self._set_shown(drawing=True, table=True, sources=bool(reference and reference.readings))
        if reference and (notes := reference.readings):
            self.sources.title = f"Sources ({self._key('sources', 's')}): {counted(notes, 'note')}"
            where = "Where the source is silent or contradicts itself:"
            self.readings.say("\n".join([where, *(f"– {note}" for note in notes)]))

    def show_runs(self, preset: Preset, runs: EarlierRuns) -> None:
        """Show what earlier runs say about the preset that is shown already."""
        self.own.show(_own_facts(preset, runs, self._key("last-run", "r")))

    def show_group(self, group: PresetGroup, *, is_open: bool) -> None:
        """Show how many presets a group has, and the ranges of their figures."""
        usable = [preset for preset in group.presets if isinstance(preset, PresetEntry)]
        what = f"Enter {'closes' if is_open else 'opens'} this group."
        self._show(group.title, what)
        self.facts.show(dict(zip(GROUP_FACTS, (count(len(group.presets)), *_figures(usable)), strict=True)))
        self._set_shown()

    def show_broken(self, preset: BrokenPreset) -> None:
        """Show why a preset cannot be used."""
        self._show(f"{preset.name} cannot be used", preset.message, broken=True)
        self._set_shown(facts=False)

    def show_none(self, query: str) -> None:
        """Show that no preset matches a search."""
        self._show("No preset matches", f"Nothing is found for “{query.strip()}”; Esc shows all.")
        self._set_shown(facts=False)

    def _key(self, action: str, default: str) -> str:
        """Return the key of an action of the screen, which may be the user's own."""
        return shown(self.app.settings.keys.get(f"presets.{action}", default))

    def _show(self, title: str, about: str, *, broken: bool = False) -> None:
        self.set_class(broken, "-broken")
        self.title.say(title)
        self.about.say(about)
        self.scroll_home(animate=False)

    def _set_shown(
        self, *, drawing: bool = False, facts: bool = True, table: bool = False, sources: bool = False
    ) -> None:
        self.drawing.display = self.own.display = drawing
        self.facts.display = facts
        self.table.display, self.sources.display = table, sources


def _figures(presets: list[PresetEntry]) -> tuple[str, str, str]:
    """Return the ranges of the presets' parameters and published accuracies, and the best preset; empty for none."""
    sizes = [preset.parameters for preset in presets]
    scored = {preset.name: preset.accuracy for preset in presets if preset.accuracy is not None}
    low, high = (f"{min(sizes):,}", f"{max(sizes):,}") if sizes else ("", "")
    parameters = low if low == high else f"{low} to {high}"
    if not scored:
        return parameters, "", ""
    name, best = max(scored.items(), key=lambda pair: pair[1])
    worst = min(scored.values())
    accuracies = percent(best) if worst == best else f"{percent(worst)} to {percent(best)}"
    return parameters, f"test accuracy {accuracies}", f"{name}, {percent(best)}"


def _own_facts(preset: Preset, runs: EarlierRuns | None, key: str) -> dict[str, str]:
    """Return the texts about the newest run of a preset, which the key opens, and about a quick run of it."""
    epochs = quick_epochs(preset.experiment)
    planned = preset.experiment.training.epochs
    share = "a tenth of" if epochs and 10 * epochs == planned else "instead of"
    quick = f"{counted(epochs, 'epoch')}, {share} {planned:,}" if epochs else ""
    if epochs and runs and (seconds := runs.seconds_an_epoch(preset)):
        quick += f", {roughly(epochs * seconds)}"
    if runs is None:
        return {"Last run": "…", "Quick run": quick}
    own = runs.of(preset.name)
    last = f"{_in_words(own[0], len(own))}; {key} opens it" if own else "none yet"
    return {"Last run": last, "Quick run": quick}


def _in_words(run: RunSummary, runs: int) -> str:
    """Describe the newest run of a preset, and say how many there are."""
    planned, accuracy = counted(run.epochs, "epoch"), run.test_accuracy
    epochs = f"{run.epochs_done:,} of {planned}" if run.epochs_done < run.epochs else planned
    changes = [part for part in run.differs.split(", ") if part and part != planned]
    scored = f"{run.scored_on} accuracy {percent(accuracy)} after {epochs}" if accuracy is not None else epochs
    parts = [*([run.state] if run.state != "finished" else []), scored, *changes, moment(run.started)]
    return ", ".join(parts) + (f" ({counted(runs, 'run')} in all)" if runs > 1 else "")
