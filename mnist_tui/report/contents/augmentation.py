"""Describe the random changes of the training images, for the chapter about the learning algorithm.

The formulas are those of `data.augmentation`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mnist_tui.experiment.augmentation import LEAST_AREA, LEAST_ASPECT, Augmentation
from mnist_tui.report.contents.references import Cite
from mnist_tui.wording import listed

MEASURED_ON = (
    "The training loss and the training accuracy of an epoch are means over the changed images, so they may be worse "
    "than the validation's. Validation and test images are never changed."
)
FACTORS = {"flip": "F", "zoom": "s", "shear": "S_\\varphi", "rotation": "R_\\theta"}
"""The factors of the affine map by the change that needs them, from right to left."""


def augmentation_in_blocks(settings: Sequence[tuple[Augmentation, str]], cite: Cite) -> Iterator[str]:
    """Yield Markdown blocks about the changes of the training images.

    Args:
        settings: different settings, each with the runs that have them, such as `` in runs 1 and 2``.
    """
    changes = "; ".join(f"{listed(each.in_words)}{where}" for each, where in settings)
    yield (
        f"Each training image is changed at random {cite('shorten2019')}, in another way in every epoch: {changes}. "
        f"{MEASURED_ON}"
    )
    used = {name for each, _ in settings for name in each.used}
    if any(each.moves_pixels for each, _ in settings):
        yield from _moved(used, cite)
    if "noise" in used:
        yield "Noise is added to every pixel, and values beyond 0 and 1 are cut off:"
        yield r"$$I'' = \min(1, \max(0, I' + \varepsilon)), \qquad \varepsilon \sim \mathcal{N}(0, \nu^2)$$"
        yield r"where $\nu$ is the standard deviation of the noise."
    if "erasing" in used:
        yield (
            f"With the probability of erasing a rectangle of an image becomes 0 {cite('zhong2020')}: its share of the "
            f"area is uniform from {LEAST_AREA:g} to the largest share, the logarithm of its height divided by its "
            f"width is uniform between those of {LEAST_ASPECT:g} and 1/{LEAST_ASPECT:g}, and its place is uniform; a "
            "side is at most as long as the image's."
        )
    yield "All values are rounded to the 256 levels of the data."


def _moved(used: set[str], cite: Cite) -> Iterator[str]:
    factors = [factor for name, factor in reversed(FACTORS.items()) if name in used]
    has_map, elastic = bool(factors), "elastic" in used
    shift = " - t" if "shift" in used else ""
    place = rf"c + A^{{-1}} (p - c{shift})" if has_map else f"p{shift}"
    displaced = " + d(p)" if elastic else ""
    map_ = rf", \qquad A = {' '.join(factors)}" if has_map else ""
    yield "The new image $I'$ is read from the old one $I$ at other places, all changes in one step:"
    yield rf"$$I'(p) = I({place}{displaced}){map_}$$"
    letters = {
        "shift": "$t$ the shift, uniform up to the largest shift to each side",
        "rotation": r"$R_\theta$ the rotation by an angle $\theta$, uniform up to the largest rotation to each side",
        "shear": r"$S_\varphi$ moves a pixel by $\tan \varphi$ times its height, $\varphi$ uniform up to the largest "
        "shear to each side",
        "zoom": "$s$ a factor, uniform up to the largest zoom below and above 1",
        "flip": "$F$ mirrors the image with probability 1/2",
    }
    meanings = ["$p$ is the place of a pixel", *(["$c$ the centre of the image"] if has_map else [])]
    meanings += [text for name, text in letters.items() if name in used]
    yield (f"{listed(meanings)}. Values between pixels are interpolated bilinearly; outside the image they are 0.")
    if elastic:
        yield f"The displacement $d$ of elastic distortions {cite('simard2003')} is"
        yield r"$$d = \alpha \, (G_\sigma * u)$$"
        yield (
            r"where $u$ is uniform between −1 and 1 for every pixel and direction, and $G_\sigma$ is a Gaussian of "
            r"standard deviation $\sigma$ in pixels whose weights have the sum 1."
        )
