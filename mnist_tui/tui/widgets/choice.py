"""A checkbox whose state can be read without colour: marked or empty."""

from __future__ import annotations

from textual.widgets import Checkbox


class KeyedCheckbox(Checkbox):
    """Textual's checkbox shows its mark in either state, in another colour.

    Args:
        label: what is chosen.
        key: what it stands for.
    """

    def __init__(self, label: str, key: str, value: bool) -> None:
        super().__init__(label, value, compact=True)
        self.key = key
        self._mark()

    def watch_value(self) -> None:
        self._mark()
        super().watch_value()

    def _mark(self) -> None:
        self.BUTTON_INNER = "X" if self.value else " "
