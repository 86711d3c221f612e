import numpy as np
import pytest

from tomoscout.candidates import dark_components
from tomoscout.candidates.dark_components import Settings, find
from tomoscout.core.errors import UserError
from tomoscout.core.settings import validate
from tomoscout.core.volume import Volume
from tomoscout.ops import normalise

SPACING = 10.0
RADII = {(22.0, 25.0): 60.0, (70.0, 30.0): 80.0, (45.0, 74.0): 100.0}  # (y, x) voxels, Å


def planted(planes=range(4, 8), depth=12, noise=0.05, seed=0):
    """Dark discs of 120 to 200 Å in some slices of weak noise."""
    rng = np.random.default_rng(seed)
    values = rng.normal(0, noise, (depth, 96, 104)).astype(np.float32)
    y, x = np.indices(values.shape[1:])
    for (cy, cx), radius in RADII.items():
        values[planes.start : planes.stop, np.hypot(y - cy, x - cx) * SPACING <= radius] -= 1
    return values


def look(values, **options):
    return find(Volume(values, SPACING), settings=Settings(**options), rng=np.random.default_rng(0))


def test_planted_discs_come_back_in_angstrom_in_every_slice_that_has_them():
    found = look(planted())
    expected = np.array([[z, *yx] for z in range(4, 8) for yx in RADII]) * SPACING
    distance = np.linalg.norm(found.zyx[:, None] - expected, axis=-1)
    assert len(found) == len(expected)  # the last component of each slice is not lost
    assert distance.min(axis=0).max() < 5.0


def test_slices_are_chosen_by_what_they_contain():
    """Every slice has blobs darker than its own mean by 1.5 of its own standard deviations."""
    everywhere = look(planted(), content=0.0)
    z = np.unique(everywhere.zyx[:, 0]) / SPACING
    assert len(z) > 4
    assert set(np.unique(look(planted()).zyx[:, 0]) / SPACING) == {4.0, 5.0, 6.0, 7.0}


def test_a_gold_bead_makes_no_slice_a_full_one():
    values = planted()
    values[1:3, 60:64, 10:14] -= 30
    found = look(values, blur=20.0)
    assert set(np.unique(found.zyx[:, 0]) / SPACING) == {4.0, 5.0, 6.0, 7.0}


def test_only_blobs_of_the_area_asked_for_are_taken():
    areas = [np.pi * radius**2 for radius in RADII.values()]
    middle = look(planted(), area=(areas[0] * 1.3, areas[2] * 0.85))
    yx = np.array([70.0, 30.0]) * SPACING
    assert len(middle) == 4
    assert np.linalg.norm(middle.zyx[:, 1:] - yx, axis=1).max() < 5.0


def test_the_score_is_how_much_darker_than_its_slice_a_blob_is_in_deviations_of_the_slice():
    """Without noise, and blurred by next to nothing, a slice is 0 but for one disc of -1."""
    values = np.zeros((2, 64, 64), np.float32)
    y, x = np.indices((64, 64))
    values[:, np.hypot(y - 30, x - 33) <= 8] = -1
    share = (values[0] < 0).mean()
    found = look(values, blur=0.1)
    np.testing.assert_allclose(found.zyx, [[0, 300, 330], [10, 300, 330]], atol=1e-6)
    np.testing.assert_allclose(found.scores, (1 - share) / np.sqrt(share * (1 - share)), rtol=1e-4)


def test_blobs_that_touch_by_a_corner_are_one():
    values = np.zeros((1, 64, 64), np.float32)
    values[0, 20:28, 20:28] = values[0, 28:36, 28:36] = -1
    found = look(values, blur=0.1, area=(10_000.0, 20_000.0))
    np.testing.assert_allclose(found.zyx, [[0, 275, 275]], atol=1e-6)


def test_bright_blobs_are_nothing():
    found = look(-planted(noise=0.0), content=0.0)
    yx = np.array(list(RADII)) * SPACING
    assert not (np.linalg.norm(found.zyx[:, None, 1:] - yx, axis=-1) < 60).any()


def test_a_particle_in_several_slices_can_be_made_one_candidate():
    found = look(planted(), apart=60.0)
    assert len(found) == 3
    assert np.ptp(found.zyx[:, 0]) <= 30.0


def test_the_limit_keeps_the_best():
    every, some = look(planted()), look(planted(), limit=5)
    np.testing.assert_array_equal(some.zyx, every.zyx[:5])


def test_reading_slice_by_slice_changes_nothing(monkeypatch):
    whole = look(planted())
    monkeypatch.setattr(normalise, "_SLAB", 96 * 104)
    assert len(list(dark_components.slabs(Volume(planted(), SPACING)))) == 12
    parts = look(planted())
    np.testing.assert_array_equal(parts.zyx, whole.zyx)
    np.testing.assert_array_equal(parts.scores, whole.scores)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"area": (5.0, 5.0)}, "two rising areas"), ({"content": 1.5}, "'content'")],
)
def test_what_makes_no_sense_is_refused(options, message):
    with pytest.raises(UserError, match=message):
        validate(Settings, options, source="candidates")


def test_an_empty_tomogram_is_refused():
    with pytest.raises(UserError, match="nothing to see in it"):
        look(np.zeros((3, 32, 32), np.float32))
