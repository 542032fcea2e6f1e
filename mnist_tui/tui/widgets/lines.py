"""Text that changes often: drawn anew only where it differs, laid out anew only where its size does."""

from __future__ import annotations

from textwrap import wrap

from textual.widgets import Static


class Lines(Static):
    """Lines of plain text, as high as they are many."""

    def __init__(self, text: str = "", *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(text, id=id, classes=classes, markup=False)
        self._said = text

    def say(self, text: str) -> None:
        """Shows the text, which wraps where it is wider than the widget."""
        if text == self._said:
            return
        before, self._said = self._said, text
        self.update(text, layout=self._size_of(text) != self._size_of(before))

    def _size_of(self, text: str) -> tuple[int, int]:
        """Lines that the text takes here, and its width where the widget is as wide as that."""
        width = self.size.width
        lines = text.splitlines() or [""]
        own_width = max(map(len, lines)) if self.styles.width is not None and self.styles.width.is_auto else 0
        return sum(len(wrap(line, width)) if len(line) > width > 0 else 1 for line in lines), own_width
