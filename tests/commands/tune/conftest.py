"""A project of three runs, and weights that saw the first of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from samples.planted import GEOMETRY, OBJECTS, RUNS, save_weights, truth_of
from tomoscout.cli import main
from tomoscout.core.volume import Volume
from tomoscout.io.project_writer import write_copick_config, write_run


@pytest.fixture(scope="module")
def shelf(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("shelf")
    for run in RUNS:
        noise = np.random.default_rng(0).normal(size=GEOMETRY.shape).astype(np.float32)
        write_run(folder / "project", run, Volume(noise, 10.0), truth_of(run))
    write_copick_config(folder / "project", OBJECTS, name="planted")
    return folder


Say = Callable[[str], tuple[int, str, str]]


@pytest.fixture
def say(shelf, tmp_path, monkeypatch, capsys) -> Say:
    """Run a command in an empty folder with weights w.safetensors; PROJECT stands for the runs."""
    monkeypatch.chdir(tmp_path)
    save_weights(tmp_path / "w.safetensors")

    def run(command: str) -> tuple[int, str, str]:
        words = command.replace("PROJECT", str(shelf / "project" / "copick.json")).split()
        code = main([*words, "--quiet"])
        told = capsys.readouterr()
        return code, told.out, told.err

    return run
