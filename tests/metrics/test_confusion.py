import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tomoscout.core.objects import ObjectTable, ObjectType
from tomoscout.core.picks import Picks
from tomoscout.metrics import one_to_one
from tomoscout.metrics.confusion import score

TABLE = ObjectTable(
    objects=(
        ObjectType(name="big", radius=100),  # reach 50 Å
        ObjectType(name="small", radius=40),  # reach 20 Å
    )
)


def on_x(rows, run="a"):
    zyx = np.array([[0.0, 0.0, x] for _, x in rows]).reshape(-1, 3)
    return Picks(zyx, np.array([name for name, _ in rows], str), run=run)


def confusion(found, known):
    return score(on_x(found), on_x(known), objects=TABLE)


def test_each_fate_by_hand():
    found = confusion(
        [
            ("big", 10),  # a hit
            ("big", 20),  # a duplicate on the same
            ("small", 30),  # another name on the same
            ("small", 1045),  # a big one by the wrong name
            ("big", 2000),  # a small one by the wrong name
            ("small", 5000),  # on nothing
            ("big", 3025),  # out of the small one's reach, though within its own
        ],
        [("big", 0), ("big", 1000), ("small", 2000), ("small", 3000)],
    )
    np.testing.assert_array_equal(found.called, [[1, 1], [1, 0]])
    np.testing.assert_array_equal(found.missed, [0, 1])
    np.testing.assert_array_equal(found.second, [[1, 1], [0, 0]])
    np.testing.assert_array_equal(found.nothing, [1, 1])
    assert found.rows == ("big", "small", "second pick", "nothing")
    assert found.columns == ("big", "small", "missed")
    np.testing.assert_array_equal(found.table, [[1, 1, 0], [1, 0, 1], [1, 1, 0], [1, 1, 0]])


def test_a_right_pick_is_preferred_to_a_nearer_wrong_one():
    found = confusion([("small", 0), ("big", 40)], [("big", 0)])
    np.testing.assert_array_equal(found.called, [[1, 0], [0, 0]])
    np.testing.assert_array_equal(found.second, [[0, 1], [0, 0]])


def test_two_alarms_on_a_missed_particle_are_one_name_and_one_second_pick():
    found = confusion([("small", 0), ("small", 10)], [("big", 2)])
    np.testing.assert_array_equal(found.called, [[0, 1], [0, 0]])
    np.testing.assert_array_equal(found.second, [[0, 1], [0, 0]])
    assert not found.missed.any()
    assert not found.nothing.any()


@given(seed=st.integers(0, 2**32 - 1), crowd=st.sampled_from([100, 300, 1000]))
def test_rows_are_the_particles_columns_the_picks_and_the_diagonal_the_strict_hits(seed, crowd):
    rng = np.random.default_rng(seed)
    sides = []
    for _ in range(2):
        n = rng.integers(0, 30)
        sides.append(Picks(rng.random((n, 3)) * crowd, rng.choice(TABLE.names, n), run="a"))
    picks, truth = sides
    found = score(picks, truth, objects=TABLE)
    table = found.table
    counts = one_to_one.score(picks, truth, objects=TABLE).counts
    for i, name in enumerate(TABLE.names):
        assert table[i].sum() == len(truth.of(name))
        assert table[:, i].sum() == len(picks.of(name))
        assert table[i, i] == counts[name].tp
    assert (table >= 0).all()
    assert table[:, -1].sum() == found.missed.sum()
