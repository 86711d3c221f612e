"""Picks as discs of neighbouring slices that lie above each other.

Maxima are found in each slice on its own and refined below one cell; those above each other are
linked, and a chain longer than a particle is cut where its scores are lowest. A pick lies at the
mean of its discs and scores as the mean of its best slices, so a spot that one slice alone shows
counts less than a particle that runs through several. Choose it for detectors that work in slices
(``slice_detector``), whose maps need not be smooth along z; for others ``local_max`` is simpler.

With ``rule`` the discs are linked as two of the challenge's YOLO entries linked their boxes. Their
scores are evidence, ``1 - exp(-sum / number ** exponent)``, and discs count from a confidence of
the rule's own, so a threshold only drops picks and is tuned exactly.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from jaxtyping import Float, Int
from pydantic import Field

from tomoscout.core.geometry import Geometry
from tomoscout.core.picks import Picks
from tomoscout.core.settings import Settings as _Settings
from tomoscout.ops._stacks import part_stacks
from tomoscout.ops.link import chains
from tomoscout.ops.suppress import suppress
from tomoscout.pickers._challenge_rules import first_score, link_discs
from tomoscout.pickers._checks import check, lowest_passing


class Settings(_Settings):
    """How discs are told apart and linked; lengths are fractions of the object's radius."""

    within: float = Field(default=0.8, gt=0)
    """Least distance of two discs of a slice."""
    lateral: float = Field(default=0.25, gt=0)
    """Farthest that two linked discs lie apart in y and x together; a cell and a half at least."""
    gap: int = Field(default=2, ge=1)
    """Slices from a disc to the next of its chain: 2 bridges one in which nothing was found."""
    core: float = Field(default=0.5, gt=0)
    """Thickness over which a particle's best slices are averaged to its score."""
    longest: float = Field(default=2.4, gt=0)
    """Longest chain that is taken as one particle."""
    distance: float = Field(default=1.2, gt=0)
    """Least distance of two picks of an object."""
    rule: Literal["chain", "cluster"] | None = None
    """Link by a rule of the challenge, whose own lengths then count in place of all others but
    ``within`` and ``distance``; ``chain`` joins discs of slices 20 Å apart, ``cluster`` those of
    30 Å and wants a least number of them. Both were made for slices every 10 Å; where these lie
    farther apart, they ask for as much less."""


def find_picks(
    score: Float[np.ndarray, "z y x"],
    *,
    geometry: Geometry,
    radius: float,
    name: str,
    threshold: float,
    settings: Settings,
) -> Picks:
    """Find the particles of an object's score map, best first.

    Parameters
    ----------
    score
        Probability that each cell holds the centre of a disc; half precision is read as it is.
    geometry
        Where the cells lie.
    radius
        The object's radius, in ångström.
    name
        The object's name.
    threshold
        Lowest score of a disc and of a pick, above 0 and at most 1.
    settings
        How discs are linked.

    Raises
    ------
    UserError
        If the threshold is out of range or the map holds values that are not numbers.
    """
    check(score, geometry, name=name, threshold=threshold)
    lowest = threshold if settings.rule is None else first_score(settings.rule)
    cells, height = _discs(score, lowest)
    if not len(cells):
        return Picks.empty(extent=geometry.extent)
    zyx = geometry.to_angstrom(cells)
    spacing = geometry.cell_spacing
    # Slices are moved so far apart that no disc is dropped for one in another slice.
    lifted = zyx * np.array([3 * settings.within * radius / spacing, 1.0, 1.0])
    kept = np.sort(suppress(lifted, height, settings.within * radius))
    zyx, height = zyx[kept], height[kept]
    if settings.rule is None:
        centre, total = _particles(zyx, height, radius, spacing, score.shape[0], settings)
    else:
        linked = link_discs(
            zyx, height, rule=settings.rule, spacing=spacing, name=name, radius=radius
        )
        centre, total = linked.zyx, linked.score_array
    passing = total >= threshold
    centre, total = centre[passing], total[passing]
    # The last cells of a strided map hang over the edge; a particle does not.
    centre = np.clip(centre, 0, (np.array(geometry.shape) - 1) * geometry.voxel_spacing)
    kept = suppress(centre, total, settings.distance * radius)
    return Picks(centre[kept], name, total[kept], extent=geometry.extent)


def is_nested(settings: Settings) -> bool:
    """Tell whether a threshold only drops picks: it does where a rule says which discs count."""
    return settings.rule is not None


def _particles(
    zyx: Float[np.ndarray, "n 3"],
    height: Float[np.ndarray, " n"],
    radius: float,
    spacing: float,
    slices: int,
    settings: Settings,
) -> tuple[Float[np.ndarray, "m 3"], Float[np.ndarray, " m"]]:
    """Link discs by fractions of the radius; return middles and scores."""
    group = chains(
        zyx,
        lateral=max(settings.lateral * radius, 1.5 * spacing),
        axial=(settings.gap + 0.01) * spacing,
    )
    group = part_stacks(group, zyx[:, 0], height, longest=settings.longest * radius, apart=radius)
    best = min(max(1, round(settings.core * radius / spacing)), slices)
    return _middles(zyx, height, group), _mean_of_best(height, group, best)


def _discs(
    score: Float[np.ndarray, "z y x"], threshold: float
) -> tuple[Float[np.ndarray, "n 3"], Float[np.ndarray, " n"]]:
    """Cells at or above the threshold that none of their 8 neighbours in the slice exceeds.

    Their y and x are moved to the top of the bump, by half a cell at most.
    """
    limit = lowest_passing(threshold, score.dtype)
    found, heights = [np.zeros((0, 3))], [np.zeros(0)]
    for z, plane in enumerate(score):
        if not len(here := np.argwhere(plane >= limit)):
            continue
        padded = np.pad(plane.astype(np.float64), 1, constant_values=-np.inf)
        here, value = here + 1, padded[tuple((here + 1).T)]
        for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1)):
            top = padded[here[:, 0] + dy, here[:, 1] + dx] <= value
            here, value = here[top], value[top]
        shift = np.stack([_shift(padded, here, value, step) for step in ((1, 0), (0, 1))], axis=1)
        found.append(np.column_stack([np.full(len(here), float(z)), here - 1 + shift]))
        heights.append(value)
    return np.concatenate(found), np.concatenate(heights)


def _shift(
    padded: Float[np.ndarray, "y x"],
    here: Int[np.ndarray, "n 2"],
    value: Float[np.ndarray, " n"],
    step: tuple[int, int],
) -> Float[np.ndarray, " n"]:
    """How far the top of a bump lies from its highest cell, by a parabola of logarithms."""
    # A thousandth of the peak is as good as nothing; the logarithm needs some floor.
    below, above = (
        np.log(np.maximum(padded[tuple((here + sign * np.array(step)).T)] / value, 1e-3))
        for sign in (-1, 1)
    )
    edge = np.isinf(padded[tuple((here - step).T)]) | np.isinf(padded[tuple((here + step).T)])
    bend = np.where(edge | (below + above == 0), -np.inf, below + above)
    return 0.5 * (below - above) / bend


def _mean_of_best(
    height: Float[np.ndarray, " n"], group: Int[np.ndarray, " n"], best: int
) -> Float[np.ndarray, " groups"]:
    """Mean of each group's ``best`` highest values, missing ones counting 0."""
    order = np.lexsort((-height, group))
    first = np.searchsorted(group[order], np.arange(group.max() + 1))
    rank = np.arange(len(order)) - first[group[order]]
    top = order[rank < best]
    # Rounding must not lift or sink a mean of equal values past the threshold.
    total = np.bincount(group[top], height[top], minlength=group.max() + 1) / best
    return np.minimum(total, height[order[first]])


def _middles(
    zyx: Float[np.ndarray, "n 3"], height: Float[np.ndarray, " n"], group: Int[np.ndarray, " n"]
) -> Float[np.ndarray, "groups 3"]:
    """Mean of each group's discs, weighted by what they exceed half of its best by.

    So the middle depends little on where the threshold, or the tomogram's edge, cuts the chain.
    """
    top = np.zeros(group.max() + 1)
    np.maximum.at(top, group, height)
    weight = np.maximum(height - 0.5 * top[group], 0.0)
    total = np.bincount(group, weight)
    return np.stack([np.bincount(group, weight * axis) / total for axis in zyx.T], axis=1)
