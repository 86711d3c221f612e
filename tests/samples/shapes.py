"""Densities of the package's molecules, and what is measured on them."""

from __future__ import annotations

import numpy as np

from tomoscout.core.objects import ObjectType
from tomoscout.simulation.density import rasterise
from tomoscout.simulation.shapes import blobs


def kind_of(name):
    return ObjectType(name=name, radius=100)  # the catalogue knows better than this radius


def density_of(name, voxel_spacing=10.0, **options):
    return rasterise(blobs(kind_of(name), **options), voxel_spacing=voxel_spacing)


def extents(data):
    """Root-mean-square extents along the principal axes in voxels, shortest first."""
    data = data.astype(np.float64)
    offset = np.indices(data.shape).reshape(3, -1) - data.shape[0] // 2
    spread = (offset * data.ravel()) @ offset.T / data.sum()
    return np.sqrt(np.linalg.eigvalsh(spread))


def radii_of(data):
    middle = data.shape[0] // 2
    return np.sqrt(sum((axis - middle) ** 2.0 for axis in np.indices(data.shape)))


def radial_profile(data, bins=20):
    index = np.rint(radii_of(data)).astype(int).ravel()
    sums = np.bincount(index, data.ravel(), minlength=bins)[:bins]
    return sums / np.maximum(np.bincount(index, minlength=bins)[:bins], 1)
