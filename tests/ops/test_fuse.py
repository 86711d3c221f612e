"""Fusing the points of several methods: planted particles, properties, a slow definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tomoscout.core.errors import UserError
from tomoscout.ops.fuse import Points, fuse


@st.composite
def clouds(draw, least=2, most=4):
    """Points of some methods, crowded, with ties among scores and places."""
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    grid = draw(st.sampled_from([0.0, 4.0]))
    methods = []
    for _ in range(draw(st.integers(least, most))):
        n = draw(st.integers(0, 25))
        zyx = rng.uniform(0, 30, (n, 3))
        zyx = np.round(zyx / grid) * grid if grid else zyx
        methods.append(Points(zyx, np.round(rng.random(n), draw(st.sampled_from([1, 6])))))
    return methods


def one_by_one(methods, reach, shares):
    """The definition: best first, each takes the nearest open point of every other method."""
    shares = np.asarray(shares) / np.sum(shares)
    rows = [
        (-s * shares[m], *zyx, m, s)
        for m, part in enumerate(methods)
        for zyx, s in zip(part.zyx, part.scores, strict=True)
    ]
    rows.sort(key=lambda row: row[:4])
    place = np.array([row[1:4] for row in rows]).reshape(-1, 3)
    taken = [False] * len(rows)
    found = []
    for i, row in enumerate(rows):
        if taken[i]:
            continue
        taken[i], members = True, [i]
        for method in range(len(methods)):
            near = [
                (np.linalg.norm(place[i] - place[j]), j)
                for j in range(len(rows))
                if not taken[j] and rows[j][4] == method != row[4]
            ]
            near = [pair for pair in near if pair[0] <= reach]
            if near:
                members.append(min(near)[1])
                taken[members[-1]] = True
        found.append(sum(-rows[j][0] for j in members))
    return np.sort(found)[::-1]


def test_planted_particles_come_back_from_noisy_methods():
    rng = np.random.default_rng(0)
    truth = rng.permutation(np.stack(np.meshgrid(*[np.arange(6) * 120.0] * 3), -1).reshape(-1, 3))
    seen = [truth[:180], truth[40:], truth[rng.random(len(truth)) < 0.7]]
    methods = []
    for part in seen:
        false = rng.uniform(0, 600, (20, 3)) + 60 * (rng.random((20, 1)) > 2)
        zyx = np.concatenate([part + rng.normal(0, 6, part.shape), false])
        scores = np.concatenate([rng.uniform(0.5, 1, len(part)), rng.uniform(0.1, 0.5, 20)])
        methods.append(Points(zyx, scores))
    found = fuse(methods, reach=40, shares=[1, 1, 1])
    off = np.linalg.norm(truth[:, None] - found.zyx, axis=-1)
    known = np.unique(
        np.concatenate([np.flatnonzero((truth[:, None] == p).all(-1).any(1)) for p in seen])
    )
    assert off[known].min(axis=1).max() < 20
    alone = np.linalg.norm(truth[known, None] - methods[0].zyx, axis=-1).min(axis=1)
    several = off[known].min(axis=1)
    both = alone < 40
    assert np.sqrt((several[both] ** 2).mean()) < 0.85 * np.sqrt((alone[both] ** 2).mean())
    assert (np.diff(found.scores) <= 0).all()


def test_place_and_score_are_those_of_the_definition():
    a = Points(np.array([[0.0, 0, 0], [100, 0, 0]]), np.array([0.9, 0.4]))
    b = Points(np.array([[0.0, 0, 10]]), np.array([0.6]))
    found = fuse([a, b], reach=20, shares=[0.7, 0.3])
    pull = np.array([0.9 * 0.7, 0.6 * 0.3])
    np.testing.assert_allclose(found.scores, [pull.sum(), 0.4 * 0.7])
    np.testing.assert_allclose(found.zyx, [[0, 0, 10 * pull[1] / pull.sum()], [100, 0, 0]])
    assert found.seeds.tolist() == [0, 1]
    ignored = fuse([a, b], reach=20, shares=[0.7, 0.3], missing="ignore")
    np.testing.assert_allclose(ignored.scores, [pull.sum(), 0.4])
    best = fuse([a, b], reach=20, shares=[0.7, 0.3], combine="max")
    np.testing.assert_allclose(best.scores, [0.9, 0.4])


def test_two_near_points_of_one_method_stay_two():
    pair = Points(np.array([[0.0, 0, 0], [0, 0, 5]]), np.array([0.9, 0.8]))
    one = Points(np.array([[0.0, 0, 4]]), np.array([0.7]))
    found = fuse([pair, one], reach=20, shares=[1, 1])
    np.testing.assert_allclose(found.scores, [0.8, 0.4])


def test_the_bound_is_included_and_points_beyond_it_stay_apart():
    a = Points(np.zeros((1, 3)), np.ones(1))
    for distance, count in ((20.0, 1), (20.01, 2)):
        b = Points(np.array([[0.0, distance, 0]]), np.ones(1))
        assert len(fuse([a, b], reach=20, shares=[1, 1]).scores) == count


@given(methods=clouds(), reach=st.floats(0.5, 15))
def test_rounds_give_what_one_after_the_other_gives(methods, reach):
    shares = np.arange(1.0, len(methods) + 1)
    found = fuse(methods, reach=reach, shares=list(shares))
    np.testing.assert_allclose(found.scores, one_by_one(methods, reach, shares), atol=1e-12)


@given(methods=clouds(), reach=st.floats(0.5, 15), seed=st.integers(0, 99))
def test_with_equal_shares_no_order_matters(methods, reach, seed):
    rng = np.random.default_rng(seed)
    first = fuse(methods, reach=reach, shares=[1] * len(methods))
    shuffled = []
    for at in rng.permutation(len(methods)):
        order = rng.permutation(len(methods[at].scores))
        shuffled.append(Points(methods[at].zyx[order], methods[at].scores[order]))
    other = fuse(shuffled, reach=reach, shares=[1] * len(methods))
    np.testing.assert_allclose(other.scores, first.scores, atol=1e-12)


@given(methods=clouds(most=2), reach=st.floats(0.5, 15), copies=st.integers(2, 3))
def test_merged_with_itself_nothing_changes(methods, reach, copies):
    one = methods[0]
    found = fuse([one] * copies, reach=reach, shares=[1] * copies)
    rows = np.column_stack([found.scores, found.zyx])
    expected = np.column_stack([one.scores, one.zyx])
    np.testing.assert_allclose(
        rows[np.lexsort(np.round(rows, 9).T)], expected[np.lexsort(np.round(expected, 9).T)],
        atol=1e-9,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("shares", "words"),
    [([1.0], "found 1 for 2 inputs"), ([1.0, 0.0], "above 0"), ([1.0, np.nan], "above 0")],
)
def test_shares_that_are_none_are_refused(shares, words):
    empty = Points(np.zeros((0, 3)), np.zeros(0))
    with pytest.raises(UserError, match=words):
        fuse([empty, empty], reach=1, shares=shares)


def test_nothing_fused_is_nothing():
    empty = Points(np.zeros((0, 3)), np.zeros(0))
    assert fuse([empty, empty], reach=1, shares=[1, 1]).zyx.shape == (0, 3)
