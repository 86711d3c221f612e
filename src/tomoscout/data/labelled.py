"""Crops with labels: particles at picks, all objects alike, and background between them.

Item ``i`` of epoch ``e`` is a function of (seed, e, i) alone, as of the patches of a detector, so a
training that was killed goes on bit for bit. Tomograms take turns. An object is drawn first, then
one of its particles, so rare objects are seen as often as others; background is either something
that looks like a particle and is none, or lies anywhere away from particles.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypedDict

import numpy as np
import torch
from jaxtyping import Float, Float32, Int
from scipy.spatial import cKDTree
from torch import Tensor
from torch.utils.data import Dataset

from tomoscout.core.geometry import Shape
from tomoscout.data.places import Look, Places
from tomoscout.data.pool import Key

BACKGROUND = 0
"""Label of what is no particle."""

HELD_OUT = 1 << 31
"""Epoch that crops of held-out runs are drawn as; no training gets there."""

_TRIES = 50  # places drawn until one is away from particles; crowded tomograms have few


class Labelled(TypedDict):
    """One crop."""

    crop: Float32[Tensor, "1 z y x"]
    """Normalised densities."""
    label: int
    """What it holds."""
    key: Key
    """What it was asked for by."""


class LabelledBatch(TypedDict):
    """Several crops."""

    crops: Float32[Tensor, "b 1 z y x"]
    """Normalised densities."""
    labels: Int[Tensor, " b"]
    """What they hold."""
    keys: Int[Tensor, "b 2"]
    """What they were asked for by."""


class LabelledDataset(Dataset[Labelled]):
    """Crops with labels by (epoch, index); use it with `module.EpochSampler`.

    Parameters
    ----------
    places
        What to cut from: labels from 1 are particles, 0 what looks like one, and -1 what is neither
        learnt nor background.
    look
        How a crop is cut.
    background
        Share of crops without a particle.
    lookalikes
        Share of those at places of label 0; the rest lie anywhere.
    apart
        How far background lies from what is no background, in ångström, at least.
    radii
        Radius of the object of each label, from 1 on, in ångström: background lies outside of it.
    seed
        Source of all randomness, together with the key.
    """

    def __init__(
        self,
        places: Sequence[Places],
        *,
        look: Look,
        background: float,
        lookalikes: float,
        apart: float,
        radii: Sequence[float] = (),
        seed: int,
    ) -> None:
        self.places = list(places)
        self.look = look
        self.background = background
        self.lookalikes = lookalikes
        self.seed = seed
        self._draws = [_Draw(place, apart, radii) for place in self.places]

    def __getitem__(self, key: Key) -> Labelled:
        """Draw a place and look at it."""
        epoch, index = key
        rng = np.random.default_rng([self.seed, epoch, index])
        run = index % len(self.places)
        draw = self._draws[run]
        if draw.objects and rng.random() >= self.background:
            zyx, label = draw.particle(rng)
        else:
            zyx, label = draw.background(rng, self.lookalikes), BACKGROUND
        crop = self.look(self.places[run].volume, zyx, rng)
        return Labelled(crop=torch.from_numpy(crop)[None], label=label, key=key)


def collate_labelled(items: Sequence[Labelled]) -> LabelledBatch:
    """Stack crops into a batch."""
    return LabelledBatch(
        crops=torch.stack([item["crop"] for item in items]),
        labels=torch.tensor([item["label"] for item in items]),
        keys=torch.tensor([item["key"] for item in items]),
    )


class HeldOut:
    """Crops of held-out runs, always the same: particles as often as they are, each once at most.

    Parameters
    ----------
    places
        Held-out runs, as of `LabelledDataset`.
    crop
        Voxels (z, y, x) of a crop; it is neither shifted nor changed.
    most
        How many crops at most, of which a share ``background`` is without a particle.
    background, lookalikes, apart, radii, seed
        As of `LabelledDataset`.
    """

    def __init__(
        self,
        places: Sequence[Places],
        *,
        crop: Shape,
        most: int,
        background: float,
        lookalikes: float,
        apart: float,
        radii: Sequence[float] = (),
        seed: int,
    ) -> None:
        self.places = list(places)
        self._look = Look(crop)
        rng = np.random.default_rng([seed, HELD_OUT])
        rows = [
            (run, place.zyx[row], int(place.labels[row]))
            for run, place in enumerate(self.places)
            for row in np.flatnonzero(place.labels > BACKGROUND)
        ]
        particles = round(most * (1 - background))
        if len(rows) > particles:
            rows = [rows[i] for i in np.sort(rng.permutation(len(rows))[:particles])]
        share = background / max(1 - background, 1e-9)
        count = min(round(len(rows) * share), most) if rows else most
        draws = [_Draw(place, apart, radii) for place in self.places]
        for index in range(count):
            run = index % len(draws)
            rows.append((run, draws[run].background(rng, lookalikes), BACKGROUND))
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def batches(self, size: int) -> Iterator[LabelledBatch]:
        """Cut the crops, so many at a time."""
        for start in range(0, len(self.rows), size):
            yield collate_labelled(
                [
                    self._item(row, index)
                    for index, row in enumerate(self.rows[start : start + size], start)
                ]
            )

    def _item(self, row: tuple[int, Float[np.ndarray, " 3"], int], index: int) -> Labelled:
        """Cut one crop."""
        run, zyx, label = row
        crop = self._look(self.places[run].volume, zyx, np.random.default_rng(0))
        return Labelled(crop=torch.from_numpy(crop)[None], label=label, key=(HELD_OUT, index))


class _Draw:
    """Draws places of one tomogram."""

    def __init__(self, place: Places, apart: float, radii: Sequence[float]) -> None:
        self.place = place
        self.objects = {
            int(label): np.flatnonzero(place.labels == label)
            for label in np.unique(place.labels[place.labels > BACKGROUND])
        }
        reach = np.full(len(place.labels), apart)
        for label, radius in enumerate(radii, start=BACKGROUND + 1):
            reach[place.labels == label] = max(apart, radius)
        occupied = place.labels != BACKGROUND
        self._trees = [
            (float(far), cKDTree(place.zyx[occupied & (reach == far)]))
            for far in np.unique(reach[occupied])
        ]
        others = np.flatnonzero(place.labels == BACKGROUND)
        self._lookalikes = others[self._room(place.zyx[others]) >= 0]

    def particle(self, rng: np.random.Generator) -> tuple[Float[np.ndarray, " 3"], int]:
        """Draw an object, then one of its particles."""
        label = list(self.objects)[int(rng.integers(len(self.objects)))]
        rows = self.objects[label]
        return self.place.zyx[rows[int(rng.integers(len(rows)))]], label

    def background(self, rng: np.random.Generator, lookalikes: float) -> Float[np.ndarray, " 3"]:
        """Draw a place without a particle; where there is none, the emptiest of many."""
        if len(self._lookalikes) and rng.random() < lookalikes:
            return self.place.zyx[self._lookalikes[int(rng.integers(len(self._lookalikes)))]]
        drawn = np.stack([self.place.anywhere(rng) for _ in range(_TRIES)])
        room = self._room(drawn)
        free = np.flatnonzero(room >= 0)
        return drawn[free[0] if len(free) else int(room.argmax())]

    def _room(self, zyx: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, " n"]:
        """Return how far places are outside of what is no background; below 0 within."""
        room = np.full(len(zyx), np.inf)
        for reach, tree in self._trees:
            room = np.minimum(room, tree.query(zyx)[0] - reach)
        return room
