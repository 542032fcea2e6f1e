"""The corruptions of test images: their names, strengths and words. `data.corruptions` computes them.

A model is trained on clean images; how its accuracy falls on corrupted ones is its robustness (Hendrycks and
Dietterich, 2019; for MNIST: Mu and Gilmer, 2019).
"""

from __future__ import annotations

from dataclasses import dataclass

from mnist_tui.errors import RequestError
from mnist_tui.wording import did_you_mean, listed, percent

VERSION = 1
"""Raised when any corruption changes, so that saved accuracies on corrupted images are measured anew."""
STRENGTHS = (1, 2, 3, 4, 5)
REFERENCE_EDGE = 28
"""The edge, in pixels, of the images for which amounts in pixels are given; others have them in proportion."""


class CorruptionError(RequestError):
    """The error for a corruption that does not exist, or for a strength that it has not."""


@dataclass(frozen=True, slots=True)
class Corruption:
    """A kind of corruption.

    Attributes:
        name: as it is typed.
        does: what it does to an image, for help and for the report.
        amounts: the amount at each of STRENGTHS.
        quantity: the amount in words, with its unit: a format of `amount`.
        in_pixels: whether amounts are pixels of an image with REFERENCE_EDGE.
        in_percent: whether amounts are shares, which are written in per cent.
    """

    name: str
    does: str
    amounts: tuple[float, float, float, float, float]
    quantity: str
    in_pixels: bool = False
    in_percent: bool = False

    @property
    def amounts_in_words(self) -> str:
        """The amounts at all strengths: ``standard deviation 0.5, 1, 1.5, 2 and 2.5 px in a 28-pixel image``."""
        return f"{self.bare_amounts}{self._where}"

    @property
    def bare_amounts(self) -> str:
        """The same without the size of the image to which amounts in pixels refer."""
        return self.quantity.format(amount=listed(list(map(self._written, self.amounts))))

    def amount_in_words(self, strength: int) -> str:
        """Return the amount at a strength: ``standard deviation 1.5 px in a 28-pixel image``."""
        return f"{self.quantity.format(amount=self._written(self.amount(strength)))}{self._where}"

    @property
    def _where(self) -> str:
        return f" in a {REFERENCE_EDGE}-pixel image" if self.in_pixels else ""

    def _written(self, amount: float) -> str:
        return percent(amount, 0) if self.in_percent else f"{amount:g}"

    def amount(self, strength: int) -> float:
        """Return the amount at a strength from 1 to 5."""
        return self.amounts[strength - 1]


CORRUPTIONS = {
    each.name: each
    for each in (
        Corruption(
            "shift", "moves each image in one of eight directions", (1, 2, 3, 4, 6), "by {amount} px", in_pixels=True
        ),
        Corruption("rotation", "turns each image to the left or to the right", (10, 20, 30, 40, 50), "by {amount}°"),
        Corruption(
            "blur",
            "smooths each image by a Gaussian",
            (0.5, 1, 1.5, 2, 2.5),
            "standard deviation {amount} px",
            in_pixels=True,
        ),
        Corruption(
            "noise",
            "adds Gaussian noise to each pixel",
            (0.08, 0.12, 0.18, 0.26, 0.38),
            "standard deviation {amount} of the range of values",
        ),
        Corruption(
            "contrast",
            "brings all pixels nearer to the image's mean",
            (0.8, 0.65, 0.5, 0.35, 0.2),
            "{amount} of the differences left",
            in_percent=True,
        ),
        Corruption(
            "erasing",
            "sets a random square of each image to 0",
            (0.04, 0.08, 0.14, 0.22, 0.32),
            "{amount} of the area",
            in_percent=True,
        ),
        Corruption(
            "thinner",
            "makes bright strokes thinner (erosion)",
            (0.3, 0.6, 0.9, 1.2, 1.5),
            "radius {amount} px",
            in_pixels=True,
        ),
        Corruption(
            "thicker",
            "makes bright strokes thicker (dilation)",
            (0.5, 1, 1.5, 2, 2.5),
            "radius {amount} px",
            in_pixels=True,
        ),
    )
}
"""All corruptions by name, in the order in which they are listed."""


@dataclass(frozen=True, slots=True)
class AppliedCorruption:
    """A corruption at a strength from 1 to 5."""

    name: str
    strength: int

    @property
    def text(self) -> str:
        """The corruption as it is typed: ``blur:3``."""
        return f"{self.name}:{self.strength}"

    @property
    def in_words(self) -> str:
        """The corruption in words: ``blur, strength 3 of 5 (standard deviation 1.5 px in a 28-pixel image)``."""
        amount = CORRUPTIONS[self.name].amount_in_words(self.strength)
        return f"{self.name}, strength {self.strength} of {len(STRENGTHS)} ({amount})"


def parse(text: str) -> tuple[AppliedCorruption, ...]:
    """Return the corruptions of a text such as ``blur:3,noise:2``, in its order.

    Raises:
        CorruptionError: for a name that is not known, and for a strength that is missing or not from 1 to 5.
    """
    return tuple(_parsed(part.strip()) for part in text.split(","))


def parse_names(text: str) -> tuple[str, ...]:
    """Return the names of corruptions in a text such as ``blur,noise``, each once, in the order of CORRUPTIONS.

    Raises:
        CorruptionError: for a name that is not known.
    """
    names = {_known(part.strip()) for part in text.split(",")}
    return tuple(name for name in CORRUPTIONS if name in names)


def _parsed(part: str) -> AppliedCorruption:
    name, _, strength = part.partition(":")
    _known(name)
    if strength not in map(str, STRENGTHS):
        got = f"got {strength!r}" if strength else "none was given"
        raise CorruptionError(f"the strength of {name} is a whole number from 1 to 5, as in {name}:3 ({got})")
    return AppliedCorruption(name, int(strength))


def _known(name: str) -> str:
    if name not in CORRUPTIONS:
        what = f"there is no corruption {name!r}" if name else "no corruption is named"
        raise CorruptionError(f"{what}; {did_you_mean(name, CORRUPTIONS)}there are {listed(list(CORRUPTIONS))}")
    return name
