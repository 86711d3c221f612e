"""Atoms: where a molecule's nuclei are and which elements they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Shaped

from tomoscout.core.errors import UserError


@dataclass(frozen=True, eq=False)
class Atoms:
    """The atoms of one molecule, in its own frame.

    Attributes
    ----------
    zyx
        `(n, 3)` positions, (z, y, x) in ångström from any origin.
    elements
        `(n,)` chemical symbols, such as ``C`` or ``Zn``; one string names them all.
    occupancies
        `(n,)` how much of each atom is there, 0 to 1; 1 for all when not given.
    name
        What messages call it: usually the file.
    """

    zyx: Float[np.ndarray, "n 3"]
    elements: Shaped[np.ndarray, " n"] | str
    occupancies: Float[np.ndarray, " n"] | None = None
    name: str = "molecule"

    def __post_init__(self) -> None:
        zyx = np.asarray(self.zyx, np.float64).reshape(-1, 3)
        n, given = len(zyx), self.elements
        elements = np.full(n, given) if isinstance(given, str) else np.asarray(given, str)
        there = np.ones(n) if self.occupancies is None else np.asarray(self.occupancies, np.float64)
        if len(elements) != n or len(there) != n:
            raise ValueError(f"{n} positions, {len(elements)} elements, {len(there)} occupancies")
        if not (np.isfinite(zyx).all() and np.isfinite(there).all()):
            raise UserError(f"{self.name}: a coordinate or an occupancy is not a number")
        object.__setattr__(self, "zyx", zyx)
        object.__setattr__(self, "elements", elements)
        object.__setattr__(self, "occupancies", there)

    def __len__(self) -> int:
        return len(self.zyx)

    @property
    def symbols(self) -> Shaped[np.ndarray, " n"]:
        """The elements, never a single string."""
        return np.asarray(self.elements)

    @property
    def occupancy(self) -> Float[np.ndarray, " n"]:
        """The occupancies, never None."""
        return np.asarray(self.occupancies, np.float64)
