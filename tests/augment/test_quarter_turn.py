import numpy as np
import pytest

from tomoscout.augment.quarter_turn import Settings, apply
from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume


def test_the_default_makes_four_orientations_equally_likely():
    volume = Volume(np.arange(48, dtype=np.float32).reshape(3, 4, 4), 10.0)
    seen = [
        apply(volume, Picks.empty(), settings=Settings(), rng=np.random.default_rng(seed))[0]
        .read()
        .tobytes()
        for seed in range(400)
    ]
    counts = np.unique(seen, return_counts=True)[1]
    assert len(counts) == 4
    assert counts.min() > 70  # 100 are expected
    expected = {np.rot90(volume.read(), k, axes=(1, 2)).tobytes() for k in range(4)}
    assert set(seen) == expected


def test_a_crop_that_is_not_square_keeps_its_shape():
    volume = Volume(np.arange(60, dtype=np.float32).reshape(3, 4, 5), 10.0)
    for seed in range(8):
        rng = np.random.default_rng(seed)
        out, _ = apply(volume, Picks.empty(), settings=Settings(probability=1), rng=rng)
        np.testing.assert_array_equal(out.read(), volume.read()[:, ::-1, ::-1])


@pytest.mark.parametrize(("plane", "axes"), [("yx", (1, 2)), ("zy", (0, 1)), ("zx", (0, 2))])
def test_a_plane_turns_its_two_axes_and_leaves_the_third(plane, axes):
    volume = Volume(np.arange(64, dtype=np.float32).reshape(4, 4, 4), 10.0)
    settings = Settings(probability=1, planes=(plane,))
    seen = {
        apply(volume, Picks.empty(), settings=settings, rng=np.random.default_rng(seed))[0]
        .read()
        .tobytes()
        for seed in range(30)
    }
    assert seen == {np.rot90(volume.read(), k, axes=axes).tobytes() for k in (1, 2, 3)}


@pytest.mark.parametrize("plane", ["yx", "zy", "zx"])
def test_points_and_poses_turn_in_every_plane(plane):
    shape = (5, 5, 5) if plane == "yx" else (5, 6, 5) if plane == "zx" else (5, 5, 6)
    data = np.zeros(shape, np.float32)
    data[1, 3, 4] = 1
    picks = Picks(
        np.array([[10.0, 30, 40], [20.0, 20, 20]]), "a", rotations=np.stack([np.eye(3)] * 2)
    )
    for seed in range(6):
        rng = np.random.default_rng(seed)
        settings = Settings(probability=1, planes=(plane,))
        out, moved = apply(Volume(data, 10.0), picks, settings=settings, rng=rng)
        np.testing.assert_array_equal(np.argwhere(out.read())[0] * 10.0, moved.zyx[0])
        np.testing.assert_allclose(np.linalg.det(moved.rotations), 1)
        old, new = ((p.zyx[0] - p.zyx[1])[::-1] for p in (picks, moved))
        if shape == (5, 5, 5):  # the second point is the middle then, which stays
            np.testing.assert_allclose(moved.rotations[0] @ old, new)
