"""Embeddings whose groups are known: unit vectors that scatter around planted directions."""

from __future__ import annotations

import numpy as np


def directions(count: int, features: int = 24, seed: int = 7) -> np.ndarray:
    """Orthogonal unit vectors."""
    square = np.random.default_rng(seed).normal(size=(features, features))
    return np.linalg.qr(square)[0][:count].astype(np.float32)


def around(centre: np.ndarray, count: int, *, scatter: float = 0.05, seed: int = 0) -> np.ndarray:
    """Unit vectors around one."""
    noise = np.random.default_rng(seed).normal(size=(count, len(centre)))
    vectors = centre + scatter * noise
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def groups(*sizes: int, scatter: float = 0.05, features: int = 24) -> tuple[np.ndarray, np.ndarray]:
    """Groups of these sizes, one after the other, and which group each vector is of."""
    centres = directions(len(sizes), features)
    parts = [
        around(centre, size, scatter=scatter, seed=place)
        for place, (centre, size) in enumerate(zip(centres, sizes, strict=True))
    ]
    return np.concatenate(parts), np.repeat(np.arange(len(sizes)), sizes)
