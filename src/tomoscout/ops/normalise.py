"""Grey values brought to one scale, the same way in training and in use.

The outermost tenth of a percent on each side is clipped (gold beads, hot pixels), then the
tomogram is shifted to mean 0 and scaled to standard deviation 1. It is measured once per
tomogram, never per tile: a network trained on one and used with the other loses points.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Float, Float32, Num
from pydantic import Field, field_validator

from tomoscout.core.errors import UserError
from tomoscout.core.settings import Settings
from tomoscout.core.volume import Volume

_SAMPLE = 4_000_000  # voxels that percentiles are taken from; their error is below 0.01 %
_SLAB = 32_000_000  # voxels read at once, at most, when the volume lies on disk
_CHUNK = 1 << 16  # voxels summed at once: fits the cache, and float32 sums stay exact enough


class NormaliseSettings(Settings):
    """How grey values are brought to one scale; stored with the weights."""

    method: Literal["zscore", "percentile"] = "zscore"
    """``zscore``: mean 0, standard deviation 1; ``percentile``: the clip range becomes -1 to 1.
    Scaling to 0 to 1 before a z-score, as some do, changes nothing."""
    clip: tuple[float, float] | None = (0.1, 99.9)
    """Percentiles beyond which values are clipped first; narrower ones flatten large, dense
    particles, which fill less than a percent of a tomogram. None clips nothing."""
    log: float = Field(default=0.0, ge=0, le=1)
    """Logarithms of the grey values, after the clip range has become 0 to 1 and this was added; 0
    takes none. It spreads the dark end, where protein is. A Kaggle entry added 1e-6, and then the
    few darkest voxels set the scale; 0.1 is tame."""
    invert: bool = False
    """Set when protein is bright in the data; the package works on dark protein."""

    @field_validator("clip")
    @classmethod
    def _in_order(cls, clip: tuple[float, float] | None) -> tuple[float, float] | None:
        if clip is not None and not 0 <= clip[0] < clip[1] <= 100:
            raise ValueError("two rising percentiles between 0 and 100 are needed")
        return clip


@dataclass(frozen=True)
class Normaliser:
    """The measured scale of one tomogram.

    Attributes
    ----------
    low, high
        Grey values beyond which voxels are clipped; may be infinite.
    mean, std
        Grey values, after clipping, that become 0 and the step from 0 to 1.
    sign
        1, or -1 to turn bright protein dark.
    log
        What is added to the clipped values, as shares of their range, before their logarithms are
        taken, which ``mean`` and ``std`` are then of; 0 takes none.
    """

    low: float
    high: float
    mean: float
    std: float
    sign: float = 1.0
    log: float = 0.0

    def apply(self, block: Num[np.ndarray, "*shape"]) -> Float32[np.ndarray, "*shape"]:
        """Return the normalised values of any part of the tomogram, as a new float32 array."""
        values = block.astype(np.float32, copy=False)
        out = np.asarray(np.clip(values, np.float32(self.low), np.float32(self.high)))
        self.bend(out)
        out -= np.float32(self.mean)
        # Logarithms are of what has been turned dark already.
        out *= np.float32((1.0 if self.log else self.sign) / self.std)
        return out

    def bend(self, clipped: Float[np.ndarray, "*shape"]) -> None:
        """Take the logarithms of clipped values in place, if they are wanted."""
        if not self.log:
            return
        clipped -= clipped.dtype.type(self.low if self.sign > 0 else self.high)
        clipped *= clipped.dtype.type(self.sign / (self.high - self.low))
        clipped += clipped.dtype.type(self.log)
        np.log(clipped, out=clipped)


def measure(volume: Volume, settings: NormaliseSettings | None = None) -> Normaliser:
    """Measure a tomogram's scale, reading it slab by slab.

    Percentiles come from a regular sample of the voxels, mean and standard deviation from all
    of them, so the result depends on nothing but the tomogram and the settings.

    Parameters
    ----------
    volume
        Tomogram in memory or on disk.
    settings
        What to measure; None takes the defaults.

    Raises
    ------
    UserError
        If a voxel is NaN or infinite, or if (nearly) all voxels have the same value.
    """
    settings = settings or NormaliseSettings()
    sample = _sample(volume)
    if not np.isfinite(sample).all():
        raise _not_numbers(volume)
    low, high = -np.inf, np.inf
    if settings.clip is not None:
        low, high = (float(v) for v in np.percentile(sample, settings.clip))
    elif settings.method == "percentile" or settings.log:
        low, high = _range(volume)
    if not high > low:
        raise _empty(volume, low)
    unscaled = Normaliser(low, high, 0.0, 1.0, -1.0 if settings.invert else 1.0, settings.log)
    mean, std = _moments(volume, sample, unscaled)
    if not std > 0:
        raise _empty(volume, mean)
    if settings.method == "percentile":
        ends = np.array([low, high])
        unscaled.bend(ends)
        mean, std = float(ends.mean()), float(np.ptp(ends)) / 2
    return replace(unscaled, mean=mean, std=std)


def slabs(volume: Volume) -> Iterator[slice]:
    """Cut a volume along z into slabs to read one after the other, aligned to its chunks."""
    depth, height, width = volume.shape
    chunk = int(getattr(volume.data, "chunks", (1,))[0])
    step = max(_SLAB // (height * width) // chunk, 1) * chunk
    for start in range(0, depth, step):
        yield slice(start, min(start + step, depth))


def _sample(volume: Volume) -> Float32[np.ndarray, " n"]:
    """Every k-th voxel in memory order."""
    step = -(-int(np.prod(volume.shape)) // _SAMPLE)
    while math.gcd(step, volume.shape[1] * volume.shape[2]) > 1:  # else it would skip columns
        step += 1
    parts, phase = [], 0
    for z in slabs(volume):
        flat = volume.read(z).reshape(-1)
        parts.append(flat[phase::step].copy())
        phase = (phase - flat.size) % step
    return np.concatenate(parts)


def _moments(
    volume: Volume, sample: Float32[np.ndarray, " n"], scale: Normaliser
) -> tuple[float, float]:
    """Mean and standard deviation of all voxels as they are clipped and bent."""
    # Sums run on values near 0 and 1, so that float32 is enough whatever the data's unit.
    clipped = np.clip(sample.astype(np.float64), scale.low, scale.high)
    scale.bend(clipped)
    centre, unit = float(clipped.mean()), float(clipped.std()) or 1.0
    total = square = 0.0
    buffer = np.empty(_CHUNK, np.float32)
    for plane in (plane.reshape(-1) for z in slabs(volume) for plane in volume.read(z)):
        # By plane, not by slab: how a file is cut into chunks must not change the last bit.
        for start in range(0, plane.size, _CHUNK):
            raw = plane[start : start + _CHUNK]
            if not _all_numbers(raw):
                raise _not_numbers(volume)
            part = buffer[: raw.size]
            np.clip(raw, np.float32(scale.low), np.float32(scale.high), out=part)
            scale.bend(part)
            part -= np.float32(centre)
            part *= np.float32(1 / unit)
            total += float(part.sum())
            square += float(np.dot(part, part))
    count = float(np.prod(volume.shape))
    mean, variance = total / count, square / count - (total / count) ** 2
    return centre + unit * mean, unit * float(np.sqrt(max(variance, 0.0)))


def _all_numbers(values: Float32[np.ndarray, " n"]) -> bool:
    """Tell whether no value is NaN or infinite; one product settles it unless it overflows."""
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(np.dot(values, values)) or np.isfinite(values).all())


def _range(volume: Volume) -> tuple[float, float]:
    """Smallest and largest value."""
    blocks = (volume.read(z) for z in slabs(volume))
    ends = [(float(block.min()), float(block.max())) for block in blocks]
    return min(low for low, _ in ends), max(high for _, high in ends)


def _empty(volume: Volume, value: float) -> UserError:
    """Tell what all voxels are."""
    return UserError(
        f"{volume.name}: (nearly) all voxels have the value {value:g}: "
        "there is nothing to see in it, check that it is the right file"
    )


def _not_numbers(volume: Volume) -> UserError:
    """Count the voxels that are not numbers, for the message."""
    bad = sum(int((~np.isfinite(volume.read(z))).sum()) for z in slabs(volume))
    return UserError(
        f"{volume.name}: {bad} voxels are not numbers (NaN or infinite): "
        "reconstruct the tomogram again, or replace them by its mean"
    )
