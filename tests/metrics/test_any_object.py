"""Particles with a pick on them, whatever it is called."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tomoscout.core.objects import ObjectTable, ObjectType
from tomoscout.core.picks import Picks
from tomoscout.metrics import any_object, one_to_one

TABLE = ObjectTable(
    objects=(ObjectType(name="big", radius=100), ObjectType(name="small", radius=40))
)


def along(x, names="big", run="a"):
    zyx = np.zeros((len(x), 3))
    zyx[:, 2] = x
    return Picks(zyx, names, run=run)


def test_each_fate_by_hand():
    truth = along([0.0, 500.0, 1000.0], np.array(["big", "small", "big"]))
    picks = along([45.0, -10.0, 515.0, 525.0, 2000.0], "cluster 3")
    found = any_object.score(picks, truth, objects=TABLE)
    assert found.names == ("big", "small")
    assert (found.found.tolist(), found.missed.tolist()) == ([1, 1], [1, 0])
    assert (found.again, found.nothing) == (1, 2)  # 525 is 25 Å off: reach of a small one is 20
    counts = found.counts
    assert (counts.tp, counts.fp, counts.fn) == (2, 3, 1)
    assert sorted(found.distances) == [10.0, 15.0]
    facts = found.facts()
    assert facts["objects"]["big"] == {"found": 1, "missed": 1}
    assert facts["f1"] == pytest.approx(0.5)
    assert "f_beta" not in facts


def test_the_bound_is_a_hit_and_a_fraction_moves_it():
    truth, picks = along([0.0]), along([50.0])
    assert any_object.score(picks, truth, objects=TABLE).counts.tp == 1
    narrow = any_object.score(picks, truth, objects=TABLE, radius_fraction=0.49)
    assert (narrow.counts.tp, narrow.nothing) == (0, 1)


def test_one_pick_between_two_particles_is_one_hit_and_pairs_are_as_many_as_can_be():
    truth = along([0.0, 60.0])
    one = any_object.score(along([30.0]), truth, objects=TABLE)
    assert (one.counts.tp, one.counts.fn, one.again) == (1, 1, 0)
    # The nearest to both is the second pick; taken for the first, it would cost a pair.
    two = any_object.score(along([10.0, -45.0]), truth, objects=TABLE)
    assert (two.counts.tp, two.counts.fn) == (2, 0)


def test_runs_add_up():
    truth = [along([0.0], run="a"), along([0.0], run="b"), along([0.0], run="c")]
    picks = [along([5.0], run="a"), along([0.0, 7.0], run="b"), along([0.0], run="of no truth")]
    whole = any_object.score(picks, truth, objects=TABLE)
    parts = [any_object.score(picks, [part], objects=TABLE) for part in truth]
    total = parts[0] + parts[1] + parts[2]
    assert total.facts() == whole.facts()
    assert (whole.counts.tp, whole.counts.fn, whole.again, whole.nothing) == (2, 1, 1, 0)
    other = any_object.score([], [], objects=ObjectTable(objects=TABLE.objects[:1]))
    with pytest.raises(ValueError, match="different objects"):
        total + other


@given(st.integers(0, 2**31), st.integers(0, 30), st.integers(0, 30))
def test_all_are_counted_once_and_names_only_cost(seed, many, few):
    rng = np.random.default_rng(seed)
    names = np.array(["big", "small"])
    truth = Picks(rng.uniform(0, 300, (few, 3)), rng.choice(names, few), run="a")
    picks = Picks(rng.uniform(0, 300, (many, 3)), rng.choice(names, many), run="a")
    found = any_object.score(picks, truth, objects=TABLE)
    counts = found.counts
    assert (counts.tp + counts.fp, counts.tp + counts.fn) == (many, few)
    assert found.again >= 0
    assert found.nothing >= 0
    assert len(found.distances) == counts.tp
    named = one_to_one.score(picks, truth, objects=TABLE).counts.values()
    assert counts.tp >= max(one.tp for one in named)
    called = Picks(picks.zyx, "whatever", run="a")
    assert any_object.score(called, truth, objects=TABLE).facts() == found.facts()
