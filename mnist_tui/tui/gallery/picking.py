"""Which of the answers a gallery shows, and in what order. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from mnist_tui.tui.gallery.answers import Answers

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Order = Literal["worst", "surest", "doubtful", "number"]
ORDERS: tuple[Order, ...] = get_args(Order)
ORDER_WORDS: dict[Order, str] = {
    "worst": "worst first",
    "surest": "surest first",
    "doubtful": "most doubtful first",
    "number": "by number",
}


@dataclass(frozen=True)
class Filter:
    """Which images: those of a true class, read as a class, wrong ones; None and False do not choose."""

    true: int | None = None
    predicted: int | None = None
    errors: bool = False

    def words(self, names: tuple[str, ...]) -> str:
        """``4 read as 9``, ``wrong images read as Shirt``, ``all images``."""
        if self.true is not None and self.predicted is not None:
            return f"{names[self.true]} read as {names[self.predicted]}"
        what = "wrong images" if self.errors else "all images" if self == Filter() else "images"
        of = f" of {names[self.true]}" if self.true is not None else ""
        read = f" read as {names[self.predicted]}" if self.predicted is not None else ""
        return f"{what}{of}{read}"


def picked(answers: Answers, chosen: Filter, order: Order) -> NDArray[np.int64]:
    """Indices of the images, in order; ties go by index.

    ``worst`` has the wrong ones first, the surest of them before the others, then the right ones, the most doubtful
    before the others.
    """
    import numpy as np

    wrong = answers.classes != answers.labels
    mask = np.ones(len(answers.labels), bool)
    if chosen.true is not None:
        mask &= answers.labels == chosen.true
    if chosen.predicted is not None:
        mask &= answers.classes == chosen.predicted
    if chosen.errors:
        mask &= wrong
    found = np.flatnonzero(mask)
    sure = answers.probabilities[found]
    match order:
        case "worst":
            key = np.where(wrong[found], -sure, 1 + sure)
        case "surest":
            key = -sure
        case "doubtful":
            key = sure
        case "number":
            key = answers.numbers[found]
    return found[np.argsort(key, kind="stable")]
