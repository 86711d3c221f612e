"""From the sample's projection to a recorded image: optics, damage, detector, electrons.

Thin biological samples barely scatter, so an image is the projected potential seen through the
contrast transfer function (weak phase approximation), and what limits it is the number of
electrons: a few per Å^2 and image, fewer where the ice is thick and the tilt is high.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft
from jaxtyping import Float, Float32
from scipy import ndimage

from tomoscout.ops.fourier import contrast_transfer, wavelength

MEAN_FREE_PATH = 3200.0  # Å, inelastic, in ice at 300 kV: Rice et al. 2018
# Phase variance, in rad^2 Å^2 per 1000 Å of ice, were its molecules independent at 300 kV: 0.0314
# molecules per Å^3, each of 147 V Å^3 (a mean inner potential of 4.7 V: Vulović et al. 2013).
ICE_GRAIN = 0.29
_VOLT = 510_998.95  # rest energy of the electron, eV


@dataclass(frozen=True)
class Optics:
    """How the microscope sees; the same for all images of a series but for the defocus.

    Attributes
    ----------
    voltage
        In kilovolt.
    spherical_aberration
        In millimetre.
    amplitude_contrast
        Fraction, 0 to 1.
    envelope
        Resolution, in ångström, at which detector and coherence have left 1/e of the signal.
    potential
        Of solid protein against ice, in volt.
    ice_noise
        Phase noise of the water, as a fraction of what independent molecules would give: its
        structure factor, 0.06 for liquid water at rest, more where small solutes swim in it.
    damage
        Multiplies the effect of the dose; 1 is the published one, 0 none.
    """

    voltage: float
    spherical_aberration: float
    amplitude_contrast: float
    envelope: float
    potential: float
    ice_noise: float
    damage: float

    @property
    def contrast(self) -> float:
        """Contrast of 1 Å of solid protein where the contrast transfer is 1."""
        return 2 * interaction(self.voltage) * self.potential

    def transfer(
        self, frequency: Float[np.ndarray, "*shape"], defocus: float
    ) -> Float[np.ndarray, "*shape"]:
        """Return the contrast transfer function at frequencies in 1/Å."""
        flat = contrast_transfer(
            np.asarray(frequency, np.float64).ravel(),
            defocus=defocus,
            voltage=self.voltage,
            spherical_aberration=self.spherical_aberration,
            amplitude_contrast=self.amplitude_contrast,
        )
        return flat.reshape(np.shape(frequency))


def interaction(voltage: float) -> float:
    """Return the phase shift, in rad, that 1 Å of 1 V gives electrons of a voltage in kilovolt.

    Kirkland, Advanced Computing in Electron Microscopy (2010), eq. 5.6.
    """
    energy = voltage * 1e3
    return float(
        2 * np.pi / (wavelength(voltage) * energy)
        * (_VOLT + energy) / (2 * _VOLT + energy)
    )  # fmt: skip


def fading(
    frequency: Float[np.ndarray, "*shape"], before: float, dose: float
) -> Float[np.ndarray, "*shape"]:
    """Return how much of the signal radiation has left, by frequency in 1/Å.

    Parameters
    ----------
    frequency
        Spatial frequencies, in 1/Å.
    before, dose
        What the sample had seen, and what the image adds, in electrons per Å^2.

    References
    ----------
    Grant & Grigorieff (2015), doi:10.7554/eLife.06980: critical doses at 300 kV.
    """
    critical = 0.24499 * np.maximum(frequency, 1e-4) ** -1.6649 + 2.8141
    return np.exp(-(before + dose / 2) / (2 * critical))


def electrons(dose: float, *, pixel: float, thickness: float, tilt: float) -> float:
    """Return the mean electrons per pixel that reach the detector without losing energy.

    Parameters
    ----------
    dose
        Of the image, in electrons per Å^2.
    pixel
        Edge of a pixel, in ångström.
    thickness
        Of the untilted ice, in ångström.
    tilt
        In degrees: the path through the ice grows as one over its cosine.
    """
    path = thickness / max(np.cos(np.deg2rad(tilt)), 0.05)
    return float(dose * pixel**2 * np.exp(-path / MEAN_FREE_PATH))


def expose(
    projection: Float32[np.ndarray, "y x"],
    *,
    pixel: float,
    optics: Optics,
    defocus: float,
    tilt: float,
    thickness: float,
    before: float,
    dose: float,
    rng: np.random.Generator | None,
) -> Float32[np.ndarray, "y x"]:
    """Record one image; its values are contrast, the relative deviation from the mean.

    Parameters
    ----------
    projection
        Of the sample, in Å of solid protein; protein gives negative contrast.
    pixel
        Edge of a pixel, in ångström.
    optics
        How the microscope sees.
    defocus
        Underfocus of this image, in ångström.
    tilt, thickness
        In degrees, and of the untilted ice, in ångström.
    before, dose
        Dose before the image, and of the image, in electrons per Å^2.
    rng
        Draws water and electrons; None records without noise.
    """
    rows, columns = projection.shape
    y = np.fft.fftfreq(rows, pixel)[:, None]
    x = np.fft.rfftfreq(columns, pixel)[None, :]
    frequency = np.hypot(y, x)
    phase = projection * np.float32(optics.contrast)
    if rng is not None and optics.ice_noise > 0:
        path = thickness / max(np.cos(np.deg2rad(tilt)), 0.05)
        grain = np.sqrt(optics.ice_noise * ICE_GRAIN * path / 1000.0) / pixel
        phase = phase + np.float32(2 * grain) * rng.standard_normal(phase.shape, np.float32)
    seen = optics.transfer(frequency, defocus) * np.exp(-((frequency * optics.envelope) ** 2))
    seen *= fading(frequency, before * optics.damage, dose * optics.damage)
    spectrum = scipy.fft.rfft2(phase) * seen.astype(np.float32)
    contrast = -scipy.fft.irfft2(spectrum, s=(rows, columns))
    if rng is not None:
        mean = electrons(dose, pixel=pixel, thickness=thickness, tilt=tilt)
        counts = rng.poisson(mean * np.clip(1.0 + contrast, 0.0, None))
        contrast = counts / mean - 1.0
    return contrast.astype(np.float32)


def weigh(
    image: Float32[np.ndarray, "y x"],
    *,
    pixel: float,
    tilt: float,
    before: float,
    dose: float,
    power: float,
) -> Float32[np.ndarray, "y x"]:
    """Weigh an image as it is usual before back-projection: what knows less counts less.

    By the cosine of its tilt (thicker ice) and, at each frequency, by what the dose has left
    (Grant & Grigorieff 2015, doi:10.7554/eLife.06980). Without it the highest tilts' noise is as
    strong as any, and draws crosses through slices across y.

    Parameters
    ----------
    image
        Contrast.
    pixel
        Edge of a pixel, in ångström.
    tilt
        In degrees.
    before, dose
        Dose before the image, and of the image, in electrons per Å^2.
    power
        Of the weights: 1 as published, 0 none.
    """
    rows, columns = image.shape
    y, x = np.fft.fftfreq(rows, pixel)[:, None], np.fft.rfftfreq(columns, pixel)[None, :]
    weights = (fading(np.hypot(y, x), before, dose) * np.cos(np.deg2rad(tilt))) ** power
    spectrum = scipy.fft.rfft2(image) * weights.astype(np.float32)
    weighed: Float32[np.ndarray, "y x"] = scipy.fft.irfft2(spectrum, s=(rows, columns))
    return weighed


def misalign(
    projection: Float32[np.ndarray, "y x"], *, shift: tuple[float, float], degrees: float
) -> Float32[np.ndarray, "y x"]:
    """Shift (y, x, in pixels) and turn a projection about its middle, as imperfect alignment does.

    It is done before the electrons are counted, or interpolation would smooth their noise.
    """
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = (np.array(projection.shape) - 1) / 2
    moved: Float32[np.ndarray, "y x"] = ndimage.affine_transform(
        projection,
        turn,
        offset=middle - turn @ (middle + np.array(shift)),
        order=3,
        mode="nearest",
        output=np.float32,
    )
    return moved
