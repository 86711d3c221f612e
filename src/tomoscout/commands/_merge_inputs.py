"""What ``merge`` is given: the picks of each method, and what else its folder tells."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tomoscout.commands._picks import LEDGERS, one_format
from tomoscout.core.errors import UserError
from tomoscout.core.geometry import Geometry
from tomoscout.core.objects import ObjectTable
from tomoscout.core.picks import Picks
from tomoscout.io.picks import read_picks


@dataclass(frozen=True)
class Method:
    """The picks of one method.

    Attributes
    ----------
    path
        Where they came from.
    picks
        By run; also runs that were searched in vain.
    looks_for
        Objects that it would have found: one without picks of it may not know it at all.
    extents
        Edges (z, y, x) of the tomograms in ångström, by run, as far as they are known.
    """

    path: Path
    picks: dict[str, Picks]
    looks_for: frozenset[str]
    extents: dict[str, tuple[float, float, float]]


def read_method(
    path: Path,
    *,
    objects: ObjectTable,
    lattices: Mapping[str, Geometry] | None,
    candidates: bool,
) -> Method:
    """Read a pick file, a folder of them, or one that ``pick``, ``link`` or ``merge`` wrote.

    Parameters
    ----------
    path
        The file or folder.
    objects
        Objects that picks may be of.
    lattices
        Tomograms by run, for files that count voxels.
    candidates
        Read what ``pick`` found above its floor, and not what is above the thresholds.

    Raises
    ------
    UserError
        If there are no picks, they name no run, are of unknown objects, or score below 0.
    """
    source = path / "candidates" if candidates else one_format(path)
    if candidates and not source.is_dir():
        raise UserError(f"{path}: no folder 'candidates' in it; only 'tomoscout pick' writes one")
    parts = read_picks(source, geometry=lattices, objects=objects)
    known = _ledger(path)
    found = {part.run: part for part in parts if part.run or len(part)}
    if "" in found and len(found) > 1:
        raise UserError(f"{source}: some picks do not say which run they are of")
    for run, part in found.items():
        if len(part) and part.score_array.min() < 0:
            raise UserError(
                f"{source}: run '{run}' has a score of {part.score_array.min():g}: merging takes "
                "scores from 0 on; shift them first"
            )
    runs = known.get("runs", {})
    extents = {run: part.extent for run, part in found.items() if part.extent is not None}
    for run, facts in runs.items():
        if facts.get("extent"):
            z, y, x = facts["extent"]
            extents[run] = (z, y, x)
    named = {name for facts in runs.values() for name in facts.get("picks", {})}
    picked = {name for part in found.values() for name in part.names}
    empty = {run: Picks.empty(run) for run in runs if run not in found}
    return Method(path, found | empty, frozenset(named | picked), extents)


def _ledger(path: Path) -> dict[str, Any]:
    """Return what the job beside picks noted; nothing for picks of others."""
    folder = path if path.is_dir() else path.parent
    for name in LEDGERS:
        try:
            content = json.loads((folder / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(content, dict) and isinstance(content.get("runs"), dict):
            return content
    return {}
