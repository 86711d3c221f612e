from itertools import product

import numpy as np
import pytest

from tomoscout.core.errors import UserError
from tomoscout.ops.views import VIEWS, View, divisor_of, find_views

CUBE = np.arange(27).reshape(3, 3, 3)

COUNTS = {
    "none": 1,
    "z_flip": 2,
    "wedge_safe": 8,
    "anisotropic": 7,
    "d4z": 16,
    "isotropic13": 13,
    "isotropic": 48,
}


def looks(name):
    return {view.apply(CUBE).tobytes() for view in VIEWS[name]}


def test_every_group_has_its_views_once_and_begins_with_the_tomogram_as_it_is():
    assert {name: len(views) for name, views in VIEWS.items()} == COUNTS
    assert {name: len(looks(name)) for name in VIEWS} == COUNTS
    assert all(views[0] == View() for views in VIEWS.values())


@pytest.mark.parametrize("name", ["none", "z_flip", "wedge_safe", "d4z", "isotropic"])
def test_two_views_of_a_group_in_turn_are_a_view_of_the_group(name):
    """Only then is the average the same for a tomogram that was moved."""
    seen = looks(name)
    for one, other in product(VIEWS[name], VIEWS[name]):
        assert one.apply(other.apply(CUBE)).tobytes() in seen


@pytest.mark.parametrize("tilt", [40.0, 60.0])
def test_wedge_safe_views_are_just_those_that_lay_the_missing_wedge_on_itself(tilt):
    """The tilt axis is y and the beam z: what lies near kz, in the plane of z and x, is missing."""
    kz, _, kx = np.indices((21, 21, 21)) - 10
    missing = np.abs(kz) > np.abs(kx) * np.tan(np.deg2rad(tilt))
    safe = {v for v in VIEWS["isotropic"] if np.array_equal(v.apply(missing), missing)}
    assert safe == set(VIEWS["wedge_safe"])


def test_anisotropic_views_are_etfinders_seven():
    theirs = [CUBE, *(np.flip(CUBE, axis) for axis in range(3))]
    theirs += [np.rot90(CUBE, k, (1, 2)) for k in (1, 2, 3)]
    assert looks("anisotropic") == {view.tobytes() for view in theirs}


def test_isotropic13_adds_the_quarter_turns_out_of_the_plane():
    turned = {np.rot90(CUBE, k, plane).tobytes() for plane in [(0, 1), (0, 2)] for k in (1, 2, 3)}
    assert looks("isotropic13") == looks("anisotropic") | turned
    assert len(turned) == 6


def test_half_of_the_views_are_mirror_images_where_mirrors_are_among_them():
    for name in ("z_flip", "wedge_safe", "d4z", "isotropic"):
        assert sum(view.mirrors for view in VIEWS[name]) == COUNTS[name] / 2


@pytest.mark.parametrize(
    ("name", "fits"),
    [("wedge_safe", (4, 32, 16)), ("d4z", (4, 32, 32)), ("isotropic", (32, 32, 32))],
)
def test_tiles_fit_a_network_on_every_side_that_a_view_turns_to_it(name, fits):
    assert divisor_of(VIEWS[name], (4, 32, 16)) == fits
    assert divisor_of(VIEWS["isotropic13"], (2, 3, 5)) == (30, 30, 30)


def test_a_misspelt_group_is_refused_by_the_nearest_name():
    with pytest.raises(UserError, match="Did you mean 'wedge_safe'"):
        find_views("wedge-safe")
