"""Shares of several maps: read as their mean, and found where one map knows more."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tomoscout.core.errors import UserError
from tomoscout.core.settings import Choice
from tomoscout.tuning.blend import Blended, search_shares, simplex
from tomoscout.tuning.search import SearchPlan


def moved_away(look):
    """The same run seen by a model that knows nothing: its bumps are elsewhere."""
    moved = np.roll(look.scores.data, (7, 11), axis=(2, 3))
    return replace(look.scores, data=moved)


def test_a_blend_reads_as_the_mean_by_shares(looks):
    parts = [look.scores for look in looks]
    first, second = (part.data.astype(np.float32) for part in parts)
    blended = Blended.equal(parts)
    assert blended.data.shape == first.shape
    assert blended.data.dtype == np.float16
    np.testing.assert_allclose(blended.data[1], (first[1] + second[1]) / 2, atol=1e-3)
    uneven = blended.with_shares({"small": (0.9, 0.1)})
    np.testing.assert_allclose(
        uneven.data[1, 3:5], 0.9 * first[1, 3:5] + 0.1 * second[1, 3:5], atol=1e-3
    )
    np.testing.assert_array_equal(uneven.data[0], blended.data[0])


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_shares_sum_to_one_and_begin_with_equal_ones(count):
    every = simplex(count)
    assert every[0] == pytest.approx([1 / count] * count)
    np.testing.assert_allclose(np.sum(every, axis=1), 1)
    assert len({tuple(np.round(shares, 9)) for shares in every}) == len(every)
    if count > 1:
        assert (1.0, *[0.0] * (count - 1)) in every


@pytest.mark.parametrize("shared", [False, True])
def test_the_map_that_knows_gets_the_larger_share(looks, objects, shared):
    mixed = [replace(look, scores=Blended.equal([moved_away(look), look.scores])) for look in looks]
    choices = dict.fromkeys(objects.names, Choice(name="local_max"))
    found = search_shares(mixed, objects=objects, choices=choices, plan=SearchPlan(shared=shared))
    assert all(good > bad for bad, good in found.values())
    assert len(set(found.values())) == 1 or not shared


def test_what_is_equally_good_keeps_equal_shares(looks, objects):
    mixed = [replace(look, scores=Blended.equal([look.scores] * 2)) for look in looks]
    choices = dict.fromkeys(objects.names, Choice(name="local_max"))
    found = search_shares(mixed, objects=objects, choices=choices, plan=SearchPlan())
    assert set(found.values()) == {(0.5, 0.5)}


def test_maps_of_other_lattices_are_not_blended(looks):
    other = replace(looks[0].scores, geometry=replace(looks[0].scores.geometry, stride=4))
    with pytest.raises(UserError, match="same objects, stride and voxel spacing"):
        Blended.equal([looks[0].scores, other])
