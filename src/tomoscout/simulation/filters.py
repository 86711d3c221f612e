"""Radial filters of tomograms: deconvolution, denoising, and applying them plane by plane."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Float32

from tomoscout.ops.fourier import Frequencies

_TABLE = 4096  # entries of a radial filter: far finer than any of its features


def radial_frequencies(voxel_spacing: float) -> Float[np.ndarray, " n"]:
    """Return frequencies, in 1/Å, from zero to the corner of a volume's spectrum."""
    return np.linspace(0, float(np.sqrt(3) * 0.5 / voxel_spacing) * 1.001, _TABLE)


def deconvolution(
    frequency: Float[np.ndarray, " n"],
    ctf: Float[np.ndarray, " n"],
    *,
    restoration: float,
    falloff: float,
    highpass: float,
) -> Float[np.ndarray, " n"]:
    """Return the Wiener filter that undoes the contrast transfer and restores low frequencies.

    Warp's: it assumes a signal-to-noise ratio that falls with frequency (Tegunov & Cramer 2019,
    doi:10.1038/s41592-019-0580-y).

    Parameters
    ----------
    frequency
        In 1/Å.
    ctf
        Contrast transfer at these frequencies.
    restoration
        Power of ten of the signal-to-noise ratio assumed at the lowest frequency; higher restores
        lower frequencies.
    falloff
        Length, in ångström, that says how fast the assumed ratio falls.
    highpass
        Wavelength, in ångström, beyond which nothing passes.
    """
    ratio = 10.0**restoration * np.exp(-frequency * falloff)
    passed = 1.0 - np.exp(-((frequency * highpass) ** 2) / 2)
    return passed * ctf / (ctf**2 + 1.0 / ratio)


def gaussian(frequency: Float[np.ndarray, " n"], sigma: float) -> Float[np.ndarray, " n"]:
    """Return the filter of a Gaussian blur of a standard deviation in ångström."""
    return np.exp(-2.0 * (np.pi * sigma * frequency) ** 2)


def nearest(at: Frequencies, radial: Float[np.ndarray, " n"]) -> Iterator[tuple[int, np.ndarray]]:
    """Yield, for each z plane of a half spectrum, the entry of a radial table for each voxel."""
    in_plane = at.y[:, None] ** 2 + at.x[None, :] ** 2
    per_frequency = np.float32((len(radial) - 1) / radial[-1])
    for index, z in enumerate(at.z):  # plane by plane keeps the scratch arrays small
        distance = np.sqrt(in_plane + z * z)
        yield index, (distance * per_frequency + np.float32(0.5)).astype(np.int32)


def multiply(
    spectrum: np.ndarray, at: Frequencies, table: Float[np.ndarray, " n"], *, voxel_spacing: float
) -> None:
    """Multiply a half spectrum by a radial filter given at `radial_frequencies`, in place."""
    values = table.astype(np.float32)
    for index, entry in nearest(at, radial_frequencies(voxel_spacing)):
        spectrum[index] *= values[entry]


def standardise(
    volume: Float32[np.ndarray, "z y x"], *, mean: float, deviation: float
) -> Float32[np.ndarray, "z y x"]:
    """Give a volume a mean and a standard deviation, in place."""
    volume -= np.float32(volume.mean(dtype=np.float64))
    volume *= np.float32(deviation / max(float(volume.std(dtype=np.float64)), 1e-12))
    volume += np.float32(mean)
    return volume
