"""Molecules from maps and from atoms, on the one scale the simulator uses.

A density of 1 is the contrast of solid protein against ice, so a molecule's sum is its mass.
That *one scale by mass* works because the contrast per dalton hardly depends on what a
molecule is made of: nucleic acid, full of phosphorus, has about 1.5 times the contrast of protein
per volume but is 1.4 times as dense, which leaves 1.06 times per dalton (elements.py has the
numbers). Inside a molecule of both, each atom has its own contrast; the molecule as a whole
is scaled to its mass, which is at most 6 % too little for one of pure RNA or DNA.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float, Float32
from scipy import ndimage

from tomoscout.core.atoms import Atoms
from tomoscout.core.errors import UserError, did_you_mean
from tomoscout.core.volume import Volume
from tomoscout.simulation.density import PROTEIN_DENSITY, Blobs, Density, rasterise
from tomoscout.simulation.elements import ELEMENTS, HYDROGEN_MASS
from tomoscout.simulation.maps import Cutout, cut_out

Molecule = Blobs | Density

_SIGMA = 1 / (np.pi * np.sqrt(2))  # of the resolution: the spectrum falls to 1/e there
_NARROW = 0.45  # voxels; a Gaussian of that width is sampled to a few per cent
_PER_NUCLEOTIDE = 21.3  # heavy atoms; each phosphorus stands for one nucleotide
_HYDROGENS = (1.0, 0.5)  # per heavy atom, in protein and in nucleic acid
# Mean density inside the contour at half level, where the edge is soft and water fills the pores:
# 0.66 to 0.77 in 17 of 19 maps at 10 Å of molecules between 30 kDa and 3.5 MDa.
_FILLING = 0.7
_PLAUSIBLE = (0.1, 5.0)  # of what the size suggests; beyond, the mass or the voxel size is wrong


def from_atoms(atoms: Atoms, *, resolution: float) -> Blobs:
    """Turn atoms into Gaussians as wide as the resolution, each with its contrast against ice.

    Parameters
    ----------
    atoms
        The whole molecule.
    resolution
        In ångström. The Gaussians' spectrum falls to 1/e at this wavelength, as Chimera's
        ``molmap`` has it.

    Raises
    ------
    UserError
        If there are no atoms, an element is unknown, or the resolution is not above 0.
    """
    if not 0 < resolution < np.inf:
        raise UserError(f"the resolution must be above 0 Å, found {resolution:g}")
    mass = mass_of(atoms)
    contrast = {symbol: ELEMENTS[symbol].contrast for symbol in np.unique(atoms.symbols)}
    weights = atoms.occupancy * np.array([contrast[symbol] for symbol in atoms.symbols])
    there = weights > 0
    if not there.any():
        raise UserError(f"{atoms.name}: no atoms in it that scatter electrons")
    zyx, weights = atoms.zyx[there], weights[there]
    zyx = zyx - np.average(zyx, axis=0, weights=weights)
    return Blobs(zyx, weights, mass, float(resolution * _SIGMA))


def mass_of(atoms: Atoms) -> float:
    """Return a molecule's mass in kilodalton, with the hydrogens that its file leaves out.

    Without any hydrogen among the atoms, one per heavy atom is added for protein and half of one
    for nucleic acid, whose share is told by the phosphorus. That is right to about 1 % for both.

    Raises
    ------
    UserError
        If an element is unknown.
    """
    symbols, occupancy = atoms.symbols, atoms.occupancy
    kinds = [str(symbol) for symbol in np.unique(symbols)]
    for symbol in kinds:
        if symbol not in ELEMENTS:
            hint = did_you_mean(symbol, ELEMENTS)
            raise UserError(f"{atoms.name}: unknown element '{symbol}' among the atoms.{hint}")
    there = {symbol: float(occupancy[symbols == symbol].sum()) for symbol in kinds}
    mass = sum(count * ELEMENTS[symbol].mass for symbol, count in there.items())
    if not {"H", "D"} & set(there):
        heavy = sum(there.values())
        nucleic = min(there.get("P", 0.0) * _PER_NUCLEOTIDE, heavy)
        in_protein, in_nucleic = _HYDROGENS
        hydrogens = (heavy - nucleic) * in_protein + nucleic * in_nucleic
        mass += hydrogens * HYDROGEN_MASS
    return mass / 1000


def from_map(volume: Volume, *, mass: float | None = None) -> Density:
    """Cut a molecule out of a map, centre it on its centre of mass and scale it to its mass.

    Parameters
    ----------
    volume
        Map of one molecule, protein positive, in any units and any box. Background, noise and
        negative values become 0; maps.py says how. One that was not sharpened is best.
    mass
        In kilodalton. None takes what `estimate_mass` guesses.

    Raises
    ------
    UserError
        If no molecule stands out, it is dark, or its size does not go with the mass.
    """
    if mass is not None and not 0 < mass < np.inf:
        raise UserError(f"{volume.name}: the mass must be above 0 kDa, found {mass:g}")
    found = cut_out(volume)
    likely = _likely(found)
    if mass is not None and not _PLAUSIBLE[0] < mass / likely < _PLAUSIBLE[1]:
        room = float(f"{likely:.2g}")
        raise UserError(
            f"{volume.name}: of {mass:g} kDa, but as large as {room:g} kDa of protein if a voxel "
            f"is {volume.voxel_spacing:g} Å: check the mass (in kilodalton) and the voxel size"
        )
    centred = _centred(found.data)
    return _scaled(centred, voxel_spacing=volume.voxel_spacing, mass=mass or likely)


def estimate_mass(volume: Volume) -> float:
    """Guess a molecule's mass, in kilodalton, from the size of its map.

    The volume inside the contour at half the molecule's own level, filled with protein to 70 %.
    Most maps of proteins are within 15 %; nucleic acid inside a capsid, which is brighter than
    the rest, misleads it by 20 %, and a resolution worse than the molecule's features by more.

    Raises
    ------
    UserError
        If no molecule stands out, or it is dark.
    """
    return _likely(cut_out(volume))


def realise(molecule: Molecule, *, voxel_spacing: float) -> Density:
    """Put a molecule on voxels of any size; mass and centre stay, nothing aliases.

    Parameters
    ----------
    molecule
        Blobs or a density.
    voxel_spacing
        Edge of the new voxels, in ångström.

    Raises
    ------
    UserError
        If the voxel spacing is not above 0.
    """
    if not 0 < voxel_spacing < np.inf:
        raise UserError(f"the voxel spacing must be above 0 Å, found {voxel_spacing:g}")
    if isinstance(molecule, Blobs):
        # Blobs much narrower than the voxels are drawn on finer ones first, or they would weigh
        # more or less by where they fall between voxels.
        finer = int(np.ceil(_NARROW * voxel_spacing / molecule.sigma))
        molecule = rasterise(molecule, voxel_spacing=voxel_spacing / finer)
    ratio = voxel_spacing / molecule.voxel_spacing
    if abs(ratio - 1) < 1e-6:
        return replace(molecule, voxel_spacing=voxel_spacing)
    data = molecule.data
    reach = (data.shape[0] // 2 + 1) / ratio
    if ratio > 1:
        # A blur of half the lost band: what is narrower than the new voxel must not alias.
        blur = 0.5 * float(np.sqrt(ratio**2 - 1))
        margin = int(np.ceil(4 * blur))
        data = ndimage.gaussian_filter(np.pad(data, margin), blur)
        reach += 3 * blur / ratio
    half = int(np.ceil(reach)) + 1
    moved = _moved(data, (data.shape[0] // 2,) * 3, step=ratio, half=half)
    return _scaled(_trimmed(moved), voxel_spacing=voxel_spacing, mass=molecule.mass)


def _likely(found: Cutout) -> float:
    """Return the mass, in kilodalton, that goes with the volume inside the contour."""
    return found.solid * _FILLING * PROTEIN_DENSITY


def _centred(data: Float32[np.ndarray, "z y x"]) -> Float32[np.ndarray, "n n n"]:
    """Move a map's centre of mass to the middle of the smallest odd cube that holds it."""
    centre = ndimage.center_of_mass(data.astype(np.float64))
    far = np.maximum(centre, np.array(data.shape) - 1 - centre).max()
    return _trimmed(_moved(data, centre, step=1.0, half=int(np.ceil(far)) + 1))


def _moved(
    data: Float32[np.ndarray, "z y x"],
    centre: tuple[float, ...],
    *,
    step: float,
    half: int,
) -> Float32[np.ndarray, "n n n"]:
    """Sample a map around a centre every ``step`` voxels, by cubic splines, never below 0."""
    side = 2 * half + 1
    # Splines need to know that all is 0 outside.
    padded = np.pad(data, 2)
    offset = np.array(centre) + 2 - half * step
    moved = ndimage.affine_transform(
        padded, np.full(3, step), offset=offset, output_shape=(side,) * 3, order=3, mode="constant"
    )
    return np.maximum(moved, 0)


def _trimmed(data: Float32[np.ndarray, "n n n"]) -> Float32[np.ndarray, "m m m"]:
    """Take away the empty rim of a cube, keeping its middle, and one layer of zeros."""
    middle = data.shape[0] // 2
    solid = np.argwhere(data > 1e-4 * data.max())
    keep = min(int(np.abs(solid - middle).max()) + 1, middle)
    inner = slice(middle - keep, middle + keep + 1)
    return np.ascontiguousarray(data[inner, inner, inner])


def _scaled(data: Float[np.ndarray, "n n n"], *, voxel_spacing: float, mass: float) -> Density:
    """Scale a map so that its sum is the mass."""
    total = float(data.sum(dtype=np.float64)) * voxel_spacing**3 * PROTEIN_DENSITY
    return Density((data * (mass / total)).astype(np.float32), voxel_spacing)
