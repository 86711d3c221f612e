import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from tomoscout.core.errors import UserError
from tomoscout.core.geometry import Geometry
from tomoscout.core.objects import ObjectTable, ObjectType
from tomoscout.core.picks import Picks
from tomoscout.ops.tokens import paint
from tomoscout.targets import TARGETS

OBJECTS = ObjectTable(
    objects=(ObjectType(name="small", radius=40), ObjectType(name="large", radius=90))
)
PICKS = Picks(np.array([[52.0, 148.0, 251.0], [101.0, 33.0, 77.0]]), np.array(["large", "small"]))

every_target = pytest.mark.parametrize("name", TARGETS.names())
every_stride = pytest.mark.parametrize("stride", [1, 2, 3])


def encode(name: str, picks: Picks, stride: int = 1, shape=(17, 22, 31)) -> np.ndarray:
    module = TARGETS[name]
    geometry = Geometry(shape, 10.0, stride)
    given = {"objects": OBJECTS, "geometry": geometry, "settings": module.Settings()}
    if getattr(module, "NEEDS_LABELS", False):  # what a simulation would know of the same picks
        labels = [OBJECTS.label(str(n)) if n in OBJECTS.names else 1 for n in picks.objects]
        given["labels"] = paint(
            picks.zyx, np.array(labels, int), geometry=geometry, reach=[35.0] * len(picks),
            cubes=True,
        )  # fmt: skip
    return module.encode(picks, **given)


@every_stride
@every_target
def test_one_channel_per_object_on_the_cells_of_the_geometry(name, stride):
    target = encode(name, PICKS, stride)
    assert target.shape == (2, *Geometry((17, 22, 31), 10.0, stride).cells)
    assert target.dtype == np.float32
    assert 0 <= target.min() <= target.max() <= 1


@every_stride
@every_target
def test_the_centre_of_mass_of_each_channel_is_the_particle_in_angstrom(name, stride):
    picks = replace(PICKS, zyx=PICKS.zyx + np.array([30.0, 0.0, 0.0]))  # no part of them outside
    target = encode(name, picks, stride)
    geometry = Geometry((17, 22, 31), 10.0, stride)
    for zyx, channel in zip(picks.zyx, (1, 0), strict=True):
        cells = np.argwhere(target[channel])
        weights = target[channel][tuple(cells.T)]
        found = (weights[:, None] * geometry.to_angstrom(cells)).sum(0) / weights.sum()
        assert np.abs(found - zyx).max() <= geometry.cell_spacing / 2


@every_target
def test_the_cell_of_the_centre_is_the_highest(name):
    target = encode(name, PICKS)
    assert target[1, 5, 15, 25] == target[1].max() > 0.5
    assert target[0, 10, 3, 8] == target[0].max() > 0.5


@every_stride
@every_target
def test_no_picks_give_an_empty_target(name, stride):
    assert not encode(name, Picks.empty(), stride).any()


@every_target
def test_a_pick_far_outside_leaves_no_trace(name):
    far = Picks(np.array([[-500.0, 50.0, 50.0], [50.0, 50.0, 9000.0]]), "large")
    assert not encode(name, far).any()


@every_target
def test_a_particle_in_the_last_corner_is_marked(name):
    assert encode(name, Picks(np.array([[160.0, 210.0, 300.0]]), "small"))[0, 16, 21, 30] == 1.0


@every_target
def test_the_order_of_the_picks_does_not_matter(name):
    picks = Picks(
        np.random.default_rng(0).uniform(0, 160, (20, 3)), np.repeat(["small", "large"], 10)
    )
    np.testing.assert_array_equal(encode(name, picks), encode(name, picks[::-1]))


@every_target
def test_an_unknown_object_names_the_nearest(name):
    with pytest.raises(UserError, match="Did you mean 'small'"):
        encode(name, Picks(np.array([[1.0, 2.0, 3.0]]), "smal"))


def test_listing_imports_nothing():
    code = (
        "import sys; from tomoscout.targets import TARGETS; TARGETS.names();"
        "assert not {'scipy', 'torch', 'tomoscout.targets.points'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
