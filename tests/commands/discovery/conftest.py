"""A tiny project of two kinds of balls in noise, and an encoder that learns them in seconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tomoscout.cli import main
from tomoscout.core.objects import ObjectTable, ObjectType
from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume
from tomoscout.io.project_writer import write_copick_config, write_run

SPACING = 10.0
OBJECTS = ObjectTable(
    objects=(ObjectType(name="large", radius=60), ObjectType(name="small", radius=30))
)
FAST = [
    *("--training.steps", "24", "--training.batch-size", "16", "--training.warmup", "2"),
    *("--set", "crop=160", "--candidates.diameters", "60,120", "--training.validate-every", "12"),
]


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


@pytest.fixture(scope="session")
def balls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs in the layout of copick; their picks are the truth."""
    root = tmp_path_factory.mktemp("balls")
    for index in range(2):
        volume, picks = make_run(index)
        write_run(root, f"run{index}", volume, picks)
    write_copick_config(root, OBJECTS, name="balls")
    return root / "copick.json"


@pytest.fixture(scope="session")
def discovered(balls: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``discover`` leaves of them."""
    output = tmp_path_factory.mktemp("discover") / "out"
    flags = ["--clusters", "4", "--radius", "45", "--stride", "4"]
    assert main(["discover", str(balls), "-o", str(output), *flags, *FAST]) == 0
    return output
