import numpy as np
import pytest

from tomoscout.augment.scale import Settings, apply
from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume


@pytest.mark.parametrize("seed", range(6))
def test_a_ball_grows_as_the_points_move_apart(seed):
    grid = np.stack(np.meshgrid(*[np.arange(41)] * 3, indexing="ij"), -1)
    ball = Volume((np.linalg.norm(grid - 20, axis=-1) < 10).astype("f4"), 10.0)
    picks = Picks(np.array([[100.0, 200, 200], [300.0, 200, 200]]), "a")
    settings = Settings(probability=1.0, amount=0.2)
    out, moved = apply(ball, picks, settings=settings, rng=np.random.default_rng(seed))
    factor = (moved.zyx[1, 0] - moved.zyx[0, 0]) / 200
    assert 0.8 <= factor <= 1.2
    assert out.read().sum() / ball.read().sum() == pytest.approx(factor**3, rel=0.02)
