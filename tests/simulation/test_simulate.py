from __future__ import annotations

import hashlib

import numpy as np
import pytest

from tomoscout.core.objects import CZII, ObjectTable, ObjectType
from tomoscout.simulation import QuickSettings, Scene, simulate

SMALL = Scene(shape=(64, 128, 128), crowding=2.0)


def digest(made):
    volume, picks = made.tomogram, made.picks
    parts = (volume.data.tobytes(), picks.zyx.tobytes(), picks.rotations.tobytes())
    return hashlib.sha256(b"".join((*parts, "".join(picks.objects).encode()))).hexdigest()


def test_the_same_seed_gives_the_same_bytes_with_any_number_of_workers():
    first = digest(simulate(seed=4, scene=SMALL, workers=1))
    assert digest(simulate(seed=4, scene=SMALL, workers=1)) == first
    assert digest(simulate(seed=4, scene=SMALL, workers=3)) == first
    assert digest(simulate(seed=5, scene=SMALL, workers=1)) != first


def test_a_tomogram_looks_like_denoised_data_of_the_challenge():
    made = simulate(seed=1, scene=SMALL, name="TS_1")
    volume, picks = made.tomogram, made.picks
    assert volume.shape == SMALL.shape
    assert volume.voxel_spacing == SMALL.voxel_spacing
    assert volume.data.dtype == np.float32
    assert volume.name == picks.run == "TS_1"
    assert 4e-6 < volume.data.std() < 1e-5  # 7.2e-6 in the challenge
    assert np.isfinite(volume.data).all()
    assert set(picks.names) <= set(CZII.names)
    assert picks.rotations.shape == (len(picks), 3, 3)


@pytest.mark.parametrize("name", ["ribosome", "beta-galactosidase", "thyroglobulin"])
def test_planted_particles_are_darker_than_their_surroundings(name):
    scene = Scene(shape=(96, 160, 160), counts={name: 12}, vesicles=0, beads=0, carbon=0, debris=0)
    made = simulate(
        seed=2, scene=scene, microscope=QuickSettings(noise=(0.1, 0.1), smoothing=(8.0, 8.0))
    )
    volume, picks = made.tomogram, made.picks
    at = np.rint(picks.zyx / scene.voxel_spacing).astype(int)
    at = at[np.all((at > 3) & (at < np.array(scene.shape) - 4), axis=1)]
    inside = [volume.data[tuple(slice(c - 2, c + 3) for c in centre)].mean() for centre in at]
    spread = 1.4826 * np.median(np.abs(volume.data - np.median(volume.data)))
    assert len(at) >= 5
    assert (np.median(volume.data) - np.mean(inside)) / spread > 0.5


def test_other_objects_than_the_challenges_can_be_simulated():
    table = ObjectTable(objects=(ObjectType(name="mystery", radius=100.0),))
    picks = simulate(seed=0, scene=SMALL, objects=table).picks
    assert picks.names == ["mystery"]
