"""What training masks are worth: the particles that a perfect answer would give back.

A network that has learnt its masks to the last voxel answers with the masks. Where they touch, or
are too small for the voxels, even that answer loses particles; better to know before training.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tomoscout.core.geometry import Geometry
from tomoscout.core.objects import ObjectTable
from tomoscout.core.picks import Picks
from tomoscout.io._atomic import atomic_path
from tomoscout.metrics import one_to_one
from tomoscout.pickers import components
from tomoscout.reporting.counts import count_bars, tally

CHART = "labels.png"


@dataclass(frozen=True)
class Check:
    """How the picks of a run's masks compare with the particles these were drawn from.

    Attributes
    ----------
    f4
        By object, for those that the run has.
    found, particles
        How many picks the masks give, and how many particles there are, by object.
    """

    f4: dict[str, float]
    found: dict[str, int]
    particles: dict[str, int]

    def facts(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)


def read_back(labels: np.ndarray, *, geometry: Geometry, objects: ObjectTable) -> Picks:
    """Pick a label volume, each object's mask as a map of scores.

    Parameters
    ----------
    labels
        `(z, y, x)` numbers of objects in the table, from 1; 0 elsewhere.
    geometry
        Where the voxels lie.
    objects
        Names and radii.
    """
    return Picks.concatenate(
        [
            components.find_picks(
                (labels == label).astype(np.float16),
                geometry=geometry,
                radius=entry.radius,
                name=entry.name,
                threshold=0.5,
                settings=components.Settings(),
            )
            for label, entry in enumerate(objects.each(), start=1)
        ]
    )


def check(found: Picks, truth: Picks, *, objects: ObjectTable) -> Check:
    """Compare what was read back with the particles themselves."""
    result = one_to_one.score(found, truth, objects=objects)  # one blob is one particle
    counts = (
        dict(zip(objects.names, tally([picks], objects=objects)[0].tolist(), strict=True))
        for picks in (found, truth)
    )
    present = {name: f for name, f in result.f_beta.items() if name not in result.absent}
    return Check(present, *counts)


def write_chart(
    folder: Path,
    runs: Mapping[str, tuple[Mapping[str, int], Mapping[str, int] | None]],
    *,
    objects: ObjectTable,
    what: str,
) -> None:
    """Draw how many labels each object has in each run, into ``labels.png``.

    Parameters
    ----------
    folder
        Where the picture goes.
    runs
        By run: how many labels each object has, and how many particles, where they compare.
    objects
        Names and colours.
    what
        What the labels are.
    """
    names = sorted(runs)
    drawn, truth = (
        [[(runs[run][part] or {}).get(name, 0) for name in objects.names] for run in names]
        for part in (0, 1)
    )
    is_known = all(runs[run][1] is not None for run in names)
    figure = count_bars(
        np.array(drawn), np.array(truth) if is_known else None,
        runs=names, objects=objects, what=what,
    )  # fmt: skip
    with atomic_path(folder / CHART, overwrite=True) as temporary:
        figure.savefig(temporary, format="png", dpi=150)
