"""Boxes from the label files of YOLO's programs: predictions, or labels of a dataset.

A text file per slice, ``RUN_z0012.txt`` as `io.yolo` names the pictures, with a line ``class cx cy
width height confidence`` per box; all but the class are shares of the picture's edges. Ultralytics'
programs write them with ``save_txt=True save_conf=True``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

from tomoscout.core.errors import UserError, did_you_mean
from tomoscout.core.geometry import Geometry
from tomoscout.ops.link import Boxes

_STEM = re.compile(r"(?P<run>.+)_z(?P<slice>\d{4,})")
_IGNORED = ("classes.txt",)  # annotation programs put the names of the classes there

LabelFiles = Mapping[int, Path]
"""The label file of each slice that has one."""


def label_files(folder: Path, *, runs: Collection[str]) -> dict[str, LabelFiles]:
    """Find the label files of a folder and say which slice of which run each belongs to.

    Parameters
    ----------
    folder
        Folder with the ``.txt`` files, or one with ``labels``, ``labels/train`` ... in it.
    runs
        Names of the project's runs.

    Returns
    -------
    dict[str, LabelFiles]
        The files of each run, by slice; runs without any have an empty entry.

    Raises
    ------
    UserError
        If there are none, a name is not ``RUN_zNNNN.txt`` of one of the runs, or a slice is there
        twice.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder: give the one with YOLO's .txt files")
    found: dict[str, dict[int, Path]] = {run: {} for run in runs}
    for path in _texts(folder):
        named = _STEM.fullmatch(path.stem)
        if named is None:
            raise UserError(f"{path}: expected a name like RUN_z0012.txt, after its slice")
        run, z = named["run"], int(named["slice"])
        if run not in found:
            raise UserError(
                f"{path}: no run '{run}' in the project: found {', '.join(list(found)[:10])}."
                + did_you_mean(run, found)
            )
        if z in found[run]:
            raise UserError(f"{path}: slice {z} of run '{run}' is in {found[run][z]} as well")
        found[run][z] = path
    return dict(found)


def read_yolo(files: LabelFiles, *, geometry: Geometry, names: Sequence[str]) -> Boxes:
    """Read the boxes of one run.

    Parameters
    ----------
    files
        From `label_files`: ``class cx cy width height confidence`` per line; labels, which have no
        confidence, count as sure.
    geometry
        Lattice of the tomogram the slices are of.
    names
        The classes' names, from class 0.

    Raises
    ------
    UserError
        If a line is broken, with its file and number, or a slice is outside the tomogram.
    """
    depth, height, width = geometry.shape
    rows: list[tuple[float, ...]] = []
    for z, path in sorted(files.items()):
        if z >= depth:
            raise UserError(f"{path}: slice {z} of a tomogram of {depth} slices: is it this run's?")
        rows += [(z, *row) for row in _read_lines(path, len(names))]
    table = np.array(rows, np.float64).reshape(-1, 7)
    depths, kinds, x, y, w, h, scores = table.T
    # A picture's edges lie half a voxel outside the centres of its first and last voxels.
    zyx = np.stack([depths, y * height - 0.5, x * width - 0.5], axis=1) * geometry.voxel_spacing
    radii = (w * width + h * height) / 4 * geometry.voxel_spacing
    return Boxes(zyx, np.asarray(names, str)[kinds.astype(np.int64)], scores, radii)


def _texts(folder: Path) -> list[Path]:
    """Return the text files of a folder, of ``labels`` in it, and of the folders in that."""
    places = [folder, folder / "labels", *sorted((folder / "labels").glob("*/"))]
    files = [path for place in places if place.is_dir() for path in sorted(place.glob("*.txt"))]
    files = [path for path in files if path.name not in _IGNORED]
    if not files:
        raise UserError(f"{folder}: no .txt files in it, nor in 'labels': train or predict first")
    return files


def _read_lines(path: Path, classes: int) -> list[tuple[float, ...]]:
    """Read the numbers of each line of a label file: class, centre, edges, confidence."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: expected lines of numbers, found no text") from error
    rows = []
    for number, line in enumerate(lines, start=1):
        if not (fields := line.split()):
            continue
        try:
            kind, *values = (float(field) for field in fields)
        except ValueError as error:
            raise _broken(path, number, line) from error
        values = [*values, 1.0] if len(values) == 4 else values
        if len(values) != 5 or not all(0 <= value <= 1 for value in values):
            raise _broken(path, number, line)
        if kind not in range(classes):
            raise UserError(f"{path}: line {number}: class {fields[0]}, of {classes} from 0")
        rows.append((kind, *values))
    return rows


def _broken(path: Path, number: int, line: str) -> UserError:
    """Say what a line should be."""
    return UserError(
        f"{path}: line {number}: expected 'class cx cy width height confidence', all but the class "
        f"from 0 to 1, found '{line[:60]}'"
    )
