"""The objects of a published checkpoint: which channel is which, how large, from which score on.

The competition's files say nothing of it: there are six objects, always in the same order. TopCUP
stores what it was told by the copick configuration that it was trained with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tomoscout.core.errors import UserError
from tomoscout.core.objects import CZII, ObjectTable
from tomoscout.core.settings import validate

_COMPETITION = (
    "apo-ferritin", "beta-amylase", "beta-galactosidase", "ribosome", "thyroglobulin",
    "virus-like-particle",
)  # fmt: skip
"""Channels of the competition's networks; background follows them."""

_THRESHOLDS = {
    "apo-ferritin": 0.16,
    "beta-amylase": 0.25,
    "beta-galactosidase": 0.13,
    "ribosome": 0.19,
    "thyroglobulin": 0.18,
    "virus-like-particle": 0.5,
}
"""Of TopCUP's published configuration, for networks trained with objects weighing 256."""

_RUNS = ("TS_5_4", "TS_6_4", "TS_6_6", "TS_69_2", "TS_73_6", "TS_86_3", "TS_99_9")
"""The challenge's runs with truth; which of them a file was trained on is not written in it."""

_REMARKS = (
    "It may have seen any of the challenge's seven runs. Its labels were cut to whole voxels of "
    "10 Å, so picks lie some 4 Å low in z."
)


@dataclass(frozen=True)
class Classes:
    """What the channels of a published network stand for.

    Attributes
    ----------
    table
        The objects, in the order that ours have.
    channels
        Channel of each of them in the published network.
    thresholds
        Lowest score of a pick, where one is known.
    trained_heads
        Heads that the file says were trained, besides the finest one.
    trained_on
        Runs it may have been trained on.
    source
        Where such files come from.
    remarks
        What else to know.
    """

    table: ObjectTable
    channels: tuple[int, ...]
    thresholds: dict[str, float]
    trained_heads: tuple[int, ...]
    trained_on: tuple[str, ...]
    source: str
    remarks: str


def classes_of(hyper: Any, rows: int, path: Path) -> Classes:
    """Tell the objects of a network.

    Parameters
    ----------
    hyper
        Lightning's hyperparameters; None for a checkpoint that has none.
    rows
        Channels of its heads, background among them.
    path
        The file, for messages.

    Raises
    ------
    UserError
        If there are more or fewer channels than objects, or their table is not one.
    """
    is_topcup = isinstance(hyper, Mapping)
    told: Mapping[str, Any] = hyper if is_topcup else {}
    ids = _mapping(told, "particle_ids") or {name: n for n, name in enumerate(_COMPETITION)}
    if not all(isinstance(n, int) for n in ids.values()) or (
        sorted(ids.values()) != list(range(rows - 1))
    ):
        raise UserError(
            f"{path}: its heads have {rows} channels, and its {len(ids)} objects "
            f"({', '.join(ids)}) and background need {len(ids) + 1}"
        )
    known = [name for name in CZII.names if name in ids]
    is_challenge = len(known) == len(ids)
    names = known if is_challenge else sorted(ids, key=lambda name: ids[name])
    radii, weights = _mapping(told, "particle_radius"), _mapping(told, "particle_weights")
    given = _mapping(told, "score_thresholds")
    thresholds: dict[str, Any] = {n: given.get(n, _THRESHOLDS.get(n)) for n in names}
    return Classes(
        table=_table(names, radii, weights, path),
        channels=tuple(ids[name] for name in names),
        thresholds={n: float(t) for n, t in thresholds.items() if _is_share(t)},
        trained_heads=_trained(told.get("lvl_weights")),
        trained_on=_RUNS if is_challenge else (),
        source=(
            "TopCUP, the re-implementation of the CZII challenge's 1st place"
            if is_topcup
            else "A network of the CZII challenge's 1st place"
        ),
        remarks=_REMARKS if is_challenge else "",
    )


def _mapping(told: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return a mapping from names out of the hyperparameters; nothing where there is none."""
    found = told.get(key)
    return {str(name): value for name, value in found.items()} if isinstance(found, Mapping) else {}


def _table(
    names: list[str], radii: Mapping[str, Any], weights: Mapping[str, Any], path: Path
) -> ObjectTable:
    """Return the objects, from the challenge's table where they are of it."""
    challenge = {entry.name: entry.model_dump() for entry in CZII.each()}
    rows = []
    for name in names:
        row: dict[str, Any] = {**challenge.get(name, {"name": name})}
        row |= {"radius": radii[name]} if name in radii else {}
        row |= {"weight": weights[name]} if name in weights else {}
        rows.append(row)
    return validate(ObjectTable, {"objects": rows}, source=f"{path}: its objects")


def _is_share(value: Any) -> bool:
    """Tell whether a value can be a threshold."""
    return isinstance(value, int | float) and 0 < value <= 1


def _trained(weights: Any) -> tuple[int, ...]:
    """Return the heads whose level had a weight in the loss, coarse to fine as they are stored."""
    return tuple(np.flatnonzero(weights).tolist()) if isinstance(weights, np.ndarray) else ()
