from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist

from tomoscout.simulation.placement import Crowd


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 150), edge=st.floats(100, 2000))
def test_spheres_are_kept_exactly_when_they_touch_no_earlier_one(seed, count, edge):
    rng = np.random.default_rng(seed)
    centres, radii = rng.uniform(-edge, edge, (count, 3)), rng.uniform(5, 100, count)
    crowd = Crowd(100.0)
    kept: list[int] = []
    for i in range(count):
        apart = np.linalg.norm(centres[kept] - centres[i], axis=1) if kept else np.array([])
        expected = bool(np.all(apart >= radii[kept] + radii[i])) if kept else True
        assert crowd.add(centres[i], radii[i]) == expected
        if expected:
            kept.append(i)
    if len(kept) > 1:
        touching = pdist(radii[kept][:, None], lambda a, b: float((a + b)[0]))
        assert np.all(pdist(centres[kept]) >= touching)


def test_a_sphere_larger_than_announced_is_refused():
    with pytest.raises(ValueError, match="exceeds"):
        Crowd(10.0).add(np.zeros(3), 11.0)


def test_twenty_thousand_spheres_do_not_take_quadratic_time():
    rng = np.random.default_rng(0)
    crowd = Crowd(30.0)
    start = time.perf_counter()
    placed = sum(crowd.add(zyx, 30.0) for zyx in rng.uniform(0, 6000, (20_000, 3)))
    assert placed > 15_000
    assert time.perf_counter() - start < 10  # a quadratic loop needs minutes
