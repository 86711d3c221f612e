"""The tree of copick and of the CZII challenge, merged from several roots.

``ExperimentRuns/<run>/VoxelSpacing10.012/<kind>.zarr``, ``.../<run>/Picks/*.json`` and
``.../<run>/Segmentations/<spacing>_<user>_<session>_<name>-multilabel.zarr``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tomoscout.core.errors import UserError
from tomoscout.core.objects import ObjectTable
from tomoscout.io.project import Run

TREE = "ExperimentRuns"
_WORKING_SPACING = 10.0  # what the field picks at
_SAME = 0.05  # folder names are rounded; a spacing this much off is another one
_ROUNDED = 1e-3  # a file's name has three decimals
_MULTILABEL = re.compile(r"([0-9.]+)_([^_]+)_([^_]+)_(.+)-multilabel\.zarr")
_SPACING_PREFIX = "VoxelSpacing"


def find_runs(
    roots: Sequence[Path],
    *,
    objects: ObjectTable,
    voxel_spacing: float | None,
    segmentation_names: Mapping[int, str] | None = None,
) -> tuple[Run, ...]:
    """Return the runs of all roots, sorted by name; a file in a later root hides earlier ones.

    Parameters
    ----------
    roots
        Folders that hold ``ExperimentRuns``; static before overlay.
    objects
        The project's objects.
    voxel_spacing
        Which spacing to take, in ångström, where a run has several; the one nearest to 10 Å by
        default.
    segmentation_names
        What the values of segmentations mean.

    Raises
    ------
    UserError
        If no run has anything in it, or none has the spacing asked for.
    """
    names = {folder.name for root in roots for folder in _folders(root / TREE)}
    runs = []
    spacings: set[float] = set()
    for name in sorted(names):
        folders = [root / TREE / name for root in roots]
        tomograms = _tomograms(folders)
        spacings |= set(tomograms)
        spacing = _nearest(tomograms, voxel_spacing)
        kinds = {} if spacing is None else tomograms[spacing]
        picks = {file.name: file for folder in folders for file in _pick_files(folder)}
        if kinds or picks:
            runs.append(
                Run(
                    name=name,
                    tomograms=dict(sorted(kinds.items())),
                    pick_files=tuple(picks[key] for key in sorted(picks)),
                    objects=objects,
                    nominal_spacing=spacing,
                    segmentations=_segmentations(folders, spacing),
                    segmentation_names=segmentation_names or {},
                )
            )
    where = ", ".join(str(root) for root in roots)
    if voxel_spacing is not None and spacings and not any(run.tomograms for run in runs):
        found = ", ".join(f"{spacing:g}" for spacing in sorted(spacings))
        raise UserError(f"{where}: no tomogram at {voxel_spacing:g} Å, found {found} Å")
    if not runs:
        raise UserError(f"{where}: no run with a tomogram (.zarr) or picks (.json) in {TREE}")
    return tuple(runs)


def _folders(folder: Path) -> Iterator[Path]:
    """Yield the folders in a folder, which may be missing; hidden ones are left out."""
    if folder.is_dir():
        yield from (p for p in sorted(folder.iterdir()) if p.is_dir() and p.name[0] != ".")


def _tomograms(folders: Sequence[Path]) -> dict[float, dict[str, Path]]:
    """Return where the tomograms of one run are, by spacing and kind."""
    found: dict[float, dict[str, Path]] = {}
    for folder in (spacing for run in folders for spacing in _folders(run)):
        try:
            spacing = float(folder.name.removeprefix(_SPACING_PREFIX))
        except ValueError:
            continue
        for file in _folders(folder):
            # Features are zarr stores too, named <kind>_<feature>_features.
            if file.suffix == ".zarr" and not file.stem.endswith("_features"):
                found.setdefault(spacing, {})[file.stem] = file
    return found


def _nearest(tomograms: dict[float, dict[str, Path]], wanted: float | None) -> float | None:
    """Choose a spacing; None if there is none or none near enough to the one wanted."""
    if not tomograms:
        return None
    target = _WORKING_SPACING if wanted is None else wanted
    nearest = min(tomograms, key=lambda spacing: abs(spacing - target))
    return nearest if wanted is None or abs(nearest - wanted) <= _SAME * wanted else None


def _pick_files(folder: Path) -> list[Path]:
    """Return the pick files of one run in one root."""
    picks = folder / "Picks"
    return [p for p in sorted(picks.glob("*.json")) if p.name[0] != "."] if picks.is_dir() else []


def _segmentations(folders: Sequence[Path], spacing: float | None) -> dict[str, Path]:
    """Return the label volumes of one run at a spacing; of several of a name, all by owner too."""
    found: dict[str, list[tuple[str, Path]]] = {}
    for file in (file for folder in folders for file in _folders(folder / "Segmentations")):
        owner = _MULTILABEL.fullmatch(file.name)
        if owner and spacing is not None and abs(float(owner[1]) - spacing) < _ROUNDED:
            found.setdefault(owner[4], []).append((f"{owner[2]}/{owner[3]}", file))
    named = {}
    for name, owned in sorted(found.items()):
        distinct = dict(owned)  # a later root hides earlier ones
        for owner_name, file in distinct.items():
            named[name if len(distinct) == 1 else f"{name}:{owner_name}"] = file
    return named
