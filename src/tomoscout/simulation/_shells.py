"""Hollow shells built from published geometry: apo-ferritin and the PP7 virus-like particle."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from tomoscout.simulation._filling import rotations
from tomoscout.simulation._shape import Cargo, Shape


def ferritin() -> Shape:
    """Apo-ferritin: 24 four-helix bundles on a hollow shell, 12 nm outside and 8 nm inside.

    Crichton & Declercq (2010), doi:10.1016/j.bbagen.2010.03.019: 24 chains of 20 kDa, each
    bundle 5 nm long and 2.5 nm wide, in antiparallel pairs across the twofold axes.
    """
    outward = np.array([0.0, 1.0, 1.0]) / np.sqrt(2)
    along, across = np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, -1.0]) / np.sqrt(2)
    turn = np.deg2rad(50)  # of this and the next two lines: what closes the shell best
    axis = np.cos(turn) * along + np.sin(turn) * across
    side = -np.sin(turn) * along + np.cos(turn) * across
    beads = [51 * outward + 12 * side + step * axis for step in (-20, -8, 4, 16, 28)]
    middle = 52.0  # Å; 6PXM at 10 Å is densest near 50 and has an Rg of 54
    balls = [(*bead * middle / np.linalg.norm(bead), 12.5) for bead in beads]  # bundles 2.5 nm wide
    return Shape(
        name="apo-ferritin",
        aliases=("ferritin", "apoferritin", "4v1w", "6pxm", "6z6u"),
        mass=480.0,  # kDa, 24 chains of 20 kDa
        symmetry="O",
        size=(121.0, 121.0, 121.0),
        source="PDB 4V1W and 6PXM; Crichton & Declercq 2010",
        balls=np.array(balls),
        porosity=0.05,
        cargo=Cargo(34.0, 20.0, "a guess: the challenge's ferritin is grey inside, not empty"),
    )


def virus_like_particle() -> Shape:
    """PP7 capsid: 90 coat-protein dimers on an icosahedral shell (T=3) about 27 nm wide.

    Zhao et al. (2019, entry 6N4V), PMC6991139: 180 chains of 14 kDa. Made in bacteria, it packs
    RNA of theirs, and does not assemble without: Caldeira & Peabody (2007),
    doi:10.1186/1477-3155-5-10.
    """
    fivefold = _axes("I", order=5)
    first = fivefold[0]
    near = [axis for axis in fivefold if 0.4 < axis @ first < 0.5]
    second = near[0]
    third = next(axis for axis in near if 0.4 < axis @ second < 0.5)
    # Dimers sit on the edges of a truncated icosahedron: between two pentagon corners (60 of
    # them), and between two hexagons, on the twofold axes (30).
    corners = [(2 * first + other) / 3 for other in (second, third)]
    pentagon = _dimer((corners[0] + corners[1]) / 2, corners[0] - corners[1])
    hexagon = _dimer((first + second) / 2, third - first)
    return Shape(
        name="virus-like-particle",
        aliases=("vlp", "pp7", "pp7-vlp", "6n4v", "8tux"),
        mass=2500.0,  # kDa, 180 chains of 13.9 kDa
        symmetry="I",
        size=(290.0, 290.0, 290.0),
        source="PDB 6N4V and 8TUX (shell); Zhao et al. 2019",
        balls=np.concatenate([pentagon, hexagon]),
        porosity=0.05,
        cargo=Cargo(
            105.0,  # Å, where 8TUX at 10 Å is emptiest between RNA and shell
            1150.0,  # kDa, as much as the phage's own genome: 3588 nucleotides of 0.32 kDa
            "RefSeq NC_001628 (the genome); Caldeira & Peabody 2007 (RNA of the host)",
        ),
    )


def _dimer(
    outward: Float[np.ndarray, " 3"], along: Float[np.ndarray, " 3"]
) -> Float[np.ndarray, "6 4"]:
    """Return six balls side by side on the capsid, given zyx directions."""
    outward = outward / np.linalg.norm(outward)
    along = along / np.linalg.norm(along)
    across = np.cross(outward, along)
    middle = 131.0  # Å; the shell of 8TUX at 10 Å is densest at 130
    places = [middle * outward + a * along + b * across for a in (-12, 12) for b in (-18, 0, 18)]
    return np.array([(*place, 14.0) for place in places])  # the shell is 2 to 3 nm thick


def _axes(group: str, *, order: int) -> Float[np.ndarray, "n 3"]:
    """Return a group's axes of rotation by ``360 / order`` degrees, as zyx unit vectors."""
    turns = Rotation.from_matrix(rotations(group)).as_rotvec()
    found = turns[np.isclose(np.linalg.norm(turns, axis=1), 2 * np.pi / order)]
    axes: Float[np.ndarray, "n 3"] = found / np.linalg.norm(found, axis=1, keepdims=True)
    return axes
