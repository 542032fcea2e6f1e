"""Asks which kind of layer to add."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from mnist_tui.experiment.layers import LAYER_KINDS


class ChooseLayerScreen(ModalScreen[str | None]):
    """The kinds of layers; gives the one that was chosen, None for none."""

    HELP = "**Add a layer.** It goes after the chosen one, or as near to it as it fits."
    DEFAULT_CSS = """
    ChooseLayerScreen {
        align: center middle;
        & > Vertical {
            width: 76;
            max-width: 96%;
            height: auto;
            max-height: 96%;
            padding: 0 1;
            border: round $primary;
            background: $panel;
        }
        OptionList { background: $panel; }
    }
    """
    BINDINGS = [Binding("escape", "dismiss(None)", "Cancel")]

    def compose(self) -> ComposeResult:
        options = [
            Option(Content.assemble((layer.TITLE, "bold"), "\n", (f"  {layer.about()}", "dim")), id=kind)
            for kind, layer in LAYER_KINDS.items()
        ]
        with Vertical() as box:
            box.border_title = "Add a layer"
            box.border_subtitle = "Enter adds, Esc cancels"
            yield OptionList(*options, compact=True)

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option_id)
