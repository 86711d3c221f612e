"""Jobs that are killed, really, and go on at the slab where they were."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from samples.detectors import save_tomogram
from tomoscout.inference import detect, scratch
from tomoscout.io.scores import read_scores

# A child that ends as kill -9 ends it, when so many planes are on the disk.
CHILD = """
import os, signal, sys
from tomoscout.inference import scratch
from tomoscout.io.scores import ScoreStore
write = ScoreStore.write
def until(store, start, slab):
    write(store, start, slab)
    if store.done >= 32:
        os.kill(os.getpid(), signal.SIGKILL)
ScoreStore.write = until
scratch._IN_MEMORY = 0
from tomoscout.cli import main
main(sys.argv[1:])
"""


@pytest.fixture
def large(place):
    """A tomogram of several slabs."""
    save_tomogram(place / "t2.mrc", seed=0, shape=(150, 24, 24))
    return place


@pytest.fixture
def begun(monkeypatch):
    """The planes at which predictions begin."""
    planes, predict = [], detect.predict

    def noting(*args, **options):
        planes.append(options["first"])
        return predict(*args, **options)

    monkeypatch.setattr(detect, "predict", noting)
    return planes


def kill(verb: str) -> None:
    words = [verb, "t2.mrc", "--model", "w.safetensors", "-o", "out", "--quiet"]
    done = subprocess.run([sys.executable, "-c", CHILD, *words], capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.mark.parametrize("verb", ["predict", "pick"])
def test_a_killed_job_ends_like_one_that_was_not(large, run, begun, monkeypatch, verb):
    monkeypatch.setattr(scratch, "_IN_MEMORY", 0)
    assert run(verb, "t2.mrc", "-o", "whole") == 0
    kill(verb)
    (left,) = large.glob("out/*.partial-0")
    assert not json.loads((large / f"out/{verb}.json").read_text())["runs"]
    assert run(verb, "t2.mrc") == 0
    assert begun == [0, 32]
    assert not left.exists()
    if verb == "pick":
        for name in ("picks.star", "candidates/t2.csv"):
            assert (large / "out" / name).read_text() == (large / "whole" / name).read_text()
        return
    wanted, found = (read_scores(large / f / "t2.scores.zarr").data[...] for f in ("whole", "out"))
    np.testing.assert_array_equal(found, wanted)


def test_a_killed_job_of_other_settings_is_begun_anew(large, run, begun):
    kill("predict")
    assert run("predict", "t2.mrc", "--tta", "z_flip") == 0
    assert begun == [0]
    assert not list(Path("out").glob("*.partial-0"))
