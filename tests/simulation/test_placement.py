from __future__ import annotations

import time

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist

from tomoscout.simulation.placement import Crowd


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 150), edge=st.floats(100, 2000))
def test_spheres_are_kept_exactly_when_they_touch_no_earlier_one(seed, count, edge):
    rng = np.random.default_rng(seed)
    centres, radii = rng.uniform(-edge, edge, (count, 3)), rng.uniform(5, 100, count)
    crowd = Crowd()
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


@settings(max_examples=40)
@given(
    seed=st.integers(0, 2**32 - 1),
    batches=st.lists(st.integers(0, 60), min_size=1, max_size=6),
    edge=st.floats(100, 1000),
)
def test_a_batch_is_settled_as_if_its_spheres_came_one_by_one(seed, batches, edge):
    rng = np.random.default_rng(seed)
    together, singly = Crowd(), Crowd()
    for size in batches:
        zyx, radii = rng.uniform(-edge, edge, (size, 3)), rng.uniform(5, 100, size)
        taken = together.add_many(zyx, radii)
        assert taken.tolist() == [
            singly.add(at, radius) for at, radius in zip(zyx, radii, strict=True)
        ]
    assert len(together) == len(singly)


def test_a_limit_keeps_the_first_that_fit():
    zyx = np.arange(6.0)[:, None] * [10.0, 0, 0]
    taken = Crowd().add_many(zyx, np.full(6, 6.0), limit=2)
    assert taken.tolist() == [True, False, True, False, False, False]


def test_what_is_put_stays_even_where_it_overlaps_and_keeps_others_away():
    crowd = Crowd()
    crowd.put(np.zeros((2, 3)), np.full(2, 30.0))
    assert len(crowd) == 2
    assert not crowd.add(np.array([50.0, 0, 0]), 25.0)
    assert crowd.add(np.array([55.0, 0, 0]), 25.0)
    np.testing.assert_array_equal(np.sort(crowd.radii), [25.0, 30.0, 30.0])


def test_a_hundred_thousand_spheres_do_not_take_quadratic_time():
    rng = np.random.default_rng(0)
    crowd, start = Crowd(), time.perf_counter()
    placed = sum(
        crowd.add_many(rng.uniform(0, 6000, (10_000, 3)), np.full(10_000, 30.0)).sum()
        for _ in range(10)
    )
    assert placed > 50_000
    assert time.perf_counter() - start < 60  # a quadratic loop needs hours
