"""How a tilt series is taken: the ranges of the full microscope, and one draw from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from tomoscout.core.settings import Settings
from tomoscout.simulation.exposure import Optics
from tomoscout.simulation.ranges import (
    NonNegativeRange,
    PositiveRange,
    Range,
    TiltRange,
    draw_each,
)
from tomoscout.simulation.tilt_series import Scheme, TiltSeries, tilt_series


class PhysicsSettings(Settings):
    """Ranges, lowest and highest, from which each tomogram draws its imaging conditions."""

    max_tilt: TiltRange = (45.0, 60.0)
    """Largest tilt to either side, in degrees."""
    tilt_step: PositiveRange = (2.0, 3.0)
    """Angle between images, in degrees."""
    schemes: tuple[Scheme, ...] = Field(default=("dose_symmetric",), min_length=1)
    """Orders in which images are taken: ``dose_symmetric``, ``bidirectional``, ``continuous``."""
    tilt_axis: Literal["y", "x"] = "y"
    """Axis of the tomogram about which the sample is tilted."""
    dose: PositiveRange = (90.0, 130.0)
    """Of the whole series, in electrons per Å^2."""
    damage: NonNegativeRange = (0.8, 1.2)
    """Effect of the dose, in units of the published one."""
    defocus: PositiveRange = (20_000.0, 45_000.0)
    """Underfocus, in ångström."""
    defocus_scatter: NonNegativeRange = (0.0, 600.0)
    """Standard deviation of the defocus between the images of a series, in ångström."""
    voltage: float = Field(default=300.0, gt=0)
    """Acceleration voltage, in kilovolt."""
    spherical_aberration: float = Field(default=2.7, ge=0)
    """Of the objective lens, in millimetre."""
    amplitude_contrast: NonNegativeRange = (0.07, 0.10)
    """Fraction of amplitude contrast."""
    envelope: NonNegativeRange = (5.0, 15.0)
    """Resolution, in ångström, at which detector and coherence have left 1/e of the signal."""
    potential: PositiveRange = (2.0, 3.0)
    """Of solid protein against ice, in volt: the scale of all contrast."""
    ice_noise: NonNegativeRange = (0.05, 0.5)
    """Phase noise of the water; 1 is that of independent molecules."""
    jitter: NonNegativeRange = (2.0, 12.0)
    """Standard deviation of the images' residual shifts, in ångström."""
    jitter_degrees: NonNegativeRange = (0.0, 0.3)
    """Standard deviation of their residual rotations, in degrees."""
    tilt_error: NonNegativeRange = (0.0, 0.3)
    """Standard deviation of the tilts' errors, in degrees."""
    restoration: Range = (2.2, 3.3)
    """Strength of the Wiener filter that undoes the contrast transfer, as a power of ten of the
    signal-to-noise ratio it assumes; higher restores lower frequencies."""
    falloff: NonNegativeRange = (30.0, 90.0)
    """Length, in ångström, that says how fast the assumed ratio falls with frequency."""
    highpass: PositiveRange = (800.0, 3000.0)
    """Wavelength, in ångström, beyond which the filter lets nothing through."""
    denoising: NonNegativeRange = (0.5, 1.5)
    """Power of the best linear denoiser: 1 is the best, 0 leaves all noise."""
    wedge_filling: NonNegativeRange = (0.4, 0.8)
    """Share of the true density that ``isonetcorrected`` finds back in the missing wedge."""
    contrast: PositiveRange = (5.0e-6, 9.0e-6)
    """Standard deviation of the final tomogram."""
    offset: Range = (-1.5e-7, 2.5e-7)
    """Mean of the final tomogram."""
    image_weighting: NonNegativeRange = (0.0, 0.0)
    """Power of the usual weighting of images by their tilt and the dose they had seen."""
    quieting: NonNegativeRange = (0.0, 0.0)
    """Share, up to 1, of what the denoiser removes where there is no particle; 0 is linear."""

    @model_validator(mode="after")
    def _possible(self) -> PhysicsSettings:
        """Refuse a series of one image, and to remove more than there is."""
        if self.quieting[1] > 1:
            raise ValueError(f"quieting: at most 1, found {self.quieting[1]:g}")
        if self.tilt_step[1] > self.max_tilt[0]:
            raise ValueError(
                f"tilt_step {self.tilt_step[1]:g} exceeds max_tilt {self.max_tilt[0]:g}: one "
                "image gives no tomogram"
            )
        return self


@dataclass(frozen=True)
class Conditions:
    """One draw from `PhysicsSettings`: how one tomogram is taken. Units as there."""

    max_tilt: float
    tilt_step: float
    scheme: Scheme
    tilt_axis: str
    dose: float
    damage: float
    defocus: float
    defocus_scatter: float
    voltage: float
    spherical_aberration: float
    amplitude_contrast: float
    envelope: float
    potential: float
    ice_noise: float
    jitter: float
    jitter_degrees: float
    tilt_error: float
    restoration: float
    falloff: float
    highpass: float
    denoising: float
    wedge_filling: float
    contrast: float
    offset: float
    image_weighting: float
    quieting: float

    @property
    def optics(self) -> Optics:
        """What all images share."""
        return Optics(
            voltage=self.voltage,
            spherical_aberration=self.spherical_aberration,
            amplitude_contrast=self.amplitude_contrast,
            envelope=self.envelope,
            potential=self.potential,
            ice_noise=self.ice_noise,
            damage=self.damage,
        )

    @property
    def series(self) -> TiltSeries:
        """The plan of the tilt series."""
        return tilt_series(
            max_tilt=self.max_tilt,
            tilt_step=self.tilt_step,
            scheme=self.scheme,
            total_dose=self.dose,
        )


def draw(settings: PhysicsSettings, rng: np.random.Generator) -> Conditions:
    """Draw the conditions of one tomogram, each uniformly from its range."""
    values = settings.model_dump()
    scheme = values.pop("schemes")[int(rng.integers(len(settings.schemes)))]
    return Conditions(scheme=scheme, **draw_each(values, rng))
