from __future__ import annotations

import numpy as np
import pytest

from tomoscout.simulation.clutter import Clutter
from tomoscout.simulation.density import PROTEIN_DENSITY
from tomoscout.simulation.fibres import ACTIN, MICROTUBULE, Fibre, draw_axis


def straight(kind, *, length=2000.0):
    count = int(length / kind.rise)
    return Fibre(tuple((300.0, 300.0, 100.0 + i * kind.rise) for i in range(count)), kind)


@pytest.mark.parametrize("kind", [ACTIN, MICROTUBULE])
def test_a_fibre_weighs_what_its_subunits_weigh(kind):
    fibre, volume = straight(kind, length=800.0), np.zeros((60, 60, 110), np.float32)
    fibre.paint(volume, voxel_spacing=10.0)
    mass = volume.sum(dtype=np.float64) * 1000 * PROTEIN_DENSITY
    assert mass == pytest.approx(len(fibre.nodes) * kind.per_ring * kind.mass, rel=1e-3)


def test_a_microtubule_is_a_tube_of_25_nanometres_and_13_protofilaments():
    fibre, volume = straight(MICROTUBULE), np.zeros((60, 60, 200), np.float32)
    fibre.paint(volume, voxel_spacing=10.0)
    section = volume[:, :, 60:120].mean(axis=2)
    assert section[30, 30] < 0.02  # hollow
    profile = section[30, 30:]
    assert 9 <= int(np.argmax(profile)) <= 11  # wall at 10 nm from the axis
    assert profile[14] < 0.1  # nothing beyond 12.5 nm
    around = fibre.units().reshape(-1, 13, 3)[5, :, :2] - 300.0
    assert np.hypot(*around.T) == pytest.approx(MICROTUBULE.subunits)
    assert len(np.unique(np.rint(np.rad2deg(np.arctan2(*around.T))))) == 13


def test_actin_subunits_follow_the_helix():
    units = straight(ACTIN).units()[5:25] - (300.0, 300.0, 0.0)
    assert np.diff(units[:, 2]) == pytest.approx(27.5)
    angles = np.arctan2(units[:, 0], units[:, 1])
    turns = np.abs(np.rad2deg((np.diff(angles) + np.pi) % (2 * np.pi) - np.pi))
    assert turns == pytest.approx(166.7)


def test_clearance_of_a_fibre_is_at_most_the_way_to_its_tube():
    fibre = straight(MICROTUBULE)
    points = np.array([[300.0, 700.0, 900.0], [300.0, 330.0, 900.0], [5000.0, 300.0, 300.0]])
    near, inside, far = fibre.clearance(points)
    assert isinstance(fibre, Clutter)
    assert 265.0 < near <= 275.0  # 400 from the axis, 125 of them inside
    assert inside < -90
    assert far > 500


def test_microtubules_are_straighter_than_actin():
    bends = {}
    for kind in (ACTIN, MICROTUBULE):
        ends = []
        for seed in range(20):
            nodes = draw_axis(
                np.zeros(3), kind=kind, length=8000.0, rng=np.random.default_rng(seed)
            )
            steps = np.linalg.norm(np.diff(nodes, axis=0), axis=1)
            assert steps == pytest.approx(kind.rise)
            ends.append(np.linalg.norm(nodes[-1] - nodes[0]) / steps.sum())
        bends[kind.mass] = 1 - np.mean(ends)
    assert bends[MICROTUBULE.mass] < 1e-3
    # A worm-like chain of length L << P is shorter than its contour by about L / 3P.
    assert bends[ACTIN.mass] == pytest.approx(8000 / 3 / ACTIN.persistence, rel=0.6)


def test_a_fibre_outside_the_volume_leaves_no_trace():
    volume = np.zeros((20, 20, 20), np.float32)
    straight(ACTIN).paint(volume, voxel_spacing=10.0)
    assert not volume.any()
