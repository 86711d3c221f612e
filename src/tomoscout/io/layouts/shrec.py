"""The data of the SHREC challenges of 2020 and 2021: simulated tomograms with their whole truth.

``model_0`` to ``model_9``, or any ``model_<number>``, each with::

    reconstruction.mrc       weighted back-projection, protein dark, as in real tomograms
    grandmodel.mrc           the density it was made from, protein bright, as it is on disk
    class_mask.mrc           label of the object at each voxel, 0 for none
    occupancy_mask.mrc       line of the particle in particle_locations.txt, 0 for none
    particle_locations.txt   see `tomoscout.io._shrec`

That protein is dark follows from how the simulator works (underfocus, nothing inverted at the
end): look at a slice before relying on it. Only the reconstruction must be there: the challenge's
test tomogram came without the rest. The folder that holds the models opens as a project, and so
does one model, and a folder with ``full_dataset`` in it. Kinds are ``reconstruction``, the
default, and ``grandmodel``; the masks are `Run.segmentation`'s.

Everything is on the reconstruction's grid, 512 voxels along z. In 2020 the model and its masks had
only the 200 that hold ice, and so have positions: they are put back into the middle, where the
simulator cut them out (156 voxels up). In 2021 nothing needs to move, of the 512 voxels some 180 in
the middle hold ice. Voxels are of 10 Å, as published, where the header says 0 or 1.

References
----------
Gubins et al., SHREC 2021: Classification in cryo-electron tomograms, doi:10.2312/3dor.20211307.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tomoscout.core.errors import UserError
from tomoscout.core.objects import ObjectTable
from tomoscout.core.picks import Picks
from tomoscout.core.shrec import SHREC20, SHREC21, SHREC_SPACING
from tomoscout.core.volume import Array3D, Volume
from tomoscout.io._owners import Owner, RemotePicks
from tomoscout.io._shrec import (
    CLASSES,
    GRANDMODEL,
    LOCATIONS,
    OCCUPANCY,
    RECONSTRUCTION,
    class_names,
    read_locations,
)
from tomoscout.io.project import Project, Run
from tomoscout.io.volumes import read_volume
from tomoscout.io.volumes._spacing import SpacingUnknownError

RANK = 25

_MODEL = re.compile(r"model_(\d+)")
_PARTS = (GRANDMODEL, CLASSES, OCCUPANCY)  # volumes on the model's grid
_FILES = (LOCATIONS, *(f"{part}.mrc" for part in (RECONSTRUCTION, *_PARTS)))
_ONLY_2020 = "4D8Q"


def matches(path: Path) -> bool:
    """Tell whether the folder is a model, or holds models."""
    return bool(_models(path))


def open_layout(
    path: Path, *, voxel_spacing: float | None = None, objects: ObjectTable | None = None
) -> Project:
    """Open the models; without a table, objects are the proteins of 2021, or of 2020.

    Raises
    ------
    UserError
        If a model has no reconstruction.
    """
    folders = _models(path)
    published = _table(folders)
    table = objects or published
    values = dict(enumerate(published.names, start=1))
    runs = tuple(
        replace(_run(folder, table, voxel_spacing), segmentation_names=values) for folder in folders
    )
    return Project(path=path, layout="shrec", objects=table, runs=runs)


@dataclass(frozen=True)
class LocatedPicks(RemotePicks):
    """Picks of a file that only this layout can read; messages call them by its path."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)


def _models(path: Path) -> list[Path]:
    """Return the folders of the models, by number."""
    if not path.is_dir():
        return []
    if _is_model(path.absolute()):
        return [path.absolute()]
    for root in (path, path / "full_dataset"):
        numbered = [(m, p) for p in root.glob("model_*") if (m := _MODEL.fullmatch(p.name))]
        models = [p for m, p in sorted(numbered, key=lambda pair: int(pair[0][1])) if _is_model(p)]
        if models:
            return models
    return []


def _is_model(folder: Path) -> bool:
    """Tell a model: by its positions, or by any of its files in a folder of the right name."""
    if not folder.is_dir():
        return False
    found = [name for name in _FILES if (folder / name).is_file()]
    return bool(found) if _MODEL.fullmatch(folder.name) else LOCATIONS in found and len(found) > 1


def _table(folders: list[Path]) -> ObjectTable:
    """Return the year's table: yeast's TRiC was placed in 2020 only."""
    files = [folder / LOCATIONS for folder in folders if (folder / LOCATIONS).is_file()]
    return SHREC20 if any(_ONLY_2020 in class_names(file) for file in files) else SHREC21


def _run(folder: Path, objects: ObjectTable, voxel_spacing: float | None) -> Run:
    """Describe one model."""
    tomogram = folder / f"{RECONSTRUCTION}.mrc"
    if not tomogram.is_file():
        found = ", ".join(sorted(name for name in _FILES if (folder / name).is_file()))
        raise UserError(
            f"{folder}: no {tomogram.name} in it, found {found}: copy the tomogram there too"
        )
    there = [part for part in _PARTS if (folder / f"{part}.mrc").is_file()]
    opened = {part: partial(_part, folder, part, voxel_spacing) for part in there}
    picks: tuple[LocatedPicks, ...] = ()
    if (folder / LOCATIONS).is_file():
        fetch = partial(_picks, folder, objects, voxel_spacing)
        picks = (LocatedPicks(Owner("shrec", "0", "particles"), fetch, folder / LOCATIONS),)
    grandmodel = {GRANDMODEL: opened.pop(GRANDMODEL)} if GRANDMODEL in opened else {}
    return Run(
        name=folder.name,
        tomograms={RECONSTRUCTION: tomogram, **grandmodel},
        pick_files=picks,
        objects=objects,
        voxel_spacing=voxel_spacing,
        nominal_spacing=SHREC_SPACING,
        default_kind=RECONSTRUCTION,
        segmentations=opened,
    )


def _picks(folder: Path, objects: ObjectTable, voxel_spacing: float | None) -> Picks:
    """Read the particles of a model, in ångström on the reconstruction's grid."""
    tomogram = _open(folder / f"{RECONSTRUCTION}.mrc", voxel_spacing)
    found = read_locations(folder / LOCATIONS, objects=objects)
    zyx = found.xyz[:, ::-1] + (_lift(folder, tomogram), 0, 0)
    return Picks(
        zyx=zyx * tomogram.voxel_spacing,
        objects=np.array(found.names, str),
        rotations=found.rotations,
        run=folder.name,
        extent=tomogram.geometry.extent,
    )


def _part(folder: Path, part: str, voxel_spacing: float | None) -> Volume:
    """Open a volume of the model on the reconstruction's grid."""
    tomogram = _open(folder / f"{RECONSTRUCTION}.mrc", voxel_spacing)
    volume = _open(folder / f"{part}.mrc", tomogram.voxel_spacing)
    lift = _lift(folder, tomogram)
    if not lift:
        return volume
    return replace(volume, data=_Lifted(volume.data, lift, tomogram.shape[0]))


def _open(path: Path, voxel_spacing: float | None) -> Volume:
    """Open a volume with the published voxel spacing where its header has none."""
    try:
        return read_volume(path, voxel_spacing=voxel_spacing)
    except SpacingUnknownError:
        return read_volume(path, voxel_spacing=SHREC_SPACING)


def _lift(folder: Path, tomogram: Volume) -> int:
    """Return how many voxels the model's grid begins above the reconstruction's, along z.

    Raises
    ------
    UserError
        If a volume of the model fits neither the reconstruction nor its middle, or the volumes
        differ from each other.
    """
    depth: int | None = None
    for path in (folder / f"{part}.mrc" for part in _PARTS):
        if not path.is_file():
            continue
        shape = _open(path, SHREC_SPACING).shape
        below = tomogram.shape[0] - shape[0]
        fits = shape[1:] == tomogram.shape[1:] and below >= 0 and below % 2 == 0
        if not fits or depth not in (None, shape[0]):
            raise UserError(
                f"{path}: has {_words(shape)} voxels (z x y x x), but {RECONSTRUCTION}.mrc has "
                f"{_words((depth or tomogram.shape[0], *tomogram.shape[1:]))}: all volumes of a "
                "model must have one shape: copy the file again"
            )
        depth = shape[0]
    return 0 if depth is None else (tomogram.shape[0] - depth) // 2


def _words(shape: tuple[int, int, int]) -> str:
    """Write a shape out."""
    return " x ".join(str(n) for n in shape)


class _Lifted:
    """An array with zeros below and above it, along z, that are on no disk."""

    def __init__(self, data: Array3D, lift: int, depth: int) -> None:
        self._data = data
        self._lift = lift
        self.shape = (depth, *data.shape[1:])
        self.dtype = data.dtype

    def __getitem__(self, region: Any, /) -> Any:
        """Read a region; slices without steps, the common case, read no more than they show."""
        parts = region if isinstance(region, tuple) else (region,)
        plain = all(isinstance(part, slice) and part.step in (None, 1) for part in parts)
        if not plain:
            return self[:, :, :][region]
        start, stop, _ = parts[0].indices(self.shape[0])
        low, high = (
            int(np.clip(n - self._lift, 0, self._data.shape[0])) for n in (start, max(start, stop))
        )
        inside = np.asarray(self._data[(slice(low, high), *parts[1:])])
        whole = np.zeros((max(0, stop - start), *inside.shape[1:]), inside.dtype)
        if high > low:
            at = low + self._lift - start
            whole[at : at + high - low] = inside
        return whole
