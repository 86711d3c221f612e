"""Picks as a RELION 5 particle STAR file, in Å from the tomogram's centre.

Choose it to extract and average subtomograms in RELION 5 or WarpTools. RELION's own columns hold
the run (``rlnTomoName``), the position (``rlnCenteredCoordinate*Angst``), the pose (``rlnAngle*``,
zero when unknown) and the score (``rlnAutopickFigureOfMerit``). The object is in
``tomoscoutObject``, a label RELION does not know: it says so, ignores it and keeps it.

Read as well: ``rlnCoordinate*`` of RELION 3 and 4, which count unbinned pixels of the tilt series,
NOT voxels of a tomogram, so that the unbinned pixel size must be in the file or be given;
scores of pytom-match-pick (``rlnLCCmax``); shifts (``rlnOrigin*``) and subtomogram poses, composed
as RELION composes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tomoscout.core.errors import UserError
from tomoscout.core.picks import Picks
from tomoscout.io._atomic import atomic_path
from tomoscout.io.picks._hints import ReadHints, WriteHints, centre_offset
from tomoscout.io.picks._relion import (
    ANGLES,
    BOX_ANGLES,
    CENTRED,
    OBJECT,
    PIXELS,
    SCORES,
    floats,
    read_blocks,
    read_centres,
    read_objects,
    read_pixel_size,
    read_rotations,
    read_runs,
    read_shift,
    to_angles,
)
from tomoscout.io.picks._rows import run_names, to_picks

SUFFIXES = (".star",)


def read(path: Path, hints: ReadHints) -> list[Picks]:
    """Read particles of RELION 3, 4 or 5, told apart by their columns.

    Raises
    ------
    UserError
        If it is no particle file, or lacks what must then be given: the tomogram's size
        for centred positions, the unbinned pixel size for pixels, the object's name.
    """
    table, optics = read_blocks(path)
    runs = read_runs(path, table, hints)
    pixel_size = read_pixel_size(table, optics, hints)
    if all(name in table for name in CENTRED):
        xyz = floats(path, table, CENTRED) + read_centres(path, runs, hints, pixel_size)
    elif all(name in table for name in PIXELS):
        if pixel_size is None:
            raise UserError(
                f"{path}: rlnCoordinateX/Y/Z count unbinned pixels of the tilt series, and the "
                "file does not say how large one is: give the pixel size (--pixel-size)"
            )
        xyz = floats(path, table, PIXELS) * pixel_size
    else:
        raise UserError(
            f"{path}: expected rlnCenteredCoordinateX/Y/ZAngst or rlnCoordinateX/Y/Z, "
            f"found {', '.join(list(table)[:8]) or 'no columns'}"
        )
    # RELION turns the shift and the pose by the pose of the extracted box (particle_set.cpp).
    box = read_rotations(path, table, BOX_ANGLES)
    rotations = read_rotations(path, table, ANGLES)
    shift = read_shift(path, table, pixel_size)
    if shift is not None:
        xyz = xyz - (shift if box is None else np.einsum("nij,nj->ni", box, shift))
    if box is not None:
        rotations = box if rotations is None else box @ rotations
    score = next((name for name in SCORES if name in table), None)
    return to_picks(
        path,
        runs,
        zyx=xyz[:, ::-1],
        objects=read_objects(path, table, hints),
        scores=floats(path, table, (score,))[:, 0] if score else None,
        rotations=rotations,
        hints=hints,
    )


def write(picks: Sequence[Picks], path: Path, hints: WriteHints) -> None:
    """Write all runs and objects into one file, positions to 0.0001 Å.

    Raises
    ------
    UserError
        If the extent of a run's tomogram is not known.
    """
    import pandas as pd  # here, as it takes half a second: the other formats do without
    import starfile

    centred = []
    for part in picks:
        if part.extent is None and len(part):
            raise UserError(
                f"{path}: RELION counts from the tomogram's centre, and the size of the tomogram "
                f"of run '{part.run}' is not known: give the tomogram (--tomogram) or the project"
            )
        extent = part.extent or (0.0, 0.0, 0.0)
        middle = centre_offset(extent, centre=hints.centre, pixel_size=hints.pixel_size)
        centred.append((part.zyx - np.array(middle))[:, ::-1])
    columns: dict[str, Any] = {"rlnTomoName": run_names(picks, path)}
    xyz = np.concatenate([np.zeros((0, 3)), *centred]).round(4)
    angles = np.concatenate([np.zeros((0, 3)), *map(to_angles, picks)]).round(6)
    columns |= dict(zip(CENTRED, xyz.T, strict=True)) | dict(zip(ANGLES, angles.T, strict=True))
    columns[SCORES[0]] = np.concatenate([np.zeros(0), *(part.score_array for part in picks)])
    columns[OBJECT] = np.concatenate([np.zeros(0, "<U1"), *(part.objects for part in picks)])
    blocks = {"particles": pd.DataFrame(columns)}
    # starfile's first line holds the time; RELION's holds its version, and stays the same.
    text = starfile.to_string(blocks, float_format="%.9g").partition("\n")[2]
    with atomic_path(path, overwrite=True) as temporary:
        temporary.write_text("# version 50001" + text.rstrip() + "\n", encoding="utf-8")
