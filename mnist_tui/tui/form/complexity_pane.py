"""The model's complexity, layer by layer and in sum; of the last whole state while the draft is not."""

from __future__ import annotations

from collections.abc import Sequence

from textual import getters
from textual.app import ComposeResult
from textual.containers import VerticalScroll

from mnist_tui.experiment import complexity
from mnist_tui.tui.form import wording
from mnist_tui.tui.form.draft import State
from mnist_tui.tui.widgets.text import FactGrid, Line, TableView


class ComplexityPane(VerticalScroll):
    """Counts and where they come from."""

    HELP = """
    **Complexity**, by arithmetic, before anything is trained. A dense layer has inputs × neurons weights and a bias a
    neuron; a convolution kernel² × channels × filters weights and a bias a filter. MACs are multiply-accumulates for
    one image. Other: batch normalisation's scale, offset, mean and variance.
    """
    HINT = "MACs: multiply-accumulates for one image; other: batch normalisation's four vectors"
    DEFAULT_CSS = """
    ComplexityPane {
        & > #stale { height: auto; color: $text-error; margin-bottom: 1; display: none; }
        &.-stale > #stale { display: block; }
        & > TableView { margin-bottom: 1; }
    }
    """
    stale = getters.query_one("#stale", Line)
    table = getters.query_one(TableView)
    facts = getters.query_one(FactGrid)

    def compose(self) -> ComposeResult:
        yield Line(id="stale")
        yield TableView(wording.FULL_COLUMNS, total=True, below=(wording.HOW, (wording.WEIGHTS, wording.OTHER)))
        yield FactGrid(wording.TOTALS)

    def follow(self, state: State, problems: Sequence[str]) -> None:
        """Shows the counts of the draft's last whole experiment, and why that is not the present one."""
        counts = complexity.of(state.whole)
        self.set_class(bool(problems), "-stale")
        said = "\n".join(f"✗ {problem}" for problem in problems)
        self.stale.say(f"Not valid yet; the counts are those of the last valid state.\n{said}" if problems else "")
        self.table.show(wording.full_rows(counts))
        self.facts.show(wording.totals(counts))
