"""How large a voxel is, when files may not know or may not tell the truth."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from math import isclose, isfinite
from pathlib import Path

from tomoscout.core.errors import UserError

logger = logging.getLogger(__name__)

_CUBIC = 0.01  # voxels whose edges differ by more are not cubes
_SURPRISE = 0.05  # a header this far from what the user says deserves a warning


class SpacingUnknownError(UserError):
    """The file does not say how large its voxels are, and nobody else did."""


def resolve_spacing(
    found: Sequence[float], *, given: float | None, path: Path, trusted: bool = False
) -> float:
    """Return the voxel spacing in ångström: what the user says, else what the file says.

    Parameters
    ----------
    found
        Edges of a voxel along z, y, x in the file, in ångström.
    given
        What the user says; it wins.
    path
        File, for messages.
    trusted
        Whether an edge of exactly 1 Å is believed. Programs write 0 or 1 when they do not
        know, unless the file names a unit.

    Raises
    ------
    SpacingUnknownError
        If the file says 0, 1 or nonsense and nothing is given.
    UserError
        If the voxels are not cubes, or what is given is not above 0.
    """
    known = all(isfinite(edge) and edge > 0 for edge in found) and bool(found)
    known = known and (trusted or not all(isclose(edge, 1, abs_tol=1e-6) for edge in found))
    mean = sum(found) / len(found) if known else 0.0
    if given is not None:
        if not (isfinite(given) and given > 0):
            raise UserError(f"{path}: --voxel-spacing must be above 0 Å, found {given:g}")
        if known and abs(mean - given) > _SURPRISE * given:
            logger.warning("%s: says %g Å per voxel; the given %g Å is used", path, mean, given)
        return given
    edges = " x ".join(f"{edge:g}" for edge in found)
    if not known:
        raise SpacingUnknownError(
            f"{path}: does not know its voxel size (found {edges or 'nothing'}): "
            "give it with --voxel-spacing"
        )
    if max(found) > (1 + _CUBIC) * min(found):
        raise UserError(
            f"{path}: voxels are not cubes (z x y x x: {edges} Å): resample the volume, "
            "or give --voxel-spacing if the file is wrong"
        )
    return mean
