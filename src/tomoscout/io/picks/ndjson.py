"""Picks as the CryoET Data Portal's ndjson: one point per line, in VOXELS of the tomogram.

Choose it to exchange annotations with the portal. The file names neither run nor object: they
are in its name, ``<run>_<object>.ndjson``, or given by the caller. Voxel (0, 0, 0) has its centre
at the corner origin, so a position is voxels times voxel spacing. Scores other than 1 are kept
under the key ``score``, which the portal's own files lack.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tomoscout.core.errors import UserError
from tomoscout.core.picks import Picks
from tomoscout.io._atomic import atomic_path
from tomoscout.io.picks._hints import ReadHints, WriteHints, split_stem
from tomoscout.io.picks._rows import all_ones, one_object, poses, read_text, to_picks

SUFFIXES = (".ndjson",)

_TYPES = ("point", "orientedPoint", "instancePoint")


def read(path: Path, hints: ReadHints) -> list[Picks]:
    """Read points, oriented points and instance points (as points).

    Raises
    ------
    UserError
        If the voxel spacing is not known, or a line is not a point.
    """
    text = read_text(path, expected="one JSON point per line")
    run, name = split_stem(path.stem, hints.objects)
    run, name = hints.run or run, hints.object_name or name
    points = [
        _point(path, number, line)
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip()
    ]
    spacing = hints.spacing_of(run)
    if spacing is None:
        raise UserError(
            f"{path}: ndjson counts voxels, and the size of those of run '{run}' is not known: "
            "give the tomogram (--tomogram) or the voxel spacing (--voxel-spacing)"
        )
    if not points:
        return [Picks.empty(run, hints.extent_of(run))]
    zyx = np.array([point[0] for point in points]) * spacing
    return to_picks(
        path,
        [run] * len(points),
        zyx=zyx,
        objects=[name] * len(points),
        scores=np.array([point[1] for point in points]),
        rotations=np.array([point[2] for point in points]),
        hints=hints,
    )


def write(picks: Sequence[Picks], path: Path, hints: WriteHints) -> None:
    """Write the picks of one object in one run, in voxels.

    Raises
    ------
    UserError
        If the voxel spacing is not given, or there are several objects or runs.
    """
    joined = one_object(picks, path)
    spacing = hints.spacing_of(joined.run)
    if spacing is None or not spacing > 0:
        raise UserError(
            f"{path}: ndjson counts voxels: give the voxel spacing of run '{joined.run}' "
            "(--voxel-spacing), or its tomogram"
        )
    scored = not all_ones(joined.score_array)
    oriented = joined.rotations is not None
    lines = []
    for zyx, score, matrix in zip(
        joined.zyx / spacing, joined.score_array, poses(joined), strict=True
    ):
        point: dict[str, Any] = {"type": "orientedPoint" if oriented else "point"}
        point["location"] = dict(zip("xyz", map(float, zyx[::-1]), strict=True))
        if oriented:
            point["xyz_rotation_matrix"] = matrix.tolist()
        if scored:
            point["score"] = float(score)
        lines.append(json.dumps(point) + "\n")
    with atomic_path(path, overwrite=True) as temporary:
        temporary.write_text("".join(lines), encoding="utf-8")


def _point(path: Path, number: int, line: str) -> tuple[list[float], float, Any]:
    """Return the zyx voxel, score and matrix of one line, or raise naming it."""
    try:
        point = json.loads(line)
        if point["type"] not in _TYPES:
            raise ValueError(f"type {point['type']!r}")
        zyx = [float(point["location"][axis]) for axis in "zyx"]
        matrix = np.array(point.get("xyz_rotation_matrix", np.eye(3)), float).reshape(3, 3)
        return zyx, float(point.get("score", 1.0)), matrix
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path}: line {number}: expected a point with 'type' ({', '.join(_TYPES)}) and "
            f"'location' x, y, z, found {line.strip()[:60]!r}"
        ) from error
