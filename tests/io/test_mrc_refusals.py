import bz2
import gzip

import numpy as np
import pytest

from samples.mrc import SHAPE, make, ramp
from tomoscout.core.errors import UserError
from tomoscout.io.volumes import read_volume


@pytest.mark.parametrize("pack", [None, gzip])
def test_a_truncated_file_names_the_bytes_expected_and_found(tmp_path, pack):
    plain = make(tmp_path / "a.mrc", ramp())
    whole = plain.read_bytes()
    short = whole[:-100]
    path = tmp_path / "cut.mrc"
    path.write_bytes(short if pack is None else pack.compress(short))
    with pytest.raises(
        UserError, match=rf"cut\.mrc: truncated: .*{len(whole)} bytes, found {len(short)}"
    ):
        read_volume(path).read()


@pytest.mark.parametrize("pack", [gzip, bz2])
def test_a_truncated_archive_says_so_when_it_is_read(tmp_path, pack):
    array = np.random.default_rng(0).normal(size=(20, 20, 20)).astype(np.float32)
    packed = pack.compress(make(tmp_path / "a.mrc", array).read_bytes())
    path = tmp_path / "cut.mrc.packed.mrc"
    path.write_bytes(packed[: len(packed) // 2])
    with pytest.raises(UserError, match="truncated"):
        read_volume(path).read()


@pytest.mark.parametrize("content", [b"", b"hello", b"x" * 5000, b"\x1f\x8b", b"BZh9"])
def test_what_is_no_mrc_file_is_refused_in_one_line(tmp_path, content):
    path = tmp_path / "a.mrc"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"a\.mrc: not an MRC file") as caught:
        read_volume(path)
    assert "\n" not in str(caught.value)


def test_one_image_and_a_stack_of_volumes_are_refused(tmp_path):
    image = make(tmp_path / "a.mrc", ramp()[0])
    with pytest.raises(UserError, match="found one image"):
        read_volume(image)
    stack = make(tmp_path / "b.mrc", np.zeros((3, *SHAPE), np.float32))
    with pytest.raises(UserError, match="found a stack of 3 volumes"):
        read_volume(stack)


def test_complex_numbers_are_refused(tmp_path):
    path = make(tmp_path / "a.mrc", ramp(np.complex64))
    with pytest.raises(UserError, match=r"complex numbers \(mode 4\)"):
        read_volume(path)
