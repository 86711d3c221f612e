"""MRC files, written with mrcfile."""

import warnings

import mrcfile
import numpy as np

SHAPE = (4, 5, 6)


def ramp(dtype=np.float32):
    return np.arange(np.prod(SHAPE)).reshape(SHAPE).astype(dtype)


def make(path, array, *, edge=10.0, **header):
    """Write with mrcfile, then put fields of the header as they are wanted."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with mrcfile.new(path, array, overwrite=True) as file:
            file.voxel_size = edge
            for name, value in header.items():
                file.header[name] = value
    return path
