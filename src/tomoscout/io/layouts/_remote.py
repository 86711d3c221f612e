"""copick projects on ssh, s3 or the data portal, opened through the copick package."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tomoscout.core.errors import UserError
from tomoscout.core.objects import ObjectTable
from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume
from tomoscout.io._owners import Owner, RemotePicks
from tomoscout.io.project import Run
from tomoscout.io.volumes._zarr import CheckedArray

_WORKING_SPACING = 10.0


def find_remote_runs(
    config: Path, *, objects: ObjectTable, voxel_spacing: float | None
) -> tuple[Run, ...]:
    """Return the runs of a remote project; tomograms and picks are fetched when asked for.

    Raises
    ------
    UserError
        If copick is not installed, or cannot open the project.
    """
    try:
        import copick
    except ImportError as error:
        raise UserError(
            f"{config}: a remote copick project: pip install 'tomoscout[copick]' to open it"
        ) from error
    try:
        root = copick.from_file(str(config))
        return tuple(_run(run, objects, voxel_spacing) for run in root.runs)
    except Exception as error:  # each remote file system raises errors of its own
        raise UserError(f"{config}: copick cannot open it ({error})") from error


def _run(run: Any, objects: ObjectTable, voxel_spacing: float | None) -> Run:
    """Describe one run."""
    target = _WORKING_SPACING if voxel_spacing is None else voxel_spacing
    spacings = sorted(run.voxel_spacings, key=lambda s: abs(s.voxel_size - target))
    tomograms = spacings[0].tomograms if spacings else []
    return Run(
        name=run.name,
        tomograms={t.tomo_type: partial(_tomogram, t, spacings[0].voxel_size) for t in tomograms},
        pick_files=tuple(
            RemotePicks(
                Owner(p.user_id, p.session_id, p.pickable_object_name), partial(_picks, p, run.name)
            )
            for p in run.picks
        ),
        objects=objects,
    )


def _tomogram(tomogram: Any, voxel_spacing: float) -> Volume:
    """Open the finest level of a tomogram; its chunks are fetched when they are read."""
    import zarr

    group = zarr.open(tomogram.zarr(), mode="r")
    dataset = group.attrs["multiscales"][0]["datasets"][0]
    for change in dataset.get("coordinateTransformations", []):
        if change["type"] == "scale":  # finer than the name of the folder
            voxel_spacing = float(change["scale"][-1])
    path = Path(f"{tomogram.tomo_type}.zarr", dataset["path"])
    return Volume(CheckedArray(group[dataset["path"]], path), voxel_spacing)


def _picks(picks: Any, run: str) -> Picks:
    """Fetch picks; copick gives xyz in ångström and a shift in each matrix."""
    points = picks.points or []
    if not points:
        return Picks.empty(run)
    xyz = np.array([[p.location.x, p.location.y, p.location.z] for p in points], float)
    matrices = np.array([p.transformation for p in points], float).reshape(-1, 4, 4)
    scores = np.array([1.0 if p.score is None else p.score for p in points], float)
    posed = bool(picks.trust_orientation) and not np.allclose(matrices[:, :3, :3], np.eye(3))
    return Picks(
        zyx=(xyz + matrices[:, :3, 3])[:, ::-1],
        objects=picks.pickable_object_name,
        scores=scores,
        rotations=matrices[:, :3, :3] if posed else None,
        run=run,
    )
