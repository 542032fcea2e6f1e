"""Asks what of a run to export and where, has it done in a thread, and says which files there are now."""

from __future__ import annotations

from pathlib import Path

from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label, Static

from mnist_tui.experiment.problem import RequestError
from mnist_tui.report.export import ITEMS, ExistsError, export
from mnist_tui.runs.folder import RunFolder
from mnist_tui.tui.widgets.choice import Choice

CHOSEN_AT_FIRST = ("keras", "complexity.md", "summary.md")


class ExportScreen(ModalScreen[None]):
    """Exports of one run.

    Args:
        folder: the run.
    """

    CSS_PATH = "export.tcss"
    AUTO_FOCUS = "Choice"
    HELP = """
    **Export.** Space chooses what is written, Enter in the folder's line or Ctrl+S writes it. Weights as `.h5` or
    `.npz` take some seconds, for TensorFlow writes them. Files that are there already are asked about.
    """
    BINDINGS = [
        Binding("ctrl+s", "write(False)", "Export", tooltip="Write the chosen files", id="export.write"),
        Binding(
            "ctrl+o",
            "write(True)",
            "Overwrite",
            tooltip="Replace the files that are there already",
            id="export.overwrite",
        ),
        Binding("f1", "app.help", "Help", tooltip="Help for what has the focus, and all keys"),
        Binding("escape", "dismiss", "Close"),
        Binding("down", "app.focus_next", show=False),
        Binding("up", "app.focus_previous", show=False),
    ]

    target = getters.query_one(Input)
    said = getters.query_one("#export-said", Static)

    def __init__(self, folder: RunFolder) -> None:
        super().__init__()
        self.folder = folder
        self._asks = False
        self._busy = False

    def compose(self) -> ComposeResult:
        with Vertical(id="export") as box:
            box.border_title = "Export"
            box.border_subtitle = "Space chooses · Ctrl+S exports · Esc closes"
            for item, about in ITEMS.items():
                yield Choice(about, item, item in CHOSEN_AT_FIRST)
            yield Label("into the folder")
            yield Input(str(self.folder.exports), compact=True)
            with VerticalScroll(id="export-answer", can_focus=False):
                yield Static("", id="export-said", markup=False)
            with Horizontal(id="export-buttons"):
                yield Button("Export [u]^s[/u]", variant="primary", compact=True, id="export-write")
                yield Button("Overwrite [u]^o[/u]", variant="warning", compact=True, id="export-overwrite")
                yield Button("Close [u]Esc[/u]", compact=True, id="export-close")

    def on_mount(self) -> None:
        self._ask(False)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Overwriting is offered only once files stand in the way."""
        return not self._busy and (self._asks or not parameters[0]) if action == "write" else True

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        match event.button.id:
            case "export-write":
                self.action_write(False)
            case "export-overwrite":
                self.action_write(True)
            case _:
                self.dismiss()

    @on(Input.Submitted)
    def _submitted(self) -> None:
        self.action_write(False)

    @on(Input.Changed)
    @on(Choice.Changed)
    def _changed(self) -> None:
        self._ask(False)

    def action_write(self, overwrite: bool) -> None:
        """Starts the export, if something is chosen and none runs."""
        items = [choice.key for choice in self.query(Choice) if choice.value]
        if self._busy:
            return
        if not items or not self.target.value.strip():
            self.said.update("nothing is chosen" if not items else "no folder is given")
            return
        self._busy = True
        self.said.update("writing …")
        self._write(items, Path(self.target.value.strip()).expanduser(), overwrite)

    @work(thread=True, exit_on_error=False)
    def _write(self, items: list[str], out: Path, overwrite: bool) -> None:
        asks = False
        try:
            answer = "written:\n" + "\n".join(
                str(path) for path in export(self.folder, items, out, overwrite=overwrite)
            )
        except ExistsError as error:
            asks, answer = True, "already there:\n" + "\n".join(map(str, error.paths)) + "\nCtrl+O overwrites"
        except (RequestError, OSError) as error:
            answer = f"not exported: {error}"
        self.app.call_from_thread(self._done, answer, asks)

    def _done(self, answer: str, asks: bool) -> None:
        self._busy = False
        self.said.update(answer)
        self._ask(asks)

    def _ask(self, asks: bool) -> None:
        self._asks = asks
        self.query_one("#export-overwrite").display = asks
        self.refresh_bindings()
