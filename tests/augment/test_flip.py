import numpy as np

from tomoscout.augment.flip import Settings, apply
from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume

VOLUME = Volume(np.arange(60, dtype=np.float32).reshape(3, 4, 5), 10.0)


def flips(seed: int, **options) -> np.ndarray:
    out, _ = apply(
        VOLUME, Picks.empty(), settings=Settings(**options), rng=np.random.default_rng(seed)
    )
    return out.read()


def test_each_axis_is_reversed_half_of_the_time_and_on_its_own():
    seen = [flips(seed).tobytes() for seed in range(400)]
    counts = np.unique(seen, return_counts=True)[1]
    assert len(counts) == 8
    assert counts.min() > 25  # 50 are expected


def test_only_the_allowed_axes_are_reversed():
    out = flips(0, probability=1.0, axes=("y",))
    np.testing.assert_array_equal(out, VOLUME.read()[:, ::-1])


def test_two_reversals_are_half_a_turn_and_one_is_a_mirror():
    picks = Picks(np.zeros((1, 3)), "a", rotations=np.eye(3)[None])
    rng = np.random.default_rng(0)
    _, turned = apply(VOLUME, picks, settings=Settings(probability=1, axes=("y", "x")), rng=rng)
    np.testing.assert_allclose(turned.rotations, [np.diag([-1.0, -1.0, 1.0])])
    _, mirrored = apply(VOLUME, picks, settings=Settings(probability=1, axes=("x",)), rng=rng)
    assert mirrored.rotations is None
