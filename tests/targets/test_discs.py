"""The discs' heights are chords, and their fall-off is a Gaussian of the distance to the axis."""

import numpy as np
import pytest

from tomoscout.core.errors import UserError
from tomoscout.core.geometry import Geometry
from tomoscout.core.objects import ObjectTable, ObjectType
from tomoscout.core.picks import Picks
from tomoscout.core.settings import validate
from tomoscout.targets.discs import Settings, encode

OBJECTS = ObjectTable(
    objects=(ObjectType(name="small", radius=60), ObjectType(name="large", radius=150))
)


def discs(zyx, name="large", *, stride=1, shape=(40, 42, 44), **options) -> np.ndarray:
    geometry = Geometry(shape, 10.0, stride)
    picks = Picks(np.array(zyx, float), name)
    return encode(picks, objects=OBJECTS, geometry=geometry, settings=Settings(**options))


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_the_top_of_each_slice_is_the_chord_as_a_share_of_the_radius(stride):
    target = discs([[203.0, 198.0, 221.0]], stride=stride)[1]
    z = Geometry((40, 42, 44), 10.0, stride).to_angstrom(
        np.column_stack([np.arange(len(target))] * 3)
    )[:, 0]
    dz = np.abs(z - 203.0)
    chord = np.where(dz <= 0.8 * 150, np.sqrt(np.clip(1 - (dz / 150) ** 2, 0, 1)), 0)
    np.testing.assert_allclose(target.max(axis=(1, 2)), chord, atol=1e-6)
    assert (chord > 0).sum() == pytest.approx(240 / (10 * stride), abs=1)


def test_the_fall_off_is_a_gaussian_that_tells_the_axis_below_a_cell():
    plane = discs([[200.0, 203.0, 220.0]], sigma=0.2)[1, 20]
    below, here, above = np.log(plane[19:22, 22])
    assert 10 * (20 + 0.5 * (below - above) / (below - 2 * here + above)) == pytest.approx(203.0)
    # 33 Å and 13 Å away, the nearest cell 3 Å: sigma is 30 Å.
    assert plane[17, 22] == pytest.approx(np.exp(-(33**2 - 3**2) / 1800), abs=1e-6)
    assert plane[19, 22] == pytest.approx(np.exp(-(13**2 - 3**2) / 1800), abs=1e-6)


def test_where_discs_overlap_the_higher_one_counts():
    one, other = [200.0, 200.0, 220.0], [150.0, 240.0, 220.0]
    both = discs([one, other])
    np.testing.assert_array_equal(both, np.maximum(discs([one]), discs([other])))


def test_a_particle_smaller_than_a_slice_still_marks_the_nearest():
    tiny = ObjectTable(objects=(ObjectType(name="tiny", radius=5),))
    geometry = Geometry((12, 12, 12), 10.0, 3)
    target = encode(
        Picks(np.array([[52.0, 50.0, 49.0]]), "tiny"),
        objects=tiny, geometry=geometry, settings=Settings(),
    )  # fmt: skip
    assert np.argwhere(target[0]).tolist() == [[1, 1, 1]]
    assert target.max() == pytest.approx(0.6)


def test_a_disc_reaches_in_from_beside_the_crop_without_a_top():
    target = discs([[200.0, -15.0, 220.0]])[1, 20]
    # Its nearest cell, at -10 or -20, is not in the crop.
    assert target[0, 22] == pytest.approx(np.exp(-(15**2 - 5**2) / (2 * 37.5**2)), abs=1e-6)


def test_a_reach_of_the_whole_radius_is_refused():
    with pytest.raises(UserError, match=r"'reach'.*less than 1"):
        validate(Settings, {"reach": 1}, source="recipe.yaml")
