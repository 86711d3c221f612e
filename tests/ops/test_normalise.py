import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tomoscout.core.errors import UserError
from tomoscout.core.settings import validate
from tomoscout.core.volume import Volume
from tomoscout.ops.normalise import Normaliser, NormaliseSettings, measure

EXACT = NormaliseSettings(clip=None)


def noise(shape=(20, 30, 40), mean=5e-8, std=7e-6, seed=0) -> np.ndarray:
    values = np.random.default_rng(seed).standard_normal(shape)
    return (values * std + mean).astype(np.float32)


def test_the_whole_tomogram_gets_mean_0_and_standard_deviation_1():
    data = noise()
    out = measure(Volume(data, 10.0)).apply(data).astype(np.float64)
    assert abs(out.mean()) < 1e-4
    assert abs(out.std() - 1) < 1e-4


def test_the_moments_are_those_of_the_clipped_values():
    data = noise()
    found = measure(Volume(data, 10.0), NormaliseSettings(clip=(5, 90)))
    low, high = np.percentile(data.astype(np.float64), (5, 90))
    clipped = np.clip(data.astype(np.float64), low, high)
    expected = (low, high, clipped.mean(), clipped.std())
    np.testing.assert_allclose(
        (found.low, found.high, found.mean, found.std), expected, rtol=1e-5, atol=1e-12
    )


@settings(deadline=None, max_examples=25)
@given(scale=st.sampled_from([1e-9, 1.0, 1e6]), shift=st.sampled_from([-20.0, 0.0, 20.0]))
def test_the_unit_of_the_data_does_not_matter(scale, shift):
    data = noise(std=1, mean=0)
    here = ((data + np.float32(shift)) * np.float32(scale)).astype(np.float32)
    expected = measure(Volume(data, 10.0)).apply(data)
    np.testing.assert_allclose(measure(Volume(here, 10.0)).apply(here), expected, atol=2e-4)


def test_gold_beads_do_not_change_the_scale():
    data = noise(std=1, mean=0)
    clean = measure(Volume(data, 10.0))
    beads = data.copy()
    beads[3, 4, 5:9] = -1e6
    found = measure(Volume(beads, 10.0))
    assert abs(found.std / clean.std - 1) < 0.01
    assert found.apply(beads).min() > -5


def test_bright_protein_is_turned_dark():
    data = noise()
    plain = measure(Volume(data, 10.0)).apply(data)
    turned = measure(Volume(data, 10.0), NormaliseSettings(invert=True)).apply(data)
    np.testing.assert_array_equal(turned, -plain)


@pytest.mark.parametrize("clip", [(2.0, 98.0), None])
def test_percentiles_map_the_clip_range_to_minus_one_and_one(clip):
    data = noise()
    out = measure(Volume(data, 10.0), NormaliseSettings(method="percentile", clip=clip)).apply(data)
    np.testing.assert_allclose((out.min(), out.max()), (-1, 1), atol=1e-5)
    assert np.isclose((out == out.min()).mean(), 0.02 if clip else 1 / data.size, atol=1e-3)


class OnDisk:
    """An array that counts how much is read at once, as a zarr array would be read."""

    def __init__(self, data: np.ndarray, chunk: int) -> None:
        self.data, self.shape, self.dtype = data, data.shape, data.dtype
        self.chunks, self.reads = (chunk, *data.shape[1:]), []

    def __getitem__(self, region):
        self.reads.append(region[0])
        return self.data[region]


def test_slabs_follow_the_chunks_and_give_the_same_numbers(monkeypatch):
    monkeypatch.setattr("tomoscout.ops.normalise._SLAB", 9_000)
    monkeypatch.setattr("tomoscout.ops.normalise._SAMPLE", 5_000)
    data = noise()
    whole, lazy = measure(Volume(data, 10.0)), OnDisk(data, chunk=3)
    assert measure(Volume(lazy, 10.0)) == whole
    cuts = {(part.start, part.stop) for part in lazy.reads}
    assert cuts == {(0, 6), (6, 12), (12, 18), (18, 20)}


def test_the_sample_visits_every_column(monkeypatch):
    monkeypatch.setattr("tomoscout.ops.normalise._SAMPLE", 2_000)
    column = np.broadcast_to(np.arange(40, dtype=np.float32), (20, 30, 40))
    found = measure(Volume(column, 10.0), NormaliseSettings(clip=(10, 90)))
    np.testing.assert_allclose((found.low, found.high), (4, 35), atol=1)


def test_the_input_is_left_alone_and_halves_are_accepted():
    data = noise(std=1, mean=0)
    before = data.copy()
    scale = measure(Volume(data, 10.0))
    assert scale.apply(data.astype(np.float16)).dtype == np.float32
    scale.apply(data)
    np.testing.assert_array_equal(data, before)


def test_integers_are_normalised_as_they_are_read():
    data = np.random.default_rng(1).integers(0, 255, (10, 20, 30), np.uint8)
    out = measure(Volume(data, 10.0), EXACT).apply(data)
    np.testing.assert_allclose(out, (data - data.mean()) / data.std(), atol=1e-4)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_voxels_that_are_not_numbers_are_counted_in_the_error(bad, monkeypatch):
    monkeypatch.setattr("tomoscout.ops.normalise._SAMPLE", 100)  # most are not in the sample
    data = noise()
    data[2, 3, 4:7] = bad
    with pytest.raises(UserError, match=r"TS_1: 3 voxels are not numbers"):
        measure(Volume(data, 10.0, name="TS_1"))


@pytest.mark.parametrize("clip", [(0.1, 99.9), None])
@pytest.mark.parametrize("method", ["zscore", "percentile"])
def test_a_constant_volume_is_refused(clip, method):
    data = np.full((9, 10, 11), 0.1, np.float32)
    with pytest.raises(UserError, match=r"TS_1: .*all voxels have the value 0\.1"):
        measure(Volume(data, 10.0, name="TS_1"), NormaliseSettings(method=method, clip=clip))


def test_percentiles_in_the_wrong_order_are_refused():
    with pytest.raises(UserError, match=r"'clip': .*rising percentiles"):
        validate(NormaliseSettings, {"clip": (99, 1)}, source="recipe.yaml")


def test_huge_values_are_numbers_too():
    data = np.array([[[-2e30, 2e30]]], np.float32)
    np.testing.assert_allclose(measure(Volume(data, 1.0), EXACT).apply(data), [[[-1, 1]]])


def test_a_normaliser_is_plain_numbers_that_fit_a_card():
    scale = measure(Volume(noise(), 10.0))
    assert all(type(v) is float for v in vars(scale).values())
    assert Normaliser(**vars(scale)) == scale


@pytest.mark.parametrize("clip", [(5, 99), (0.5, 99.5)])
def test_scaling_to_a_unit_range_between_clip_and_z_score_changes_nothing(clip):
    data = noise()
    low, high = np.percentile(data, clip)
    unit = (np.clip(data, low, high) - low) / (high - low)
    expected = (unit - unit.mean()) / unit.std()
    found = measure(Volume(data, 10.0), NormaliseSettings(clip=clip)).apply(data)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    # And the unit range itself, as (u - 0.5) / 0.5, is the other method.
    scale = measure(Volume(data, 10.0), NormaliseSettings(method="percentile", clip=clip))
    np.testing.assert_allclose(scale.apply(data), (unit - 0.5) / 0.5, atol=1e-4)


def unit(values: np.ndarray) -> np.ndarray:
    return (values - values.min()) / (values.max() - values.min())


@pytest.mark.parametrize("offset", [1e-6, 0.1])
def test_logarithms_are_those_of_the_unit_range(offset):
    """Scaled to 0 to 1, logarithm of that plus 1e-6, scaled again: a Kaggle entry's way."""
    data = noise()
    bent = np.log(unit(data.astype(np.float64)) + offset)
    exact = NormaliseSettings(method="percentile", clip=None, log=offset)
    found = measure(Volume(data, 10.0), exact).apply(data)
    np.testing.assert_allclose(found, 2 * unit(bent) - 1, atol=2e-5)
    found = measure(Volume(data, 10.0), exact.model_copy(update={"method": "zscore"})).apply(data)
    np.testing.assert_allclose(found, (bent - bent.mean()) / bent.std(), atol=2e-3)


def test_logarithms_are_of_clipped_values_and_spread_the_dark_end():
    data = noise()
    low, high = np.percentile(data.astype(np.float64), (5, 95))
    bent = np.log((np.clip(data, low, high) - low) / (high - low) + 0.1)
    found = measure(Volume(data, 10.0), NormaliseSettings(clip=(5, 95), log=0.1)).apply(data)
    np.testing.assert_allclose(found, (bent - bent.mean()) / bent.std(), atol=1e-4)
    assert -found.min() > 1.5 * found.max()


def test_bright_protein_is_turned_dark_before_its_logarithm_is_taken():
    data = noise()
    plain = measure(Volume(data, 10.0), NormaliseSettings(log=0.05))
    turned = measure(Volume(-data, 10.0), NormaliseSettings(log=0.05, invert=True))
    np.testing.assert_allclose(turned.apply(-data), plain.apply(data), atol=1e-4)


def test_logarithms_of_slabs_are_those_of_the_whole(monkeypatch):
    monkeypatch.setattr("tomoscout.ops.normalise._SLAB", 9_000)
    data, settings = noise(), NormaliseSettings(log=1e-3)
    whole = measure(Volume(data, 10.0), settings)
    assert measure(Volume(OnDisk(data, chunk=3), 10.0), settings) == whole
    np.testing.assert_array_equal(whole.apply(data[5:7]), whole.apply(data)[5:7])


def test_a_constant_volume_has_no_logarithm():
    data = np.full((9, 10, 11), 0.1, np.float32)
    for clip in ((0.1, 99.9), None):
        with pytest.raises(UserError, match="all voxels have the value"):
            measure(Volume(data, 10.0), NormaliseSettings(clip=clip, log=0.1))
