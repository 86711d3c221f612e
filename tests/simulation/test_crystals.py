from __future__ import annotations

import numpy as np
import pytest

from tomoscout.simulation.clutter import Clutter
from tomoscout.simulation.crystals import Crystal

CRYSTAL = Crystal((250.0, 260.0, 270.0), 200.0, 0.5, 3)


def test_a_crystal_is_a_convex_body_of_one_density_with_sharp_faces():
    volume = np.zeros((50, 52, 54), np.float32)
    CRYSTAL.paint(volume, voxel_spacing=10.0)
    solid = volume > 0.25
    assert volume[25, 26, 27] == pytest.approx(0.5)
    assert volume[solid].mean() == pytest.approx(0.5, rel=0.05)
    # Convex: the middle of any two points inside is inside.
    inside = np.argwhere(solid)
    rng = np.random.default_rng(0)
    first, second = inside[rng.integers(len(inside), size=(2, 500))]
    on_voxel = ((first + second) % 2 == 0).all(axis=1)
    middle = (first + second)[on_voxel] // 2
    assert len(middle) > 30
    assert volume[tuple(middle.T)].min() >= 0.25
    assert np.linalg.norm(inside * 10.0 - CRYSTAL.zyx, axis=1).max() <= 210.0


def test_clearance_of_a_crystal_agrees_with_what_is_painted():
    volume = np.zeros((50, 52, 54), np.float32)
    CRYSTAL.paint(volume, voxel_spacing=10.0)
    points = np.argwhere(np.ones(volume.shape, bool)) * 10.0
    off = CRYSTAL.clearance(points)
    assert isinstance(CRYSTAL, Clutter)
    np.testing.assert_array_equal(off[np.abs(off) > 1] < 0, volume.ravel()[np.abs(off) > 1] > 0.25)


def test_a_crystal_beyond_the_volume_leaves_no_trace():
    volume = np.zeros((20, 20, 20), np.float32)
    Crystal((900.0, 100.0, 100.0), 200.0, 0.5, 3).paint(volume, voxel_spacing=10.0)
    assert not volume.any()
