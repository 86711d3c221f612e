"""Boxes of slices become particles: the two rules by hand, stacks, order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tomoscout.core.objects import CZII, ObjectTable, ObjectType
from tomoscout.ops.link import RULES, Boxes, LinkRule, chains, link


def boxes(rows, name="ribosome", score=0.5, radius=100.0) -> Boxes:
    """Boxes at (z, y, x) in Å, optionally with a fourth number: their confidence."""
    table = np.array([[*row, score][:4] for row in rows], float).reshape(-1, 4)
    n = len(table)
    return Boxes(table[:, :3], np.full(n, name), table[:, 3], np.full(n, radius))


def column(z0: float, z1: float, y=200.0, x=300.0, step=10.0) -> list[tuple[float, ...]]:
    return [(z, y, x) for z in np.arange(z0, z1 + 1e-6, step)]


def ball(zyx, radius: float, *, name="ribosome", spacing=10.0, reach=0.8) -> Boxes:
    """The boxes of a sphere, as a perfect YOLO would find them."""
    z = np.arange(-300, 1200, spacing)
    z = z[np.abs(z - zyx[0]) <= reach * radius]
    chord = np.sqrt(radius**2 - (z - zyx[0]) ** 2)
    centres = np.column_stack([z, np.full(len(z), zyx[1]), np.full(len(z), zyx[2])])
    return Boxes(centres, np.full(len(z), name), np.full(len(z), 0.8), chord)


def join(*parts: Boxes) -> Boxes:
    return Boxes(
        *(np.concatenate([getattr(p, f) for p in parts])
          for f in ("zyx", "objects", "scores", "radii"))
    )  # fmt: skip


def test_evidence_and_score_of_a_chain_by_hand():
    """Confidences 0.9, 0.8, 0.1 (dropped), 0.7: 2.4 / sqrt(3), at z = 24 / 2.4."""
    rows = [(0, 50, 60, 0.9), (10, 53, 60, 0.8), (20, 50, 60, 0.1), (20, 50, 60, 0.7)]
    (pick,) = [link(boxes(rows), objects=CZII, rule=RULES["chain"])]
    assert pick.scores == pytest.approx([1 - np.exp(-2.4 / np.sqrt(3))])
    np.testing.assert_allclose(pick.zyx, [[(8 + 14) / 2.4, (45 + 42.4 + 35) / 2.4, 60]])
    assert pick.names == ["ribosome"]


@pytest.mark.parametrize(
    ("rows", "count"),
    [
        ([(0, 0, 0), (10, 0, 0)], 1),
        ([(0, 0, 0)], 0),  # one box is no particle
        ([(0, 0, 0), (20.02, 0, 0)], 1),  # two slices of 10.012 Å, called 20
        ([(0, 0, 0), (30.0, 0, 0)], 0),
        ([(0, 0, 0), (10, 9, 12)], 1),  # 15 Å aside: a pixel and a half
        ([(0, 0, 0), (10, 10, 12)], 0),
        ([(0, 0, 0, 0.3), (10, 0, 0, 0.3)], 0),  # 0.6 / sqrt(2) = 0.42, below 0.5
        ([(0, 0, 0, 0.4), (10, 0, 0, 0.4)], 1),  # 0.57
    ],
)
def test_chain_keeps_what_its_numbers_say(rows, count):
    assert len(link(boxes(rows), objects=CZII, rule=RULES["chain"])) == count


def test_chain_limits_the_distance_in_all_directions_by_the_radius():
    small = ObjectTable(objects=(ObjectType(name="ribosome", radius=18),))
    near, far = [(0, 0, 0), (17, 0, 0)], [(0, 0, 0), (19, 0, 0)]
    assert [len(link(boxes(r), objects=small, rule=RULES["chain"])) for r in (near, far)] == [1, 0]


@pytest.mark.parametrize(
    ("name", "slices", "count"),
    [("ribosome", 8, 0), ("ribosome", 9, 1), ("apo-ferritin", 3, 0), ("apo-ferritin", 4, 1),
     ("beta-amylase", 1, 1), ("beta-galactosidase", 2, 1), ("virus-like-particle", 7, 0),
     ("thyroglobulin", 4, 1)],
)  # fmt: skip
def test_cluster_asks_for_a_least_number_of_boxes_of_each_object(name, slices, count):
    found = link(boxes(column(0, 10 * (slices - 1)), name), objects=CZII, rule=RULES["cluster"])
    assert len(found) == count
    if count:
        assert found.scores[0] == pytest.approx(1 - np.exp(-0.5 * slices ** (1 - 0.34)))


def test_cluster_bridges_30_in_z_and_20_aside_but_not_both_halves_of_a_wider_gap():
    rule = RULES["cluster"].model_copy(update={"min_boxes_of": {"ribosome": 2}})
    for rows, count in (
        ([(0, 0, 0), (30, 12, 16)], 1), ([(0, 0, 0), (31, 0, 0)], 0), ([(0, 0, 0), (10, 12, 17)], 0)
    ):  # fmt: skip
        assert len(link(boxes(rows), objects=CZII, rule=rule)) == count


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("direction", [(1, 0, 0), (0, 1, 0), (0.6, 0, 0.8), (0.8, 0.6, 0)])
@pytest.mark.parametrize(("name", "distance"), [("ribosome", 240.0), ("apo-ferritin", 100.0)])
def test_touching_particles_stay_two(rule, direction, name, distance):
    radius = CZII[name].radius
    truth = np.array([[203.0, 310, 420], [203.0, 310, 420] + distance * np.array(direction)])
    found = link(
        join(*(ball(zyx, radius, name=name) for zyx in truth)), objects=CZII, rule=RULES[rule]
    )
    assert len(found) == 2
    order = np.argsort(found.zyx @ np.array(direction))
    assert np.linalg.norm(found.zyx[order] - truth, axis=1).max() < 0.25 * radius


def test_a_column_of_five_is_five():
    truth = np.column_stack([100 + 110.0 * np.arange(5), np.full(5, 80.0), np.full(5, 90.0)])
    stack = join(*(ball(zyx, 60.0, name="apo-ferritin") for zyx in truth))
    found = link(stack, objects=CZII, rule=RULES["cluster"])
    assert len(found) == 5
    assert np.abs(np.sort(found.zyx[:, 0]) - truth[:, 0]).max() < 20


def test_a_particle_found_in_two_pieces_counts_once():
    pieces = boxes(column(0, 90) + column(130, 230, y=205.0))
    assert len(link(pieces, objects=CZII, rule=RULES["cluster"])) == 1
    apart = RULES["cluster"].model_copy(update={"distance": 0.0})
    assert len(link(pieces, objects=CZII, rule=apart)) == 2


def test_objects_do_not_link_to_each_other_and_unknown_ones_are_left_out():
    mixed = join(boxes([(0, 0, 0)]), boxes([(10, 0, 0)], "thyroglobulin"),
                 boxes(column(0, 90), "gold"))  # fmt: skip
    assert len(link(mixed, objects=CZII, rule=RULES["chain"])) == 0
    assert len(link(boxes([]), objects=CZII, rule=RULES["chain"])) == 0


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(0, 60), rule=st.sampled_from(sorted(RULES)))
def test_the_order_of_the_boxes_does_not_matter(seed, n, rule):
    rng = np.random.default_rng(seed)
    zyx = np.column_stack([10.0 * rng.integers(0, 12, n), *rng.uniform(0, 80, (2, n))])
    some = Boxes(zyx, rng.choice(["ribosome", "apo-ferritin"], n), rng.random(n), rng.random(n))
    shuffled = rng.permutation(n)
    first = link(some, objects=CZII, rule=RULES[rule])
    second = link(some[shuffled], objects=CZII, rule=RULES[rule])
    np.testing.assert_array_equal(first.zyx, second.zyx)
    np.testing.assert_array_equal(first.scores, second.scores)
    assert np.all((first.score_array > 0) & (first.score_array <= 1))


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 40))
def test_chains_are_the_closure_of_the_pairs_in_reach(seed, n):
    zyx = np.random.default_rng(seed).uniform(0, 100, (n, 3))
    apart = np.abs(zyx[:, None] - zyx)
    linked = (apart[..., 0] <= 20) & (np.hypot(apart[..., 1], apart[..., 2]) <= 15)
    linked &= np.linalg.norm(apart, axis=-1) <= 22
    for _ in range(6):
        linked = (linked @ linked) > 0
    group = chains(zyx, lateral=15, axial=20, reach=22)
    np.testing.assert_array_equal(group[:, None] == group, linked)


def test_a_chain_of_ten_thousand_boxes_links_without_recursion():
    rows = boxes([(0.0, 10.0 * i, 0.0) for i in range(10_000)])
    assert len(link(rows, objects=CZII, rule=RULES["chain"])) == 1


def test_a_misspelt_rule_setting_is_refused():
    with pytest.raises(ValueError, match="latteral"):
        LinkRule(latteral=3.0)
