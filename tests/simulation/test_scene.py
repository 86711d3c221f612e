from __future__ import annotations

import time

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.spatial import cKDTree

from tomoscout.core.errors import UserError
from tomoscout.core.objects import CZII, ObjectTable, ObjectType
from tomoscout.core.picks import Picks
from tomoscout.simulation.clutter import LEAFLETS, Bead, CarbonEdge, Vesicle
from tomoscout.simulation.crystals import Crystal
from tomoscout.simulation.debris import random_rotation
from tomoscout.simulation.fibres import Fibre
from tomoscout.simulation.scene import CONTACT, Scene, arrange


def drawn(seed=0, objects=CZII, **options):
    return arrange(Scene(**options), objects=objects, rng=np.random.default_rng(seed), run="r")


def everything(arrangement):
    """Centres and radii of all molecules, labelled or not."""
    particles = Picks.concatenate([p for p in (arrangement.picks, arrangement.cut) if len(p)])
    centres = [*particles.zyx, *(bit.zyx for bit in arrangement.debris)]
    radii = [CONTACT[name] for name in particles.objects] + [b.radius for b in arrangement.debris]
    return np.array(centres), np.array(radii)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("crowding", [1.0, 4.0])
def test_nothing_overlaps(seed, crowding):
    arrangement = drawn(
        seed,
        crowding=crowding,
        carbon=1.0,
        vesicles=8.0,
        beads=6.0,
        actin=8.0,
        microtubules=4.0,
        contamination=6.0,
        decorated=0.0,  # proteins on a membrane do touch it
    )
    centres, radii = everything(arrangement)
    assert len(centres) > 300
    pairs = cKDTree(centres).query_pairs(2 * radii.max(), output_type="ndarray")
    apart = np.linalg.norm(centres[pairs[:, 0]] - centres[pairs[:, 1]], axis=1)
    assert np.all(apart >= radii[pairs].sum(axis=1) - 1e-9)
    kinds = set()
    for thing in arrangement.clutter:
        kinds.add(type(thing))
        assert np.all(thing.clearance(centres) > radii)
        if isinstance(thing, Vesicle):
            assert np.all(np.abs(thing.distance(centres.T)) > radii + LEAFLETS / 2)
        elif isinstance(thing, Bead):
            assert np.all(np.linalg.norm(centres - thing.zyx, axis=1) > radii + thing.radius)
        elif isinstance(thing, CarbonEdge):
            assert np.all(thing.beyond(centres[:, 1], centres[:, 2]) < -radii)
    assert kinds == {Vesicle, Bead, CarbonEdge, Fibre, Crystal}


def test_membranes_do_not_cross_each_other():
    for seed in range(3):
        clutter = drawn(seed, vesicles=15.0, carbon=1.0, debris=0.0).clutter
        for one in clutter:
            if isinstance(one, Vesicle):
                points, _ = one.surface(np.random.default_rng(1).normal(size=(200, 3)))
                others = [other for other in clutter if other is not one]
                assert all(np.all(other.clearance(points) > 0) for other in others)


def neighbour(zyx):
    """Distance to the nearest other point."""
    return cKDTree(zyx).query(zyx, k=2)[0][:, 1] if len(zyx) > 1 else np.zeros(0)


def test_a_quarter_of_the_volume_has_a_quarter_of_the_particles():
    whole, part = (
        np.mean([len(drawn(s, shape=shape, debris=0.0).picks) for s in range(8)])
        for shape in ((184, 630, 630), (184, 315, 315))
    )
    assert part / whole == pytest.approx(0.25, rel=0.3)


def test_labelled_particles_lie_inside_and_cut_ones_outside():
    labelled = unlabelled = 0
    for seed in range(6):
        arrangement = drawn(seed, shape=(128, 200, 200), crowding=3.0)
        edges = (np.array((128, 200, 200)) - 0.5) * 10.012444
        inside = np.all((arrangement.picks.zyx >= -5.01) & (arrangement.picks.zyx < edges), axis=1)
        assert inside.all()
        outside = np.any((arrangement.cut.zyx < -5.0) | (arrangement.cut.zyx >= edges), axis=1)
        assert outside.all()
        labelled += len(arrangement.picks)
        unlabelled += len(arrangement.cut)
    assert labelled > unlabelled > 0


def test_particles_touch_the_border_sometimes():
    picks = Picks.concatenate(
        [drawn(s, shape=(96, 160, 160), crowding=2.0).picks for s in range(6)]
    )
    gap = np.minimum(picks.zyx[:, 1:], 1602 - picks.zyx[:, 1:]).min(axis=1)
    radii = np.array([CONTACT[name] for name in picks.objects])
    assert (gap < radii).sum() > 5


def test_the_upper_end_of_the_volume_is_empty():
    for seed in range(5):
        zyx, _ = everything(drawn(seed))
        assert zyx[:, 0].max() <= 0.85 * 184 * 10.012444


@pytest.mark.parametrize("seed", range(5))
def test_one_of_each_object_is_labelled_even_in_a_small_volume(seed):
    assert drawn(seed, shape=(96, 160, 160), vesicles=0.0, carbon=0.0).picks.names == CZII.names


def test_poses_are_rotations_spread_evenly():
    rng = np.random.default_rng(0)
    turns = np.array([random_rotation(rng) for _ in range(4000)])
    np.testing.assert_allclose(
        turns @ turns.transpose(0, 2, 1), np.eye(3)[None] + 0 * turns, atol=1e-9
    )
    assert np.linalg.det(turns) == pytest.approx(1.0)
    assert np.abs(turns.mean(axis=0)).max() < 0.04  # no preferred direction
    # The rotation angle has density (1 - cos t) / pi, so its mean is pi/2 + 2/pi.
    angles = np.arccos(np.clip((np.trace(turns, axis1=1, axis2=2) - 1) / 2, -1, 1))
    assert angles.mean() == pytest.approx(np.pi / 2 + 2 / np.pi, abs=0.04)


def test_the_same_seed_draws_the_same_scene():
    first, again, other = (drawn(s, shape=(96, 200, 200)) for s in (5, 5, 6))
    np.testing.assert_array_equal(first.picks.zyx, again.picks.zyx)
    np.testing.assert_array_equal(first.picks.rotations, again.picks.rotations)
    assert first.clutter == again.clutter
    assert len(first.picks) != len(other.picks) or not np.allclose(first.picks.zyx, other.picks.zyx)


def test_asked_counts_are_placed_exactly_and_unknown_names_are_refused():
    counts = {"ribosome": 5, "apo-ferritin": 0}
    found = drawn(1, counts=counts)
    assert len(found.picks.of("ribosome")) + len(found.cut.of("ribosome")) == 5
    assert found.picks.names == ["ribosome"]
    with pytest.raises(UserError, match="Did you mean 'ribosome'"):
        drawn(1, counts={"ribosom": 5})


def test_an_overfull_scene_places_what_fits():
    start = time.perf_counter()
    found = drawn(1, shape=(40, 60, 60), counts={"virus-like-particle": 50_000}, debris=0.0)
    assert 1 <= len(found.picks) < 40
    assert found.asked == {"virus-like-particle": 50_000}
    assert found.placed == {"virus-like-particle": len(found.picks) + len(found.cut)}
    assert time.perf_counter() - start < 20  # it gives up, and does not try 200 times for each


def test_what_fits_is_placed_as_asked():
    found = drawn(3)
    assert found.placed == found.asked
    assert set(found.asked) == set(CZII.names)


def test_a_molecule_of_ones_own_keeps_its_own_distance():
    table = ObjectTable(objects=(ObjectType(name="mystery", radius=50.0),))
    rng = np.random.default_rng(0)
    scene = Scene(shape=(96, 200, 200), counts={"mystery": 60}, vesicles=0, carbon=0)
    far = arrange(scene, objects=table, rng=rng, contacts={"mystery": 130.0}).picks
    assert 260.0 <= neighbour(far.zyx).min() < 300.0
    with pytest.raises(UserError, match="mystery: the contact radius must be above 0"):
        arrange(scene, objects=table, rng=rng, contacts={"mystery": 0.0})


def test_objects_of_another_table_are_placed_with_their_own_radius():
    table = ObjectTable(objects=(ObjectType(name="mystery", radius=200.0),))
    picks = drawn(2, objects=table, debris=0.0).picks
    assert picks.names == ["mystery"]
    assert cKDTree(picks.zyx).query(picks.zyx, k=2)[0][:, 1].min() >= 400.0


@pytest.mark.parametrize(
    "options",
    [
        {"shape": (0, 10, 10)},
        {"voxel_spacing": 0.0},
        {"ice": (0.8, 0.2)},
        {"crowdin": 1.0},
        {"cytosol": (0.0, 0.6)},
        {"lens": (0.0, 1.0)},
        {"wedge": (-0.1, 0.1)},
        {"decorated": 1.5},
        {"ceiling": 0.0},
        {"actin": -1.0},
    ],
)
def test_impossible_scenes_are_refused(options):
    with pytest.raises(ValidationError):
        Scene(**options)
