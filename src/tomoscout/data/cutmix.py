"""Paste a box of one patch, and of its target, into another.

Like `mixup` it shows the network combinations that no tomogram has, but every voxel stays one that
was measured: nothing is half as dark as it was. The box lies on whole cells of the target, so that
each cell's label goes with the voxels it stands for. It works on batches after targets are drawn.
(Yun et al. 2019, arXiv:1905.04899; there the label of a whole picture is blended by the share of
its area, here each cell keeps its own.)
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from torch import Tensor


def cutmix(
    image: Float[Tensor, "b c z y x"],
    target: Float[Tensor, "b o u v w"],
    *,
    rng: np.random.Generator,
    alpha: float = 1.0,
) -> tuple[Float[Tensor, "b c z y x"], Float[Tensor, "b o u v w"]]:
    """Replace a box of each sample of a batch by the same box of another one of it.

    Parameters
    ----------
    image, target
        Batches of the same length; a batch of one stays as it is.
    rng
        Source of the boxes and of the pairing.
    alpha
        Parameter of the Beta distribution that a box's share of the volume is drawn from: 1 draws
        it evenly from 0 to 1.

    Raises
    ------
    ValueError
        If a patch is not a whole number of the target's cells.
    """
    if len(image) < 2:
        return image, target
    cells = np.array(target.shape[2:])
    stride, over = np.divmod(np.array(image.shape[2:]), cells)
    if over.any():
        raise ValueError(
            f"patches of {tuple(image.shape[2:])} voxels are no whole number of the target's "
            f"{tuple(target.shape[2:])} cells"
        )
    shift = int(rng.integers(1, len(image)))  # nobody is paired with itself
    pasted, labels = image.clone(), target.clone()
    for here in range(len(image)):
        there = here - shift
        edges = np.rint(cells * np.cbrt(rng.beta(alpha, alpha))).astype(np.int64)
        first = rng.integers(0, cells - edges + 1)
        box = _box(first, edges, 1)
        labels[here][box] = target[there][box]
        box = _box(first, edges, stride)
        pasted[here][box] = image[there][box]
    return pasted, labels


def _box(first: np.ndarray, edges: np.ndarray, stride: np.ndarray | int) -> tuple[slice, ...]:
    """Return the box of all channels, in cells of a stride."""
    starts, stops = (first * stride).tolist(), ((first + edges) * stride).tolist()
    return slice(None), *(slice(a, b) for a, b in zip(starts, stops, strict=True))
