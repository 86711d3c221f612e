"""Procedural molecules: what each object looks like, from published dimensions.

A molecule is a few ellipsoidal domains, filled with small Gaussian blobs and copied by the
molecule's symmetry. That is coarse, but at 10 to 20 Å a tomogram shows little more, and
drawing another ``variant`` for each tomogram keeps a detector from learning our blobs by heart.
Objects outside the catalogue become a cluster of domains as large as the object table says.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from tomoscout.core.objects import ObjectType
from tomoscout.simulation.density import PROTEIN_DENSITY, Blobs

_LATTICE = 8.0  # Å between blobs: near their own width, so that domains are solid but rough


@dataclass(frozen=True)
class Domain:
    """An ellipsoid of protein (or, denser, nucleic acid) at ``zyx``, all lengths in ångström."""

    zyx: tuple[float, float, float]
    semi_axes: tuple[float, float, float]
    weight: float = 1.0


@dataclass(frozen=True)
class Molecule:
    """Domains of one asymmetric unit, the symmetry that completes them, and the mass.

    Attributes
    ----------
    domains
        The asymmetric unit.
    symmetry
        Point group as scipy's ``Rotation.create_group`` names it, its axis of highest order
        along the *last* axis, x.
    mass
        Of the whole molecule, in kilodalton.
    porosity
        Share of the volume left to water, 0 to 1, in patches a few nanometres across.
    cargo
        What lies inside without obeying the symmetry; its mass comes on top.
    """

    domains: tuple[Domain, ...]
    symmetry: str
    mass: float
    porosity: float = 0.1
    cargo: tuple[Domain, ...] = ()


def blobs(kind: ObjectType, *, variant: int = 0, wobble: float = 0.0, sigma: float = 5.0) -> Blobs:
    """Return the blobs of an object, the same for the same arguments.

    Parameters
    ----------
    kind
        Row of the object table; only names outside the catalogue use its radius.
    variant
        Which of the endless look-alikes: another filling, and another wobble.
    wobble
        How far domains are moved and resized from the published shape, in ångström; symmetry
        is kept.
    sigma
        Standard deviation of each blob, in ångström.
    """
    rng = np.random.default_rng([zlib.crc32(kind.name.encode()), variant])
    make = CATALOGUE.get(kind.name)
    molecule = make() if make else cluster(kind.radius, rng)
    if wobble > 0 and kind.name in STRAY_CARGO:
        radius, most = STRAY_CARGO[kind.name]
        content = _ball(np.zeros(3), radius, float(rng.uniform(0.01, most)))
        molecule = replace(molecule, cargo=(content,))
    return fill(_wobbled(molecule, wobble, rng), rng, sigma=sigma)


def fill(molecule: Molecule, rng: np.random.Generator, *, sigma: float = 5.0) -> Blobs:
    """Fill a molecule's domains with blobs and complete them by symmetry."""
    zyx, weights = _fill(molecule.domains, molecule.porosity, rng)
    group = _group(molecule.symmetry)
    copies = np.concatenate([turn.apply(zyx[:, ::-1])[:, ::-1] for turn in group])
    weights = np.tile(weights, len(group))
    weights *= molecule.mass / weights.sum()
    if molecule.cargo:
        inside, share = _fill(molecule.cargo, 0.4, rng)
        copies = np.concatenate([copies, inside])
        weights = np.concatenate([weights, share * _LATTICE**3 * PROTEIN_DENSITY])
    copies -= np.average(copies, axis=0, weights=weights)
    return Blobs(copies, weights, float(weights.sum()), sigma)


def ferritin() -> Molecule:
    """Apo-ferritin: 24 four-helix bundles on a hollow shell, 12 nm outside and 8 nm inside.

    Crichton & Declercq (2010), doi:10.1016/j.bbagen.2010.03.019: 24 chains of 20 kDa, each
    bundle 5 nm long and 2.5 nm wide, in antiparallel pairs across the twofold axes.
    """
    outward = np.array([0.0, 1.0, 1.0]) / np.sqrt(2)
    along, across = np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, -1.0]) / np.sqrt(2)
    turn = np.deg2rad(50)  # of this and the next line: what closes the shell best
    axis = np.cos(turn) * along + np.sin(turn) * across
    side = -np.sin(turn) * along + np.cos(turn) * across
    beads = [51 * outward + 12 * side + step * axis for step in (-20, -8, 4, 16, 28)]
    curved = [bead * 52 / np.linalg.norm(bead) for bead in beads]
    return Molecule(tuple(_ball(bead, 12.5) for bead in curved), "O", 480.0, porosity=0.05)


def virus_like_particle() -> Molecule:
    """PP7 capsid: 90 coat-protein dimers on an empty icosahedral shell (T=3) about 27 nm wide.

    Tars et al. (2000), doi:10.1107/S0907444900002298, and Zhao et al. (2019, entry 6N4V),
    doi:10.1021/acsnano.8b09462: 180 chains of 14 kDa, shell about 3 nm thick.
    """
    fivefold = _axes("I", order=5)
    first = fivefold[0]
    near = [axis for axis in fivefold if 0.4 < axis @ first < 0.5]
    second = near[0]
    third = next(axis for axis in near if 0.4 < axis @ second < 0.5)
    # Dimers sit on the edges of a truncated icosahedron: between two pentagon corners (60 of
    # them), and between two hexagons on the twofold axes (30, drawn twice at half the weight).
    corners = [(2 * first + other) / 3 for other in (second, third)]
    pentagon = _shell_dimer((corners[0] + corners[1]) / 2, corners[0] - corners[1], 1.0)
    hexagon = _shell_dimer((first + second) / 2, third - first, 0.5)
    return Molecule((*pentagon, *hexagon), "I", 2500.0, porosity=0.05)


def ribosome() -> Molecule:
    """80S ribosome: two lobes with a cleft between them, rough, 25 to 30 nm, RNA-dense inside.

    Anger et al. (2013), doi:10.1038/nature12104: human 80S, 4.3 MDa of which 3.5 MDa are
    modelled; Natchiar et al. (2017, entry 6EK0) for its outline.
    """
    large = (
        Domain((36, 0, 0), (76, 102, 112)),
        Domain((28, -6, 4), (50, 66, 72), 1.3),  # the rRNA core
        Domain((54, 112, -12), (38, 32, 36)),  # stalk base
        Domain((48, -106, 36), (40, 38, 38)),  # L1 side
        Domain((88, 16, 84), (40, 42, 42)),
        Domain((0, 118, 48), (27, 29, 27)),
        Domain((32, 56, -112), (36, 33, 31)),
    )
    small = (
        Domain((-76, -32, 4), (50, 72, 60), 1.2),  # body
        Domain((-90, 68, -2), (46, 48, 52), 1.2),  # head
        Domain((-86, -98, -26), (36, 40, 36)),  # foot
        Domain((-84, 14, 68), (36, 44, 30)),  # platform
        Domain((-122, 98, 36), (25, 27, 29)),  # beak
    )
    return Molecule((*large, *small), "C1", 4300.0, porosity=0.35)


def beta_galactosidase() -> Molecule:
    """Beta-galactosidase: a flat D2 tetramer, 18 x 14 x 9 nm, with a slot in the middle.

    Jacobson et al. (1994), doi:10.1038/369761a0 (175 x 135 x 90 Å), and Bartesaghi et al.
    (2018, entry 6X1Q's family): 4 chains of 116 kDa with five domains each.
    """
    chain = (
        Domain((14, 24, 20), (24, 25, 26)),  # the catalytic barrel
        Domain((-12, 14, 44), (22, 20, 22)),
        Domain((6, 20, 64), (20, 20, 19)),
        Domain((20, 42, 12), (22, 18, 20)),
        Domain((-20, 38, 32), (19, 19, 20)),
    )
    return Molecule(chain, "D2", 465.0, porosity=0.12)


def beta_amylase() -> Molecule:
    """Beta-amylase: four barrels of 56 kDa, packed as D2, about 11 x 10 x 8 nm.

    Cheong et al. (1995, entry 1FA2), doi:10.1002/prot.340210204: sweet potato tetramer.
    """
    chain = (Domain((15, 23, 25), (25, 26, 28)), Domain((20, 30, 44), (15, 16, 14)))
    return Molecule(chain, "D2", 224.0, porosity=0.1)


def thyroglobulin() -> Molecule:
    """Thyroglobulin: an elongated, porous C2 dimer of 660 kDa, about 25 x 15 nm.

    Coscia et al. (2020, entry 6SCJ), doi:10.1038/s41586-020-1995-4: 250 Å long, 160 Å wide,
    110 Å high; per chain an N-terminal region, core, flap, arm and a ChEL domain at the dimer axis.
    """
    # The twofold runs along x; the long axis of the dimer is y.
    chain = (
        Domain((-18, 15, -22), (29, 29, 30)),  # ChEL
        Domain((22, 32, 2), (28, 32, 28)),  # core
        Domain((6, 66, -36), (23, 25, 23)),  # flap
        Domain((-28, 54, 28), (24, 24, 26)),  # N-terminal region
        Domain((16, 88, 20), (22, 26, 22)),  # arm
        Domain((-10, 108, -12), (18, 18, 20)),  # wing
        Domain((34, 14, 40), (22, 22, 20)),  # foot
    )
    return Molecule(chain, "C2", 660.0, porosity=0.15)


CATALOGUE: dict[str, Callable[[], Molecule]] = {
    "apo-ferritin": ferritin,
    "beta-amylase": beta_amylase,
    "beta-galactosidase": beta_galactosidase,
    "ribosome": ribosome,
    "thyroglobulin": thyroglobulin,
    "virus-like-particle": virus_like_particle,
}
"""Molecules of the CZII challenge, by object name."""


# What hollow molecules may hold, by radius in Å and highest density: capsids made in bacteria pack
# stray RNA (up to about a megadalton, the length of their own genome); apo-ferritin keeps
# a little iron.
STRAY_CARGO = {"virus-like-particle": (105.0, 0.65), "apo-ferritin": (34.0, 0.25)}


def cluster(radius: float, rng: np.random.Generator, *, compactness: float = 0.6) -> Molecule:
    """Return a lump of random domains that just fits a sphere, for proteins without a model.

    Parameters
    ----------
    radius
        Of the sphere around all domains, in ångström.
    rng
        Draws the domains.
    compactness
        Largest domain as a fraction of the radius; near 1 the lump becomes a ball.
    """
    count = int(rng.integers(4, 8))
    sizes = radius * compactness * rng.uniform(0.6, 1.0, count)
    ways = rng.normal(size=(count, 3))
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    places = ways * (radius - sizes)[:, None]
    ellipsoids = tuple(_ball(place, size) for place, size in zip(places, sizes, strict=True))
    volume = 0.6 * (4 / 3) * np.pi * float((sizes**3).sum())  # domains overlap by about 40 %
    return Molecule(ellipsoids, "C1", volume * PROTEIN_DENSITY, porosity=0.15)


def _fill(
    domains: tuple[Domain, ...], porosity: float, rng: np.random.Generator
) -> tuple[Float[np.ndarray, "n 3"], Float[np.ndarray, " n"]]:
    """Scatter weighted points through the domains, leaving pores."""
    low = np.min([np.subtract(d.zyx, d.semi_axes) for d in domains], axis=0)
    high = np.max([np.add(d.zyx, d.semi_axes) for d in domains], axis=0)
    axes = [np.arange(a, b + _LATTICE, _LATTICE) for a, b in zip(low, high, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    points = points + rng.uniform(-0.5, 0.5, points.shape) * _LATTICE
    weights = np.zeros(len(points))
    for domain in domains:
        inside = (((points - domain.zyx) / np.array(domain.semi_axes)) ** 2).sum(axis=1) <= 1
        weights[inside] = np.maximum(weights[inside], domain.weight)
    solid = weights > 0
    water = _texture(points[solid], rng)
    keep = water >= np.quantile(water, porosity)
    weights = weights[solid][keep] * rng.uniform(0.5, 1.5, int(keep.sum()))
    return points[solid][keep], weights


def _texture(points: Float[np.ndarray, "n 3"], rng: np.random.Generator) -> Float[np.ndarray, " n"]:
    """Smooth random field with grains of 2 to 5 nm: where water channels run."""
    waves = rng.normal(size=(24, 3))
    waves *= (2 * np.pi / rng.uniform(24, 48, (24, 1))) / np.linalg.norm(
        waves, axis=1, keepdims=True
    )
    return np.cos(points @ waves.T + rng.uniform(0, 2 * np.pi, 24)).sum(axis=1)


def _wobbled(molecule: Molecule, wobble: float, rng: np.random.Generator) -> Molecule:
    """Move and resize each domain a little; the larger, the more."""
    moved = []
    for domain in molecule.domains:
        size = float(np.mean(domain.semi_axes))
        reach = wobble * np.clip(size / 25, 0.25, 1.5)
        z, y, x = np.asarray(domain.zyx) + rng.normal(size=3) * reach
        a, b, c = np.asarray(domain.semi_axes) * np.exp(rng.normal(size=3) * 0.5 * reach / size)
        moved.append(replace(domain, zyx=(z, y, x), semi_axes=(a, b, c)))
    return replace(molecule, domains=tuple(moved))


def _ball(zyx: np.ndarray, radius: float, weight: float = 1.0) -> Domain:
    """Return a round domain."""
    z, y, x = (float(value) for value in zyx)
    return Domain((z, y, x), (float(radius),) * 3, weight)


def _shell_dimer(outward: np.ndarray, along: np.ndarray, weight: float) -> tuple[Domain, ...]:
    """Four balls side by side on the capsid, given as xyz directions."""
    outward = outward / np.linalg.norm(outward)
    along = along / np.linalg.norm(along)
    across = np.cross(outward, along)
    places = [129 * outward + a * along + b * across for a in (-14, 14) for b in (-10, 10)]
    return tuple(_ball(place[::-1], 14, weight) for place in places)


def _group(name: str) -> Rotation:
    """Return a point group; scipy's stubs want letters where it takes any name."""
    group: Rotation = Rotation.create_group(name)  # type: ignore[arg-type]
    return group


def _axes(group: str, *, order: int) -> Float[np.ndarray, "n 3"]:
    """Return a group's axes of rotation by ``360 / order`` degrees, as xyz unit vectors."""
    turns = _group(group).as_rotvec()
    angles = np.linalg.norm(turns, axis=1)
    found = turns[np.isclose(angles, 2 * np.pi / order)]
    return found / np.linalg.norm(found, axis=1, keepdims=True)
