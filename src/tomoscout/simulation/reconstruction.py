"""From tilted images to tomograms: weighted back-projection, and what is made of it.

The challenge offers four tomograms of each run, and so does the simulator:

``wbp``
    Weighted back-projection of the images as they are.
``ctfdeconvolved``
    That, with the contrast transfer undone and low frequencies restored by a Wiener filter.
``denoised``
    That, smoothed by the linear filter that a noise-to-noise network comes down to: each
    frequency is kept by the share of it that is signal, known here, and never more. Networks
    also smooth empty ice more than particles, and `quieten` does.
``isonetcorrected``
    A stand-in for IsoNet, not IsoNet: the missing wedge of ``denoised`` is filled with part of the
    true density, seen through the same filters, as a well-trained network would at best guess it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
import scipy.fft
import torch
from jaxtyping import Float, Float32
from scipy import ndimage

from tomoscout.ops.fourier import Frequencies
from tomoscout.simulation.filters import multiply
from tomoscout.simulation.projection import back_project
from tomoscout.simulation.tilt_series import TiltSeries

Kind = Literal["denoised", "wbp", "ctfdeconvolved", "isonetcorrected"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_GRAIN = 25.0  # Å: how far around particles the denoiser holds back
_ROLL = 0.8  # share of the Nyquist frequency at which the ramp starts to bend down


def weighted_back_projection(
    images: Float32[np.ndarray, "tilt y x"],
    series: TiltSeries,
    *,
    depth: int,
    workers: int = 1,
    device: torch.device | None = None,
    progress: Callable[[float], None] | None = None,
) -> Float32[np.ndarray, "z y x"]:
    """Reconstruct a volume; where the tilts see it, it has the sample's own scale.

    Radermacher (1992), "Weighted back-projection methods", in Electron Tomography.

    Parameters
    ----------
    images
        Projections, in the sample's values times voxels.
    series
        Their tilts.
    depth
        Voxels of the volume along z.
    workers
        Threads of the Fourier transforms.
    device
        Where to compute.
    progress
        Called with the share that is done.
    """
    angle = np.deg2rad(series.step) if len(series.degrees) > 1 else 1.0
    weighted = weight(images, workers=workers) * np.float32(angle)
    return back_project(
        weighted, series.degrees.tolist(), depth=depth, device=device, progress=progress
    )


def weight(
    images: Float32[np.ndarray, "tilt y x"], *, workers: int = 1
) -> Float32[np.ndarray, "tilt y x"]:
    """Multiply images by the ramp across the tilt axis that evens out central frequencies.

    Back-projection looks images up linearly, which blurs them by two pixels' widths; the ramp
    makes up for that.
    """
    size = images.shape[-1]
    # Mirrored ends: an image that stops short of zero would ring at both sides.
    pad = size // 2
    padded = np.pad(images, ((0, 0), (0, 0), (pad, pad)), mode="symmetric")
    frequency = np.fft.rfftfreq(padded.shape[-1])
    bend = np.clip((frequency / 0.5 - _ROLL) / (1 - _ROLL), 0, 1)
    ramp = frequency * (0.5 + 0.5 * np.cos(np.pi * bend)) / np.sinc(frequency) ** 2
    spectrum = scipy.fft.rfft(padded, axis=-1, workers=workers) * ramp.astype(np.float32)
    weighted = scipy.fft.irfft(spectrum, n=padded.shape[-1], axis=-1, workers=workers)
    return np.ascontiguousarray(weighted[..., pad : pad + size], dtype=np.float32)


def filtered(
    spectrum: np.ndarray,
    at: Frequencies,
    table: Float[np.ndarray, " n"],
    *,
    shape: tuple[int, int, int],
    voxel_spacing: float,
    workers: int,
) -> Float32[np.ndarray, "z y x"]:
    """Return the volume of a half spectrum seen through a radial filter; the spectrum is kept."""
    through = spectrum.copy()
    multiply(through, at, table, voxel_spacing=voxel_spacing)
    through[0, 0, 0] = 0
    return scipy.fft.irfftn(through, s=shape, overwrite_x=True, workers=workers)


def fill_wedge(
    spectrum: np.ndarray,
    truth: np.ndarray,
    at: Frequencies,
    *,
    max_tilt: float,
    share: float,
) -> None:
    """Put a share of the truth's spectrum where no tilt has seen it, in place."""
    z, x = np.abs(at.z)[:, None], np.abs(at.x)[None, :]
    # One frequency step of overlap, or a seam would show as streaks.
    soft = 1.0 / max(len(at.z), 1)
    steep = np.clip((np.arctan2(z, np.maximum(x, 1e-9)) - np.deg2rad(max_tilt)) / soft, 0, 1)
    missing = np.where((z == 0) & (x == 0), 0.0, steep).astype(np.float32)
    for index in range(len(at.z)):
        gap = missing[index]
        spectrum[index] *= 1 - gap
        spectrum[index] += np.float32(share) * gap * truth[index]


def quieten(
    tomogram: Float32[np.ndarray, "z y x"],
    clean: Float32[np.ndarray, "z y x"],
    *,
    share: float,
    voxel_spacing: float,
) -> None:
    """Fade a tomogram where there is nothing, in place, as networks do and linear filters cannot.

    A Wiener filter with local instead of global statistics (Lee 1980,
    doi:10.1109/TPAMI.1980.4766994): each voxel is multiplied by the share of the power around it
    that is signal. What it knows of the signal is the truth's dark side, because a network has
    seen that nothing is brighter than ice: so halos fade as well.

    Parameters
    ----------
    tomogram
        Protein dark.
    clean
        What the same filters make of the truth.
    share
        0 changes nothing, 1 leaves what the filter leaves.
    voxel_spacing
        Edge of one voxel, in ångström.
    """
    sparse = (slice(None, None, 3),) * 3  # enough for a median
    noise = 1.4826 * float(np.median(np.abs(tomogram[sparse] - clean[sparse])))
    signal = np.minimum(clean, 0)
    signal *= signal
    signal = ndimage.gaussian_filter(signal, _GRAIN / voxel_spacing, truncate=2.5)
    signal /= signal + np.float32(max(noise**2, 1e-30))
    signal *= np.float32(share)
    signal += np.float32(1 - share)
    tomogram *= signal
