import errno

import numpy as np
import pytest
import zarr

from tomoscout.core.errors import UserError
from tomoscout.core.geometry import Geometry
from tomoscout.io.scores import create_scores, read_scores, unfinished_scores

GEOMETRY = Geometry((79, 20, 31), 10.012444, stride=2)  # 40 x 10 x 16 cells
OBJECTS = ["ribosome", "apo-ferritin"]
SCORES = np.random.default_rng(0).random((2, 40, 10, 16)).astype(np.float32)


def written(path):
    store = create_scores(path, OBJECTS, GEOMETRY, "TS_1")
    for start in range(0, 40, 16):
        store.write(start, SCORES[:, start : start + 16])
    return path


def test_what_is_written_slab_by_slab_is_read_back_with_its_meaning(tmp_path):
    data, objects, geometry, run, extent = read_scores(written(tmp_path / "s.zarr"))
    np.testing.assert_array_equal(data[...], SCORES.astype(np.float16))
    np.testing.assert_array_equal(data[1, 5:9], SCORES[1, 5:9].astype(np.float16))
    assert objects == OBJECTS
    assert geometry == GEOMETRY
    assert run == "TS_1"
    assert extent == geometry.extent


def test_the_store_is_zarr_v2_float16_in_chunks_of_one_object(tmp_path):
    path = tmp_path / "s.zarr"
    create_scores(path, OBJECTS, Geometry((100, 300, 200), 10.0), "TS_1")
    array = zarr.open_array(str(path), mode="r", zarr_format=2)
    assert array.dtype == np.float16
    assert array.shape == (2, 100, 300, 200)
    assert array.chunks == (1, 32, 128, 128)


def begun(path, made_by="weights 1"):
    store = create_scores(path, OBJECTS, GEOMETRY, "TS_1", made_by=made_by)
    store[:, 0:16] = SCORES[:, :16]
    return path


def test_an_unfinished_store_is_refused_and_can_be_continued(tmp_path):
    path = begun(tmp_path / "s.zarr")
    with pytest.raises(UserError, match=r"s\.zarr: unfinished, 16 of 40 layers"):
        read_scores(path)
    store = unfinished_scores(path, made_by="weights 1")
    assert store.done == 16
    np.testing.assert_array_equal(store[:, :16], SCORES[:, :16].astype(np.float16))
    store.write(store.done, SCORES[:, 16:])
    np.testing.assert_array_equal(read_scores(path).data[...], SCORES.astype(np.float16))


def test_only_what_the_same_settings_began_is_continued(tmp_path):
    path = begun(tmp_path / "s.zarr")
    assert unfinished_scores(path, made_by="weights 2") is None
    assert unfinished_scores(tmp_path / "t.zarr", made_by="weights 1") is None
    (tmp_path / "t.zarr").mkdir()
    assert unfinished_scores(tmp_path / "t.zarr", made_by="weights 1") is None


@pytest.mark.parametrize("name", [".zattrs", ".zarray", "0/0/0/0"])
def test_a_store_that_was_cut_off_is_begun_anew(tmp_path, name):
    path = begun(tmp_path / "s.zarr")
    content = (path / name).read_bytes()
    (path / name).write_bytes(content[: len(content) // 2])
    assert unfinished_scores(path, made_by="weights 1") is None


def test_a_finished_store_gets_its_name_and_keeps_the_tomograms_extent(tmp_path):
    path = tmp_path / "s.zarr.partial-0"
    extent = (791.0, 203.0, 310.0)
    store = create_scores(path, OBJECTS, GEOMETRY, "TS_1", extent=extent)
    store.write(0, SCORES)
    store.move(tmp_path / "s.zarr")
    assert not path.exists()
    assert read_scores(tmp_path / "s.zarr").extent == extent


def test_slabs_may_not_leave_a_gap_nor_hang_over(tmp_path):
    store = create_scores(tmp_path / "s.zarr", OBJECTS, GEOMETRY, "TS_1")
    with pytest.raises(ValueError, match="slab 16 to 32 must go on from 0 of 40"):
        store.write(16, SCORES[:, 16:32])
    with pytest.raises(ValueError, match="slab 0 to 80"):
        store.write(0, np.concatenate([SCORES, SCORES], axis=1))


def test_overwrite_replaces_scores_and_nothing_else(tmp_path):
    path = written(tmp_path / "s.zarr")
    with pytest.raises(UserError, match="--overwrite"):
        create_scores(path, OBJECTS, GEOMETRY, "TS_1")
    assert create_scores(path, OBJECTS, GEOMETRY, "TS_1", overwrite=True).done == 0
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "precious").write_text("mine")
    with pytest.raises(UserError, match="no zarr array"):
        create_scores(tmp_path / "home", OBJECTS, GEOMETRY, "TS_1", overwrite=True)
    assert (tmp_path / "home" / "precious").exists()


def test_other_arrays_and_missing_folders_are_refused(tmp_path):
    zarr.create_array(str(tmp_path / "a.zarr"), shape=(2,), dtype="f4", zarr_format=2)
    with pytest.raises(UserError, match="not a score map: no done, objects"):
        read_scores(tmp_path / "a.zarr")
    with pytest.raises(UserError, match="no such folder"):
        read_scores(tmp_path / "b.zarr")


def test_a_full_disk_is_said_in_one_line(tmp_path, monkeypatch):
    store = create_scores(tmp_path / "s.zarr", OBJECTS, GEOMETRY, "TS_1")

    class Full:
        shape = store.shape
        attrs = {"done": 0}  # noqa: RUF012

        def __setitem__(self, region, value):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(store, "_array", Full())
    with pytest.raises(UserError, match=r"s\.zarr: the disk is full"):
        store.write(0, SCORES[:, :16])
