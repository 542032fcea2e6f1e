"""Plain text that is drawn, and laid out, anew only where it has changed: the form follows every key press."""

from __future__ import annotations

from textual.widgets import Static


class Line(Static):
    """Text without markup.

    Args:
        fixed: whether its size does not depend on the text, so that a change needs no new layout.
    """

    def __init__(
        self, text: str = "", *, fixed: bool = False, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(text, id=id, classes=classes, markup=False)
        self._said, self._fixed = text, fixed

    def say(self, text: str) -> None:
        """Shows this text."""
        if text != self._said:
            self._said = text
            self.update(text, layout=not self._fixed)
