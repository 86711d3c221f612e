"""Tokens: the blocks of voxels a transformer reads, their labels, and scores counted over them.

A label volume holds 0 for background and an object's label (from 1) elsewhere. A token belongs to
the object that covers most of it, if that is enough; the rest is background.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Int, UInt8

from tomoscout.core.geometry import Geometry


def paint(
    zyx: Float[np.ndarray, "n 3"],
    labels: Int[np.ndarray, " n"],
    *,
    geometry: Geometry,
    reach: Sequence[float] | Float[np.ndarray, " n"],
    cubes: bool,
) -> UInt8[np.ndarray, "z y x"]:
    """Draw a cube or a ball around each centre; where they overlap the higher label stays.

    Parameters
    ----------
    zyx
        Centres in ångström from the geometry's corner; bodies reach in from outside.
    labels
        Label of each, 1 to 255.
    geometry
        Lattice of the volume; drawn at stride 1, whatever its own.
    reach
        Half the edge of each cube, or the radius of each ball, in ångström.
    cubes
        Cubes around the voxel nearest the centre, or balls around the centre itself.
    """
    volume = np.zeros(geometry.shape, np.uint8)
    spacing = geometry.voxel_spacing
    for row in np.argsort(labels, kind="stable").tolist():
        middle = zyx[row] / spacing
        middle = np.floor(middle + 0.5) if cubes else middle
        extent = reach[row] / spacing
        low = np.clip(np.ceil(middle - extent), 0, geometry.shape).astype(np.int64)
        high = np.clip(np.floor(middle + extent) + 1, low, geometry.shape).astype(np.int64)
        box = tuple(slice(a, b) for a, b in zip(low.tolist(), high.tolist(), strict=True))
        if cubes:
            volume[box] = labels[row]
            continue
        z, y, x = (
            (np.arange(a, b) - m) ** 2
            for a, b, m in zip(low.tolist(), high.tolist(), middle.tolist(), strict=True)
        )
        volume[box][z[:, None, None] + y[:, None] + x <= extent**2] = labels[row]
    return volume


def coverage(
    labels: UInt8[np.ndarray, "z y x"], *, stride: int, objects: int
) -> Float32[np.ndarray, "o u v w"]:
    """Return the share of each token's voxels that bears each label.

    Parameters
    ----------
    labels
        Label volume; of tokens that hang over its edge, the voxels inside count.
    stride
        Voxels per token and axis.
    objects
        How many labels there are, background not counted.
    """
    voxels = np.ones((), np.int64)
    for n in labels.shape:
        voxels = voxels[..., None] * np.minimum(stride, n - np.arange(0, n, stride))
    found = np.zeros((objects, *voxels.shape), np.float32)
    for label in range(1, objects + 1):
        mask = labels == label
        if mask.any():
            found[label - 1] = _block_sums(mask, stride) / voxels
    return found


def dominant(
    covered: Float32[np.ndarray, "o z y x"], *, threshold: float
) -> Int[np.ndarray, "z y x"]:
    """Return the label that covers most of each token, 0 where it covers less than the threshold.

    Of labels that cover alike, the lowest one is taken.
    """
    return np.where(covered.max(axis=0) >= threshold, covered.argmax(axis=0) + 1, 0)


@dataclass(frozen=True, eq=False)
class TokenCounts:
    """Tokens told right and wrong, per class; counts of several batches add up.

    Attributes
    ----------
    tp, fp, fn
        `(c,)` tokens of a class that were called it, others that were called it, and its own
        that were called something else. Class 0 is background.
    """

    tp: Int[np.ndarray, " c"]
    fp: Int[np.ndarray, " c"]
    fn: Int[np.ndarray, " c"]

    def __add__(self, other: TokenCounts) -> TokenCounts:
        return TokenCounts(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn)

    def f_beta(self, weights: Sequence[float], *, beta: float = 4.0) -> float:
        """Return F-beta of the weighted sums over classes; 0 where nothing was told right.

        Parameters
        ----------
        weights
            How much each class counts; background usually 0.
        beta
            How many times as much recall counts as precision.
        """
        tp, fp, fn = (float(np.dot(weights, count)) for count in (self.tp, self.fp, self.fn))
        whole = (1 + beta**2) * tp + beta**2 * fn + fp
        return (1 + beta**2) * tp / whole if tp else 0.0

    @property
    def recall(self) -> list[float | None]:
        """Share of each class's tokens that was told right; None for a class without tokens."""
        return [
            tp / (tp + fn) if tp + fn else None
            for tp, fn in zip(self.tp.tolist(), self.fn.tolist(), strict=True)
        ]


def count_tokens(
    predicted: Int[np.ndarray, "*cells"], truth: Int[np.ndarray, "*cells"], *, classes: int
) -> TokenCounts:
    """Count the tokens told right and wrong.

    Parameters
    ----------
    predicted, truth
        Label of each token, from 0 for background.
    classes
        How many classes there are, background among them.
    """
    hits = predicted.ravel()[predicted.ravel() == truth.ravel()]
    tp, called, there = (
        np.bincount(labels.ravel(), minlength=classes) for labels in (hits, predicted, truth)
    )
    return TokenCounts(tp, called - tp, there - tp)


def _block_sums(mask: np.ndarray, stride: int) -> np.ndarray:
    """Sum over cubes of voxels, one axis after the other: far quicker than all at once."""
    sums = mask.astype(np.int32)
    for axis in range(3):
        starts = np.arange(0, sums.shape[axis], stride)
        sums = np.add.reduceat(sums, starts, axis=axis)
    return sums
