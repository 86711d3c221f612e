from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as sampled
from hypothesis import strategies as st

from tomoscout.core.geometry import Geometry
from tomoscout.core.objects import ObjectTable, ObjectType
from tomoscout.core.picks import Picks
from tomoscout.targets.tokens import Settings, encode

OBJECTS = ObjectTable(
    objects=(ObjectType(name="small", radius=60), ObjectType(name="large", radius=150))
)
STRICT = {"strict": True}


def tokens(picks: Picks, *, stride=6, shape=(24, 24, 24), spacing=10.0, **settings) -> np.ndarray:
    geometry = Geometry(shape, spacing, stride)
    return encode(picks, objects=OBJECTS, geometry=geometry, settings=Settings(**settings))


def at_voxel(*voxel: float, name: str = "small") -> Picks:
    return Picks(np.array([voxel]) * 10.0, name)


def marked(target: np.ndarray) -> list[list[int]]:
    return np.argwhere(target).tolist()


def test_a_cube_in_the_middle_of_its_token_marks_that_one():
    """Voxels 6 to 12 in z, y and x: the whole of token 1 and a sixth of token 2."""
    assert marked(tokens(at_voxel(9, 9, 9), **STRICT)) == [[0, 1, 1, 1]]


def test_a_cube_across_a_face_marks_both_tokens():
    """Voxels 3 to 9 in z: 3 and 4 planes of 6 of the tokens on either side, so 0.5 and 0.67."""
    assert marked(tokens(at_voxel(6, 9, 9), **STRICT)) == [[0, 0, 1, 1], [0, 1, 1, 1]]


def test_a_particle_on_a_corner_vanishes_as_published_and_is_marked_otherwise():
    """A corner leaves (4/6)^3 = 0.296 of the best token to the cube: below 0.30."""
    corner = at_voxel(6, 6, 6)
    assert marked(tokens(corner, **STRICT)) == []
    assert marked(tokens(corner)) == [[0, 1, 1, 1]]


def test_eight_positions_of_216_vanish_as_published_and_none_otherwise():
    counts = {True: [], False: []}
    for voxel in itertools.product(range(6, 12), repeat=3):
        for strict in counts:
            counts[strict].append(int(tokens(at_voxel(*voxel), strict=strict).sum()))
    assert counts[True].count(0) == 8
    assert np.mean(counts[True]) == pytest.approx(1.74, abs=0.005)
    assert np.sum(counts[False]) == np.sum(counts[True]) + 8, "nothing else changes"


def test_the_cube_stays_seven_voxels_wide_at_the_challenges_voxel_spacing():
    centre = Picks(np.array([[9.0, 9.0, 9.0]]) * 10.012444, "small")
    assert tokens(centre, stride=1, spacing=10.012444, **STRICT).sum() == 343


def test_the_object_that_covers_most_has_the_token():
    """Token 1 along x (voxels 6 to 11): the first covers 6 to 8, the second 9 to 11 and more."""
    picks = Picks(np.array([[9.0, 9, 5], [9.0, 9, 12]]) * 10, np.array(["small", "large"]))
    assert marked(tokens(picks, **STRICT)) == [
        [0, 1, 1, 0], [0, 1, 1, 1], [1, 1, 1, 2],
    ]  # fmt: skip  # alike: the first object of the table has it
    wider = Picks(np.array([[9.0, 9, 4], [9.0, 9, 12]]) * 10, np.array(["small", "large"]))
    assert [1, 1, 1, 1] in marked(tokens(wider, **STRICT))


@pytest.mark.parametrize(("name", "fraction"), [("small", 1.0), ("large", 0.5), ("large", 1.0)])
def test_a_ball_has_its_objects_size(name, fraction):
    geometry = Geometry((42, 42, 42), 10.0, 1)
    settings = Settings(shape="sphere", radius=fraction)
    centre = at_voxel(20.3, 20.5, 20.8, name=name)
    target = encode(centre, objects=OBJECTS, geometry=geometry, settings=settings)
    radius = OBJECTS[name].radius / 10 * fraction
    assert target.sum() == pytest.approx(4 / 3 * np.pi * radius**3, rel=0.03)
    assert np.argwhere(target)[:, 1:].mean(0) == pytest.approx([20.3, 20.5, 20.8], abs=0.15)


def test_by_centre_only_the_token_of_the_centre_is_marked():
    picks = Picks(np.array([[6.0, 6, 6], [5.4, 6, 6], [9.0, 9, 23.4]]) * 10, "large")
    assert marked(tokens(picks, by="centre")) == [[1, 0, 1, 1], [1, 1, 1, 1], [1, 1, 1, 3]]


def test_two_centres_in_a_token_share_it_or_the_first_object_has_it_as_published():
    picks = Picks(np.array([[7.0, 7, 7], [10.0, 10, 10]]) * 10, np.array(["large", "small"]))
    assert marked(tokens(picks, by="centre")) == [[0, 1, 1, 1], [1, 1, 1, 1]]
    assert marked(tokens(picks, by="centre", strict=True)) == [[0, 1, 1, 1]]


@sampled(deadline=None, max_examples=30)
@given(
    seed=st.integers(0, 2**32 - 1),
    stride=st.sampled_from([1, 2, 3, 6]),
    by=st.sampled_from(["coverage", "centre"]),
)
def test_no_particle_inside_ever_vanishes(seed, stride, by):
    rng = np.random.default_rng(seed)
    picks = Picks(rng.uniform(-5, 234.9, (8, 3)), rng.choice(OBJECTS.names, 8))
    target = tokens(picks, stride=stride, by=by)
    geometry = Geometry((24, 24, 24), 10.0, stride)
    for zyx, name in zip(picks.zyx, picks.objects, strict=True):
        cell = np.floor(geometry.to_cells(zyx[None]) + 0.5).astype(int)[0]
        assert target[(OBJECTS.label(str(name)) - 1, *cell)] == 1.0
