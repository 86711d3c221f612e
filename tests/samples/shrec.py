"""A SHREC dataset, as it is downloaded."""

import mrcfile
import numpy as np

SHAPE = (24, 32, 40)


LINES = "vesicle 9 9 9 NaN NaN NaN\n1BXN 20 10 5 90.0 90.0 0.0\n4CR2 30 20 15 10.0 45.0 301.2\n"


NOISE = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)


def bare_mrc(path, array):
    """A file as the challenge's: float32, and a voxel size of 0 in its header."""
    with mrcfile.new(path) as file:
        file.set_data(np.asarray(array, np.float32))


def model(root, index, *, lines=LINES, parts=SHAPE):
    """Write a model as the challenge has it; its truth may have fewer slices."""
    folder = root / f"model_{index}"
    folder.mkdir(parents=True)
    bare_mrc(folder / "reconstruction.mrc", NOISE)
    if lines is not None:
        (folder / "particle_locations.txt").write_text(lines)
    if parts is not None:
        occupancy = np.zeros(parts)
        occupancy[5, 10, 20] = 2  # the second line
        bare_mrc(folder / "occupancy_mask.mrc", occupancy)
        bare_mrc(folder / "class_mask.mrc", occupancy * 2)  # 1BXN has label 4
        bare_mrc(folder / "grandmodel.mrc", occupancy / 2)
    return folder
