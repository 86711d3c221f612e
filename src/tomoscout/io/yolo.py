"""YOLO's dataset format: slices as PNG pictures, with a box around each disc.

So any external YOLO can be trained on a project, and its predictions (``io.yolo_predictions``) be
linked into picks, without its code or licence entering this package. The layout is the one its
programs agree on: ``data.yaml``, ``images/train``, ``images/val`` and the same below ``labels``, a
text file per picture with a line ``class cx cy width height`` per box, as shares of the picture's
edges. A slice is called ``RUN_z0012`` after the voxel it lies at, counted from 0; it is the whole
plane, y down and x to the right, brought to 8 bits by the tomogram's percentiles.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import numpy as np
import yaml
from jaxtyping import UInt8
from PIL import Image

from tomoscout.core.errors import UserError
from tomoscout.core.geometry import Geometry
from tomoscout.core.objects import ObjectTable
from tomoscout.core.picks import Picks
from tomoscout.core.settings import read_yaml
from tomoscout.core.volume import Volume
from tomoscout.io._atomic import atomic_path, write_text
from tomoscout.ops.normalise import NormaliseSettings, measure, slabs

_SPLITS = ("train", "val")


def write_yolo(
    folder: Path,
    volume: Volume,
    picks: Picks,
    *,
    objects: ObjectTable,
    split: Literal["train", "val"] = "train",
    step: int = 1,
    reach: float = 0.8,
    percentiles: tuple[float, float] = (0.5, 99.5),
) -> int:
    """Add the slices of a run to a dataset; return how many there are.

    A slice that cuts a particle gets the square around the disc. Its centre is the particle's also
    where the square hangs over the edge. What the run had there before is replaced.

    Parameters
    ----------
    folder
        Root of the dataset; made when missing.
    volume
        Tomogram of the run.
    picks
        Its particles; their run, or else the volume's name, is the slices' name.
    objects
        Table whose order gives the classes, from 0, and its radii.
    split
        Whether the run is for training or for validation.
    step
        Voxels from one slice to the next.
    reach
        How far from a centre slices count as cutting the particle, as a fraction of its radius.
    percentiles
        Of the tomogram's grey values, that become black and white.

    Raises
    ------
    UserError
        If the dataset there has other classes, or the run's name cannot be a file's.
    """
    run = picks.run or volume.name
    if run in ("", ".", "..") or run.startswith(".") or re.search(r"[/\\\0]", run):
        raise UserError(f"run '{run}': its name cannot be that of a picture: rename it")
    _write_classes(folder, objects)
    scale = measure(volume, NormaliseSettings(method="percentile", clip=percentiles))
    boxes = _boxes(picks, volume.geometry, objects, reach)
    count = 0
    for slab in slabs(volume):
        for z, plane in enumerate(volume.read(slab), start=slab.start):
            if z % step:
                continue
            stem = f"{run}_z{z:04d}"
            label = folder / "labels" / split / f"{stem}.txt"
            write_text(label, "".join(boxes.get(z, [])), overwrite=True)
            grey = np.rint(127.5 * (scale.apply(plane) + 1)).astype(np.uint8)
            _write_picture(folder / "images" / split / f"{stem}.png", grey)
            count += 1
    return count


def _write_classes(folder: Path, objects: ObjectTable) -> None:
    """Write ``data.yaml``, or check that the one there has the same classes."""
    path = folder / "data.yaml"
    names = dict(enumerate(objects.names))
    if path.exists():
        if (found := read_yaml(path).get("names")) != names:
            raise UserError(f"{path}: has other classes ({found}): choose another folder")
        return
    for place in (folder / kind / split for kind in ("images", "labels") for split in _SPLITS):
        place.mkdir(parents=True, exist_ok=True)
    # Without a path the programs take the folder that the file lies in, wherever it is moved to.
    content = {**{split: f"images/{split}" for split in _SPLITS}, "names": names}
    write_text(path, yaml.safe_dump(content, sort_keys=False), overwrite=True)


def _write_picture(path: Path, grey: UInt8[np.ndarray, "y x"]) -> None:
    """Write a picture, whole or not at all."""
    with atomic_path(path, overwrite=True) as temporary:
        Image.fromarray(grey).save(temporary, format="PNG")


def _boxes(
    picks: Picks, geometry: Geometry, objects: ObjectTable, reach: float
) -> dict[int, list[str]]:
    """Return the line of each box, by slice."""
    depth, height, width = geometry.shape
    lines: dict[int, list[str]] = {}
    inside = picks[geometry.contains(picks.zyx)]
    for zyx, name in zip(inside.zyx, np.asarray(inside.objects).tolist(), strict=True):
        kind, radius = objects.label(name) - 1, objects[name].radius
        dz = np.arange(depth) * geometry.voxel_spacing - zyx[0]
        for z in np.flatnonzero(np.abs(dz) <= reach * radius).tolist():
            edge = 2 * float(np.sqrt(radius**2 - dz[z] ** 2)) / geometry.voxel_spacing
            y, x = (zyx[1:] / geometry.voxel_spacing + 0.5).tolist()
            shares = (x / width, y / height, min(edge / width, 1.0), min(edge / height, 1.0))
            line = " ".join([str(kind), *(f"{share:.6f}" for share in shares)])
            lines.setdefault(z, []).append(line + "\n")
    return lines
