from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tomoscout.core.errors import UserError
from tomoscout.core.objects import CZII
from tomoscout.core.picks import Picks
from tomoscout.simulation.clutter import LEAFLETS, Vesicle
from tomoscout.simulation.scene import CONTACT, Scene, arrange

SCENE = Scene(shape=(96, 200, 200), vesicles=40.0, beads=30.0, carbon=0.5, debris=3.0, actin=30.0)


def some(count=24, seed=0, **options):
    rng = np.random.default_rng(seed)
    zyx = rng.uniform((200, 0, 0), (700, 1990, 1990), (count, 3))
    return Picks(zyx, np.array(CZII.names)[rng.integers(6, size=count)], **options)


def stood(given, *, seed=0, scene=SCENE, **options):
    return arrange(scene, objects=CZII, rng=np.random.default_rng(seed), given=given, **options)


@pytest.mark.parametrize("seed", range(3))
def test_particles_stand_exactly_where_given_in_the_poses_given(seed):
    turns = Rotation.random(24, random_state=seed).as_matrix()
    given = some(seed=seed, rotations=turns, scores=np.linspace(0, 1, 24), run="TS_1")
    found = stood(given, seed=seed)
    np.testing.assert_array_equal(found.picks.zyx, given.zyx)
    np.testing.assert_array_equal(found.picks.objects, given.objects)
    np.testing.assert_array_equal(found.picks.rotations, turns)
    assert np.all(found.picks.scores == 1)
    assert found.picks.run == "TS_1"
    assert found.picks.extent == pytest.approx((961.2, 2002.5, 2002.5), abs=0.1)
    assert len(found.cut) == 0
    assert found.placed == found.asked
    assert sum(found.asked.values()) == 24


def test_missing_poses_are_drawn_and_are_rotations():
    first, second = (stood(some(), seed=s, run="mine").picks for s in (0, 1))
    identity = first.rotations @ first.rotations.transpose(0, 2, 1)
    np.testing.assert_allclose(identity, np.broadcast_to(np.eye(3), identity.shape), atol=1e-9)
    assert not np.allclose(first.rotations, second.rotations)
    assert first.run == "mine"


@pytest.mark.parametrize("seed", range(4))
def test_clutter_and_debris_stand_around_given_particles(seed):
    given = some(seed=seed)
    found = stood(given, seed=seed)
    radii = np.array([CONTACT[name] for name in given.objects])
    assert len(found.debris) > 30
    assert any(isinstance(thing, Vesicle) for thing in found.clutter)
    for thing in found.clutter:
        assert np.all(thing.clearance(given.zyx) > radii)
        if isinstance(thing, Vesicle):
            assert np.all(np.abs(thing.distance(given.zyx.T)) > radii + LEAFLETS / 2)
    for bit in found.debris:
        assert np.all(np.linalg.norm(given.zyx - bit.zyx, axis=1) >= radii + bit.radius)


def test_given_particles_may_overlap():
    given = Picks(np.array([[400.0, 900.0, 900.0], [400.0, 900.0, 910.0]]), "thyroglobulin")
    np.testing.assert_array_equal(stood(given).picks.zyx, given.zyx)


def test_the_ice_is_where_the_given_particles_are():
    rng = np.random.default_rng(0)
    zyx = rng.uniform((600, 0, 0), (800, 1990, 1990), (60, 3))
    found = stood(Picks(zyx, "apo-ferritin"))
    assert found.thickness == pytest.approx(200.0, abs=40.0)
    heights = [bit.zyx[0] for bit in found.debris]
    assert np.median(heights) == pytest.approx(700.0, abs=60.0)


def test_unknown_objects_are_named():
    given = Picks(np.full((3, 3), 300.0), np.array(["ribosom", "apo-ferritin", "proteasome"]))
    with pytest.raises(UserError, match=r"lacks proteasome, ribosom;.*apo-ferritin"):
        stood(given)


def test_picks_outside_are_counted_and_the_volume_is_told():
    zyx = np.array([[300.0, 300.0, 300.0], [300.0, 300.0, 2500.0], [-50.0, 300.0, 300.0]])
    message = r"2 of 3 lie outside the volume of 961 x 2002 x 2002 Å \(z, y, x\)"
    with pytest.raises(UserError, match=message):
        stood(Picks(zyx, "ribosome"))


def test_no_picks_are_an_empty_scene():
    found = stood(Picks.empty())
    assert len(found.picks) == 0
    assert found.asked == {}
    assert found.picks.rotations.shape == (0, 3, 3)


def test_the_same_seed_draws_the_same_surroundings():
    first, again = (stood(some(), seed=7) for _ in range(2))
    assert first.clutter == again.clutter
    np.testing.assert_array_equal(first.picks.rotations, again.picks.rotations)
    np.testing.assert_array_equal(
        [bit.zyx for bit in first.debris], [bit.zyx for bit in again.debris]
    )
