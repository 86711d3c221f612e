import numpy as np

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
