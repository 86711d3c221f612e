"""Tomograms of dark balls in noise, of two sizes, that keep their distance."""

from __future__ import annotations

import numpy as np

from tomoscout.core.objects import ObjectTable, ObjectType
from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume

SPACING = 10.0
OBJECTS = ObjectTable(
    objects=(ObjectType(name="large", radius=60), ObjectType(name="small", radius=30))
)


def make_run(seed: int, count: int = 14) -> tuple[Volume, Picks]:
    """Dark balls of two sizes that keep their distance."""
    rng = np.random.default_rng(seed)
    shape = (32, 64, 64)
    data = rng.normal(0, 0.4, shape).astype(np.float32)
    grid = np.indices(shape).astype(np.float32)
    centres: list[np.ndarray] = []
    while len(centres) < count:
        at = rng.uniform(5, np.array(shape) - 6)
        if all(np.linalg.norm(at - other) > 13 for other in centres):
            centres.append(at)
    names = np.array(["large", "small"] * (count // 2))
    for at, name in zip(centres, names, strict=True):
        radius = 5.0 if name == "large" else 2.5
        data[np.sqrt(((grid - at[:, None, None, None]) ** 2).sum(0)) < radius] -= 2.0
    return Volume(data, SPACING), Picks(np.array(centres) * SPACING, names)
