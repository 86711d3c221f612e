"""Memory and time of picking a tomogram larger than memory, from a file to six objects' picks.

    python benchmarks/big_volume.py [--shape 1024,2048,2048] [--format mrc] [--folder /scratch]

Writes a synthetic tomogram slab by slab (noise with dark balls in it; 17 GB at the full shape, and
some GB of scores beside it while it is picked), runs ``tomoscout pick`` on it in a process of its
own, and prints that process's peak resident memory, its time, and what it found. Then the same on a
small tomogram in memory, and with everything on disk: the picks must be equal to the last bit.

What is held, of shape (z, y, x) at stride s with c objects: Python and torch, some 0.4 GB; a tile
in the network, 0.5 GB at 192^3 voxels; unfinished scores, 4 c d (y / s) (x / s) bytes for tiles of
d cells, which ``plan_tiles`` makes less deep where this would pass 1.5 GB; finished ones,
2 c 32 (y / s) (x / s) bytes; before that, while grey values are measured, two slabs of the file
(2 x 128 MB, or two rows of zarr's chunks). Nothing grows with z.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from tomoscout.core.volume import Volume
from tomoscout.inference import detect, scratch
from tomoscout.inference.tiling import WindowSettings
from tomoscout.inference.weights import load_detector
from tomoscout.io.volumes import read_volume, write_volume

SPACING = 10.012444
SMALL = (96, 160, 176)
EVERY = 48  # voxels between the balls' centres
RADIUS = 12


class Synthetic:
    """Noise with dark balls on a lattice, made when it is read."""

    dtype = np.dtype(np.float32)

    def __init__(self, shape: tuple[int, int, int]) -> None:
        self.shape = shape

    def __getitem__(self, region: Any, /) -> np.ndarray:
        first, *rest = region if isinstance(region, tuple) else (region,)
        planes = range(self.shape[0])[slice(None) if first is Ellipsis else first]
        data = np.stack([self._plane(z) for z in planes])
        return data[(slice(None), *rest)]

    def _plane(self, z: int) -> np.ndarray:
        plane = np.random.default_rng(z).standard_normal(self.shape[1:], np.float32)
        height, *axes = (
            (at + EVERY // 2) % EVERY - EVERY // 2
            for at in (np.array(z), *(np.arange(n) for n in self.shape[1:]))
        )
        y, x = axes
        plane -= 2 * (height**2 + y[:, None] ** 2 + x**2 < RADIUS**2)
        return plane


def pick_large(shape: tuple[int, int, int], form: str, folder: Path, weights: str | None) -> None:
    """Write a tomogram, pick it in a process of its own, and print what that took."""
    path, picks = folder / f"big.{form}", folder / "picks"
    started = time.perf_counter()
    write_volume(Volume(Synthetic(shape), SPACING), path)
    size = " x ".join(map(str, shape))
    print(f"{size} voxels as {form} written in {time.perf_counter() - started:.0f} s")
    command = [sys.executable, "-m", "tomoscout.cli", "pick", str(path), "-o", str(picks)]
    command += ["--threshold", "0.2", *(["--model", weights] if weights else [])]
    started = time.perf_counter()
    subprocess.run(command, check=True)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    rate = np.prod(shape) / seconds / 1e6
    print(f"picked in {seconds:.0f} s ({rate:.1f} million voxels a second), peak {peak:.2f} GiB")


def compare_small(weights: str | None) -> None:
    """Pick a small tomogram in memory and with all on disk, and compare."""
    model = load_detector(weights)
    window = WindowSettings(limit=(64, 64, 64), overlap=16)
    floor = dict.fromkeys(model.objects.names, 0.05)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "small.mrc"
        write_volume(Volume(Synthetic(SMALL), SPACING), path)
        memory = detect.pick(read_volume(path), model, thresholds=floor, window=window)
        with (
            mock.patch.object(detect, "_LOADED", 0),
            mock.patch.object(scratch, "_IN_MEMORY", 0),
            mock.patch("tomoscout.inference.map_picking._PART", 1),
        ):
            disk = detect.pick(read_volume(path), model, thresholds=floor, window=window)
    same = np.array_equal(memory.zyx, disk.zyx) and np.array_equal(memory.scores, disk.scores)
    print(f"{len(memory)} picks in memory, {len(disk)} from disk: {'equal' if same else 'DIFFER'}")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--shape", default="1024,2048,2048")
    arguments.add_argument("--format", choices=("mrc", "zarr"), default="mrc")
    arguments.add_argument("--folder", help="where to write the tomogram: needs its size twice")
    arguments.add_argument("--weights")
    options = arguments.parse_args()
    z, y, x = (int(n) for n in options.shape.split(","))
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        pick_large((z, y, x), options.format, Path(folder), options.weights)
    compare_small(options.weights)


if __name__ == "__main__":
    main()
