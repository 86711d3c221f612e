"""Label volumes drawn slab by slab are those drawn at once, and cubes cover their tomogram."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tomoscout.core.errors import UserError
from tomoscout.core.geometry import Geometry
from tomoscout.core.objects import ObjectTable, ObjectType
from tomoscout.core.picks import Picks
from tomoscout.core.settings import Choice
from tomoscout.core.volume import Volume
from tomoscout.data import masks
from tomoscout.data.cubes import CubeSettings, cut_cubes, grid
from tomoscout.data.masks import draw_labels

OBJECTS = ObjectTable(
    objects=(ObjectType(name="small", radius=25), ObjectType(name="large", radius=60))
)
GEOMETRY = Geometry((23, 30, 28), 10.0)


def picks(count: int = 12) -> Picks:
    rng = np.random.default_rng(0)
    zyx = rng.uniform(-30, 10 * np.array(GEOMETRY.shape) + 30, (count, 3))
    return Picks(zyx, rng.choice(OBJECTS.names, count))


@pytest.mark.parametrize("target", ["spheres", "points", "heatmaps"])
def test_slabs_leave_no_seams(target, monkeypatch):
    options = {"objects": OBJECTS, "geometry": GEOMETRY, "target": Choice(name=target)}
    whole = draw_labels(picks(), **options)
    shares = []
    monkeypatch.setattr(masks, "_CELLS", 3 * 30 * 28)
    np.testing.assert_array_equal(draw_labels(picks(), progress=shares.append, **options), whole)
    assert len(shares) == 8
    assert shares[-1] == 1.0
    assert set(np.unique(whole)) == {0, 1, 2}


def test_of_two_objects_on_one_voxel_the_last_of_the_table_has_it():
    both = Picks(np.array([[50.0, 50, 50]] * 2), np.array(["large", "small"]))
    labels = draw_labels(both, objects=OBJECTS, geometry=GEOMETRY, target=Choice(name="points"))
    assert labels[5, 5, 5] == OBJECTS.label("large")
    assert labels.sum() == 2


@settings(deadline=None)
@given(st.tuples(*[st.integers(1, 60)] * 3), st.integers(4, 20))
def test_the_grid_covers_every_voxel_and_stays_inside(shape, edge):
    covered = np.zeros(shape, bool)
    for start in grid(shape, edge):
        for first, size in zip(start, shape, strict=True):
            assert first >= 0
            assert first + edge <= size or (size < edge and first == 0)
        covered[tuple(slice(s, s + edge) for s in start)] = True
    assert covered.all()
    assert len(set(grid(shape, edge))) == len(grid(shape, edge))


def test_a_tomogram_thinner_than_the_cube_is_reflected():
    volume = Volume(np.random.default_rng(0).standard_normal((9, 24, 24)).astype("f4"), 10.0)
    images, labels = cut_cubes(
        volume, Picks(np.array([[40.0, 120, 120]]), "large"), objects=OBJECTS,
        target=Choice(name="tokens"), settings=CubeSettings(edge=24, token=6),
        rng=np.random.default_rng(0),
    )  # fmt: skip
    assert images.shape == (1, 1, 24, 24, 24)
    np.testing.assert_array_equal(images[0, 0, 9:17], images[0, 0, 7::-1])
    tokens = labels.reshape(4, 4, 4)
    assert tokens[0, 2, 2] == tokens[2, 2, 2] == 2  # the particle, and its mirror image


def test_cubes_of_a_run_without_particles_are_empty_ones():
    volume = Volume(np.random.default_rng(0).standard_normal((24, 48, 48)).astype("f4"), 10.0)
    images, labels = cut_cubes(
        volume, Picks.empty(), objects=OBJECTS, target=Choice(name="tokens"),
        settings=CubeSettings(edge=24, token=6), rng=np.random.default_rng(0),
    )  # fmt: skip
    assert images.shape[0] == labels.shape[0] == 1
    assert not labels.any()


def test_targets_that_make_no_label_volume_are_refused():
    with pytest.raises(UserError, match="cannot draw them"):
        draw_labels(picks(), objects=OBJECTS, geometry=GEOMETRY, target=Choice(name="masks"))
