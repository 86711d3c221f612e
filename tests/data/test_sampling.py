import numpy as np
import pytest

from tomoscout.core.errors import UserError
from tomoscout.core.geometry import Geometry
from tomoscout.core.objects import ObjectTable, ObjectType
from tomoscout.core.picks import Picks
from tomoscout.core.settings import validate
from tomoscout.data.sampling import Sampler, SamplingSettings

OBJECTS = ObjectTable(
    objects=tuple(ObjectType(name=name, radius=60) for name in ("common", "rare", "single"))
)
GEOMETRY = Geometry((40, 60, 50), 10.0)


def particles(seed: int, **counts: int) -> Picks:
    rng = np.random.default_rng(seed)
    names = np.repeat(list(counts), list(counts.values()))
    return Picks(rng.uniform(0, 1, (len(names), 3)) * (390, 590, 490), names)


RUNS = [particles(0, common=200, rare=4), particles(1, common=100, rare=2, single=1)]


def sampler(picks=None, geometries=None, **options) -> Sampler:
    picks = RUNS if picks is None else picks
    options = {"patch": (16, 20, 24)} | options
    return Sampler(
        geometries or [GEOMETRY] * len(picks),
        picks,
        objects=OBJECTS,
        settings=SamplingSettings(**options),
    )


def draws(source: Sampler, count: int = 3000, seed: int = 0):
    rng = np.random.default_rng(seed)
    drawn = [source.draw(rng) for _ in range(count)]
    return np.array([d.run for d in drawn]), np.array([d.start for d in drawn])


def test_without_jitter_a_particle_is_in_the_middle_and_all_objects_come_equally_often():
    runs, starts = draws(sampler(centred=1.0, jitter=0.0))
    middle = starts + (np.array([16, 20, 24]) - 1) / 2
    low, high = np.zeros(3), np.array(GEOMETRY.shape) - (16, 20, 24)
    counts = dict.fromkeys(OBJECTS.names, 0.0)
    for run, start, centre in zip(runs, starts, middle, strict=True):
        voxels = RUNS[run].zyx / 10.0
        free = (start > low) & (start < high)  # a patch is kept inside the tomogram
        fits = np.all(np.where(free, np.abs(voxels - centre) <= 0.501, True), axis=1)
        assert fits.any()
        for name in set(RUNS[run].objects[fits].tolist()):
            counts[name] += 1 / 3000
    # A third each; the 300 common ones also happen to be in the middle of others' patches.
    assert counts["rare"] == pytest.approx(1 / 3, abs=0.04)
    assert counts["single"] == pytest.approx(1 / 3, abs=0.04)
    assert counts["common"] > 0.3


def test_within_an_object_every_particle_of_every_run_is_equally_likely():
    runs, _ = draws(sampler(centred=1.0, jitter=0.0))
    # common 200:100, rare 4:2, single 0:1
    assert np.mean(runs == 0) == pytest.approx((2 / 3 + 2 / 3 + 0) / 3, abs=0.03)


@pytest.mark.parametrize("jitter", [0.0, 0.3, 0.5])
def test_the_particle_is_in_the_patch_and_spread_as_the_jitter_says(jitter):
    particle = np.array([20.3, 30.4, 25.2])
    source = sampler(
        [Picks(particle[None] * 10, "rare")], centred=1.0, jitter=jitter, allow_missing=True
    )
    _, starts = draws(source)
    inside = (particle - starts) / (16, 20, 24)
    assert inside.min() > -0.04
    assert inside.max() < 1.0
    reach = np.abs(inside - 0.5).max(axis=0)
    np.testing.assert_allclose(reach, jitter, atol=0.07)


def test_uniform_patches_reach_every_border_and_never_leave():
    _, starts = draws(sampler(centred=0.0))
    np.testing.assert_array_equal(starts.min(axis=0), 0)
    np.testing.assert_array_equal(starts.max(axis=0), [24, 40, 26])
    counts = np.histogram(starts[:, 1], bins=41, range=(-0.5, 40.5))[0]
    assert counts.min() > 35  # 73 are expected


def test_uniform_patches_are_shared_out_by_the_size_of_the_tomograms():
    small, large = Geometry((20, 20, 24), 10.0), Geometry((40, 40, 48), 10.0)
    source = sampler(
        [RUNS[1][:0], RUNS[1]], [small, large], centred=0.0, patch=(8, 8, 8), allow_missing=True
    )
    runs, _ = draws(source)
    assert np.mean(runs == 1) == pytest.approx(8 / 9, abs=0.03)


def test_the_share_of_patches_around_particles_is_the_one_set():
    corner = [Picks(np.array([[200.0, 300, 250]]), "rare")]
    _, starts = draws(sampler(corner, centred=0.6, jitter=0.0, allow_missing=True))
    share = np.mean(np.all(starts == (12, 20, 14), axis=1) | np.all(starts == (13, 21, 14), axis=1))
    assert share == pytest.approx(0.6, abs=0.05)


@pytest.mark.parametrize("corner", [(0.0, 0.0, 0.0), (39.0, 59.0, 49.0)])
def test_a_particle_in_the_corner_has_its_patch_inside_the_tomogram(corner):
    source = sampler(
        [Picks(np.array([corner]) * 10, "rare")], centred=1.0, jitter=0.2, allow_missing=True
    )
    _, starts = draws(source, 200)
    offset = np.array(corner) - starts
    assert ((offset >= 0) & (offset < (16, 20, 24))).all()
    assert ((starts >= 0) & (starts <= (24, 40, 26))).all()


def test_a_tomogram_smaller_than_the_patch_lies_wholly_in_it():
    source = sampler([RUNS[1]], patch=(64, 64, 30))
    _, starts = draws(source, 300)
    assert (starts[:, 0] <= 0).all()
    assert (starts[:, 0] + 64 >= 40).all()
    assert (starts[:, 2] >= 0).all()
    assert (starts[:, 2] <= 20).all()


def test_an_object_without_particles_is_named_with_the_remedy():
    with pytest.raises(UserError, match=r"no particle of rare, single .*sampling\.allow_missing"):
        sampler([particles(0, common=3)])


def test_particles_outside_the_tomogram_do_not_count():
    outside = Picks(np.array([[-400.0, 0, 0]]), "single")
    with pytest.raises(UserError, match="no particle of single"):
        sampler([RUNS[0], outside])


def test_with_permission_missing_objects_are_skipped_even_all_of_them():
    runs, _ = draws(sampler([particles(0, common=3)], allow_missing=True), 50)
    assert (runs == 0).all()
    _, starts = draws(sampler([Picks.empty()], centred=1.0, allow_missing=True), 200)
    assert len(np.unique(starts[:, 2])) > 15


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"patch": (96, 0, 96)}, "'patch'.*at least one voxel"),
        ({"jitter": 0.7}, "'jitter'.*less than or equal to 0.5"),
        ({"centered": 1.0}, "Did you mean 'centred'"),
    ],
)
def test_wrong_settings_are_refused(option, message):
    with pytest.raises(UserError, match=message):
        validate(SamplingSettings, option, source="recipe.yaml")
