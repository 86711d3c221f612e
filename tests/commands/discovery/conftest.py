"""A tiny project of two kinds of balls in noise, and an encoder that learns them in seconds."""

from __future__ import annotations

from pathlib import Path

import pytest

from samples.balls import OBJECTS, make_run
from tomoscout.cli import main
from tomoscout.io.project_writer import write_copick_config, write_run

FAST = [
    *("--training.steps", "24", "--training.batch-size", "16", "--training.warmup", "2"),
    *("--set", "crop=160", "--candidates.diameters", "60,120", "--training.validate-every", "12"),
]


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
