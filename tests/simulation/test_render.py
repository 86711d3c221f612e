from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

from tomoscout.core.objects import CZII
from tomoscout.core.picks import Picks
from tomoscout.simulation.density import PROTEIN_DENSITY, Blobs, rasterise
from tomoscout.simulation.render import render, stamp
from tomoscout.simulation.scene import Arrangement
from tomoscout.simulation.shapes import blobs

SPACING = 10.012444


def alone(name, zyx, rotation, *, shape=(48, 48, 48), **options):
    density = rasterise(blobs(CZII[name], **options), voxel_spacing=SPACING / 2)
    picks = Picks(np.array([zyx]), name, rotations=rotation[None], run="r")
    arrangement = Arrangement(picks, Picks.empty("r"), (), ())
    return render(arrangement, shape=shape, voxel_spacing=SPACING, densities={name: density})


@pytest.mark.parametrize("name", CZII.names)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_particle_stands_where_its_pick_says(name, seed):
    rng = np.random.default_rng(seed)
    zyx = (24 + rng.uniform(-0.5, 0.5, 3)) * SPACING
    rotation = Rotation.from_quat(rng.normal(size=4)).as_matrix()
    volume = alone(name, zyx, rotation, variant=seed, wobble=3.0)
    centre = np.array(ndimage.center_of_mass(volume.astype(np.float64))) * SPACING
    assert np.linalg.norm(centre - zyx) < 0.6  # Å


@pytest.mark.parametrize("name", CZII.names)
def test_rendering_keeps_the_mass(name):
    rotation = Rotation.from_euler("zyx", [20, 50, 70], degrees=True).as_matrix()
    volume = alone(name, np.full(3, 24.3 * SPACING), rotation)
    mass = volume.sum(dtype=np.float64) * SPACING**3 * PROTEIN_DENSITY
    assert mass == pytest.approx(blobs(CZII[name]).mass, rel=0.01)


@pytest.mark.parametrize("name", ["ribosome", "thyroglobulin", "beta-galactosidase"])
@pytest.mark.parametrize("seed", [3, 4])
def test_the_pose_in_the_picks_turns_the_reference(name, seed):
    # Independent of the renderer: turn the blobs themselves as xyz column vectors, then draw.
    rotation = Rotation.from_quat(np.random.default_rng(seed).normal(size=4)).as_matrix()
    reference = blobs(CZII[name])
    xyz = rotation @ reference.zyx[:, ::-1].T
    turned = Blobs(xyz.T[:, ::-1], reference.weights, reference.mass, reference.sigma)
    exact = rasterise(turned, voxel_spacing=SPACING).data
    half = exact.shape[0] // 2
    volume = alone(name, np.full(3, 24 * SPACING), rotation)
    drawn = volume[24 - half : 25 + half, 24 - half : 25 + half, 24 - half : 25 + half]
    assert np.corrcoef(exact.ravel(), drawn.ravel())[0, 1] > 0.985
    transposed = alone(name, np.full(3, 24 * SPACING), rotation.T)
    wrong = transposed[24 - half : 25 + half, 24 - half : 25 + half, 24 - half : 25 + half]
    assert np.corrcoef(exact.ravel(), wrong.ravel())[0, 1] < 0.9


def test_one_quarter_turn_about_z_moves_x_to_y():
    rod = Blobs(np.array([[0, 0, 60.0], [0, 0, -20.0], [0, 0, -40.0]]), np.ones(3), 100.0)
    density = rasterise(rod, voxel_spacing=5.0)
    volume = np.zeros((31, 31, 31), np.float32)
    quarter = Rotation.from_euler("z", 90, degrees=True).as_matrix()  # x to y, y to -x
    stamp(volume, density, np.full(3, 150.0), quarter, voxel_spacing=10.0)
    assert volume[15, 21, 15] > 10 * volume[15, 15, 21]
    assert volume[15, 21, 15] > 10 * volume[15, 9, 15]


def test_a_particle_on_the_border_is_cut_there_and_nowhere_else():
    whole = alone("ribosome", np.full(3, 24 * SPACING), np.eye(3))
    corner = alone("ribosome", np.array([24, 3, 46.0]) * SPACING, np.eye(3))
    np.testing.assert_allclose(corner[:, :20, 30:], whole[:, 21:41, 8:26], atol=1e-5)
    assert corner.sum() < 0.7 * whole.sum()


def test_a_particle_out_of_reach_leaves_no_trace():
    volume = alone("apo-ferritin", np.array([24, 24, 90.0]) * SPACING, np.eye(3))
    assert not volume.any()


def test_occupancy_multiplies_the_density():
    density = rasterise(blobs(CZII["apo-ferritin"]), voxel_spacing=SPACING / 2)
    picks = Picks(np.full((1, 3), 160.0), "apo-ferritin", rotations=np.eye(3)[None])
    arrangement = Arrangement(picks, Picks.empty(), (), ())
    full, half = (
        render(
            arrangement,
            shape=(32, 32, 32),
            voxel_spacing=SPACING,
            densities={"apo-ferritin": density},
            occupancy={"apo-ferritin": by},
        )
        for by in (1.0, 0.5)
    )
    np.testing.assert_allclose(half, full / 2, rtol=1e-6)
