import bz2
import gzip

import mrcfile
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from samples.mrc import SHAPE, make, ramp
from tomoscout.core.errors import UserError
from tomoscout.core.volume import Volume
from tomoscout.io.volumes import FORMATS, mrc, read_volume, write_volume


@pytest.mark.parametrize(
    ("dtype", "mode"), [("i1", 0), ("i2", 1), ("f4", 2), ("u2", 6), ("f2", 12)]
)
def test_every_real_mode_reads_as_its_numbers(tmp_path, dtype, mode):
    array = ramp(dtype)
    array[0, 0, 0] = 60000 if dtype == "u2" else -7
    path = make(tmp_path / "a.mrc", array)
    with mrcfile.open(path, header_only=True) as file:
        assert file.header.mode == mode
    volume = read_volume(path)
    np.testing.assert_array_equal(volume.read(), array.astype(np.float32))
    assert volume.voxel_spacing == pytest.approx(10.0)


@pytest.mark.parametrize(("flags", "expected"), [(0, 200), (1, -56)])
def test_bytes_of_imod_are_signed_only_if_a_flag_says_so(tmp_path, flags, expected):
    array = np.full(SHAPE, -56, np.int8)  # the bits of 200
    path = make(tmp_path / "a.mrc", array)
    content = bytearray(path.read_bytes())
    content[152:160] = np.array([1146047817, flags], "<i4").tobytes()
    path.write_bytes(content)
    assert read_volume(path).read()[0, 0, 0] == expected


def test_bytes_whose_maximum_is_above_127_are_unsigned(tmp_path):
    path = make(tmp_path / "a.mrc", np.full(SHAPE, -56, np.int8), dmax=200)
    assert read_volume(path).read()[0, 0, 0] == 200


REGIONS = [
    (slice(1, 3), slice(0, 2), slice(4, 6)),
    (slice(None), slice(3, 1, -1), slice(1, None, 2)),
    (2, ..., slice(1)),
    (slice(2, 2),),
    (-1, 0, -2),
]


@pytest.mark.parametrize("region", REGIONS)
def test_a_region_is_what_numpy_makes_of_it(tmp_path, region):
    volume = read_volume(make(tmp_path / "a.mrc", ramp()))
    found = volume.data[region]
    np.testing.assert_array_equal(found, ramp()[region])
    assert found.dtype == np.float32


def test_a_file_cut_off_while_it_is_in_use_is_told(tmp_path):
    path = make(tmp_path / "a.mrc", ramp())
    volume = read_volume(path)
    path.write_bytes(path.read_bytes()[:-4])
    assert volume.read(slice(0, 1)).shape[0] == 1
    with pytest.raises(UserError, match="truncated while it was read"):
        volume.read()


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 2, 1), (2, 1, 3), (2, 3, 1), (3, 1, 2)])
def test_axes_in_any_order_come_back_as_zyx(tmp_path, order):
    zyx = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    columns, rows, sections = order  # 1 is x, 2 is y, 3 is z
    axis_of = {3: 0, 2: 1, 1: 2}
    stored = zyx.transpose(axis_of[sections], axis_of[rows], axis_of[columns])
    z, y, x = SHAPE
    path = make(
        tmp_path / "a.mrc",
        np.ascontiguousarray(stored),
        **dict(zip(("mapc", "mapr", "maps"), order, strict=True)),
        **{"mx": x, "my": y, "mz": z, "cella": (10 * x, 10 * y, 10 * z)},
    )
    volume = read_volume(path)
    assert volume.shape == SHAPE
    assert volume.voxel_spacing == pytest.approx(10)
    np.testing.assert_array_equal(volume.read(), zyx)


def test_axes_that_are_no_axes_are_refused(tmp_path):
    path = make(tmp_path / "a.mrc", ramp(), mapc=1, mapr=1, maps=3)
    with pytest.raises(UserError, match=r"mapc, mapr, maps must be 1, 2, 3"):
        read_volume(path)


def test_the_extended_header_is_passed_over(tmp_path):
    path = tmp_path / "a.mrc"
    with mrcfile.new(path, ramp()) as file:
        file.set_extended_header(np.arange(200, dtype=np.uint8))
        file.voxel_size = 10
    np.testing.assert_array_equal(read_volume(path).read(), ramp())


def test_a_big_endian_file_reads_like_any_other(tmp_path):
    array = ramp(np.int16)
    path = make(tmp_path / "a.mrc", array.astype(">i2"))
    assert path.read_bytes()[212:214] == b"\x11\x11"
    volume = read_volume(path)
    np.testing.assert_array_equal(volume.read(), array)
    assert volume.voxel_spacing == pytest.approx(10)


@pytest.mark.parametrize("pack", [gzip, bz2])
def test_compressed_files_are_known_by_their_first_bytes(tmp_path, pack):
    plain = make(tmp_path / "plain.mrc", ramp())
    path = tmp_path / "a.mrc"  # no .gz: users rename
    path.write_bytes(pack.compress(plain.read_bytes()))
    volume = read_volume(path)
    assert volume.shape == SHAPE
    np.testing.assert_array_equal(volume.read(slice(2, 4)), ramp()[2:4])


@pytest.mark.parametrize("edge", [0.0, 1.0])
def test_a_header_without_voxel_size_needs_the_user(tmp_path, edge):
    path = make(tmp_path / "a.mrc", ramp(), edge=edge)
    with pytest.raises(UserError, match=r"a\.mrc: does not know its voxel size.*--voxel-spacing"):
        read_volume(path)
    assert read_volume(path, voxel_spacing=13.48).voxel_spacing == 13.48


def test_a_zero_grid_in_the_header_counts_as_no_voxel_size(tmp_path):
    path = make(tmp_path / "a.mrc", ramp(), mx=0, my=0, mz=0, cella=(0, 0, 0))
    with pytest.raises(UserError, match="--voxel-spacing"):
        read_volume(path)


def test_the_users_voxel_size_wins_with_a_warning_if_the_file_disagrees(tmp_path, caplog):
    path = make(tmp_path / "a.mrc", ramp())
    assert read_volume(path, voxel_spacing=10.012).voxel_spacing == 10.012
    assert not caplog.records
    assert read_volume(path, voxel_spacing=13.48).voxel_spacing == 13.48
    assert "says 10 Å per voxel; the given 13.48 Å is used" in caplog.text


def test_voxels_that_are_not_cubes_are_refused_beyond_one_percent(tmp_path):
    z, y, x = SHAPE
    good = make(tmp_path / "a.mrc", ramp(), cella=(10 * x, 10.05 * y, 10 * z))
    assert read_volume(good).voxel_spacing == pytest.approx(10.0167, abs=1e-3)
    bad = make(tmp_path / "b.mrc", ramp(), cella=(10 * x, 10.2 * y, 10 * z))
    with pytest.raises(UserError, match=r"b\.mrc: voxels are not cubes .*10 x 10\.2 x 10"):
        read_volume(bad)


@settings(deadline=None, max_examples=25)
@given(
    array=hnp.arrays(
        st.sampled_from([np.float32, np.float16]),
        hnp.array_shapes(min_dims=3, max_dims=3, min_side=2, max_side=5),
        elements=st.floats(-100, 100, width=16),
    ),
    spacing=st.floats(1.5, 50),
    suffix=st.sampled_from([".mrc", ".rec", ".mrc.gz", ".map.bz2"]),
)
def test_what_is_written_is_read_back(tmp_path_factory, array, spacing, suffix):
    path = tmp_path_factory.mktemp("mrc") / f"a{suffix}"
    write_volume(Volume(array, spacing), path)
    back = read_volume(path)
    assert back.data.dtype == array.dtype
    assert back.voxel_spacing == pytest.approx(spacing, rel=1e-6)
    np.testing.assert_array_equal(back.read(), array.astype(np.float32))
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_mrcfile_finds_nothing_wrong_with_what_we_write(tmp_path):
    array = np.random.default_rng(0).normal(3, 2, (70, 9, 8)).astype(np.float32)
    path = tmp_path / "a.mrc"
    write_volume(Volume(array, 10.012444), path)
    assert mrcfile.validate(path)
    with mrcfile.open(path) as file:
        np.testing.assert_array_equal(file.data, array)
        assert file.is_volume()
        assert float(file.voxel_size.x) == pytest.approx(10.012444)
        assert float(file.header.dmean) == pytest.approx(array.mean(), rel=1e-5)
        assert float(file.header.rms) == pytest.approx(array.std(), rel=1e-5)
        assert float(file.header.dmin) == array.min()
        assert float(file.header.dmax) == array.max()


def test_integers_are_written_as_floats(tmp_path):
    write_volume(Volume(ramp(np.int16), 10), tmp_path / "a.mrc")
    assert read_volume(tmp_path / "a.mrc").data.dtype == np.float32


def test_an_existing_file_is_kept_without_overwrite(tmp_path):
    path = make(tmp_path / "a.mrc", ramp())
    with pytest.raises(UserError, match="--overwrite"):
        write_volume(Volume(ramp() + 1, 10), path)
    np.testing.assert_array_equal(read_volume(path).read(), ramp())
    write_volume(Volume(ramp() + 1, 10), path, overwrite=True)
    np.testing.assert_array_equal(read_volume(path).read(), ramp() + 1)


def test_a_missing_file_and_an_unknown_suffix_say_what_to_do(tmp_path):
    with pytest.raises(UserError, match=r"nowhere\.mrc: no such file"):
        read_volume(tmp_path / "nowhere.mrc")
    (tmp_path / "a.tiff").write_bytes(b"")
    with pytest.raises(UserError, match=r"unknown kind of volume '\.tiff': known are \.mrc, \.rec"):
        read_volume(tmp_path / "a.tiff")
    with pytest.raises(UserError, match=r"Did you mean '\.mrc'"):
        write_volume(Volume(ramp(), 10), tmp_path / "a.mcr")
    (tmp_path / "folder.mrc").mkdir()
    with pytest.raises(UserError, match="a folder, expected an MRC file"):
        read_volume(tmp_path / "folder.mrc")


def test_formats_are_found_by_file_name():
    assert FORMATS.names() == ["mrc", "omezarr"]
    assert ".rec.bz2" in mrc.SUFFIXES
