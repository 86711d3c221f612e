from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from tomoscout.core.geometry import Geometry
from tomoscout.inference.lattice import first_needed, in_step, refine
from tomoscout.inference.sliding_window import Slab

SHAPE = (61, 37, 50)


def ramp(geometry):
    """A function that is linear in ångström, in every cell."""
    cells = np.indices(geometry.cells).reshape(3, -1).T
    zyx = geometry.to_angstrom(cells)
    values = zyx @ np.array([3.0, -2.0, 1.0]) / 4000 + 0.4
    return values.reshape(1, *geometry.cells).astype(np.float32)


def cut(scores, sizes, first=0):
    starts = [first]
    while starts[-1] < scores.shape[1]:
        starts.append(starts[-1] + sizes[len(starts) % len(sizes)])
    return [Slab(a, scores[:, a:b]) for a, b in pairwise(starts)]


def joined(slabs):
    return np.concatenate([slab.scores for slab in slabs], axis=1)


@pytest.mark.parametrize(("coarse", "fine"), [(4, 2), (6, 2), (3, 2), (2, 1), (6, 4)])
def test_what_is_linear_in_space_stays_where_it_is(coarse, fine):
    coarse, fine = (Geometry(SHAPE, 10.0, stride) for stride in (coarse, fine))
    scores = ramp(coarse).astype(np.float16)
    found = joined(refine(iter(cut(scores, [5])), coarse=coarse, fine=fine))
    assert found.shape == (1, *fine.cells)
    at = coarse.to_cells(fine.to_angstrom(np.indices(fine.cells).reshape(3, -1).T))
    inside = ((at >= 0) & (at <= np.array(coarse.cells) - 1)).all(1).reshape(fine.cells)
    assert inside.mean() > 0.6
    np.testing.assert_allclose(found[0][inside], ramp(fine)[0][inside], atol=1e-3)


def test_beyond_the_outermost_centres_the_outermost_cells_go_on():
    coarse, fine = (Geometry((12, 12, 12), 10.0, stride) for stride in (6, 2))
    scores = np.random.default_rng(0).random((1, 2, 2, 2)).astype(np.float16)
    found = joined(refine(iter([Slab(0, scores)]), coarse=coarse, fine=fine))
    np.testing.assert_array_equal(found[:, [0, -1]][:, :, [0, -1]][..., [0, -1]], scores)
    np.testing.assert_array_equal(found[:, 1, 1, 1], scores[:, 0, 0, 0])


@pytest.mark.parametrize("sizes", [[1], [3, 1], [40]])
def test_neither_slabs_nor_the_plane_to_begin_with_change_a_bit(sizes):
    coarse, fine = Geometry(SHAPE, 10.0, 6), Geometry(SHAPE, 10.0, 2)
    scores = np.random.default_rng(0).random((2, *coarse.cells)).astype(np.float16)
    whole = joined(refine(iter([Slab(0, scores)]), coarse=coarse, fine=fine))
    for first in range(fine.cells[0]):
        begin = first_needed(coarse, fine, first)
        slabs = list(refine(iter(cut(scores, sizes, begin)), coarse=coarse, fine=fine, first=first))
        assert slabs[0].start == first
        np.testing.assert_array_equal(joined(slabs), whole[:, first:])
    assert first_needed(coarse, fine, fine.cells[0]) == coarse.cells[0]


def test_streams_come_into_step_whatever_their_slabs():
    scores = np.random.default_rng(0).random((2, 30, 3, 3)).astype(np.float16)
    streams = [iter(cut(scores + k, sizes)) for k, sizes in enumerate([[7], [4, 9], [30]])]
    steps = list(in_step(streams))
    assert all(len({(s.start, s.scores.shape[1]) for s in slabs}) == 1 for slabs in steps)
    for k in range(3):
        np.testing.assert_array_equal(joined(slabs[k] for slabs in steps), scores + k)
