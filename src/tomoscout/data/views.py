"""Pairs of views for contrastive learning: two looks at one place, changed at random.

Item ``i`` of epoch ``e`` is a function of (seed, e, i) alone, as of the patches of a detector, so a
training that was killed goes on bit for bit. The crops of a batch come from all tomograms in turn:
crops of one tomogram alone would be told apart from it by ice and contrast.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int
from torch import Tensor
from torch.utils.data import Dataset

from tomoscout.core.geometry import Shape
from tomoscout.core.settings import Choice
from tomoscout.data.places import Look, Places
from tomoscout.data.pool import Key
from tomoscout.ops.conflicts import overlap_conflicts


class Pair(TypedDict):
    """Two views of one place."""

    views: Float32[Tensor, "2 1 z y x"]
    """The views."""
    zyx: Float[np.ndarray, " 3"]
    """The place, in ångström."""
    run: int
    """Which tomogram it lies in."""
    label: int
    """Its label; -1 where it is none of the places given."""


class PairBatch(TypedDict):
    """Several pairs."""

    views: Float32[Tensor, "2 b 1 z y x"]
    """First views, then second ones."""
    conflict: Bool[Tensor, "n n"]
    """Which of the ``2 b`` views show the same place, or nearly: they are no negatives."""
    labels: Int[Tensor, " b"]
    """Labels of the places."""


class PairDataset(Dataset[Pair]):
    """Pairs of views by (epoch, index); use it with `module.EpochSampler`.

    Parameters
    ----------
    places
        What to cut from.
    crop
        Voxels (z, y, x) of a view; a single slice is never shifted along z.
    views
        What is done to each view, in order, with random numbers of its own.
    at_places
        Share of crops at the places given; the rest lie anywhere.
    shift
        How far each view is shifted from the place at most, along each axis, in ångström.
    seed
        Source of all randomness, together with the key.
    """

    def __init__(
        self,
        places: Sequence[Places],
        *,
        crop: Shape,
        views: Sequence[Choice],
        at_places: float,
        shift: float,
        seed: int,
    ) -> None:
        self.places = list(places)
        self.at_places = at_places
        self.seed = seed
        self._look = Look(crop, views=views, shift=shift)

    def __getitem__(self, key: Key) -> Pair:
        """Draw a place and look at it twice."""
        epoch, index = key
        rng = np.random.default_rng([self.seed, epoch, index])
        run = index % len(self.places)
        zyx, label = self._draw(self.places[run], rng)
        views = [self._look(self.places[run].volume, zyx, rng) for _ in range(2)]
        return Pair(views=torch.from_numpy(np.stack(views)[:, None]), zyx=zyx, run=run, label=label)

    def _draw(self, place: Places, rng: np.random.Generator) -> tuple[Float[np.ndarray, " 3"], int]:
        """Draw one of the places, or any."""
        if len(place.zyx) and rng.random() < self.at_places:
            row = int(rng.integers(len(place.zyx)))
            return place.zyx[row], int(place.labels[row])
        return place.anywhere(rng), -1


def collate_pairs(items: Sequence[Pair], *, apart: float) -> PairBatch:
    """Stack pairs into a batch, and note which of them look at the same place.

    Parameters
    ----------
    items
        Pairs of one shape.
    apart
        Places of a tomogram that are nearer than so many ångström show the same.
    """
    zyx = np.stack([item["zyx"] for item in items])
    runs = np.array([item["run"] for item in items])
    return PairBatch(
        views=torch.stack([item["views"] for item in items], dim=1),
        conflict=torch.from_numpy(np.asarray(overlap_conflicts(zyx, runs, distance=apart))),
        labels=torch.tensor([item["label"] for item in items]),
    )
