"""Picks that a twin is made at, as a user may have them."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from tomoscout.cli import main
from tomoscout.core.objects import CZII
from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume
from tomoscout.io.picks import write_picks
from tomoscout.io.project_writer import write_copick_config, write_run

SHAPE = (48, 96, 96)


SPACING = 10.012444


ZYX = np.array([[201.5, 350.25, 611.75], [260.125, 702.5, 240.0], [300.0, 120.875, 130.5]])


NAMES = np.array(["ribosome", "apo-ferritin", "thyroglobulin"])


TURNS = Rotation.random(3, random_state=np.random.default_rng(5)).as_matrix()


QUIET = "--scene.vesicles 0 --scene.carbon 0 --scene.beads 0 --scene.actin 0 --debris 0"


TWIN = f"--preset czii-twin --physics quick --shape 48 96 96 --runs 1 {QUIET} -q"


def run(command):
    assert main(command.split()) == 0


def given(**changes):
    values = {"rotations": TURNS, "run": "TS_1", "extent": tuple(n * SPACING for n in SHAPE)}
    return Picks(ZYX, NAMES, **values | changes)


def source(kind, folder):
    """Write the given picks in one of the ways a user may have them."""
    if kind == "project":
        volume = Volume(np.zeros(SHAPE, np.float32), SPACING)
        write_run(folder / "real", "TS_1", volume, given())
        write_copick_config(folder / "real", CZII, name="real")
        return folder / "real"
    path = folder / f"given.{kind}"
    write_picks(given(), path)
    return path
