"""Label volumes: which voxel belongs to which object, and to which particle of it.

A voxel belongs to a particle where the particle's density, turned and placed as the renderer does
it, exceeds half of the molecule's typical density. A blurred solid falls to half at its surface,
so the labelled volume is the molecule's own. Hollow molecules are labelled with the space they
enclose: a shell's centre, where its pick lies, belongs to it, as segmentation nets and the SHREC
challenge expect.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float32, UInt8, UInt16
from scipy import ndimage

from tomoscout.core.errors import UserError
from tomoscout.core.geometry import Geometry, Shape
from tomoscout.core.objects import ObjectTable
from tomoscout.core.picks import Picks
from tomoscout.core.shrec import SHREC_BACKGROUND
from tomoscout.simulation.clutter import LEAFLETS, Bead, Clutter, Vesicle
from tomoscout.simulation.density import Density
from tomoscout.simulation.region import around
from tomoscout.simulation.render import turned
from tomoscout.simulation.scene import Arrangement

_PORES = 25.0  # Å: a shell's pores up to twice as wide do not make it open
_HOLLOW = 0.05  # of the molecule's volume: smaller enclosed voids are just voids
_HEADS = 10.0  # Å from the middle of a leaflet to where it ends


@dataclass(frozen=True)
class Labels:
    """Truth on voxels.

    Attributes
    ----------
    classes
        Label of the object in its table, 0 for background. Particles cut by the border, whose
        centre lies outside, have theirs too.
    occupancy
        Which pick of the arrangement, counted from 1; 0 for background and for particles whose
        centre lies outside.
    """

    classes: UInt8[np.ndarray, "z y x"]
    occupancy: UInt16[np.ndarray, "z y x"]


def label_volume(
    arrangement: Arrangement,
    *,
    shape: Shape,
    voxel_spacing: float,
    densities: Mapping[str, Density],
    objects: ObjectTable,
) -> Labels:
    """Return which voxel belongs to what; where particles overlap, the later pick has it.

    Parameters
    ----------
    arrangement
        What stands where.
    shape
        Voxels of the volume, (z, y, x).
    voxel_spacing
        Edge of one voxel, in ångström.
    densities
        One molecule per object that occurs, as the scene was rendered with.
    objects
        Gives the labels. Particles cut by the border that it lacks are left out.

    Raises
    ------
    UserError
        If there are more objects or picks than the volumes can count, or a pick's object is not
        in the table.
    """
    if len(objects) > 255 or len(arrangement.picks) > 65535:
        raise UserError(
            f"label volumes count 255 objects and 65535 particles, found {len(objects)} and "
            f"{len(arrangement.picks)}: take a smaller scene"
        )
    labels = Labels(np.zeros(shape, np.uint8), np.zeros(shape, np.uint16))
    bodies: dict[str, tuple[Density, float]] = {}

    def mark(picks: Picks, *, counted: bool) -> None:
        rotations = np.zeros((0, 3, 3)) if picks.rotations is None else picks.rotations
        for index, (zyx, name) in enumerate(zip(picks.zyx, map(str, picks.objects), strict=True)):
            if name not in bodies:
                bodies[name] = body(densities[name])
            solid, half = bodies[name]
            found = turned(solid, zyx, rotations[index], shape=shape, voxel_spacing=voxel_spacing)
            if found is None:
                continue
            region, values = found
            inside = values > half
            labels.classes[region][inside] = objects.label(name)
            labels.occupancy[region][inside] = index + 1 if counted else 0

    mark(arrangement.cut[np.isin(arrangement.cut.objects, objects.names)], counted=False)
    mark(arrangement.picks, counted=True)
    return labels


def mark_clutter(
    labels: Labels,
    clutter: Iterable[Clutter],
    *,
    particles: int,
    voxel_spacing: float,
    objects: ObjectTable,
) -> tuple[Labels, Picks]:
    """Mark membranes and gold as the SHREC challenge does: by the two labels after the table's.

    Choose it for data in SHREC's layout; other truth has nothing but particles. Where a particle
    reaches into a membrane, the voxel stays the particle's.

    Parameters
    ----------
    labels
        Truth of the particles, left as it is.
    clutter
        What stands there; vesicles and beads are marked, all else is passed over.
    particles
        How many particles are listed: what is marked is counted on from there.
    voxel_spacing
        Edge of one voxel, in ångström.
    objects
        Table of the particles.

    Returns
    -------
    tuple
        Labels with the marks, and the centres of what is marked, as ``vesicle`` and ``fiducial``
        in the order their occupancy counts them. What lies outside with its centre is not listed,
        and its occupancy is 0.

    Raises
    ------
    UserError
        If no label is left for them.
    """
    if len(objects) + len(SHREC_BACKGROUND) > 255:
        raise UserError(
            f"label volumes count 255 objects, vesicles and fiducials among them, found "
            f"{len(objects)} and both: take a smaller table"
        )
    z, y, x = labels.classes.shape
    geometry = Geometry((z, y, x), voxel_spacing)
    classes, occupancy = labels.classes.copy(), labels.occupancy.copy()
    names: list[str] = []
    centres: list[tuple[float, float, float]] = []
    # Beads first: gold in a membrane outshines it.
    things = list(clutter)
    beads = [thing for thing in things if isinstance(thing, Bead)]
    vesicles = [thing for thing in things if isinstance(thing, Vesicle)]
    for kind, thing in [("fiducial", b) for b in beads] + [("vesicle", v) for v in vesicles]:
        number = 0
        if geometry.contains(np.array([thing.zyx]))[0]:
            names.append(kind)
            centres.append(thing.zyx)
            number = particles + len(names)
        reach = thing.reach if isinstance(thing, Vesicle) else thing.radius
        region, points = around(thing.zyx, reach, (z, y, x), voxel_spacing)
        free = classes[region] == 0
        if free.size:
            free &= _made_of(thing, points)
            classes[region][free] = len(objects) + 1 + SHREC_BACKGROUND.index(kind)
            occupancy[region][free] = number
    listed = Picks(np.array(centres).reshape(-1, 3), np.array(names, str))
    return replace(labels, classes=classes, occupancy=occupancy), listed


def _made_of(
    thing: Vesicle | Bead, points: Float32[np.ndarray, "3 z y x"]
) -> Bool[np.ndarray, "z y x"]:
    """Tell which points lie in a vesicle's membrane, or in a bead."""
    if isinstance(thing, Vesicle):
        return np.asarray(np.abs(thing.distance(points)) <= LEAFLETS / 2 + _HEADS)
    off = points - np.array(thing.zyx, np.float32)[:, None, None, None]
    return np.asarray((off**2).sum(axis=0) <= thing.radius**2)


def body(density: Density) -> tuple[Density, float]:
    """Return a molecule whose cavity is filled, and half of its typical density.

    Typical is the density that the average unit of mass finds around itself.
    """
    data = density.data
    typical = float((data.astype(np.float64) ** 2).sum() / data.sum(dtype=np.float64))
    solid = data > typical / 2
    inside = _cavity(solid, _PORES / density.voxel_spacing)
    if inside.sum() < _HOLLOW * solid.sum():
        return density, typical / 2
    filled = np.where(inside, np.maximum(data, np.float32(typical)), data)
    return replace(density, data=filled), typical / 2


def _cavity(solid: Bool[np.ndarray, "z y x"], pores: float) -> Bool[np.ndarray, "z y x"]:
    """Return the space that a shell encloses when pores up to twice as wide, in voxels, are shut.

    The shell is grown until its pores close, and what is then enclosed is grown back to it.
    """
    pad = int(np.ceil(pores)) + 1
    grown = ndimage.distance_transform_edt(~np.pad(solid, pad)) <= pores
    core = ndimage.binary_fill_holes(grown) & ~grown
    if not core.any():
        return np.zeros_like(solid)
    back = ndimage.distance_transform_edt(~core) <= pores
    return np.asarray(back[pad:-pad, pad:-pad, pad:-pad])
