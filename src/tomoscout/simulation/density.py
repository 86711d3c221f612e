"""From Gaussian blobs to a density on voxels, in one scale for every molecule.

The scale is physical: 1 is the density of solid protein, so the sum over a map, times the
voxel's volume, is the molecule's mass, whatever the voxel spacing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Float32

PROTEIN_DENSITY = 0.00081  # kDa per Å^3, that is 1.35 g/cm^3: Fischer et al. 2004
_REACH = 3.2  # standard deviations after which a blob is not drawn


@dataclass(frozen=True)
class Blobs:
    """Equal Gaussians of different weight: a molecule before it meets a lattice.

    Attributes
    ----------
    zyx
        `(n, 3)` centres in ångström; the molecule's centre of mass is the origin.
    weights
        `(n,)` mass of each, in any unit.
    mass
        Of the whole molecule, in kilodalton.
    sigma
        Standard deviation of each Gaussian, in ångström.
    """

    zyx: Float[np.ndarray, "n 3"]
    weights: Float[np.ndarray, " n"]
    mass: float
    sigma: float = 5.0


@dataclass(frozen=True)
class Density:
    """A molecule on voxels, protein positive, its centre of mass on the middle voxel.

    Attributes
    ----------
    data
        `(n, n, n)`, n odd, in units of solid protein.
    voxel_spacing
        Edge of one voxel, in ångström.
    """

    data: Float32[np.ndarray, "n n n"]
    voxel_spacing: float

    @cached_property
    def reach(self) -> float:
        """Radius, in ångström, of the sphere that holds all but the faintest voxels."""
        solid = np.argwhere(self.data > 1e-3 * self.data.max()) - self.data.shape[0] // 2
        return float(np.sqrt((solid**2).sum(axis=1).max()) + 1) * self.voxel_spacing

    @property
    def mass(self) -> float:
        """Mass in kilodalton."""
        return float(self.data.sum(dtype=np.float64)) * self.voxel_spacing**3 * PROTEIN_DENSITY


def rasterise(blobs: Blobs, *, voxel_spacing: float) -> Density:
    """Draw blobs on the smallest odd cube that holds them.

    Parameters
    ----------
    blobs
        What to draw.
    voxel_spacing
        Edge of one voxel, in ångström. Voxels wider than the blobs widen them, as otherwise
        a molecule's look would depend on where it falls between voxels.
    """
    sigma = float(np.hypot(blobs.sigma, 0.3 * voxel_spacing)) / voxel_spacing
    at = blobs.zyx / voxel_spacing
    reach = int(np.ceil(_REACH * sigma))
    half = int(np.ceil(np.abs(at).max())) + reach + 1
    side = 2 * half + 1
    flat = np.zeros(side**3)
    window = np.arange(-reach, reach + 1)
    per_chunk = max(1, 4_000_000 // len(window) ** 3)  # keeps the scratch arrays in tens of MB
    for start in range(0, len(at), per_chunk):
        part = slice(start, start + per_chunk)
        flat += _splat(at[part], blobs.weights[part], window, sigma, half)
    data = flat.reshape(side, side, side)
    data *= blobs.mass / (data.sum() * voxel_spacing**3 * PROTEIN_DENSITY)
    return Density(data.astype(np.float32), voxel_spacing)


def _splat(
    at: Float[np.ndarray, "n 3"],
    weights: Float[np.ndarray, " n"],
    window: np.ndarray,
    sigma: float,
    half: int,
) -> Float[np.ndarray, " voxels"]:
    """Sum Gaussians on a flattened cube of ``2 * half + 1`` voxels; all in voxels."""
    side = 2 * half + 1
    nearest = np.rint(at).astype(np.int64)
    offset = window[None, None, :] - (at - nearest)[:, :, None]
    gauss = np.exp(-0.5 * (offset / sigma) ** 2)
    index = nearest[:, :, None] + window + half
    values = np.einsum("n,ni,nj,nk->nijk", weights, gauss[:, 0], gauss[:, 1], gauss[:, 2])
    where = (index[:, 0, :, None] * side + index[:, 1, None, :])[..., None] * side
    where = where + index[:, 2, None, None, :]
    return np.bincount(where.ravel(), values.ravel(), minlength=side**3)
