"""Procedural molecules: what each object looks like, from published dimensions.

A molecule is a few balls of protein, filled with small Gaussian blobs and copied by the
molecule's symmetry. That is coarse, but at 10 to 20 Å a tomogram shows little more, and
drawing another ``variant`` for each tomogram keeps a detector from learning our blobs by heart.
Objects outside the catalogue become a cluster of domains as large as the object table says.
"""

from __future__ import annotations

import zlib

import numpy as np

from tomoscout.core.objects import ObjectType
from tomoscout.simulation import _chaperones, _lobes, _machines, _shells
from tomoscout.simulation._filling import fill, wobbled
from tomoscout.simulation._shape import Shape
from tomoscout.simulation.density import PROTEIN_DENSITY, Blobs

CATALOGUE: dict[str, Shape] = {
    shape.name: shape
    for shape in (
        _shells.ferritin(),
        _lobes.beta_amylase(),
        _lobes.beta_galactosidase(),
        _lobes.ribosome(),
        _lobes.thyroglobulin(),
        _shells.virus_like_particle(),
        _chaperones.hsp70_atpase(),
        _chaperones.hsp70_pair(),
        _chaperones.get3(),
        _chaperones.hsp90(),
        _chaperones.hsp110(),
        _chaperones.p97(),
        _chaperones.clpb(),
        _chaperones.tric(),
        _machines.esterase(),
        _machines.cullin(),
        _machines.rubisco(),
        _machines.proteasome(),
        _machines.mitoribosome(),
        _machines.fatty_acid_synthase(),
    )
}
"""Molecules by name: the six of the CZII challenge, then those of SHREC 2021 by PDB entry."""

_BY_ALIAS = {alias: shape for shape in CATALOGUE.values() for alias in (shape.name, *shape.aliases)}


def find_shape(name: str) -> Shape | None:
    """Look a molecule up by name, alias or PDB entry in any case; None if there is none.

    Underscores and blanks count as hyphens, so ``Beta Galactosidase`` is found too.
    """
    return _BY_ALIAS.get("-".join(name.lower().replace("_", " ").split()))


def blobs(
    kind: ObjectType,
    *,
    variant: int = 0,
    wobble: float = 0.0,
    sigma: float = 5.0,
    cargo: tuple[float, float] = (0.8, 1.0),
) -> Blobs:
    """Return the blobs of an object, the same for the same arguments.

    Parameters
    ----------
    kind
        Row of the object table. Its name decides, then its PDB entry; only an object outside
        the catalogue uses its radius.
    variant
        Which of the endless look-alikes: another filling, and another wobble.
    wobble
        How far domains are moved and resized from the published shape, in ångström; symmetry
        and the molecule's own mass are kept. Above 0, hollow molecules also hold some cargo;
        at 0 they are exactly symmetric and empty.
    sigma
        Standard deviation of each blob, in ångström.
    cargo
        Lowest and highest share of the most that a hollow molecule holds. Capsids made in a host
        are about as full of its RNA as phages are of their genome; how much that varies is a guess.
    """
    known = find_shape(kind.name) or find_shape(kind.pdb_id)
    rng = np.random.default_rng(
        [zlib.crc32((known.name if known else kind.name).encode()), variant]
    )
    shape = known or cluster(kind.radius, rng)
    full = rng.uniform(*cargo) if wobble > 0 else 0.0
    held = full * shape.cargo.most if shape.cargo else 0.0
    if wobble > 0:
        shape = wobbled(shape, wobble, rng)
    return fill(shape, rng, cargo=held, sigma=sigma)


def cluster(radius: float, rng: np.random.Generator, *, compactness: float = 0.6) -> Shape:
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
    volume = 0.6 * (4 / 3) * np.pi * float((sizes**3).sum())  # domains overlap by about 40 %
    return Shape(
        name="lump",
        aliases=(),
        mass=volume * PROTEIN_DENSITY,
        symmetry="C1",
        size=(2 * radius,) * 3,
        source="random",
        balls=np.column_stack([places, sizes]),
        porosity=0.15,
    )
