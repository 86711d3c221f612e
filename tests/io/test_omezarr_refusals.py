import numcodecs
import numpy as np
import pytest
import zarr

from samples.omezarr import ARRAY, ZYX, store
from tomoscout.core.errors import UserError
from tomoscout.io.volumes import _zarr, read_volume


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
