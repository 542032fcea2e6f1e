"""The augmentation of training images: its settings, and what they do in words. `data.augmentation` computes it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from mnist_tui.experiment.layers import ExperimentPart
from mnist_tui.wording import listed

LEAST_AREA, LEAST_ASPECT = 0.02, 0.3
"""The least share of an image that is erased, and the least height of the rectangle for its width (Zhong et al.)."""


class Augmentation(ExperimentPart):
    """Random changes of each training image, new ones in each epoch; what comes from outside the image is 0."""

    shift: Annotated[float, Field(ge=0, le=32)] = Field(
        default=0.0, description="largest shift of an image to each side, in pixels"
    )
    rotation: Annotated[float, Field(ge=0, le=180)] = Field(
        default=0.0, description="largest rotation to each side, in degrees"
    )
    zoom: Annotated[float, Field(ge=0, le=0.9)] = Field(
        default=0.0, description="largest change of an image's size; 0.1: from 90 % to 110 %"
    )
    shear: Annotated[float, Field(ge=0, le=60)] = Field(
        default=0.0, description="largest slant to each side, in degrees"
    )
    elastic: Annotated[float, Field(ge=0, le=500)] = Field(
        default=0.0, description="strength α of elastic distortions; 34 is usual with a smoothness of 4"
    )
    elastic_sigma: Annotated[float, Field(ge=0.5, le=32)] = Field(
        default=4.0, description="smoothness σ of elastic distortions, in pixels"
    )
    noise: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.0, description="standard deviation of Gaussian noise on pixels from 0 to 1"
    )
    erasing: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.0, description="probability that a random rectangle of an image is erased"
    )
    erasing_area: Annotated[float, Field(ge=LEAST_AREA, le=1)] = Field(
        default=0.33, description="largest share of an image that is erased"
    )
    flip: bool = Field(default=False, description="mirror half of the images, left to right")

    @property
    def moves_pixels(self) -> bool:
        """Whether pixels are read from other places than their own."""
        return any((self.shift, self.rotation, self.zoom, self.shear, self.elastic, self.flip))

    @property
    def used(self) -> tuple[str, ...]:
        """The names of the changes that are made, in the order in which they are declared; none if nothing changes."""
        return tuple(name for name in CHANGES if getattr(self, name))

    @property
    def settings_off(self) -> str:
        """The settings that switch the changes off, in words: ``shift to 0 and flip to off``."""
        return listed([f"{name} to {'off' if name == 'flip' else 0}" for name in self.used])

    @property
    def in_words(self) -> tuple[str, ...]:
        """Each change with its strength: ``shift up to 2 px``, ``rotation up to 10°``."""
        return tuple(CHANGES[name].format(**dict(self)) for name in self.used)


CHANGES = {
    "shift": "shift up to {shift:g} px",
    "rotation": "rotation up to {rotation:g}°",
    "zoom": "zoom up to {zoom:.4g}",
    "shear": "shear up to {shear:g}°",
    "elastic": "elastic distortion (α {elastic:g}, σ {elastic_sigma:g})",
    "noise": "noise (standard deviation {noise:g})",
    "erasing": "erasing (probability {erasing:.4g}, share of the area up to {erasing_area:.4g})",
    "flip": "flip of half of the images",
}
"""The fields that switch a change on where they are not 0, each with what it does in words."""
ARGUMENTS = {"elastic_sigma": "elastic", "erasing_area": "erasing"}
"""The further arguments of changes, each with the change that has it."""
