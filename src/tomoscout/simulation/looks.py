"""What molecules look like in one tomogram: models, maps or atoms on voxels, with variation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from scipy import ndimage

from tomoscout.core.objects import ObjectTable, ObjectType
from tomoscout.simulation.density import Density
from tomoscout.simulation.molecules import Molecule, realise
from tomoscout.simulation.shapes import blobs
from tomoscout.simulation.surroundings import DEBRIS


def draw_looks(
    objects: ObjectTable,
    looks: Mapping[str, Molecule],
    voxel_spacing: float,
    wobble: float,
    cargo: tuple[float, float],
    rng: np.random.Generator,
) -> dict[str, Density]:
    """Draw this tomogram's variant of every molecule, at half the volume's voxel spacing.

    Parameters
    ----------
    objects
        What is placed; all kinds of debris come on top.
    looks
        Molecules that were given, by name; the package's models stand in for all others.
    voxel_spacing
        Of the tomogram, in ångström.
    wobble
        How far domains of the package's models stray, in ångström; given molecules are blurred by
        up to as much.
    cargo
        How full hollow models are, lowest and highest, as a share of the most they hold.
    rng
        Draws the variant.
    """
    variant = int(rng.integers(2**31))
    fine = voxel_spacing / 2
    densities = {}
    for kind in (*objects.objects, *DEBRIS):
        if kind.name in looks:
            found = realise(looks[kind.name], voxel_spacing=fine)
            densities[kind.name] = _blurred(found, float(rng.uniform(0, wobble)))
        else:
            shape = blobs(kind, variant=variant, wobble=wobble, cargo=cargo)
            densities[kind.name] = realise(shape, voxel_spacing=fine)
    return densities


def _blurred(density: Density, sigma: float) -> Density:
    """Blur a density by a standard deviation in ångström; its margin takes nearly all of it."""
    if sigma < 0.1 * density.voxel_spacing:
        return density
    width = sigma / density.voxel_spacing
    padded = np.pad(density.data, int(np.ceil(3 * width)))
    return replace(density, data=ndimage.gaussian_filter(padded, width))


def contact_of(density: Density) -> float:
    """Return the radius, in ångström, of the solid sphere that is as spread out as a molecule."""
    at = np.indices(density.data.shape) - density.data.shape[0] // 2
    spread = float((density.data * (at**2).sum(axis=0)).sum() / density.data.sum())
    return float(np.sqrt(5 / 3 * spread)) * density.voxel_spacing


def object_of(name: str, molecule: Molecule) -> ObjectType:
    """Return a row of the object table for a molecule that no table knows."""
    density = realise(molecule, voxel_spacing=10.0)
    return ObjectType(name=name, radius=round(contact_of(density)))
