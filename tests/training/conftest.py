"""A tiny project that a small network learns in seconds: two objects, discs of unlike size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tomoscout.core.objects import ObjectTable, ObjectType
from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume
from tomoscout.io.project_writer import write_copick_config, write_run

OBJECTS = ObjectTable(
    objects=(ObjectType(name="large", radius=60), ObjectType(name="small", radius=30))
)
SPACING = 10.0


def make_run(seed: int, shape: tuple[int, int, int] = (40, 64, 64)) -> tuple[Volume, Picks]:
    """Dark balls in noise, far enough apart to be told from one another."""
    rng = np.random.default_rng(seed)
    data = rng.normal(0, 0.3, shape).astype(np.float32)
    grid = np.indices(shape).astype(np.float32)
    centres: list[np.ndarray] = []
    while len(centres) < 10:
        at = rng.uniform(4, np.array(shape) - 5)
        if all(np.linalg.norm(at - other) > 13 for other in centres):
            centres.append(at)
    names = ["large", "small"] * 5
    for at, name in zip(centres, names, strict=True):
        radius = 5.0 if name == "large" else 2.5
        data[np.sqrt(((grid - at[:, None, None, None]) ** 2).sum(0)) < radius] -= 3.0
    return Volume(data, SPACING), Picks(np.array(centres) * SPACING, np.array(names))


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three runs in the layout of copick."""
    root = tmp_path_factory.mktemp("project")
    for index in range(3):
        volume, picks = make_run(index)
        write_run(root, f"run{index}", volume, picks)
    write_copick_config(root, OBJECTS, name="balls")
    return root / "copick.json"
