"""Asks what becomes of a new training while the device is busy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from textual.binding import Binding
from textual.widget import Widget
from textual.widgets import Button, Static

from mnist_tui.runs.devices import Busy
from mnist_tui.tui.screens.dialog import DialogScreen

Starting = Literal["wait", "now", "cancel"]


class BusyScreen(DialogScreen[Starting]):
    """Wait in line (the default), start now, or not at all. There is no line behind processes that are not ours.

    Args:
        busy: why it is asked.
    """

    TITLE = "The device is busy"
    HELP = """
    **A busy device.** Two trainings on one device slow each other down, and on a GPU the second may find too little
    memory. A run that waits begins by itself once all runs that were made before it, on this device, have ended; it can
    be stopped meanwhile, and it needs no window.
    """
    BINDINGS = [
        Binding("w", "wait", "Wait in line", tooltip="Begin once the runs before this one have ended", id="busy.wait"),
        Binding("s", "now", "Start now", tooltip="Train at the same time", id="busy.now"),
        Binding("escape,c", "cancel", "Cancel", tooltip="Start no training", id="busy.cancel"),
    ]

    def __init__(self, busy: Busy) -> None:
        super().__init__()
        self._busy = busy

    def body(self) -> Iterable[Widget]:
        yield Static(self._busy.text, markup=False)
        if self._busy.line:
            yield Static("In line, the new run begins by itself once those before it have ended.", markup=False)

    def buttons(self) -> Iterable[Button]:
        if self._busy.line:
            yield Button("[u]W[/u]ait in line", variant="primary", id="wait")
        yield Button("[u]S[/u]tart now", variant="default" if self._busy.line else "primary", id="now")
        yield Button("[u]C[/u]ancel", id="cancel")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        del parameters
        return action != "wait" or self._busy.line

    def action_wait(self) -> None:
        self.dismiss("wait")

    def action_now(self) -> None:
        self.dismiss("now")

    def action_cancel(self) -> None:
        self.dismiss("cancel")
