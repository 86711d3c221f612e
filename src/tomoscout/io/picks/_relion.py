"""What RELION's particle tables hold, whichever version wrote them.

Angles are RELION's: rot, tilt and psi turn the tomogram onto the reference, intrinsic ZYZ; a
`Picks` rotation is the inverse. Each reader returns one value per row, in ångström and xyz.
"""

from __future__ import annotations

import warnings
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from jaxtyping import Float

from tomoscout.core.errors import UserError
from tomoscout.core.picks import Picks
from tomoscout.io.picks._hints import ReadHints, centre_offset
from tomoscout.io.picks._rows import poses, read_text

CENTRED = tuple(f"rlnCenteredCoordinate{axis}Angst" for axis in "XYZ")
PIXELS = tuple(f"rlnCoordinate{axis}" for axis in "XYZ")
_SHIFT = tuple(f"rlnOrigin{axis}Angst" for axis in "XYZ")
_OLD_SHIFT = tuple(f"rlnOrigin{axis}" for axis in "XYZ")  # RELION 3.0, in pixels
ANGLES = ("rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi")
BOX_ANGLES = ("rlnTomoSubtomogramRot", "rlnTomoSubtomogramTilt", "rlnTomoSubtomogramPsi")
_PIXEL_SIZE = ("rlnTomoTiltSeriesPixelSize", "rlnMicrographOriginalPixelSize", "rlnPixelSize")
SCORES = ("rlnAutopickFigureOfMerit", "rlnLCCmax")
OBJECT = "tomoscoutObject"
_NAMES = ("rlnTomoName", "rlnMicrographName", "rlnParticleName", OBJECT)


def read_blocks(path: Path) -> tuple[Any, Any]:
    """Return the particle table and the optics table (or None)."""
    import pandas as pd
    import starfile

    expected = "a STAR file with a particle table"
    if "data_" not in read_text(path, expected=expected):
        raise UserError(f"{path}: expected {expected}, found no 'data_' block")
    try:
        blocks = starfile.read(path, always_dict=True, parse_as_string=list(_NAMES))
    except (ValueError, TypeError, IndexError, KeyError, pd.errors.ParserError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{path}: expected {expected}, found a broken one ({reason})") from error
    # A table of one row may be written as a list of labels and values.
    tables = {
        name: pd.DataFrame([block]) if isinstance(block, dict) else block
        for name, block in blocks.items()
    }
    named = [name for name in ("particles", "") if name in tables]
    fitting = [name for name, table in tables.items() if set(table) & {CENTRED[0], PIXELS[0]}]
    if not named + fitting:
        found = ", ".join(f"data_{name}" for name in tables)
        raise UserError(f"{path}: expected {expected}, found {found}")
    return tables[(named + fitting)[0]], tables.get("optics")


def read_runs(path: Path, table: Any, hints: ReadHints) -> list[str]:
    """Return the run of each row, without the folder and suffix that some programs add."""
    column = next((name for name in _NAMES[:2] if name in table), None)
    if column is None:
        if hints.run is None:
            raise UserError(f"{path}: no rlnTomoName in it: name the run it belongs to")
        return [hints.run] * len(table)
    names = [PurePosixPath(str(name)) for name in table[column]]
    files = {".tomostar", ".mrc", ".mrcs", ".rec", ".st"}
    return [name.stem if name.suffix in files else name.name for name in names]


def read_objects(path: Path, table: Any, hints: ReadHints) -> list[str]:
    """Return the object of each row: ours, a particle name that repeats, or what we were told."""
    if OBJECT in table:
        return [str(name) for name in table[OBJECT]]
    name = hints.known_object(path)
    if name is None and "rlnParticleName" in table:
        names = [str(value) for value in table["rlnParticleName"]]
        # Some programs write the kind of particle here, others a name for each particle.
        if len(names) == 1 or len(set(names)) < len(names):
            return names
    if name is None and len(table):
        raise UserError(
            f"{path}: RELION files do not name the object: give its name (--object-name)"
        )
    return [name or ""] * len(table)


def read_pixel_size(table: Any, optics: Any, hints: ReadHints) -> Float[np.ndarray, "n 1"] | None:
    """Return the unbinned pixel of each row in ångström, or None when it cannot be known."""
    if hints.pixel_size is not None:
        return np.full((len(table), 1), hints.pixel_size)
    for name in _PIXEL_SIZE:
        if name in table:
            return table[name].to_numpy(float)[:, None]
        if optics is not None and name in optics:
            sizes = optics[name].to_numpy(float)
            if len(sizes) == 1 or "rlnOpticsGroup" not in table:
                return np.full((len(table), 1), sizes[0])
            groups = dict(zip(optics["rlnOpticsGroup"], sizes, strict=True))
            return np.array([[groups.get(group, np.nan)] for group in table["rlnOpticsGroup"]])
    if "rlnDetectorPixelSize" in table and "rlnMagnification" in table:
        micrometres = table["rlnDetectorPixelSize"] / table["rlnMagnification"]
        return (micrometres * 1e4).to_numpy(float)[:, None]
    return None


def read_centres(
    path: Path, runs: list[str], hints: ReadHints, pixel_size: Float[np.ndarray, "n 1"] | None
) -> Float[np.ndarray, "n 3"]:
    """Return the xyz position of the tomogram's centre for each row."""
    first = None if pixel_size is None or not len(pixel_size) else float(pixel_size[0, 0])
    centre: dict[str, tuple[float, float, float]] = {}
    for run in dict.fromkeys(runs):
        extent = hints.extent_of(run)
        if extent is None:
            raise UserError(
                f"{path}: positions count from the tomogram's centre, and the size of the "
                f"tomogram of run '{run}' is not known: give the tomogram (--tomogram)"
            )
        centre[run] = centre_offset(extent, centre=hints.centre, pixel_size=first)[::-1]
    return np.array([centre[run] for run in runs]).reshape(-1, 3)


def read_shift(
    path: Path, table: Any, pixel_size: Float[np.ndarray, "n 1"] | None
) -> Float[np.ndarray, "n 3"] | None:
    """Return the refined shift of each row in ångström, to be subtracted, if there is one."""
    if all(name in table for name in _SHIFT):
        return floats(path, table, _SHIFT)
    if all(name in table for name in _OLD_SHIFT) and pixel_size is not None:
        return floats(path, table, _OLD_SHIFT) * pixel_size
    return None


def read_rotations(
    path: Path, table: Any, names: tuple[str, ...]
) -> Float[np.ndarray, "n 3 3"] | None:
    """Return matrices from reference to tomogram, the inverse of the intrinsic ZYZ turn."""
    from scipy.spatial.transform import Rotation

    if not all(name in table for name in names):
        return None
    if not len(table):
        return np.zeros((0, 3, 3))
    angles = floats(path, table, names)
    return Rotation.from_euler("ZYZ", angles, degrees=True).inv().as_matrix()


def to_angles(picks: Picks) -> Float[np.ndarray, "n 3"]:
    """Return rot, tilt and psi in degrees."""
    from scipy.spatial.transform import Rotation

    if picks.rotations is None or not len(picks):
        return np.zeros((len(picks), 3))
    with warnings.catch_warnings():
        # At tilt 0 or 180 only the sum of rot and psi is defined, and any split of it is right.
        warnings.filterwarnings("ignore", message="Gimbal lock")
        return Rotation.from_matrix(poses(picks)).inv().as_euler("ZYZ", degrees=True)


def floats(path: Path, table: Any, names: tuple[str, ...]) -> Float[np.ndarray, "n m"]:
    """Return columns as numbers, or raise naming the column."""
    values = np.zeros((len(table), len(names)))
    for column, name in enumerate(names):
        try:
            values[:, column] = table[name].to_numpy(float)
        except ValueError as error:
            raise UserError(f"{path}: expected numbers in {name}, found {error}") from error
    return values
