import json

import numpy as np
import pytest

from samples.omezarr import ARRAY, axes, store
from tomoscout.core.errors import UserError
from tomoscout.io.volumes import read_volume


@pytest.mark.parametrize("separator", ["/", "."])
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_both_versions_and_both_kinds_of_chunk_keys_are_read(tmp_path, zarr_format, separator):
    path = store(tmp_path / "a.zarr", zarr_format=zarr_format, separator=separator)
    volume = read_volume(path)
    assert volume.voxel_spacing == 10
    np.testing.assert_array_equal(volume.read(), ARRAY)
    region = volume.read(slice(3, 9), slice(1, 7), slice(13, None))
    np.testing.assert_array_equal(region, ARRAY[3:9, 1:7, 13:])


def test_shards_are_read(tmp_path):
    path = store(tmp_path / "a.zarr", zarr_format=3, shards=(8, 10, 12))
    np.testing.assert_array_equal(read_volume(path).read(), ARRAY)


def test_a_region_is_read_without_the_other_chunks(tmp_path):
    path = store(tmp_path / "a.zarr")
    for chunk in (path / "0").rglob("*"):
        if chunk.is_file() and chunk.name[0] != "." and chunk != path / "0" / "0" / "0" / "0":
            chunk.write_bytes(b"broken")
    volume = read_volume(path)
    np.testing.assert_array_equal(
        volume.read(slice(0, 4), slice(0, 5), slice(0, 6)), ARRAY[:4, :5, :6]
    )
    with pytest.raises(UserError, match="truncated or corrupt"):
        volume.read(slice(0, 5), slice(0, 5), slice(0, 6))


def test_levels_come_from_the_metadata_not_from_a_literal_zero(tmp_path):
    path = store(tmp_path / "a.zarr", level="s0")
    np.testing.assert_array_equal(read_volume(path).read(), ARRAY)


def test_a_level_outside_the_store_is_refused(tmp_path):
    path = store(tmp_path / "a.zarr")
    text = (path / ".zattrs").read_text().replace('"path": "0"', '"path": "../b.zarr/0"')
    (path / ".zattrs").write_text(text)
    with pytest.raises(UserError, match="lies outside the store"):
        read_volume(path)


@pytest.mark.parametrize(
    ("unit", "scale", "expected"),
    [
        ("angstrom", 10.0, 10.0),
        ("nanometer", 1.0012444, 10.012444),
        ("micrometer", 1.348e-3, 13.48),
        (None, 7.84, 7.84),
        ("angstrom", 1.0, 1.0),
    ],
)
def test_the_unit_of_the_axes_is_honoured(tmp_path, unit, scale, expected):
    path = store(tmp_path / "a.zarr", scale=scale, axes=axes(*"zyx", unit=unit))
    assert read_volume(path).voxel_spacing == pytest.approx(expected)


def test_the_scale_of_the_whole_image_multiplies_the_levels(tmp_path):
    path = store(tmp_path / "a.zarr", scale=5.0)
    content = json.loads((path / ".zattrs").read_text())
    content["multiscales"][0]["coordinateTransformations"] = [{"type": "scale", "scale": [2] * 3}]
    (path / ".zattrs").write_text(json.dumps(content))
    assert read_volume(path).voxel_spacing == 10


@pytest.mark.parametrize(("unit", "scale"), [("parsec", 10.0), (None, 1.0), (None, 0.0)])
def test_an_unknown_voxel_size_needs_the_user(tmp_path, unit, scale):
    path = store(tmp_path / "a.zarr", scale=scale, axes=axes(*"zyx", unit=unit))
    with pytest.raises(UserError, match=r"a\.zarr: does not know its voxel size.*--voxel-spacing"):
        read_volume(path)
    assert read_volume(path, voxel_spacing=10).voxel_spacing == 10


def test_voxels_that_are_not_cubes_are_refused(tmp_path):
    path = store(tmp_path / "a.zarr", scale=(20.0, 10.0, 10.0))
    with pytest.raises(UserError, match="voxels are not cubes"):
        read_volume(path)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_leading_axes_of_length_one_are_dropped(tmp_path, zarr_format):
    named = [{"name": "t", "type": "time"}, {"name": "c", "type": "channel"}, *axes(*"zyx")]
    path = store(tmp_path / "a.zarr", ARRAY[None, None], zarr_format=zarr_format, axes=named)
    volume = read_volume(path)
    assert volume.shape == ARRAY.shape
    np.testing.assert_array_equal(volume.read(), ARRAY)
    np.testing.assert_array_equal(volume.read(slice(2, 3)), ARRAY[2:3])


def test_two_channels_one_image_and_other_axes_are_refused(tmp_path):
    two = store(tmp_path / "a.zarr", np.stack([ARRAY, ARRAY]), axes=[{"name": "c"}, *axes(*"zyx")])
    with pytest.raises(UserError, match=r"found 4 with shape \(2, 10, 12, 14\)"):
        read_volume(two)
    with pytest.raises(UserError, match=r"found 2 with shape"):
        read_volume(store(tmp_path / "b.zarr", ARRAY[0], axes=axes(*"yx")))
    with pytest.raises(UserError, match="axes must end in z, y, x, found x, y, z"):
        read_volume(store(tmp_path / "c.zarr", axes=axes(*"xyz")))
    with pytest.raises(UserError, match="expected real numbers"):
        read_volume(store(tmp_path / "d.zarr", ARRAY.astype(np.complex64)))


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_bare_array_needs_a_voxel_size(tmp_path, zarr_format):
    path = store(tmp_path / "a.zarr", zarr_format=zarr_format, multiscales=False)
    with pytest.raises(UserError, match=r"no usable 'multiscales' metadata.*found 0"):
        read_volume(path)
    with pytest.raises(UserError, match="--voxel-spacing"):
        read_volume(path / "0")
    np.testing.assert_array_equal(read_volume(path / "0", voxel_spacing=10).read(), ARRAY)
