"""The folder of the CZII challenge: ``train`` and ``test`` with ``static`` and ``overlay`` in them.

Any part of it opens as well: ``train``, ``test``, what holds ``static`` or ``overlay``, and either
of these. Kaggle repeats three training runs in ``test`` as a sample; ``train``, which has their
picks, wins.
"""

from __future__ import annotations

from pathlib import Path

from tomoscout.core.objects import ObjectTable
from tomoscout.io.layouts._experiments import TREE, find_runs
from tomoscout.io.project import DEFAULT_OBJECTS, Project

RANK = 20


def matches(path: Path) -> bool:
    """Tell whether the folder, or one where the challenge has it, holds ``ExperimentRuns``."""
    return bool(_roots(path))


def open_layout(
    path: Path, *, voxel_spacing: float | None = None, objects: ObjectTable | None = None
) -> Project:
    """Open the folder; without a table, its objects are the challenge's six."""
    table = objects or DEFAULT_OBJECTS
    runs = find_runs(_roots(path), objects=table, voxel_spacing=voxel_spacing)
    return Project(path=path, layout="kaggle", objects=table, runs=runs)


def _roots(path: Path) -> list[Path]:
    """Return the folders that hold ``ExperimentRuns``; later ones win."""
    if path.name == TREE and path.is_dir():
        return [path.parent]
    parts = [path / part for part in ("test", "train", ".")]
    roots = [part / root for part in parts for root in (".", "static", "overlay")]
    return [root for root in roots if (root / TREE).is_dir()]
