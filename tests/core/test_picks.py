import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tomoscout.core.errors import UserError
from tomoscout.core.picks import Picks, by_run

TURN = np.array([[[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]])


def three() -> Picks:
    return Picks(
        np.arange(9.0).reshape(3, 3),
        np.array(["ribosome", "apo-ferritin", "ribosome"]),
        scores=np.array([0.2, 0.9, 0.5]),
        rotations=np.repeat(TURN, 3, axis=0) * np.array([1, 2, 3]).reshape(3, 1, 1),
        run="TS_5_4",
        extent=(1.0, 2.0, 3.0),
    )


def test_one_name_names_all_and_truth_has_score_one():
    picks = Picks(np.zeros((2, 3)), "ribosome")
    assert list(picks.objects) == ["ribosome", "ribosome"]
    np.testing.assert_array_equal(picks.score_array, [1, 1])


def test_every_column_follows_an_index():
    for index in (np.array([2, 0]), np.array([True, False, True]), slice(None, None, -2)):
        picks = three()[index]
        rows = np.arange(3)[index]
        np.testing.assert_array_equal(picks.zyx, np.arange(9.0).reshape(3, 3)[rows])
        np.testing.assert_array_equal(picks.score_array, np.array([0.2, 0.9, 0.5])[rows])
        assert list(picks.objects) == ["ribosome", "ribosome"]
        assert picks.rotations is not None
        np.testing.assert_array_equal(picks.rotations[:, 1, 0], rows + 1)
        assert (picks.run, picks.extent) == ("TS_5_4", (1.0, 2.0, 3.0))


def test_best_first_sorts_by_score_and_keeps_the_order_of_ties():
    assert list(three().best_first().score_array) == [0.9, 0.5, 0.2]
    tied = Picks(np.arange(9.0).reshape(3, 3), "a", scores=np.array([0.5, 0.7, 0.5]))
    np.testing.assert_array_equal(tied.best_first().zyx[:, 0], [3, 0, 6])


def test_above_keeps_scores_that_reach_their_objects_threshold():
    picks = three().above({"ribosome": 0.5, "apo-ferritin": 0.95})
    assert list(picks.score_array) == [0.5]
    # An object without a threshold is dropped, not kept by default.
    assert three().above({"apo-ferritin": 0.0}).names == ["apo-ferritin"]


def test_of_selects_an_object_and_names_are_sorted():
    assert three().names == ["apo-ferritin", "ribosome"]
    np.testing.assert_array_equal(three().of("ribosome").zyx[:, 0], [0, 6])
    assert len(three().of("unknown")) == 0


@settings(deadline=None)
@given(sizes=st.lists(st.integers(0, 4), min_size=1, max_size=4))
def test_concatenate_undoes_a_split(sizes: list[int]):
    n = sum(sizes)
    whole = Picks(
        np.arange(3.0 * n).reshape(n, 3),
        np.array([f"object-{i}" for i in range(n)], dtype=str),
        scores=np.linspace(0, 1, n),
        rotations=np.repeat(TURN, n, axis=0),
        run="TS_5_4",
    )
    edges = np.cumsum([0, *sizes])
    parts = [whole[a:b] for a, b in pairwise(edges)]
    joined = Picks.concatenate(parts)
    np.testing.assert_array_equal(joined.zyx, whole.zyx)
    np.testing.assert_array_equal(joined.objects, whole.objects)
    np.testing.assert_array_equal(joined.score_array, whole.score_array)
    assert joined.rotations is not None
    np.testing.assert_array_equal(joined.rotations, whole.rotations)


def test_poses_are_joined_only_if_every_pick_has_one():
    posed = Picks(np.zeros((1, 3)), "a", rotations=TURN)
    assert Picks.concatenate([posed, Picks(np.zeros((1, 3)), "b")]).rotations is None
    joined = Picks.concatenate([Picks.empty("run"), posed])
    assert joined.rotations is not None  # no rows, no say
    assert joined.run == "run"


def test_the_extent_is_kept_from_whichever_part_knows_it():
    parts = [Picks.empty("run"), Picks(np.zeros((1, 3)), "a", extent=(1.0, 2.0, 3.0))]
    assert Picks.concatenate(parts).extent == (1.0, 2.0, 3.0)


def test_joining_nothing_gives_nothing():
    assert len(Picks.concatenate([])) == 0
    assert len(Picks.empty("TS_5_4")) == 0
    assert Picks.empty("TS_5_4").names == []


def test_by_run_joins_runs_in_order_of_appearance():
    parts = [Picks(np.full((1, 3), float(i)), "a", run=run) for i, run in enumerate("bab")]
    runs = by_run(parts)
    assert list(runs) == ["b", "a"]
    np.testing.assert_array_equal(runs["b"].zyx[:, 0], [0, 2])


def test_columns_of_different_lengths_are_refused_without_shape_checks_too():
    # The tests' shape checks would raise first, so this runs as a user's program does.
    code = """
import numpy as np
from tomoscout.core.picks import Picks

def message(*args, **kwargs):
    try:
        Picks(*args, **kwargs)
    except ValueError as error:
        return str(error)

zyx = [[0, 0, 0], [1, 2, 3]]
assert message(zyx, "a") is None
assert message(zyx, ["a", "b", "c"]) == "2 centres, 3 object names and 2 scores"
assert message(zyx, "a", [1.0]) == "2 centres, 2 object names and 1 scores"
assert "rotations of shape (1, 3, 3)" in message(zyx, "a", rotations=np.zeros((1, 3, 3)))
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_coordinate_that_is_not_a_number_is_the_users_to_mend():
    with pytest.raises(UserError, match="run 'TS_5_4': a coordinate is not a number"):
        Picks(np.array([[0.0, np.nan, 0.0]]), "a", run="TS_5_4")
