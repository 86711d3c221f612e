from dataclasses import dataclass

import numpy as np
import pytest

from tomoscout.core.objects import ObjectTable, ObjectType
from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume

SPACING = 10.0
OBJECTS = ObjectTable(
    objects=(
        ObjectType(name="ribosome", radius=150, weight=1, color=(0, 114, 178)),
        ObjectType(name="apo-ferritin", radius=60, weight=2, color=(230, 159, 0)),
    )
)


@dataclass(frozen=True)
class Scene:
    """A small tomogram with dark balls, the truth, and picks of known fate."""

    volume: Volume
    truth: Picks
    picks: Picks
    objects: ObjectTable = OBJECTS


@pytest.fixture(scope="session")
def scene():
    """Three ribosomes and two ferritins; picks: 2 + 1 hits, 1 + 1 false alarms, 1 + 1 missed."""
    truth = Picks(
        np.array(
            [
                [200.0, 300, 300],
                [200, 300, 900],
                [200, 900, 300],
                [150, 700, 700],
                [300, 800, 900],
            ]
        ),
        np.array(["ribosome"] * 3 + ["apo-ferritin"] * 2),
        run="TS_1",
    )
    picks = Picks(
        np.array(
            [
                [205.0, 310, 295],
                [195, 290, 905],
                [200, 600, 600],
                [150, 705, 700],
                [100, 100, 1000],
            ]
        ),
        np.array(["ribosome"] * 3 + ["apo-ferritin"] * 2),
        scores=np.array([0.9, 0.8, 0.6, 0.7, 0.5]),
        run="TS_1",
    )
    rng = np.random.default_rng(0)
    data = rng.normal(0, 0.2, (40, 120, 128)).astype(np.float32)
    grid = np.stack(np.meshgrid(*map(np.arange, data.shape), indexing="ij"), -1) * SPACING
    for centre, name in zip(truth.zyx, truth.objects, strict=True):
        ball = ((grid - centre) ** 2).sum(-1) < OBJECTS[str(name)].radius ** 2
        data[ball] -= 2
    return Scene(Volume(data, SPACING, "TS_1"), truth, picks)
