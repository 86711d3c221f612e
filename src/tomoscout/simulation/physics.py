"""The full microscope: a tilt series taken image by image, and reconstructed.

Each image is a projection of the tilted sample, out of focus, through ice that thickens with the
tilt, of a sample the beam has been eating at, counted electron by electron and a little misaligned;
weighted back-projection puts the series together again. It takes under 20 seconds for a
tomogram of the challenge's size on two cores, four times as long as the quick microscope
(benchmarks/simulate.py); choose it where the
look of noise, wedge and halos matters, or where the raw kinds of tomogram are wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import scipy.fft
import torch
from jaxtyping import Float, Float32

from tomoscout.ops.fourier import Frequencies, frequencies
from tomoscout.simulation.conditions import Conditions, PhysicsSettings, draw
from tomoscout.simulation.exposure import expose, misalign, weigh
from tomoscout.simulation.filters import (
    deconvolution,
    multiply,
    nearest,
    radial_frequencies,
    standardise,
)
from tomoscout.simulation.projection import project
from tomoscout.simulation.reconstruction import (
    KINDS,
    fill_wedge,
    filtered,
    quieten,
    weighted_back_projection,
)

__all__ = ["Conditions", "PhysicsSettings", "draw", "image", "record"]


def image(
    density: Float32[np.ndarray, "z y x"],
    *,
    voxel_spacing: float,
    conditions: Conditions,
    thickness: float,
    rng: np.random.Generator | None,
    kinds: Sequence[str] = KINDS,
    workers: int = 1,
    device: torch.device | None = None,
    progress: Callable[[float], None] | None = None,
) -> dict[str, Float32[np.ndarray, "z y x"]]:
    """Return tomograms of a density, by kind; protein is dark.

    Parameters
    ----------
    density
        Scene in units of solid protein, protein positive.
    voxel_spacing
        Edge of one voxel, in ångström.
    conditions
        Of the microscope and of the processing.
    thickness
        Of the ice, in ångström.
    rng
        Draws electrons, water and misalignment; None images without any of them.
    kinds
        Kinds of tomogram to return, see `reconstruction`.
    workers
        Threads of the Fourier transforms; the result does not depend on it.
    device
        Where projections are computed; the processor by default.
    progress
        Called with the share that is done.
    """
    if conditions.tilt_axis == "x":
        density = np.ascontiguousarray(density.transpose(0, 2, 1))
    report = progress or (lambda done: None)
    images = record(
        density,
        voxel_spacing=voxel_spacing,
        conditions=conditions,
        thickness=thickness,
        rng=rng,
        device=device,
        progress=lambda done: report(0.4 * done),
    )
    if conditions.image_weighting > 0:
        series = conditions.series
        for i, (tilt, before) in enumerate(zip(series.degrees, series.before, strict=True)):
            images[i] = weigh(
                images[i],
                pixel=voxel_spacing,
                tilt=float(tilt),
                before=float(before),
                dose=series.dose,
                power=conditions.image_weighting,
            )
    raw = weighted_back_projection(
        images,
        conditions.series,
        depth=density.shape[0],
        workers=workers,
        device=device,
        progress=lambda done: report(0.4 + 0.3 * done),
    )
    tomograms = _process(raw, density, voxel_spacing, conditions, kinds, workers)
    report(1.0)
    if conditions.tilt_axis == "x":
        turned = {kind: t.transpose(0, 2, 1) for kind, t in tomograms.items()}
        tomograms = {kind: np.ascontiguousarray(t) for kind, t in turned.items()}
    return {
        kind: standardise(tomograms[kind], mean=conditions.offset, deviation=conditions.contrast)
        for kind in kinds
    }


def record(
    density: Float32[np.ndarray, "z y x"],
    *,
    voxel_spacing: float,
    conditions: Conditions,
    thickness: float,
    rng: np.random.Generator | None,
    device: torch.device | None = None,
    progress: Callable[[float], None] | None = None,
) -> Float32[np.ndarray, "tilt y x"]:
    """Take the tilt series: contrast in units of solid protein times voxels, protein negative.

    Parameters are those of `image`.
    """
    series, optics = conditions.series, conditions.optics
    count = len(series.degrees)
    tilts, defocus = series.degrees, np.full(count, conditions.defocus)
    shifts, turns = np.zeros((count, 2)), np.zeros(count)
    if rng is not None:
        tilts = tilts + conditions.tilt_error * rng.normal(size=count)
        defocus = defocus + conditions.defocus_scatter * rng.normal(size=count)
        shifts = conditions.jitter / voxel_spacing * rng.normal(size=(count, 2))
        turns = conditions.jitter_degrees * rng.normal(size=count)
    images = project(density, tilts.tolist(), device=device, progress=progress)
    for i in range(count):
        y, x = shifts[i].tolist()
        if rng is not None:
            images[i] = misalign(images[i], shift=(y, x), degrees=float(turns[i]))
        images[i] = expose(
            images[i] * np.float32(voxel_spacing),
            pixel=voxel_spacing,
            optics=optics,
            defocus=max(float(defocus[i]), 1000.0),
            tilt=float(tilts[i]),
            thickness=thickness,
            before=float(series.before[i]),
            dose=series.dose,
            rng=rng,
        )
    images *= np.float32(1.0 / (optics.contrast * voxel_spacing))
    return images


def _process(
    raw: Float32[np.ndarray, "z y x"],
    density: Float32[np.ndarray, "z y x"],
    voxel_spacing: float,
    conditions: Conditions,
    kinds: Sequence[str],
    workers: int,
) -> dict[str, Float32[np.ndarray, "z y x"]]:
    """Make the kinds of tomogram from the weighted back-projection."""
    tomograms = {"wbp": raw} if "wbp" in kinds else {}
    if set(kinds) <= {"wbp"}:
        return tomograms
    shape = (raw.shape[0], raw.shape[1], raw.shape[2])
    at = frequencies(shape, voxel_spacing=voxel_spacing)
    radial = radial_frequencies(voxel_spacing)
    restore = deconvolution(
        radial,
        conditions.optics.transfer(radial, conditions.defocus),
        restoration=conditions.restoration,
        falloff=conditions.falloff,
        highpass=conditions.highpass,
    )
    spectrum = scipy.fft.rfftn(raw, workers=workers)
    if "ctfdeconvolved" in kinds:
        tomograms["ctfdeconvolved"] = filtered(
            spectrum, at, restore, shape=shape, voxel_spacing=voxel_spacing, workers=workers
        )
    if not {"denoised", "isonetcorrected"} & set(kinds):
        return tomograms
    truth = scipy.fft.rfftn(density, workers=workers)
    kept, seen = _known(spectrum, truth, at, radial, conditions)
    smooth = restore * kept**conditions.denoising
    multiply(truth, at, seen, voxel_spacing=voxel_spacing)
    for kind in ("denoised", "isonetcorrected"):
        if kind not in kinds:
            continue
        if kind == "isonetcorrected":
            fill_wedge(
                spectrum, truth, at, max_tilt=conditions.max_tilt, share=conditions.wedge_filling
            )
        tomograms[kind] = filtered(
            spectrum, at, smooth, shape=shape, voxel_spacing=voxel_spacing, workers=workers
        )
    if conditions.quieting > 0:
        clean = filtered(
            truth, at, smooth, shape=shape, voxel_spacing=voxel_spacing, workers=workers
        )
        for kind in {"denoised", "isonetcorrected"} & set(kinds):
            quieten(tomograms[kind], clean, share=conditions.quieting, voxel_spacing=voxel_spacing)
    return tomograms


def _known(
    spectrum: np.ndarray,
    truth: np.ndarray,
    at: Frequencies,
    radial: Float[np.ndarray, " n"],
    conditions: Conditions,
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Compare a tomogram with the truth where the tilts see it, by frequency.

    Returns the share of power that is signal (the squared coherence, which is the best linear
    denoiser), and the transfer from truth to tomogram.
    """
    bins = 128  # shells, each of about half the frequency step of a volume 100 voxels deep
    edges = np.linspace(0, len(radial) - 1, bins + 1)
    shell = np.digitize(np.arange(len(radial)), edges[1:-1])
    cross, power, true_power = (np.zeros(bins) for _ in range(3))
    slope = np.tan(np.deg2rad(conditions.max_tilt))
    for index, entry in nearest(at, radial):
        lit = np.broadcast_to(np.abs(at.z[index]) <= slope * at.x, entry.shape)
        where = shell[np.minimum(entry[lit], len(radial) - 1)]
        a, b = spectrum[index][lit], truth[index][lit]
        cross += np.bincount(where, (a * b.conj()).real, minlength=bins)
        power += np.bincount(where, np.abs(a) ** 2, minlength=bins)
        true_power += np.bincount(where, np.abs(b) ** 2, minlength=bins)
    share = cross**2 / np.maximum(power * true_power, 1e-30)
    seen = cross / np.maximum(true_power, 1e-30)
    middle = (edges[1:] + edges[:-1]) / 2
    wanted = np.arange(len(radial))
    return np.interp(wanted, middle, np.clip(share, 0, 1)), np.interp(wanted, middle, seen)
