"""Cells that touch share a group, however they are found."""

import sys

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import ndimage

from tomoscout.pickers import _touching


def same(groups):
    return groups[:, None] == groups[None, :]


@settings(deadline=None, max_examples=50)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 60),
    room=st.sampled_from([1, 60, 10**6]),
    library=st.booleans(),
)
@example(seed=542, n=3, room=60, library=True)  # cc3d makes too little room for its labels
def test_all_ways_group_alike(seed, n, room, library):
    cells = np.argwhere(np.random.default_rng(seed).random((7, 5, 5)) < n / 175)
    few = _touching.touching(cells)
    if not len(cells):
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_touching, "_MANY", -1)
        patch.setattr(_touching, "_ROOM", room)  # boxes of two planes, of some, of all
        if not library:
            patch.setitem(sys.modules, "cc3d", None)
        many = _touching.touching(cells)
    np.testing.assert_array_equal(same(few), same(many))
    assert sorted(set(few)) == sorted(set(many)) == list(range(few.max() + 1))
    mask = np.zeros((7, 5, 5), bool)
    mask[tuple(cells.T)] = True
    labels, _ = ndimage.label(mask, np.ones((3, 3, 3)))
    np.testing.assert_array_equal(same(few), same(labels[tuple(cells.T)]))


def test_empty_planes_between_boxes_do_no_harm(monkeypatch):
    monkeypatch.setattr(_touching, "_MANY", -1)
    monkeypatch.setattr(_touching, "_ROOM", 1)
    cells = np.array([[0, 0, 0], [1, 1, 1], [9, 0, 0], [20, 1, 1], [21, 0, 0]])
    group = _touching.touching(cells)
    np.testing.assert_array_equal(group, [0, 0, 1, 2, 2])
