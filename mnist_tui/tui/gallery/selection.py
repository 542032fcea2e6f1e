"""Images that another screen selects for a gallery. This is apart so that routes can name it without the gallery."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ImageSelection:
    """Images of the final evaluation that another screen selects: their indices, and what they have in common."""

    indices: tuple[int, ...]
    words: str
