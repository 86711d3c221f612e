"""A disk that is full, or fills up."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

PICK = "pick {} --model model.safetensors -o {{out}}"
TRAIN = "train project/copick.json -o {out} --recipe tiny.yaml"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Make a disk with so many bytes left; skipped where a test may not mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no right to mount a small disk")

    def leave(free: int) -> Path:
        found = os.statvfs(disk)
        (disk / "ballast").write_bytes(bytes(found.f_bavail * found.f_frsize - free))
        return disk

    yield leave
    subprocess.run(["umount", str(disk)], check=True)


WRITERS = {
    "convert found.csv {out}/a.csv": (0, "a.csv"),
    "convert found.csv {out}/a.star --project project": (0, "a.star"),
    "convert found.csv {out}/tree": (0, "run0_large.json"),
    "convert found.csv {out}/a --to ndjson --voxel-spacing 10": (0, "run0_large.ndjson"),
    "convert good.mrc {out}/a.mrc": (8192, "a.mrc"),
    "convert good.mrc {out}/a.mrc.gz": (8192, "a.mrc.gz"),
    "convert good.mrc {out}/a.zarr": (8192, "a.zarr"),
    "evaluate found.csv project -o {out}": (0, "evaluation.json"),
    "report found.csv project -o {out}/a.html": (8192, "a.html"),
    "simulate {out} --runs 1 --shape 32 64 64": (16384, "denoised.zarr"),
    "predict good.mrc --model model.safetensors -o {out}": (8192, "good.scores.zarr"),
    PICK.format("good.mrc"): (4096, "good.csv"),
    TRAIN: (12288, "model.safetensors"),
    f"{TRAIN} --validation none": (12288, "last.ckpt"),
}


@pytest.mark.parametrize("command", WRITERS)
def test_a_full_disk_is_told_and_leaves_nothing_half_written(
    command: str, say, small_disk, monkeypatch
):
    free, name = WRITERS[command]
    disk = small_disk(free)
    code, error = say(command.replace("{out}", str(disk / "new")))
    last = error.splitlines()[-1]
    assert code == 2, error
    assert last.startswith(f"tomoscout: {disk}/new")
    assert f"{name}: the disk is full: free some space or write elsewhere" in last.replace(
        "tomoscout_0_large", "run0_large"
    )
    assert not [path for path in disk.rglob("*") if path.name == name or "partial" in path.name]


@pytest.mark.parametrize("command", WRITERS)
def test_a_disk_that_fills_up_at_the_last_moment_leaves_nothing(
    command: str, say, out: Path, monkeypatch
):
    """As above where no disk can be mounted: the move to the final name fails."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("tomoscout.io._atomic._put", full)
    code, error = say(command)
    assert code == 2
    assert "the disk is full: free some space or write elsewhere" in error.splitlines()[-1]
    assert not [path for path in out.rglob("*") if path.is_file()]


def test_tuning_on_a_full_disk_leaves_the_weights_as_they_were(say, shelf, small_disk, tmp_path):
    weights = tmp_path / "disk" / "model.safetensors"
    shutil.copy(shelf / "model.safetensors", weights)
    small_disk(4096)
    code, error = say(f"tune {weights} project")
    assert code == 2
    assert f"{weights}: the disk is full" in error.splitlines()[-1]
    assert weights.read_bytes() == (shelf / "model.safetensors").read_bytes()
