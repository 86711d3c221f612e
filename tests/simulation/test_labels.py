from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

from tomoscout.core.errors import UserError
from tomoscout.core.objects import CZII, ObjectTable, ObjectType
from tomoscout.core.picks import Picks
from tomoscout.core.shrec import SHREC21
from tomoscout.simulation.clutter import Bead, CarbonEdge, Vesicle
from tomoscout.simulation.density import PROTEIN_DENSITY, Density, rasterise
from tomoscout.simulation.labels import Labels, label_volume, mark_clutter
from tomoscout.simulation.scene import Arrangement, Scene, arrange
from tomoscout.simulation.shapes import blobs

SPACING = 10.012444


@pytest.fixture(scope="module")
def densities():
    return {
        kind.name: rasterise(blobs(kind, variant=1), voxel_spacing=SPACING / 2)
        for kind in CZII.each()
    }


def labelled(picks, densities, *, cut=None, shape=(64, 64, 64), objects=CZII, spacing=SPACING):
    return label_volume(
        Arrangement(picks, Picks.empty() if cut is None else cut, (), ()),
        shape=shape,
        voxel_spacing=spacing,
        densities=densities,
        objects=objects,
    )


def test_labels_lie_where_the_picks_are_and_have_the_tables_labels(densities):
    scene = Scene(
        shape=(128, 160, 160),
        crowding=4,
        ice=(0.6, 0.6),
        slope=0,
        debris=0,
        vesicles=0,
        carbon=0,
        actin=0,
    )
    found = arrange(scene, objects=CZII, rng=np.random.default_rng(2))
    labels = label_volume(
        found,
        shape=scene.shape,
        voxel_spacing=scene.voxel_spacing,
        densities=densities,
        objects=CZII,
    )
    gap = np.minimum(found.picks.zyx, np.array(scene.shape) * SPACING - found.picks.zyx).min(axis=1)
    index = np.arange(1, len(found.picks) + 1)
    centres = ndimage.center_of_mass(np.ones(scene.shape), labels.occupancy, index)
    off = np.linalg.norm(np.array(centres) * SPACING - found.picks.zyx, axis=1)
    whole = gap > 170.0
    assert set(found.picks[whole].names) == set(CZII.names)
    assert off[whole].max() < SPACING / 2
    for number, name in zip(index, found.picks.objects, strict=True):
        assert np.all(labels.classes[labels.occupancy == number] == CZII.label(name))


@pytest.mark.parametrize("spacing", [5.0, 10.0, 13.5])
def test_a_solid_ball_is_labelled_with_its_own_volume(spacing):
    ball = np.linalg.norm(np.indices((61, 61, 61)) - 30, axis=0) * 5.0 < 100.0
    soft = ndimage.gaussian_filter(ball.astype(np.float32), 2.0)
    table = ObjectTable(objects=(ObjectType(name="ball", radius=100.0),))
    picks = Picks(np.full((1, 3), 203.0), "ball", rotations=np.eye(3)[None])
    labels = labelled(
        picks, {"ball": Density(soft, 5.0)}, objects=table, spacing=spacing, shape=(90, 90, 90)
    )
    volume = np.count_nonzero(labels.classes) * spacing**3
    assert volume == pytest.approx(4 / 3 * np.pi * 100.0**3, rel=0.12)


@pytest.mark.parametrize(("name", "inner"), [("apo-ferritin", 30.0), ("virus-like-particle", 90.0)])
def test_hollow_molecules_are_labelled_with_what_they_enclose(name, inner, densities):
    turn = Rotation.from_euler("zyx", [20, 50, 70], degrees=True).as_matrix()
    picks = Picks(np.full((1, 3), 32.3 * SPACING), name, rotations=turn[None])
    labels = labelled(picks, densities)
    at = np.linalg.norm((np.indices(labels.classes.shape).T - 32.3) * SPACING, axis=-1).T
    assert np.all(labels.classes[at < inner] == CZII.label(name))
    assert not labels.classes[at > CZII[name].radius + 45].any()


def test_an_open_molecule_keeps_its_own_volume(densities):
    name = "ribosome"
    picks = Picks(np.full((1, 3), 32 * SPACING), name, rotations=np.eye(3)[None])
    volume = np.count_nonzero(labelled(picks, densities).occupancy) * SPACING**3
    assert volume == pytest.approx(densities[name].mass / PROTEIN_DENSITY, rel=0.35)


def test_where_particles_overlap_the_later_pick_has_the_voxel(densities):
    zyx = np.array([[320.0, 320.0, 280.0], [320.0, 320.0, 360.0]])
    picks = Picks(zyx, "apo-ferritin", rotations=np.stack([np.eye(3)] * 2))
    both, second = (labelled(p, densities) for p in (picks, picks[1:]))
    np.testing.assert_array_equal(both.occupancy == 2, second.occupancy == 1)
    assert 0 < np.count_nonzero(both.occupancy == 1) < np.count_nonzero(both.occupancy == 2)


def test_particles_cut_by_the_border_have_a_class_and_no_number(densities):
    cut = Picks(np.array([[320.0, 320.0, -30.0]]), "ribosome", rotations=np.eye(3)[None])
    labels = labelled(Picks.empty(), densities, cut=cut)
    assert np.count_nonzero(labels.classes == CZII.label("ribosome")) > 100
    assert not labels.occupancy.any()
    few = ObjectTable(objects=(CZII["apo-ferritin"],))
    assert not labelled(Picks.empty(), densities, cut=cut, objects=few).classes.any()


def test_what_cannot_be_counted_is_refused():
    many = ObjectTable(objects=tuple(ObjectType(name=f"o{i}", radius=10.0) for i in range(256)))
    with pytest.raises(UserError, match="255 objects"):
        labelled(Picks.empty(), {}, objects=many)


def test_an_empty_scene_has_empty_labels(densities):
    labels = labelled(Picks.empty(), densities)
    assert labels.classes.dtype == np.uint8
    assert labels.occupancy.dtype == np.uint16
    assert not labels.classes.any()


def empty(shape=(60, 60, 60)):
    return Labels(np.zeros(shape, np.uint8), np.zeros(shape, np.uint16))


def test_membranes_and_gold_have_the_two_labels_after_the_tables():
    vesicle = Vesicle((300.0, 300.0, 300.0), (200.0, 200.0, 200.0), 0.0, (0.0, 0.0, 0.0))
    bead = Bead((300.0, 300.0, 300.0), 50.0, 10.0)
    edge = CarbonEdge((0.0, 0.0), 100.0, (0.0, 600.0), 0.2, 1)
    before = empty()
    labels, listed = mark_clutter(
        before, [vesicle, edge, bead], particles=40, voxel_spacing=10.0, objects=SHREC21
    )
    off = np.linalg.norm(np.indices((60, 60, 60)) - 30, axis=0) * 10.0
    deep = 30 - np.abs(off - 200)
    assert np.all(labels.classes[deep > 0.01] == 14)
    assert not np.any(labels.classes[deep < -0.01] == 14)
    np.testing.assert_array_equal(labels.classes == 15, off <= 50)
    assert not before.classes.any()
    assert not before.occupancy.any()
    # Counted on from the particles, in the order they are listed in.
    assert listed.objects.tolist() == ["fiducial", "vesicle"]
    np.testing.assert_array_equal(labels.occupancy == 41, labels.classes == 15)
    np.testing.assert_array_equal(labels.occupancy == 42, labels.classes == 14)
    np.testing.assert_allclose(listed.zyx, 300.0)
    few = ObjectTable(objects=(SHREC21["5MRC"],))
    labels, _ = mark_clutter(before, [vesicle, bead], particles=0, voxel_spacing=10.0, objects=few)
    assert set(np.unique(labels.classes)) == {0, 2, 3}


def test_particles_keep_their_voxels_and_gold_outshines_a_membrane():
    labels = empty()
    labels.classes[:, :, 30:], labels.occupancy[:, :, 30:] = 7, 1
    vesicle = Vesicle((300.0, 300.0, 300.0), (200.0, 200.0, 200.0), 0.0, (0.0, 0.0, 0.0))
    bead = Bead((300.0, 300.0, 100.0), 50.0, 10.0)
    found, _ = mark_clutter(
        labels, [vesicle, bead], particles=1, voxel_spacing=10.0, objects=SHREC21
    )
    assert np.all(found.classes[:, :, 30:] == 7)
    np.testing.assert_array_equal(found.occupancy == 1, labels.occupancy == 1)
    off = np.linalg.norm(np.indices((60, 60, 60)).T - (30, 30, 10), axis=-1).T * 10.0
    np.testing.assert_array_equal(found.classes == 15, off <= 50)
    assert np.count_nonzero(found.classes == 14) > 1000


def test_clutter_that_is_outside_is_marked_where_it_reaches_in_and_not_listed():
    vesicle = Vesicle((300.0, 300.0, -50.0), (200.0, 200.0, 200.0), 0.0, (0.0, 0.0, 0.0))
    bead = Bead((-500.0, 300.0, 300.0), 50.0, 10.0)
    labels, listed = mark_clutter(
        empty(), [vesicle, bead], particles=0, voxel_spacing=10.0, objects=SHREC21
    )
    assert set(np.unique(labels.classes)) == {0, 14}
    assert not labels.occupancy.any()
    assert len(listed) == 0


def test_a_table_without_two_labels_to_spare_cannot_mark_clutter():
    many = ObjectTable(objects=tuple(ObjectType(name=f"o{i}", radius=10.0) for i in range(254)))
    with pytest.raises(UserError, match="255 objects, vesicles and fiducials among them"):
        mark_clutter(empty(), [], particles=0, voxel_spacing=10.0, objects=many)
