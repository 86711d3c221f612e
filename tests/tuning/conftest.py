"""Score maps with known particles: bumps at planted centres, and lower ones beside them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from tomoscout.core.geometry import Geometry
from tomoscout.core.objects import ObjectTable, ObjectType
from tomoscout.core.picks import Picks

OBJECTS = ObjectTable(
    objects=(ObjectType(name="large", radius=80), ObjectType(name="small", radius=40, weight=3))
)
GEOMETRY = Geometry((40, 64, 64), 10.0, 2)


@dataclass(frozen=True)
class Map:
    data: np.ndarray
    objects: tuple[str, ...]
    geometry: Geometry


@dataclass(frozen=True)
class Planted:
    """A run: its map and its truth."""

    name: str
    scores: Map
    truth: Picks


def planted(name: str, seed: int, *, twins: float = 0.0, alarms: int = 3) -> Planted:
    """Six particles per object, some far apart, and lower false bumps.

    ``twins`` gives each large particle a second bump, this far off in ångström and nearly as high.
    """
    rng = np.random.default_rng(seed)
    cells = np.array(np.meshgrid([5, 14], [6, 16, 26], [6, 16, 26], indexing="ij"))
    slots = rng.permutation(cells.reshape(3, -1).T)
    grid = np.indices(GEOMETRY.cells).astype(np.float32)
    maps, truth = [], []
    for part, entry in enumerate(OBJECTS.each()):
        mine = slots[part * 9 : part * 9 + 6 + alarms]
        score = np.zeros(GEOMETRY.cells, np.float32)
        for place, centre in enumerate(mine):
            height = rng.uniform(0.7, 0.9) if place < 6 else rng.uniform(0.1, 0.3)
            _add(score, grid, centre, height)
            if twins and entry.name == "large" and place < 6:
                _add(score, grid, centre + np.array([0, 0, twins / 20]), 0.95 * height)
        maps.append(score.astype(np.float16))
        truth.append(Picks(GEOMETRY.to_angstrom(mine[:6]), entry.name, run=name))
    return Planted(
        name, Map(np.stack(maps), tuple(OBJECTS.names), GEOMETRY), Picks.concatenate(truth)
    )


def _add(score: np.ndarray, grid: np.ndarray, centre: np.ndarray, height: float) -> None:
    square = ((grid - np.asarray(centre, float).reshape(3, 1, 1, 1)) ** 2).sum(axis=0)
    np.maximum(score, height * np.exp(-square / 2), out=score)


@pytest.fixture
def objects() -> ObjectTable:
    return OBJECTS


@pytest.fixture
def looks() -> list[Planted]:
    return [planted("r1", 1), planted("r2", 2)]


@pytest.fixture
def doubled() -> list[Planted]:
    """Maps in which each large particle shows twice, 60 Å apart."""
    return [planted("r1", 1, twins=60.0), planted("r2", 2, twins=60.0)]
