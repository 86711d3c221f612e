from __future__ import annotations

import numpy as np
import pytest

from tomoscout.simulation.clutter import LEAFLETS, Bead, CarbonEdge, Clutter, Vesicle


def test_a_vesicle_has_two_leaflets_40_angstrom_apart():
    volume = np.zeros((61, 61, 61), np.float32)
    vesicle = Vesicle((120.0, 120.0, 120.0), (80.0, 80.0, 80.0), 0.0, (0.0, 0.0, 0.0))
    vesicle.paint(volume, voxel_spacing=4.0)
    ray = volume[30, 30, 30:]
    peaks = [i for i in range(1, 29) if ray[i - 1] < ray[i] >= ray[i + 1]]
    assert [4.0 * i for i in peaks] == pytest.approx([60.0, 100.0], abs=4.0)
    assert np.diff(peaks)[0] * 4.0 == pytest.approx(LEAFLETS, abs=4.0)
    assert volume[30, 30, 30] == 0


def test_distance_to_a_round_membrane_is_exact():
    vesicle = Vesicle((10.0, 20.0, 30.0), (100.0, 100.0, 100.0), 0.7, (0.0, 0.0, 0.0))
    points = np.array([[10.0, 10.0], [20.0, 20.0], [30.0 + 150, 30.0 + 40]])
    assert vesicle.distance(points) == pytest.approx([50.0, -60.0])


def test_an_ellipsoid_turns_in_the_plane():
    vesicle = Vesicle((0.0, 0.0, 0.0), (100.0, 100.0, 300.0), np.pi / 2, (0.0, 0.0, 0.0))
    assert vesicle.distance(np.array([0.0, 300.0, 0.0])) == pytest.approx(0, abs=1e-4)
    assert vesicle.distance(np.array([0.0, 0.0, 100.0])) == pytest.approx(0, abs=1e-4)


def test_a_bead_is_the_densest_and_has_its_volume():
    volume = np.zeros((40, 40, 40), np.float32)
    Bead((200.0, 200.0, 200.0), 50.0, 12.0).paint(volume, voxel_spacing=10.0)
    assert volume.max() == pytest.approx(12.0)
    assert volume.sum() * 1000 / 12.0 == pytest.approx(4 / 3 * np.pi * 50**3, rel=0.05)


def test_things_outside_the_volume_leave_no_trace():
    volume = np.zeros((20, 20, 20), np.float32)
    Bead((100.0, -400.0, 100.0), 50.0, 12.0).paint(volume, voxel_spacing=10.0)
    Vesicle((100.0, 900.0, 100.0), (80.0, 80.0, 80.0), 0.0, (0.0, 0.0, 0.0)).paint(
        volume, voxel_spacing=10.0
    )
    CarbonEdge((100.0, 100.0), 5000.0, (50.0, 150.0), 0.3, 1).paint(volume, voxel_spacing=10.0)
    assert not volume.any()


def test_carbon_lies_beyond_its_edge_only():
    volume = np.zeros((20, 64, 64), np.float32)
    edge = CarbonEdge((315.0, -1000.0), 1300.0, (50.0, 150.0), 0.3, 1)
    edge.paint(volume, voxel_spacing=10.0)
    assert np.abs(volume[:, :, :24]).max() < 0.05  # in the hole, up to the rim's blur
    assert volume[10, 5, 40:].std() > 0.1
    assert not volume[:5].any()
    assert not volume[15:].any()
    assert volume[10, 31, 31] > 0.6


def test_rays_meet_the_membrane_where_its_distance_is_zero():
    vesicle = Vesicle((300.0, 400.0, 500.0), (150.0, 260.0, 320.0), 0.6, (0.08, -0.04, 0.03))
    points, normals = vesicle.surface(np.random.default_rng(0).normal(size=(500, 3)))
    assert np.abs(vesicle.distance(points.T)).max() < 1e-6
    assert np.linalg.norm(normals, axis=1) == pytest.approx(1.0)
    outside = vesicle.distance((points + 5 * normals).T)
    assert np.all(outside > 2.0)  # normals point outwards
    assert np.all(vesicle.clearance(points) == pytest.approx(-LEAFLETS / 2))


@pytest.mark.parametrize(
    ("thing", "point", "expected"),
    [
        (Bead((0.0, 0.0, 0.0), 50.0, 10.0), (0.0, 0.0, 80.0), 30.0),
        (CarbonEdge((0.0, 0.0), 1000.0, (0.0, 10.0), 0.2, 1), (900.0, 600.0, 0.0), 400.0),
        (Vesicle((0.0, 0.0, 0.0), (90.0,) * 3, 0.0, (0.0,) * 3), (0.0, 0.0, 40.0), 30.0),
        (Vesicle((0.0, 0.0, 0.0), (90.0,) * 3, 0.0, (0.0,) * 3), (0.0, 150.0, 0.0), 40.0),
    ],
)
def test_clearance_is_the_way_to_the_surface(thing, point, expected):
    assert isinstance(thing, Clutter)
    assert thing.clearance(np.array([point])) == pytest.approx([expected])
