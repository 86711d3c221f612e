"""OME-Zarr stores, written with zarr itself and not with the code under test."""

import numpy as np
import zarr

ARRAY = np.random.default_rng(0).normal(size=(10, 12, 14)).astype(np.float32)


def axes(*names, unit="angstrom"):
    return [{"name": n, "type": "space"} | ({"unit": unit} if unit else {}) for n in names]


ZYX = axes(*"zyx")


def store(
    path,
    array=ARRAY,
    *,
    zarr_format=2,
    level="0",
    scale=10.0,
    axes=ZYX,
    separator="/",
    multiscales=True,
    **options,
):
    """Write a store with zarr itself, not with the code under test."""
    chunks = (*[1] * (array.ndim - 3), 4, 5, 6)[-array.ndim :]
    if zarr_format == 2:
        options["chunk_key_encoding"] = {"name": "v2", "separator": separator}
    elif separator == ".":
        options["chunk_key_encoding"] = {"name": "default", "separator": "."}
    options = {"chunks": chunks} | options
    group = zarr.open_group(str(path), mode="w", zarr_format=zarr_format)
    group.create_array(level, data=array, **options)
    change = {"type": "scale", "scale": np.broadcast_to(scale, array.ndim).tolist()}
    image = {"axes": axes, "datasets": [{"path": level, "coordinateTransformations": [change]}]}
    if multiscales and zarr_format == 2:
        group.attrs["multiscales"] = [image | {"version": "0.4"}]
    elif multiscales:
        group.attrs["ome"] = {"version": "0.5", "multiscales": [image]}
    return path
