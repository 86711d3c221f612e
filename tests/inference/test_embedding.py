from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tomoscout.core.errors import UserError
from tomoscout.core.settings import Choice
from tomoscout.core.volume import Volume
from tomoscout.inference.embedding import embed, embed_at, embed_crops
from tomoscout.inference.encoder_weights import EncoderCard, EncoderWeights, build_encoder
from tomoscout.ops.crops import cut, first_voxels
from tomoscout.ops.grids import Grid
from tomoscout.ops.normalise import Normaliser, NormaliseSettings, measure

SPACING = 10.0
AS_IT_IS = Normaliser(-np.inf, np.inf, 0.0, 1.0)


class MeanGrey(torch.nn.Module):
    """The mean of a crop beside a constant: their ratio survives the scaling to length 1."""

    features, projection, divisor, flat = 2, 1, (1, 1, 1), False

    def __init__(self):
        super().__init__()
        self.sizes: list[int] = []

    def forward(self, x):
        self.sizes.append(len(x))
        mean = x.float().mean((1, 2, 3, 4))
        return torch.stack([mean, torch.ones_like(mean)], 1)

    def project(self, features):
        return features[:, :1]


def mean_grey(crop=(4, 4, 4), **changes) -> EncoderWeights:
    card = EncoderCard(
        encoder=Choice(name="resnet3d"),
        crop=crop,
        voxel_spacing=SPACING,
        normalise=NormaliseSettings(clip=None),
        **changes,
    )
    return EncoderWeights(MeanGrey(), card)


def grey(vectors) -> np.ndarray:
    return vectors[..., 0] / vectors[..., 1]


def stack(layers) -> np.ndarray:
    layers = list(layers)
    assert [layer.index for layer in layers] == list(range(len(layers)))
    return np.stack([layer.vectors for layer in layers])


def noise(shape=(9, 14, 19), seed=0) -> Volume:
    data = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    return Volume(data, SPACING, "noise")


@pytest.mark.parametrize("stride", [2, 3, 4, 5])
@pytest.mark.parametrize("at", [(3, 17, 25), (18, 6, 31), (11, 12, 2)])
def test_a_dark_blob_is_in_the_cell_of_the_score_map_where_it_lies(at, stride):
    volume = noise((24, 28, 36))
    volume.data[tuple(slice(n - 1, n + 2) for n in at)] -= 20.0
    vectors = stack(embed(volume, mean_grey((5, 5, 5)), stride=stride, device="cpu"))
    geometry = volume.geometry.at_stride(stride)
    assert vectors.shape == (*geometry.cells, 2)
    darkest = np.unravel_index(grey(vectors).argmin(), geometry.cells)
    off = geometry.to_angstrom(np.array([darkest])) - np.array(at) * SPACING
    assert np.abs(off).max() <= (stride / 2 + 1) * SPACING


def test_what_grows_along_an_axis_grows_in_the_order_of_the_grid():
    z, y, x = np.meshgrid(np.arange(8.0), np.arange(10.0), np.arange(12.0), indexing="ij")
    volume = Volume((100 * z + 10 * y + x).astype(np.float32), SPACING)
    grid = Grid.evenly(volume.shape, (3, 4, 5), (2, 2, 2))
    layers = embed(volume, mean_grey((2, 2, 2)), grid=grid, normaliser=AS_IT_IS, device="cpu")
    centres = [first_voxels(axis, 2) + 0.5 for axis in (grid.z, grid.y, grid.x)]  # of whole voxels
    z, y, x = np.meshgrid(*centres, indexing="ij")
    np.testing.assert_allclose(grey(stack(layers)), 100 * z + 10 * y + x, rtol=1e-4)


@settings(max_examples=25)
@given(
    shape=st.tuples(*[st.integers(1, 9)] * 3),
    crop=st.tuples(*[st.integers(1, 7)] * 3),
    stride=st.integers(1, 8),
    batch=st.integers(1, 40),
)
def test_each_vector_is_that_of_its_own_crop_reflected_at_the_edge(shape, crop, stride, batch):
    volume, encoder = noise(shape), mean_grey(crop)
    layers = embed(
        volume, encoder, stride=stride, normaliser=AS_IT_IS, batch=batch, device="cpu", bf16=False
    )
    found, grid = grey(stack(layers)), Grid.at_stride(shape, stride)
    starts = np.stack(
        np.meshgrid(
            *(first_voxels(a, n) for a, n in zip((grid.z, grid.y, grid.x), crop, strict=True)),
            indexing="ij",
        ),
        -1,
    ).reshape(-1, 3)
    wanted = [cut(volume.data, tuple(start), crop).mean(dtype=float) for start in starts.tolist()]
    np.testing.assert_allclose(found.ravel(), wanted, atol=1e-5)
    assert max(encoder.network.sizes) <= batch


@pytest.mark.parametrize("name", ["resnet3d", "resnet20_flat"])
def test_vectors_do_not_depend_on_the_batch_and_points_have_those_of_the_grid(name):
    torch.manual_seed(0)
    flat = name.endswith("flat")
    card = EncoderCard(
        encoder=Choice(name=name, projection=[4], **({} if flat else {"widths": [4, 8]})),
        crop=(1 if flat else 8, 8, 8),
        voxel_spacing=SPACING,
        normalise=NormaliseSettings(),
    )
    encoder, volume = EncoderWeights(build_encoder(card), card), noise((10, 12, 14))
    told: list[float] = []
    options = {"device": "cpu", "bf16": False}
    many = stack(embed(volume, encoder, stride=4, progress=told.append, **options))
    few = stack(embed(volume, encoder, stride=4, batch=3, **options))
    np.testing.assert_allclose(many, few, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(many, axis=-1), 1, atol=1e-5)
    assert told == sorted(told)
    assert told[-1] == 1
    places = np.round(Grid.at_stride(volume.shape, 4).centres_angstrom(SPACING), 3)
    points = embed_at(volume, encoder, places, **options)
    np.testing.assert_allclose(points, many.reshape(points.shape), atol=1e-5)
    scale = measure(volume, card.normalise)
    assert np.array_equal(
        embed_at(volume, encoder, places[:2], normaliser=scale, batch=2, **options),
        embed_at(volume, encoder, places[:2], batch=2, **options),
    )


def test_grey_values_are_measured_over_the_tomogram_and_turned_as_the_card_says():
    volume = noise()
    brighter = Volume(7 * volume.data + 300, SPACING)
    plain, scaled = (
        grey(stack(embed(v, mean_grey(), stride=4, device="cpu"))) for v in (volume, brighter)
    )
    np.testing.assert_allclose(plain, scaled, atol=1e-4)
    card = mean_grey().card.model_copy(
        update={"normalise": NormaliseSettings(clip=None, invert=True)}
    )
    turned = embed(volume, EncoderWeights(MeanGrey(), card), stride=4, device="cpu")
    np.testing.assert_allclose(grey(stack(turned)), -plain, atol=1e-5)


def test_layers_are_made_as_they_are_asked_for_and_planes_read_once():
    class Watched:
        shape, dtype = (64, 6, 6), np.dtype(np.float32)
        planes: list[int] = []  # noqa: RUF012

        def __getitem__(self, region):
            self.planes.extend(range(*region[0].indices(64)))
            return np.zeros((len(range(*region[0].indices(64))), 6, 6), np.float32)

    volume = Volume(Watched(), SPACING)
    layers = embed(
        volume, mean_grey((8, 2, 2)), stride=4, normaliser=AS_IT_IS, device="cpu", bf16=False
    )
    next(layers)
    assert max(Watched.planes) < 8
    list(layers)
    assert sorted(Watched.planes) == list(range(64))


def test_crops_that_are_cut_already_give_the_same_vectors():
    volume, encoder = noise(), mean_grey()
    places = np.array([[40.0, 50, 60], [10, 100, 180]])
    scale = measure(volume, encoder.card.normalise)
    crops = [
        cut(volume.data, tuple(first_voxels(p / SPACING, 4).tolist()), (4, 4, 4)) for p in places
    ]
    found = embed_crops(scale.apply(np.stack(crops)), encoder, device="cpu")
    np.testing.assert_allclose(found, embed_at(volume, encoder, places, device="cpu"), atol=1e-6)
    assert embed_at(volume, encoder, np.zeros((0, 3)), device="cpu").shape == (0, 2)
    assert embed_crops(np.zeros((0, 4, 4, 4), np.float32), encoder, device="cpu").shape == (0, 2)


def test_tomograms_of_another_voxel_spacing_are_refused():
    volume = Volume(noise().data, 13.3, "far")
    with pytest.raises(UserError, match=r"far: voxels of 13\.3 Å, but the encoder was trained on"):
        embed(volume, mean_grey(), stride=4)
    with pytest.raises(UserError, match="resample"):
        embed_at(volume, mean_grey(), np.zeros((1, 3)))


def test_a_stride_and_a_grid_are_one_too_many_and_neither_overlaps_by_three_quarters():
    volume = noise()
    with pytest.raises(ValueError, match="give one of them"):
        embed(volume, mean_grey(), stride=2, grid=Grid.at_stride(volume.shape, 2))
    vectors = stack(embed(volume, mean_grey((1, 12, 12)), device="cpu"))
    assert vectors.shape[:3] == volume.geometry.at_stride(3).cells
