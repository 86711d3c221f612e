"""What a procedural molecule is: balls of protein, a symmetry that copies them, and a mass."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class Cargo:
    """What a hollow molecule may hold, without obeying its symmetry.

    Attributes
    ----------
    radius
        Of the hollow, in ångström.
    most
        Highest mass it is found with, in kilodalton; it adds to the molecule's own.
    source
        Where these numbers come from.
    """

    radius: float
    most: float
    source: str


@dataclass(frozen=True, eq=False)
class Shape:
    """A molecule as balls of one asymmetric unit.

    Attributes
    ----------
    name
        As the field writes it; a PDB entry in lower case where there is no better name.
    aliases
        Other names and PDB entries of the same molecule, in lower case.
    mass
        Of the whole molecule, in kilodalton.
    symmetry
        Point group as scipy's ``Rotation.create_group`` names it: the main axis of C and D
        along z. A molecule of C1 has its longest axis near x.
    size
        Extents along the principal axes, in ångström, longest first: where the density at 10 Å
        exceeds half of solid protein.
    source
        Of mass, size and outline.
    balls
        `(n, 4)`: z, y, x and radius of each ball of the asymmetric unit, in ångström.
    porosity
        Share of the volume left to water, 0 to 1, in patches a few nanometres across.
    cargo
        What the molecule may hold.
    """

    name: str
    aliases: tuple[str, ...]
    mass: float
    symmetry: str
    size: tuple[float, float, float]
    source: str
    balls: Float[np.ndarray, "n 4"]
    porosity: float = 0.05
    cargo: Cargo | None = None


def read_balls(text: str) -> Float[np.ndarray, "n 4"]:
    """Read balls written as ``z y x radius``, with a semicolon or a line's end between two."""
    rows = text.replace("\n", ";").split(";")
    return np.array([[float(n) for n in row.split()] for row in rows if row.strip()])
