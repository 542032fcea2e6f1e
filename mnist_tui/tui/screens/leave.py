"""Asks what becomes of a training that goes on when the app is left."""

from __future__ import annotations

from typing import Literal

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Static

Leaving = Literal["detach", "stop", "cancel"]


class LeaveScreen(ModalScreen[Leaving]):
    """Detach (the default), stop and save, or stay."""

    CSS_PATH = "leave.tcss"
    MUST_BE_SEEN = True
    HELP = """
    **Leaving while a network trains.** Detach: the training goes on without this window, and
    `mnist-tui attach latest` shows it again. Stop and save: it ends after the present step, with its weights saved.
    """
    BINDINGS = [
        Binding("d", "leave('detach')", "Detach", id="leave.detach"),
        Binding("s", "leave('stop')", "Stop, save", id="leave.stop"),
        Binding("escape,c", "leave('cancel')", "Stay", id="leave.stay"),
        Binding("left", "app.focus_previous", show=False),
        Binding("right", "app.focus_next", show=False),
    ]

    def __init__(self, run_ids: list[str], study_ids: list[str] | None = None) -> None:
        super().__init__()
        self._run_ids, self._study_ids = run_ids, study_ids or []

    def compose(self) -> ComposeResult:
        one = len(self._run_ids) + len(self._study_ids) == 1
        parts = [f"{what}{'' if len(ids) == 1 else which} {', '.join(ids)}" for what, which, ids in self._named if ids]
        sentence = f"{' and '.join(parts)} still train{'s' if one else ''}."
        shows = "`mnist-tui attach latest`" if self._run_ids else f"`mnist-tui attach {self._study_ids[0]}`"
        with Vertical(id="leave"):
            yield Static("[b]Training goes on[/b]", id="leave-title")
            yield Static(f"{sentence[:1].upper()}{sentence[1:]}", markup=False)
            yield Static(f"Detached, it needs no window: {shows} brings it back.", markup=False)
            with Horizontal(id="leave-buttons"):
                yield Button("[u]D[/u]etach", variant="primary", id="detach")
                yield Button("[u]S[/u]top and save", variant="warning", id="stop")
                yield Button("[u]C[/u]ancel", id="cancel")

    @property
    def _named(self) -> tuple[tuple[str, str, list[str]], ...]:
        """What trains, by its kind: the word, and with which ending it is of several."""
        return (("run", "s", self._run_ids), ("study", " of", self._study_ids))

    def on_mount(self) -> None:
        self.query_one("#detach").focus()

    @on(Button.Pressed)
    def _chosen(self, event: Button.Pressed) -> None:
        match event.button.id:
            case "detach":
                self.dismiss("detach")
            case "stop":
                self.dismiss("stop")
            case _:
                self.dismiss("cancel")

    def action_leave(self, choice: Leaving) -> None:
        self.dismiss(choice)
