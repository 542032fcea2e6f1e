"""Asks before a run and its files are thrown away."""

from __future__ import annotations

from collections.abc import Iterable

from textual.binding import Binding
from textual.widget import Widget
from textual.widgets import Button, Static

from mnist_tui.tui.screens.dialog import DialogScreen
from mnist_tui.tui.watch import Snapshot
from mnist_tui.wording import count, counted


class DiscardScreen(DialogScreen[bool]):
    """Whether to discard a run; keeping it is the default.

    Args:
        snapshot: the run as it is now.
    """

    TITLE = "Discard this run?"
    HELP = """
    **Discarding a run.** The training ends at once, nothing is saved, and the run's folder is deleted with its weights,
    its history and its checkpoint. It cannot be brought back.
    """
    BINDINGS = [
        Binding("x,y", "discard", "Discard", tooltip="End it, save nothing, delete its files", id="discard.discard"),
        Binding("escape,k,n", "keep", "Keep", tooltip="Leave the run as it is", id="discard.keep"),
    ]

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__()
        self._snapshot = snapshot

    def body(self) -> Iterable[Widget]:
        snapshot = self._snapshot
        done, planned = len(snapshot.run.history), snapshot.run.epochs
        epochs = f"{count(done)} of {counted(planned, 'epoch')} done" if planned else "no epoch done"
        yield Static(f"Run {snapshot.folder.id}\n{snapshot.word}, {epochs}", markup=False)
        ends = "It ends at once and nothing is saved.\n" if snapshot.live else ""
        yield Static(f"{ends}Weights, history and checkpoint are deleted with\n{snapshot.folder.path}", markup=False)

    def buttons(self) -> Iterable[Button]:
        yield Button("[u]K[/u]eep it", variant="primary", id="keep")
        yield Button("Discard ([u]x[/u])", variant="error", id="discard")

    def action_discard(self) -> None:
        self.dismiss(True)

    def action_keep(self) -> None:
        self.dismiss(False)
