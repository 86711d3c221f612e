"""``particle_locations.txt`` of SHREC: where the particles of one simulated tomogram are.

One particle a line, separated by spaces, no header::

    1BXN 20 10 5 90.0000 90.0000 0.0000
    vesicle 256 300 250 NaN NaN NaN

that is class, x, y, z, and the angles Z1, X, Z2. Positions are whole voxels, counted from 0 at the
corner, on the grid of ``grandmodel.mrc`` and the masks. Line ``k``, from 1, is the particle whose
voxels hold ``k`` in ``occupancy_mask.mrc``, so that lines are never left out or sorted.

Angles are degrees and turn the molecule from its PDB pose into its pose in the tomogram:
``R = Rz(Z1) Rx(X) Rz(Z2)`` left-multiplies (x, y, z) columns (intrinsic ZXZ, in the order of the
file). In the first line above the molecule's own z axis is turned by X onto -y and by Z1 from there
onto +x; x goes to y and y to z. With 10 Å voxels the particle stands at z 50, y 100, x 200 Å.
RELION, which turns the other way round and about y, would call it rot ``90 - Z2``, tilt ``X``, psi
``-90 - Z1``. The simulator that made the data (PyTom's MicrographModeller) hands the angles to
voltools as ``szxz``; what voltools 0.6.0 makes of that is this matrix, by its own code and by
turning a point with it. Earlier versions of the simulator mirrored molecules at random before they
turned them, which the file does not tell: poses of 2020 may be of mirror images.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from tomoscout.core.errors import UserError, did_you_mean
from tomoscout.core.objects import ObjectTable
from tomoscout.core.shrec import SHREC_BACKGROUND
from tomoscout.io.picks._rows import read_text

logger = logging.getLogger(__name__)

LOCATIONS = "particle_locations.txt"
RECONSTRUCTION, GRANDMODEL = "reconstruction", "grandmodel"
CLASSES, OCCUPANCY = "class_mask", "occupancy_mask"
_COLUMNS = "class x y z rotation_Z1 rotation_X rotation_Z2"
_ALIASES = {"FIDUCIALS": "fiducial", "4V94_FIXED": "4V94"}  # as the simulator itself writes them


class Locations(NamedTuple):
    """The particles of one file that a table knows, in the file's order.

    Attributes
    ----------
    names
        Objects, as the table writes them.
    xyz
        `(n, 3)` positions in voxels of the model's grid.
    rotations
        `(n, 3, 3)` matrices as in `Picks`, or None if one of the particles has no angles.
    lines
        `(n,)` line of each particle in the file, from 1: its number in the occupancy mask.
    """

    names: list[str]
    xyz: Float[np.ndarray, "n 3"]
    rotations: Float[np.ndarray, "n 3 3"] | None
    lines: Int[np.ndarray, " n"]


def from_angles(angles: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3 3"]:
    """Return the matrices of (Z1, X, Z2) in degrees."""
    from scipy.spatial.transform import Rotation

    if not len(angles):
        return np.zeros((0, 3, 3))
    return Rotation.from_euler("ZXZ", angles, degrees=True).as_matrix()


def to_angles(rotations: Float[np.ndarray, "n 3 3"]) -> Float[np.ndarray, "n 3"]:
    """Return (Z1, X, Z2) in degrees, X from 0 to 180, of matrices as in `Picks`."""
    from scipy.spatial.transform import Rotation

    if not len(rotations):
        return np.zeros((0, 3))
    with warnings.catch_warnings():
        # At X of 0 or 180 only a sum of Z1 and Z2 is defined, and any split of it is right.
        warnings.filterwarnings("ignore", message="Gimbal lock")
        return Rotation.from_matrix(rotations).as_euler("ZXZ", degrees=True)


def class_names(path: Path) -> set[str]:
    """Return the classes a file names, in capitals, whatever else is in it."""
    text = read_text(path, expected=f"lines '{_COLUMNS}'")
    return {line.split()[0].upper() for line in text.splitlines() if line.strip()}


def read_locations(path: Path, *, objects: ObjectTable) -> Locations:
    """Read the particles; vesicles and fiducials are passed over unless the table has them.

    Raises
    ------
    UserError
        Naming the line, if it is not four or seven words with numbers in their places, or its
        class is neither in the table nor background.
    """
    known = {name.upper(): name for name in objects.names}
    names: list[str] = []
    rows: list[list[float]] = []
    lines: list[int] = []
    for number, line in enumerate(
        read_text(path, expected=f"lines '{_COLUMNS}'").splitlines(), start=1
    ):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        word, values = _parse(line, where)
        word = _ALIASES.get(word.upper(), word)
        if word.upper() in known:
            names.append(known[word.upper()])
            rows.append(values)
            lines.append(number)
        elif word.lower() not in SHREC_BACKGROUND:
            hint = did_you_mean(word.upper(), known)
            raise UserError(
                f"{where}: unknown class '{word}': expected {', '.join(objects.names)}, "
                f"{' or '.join(SHREC_BACKGROUND)}.{hint or ' Give a table with --objects'}"
            )
    table = np.array(rows, float).reshape(-1, 6)
    posed = np.isfinite(table[:, 3:]).all(axis=1)
    if posed.any() and not posed.all():
        logger.warning(
            "%s: %d of %d particles have no angles, so that no pose is kept",
            path, len(posed) - int(posed.sum()), len(posed),
        )  # fmt: skip
    rotations = from_angles(table[:, 3:]) if posed.all() else None
    return Locations(names, table[:, :3], rotations, np.array(lines, np.intp))


def format_locations(
    names: Sequence[str],
    xyz: Float[np.ndarray, "n 3"],
    rotations: Float[np.ndarray, "n 3 3"] | None,
    *,
    decimals: int = 0,
) -> str:
    """Return the text of a file: positions in voxels, NaN angles where there is no pose.

    Background has no pose in any case. Angles have four decimals, as SHREC's.
    """
    angles = np.full((len(xyz), 3), np.nan) if rotations is None else to_angles(rotations)
    angles[[str(name) in SHREC_BACKGROUND for name in names]] = np.nan
    lines = []
    for name, place, turn in zip(names, xyz, angles, strict=True):
        words = [str(name), *(f"{value:.{decimals}f}" for value in place)]
        words += ["NaN" if np.isnan(value) else f"{value:.4f}" for value in turn]
        lines.append(" ".join(words) + "\n")
    return "".join(lines)


def _parse(line: str, where: str) -> tuple[str, list[float]]:
    """Return the class and the six numbers of a line, NaN for angles that are left out."""
    name, *words = line.split()
    try:
        values = [float(word) for word in words]
    except ValueError:
        values = []
    if len(values) not in (3, 6) or not np.isfinite(values[:3]).all():
        shown = line.strip() if len(line.strip()) <= 60 else line.strip()[:57] + "..."
        raise UserError(f"{where}: expected '{_COLUMNS}', found '{shown}'")
    return name, values + [np.nan] * (6 - len(values))
