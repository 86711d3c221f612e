import errno
import json

import numcodecs
import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from tomoscout.core.errors import UserError
from tomoscout.core.volume import Volume
from tomoscout.io.volumes import _zarr, omezarr, read_volume, write_volume

ARRAY = np.random.default_rng(0).normal(size=(10, 12, 14)).astype(np.float32)


def axes(*names, unit="angstrom"):
    return [{"name": n, "type": "space"} | ({"unit": unit} if unit else {}) for n in names]


ZYX = axes(*"zyx")


def store(
    path,
    array=ARRAY,
    *,
    zarr_format=2,
    level="0",
    scale=10.0,
    axes=ZYX,
    separator="/",
    multiscales=True,
    **options,
):
    """Write a store with zarr itself, not with the code under test."""
    chunks = (*[1] * (array.ndim - 3), 4, 5, 6)[-array.ndim :]
    if zarr_format == 2:
        options["chunk_key_encoding"] = {"name": "v2", "separator": separator}
    elif separator == ".":
        options["chunk_key_encoding"] = {"name": "default", "separator": "."}
    options = {"chunks": chunks} | options
    group = zarr.open_group(str(path), mode="w", zarr_format=zarr_format)
    group.create_array(level, data=array, **options)
    change = {"type": "scale", "scale": np.broadcast_to(scale, array.ndim).tolist()}
    image = {"axes": axes, "datasets": [{"path": level, "coordinateTransformations": [change]}]}
    if multiscales and zarr_format == 2:
        group.attrs["multiscales"] = [image | {"version": "0.4"}]
    elif multiscales:
        group.attrs["ome"] = {"version": "0.5", "multiscales": [image]}
    return path


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


@pytest.mark.parametrize(
    "codec",
    [numcodecs.Blosc("lz4"), numcodecs.Blosc("zstd"), numcodecs.GZip(), numcodecs.Zstd(), None],
    ids=str,
)
def test_a_truncated_chunk_names_the_store(tmp_path, codec):
    path = store(tmp_path / "a.zarr", compressors=codec)
    chunk = path / "0" / "1" / "1" / "1"
    chunk.write_bytes(chunk.read_bytes()[:40])
    with pytest.raises(UserError, match=r"a\.zarr/0.*: a chunk is truncated or corrupt"):
        read_volume(path).read()


@pytest.mark.parametrize(
    "options",
    [{}, {"shards": (8, 10, 12)}, {"compressors": zarr.codecs.BloscCodec()}],
    ids=["zstd", "shards", "blosc"],
)
def test_a_truncated_chunk_of_a_v3_store_names_the_store(tmp_path, options):
    path = store(tmp_path / "a.zarr", zarr_format=3, **options)
    chunk = path / "0" / "c" / "0" / "0" / "0"
    chunk.write_bytes(chunk.read_bytes()[:40])
    with pytest.raises(UserError, match=r"a\.zarr/0.*: a chunk is truncated or corrupt"):
        read_volume(path).read()


@pytest.mark.parametrize("separator", ["/", "."])
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_only_chunks_that_a_region_touches_are_looked_at(tmp_path, zarr_format, separator):
    blosc = numcodecs.Blosc() if zarr_format == 2 else zarr.codecs.BloscCodec()
    path = store(
        tmp_path / "a.zarr",
        ARRAY[None],
        zarr_format=zarr_format,
        separator=separator,
        compressors=blosc,
        axes=[{"name": "c"}, *ZYX],
    )
    key = separator.join(([] if zarr_format == 2 else ["c"]) + ["0", "1", "2", "0"])
    chunk = path / "0" / key
    chunk.write_bytes(chunk.read_bytes()[:100])
    data = read_volume(path).data
    np.testing.assert_array_equal(data[:4], ARRAY[:4])
    np.testing.assert_array_equal(data[..., 6:], ARRAY[..., 6:])
    np.testing.assert_array_equal(data[4:8, 0:10], ARRAY[4:8, 0:10])
    np.testing.assert_array_equal(data[8], ARRAY[8])
    for region in (
        ...,
        slice(7, 8),
        (7, 11, 5),
        (..., 0),
        (slice(None), slice(10, 11), 0),
        (-3, -1, -9),
    ):
        with pytest.raises(UserError, match=r"a chunk is truncated .* found 100"):
            data[region]


def test_broken_metadata_name_the_file(tmp_path):
    path = store(tmp_path / "a.zarr")
    (path / "0" / ".zarray").write_text('{"zarr_format": 2, "shape"')
    with pytest.raises(UserError, match=r"0: broken zarr array"):
        read_volume(path)
    (path / ".zattrs").write_text("{")
    with pytest.raises(UserError, match=r"\.zattrs: broken metadata"):
        read_volume(path)
    (path / ".zattrs").write_text('{"multiscales": [{"datasets": [{"path": "9"}]}]}')
    with pytest.raises(UserError, match=r"9: no zarr array"):
        read_volume(path)


def test_a_folder_that_is_no_store_says_so(tmp_path):
    (tmp_path / "a.zarr").mkdir()
    with pytest.raises(UserError, match="not a zarr store"):
        read_volume(tmp_path / "a.zarr")


def test_nested_chunks_called_flat_are_refused_rather_than_read_as_zeros(tmp_path):
    path = store(tmp_path / "a.zarr")
    text = (path / "0" / ".zarray").read_text()
    (path / "0" / ".zarray").write_text(text.replace('"dimension_separator": "/"', '"x": 0'))
    with pytest.raises(UserError, match='add "dimension_separator": "/"'):
        read_volume(path)


def test_zarr_2_asks_for_zarr_3_to_read_a_v3_store(tmp_path, monkeypatch):
    path = store(tmp_path / "a.zarr", zarr_format=3)
    monkeypatch.setattr(_zarr, "ZARR_MAJOR", 2)
    with pytest.raises(UserError, match="pip install 'zarr>=3'"):
        read_volume(path)


@settings(deadline=None, max_examples=20)
@given(
    shape=st.tuples(st.integers(1, 70), st.integers(1, 6), st.integers(1, 6)),
    version=st.sampled_from(["0.4", "0.5"]),
    dtype=st.sampled_from([np.float32, np.float16]),
)
def test_what_is_written_is_read_back(tmp_path_factory, shape, version, dtype):
    array = np.random.default_rng(0).normal(size=shape).astype(dtype)
    path = tmp_path_factory.mktemp("zarr") / "a.zarr"
    omezarr.write(Volume(array, 10.012444), path, version=version)
    volume = read_volume(path)
    assert volume.voxel_spacing == 10.012444
    assert volume.data.dtype == dtype
    np.testing.assert_array_equal(volume.data[...], array)
    assert [p.name for p in path.parent.iterdir()] == ["a.zarr"]


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_coarser_levels_are_means_at_the_right_place(tmp_path, version):
    z = np.arange(70, dtype=np.float32)[:, None, None]
    array = np.broadcast_to(z, (70, 6, 5))  # over several slabs, odd in x and in the second level
    omezarr.write(Volume(array, 10.0), tmp_path / "a.zarr", version=version)
    group = zarr.open_group(str(tmp_path / "a.zarr"), mode="r")
    metadata = group.attrs["ome"] if version == "0.5" else group.attrs
    datasets = metadata["multiscales"][0]["datasets"]
    assert [group[d["path"]].shape for d in datasets] == [(70, 6, 5), (35, 3, 3), (18, 2, 2)]
    for dataset in datasets:
        place = {t["type"]: t[t["type"]][0] for t in dataset["coordinateTransformations"]}
        level = group[dataset["path"]][:, 0, -1]
        # The density is the z index, so a cell's mean is its own position in voxels.
        position = (np.arange(len(level)) * place["scale"] + place.get("translation", 0)) / 10
        np.testing.assert_allclose(level[:17], position[:17], rtol=1e-6)
    assert group[datasets[2]["path"]][17, 0, 0] == 68.5  # the mean of the two layers left over


def test_the_written_store_is_what_copick_expects(tmp_path):
    write_volume(Volume(ARRAY, 10.0), tmp_path / "a.zarr")
    assert json.loads((tmp_path / "a.zarr" / ".zgroup").read_text()) == {"zarr_format": 2}
    image = json.loads((tmp_path / "a.zarr" / ".zattrs").read_text())["multiscales"][0]
    assert image["version"] == "0.4"
    assert image["axes"] == axes(*"zyx")
    assert [d["path"] for d in image["datasets"]] == ["0", "1", "2"]
    first = json.loads((tmp_path / "a.zarr" / "0" / ".zarray").read_text())
    assert first["dimension_separator"] == "/"
    assert first["compressor"]["id"] == "blosc"
    assert first["dtype"] == "<f4"


class _Source:
    """Data that tell how many layers are read at once, and can fail half way."""

    shape = (100, 4, 4)
    dtype = np.dtype("f4")

    def __init__(self, error=None):
        self.largest = 0
        self.error = error

    def __getitem__(self, region):
        layers = range(100)[region[0]]
        self.largest = max(self.largest, len(layers))
        if self.error and layers[0] > 50:
            raise self.error
        return np.ones((len(layers), 4, 4), np.float32)


def test_writing_holds_one_slab_at_a_time(tmp_path):
    source = _Source()
    write_volume(Volume(source, 10.0), tmp_path / "a.zarr")
    assert source.largest == 32
    write_volume(Volume(source, 10.0), tmp_path / "a.mrc")
    assert source.largest == 32


@pytest.mark.parametrize("name", ["a.zarr", "a.mrc", "a.mrc.gz"])
def test_a_full_disk_leaves_nothing_behind(tmp_path, name):
    source = _Source(OSError(errno.ENOSPC, "No space left on device"))
    with pytest.raises(UserError, match="the disk is full"):
        write_volume(Volume(source, 10.0), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_overwrite_replaces_stores_but_never_other_folders(tmp_path):
    path = store(tmp_path / "a.zarr")
    with pytest.raises(UserError, match="--overwrite"):
        write_volume(Volume(ARRAY + 1, 10.0), path)
    write_volume(Volume(ARRAY + 1, 10.0), path, overwrite=True)
    np.testing.assert_array_equal(read_volume(path).read(), ARRAY + 1)
    (tmp_path / "thesis.zarr").mkdir()
    (tmp_path / "thesis.zarr" / "thesis.tex").write_text("four years")
    with pytest.raises(UserError, match="no zarr store"):
        write_volume(Volume(ARRAY, 10.0), tmp_path / "thesis.zarr", overwrite=True)
    assert (tmp_path / "thesis.zarr" / "thesis.tex").read_text() == "four years"
