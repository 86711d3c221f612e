"""What crops look like in general, so that likeness is measured against it.

Embeddings of a tomogram's crops crowd into a narrow cone: they share what all crops share, and any
two have a cosine near 1. What a crop has of its own shows when the mean of all is taken away, and
when directions in which all crops vary anyhow (ice, defocus, how crowded it is) count less. So
embeddings are moved by the mean of a sample and divided by a power of its covariance: 0 only moves
them, 1 (whitening) makes all directions vary alike, those included that hold little but noise. How
much of it is right depends on the encoder; far more is lost by too little than by too much.

The sample is drawn without labels, from crops of a grid. It may well hold particles: few, they
hardly change its mean; and the covariance of a mixture has the same most telling direction as that
of the ground alone (by Sherman and Morrison's formula), only shorter.

Hariharan, Malik and Ramanan, 2012, doi:10.1007/978-3-642-33765-9_33 (one example against the
statistics of everything); Wang, Chao, Weinberger and van der Maaten, 2019, arXiv:1911.04623 (the
mean alone does much in few-shot recognition); Ledoit and Wolf, 2004,
doi:10.1016/S0047-259X(03)00096-4 (how far to trust a sample's covariance).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32
from sklearn.covariance import ledoit_wolf_shrinkage

from tomoscout.core.errors import UserError

FEWEST = 16
"""Crops that a sample has at least; a thousand are better."""


@dataclass(frozen=True, eq=False)
class Background:
    """The mean and the spread of a sample of embeddings.

    Attributes
    ----------
    mean
        `(f,)` what all have in common.
    transform
        `(f, f)` what directions are weighed by.
    """

    mean: Float32[np.ndarray, " f"]
    transform: Float32[np.ndarray, "f f"]

    @classmethod
    def of(cls, vectors: Float[np.ndarray, "n f"], *, whitening: float) -> Background:
        """Measure a sample.

        Parameters
        ----------
        vectors
            One embedding a row.
        whitening
            0 takes away the mean, 1 makes all directions vary alike.

        Raises
        ------
        UserError
            If the sample is too small.
        """
        if len(vectors) < FEWEST:
            raise UserError(
                f"{len(vectors)} crops say too little of the ground: draw {FEWEST} at least, "
                "better a thousand"
            )
        sample = np.asarray(vectors, np.float64)
        mean = sample.mean(axis=0)
        moved = sample - mean
        covariance = moved.T @ moved / len(moved)
        average = float(np.trace(covariance)) / len(covariance) or 1.0
        shrunk = float(ledoit_wolf_shrinkage(moved, assume_centered=True))
        variance, axes = np.linalg.eigh(covariance / average)
        variance = (1 - shrunk) * np.maximum(variance, 0) + shrunk
        # Rounding leaves no direction at exactly 0; one that is a millionth of the mean is noise.
        weight = np.maximum(variance, 1e-6) ** (-whitening / 2)
        transform = (axes * weight) @ axes.T
        return cls(mean.astype(np.float32), transform.astype(np.float32))

    def apply(self, vectors: Float[np.ndarray, "*n f"]) -> Float32[np.ndarray, "*n f"]:
        """Return embeddings as seen against the sample, with length 1: their cosines spread."""
        moved = (np.asarray(vectors, np.float32) - self.mean) @ self.transform
        return unit(moved)


def unit(vectors: Float[np.ndarray, "*n f"]) -> Float32[np.ndarray, "*n f"]:
    """Return vectors with length 1; one of length 0 stays so."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-12), np.float32)
