"""Cubes of one tomogram with the labels of their tokens, for training elsewhere.

A regular grid covers the tomogram; where its edges are no multiple of the cube's, the last cubes
overlap those before them, so nothing is left out and no cube is of two tomograms. All cubes with a
labelled token are kept, and a share of the others. Training here cuts patches on the fly, anywhere
and turned, which is worth more than any grid.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
from jaxtyping import Float32, Int64
from pydantic import Field

from tomoscout.core.errors import UserError
from tomoscout.core.geometry import Geometry, Shape
from tomoscout.core.objects import ObjectTable
from tomoscout.core.picks import Picks
from tomoscout.core.settings import Choice, Settings
from tomoscout.core.volume import Volume
from tomoscout.data.patches import crop
from tomoscout.ops.normalise import NormaliseSettings, measure
from tomoscout.targets import TARGETS


class CubeSettings(Settings):
    """Which cubes are cut, and what their tokens are."""

    edge: int = Field(default=96, ge=1)
    """Voxels along each axis of a cube."""
    token: int = Field(default=6, ge=1)
    """Voxels along each axis of a token."""
    empty: float = Field(default=0.1, ge=0, le=1)
    """Share of the cubes without any labelled token that is kept, rounded up."""
    seed: int = Field(default=0, ge=0)
    """Chooses among them."""
    normalise: NormaliseSettings = NormaliseSettings()
    """How grey values are brought to one scale, measured on the whole tomogram."""


def grid(shape: Shape, edge: int) -> list[Shape]:
    """Return the first voxel of each cube; the last along an axis ends where the tomogram does.

    An axis shorter than the cube has one, which hangs over the end and is filled by reflection.
    """
    starts = [sorted({*range(0, max(n - edge, 0) + 1, edge), max(n - edge, 0)}) for n in shape]
    return [(z, y, x) for z, y, x in product(*starts)]


def cut_cubes(
    volume: Volume,
    picks: Picks,
    *,
    objects: ObjectTable,
    target: Choice,
    settings: CubeSettings,
    rng: np.random.Generator,
    progress: Callable[[float], None] | None = None,
) -> tuple[Float32[np.ndarray, "n 1 e e e"], Int64[np.ndarray, "n t"]]:
    """Cut a tomogram into cubes; return those that are kept and the labels of their tokens.

    Parameters
    ----------
    volume
        Tomogram.
    picks
        Its particles, in ångström.
    objects
        Table whose order gives the labels, from 1; 0 is background.
    target
        What says which tokens belong to an object.
    settings
        Which cubes.
    rng
        Chooses among the empty ones.
    progress
        Called with the share that is done, up to 1.

    Raises
    ------
    UserError
        If the tokens do not fill the cube, or the tomogram cannot be normalised.
    """
    if settings.edge % settings.token:
        raise UserError(
            f"tokens of {settings.token} voxels do not fill a cube of {settings.edge}: choose an "
            f"edge such as {round(settings.edge / settings.token) * settings.token}"
        )
    module, options = target.resolve(TARGETS)
    cube = (settings.edge,) * 3
    geometry = Geometry(cube, volume.voxel_spacing, settings.token)
    reach = 2 * max(entry.radius for entry in objects.each())
    starts = grid(volume.shape, settings.edge)
    labels = []
    for start in starts:
        # One voxel of the tomogram is enough to place the particles: nothing is read yet.
        near = crop(_blank(volume), picks, start=start, shape=cube, margin=reach)[1]
        marks = module.encode(near, objects=objects, geometry=geometry, settings=options)
        labels.append(np.where(marks.any(axis=0), marks.argmax(axis=0) + 1, 0).ravel())
    empty = [i for i, found in enumerate(labels) if not found.any()]
    chosen = rng.permutation(empty)[: int(np.ceil(settings.empty * len(empty)))]
    kept = sorted({*range(len(starts))} - set(empty) | set(chosen.astype(int).tolist()))
    scale = measure(volume, settings.normalise)
    images = np.empty((len(kept), 1, *cube), np.float32)
    for row, index in enumerate(kept):
        patch, _ = crop(volume, picks, start=starts[index], shape=cube, margin=0.0)
        images[row, 0] = scale.apply(patch.read())
        if progress is not None:
            progress((row + 1) / len(kept))
    tokens = (settings.edge // settings.token) ** 3
    return images, np.array([labels[i] for i in kept], np.int64).reshape(-1, tokens)


def _blank(volume: Volume) -> Volume:
    """Return a tomogram of that shape which takes no memory."""
    nothing = np.broadcast_to(np.zeros((), np.float32), volume.shape)
    return Volume(nothing, volume.voxel_spacing, volume.name)
