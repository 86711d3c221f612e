"""Write simulated tomograms in the layout of SHREC 2021, one model at a time.

Choose it to train or score programs made for SHREC on simulations of your own: their loaders, and
the challenge's own scoring script, read what is written here. `tomoscout.io.layouts.shrec` says
what is in each file, `tomoscout.io._shrec` what the angles mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import numpy as np
from jaxtyping import Integer

from tomoscout.core.errors import UserError, did_you_mean
from tomoscout.core.objects import ObjectTable
from tomoscout.core.picks import Picks
from tomoscout.core.shrec import SHREC21, SHREC_BACKGROUND
from tomoscout.core.volume import Volume
from tomoscout.io._atomic import atomic_path, disk_errors
from tomoscout.io._shrec import (
    CLASSES,
    GRANDMODEL,
    LOCATIONS,
    OCCUPANCY,
    RECONSTRUCTION,
    format_locations,
)
from tomoscout.io.volumes import write_volume

TILTS = "projections.tlt"
_OURS = {
    LOCATIONS,
    TILTS,
    *(f"{part}.mrc" for part in (RECONSTRUCTION, GRANDMODEL, CLASSES, OCCUPANCY)),
}


def write_shrec_model(
    root: str | PathLike[str],
    index: int,
    *,
    grandmodel: Volume,
    reconstruction: Volume,
    classes: Integer[np.ndarray, "z y x"],
    occupancy: Integer[np.ndarray, "z y x"],
    picks: Picks,
    objects: ObjectTable = SHREC21,
    tilt_angles: Sequence[float] | None = None,
    decimals: int = 0,
    overwrite: bool = False,
) -> Path:
    """Write ``model_<index>`` with all its files, whole or not at all, and return the folder.

    Parameters
    ----------
    root
        Folder of the models.
    index
        Number of the model.
    grandmodel
        Density the tomogram was made from, protein bright (positive).
    reconstruction
        The tomogram, protein dark.
    classes
        Label of the object at each voxel, 0 for none; vesicles and fiducials have the two labels
        after the objects'.
    occupancy
        Particle at each voxel: 0 for none, or the row of ``picks``, from 1.
    picks
        Every particle, in the order ``occupancy`` counts them; ``vesicle`` and ``fiducial`` may
        be among them. Without rotations, angles are written as NaN.
    objects
        Table with the labels. SHREC's readers know only the default's; to open the project here
        with another one, give it to `open_project`.
    tilt_angles
        Written to ``projections.tlt``, one a line, in degrees, where they are known.
    decimals
        Of positions in voxels. SHREC's own script reads whole voxels only, which are off by up to
        half a voxel on each axis; one or two keep the exact truth for Tomoscout.
    overwrite
        Whether a model of that number is replaced, as a whole.

    Raises
    ------
    UserError
        If the volumes differ in shape or spacing, a mask holds a label or a row there is not, a
        pick is of an unknown object or outside, the folder exists and ``overwrite`` is off, or it
        holds files that are none of a model's.
    """
    folder = Path(root) / f"model_{index}"
    _check_volumes(folder, reconstruction, grandmodel, classes, occupancy)
    _check_picks(folder, picks, reconstruction, objects)
    _check_values(folder, CLASSES, classes, len(objects) + len(SHREC_BACKGROUND), "labels")
    _check_values(folder, OCCUPANCY, occupancy, len(picks), "picks")
    _check_strangers(folder)
    spacing = reconstruction.voxel_spacing
    parts = {
        RECONSTRUCTION: reconstruction,
        GRANDMODEL: grandmodel,
        CLASSES: Volume(classes, spacing),
        OCCUPANCY: Volume(occupancy, spacing),
    }
    with atomic_path(folder, overwrite=overwrite) as temporary:
        temporary.mkdir()
        for part, volume in parts.items():
            write_volume(volume, temporary / f"{part}.mrc")
        text = _locations(picks, reconstruction, decimals=decimals)
        (temporary / LOCATIONS).write_text(text, encoding="utf-8")
        if tilt_angles is not None:
            lines = "".join(f"{angle:.3f}\n" for angle in tilt_angles)
            (temporary / TILTS).write_text(lines, encoding="utf-8")
    return folder


def _locations(picks: Picks, volume: Volume, *, decimals: int) -> str:
    """Return the text of the positions."""
    voxels = np.round(picks.zyx / volume.voxel_spacing, decimals) + 0.0  # no minus zero
    names = [str(name) for name in np.asarray(picks.objects)]
    return format_locations(names, voxels[:, ::-1], picks.rotations, decimals=decimals)


def _check_volumes(
    folder: Path, reconstruction: Volume, grandmodel: Volume, *masks: np.ndarray
) -> None:
    """Refuse volumes that do not lie on one grid."""
    shapes = [grandmodel.shape, *(mask.shape for mask in masks)]
    for part, shape in zip((GRANDMODEL, CLASSES, OCCUPANCY), shapes, strict=True):
        if shape != reconstruction.shape:
            raise UserError(
                f"{folder}: {part} has shape {shape}, but the reconstruction has "
                f"{reconstruction.shape}: all volumes of a model must have one shape"
            )
    if not np.isclose(grandmodel.voxel_spacing, reconstruction.voxel_spacing):
        raise UserError(
            f"{folder}: the voxels of {GRANDMODEL} are of {grandmodel.voxel_spacing:g} Å, those "
            f"of the reconstruction of {reconstruction.voxel_spacing:g} Å: resample one of them"
        )


def _check_picks(folder: Path, picks: Picks, volume: Volume, objects: ObjectTable) -> None:
    """Refuse unknown objects and picks outside the tomogram."""
    known = [*objects.names, *SHREC_BACKGROUND]
    for name in picks.names:
        if name not in known:
            raise UserError(
                f"{folder}: unknown object '{name}': expected {', '.join(known)}."
                + did_you_mean(name, known)
            )
    outside = int((~volume.geometry.contains(picks.zyx)).sum())
    if outside:
        raise UserError(
            f"{folder}: {outside} of {len(picks)} picks lie outside the tomogram: drop them, and "
            "number the occupancy anew"
        )


def _check_values(
    folder: Path, part: str, mask: Integer[np.ndarray, "z y x"], highest: int, what: str
) -> None:
    """Refuse a mask with values that stand for nothing."""
    low, high = int(mask.min()), int(mask.max())
    if low < 0 or high > highest:
        raise UserError(
            f"{folder}: {part} must hold 0 to {highest}, as there are {highest} {what}, "
            f"found {low} to {high}"
        )


def _check_strangers(folder: Path) -> None:
    """Refuse to replace a folder with anybody else's files in it."""
    if not folder.is_dir():
        return
    with disk_errors(folder):
        strangers = sorted(p.name for p in folder.iterdir() if p.name not in _OURS)
    if strangers:
        raise UserError(
            f"{folder}: holds files that are none of a model's ({', '.join(strangers[:3])}): "
            "move them, or choose another folder"
        )
