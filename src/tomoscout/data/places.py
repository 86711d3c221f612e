"""Places of a tomogram, and looks at them: crops that are shifted and changed at random."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Int

from tomoscout.augment import augment, grow, prepare
from tomoscout.core.geometry import Shape
from tomoscout.core.picks import Picks
from tomoscout.core.settings import Choice
from tomoscout.core.volume import Volume
from tomoscout.data.patches import crop


@dataclass(frozen=True, eq=False)
class Places:
    """A tomogram to cut from, and where.

    Attributes
    ----------
    volume
        Normalised tomogram.
    zyx
        Places worth a look, in ångström; there may be none.
    labels
        Label of each place, for those who learn from labels; -1 where nobody knows.
    """

    volume: Volume
    zyx: Float[np.ndarray, "n 3"]
    labels: Int[np.ndarray, " n"]

    def anywhere(self, rng: np.random.Generator) -> Float[np.ndarray, " 3"]:
        """Draw any place of the tomogram, in ångström."""
        room = np.subtract(self.volume.shape, 1) * self.volume.voxel_spacing
        return rng.uniform(0, 1, 3) * room


class Look:
    """Cuts crops around places.

    Parameters
    ----------
    crop
        Voxels (z, y, x) of a crop; a single slice is never shifted along z.
    views
        What is done to each, in order, with random numbers of its own.
    shift
        How far each is shifted from its place at most, along each axis, in ångström.
    """

    def __init__(self, crop: Shape, *, views: Sequence[Choice] = (), shift: float = 0.0) -> None:
        self.crop = crop
        self.shift = shift
        self._steps = prepare(views)
        self._cut = grow(crop, steps=self._steps)

    def __call__(
        self, volume: Volume, zyx: Float[np.ndarray, " 3"], rng: np.random.Generator
    ) -> Float32[np.ndarray, "z y x"]:
        """Cut one crop."""
        shift = rng.uniform(-self.shift, self.shift, 3)
        if self.crop[0] == 1:
            shift[0] = 0.0  # a slice shows what it cuts: another one may show something else
        centre = (zyx + shift) / volume.voxel_spacing
        z, y, x = np.rint(centre - np.subtract(self._cut, 1) / 2).astype(int).tolist()
        cut, nothing = crop(volume, Picks.empty(), start=(z, y, x), shape=self._cut, margin=0.0)
        seen, _ = augment(cut, nothing, steps=self._steps, rng=rng, shape=self.crop)
        return np.ascontiguousarray(seen.read())
