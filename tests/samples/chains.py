"""Atoms in the composition of a protein, and where a density lies."""

import numpy as np
from scipy import ndimage

from tomoscout.core.atoms import Atoms
from tomoscout.simulation.density import Density

ALANINE = {"C": 3, "N": 1, "O": 1}  # of a chain: 71.08 Da with its five hydrogens


def chain(composition: dict[str, int], copies: int, seed: int = 0) -> Atoms:
    """Return atoms of a composition: two ellipsoids of unlike size, as dense as protein."""
    symbols = np.array([s for s, count in composition.items() for _ in range(count)] * copies)
    rng = np.random.default_rng(seed)
    zyx = rng.normal(size=(len(symbols), 3))
    zyx *= rng.random((len(zyx), 1)) ** (1 / 3) / np.linalg.norm(zyx, axis=1, keepdims=True)
    radius = (17.5 * len(zyx) * 0.75 / np.pi) ** (1 / 3)  # 17.5 Å^3 per heavy atom of protein
    zyx *= radius * np.array([1.4, 1.0, 0.7])
    few = len(zyx) // 5
    zyx[:few] = 0.6 * zyx[:few, ::-1] + radius * np.array([1.1, 1.0, 0.0])
    return Atoms(zyx + np.array([100, -50, 7]), symbols)


def centre(density: Density) -> np.ndarray:
    """Return the centre of mass in voxels from the middle voxel."""
    data = density.data.astype(float)
    return np.array(ndimage.center_of_mass(data)) - data.shape[0] // 2
