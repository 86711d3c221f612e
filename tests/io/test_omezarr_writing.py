import errno
import json

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from samples.omezarr import ARRAY, axes, store
from tomoscout.core.errors import UserError
from tomoscout.core.volume import Volume
from tomoscout.io.volumes import omezarr, read_volume, write_volume


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
