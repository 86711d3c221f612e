"""Steps in a row: margins, order, and errors."""

import numpy as np
import pytest

from tomoscout.augment import DEFAULT_STEPS, augment, grow, prepare
from tomoscout.augment._move import trim
from tomoscout.core.errors import UserError
from tomoscout.core.picks import Picks
from tomoscout.core.settings import Choice
from tomoscout.core.volume import Volume

PATCH = (12, 16, 20)


def steps(*names: str, **options):
    return prepare(Choice(name=name, **options) for name in names)


def ball(shape, radius=4.0) -> Volume:
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1)
    centre = (np.array(shape) - 1) / 2
    return Volume((np.linalg.norm(grid - centre, axis=-1) < radius).astype("f4"), 10.0)


def test_defaults_need_no_larger_crop():
    assert grow(PATCH, steps=prepare(DEFAULT_STEPS)) == PATCH


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("name", ["rotate", "scale"])
def test_a_grown_crop_fills_the_patch_with_real_voxels(name, seed):
    options = {"tilt": 20.0} if name == "rotate" else {"amount": 0.3}
    chosen = steps(name, probability=1.0, **options)
    shape = grow(PATCH, steps=chosen)
    # A moved ramp is a ramp, unless part of it is a reflection.
    ramp = sum(np.meshgrid(*map(np.arange, shape), indexing="ij")).astype(np.float32)
    rng = np.random.default_rng(seed)
    out, _ = augment(Volume(ramp, 10.0), Picks.empty(), steps=chosen, rng=rng, shape=PATCH)
    assert out.shape == PATCH
    for axis in range(3):
        assert np.abs(np.diff(out.read(), n=2, axis=axis)).max() < 1e-4


def test_a_crop_does_not_grow_more_than_a_turn_needs():
    z, y, x = grow((96, 96, 96), steps=steps("rotate", tilt=0.0))
    assert z == 96
    assert (y, x) == (136, 136)  # 96 times the root of two


def test_the_trimmed_patch_keeps_its_points():
    volume = Volume(np.random.default_rng(0).random((20, 30, 41)).astype("f4"), 10.0)
    cut, picks = trim(volume, Picks(np.array([[70.0, 110, 150]]), "a"), (10, 30, 20))
    assert cut.shape == (10, 30, 20)
    z, y, x = (picks.zyx[0] / 10).astype(int)
    assert cut.read()[z, y, x] == volume.read()[7, 11, 15]


@pytest.mark.parametrize("seed", range(12))
def test_a_chain_of_all_moves_keeps_the_point_on_its_blob(seed):
    chosen = steps("flip", "quarter_turn", "rotate", "scale", probability=1.0)
    shape = grow((32, 32, 32), steps=chosen)
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1)
    voxel = np.array(shape) / 2 + [3.3, -4.4, 6.1]
    blob = np.exp(-0.5 * (np.linalg.norm(grid - voxel, axis=-1) / 2) ** 2).astype("f4")
    out, picks = augment(
        Volume(blob, 10.0),
        Picks(voxel[None] * 10, "a"),
        steps=chosen,
        rng=np.random.default_rng(seed),
        shape=(32, 32, 32),
    )
    assert out.shape == (32, 32, 32)
    values = out.read()
    grid = np.stack(np.meshgrid(*map(np.arange, values.shape), indexing="ij"), -1)
    found = (values[..., None] * grid).sum((0, 1, 2)) / values.sum()
    np.testing.assert_allclose(found, picks.zyx[0] / 10, atol=0.15)


def test_steps_run_in_the_order_given():
    volume = ball((8, 8, 8), radius=2.0)
    there, back = (
        augment(volume, Picks.empty(), steps=steps(*names, probability=1.0), rng=rng)[0].read()
        for names in (("intensity", "noise"), ("noise", "intensity"))
        for rng in [np.random.default_rng(0)]
    )
    assert not np.array_equal(there, back)


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (Choice(name="rotat"), "Did you mean 'rotate'"),
        (Choice(name="rotate", angel=3), "Did you mean 'angle'"),
        (Choice(name="flip", probability=1.5), "'probability'.*less than or equal to 1"),
    ],
)
def test_misspelt_steps_are_refused(choice, message):
    with pytest.raises(UserError, match=message):
        prepare([choice])
