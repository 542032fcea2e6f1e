"""Images that one screen selects for another. This is apart so that routes can name them without the screens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class ImageSelection:
    """Images of the final evaluation that another screen selects: their indices, and what they have in common."""

    indices: tuple[int, ...]
    words: str


@dataclass(frozen=True, eq=False)
class ExplainedImage:
    """An image of the network's size.

    Attributes:
        pixels: uint8 ``(height, width)``, or ``(height, width, 3)`` in colour, as the network receives it.
        name: what it is, such as ``Image 1,234`` or ``Drawing``.
        source: where it is from, such as ``MNIST test images``; empty if there is nothing to say.
        true: its class, if that is known.
        photograph: whether a grey image is drawn from black to white, instead of in the theme's colours.
        probabilities: those of the classes that the run has recorded, None for a class without; empty if none is known.
        recorded: when they were, such as ``final evaluation``.
    """

    pixels: NDArray[np.uint8]
    name: str
    source: str = ""
    true: int | None = None
    photograph: bool = False
    probabilities: tuple[float | None, ...] = ()
    recorded: str = ""
