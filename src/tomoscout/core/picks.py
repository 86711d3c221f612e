"""Picks: where particles are, which objects they are, and how sure we are."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from tomoscout.core.errors import UserError


@dataclass(frozen=True, eq=False)
class Picks:
    """Particle centres of one run.

    Attributes
    ----------
    zyx
        `(n, 3)` centres, (z, y, x) in ångström from the corner voxel.
    objects
        `(n,)` object names; one string names them all.
    scores
        `(n,)` confidences, higher is surer; 1 for all when not given (truth has no score).
    rotations
        `(n, 3, 3)` matrices that left-multiply (x, y, z) column vectors and turn the object's
        reference into its pose here, or None when poses are unknown.
    run
        Name of the run the picks belong to.
    extent
        Edges (z, y, x) of the tomogram in ångström, for formats that count from its centre.
    """

    zyx: Float[np.ndarray, "n 3"]
    objects: Shaped[np.ndarray, " n"] | str
    scores: Float[np.ndarray, " n"] | None = None
    rotations: Float[np.ndarray, "n 3 3"] | None = None
    run: str = ""
    extent: tuple[float, float, float] | None = None

    def __post_init__(self) -> None:
        zyx = np.asarray(self.zyx, np.float64).reshape(-1, 3)
        n = len(zyx)
        objects = self.objects
        names = np.full(n, objects) if isinstance(objects, str) else np.asarray(objects, str)
        scores = np.ones(n) if self.scores is None else np.asarray(self.scores, np.float64)
        if len(names) != n or len(scores) != n:
            raise ValueError(f"{n} centres, {len(names)} object names and {len(scores)} scores")
        if self.rotations is not None:
            rotations = np.asarray(self.rotations, np.float64)
            if rotations.shape != (n, 3, 3):
                raise ValueError(f"{n} centres and rotations of shape {rotations.shape}")
            object.__setattr__(self, "rotations", rotations)
        if not np.isfinite(zyx).all():
            raise UserError(f"picks of run '{self.run}': a coordinate is not a number")
        object.__setattr__(self, "zyx", zyx)
        object.__setattr__(self, "objects", names)
        object.__setattr__(self, "scores", scores)

    @classmethod
    def empty(cls, run: str = "", extent: tuple[float, float, float] | None = None) -> Picks:
        """Return picks with no rows."""
        return cls(np.zeros((0, 3)), np.zeros(0, "<U1"), run=run, extent=extent)

    @classmethod
    def concatenate(cls, parts: Iterable[Picks]) -> Picks:
        """Join picks of one run (the first part's); poses are kept if all parts have them.

        A part without rows has no say in whether poses are kept.
        """
        parts = list(parts)
        if not parts:
            return cls.empty()
        filled = [p for p in parts if len(p)] or parts
        rotations = [p.rotations for p in filled if p.rotations is not None]
        posed = len(rotations) == len(filled)
        return cls(
            zyx=np.concatenate([p.zyx for p in parts]),
            objects=np.concatenate([p.objects for p in parts]),
            scores=np.concatenate([p.score_array for p in parts]),
            rotations=np.concatenate(rotations) if posed else None,
            run=parts[0].run,
            extent=next((p.extent for p in parts if p.extent is not None), None),
        )

    def __len__(self) -> int:
        return len(self.zyx)

    def __getitem__(self, index: Any) -> Picks:
        """Return the picks of a mask, a slice or an index array."""
        return replace(
            self,
            zyx=self.zyx[index],
            objects=np.asarray(self.objects)[index],
            scores=self.score_array[index],
            rotations=None if self.rotations is None else self.rotations[index],
        )

    @property
    def score_array(self) -> Float[np.ndarray, " n"]:
        """The scores, never None."""
        return np.asarray(self.scores, np.float64)

    @property
    def names(self) -> list[str]:
        """Objects that occur, sorted."""
        return sorted({str(name) for name in np.unique(np.asarray(self.objects))})

    def of(self, name: str) -> Picks:
        """Return the picks of one object."""
        return self[np.asarray(self.objects) == name]

    def best_first(self) -> Picks:
        """Return the picks sorted by falling score; ties keep their order."""
        return self[np.argsort(-self.score_array, kind="stable")]

    def above(self, thresholds: dict[str, float]) -> Picks:
        """Return the picks whose score reaches their object's threshold; others are dropped."""
        limit = np.array([thresholds.get(str(name), np.inf) for name in np.asarray(self.objects)])
        return self[self.score_array >= limit]

    def write(self, path: str | PathLike[str]) -> None:
        """Write the picks in the format of the path's suffix (.star, .csv, .json, .ndjson)."""
        # The one upward look of core, by name and at call time: a method reads better to a user.
        formats = importlib.import_module("tomoscout.io.picks")
        formats.write_picks(self, path)


def by_run(picks: Sequence[Picks]) -> dict[str, Picks]:
    """Join picks that share a run, keyed by run name in order of first appearance."""
    groups: dict[str, list[Picks]] = {}
    for part in picks:
        groups.setdefault(part.run, []).append(part)
    return {
        run: parts[0] if len(parts) == 1 else Picks.concatenate(parts)  # millions are not copied
        for run, parts in groups.items()
    }
