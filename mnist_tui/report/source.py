"""What a report is before it takes a form: its Markdown and its figures."""

from __future__ import annotations

from dataclasses import dataclass

from mnist_tui.report.figures.drawing import Drawing


@dataclass(frozen=True)
class Report:
    """A report's source.

    Attributes:
        title, author: plain text, unescaped; the author may be empty.
        timestamp: when it was made, in ISO 8601.
        markdown: the text from the notices on; title, author and timestamp are not in it.
        drawings: every figure that the text names as ``figures/NAME``, in its order.
    """

    title: str
    author: str
    timestamp: str
    markdown: str
    drawings: tuple[Drawing, ...]
