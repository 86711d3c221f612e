import numpy as np
import pytest

from tomoscout.core.errors import UserError
from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume
from tomoscout.discovery.examples import Examples, ViewSettings, see_examples, turned_crops
from tomoscout.ops.normalise import Normaliser
from tomoscout.ops.symmetry import SYMMETRIES

SPACING = 10.0
PLAIN = Normaliser(-np.inf, np.inf, 0.0, 1.0)
IN_PLANE = [s for s in SYMMETRIES if not s.flip[0]]


@pytest.fixture(scope="module")
def volume():
    return Volume(np.random.default_rng(0).normal(size=(9, 24, 26)).astype(np.float32), SPACING)


def embed(crops):
    """An encoder that minds every turn: each voxel has a weight of its own."""
    rng = np.random.default_rng(3)
    weights = rng.normal(size=(int(np.prod(crops.shape[1:])), 6)).astype(np.float32)
    return np.tanh(crops.reshape(len(crops), -1) @ weights / 10)


def seen(volume, zyx, crop=(3, 7, 7), **settings):
    return see_examples(
        volume, Picks(zyx, "a"), embed, crop=crop, normaliser=PLAIN,
        settings=ViewSettings(**settings),
    )  # fmt: skip


PLACES = np.array([[40.0, 110, 120], [50, 60, 180], [0, 0, 250]])


@pytest.mark.parametrize("symmetry", IN_PLANE, ids=str)
def test_the_mean_of_all_views_is_the_same_however_the_tomogram_lies(volume, symmetry):
    moved = Volume(np.ascontiguousarray(symmetry.apply(volume.data)), SPACING)
    places = symmetry.move(PLACES, geometry=volume.geometry)
    one, other = seen(volume, PLACES).vectors, seen(moved, places).vectors
    assert one.shape == (3, 8, 6)
    np.testing.assert_allclose(other.mean(axis=1), one.mean(axis=1), atol=1e-5)
    if symmetry != IN_PLANE[0]:
        assert np.abs(other[:, 0] - one[:, 0]).max() > 0.1  # a single view is not


def test_the_first_view_is_the_crop_as_it_is_in_grey_values_of_training(volume):
    scale = Normaliser(-np.inf, np.inf, 2.0, 4.0)
    first = next(iter(turned_crops(
        volume, PLACES[:1], crop=(3, 7, 6), normaliser=scale, settings=ViewSettings()
    )))  # fmt: skip
    np.testing.assert_allclose(
        first[0], (volume.data[3:6, 8:15, 10:16] - 2) / 4, atol=1e-6
    )  # an even edge: of two crops that are as near, the later one


def test_views_are_quarter_turns_from_y_towards_x_and_their_mirror_images(volume):
    views = list(turned_crops(
        volume, PLACES[:1], crop=(3, 7, 7), normaliser=PLAIN, settings=ViewSettings()
    ))  # fmt: skip
    assert len(views) == 8
    for turn in range(4):
        turned = np.rot90(views[0][0], turn, axes=(1, 2))
        np.testing.assert_array_equal(views[2 * turn][0], turned)
        np.testing.assert_array_equal(views[2 * turn + 1][0], turned[..., ::-1])


@pytest.mark.parametrize("edges", [(11, 11), (12, 12), (11, 14), (12, 9)], ids=str)
@pytest.mark.parametrize("turns", [4, 6, 8])
def test_a_spot_goes_round_the_middle_of_the_crop(edges, turns):
    middle = np.array([20, 20]) - [(edge + 1) % 2 / 2 for edge in edges]  # of the crop, in voxels
    spot = middle + np.array([2.0, 3.0])
    rows, columns = np.indices((40, 40))
    plane = np.exp(-((rows - spot[0]) ** 2 + (columns - spot[1]) ** 2) / 4)
    volume = Volume(np.repeat(plane[None], 3, axis=0).astype(np.float32), SPACING)
    views = turned_crops(
        volume, np.array([[1, *middle]]) * SPACING, crop=(1, *edges), normaliser=PLAIN,
        settings=ViewSettings(turns=turns, mirror=False),
    )  # fmt: skip
    own = np.indices(edges) - (np.array(edges)[:, None, None] - 1) / 2
    for turn, view in enumerate(views):
        angle = 2 * np.pi * turn / turns
        # np.rot90 takes y to -x and x to y.
        there = [2 * np.cos(angle) - 3 * np.sin(angle), 2 * np.sin(angle) + 3 * np.cos(angle)]
        expected = np.exp(-((own[0] - there[0]) ** 2 + (own[1] - there[1]) ** 2) / 4)
        np.testing.assert_allclose(view[0, 0], expected, atol=0.01)


def test_shifted_views_lie_to_each_side_along_each_axis(volume):
    shifted = seen(volume, PLACES[:1], turns=1, mirror=False, shift=20).vectors[0]
    assert len(shifted) == 7
    for place, step in enumerate(np.concatenate([np.eye(3), -np.eye(3)]), start=1):
        moved = seen(volume, PLACES[:1] + 20 * step, turns=1, mirror=False).vectors[0]
        np.testing.assert_allclose(shifted[place], moved[0], atol=1e-6)


def test_examples_of_several_tomograms_are_joined(volume):
    one, other = seen(volume, PLACES), seen(volume, PLACES[:1])
    both = Examples.join([one, Examples(one.vectors[:0], one.objects[:0]), other])
    assert len(both) == 4
    np.testing.assert_allclose(both.vectors[3], one.vectors[0], atol=1e-6)
    with pytest.raises(UserError, match="no example"):
        Examples.join([])


def test_an_example_of_another_run_is_refused(volume):
    with pytest.raises(UserError, match=r"example at \(40, 110, 999\) Å .* outside"):
        seen(volume, np.array([[40.0, 110, 999]]))
