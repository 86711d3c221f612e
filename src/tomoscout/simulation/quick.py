"""The quick microscope: from a scene's density to a tomogram in one round of Fourier space.

A tilt series, its contrast transfer, the Wiener filter that undoes it and a denoiser are all
products in Fourier space when the sample is thin; only their product is computed here. It takes
a quarter of the time of projecting and reconstructing, and knows no depth of focus, no alignment
errors and no dose. Every tomogram draws its own conditions from the settings' ranges, so
a detector trained on many of them meets a real one as just another draw.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft
from jaxtyping import Float, Float32
from pydantic import Field

from tomoscout.core.settings import Settings
from tomoscout.ops.fourier import Frequencies, contrast_transfer, frequencies, tilt_coverage
from tomoscout.simulation.filters import (
    deconvolution,
    gaussian,
    nearest,
    radial_frequencies,
    standardise,
)
from tomoscout.simulation.ranges import (
    NonNegativeRange,
    PositiveRange,
    Range,
    TiltRange,
    draw_each,
)


class QuickSettings(Settings):
    """Ranges, lowest and highest, from which each tomogram draws its imaging conditions."""

    max_tilt: TiltRange = (42.0, 60.0)
    """Largest tilt to either side, in degrees."""
    tilt_step: PositiveRange = (2.0, 3.0)
    """Angle between projections, in degrees."""
    defocus: PositiveRange = (20_000.0, 45_000.0)
    """Underfocus, in ångström."""
    voltage: float = Field(default=300.0, gt=0)
    """Acceleration voltage, in kilovolt."""
    spherical_aberration: float = Field(default=2.7, ge=0)
    """Of the objective lens, in millimetre."""
    amplitude_contrast: NonNegativeRange = (0.07, 0.10)
    """Fraction of amplitude contrast."""
    envelope: NonNegativeRange = (5.0, 25.0)
    """Resolution, in ångström, at which the signal has fallen to 1/e."""
    restoration: Range = (2.2, 3.3)
    """Strength of the Wiener filter that undoes the contrast transfer, as a power of ten of the
    signal-to-noise ratio it assumes; higher restores lower frequencies."""
    falloff: NonNegativeRange = (30.0, 90.0)
    """Length, in ångström, that says how fast the assumed ratio falls with frequency."""
    highpass: PositiveRange = (800.0, 3000.0)
    """Wavelength, in ångström, beyond which the filter lets nothing through."""
    noise: NonNegativeRange = (0.09, 0.24)
    """Noise of a voxel of 10 Å before filtering, in units of solid protein."""
    drift: PositiveRange = (600.0, 2500.0)
    """Wavelength, in ångström, beyond which noise grows as the wavelength."""
    smoothing: NonNegativeRange = (2.0, 8.0)
    """Standard deviation, in ångström, of the denoiser's blur of the noise."""
    contrast: PositiveRange = (5.0e-6, 9.0e-6)
    """Standard deviation of the final tomogram."""
    offset: Range = (-1.5e-7, 2.5e-7)
    """Mean of the final tomogram."""


@dataclass(frozen=True)
class Conditions:
    """One draw from `QuickSettings`: how one tomogram is taken. Units as there."""

    max_tilt: float
    tilt_step: float
    defocus: float
    voltage: float
    spherical_aberration: float
    amplitude_contrast: float
    envelope: float
    restoration: float
    falloff: float
    highpass: float
    noise: float
    drift: float
    smoothing: float
    contrast: float
    offset: float


def draw(settings: QuickSettings, rng: np.random.Generator) -> Conditions:
    """Draw the conditions of one tomogram, each uniformly from its range."""
    return Conditions(**draw_each(settings.model_dump(), rng))


def image(
    density: Float32[np.ndarray, "z y x"],
    *,
    voxel_spacing: float,
    conditions: Conditions,
    rng: np.random.Generator,
    workers: int = 1,
) -> Float32[np.ndarray, "z y x"]:
    """Return the tomogram of a density: wedge, contrast transfer, noise; protein dark.

    Parameters
    ----------
    density
        Scene in units of solid protein, protein positive; it is overwritten to save memory.
    voxel_spacing
        Edge of one voxel, in ångström.
    conditions
        Of the microscope and of the processing.
    rng
        Draws the noise.
    workers
        Threads of the Fourier transforms; the result does not depend on it.
    """
    shape = density.shape
    at = frequencies((shape[0], shape[1], shape[2]), voxel_spacing=voxel_spacing)
    spectrum = scipy.fft.rfftn(density, overwrite_x=True, workers=workers)
    _filter(spectrum, at, density.size, voxel_spacing, conditions, rng)
    spectrum[0, 0, 0] = 0
    tomogram: Float32[np.ndarray, "z y x"] = scipy.fft.irfftn(
        spectrum, s=shape, overwrite_x=True, workers=workers
    )
    return standardise(tomogram, mean=conditions.offset, deviation=conditions.contrast)


def _filter(
    spectrum: np.ndarray,
    at: Frequencies,
    voxels: int,
    voxel_spacing: float,
    conditions: Conditions,
    rng: np.random.Generator,
) -> None:
    """Multiply a spectrum by the signal's filter and add noise through its own, in place."""
    radial = radial_frequencies(voxel_spacing)
    signal, noise = transfer(radial, conditions)
    # White noise of fixed strength per volume of sample, whatever the voxel, and scipy's forward
    # transform multiplies its standard deviation by the root of the number of voxels.
    per_voxel = conditions.noise * (10.0 / voxel_spacing) ** 1.5
    noise = noise * per_voxel * np.sqrt(voxels / 2)
    signal, noise = -signal.astype(np.float32), noise.astype(np.float32)
    coverage = tilt_coverage(
        at,
        max_tilt=conditions.max_tilt,
        tilt_step=conditions.tilt_step,
        thickness=0.6 * len(at.z) * voxel_spacing,
    )
    for index, entry in nearest(at, radial):
        grain = rng.standard_normal((*entry.shape, 2), np.float32).view(np.complex64)[..., 0]
        plane = spectrum[index]
        plane *= signal[entry]
        grain *= noise[entry]
        plane += grain
        plane *= coverage[index]


def transfer(
    frequency: Float[np.ndarray, " n"], conditions: Conditions
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Return what reaches the tomogram of the signal and of the noise, by frequency in 1/Å.

    The image's contrast transfer acts on the signal alone; the filter that undoes it and the
    denoiser act on both.
    """
    ctf = contrast_transfer(
        frequency,
        defocus=conditions.defocus,
        voltage=conditions.voltage,
        spherical_aberration=conditions.spherical_aberration,
        amplitude_contrast=conditions.amplitude_contrast,
    )
    restore = deconvolution(
        frequency,
        ctf,
        restoration=conditions.restoration,
        falloff=conditions.falloff,
        highpass=conditions.highpass,
    )
    envelope = np.exp(-((frequency * conditions.envelope) ** 2))
    both = restore * gaussian(frequency, conditions.smoothing)
    grows = np.sqrt(1.0 + 1.0 / np.maximum(frequency * conditions.drift, 1e-2) ** 2)
    return both * ctf * envelope, both * grows
