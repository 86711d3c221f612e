import numpy as np
import pytest

from tomoscout.core.geometry import Geometry
from tomoscout.core.objects import ObjectTable, ObjectType
from tomoscout.core.picks import Picks
from tomoscout.metrics.shrec import particle_at, score

TABLE = ObjectTable(
    objects=(
        ObjectType(name="A", radius=100),
        ObjectType(name="B", radius=50),
        ObjectType(name="skipped", radius=50, weight=0),
    )
)


def on_x(rows, run="m"):
    zyx = np.array([[0.0, 0.0, row[1]] for row in rows]).reshape(-1, 3)
    scores = np.array([row[2] if len(row) > 2 else 1.0 for row in rows])
    return Picks(zyx, np.array([row[0] for row in rows], str), scores, run=run)


TRUTH = on_x([("A", 0), ("A", 1000), ("B", 2000), ("B", 3000), ("skipped", 4000)])
PICKS = on_x(
    [
        ("A", 10, 0.5),  # on the first A, but not the surest there
        ("B", 90, 0.9),  # the surest on the first A: it is called B
        ("B", 2020, 0.8),  # right
        ("A", 500, 0.7),  # on nothing
        ("A", 4000, 0.9),  # on a particle that is left out: neither hit nor false
        ("skipped", 3010, 0.6),  # found, but called by a name that is left out
    ]
)


def test_localisation_by_hand():
    facts = score(PICKS, TRUTH, objects=TABLE).facts()["localisation"]
    assert (facts["predicted"], facts["particles"]) == (6, 4)
    assert (facts["tp"], facts["fp"], facts["fn"]) == (3, 1, 1)
    assert facts["particles_hit_more_than_once"] == 1
    assert facts["precision"] == pytest.approx(3 / 6)
    assert facts["recall"] == pytest.approx(3 / 4)
    assert facts["miss_rate"] == pytest.approx(1 / 4)
    assert facts["f1"] == pytest.approx(0.6)
    assert facts["average_distance_angstrom"] == pytest.approx((90 + 20 + 10) / 3)


def test_classification_by_hand():
    result = score(PICKS, TRUTH, objects=TABLE)
    np.testing.assert_array_equal(result.table, [[0, 1, 0, 1], [0, 1, 0, 1], [0, 0, 0, 0]])
    counts = result.classes
    assert list(counts) == ["A", "B"]
    assert (counts["A"].tp, counts["A"].fp, counts["A"].fn) == (0, 0, 2)
    assert (counts["B"].tp, counts["B"].fp, counts["B"].fn) == (1, 1, 1)
    assert result.class_f1 == pytest.approx({"A": 0, "B": 0.5})
    assert result.mean_class_f1 == pytest.approx(0.25)
    np.testing.assert_array_equal(result.false, [1, 0, 0])


def test_of_equally_sure_picks_the_first_names_the_particle():
    truth = on_x([("A", 0)])
    for names in ("AB", "BA"):
        picks = on_x([(name, 10.0 * i, 0.5) for i, name in enumerate(names)])
        assert score(picks, truth, objects=TABLE).classes["A"].tp == (names == "AB")


def test_a_particle_reaches_as_far_as_its_own_radius_and_the_nearest_is_hit():
    truth = on_x([("A", 0), ("B", 120)])
    for x, owner in ((100, "B"), (75, "B"), (60, "A"), (171, None), (-100, "A"), (-101, None)):
        table = score(on_x([("A", x)]), truth, objects=TABLE).table
        found = {"A": table[0, :-1].sum(), "B": table[1, :-1].sum()}
        assert found == {"A": owner == "A", "B": owner == "B"}, x


def test_a_mask_says_what_a_pick_stands_on():
    mask = np.zeros((6, 6, 6), np.int16)
    mask[2, 2, 2], mask[2, 2, 4], mask[0, 0, 0] = 7, 9, 3
    geometry = Geometry(mask.shape, 10.0)
    at = {
        (2, 2, 2): 0,  # on it
        (2, 2, 1): 0,  # one voxel beside
        (2, 2, 3): 1,  # between two: the larger number wins
        (2, 1, 1): -1,  # a corner is no neighbour
        (3, 2, 2): 0,
        (0, 1, 0): -1,  # on number 3, which is no particle of the truth
        (5, 5, 5): -1,
    }
    voxels = np.array(list(at), float)
    picks = Picks(voxels * 10 + 4, "A")  # less than half a voxel off
    rows = particle_at(picks, mask, geometry=geometry, lines=np.array([7, 9]))
    assert dict(zip(at, rows.tolist(), strict=True)) == at


def test_picks_outside_stand_on_the_outermost_voxel():
    mask = np.zeros((3, 3, 3), np.float32)
    mask[2, 0, 0] = 1
    picks = Picks(np.array([[80.0, -30, 2]]), "A")
    geometry = Geometry(mask.shape, 10.0)
    assert particle_at(picks, mask, geometry=geometry, lines=np.array([1])).tolist() == [0]


def test_what_the_mask_says_counts_whatever_the_distance():
    truth, picks = on_x([("A", 0)]), on_x([("A", 900), ("A", 0)])
    result = score(picks, truth, objects=TABLE, owners={"m": np.array([0, -1])})
    assert result.n_found == 1
    assert result.average_distance == pytest.approx(900)
    assert result.false.tolist() == [1, 0, 0]
