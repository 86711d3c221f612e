"""The electron microscope in Fourier space: frequencies, contrast transfer, tilt coverage.

Everything is per ångström, so that a filter means the same at every voxel spacing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32

# Planck's constant, electron mass and charge, speed of light (CODATA 2018, SI units).
_PLANCK, _MASS, _CHARGE, _LIGHT = 6.62607015e-34, 9.1093837015e-31, 1.602176634e-19, 2.99792458e8


@dataclass(frozen=True)
class Frequencies:
    """Frequencies of the half spectrum that ``rfftn`` returns, one array per axis, in 1/Å."""

    z: Float32[np.ndarray, " z"]
    y: Float32[np.ndarray, " y"]
    x: Float32[np.ndarray, " x_half"]


def frequencies(shape: tuple[int, int, int], *, voxel_spacing: float) -> Frequencies:
    """Return the frequencies of a volume's real Fourier transform.

    Parameters
    ----------
    shape
        Voxels of the volume, (z, y, x).
    voxel_spacing
        Edge of one voxel, in ångström.
    """
    return Frequencies(
        z=np.fft.fftfreq(shape[0], voxel_spacing).astype(np.float32),
        y=np.fft.fftfreq(shape[1], voxel_spacing).astype(np.float32),
        x=np.fft.rfftfreq(shape[2], voxel_spacing).astype(np.float32),
    )


def wavelength(voltage: float) -> float:
    """Return the relativistic wavelength, in ångström, of electrons at a voltage in kilovolt."""
    energy = voltage * 1e3 * _CHARGE
    momentum = np.sqrt(2 * _MASS * energy * (1 + energy / (2 * _MASS * _LIGHT**2)))
    return float(_PLANCK / momentum * 1e10)


def contrast_transfer(
    frequency: Float[np.ndarray, " n"],
    *,
    defocus: float,
    voltage: float = 300.0,
    spherical_aberration: float = 2.7,
    amplitude_contrast: float = 0.07,
) -> Float[np.ndarray, " n"]:
    """Return the contrast transfer function, positive at low frequency.

    Parameters
    ----------
    frequency
        Spatial frequencies, in 1/Å.
    defocus
        Underfocus, in ångström, above 0.
    voltage
        Acceleration voltage, in kilovolt.
    spherical_aberration
        Of the objective lens, in millimetre.
    amplitude_contrast
        Fraction of amplitude contrast, 0 to 1.

    References
    ----------
    Mindell & Grigorieff (2003), doi:10.1016/S1047-8477(03)00069-8.
    """
    length = wavelength(voltage)
    squared = np.square(frequency)
    phase = np.pi * length * defocus * squared
    phase -= 0.5 * np.pi * spherical_aberration * 1e7 * length**3 * squared**2
    return np.sin(phase + np.arcsin(amplitude_contrast))


def tilt_coverage(
    at: Frequencies, *, max_tilt: float, tilt_step: float, thickness: float
) -> Float32[np.ndarray, "z x_half"]:
    """Return how strongly a tilt series about the y axis fills each (z, x) frequency.

    Every projection fills a slab of Fourier space as thick as one over the reconstructed
    thickness; the ramp of weighted back-projection makes the slabs add to one where they
    overlap, and gaps open between them at high frequency. Beyond ``max_tilt`` nothing is filled:
    the missing wedge.

    Parameters
    ----------
    at
        Frequencies of the volume's half spectrum.
    max_tilt
        Largest tilt to either side, in degrees, between 0 and 90.
    tilt_step
        Angle between neighbouring projections, in degrees.
    thickness
        Length, in ångström, along which a projection's rays are smeared.

    References
    ----------
    Radermacher (1992), "Weighted back-projection methods", in Electron Tomography.
    """
    tilts = np.deg2rad(np.arange(-max_tilt, max_tilt + 1e-6, tilt_step))
    z, x = at.z[:, None].astype(np.float64), at.x[None, :].astype(np.float64)
    ramp = np.hypot(z, x) * np.deg2rad(tilt_step) * thickness
    filled = np.zeros((len(at.z), len(at.x)))
    for tilt in tilts:
        # Distance from the central slab of this projection, in slab thicknesses.
        distance = (z * np.cos(tilt) - x * np.sin(tilt)) * thickness
        filled += np.exp(-np.pi * distance**2)
    return (filled * ramp).astype(np.float32)
