"""Write runs in the layout of copick and of the CZII challenge, one at a time."""

from __future__ import annotations

from dataclasses import replace
from os import PathLike
from pathlib import Path

import numpy as np

from tomoscout.core.errors import UserError
from tomoscout.core.objects import ObjectTable
from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume
from tomoscout.io._atomic import write_json
from tomoscout.io.volumes import write_volume


def write_run(
    root: str | PathLike[str],
    run_name: str,
    volume: Volume,
    picks: Picks | None,
    *,
    kind: str = "denoised",
    user: str = "simulation",
    session: str = "0",
    overwrite: bool = False,
) -> None:
    """Write a tomogram under ``static`` and its picks under ``overlay``.

    Parameters
    ----------
    root
        Folder of the project, which `write_copick_config` completes.
    run_name
        Name of the run.
    volume
        Its tomogram, written as OME-Zarr 0.4.
    picks
        Its picks, one file per object; None writes no file.
    kind
        Kind of reconstruction.
    user, session
        Who made the picks, and in which session.
    overwrite
        Whether a tomogram and picks of the same name are replaced.

    Raises
    ------
    UserError
        If a name cannot be a file's name, or a file exists and ``overwrite`` is off.
    """
    from tomoscout.io.picks.copick import plain, write_overlay

    root = Path(root)
    for name in (run_name, kind):
        _check_name(name)
    tree = Path("ExperimentRuns") / run_name
    spacing = f"VoxelSpacing{volume.voxel_spacing:.3f}"
    write_volume(volume, root / "static" / tree / spacing / f"{kind}.zarr", overwrite=overwrite)
    if picks is not None:
        objects = np.array([plain(name) for name in picks.objects], str)  # as the config has them
        named = replace(picks, objects=objects, run=run_name)
        write_overlay([named], root / "overlay", user=user, session=session, overwrite=overwrite)


def write_segmentation(
    root: str | PathLike[str],
    run_name: str,
    labels: Volume,
    *,
    name: str,
    user: str = "simulation",
    session: str = "0",
    overwrite: bool = False,
) -> Path:
    """Write a label volume where copick looks for a multilabel segmentation; return its path.

    Parameters
    ----------
    root
        Folder of the project.
    run_name
        Name of the run.
    labels
        Unsigned integers, 0 for background.
    name
        Of the segmentation.
    user, session
        Who made it, and in which session.
    overwrite
        Whether one of the same name is replaced.

    Raises
    ------
    UserError
        If a name cannot be a file's name, or the segmentation exists and ``overwrite`` is off.
    """
    for part in (run_name, name, user, session):
        _check_name(part)
    folder = Path(root) / "overlay" / "ExperimentRuns" / run_name / "Segmentations"
    spacing = f"{labels.voxel_spacing:.3f}"
    path = folder / f"{spacing}_{user}_{session}_{name}-multilabel.zarr"
    write_volume(labels, path, overwrite=overwrite)
    return path


def write_copick_config(
    root: str | PathLike[str],
    objects: ObjectTable,
    *,
    name: str,
    static: str | PathLike[str] | None = None,
    overwrite: bool = False,
) -> Path:
    """Write ``copick.json``, with which copick opens what `write_run` wrote, and return its path.

    copick needs absolute paths in it; Tomoscout opens the project after a move all the same.

    Parameters
    ----------
    root
        Folder of the project.
    objects
        Its objects, in the order of their labels.
    name
        Of the project.
    static
        Root of the tomograms, where it is not the project's own ``static``.
    overwrite
        Whether a configuration that exists is replaced.
    """
    from tomoscout.io.picks.copick import plain

    root = Path(root)
    tomograms = root / "static" if static is None else Path(static)
    content = {
        "config_type": "filesystem",
        "name": name,
        "description": "Written by Tomoscout",
        "version": "1.0.0",
        "user_id": "tomoscout",
        "pickable_objects": [
            {
                "name": plain(item.name),
                "is_particle": True,
                "pdb_id": item.pdb_id or None,
                "label": label,
                "color": [*item.color, 255],
                "radius": item.radius,
                "metadata": {"score_weight": item.weight},
            }
            for label, item in enumerate(objects.each(), start=1)
        ],
        "overlay_root": f"local://{(root / 'overlay').resolve()}/",
        "overlay_fs_args": {"auto_mkdir": True},
        "static_root": f"local://{tomograms.resolve()}/",
        "static_fs_args": {},
    }
    path = root / "copick.json"
    write_json(path, content, overwrite=overwrite)
    return path


def _check_name(name: str) -> None:
    """Refuse a name that would lead elsewhere."""
    if not name or name in (".", "..") or any(c in name for c in "/\\\0") or name[0] == ".":
        raise UserError(f"'{name}' cannot be the name of a file: use letters, digits, '-' and '_'")
