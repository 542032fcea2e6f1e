"""What stands beside a drawing, in words. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from mnist_tui.experiment.shapes import IMAGE_EDGE
from mnist_tui.tui.drawing.subject import Subject
from mnist_tui.wording import percent

PEN_WORDS = {"up": "up", "draws": "down, drawing", "erases": "down, erasing"}


def answer_words(names: Sequence[str], answer: Sequence[float | None] | None, *, blank: bool) -> str:
    """``7  99.4 %``, or why there is no answer."""
    if blank:
        return "draw something"
    if answer is None:
        return "no answer yet"
    finite = [value for value in answer if value is not None]
    if len(finite) < len(answer):
        return "no finite figure: the run diverged"
    return f"{names[answer.index(max(finite))]}  {percent(max(finite), 1)}"


def centring_words(subject: Subject, *, centring: bool) -> str:
    """Whether the drawing is centred, and why not where that is unusual."""
    if centring:
        return "centred like MNIST"
    return "not centred" if subject.centres else "not centred: its classes are no digits"


def pen_words(pen: str, at: tuple[int, int]) -> str:
    """``pen down, drawing, at row 3, column 12 of 28``, counted from 1."""
    return f"pen {PEN_WORDS[pen]}, at row {at[0] + 1}, column {at[1] + 1} of {IMAGE_EDGE}"
