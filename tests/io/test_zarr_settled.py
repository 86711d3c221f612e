"""zarr 3 writes chunks side by side: after the first failure the others still go on."""

from __future__ import annotations

import asyncio
import errno

import numpy as np
import pytest

from tomoscout.core.volume import Volume
from tomoscout.io.volumes import write_volume
from tomoscout.io.volumes._zarr import ZARR_MAJOR, create_array, settled

pytestmark = pytest.mark.skipif(ZARR_MAJOR < 3, reason="zarr 2 writes one chunk after the other")


@pytest.fixture
def uneven(monkeypatch) -> list[str]:
    """Make the first chunk fail at once and the others late; return the names of the late ones."""
    from zarr.storage import LocalStore

    late: list[str] = []
    write = LocalStore.set

    async def slowly(self, key, value):
        if key.endswith("0/0/0"):
            raise OSError(errno.ENOSPC, "No space left on device")
        if "." not in key.rsplit("/")[-1]:
            await asyncio.sleep(0.2)
            late.append(key)
        await write(self, key, value)

    monkeypatch.setattr(LocalStore, "set", slowly)
    return late


def test_an_error_comes_out_when_all_other_chunks_are_written(tmp_path, uneven):
    array = create_array(tmp_path / "a", shape=(4, 4, 4), chunks=(2, 2, 2), dtype=np.float32)
    with pytest.raises(OSError, match="No space left"), settled():
        array[:] = np.ones((4, 4, 4), np.float32)
    assert len(uneven) == 7


def test_a_store_that_could_not_be_written_is_gone_for_good(tmp_path, uneven):
    volume = Volume(np.ones((8, 520, 520), np.float32), 10.0)
    with pytest.raises(Exception, match="the disk is full"):
        write_volume(volume, tmp_path / "a.zarr")
    assert uneven
    assert list(tmp_path.iterdir()) == []
