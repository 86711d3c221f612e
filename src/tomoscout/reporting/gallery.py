"""Crops around picks: the quickest way to see what a detector takes for a particle.

For each object: its surest hits, its surest false alarms (the costly ones, and often unlabelled
particles), and the particles it missed. All crops of an object are cut to the same size and share
one grey scale, so they compare.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32

from tomoscout.core.objects import ObjectTable, ObjectType
from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume
from tomoscout.reporting.outcomes import Outcome
from tomoscout.reporting.slices import Mark, View, contrast, to_grey


@dataclass(frozen=True)
class Strip:
    """Crops of one object that share a fate.

    Attributes
    ----------
    name
        The object.
    kind
        ``hit``, ``alarm``, ``miss``, or ``pick`` when there is no truth.
    views
        The crops, each with one mark in its middle.
    total
        How many there are in all.
    """

    name: str
    kind: str
    views: tuple[View, ...]
    total: int


def strips(
    volume: Volume, outcome: Outcome, *, objects: ObjectTable, count: int = 8
) -> list[Strip]:
    """Cut up to ``count`` crops of each kind for each object, best first.

    Crops are slices in z through the pick, 1.8 radii to each side, averaged over a third of the
    radius. Beyond the tomogram's edge they are filled with the crop's mean.
    """
    found: list[Strip] = []
    first = "hit" if outcome.judged else "pick"
    for one in objects.each():
        kinds = ((first, outcome.hits), ("alarm", outcome.false_alarms), ("miss", outcome.missed))
        chosen = {kind: (picks.of(one.name), len(picks.of(one.name))) for kind, picks in kinds}
        crops = {
            kind: [crop(volume, centre, radius=one.radius) for centre in picks[:count].zyx]
            for kind, (picks, _) in chosen.items()
        }
        every = [c.ravel() for cut in crops.values() for c in cut]
        if not every:
            continue
        window = contrast(np.concatenate(every))
        for kind, (picks, total) in chosen.items():
            if total:
                views = _views(crops[kind], picks, kind, one, volume.voxel_spacing, window)
                found.append(Strip(one.name, kind, views, total))
    return found


def crop(
    volume: Volume, centre: Float[np.ndarray, " 3"], *, radius: float
) -> Float32[np.ndarray, "rows columns"]:
    """Cut the square around a centre, in ångström, that a particle of this radius fills well."""
    spacing = volume.voxel_spacing
    middle = np.rint(centre / spacing).astype(int)
    reach = np.array([radius / 6, 1.8 * radius, 1.8 * radius]) / spacing
    half = np.maximum(reach.round().astype(int), (0, 4, 4))
    low, high = middle - half, middle + half + 1
    inside_low = np.clip(low, 0, volume.shape)
    inside_high = np.clip(high, 0, volume.shape)
    if (inside_low >= inside_high).any():  # the pick lies outside the tomogram
        return np.zeros((int(2 * half[1] + 1), int(2 * half[2] + 1)), np.float32)
    block = volume.read(*(slice(*ends) for ends in np.stack([inside_low, inside_high], 1).tolist()))
    plane = block.mean(axis=0)
    pad = [(int(inside_low[i] - low[i]), int(high[i] - inside_high[i])) for i in (1, 2)]
    return np.pad(plane, pad, constant_values=float(plane.mean()))


def _views(
    crops: list[Float32[np.ndarray, "rows columns"]],
    picks: Picks,
    kind: str,
    one: ObjectType,
    spacing: float,
    window: tuple[float, float],
) -> tuple[View, ...]:
    """Crops as views with a mark in the middle of each."""
    views = []
    for image, pick in zip(crops, (picks[i : i + 1] for i in range(len(crops))), strict=True):
        middle = (image.shape[0] - 1) / 2
        score = None if kind == "miss" else float(pick.score_array[0])
        mark = Mark(kind, one.name, score, middle, middle, one.radius / spacing)
        index = round(float(pick.zyx[0, 0]) / spacing)
        views.append(View(to_grey(image, window), (mark,), "z", index, spacing))
    return tuple(views)
