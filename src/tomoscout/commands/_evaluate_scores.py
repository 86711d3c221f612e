"""All scores of one evaluation, each made by its metric."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tomoscout.commands._evaluate_runs import Material
from tomoscout.io._shrec import OCCUPANCY, read_locations
from tomoscout.io.layouts.shrec import LocatedPicks
from tomoscout.metrics import (
    Result,
    ShrecResult,
    any_object,
    average_precision,
    confusion,
    czii,
    depth_and_border,
    localisation,
    one_to_one,
    shrec,
)
from tomoscout.metrics._axes import likely_axes
from tomoscout.metrics._matched import match_runs
from tomoscout.metrics.any_object import AnyObject
from tomoscout.metrics.average_precision import Ranking
from tomoscout.metrics.confusion import Confusion
from tomoscout.metrics.depth_and_border import DepthAndBorder
from tomoscout.metrics.localisation import Localisation


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What is known of the picks.

    Attributes
    ----------
    loose, strict
        The CZII score, and the one-to-one score.
    ranking
        Picks by score, with average precision; from before thresholds where there are such.
    localisation
        Offsets of the hits.
    confusion
        What particles are called.
    any_object
        Which particles have a pick, whatever it is called.
    places
        Where misses and false alarms are; None when no file will tell.
    shrec
        SHREC's scoring, where it was asked for.
    axes
        In which order of axes the picks fit the truth; ``zyx`` when all is well.
    voxel_spacing
        Edge of a voxel in ångström, where it is known.
    """

    loose: Result
    strict: Result
    ranking: Ranking
    localisation: Localisation
    confusion: Confusion
    any_object: AnyObject
    places: DepthAndBorder | None
    shrec: ShrecResult | None
    axes: str
    voxel_spacing: float | None


def score_all(
    material: Material, *, beta: float, radius_fraction: float, as_shrec: bool, places: bool
) -> Evaluation:
    """Score the material by every metric.

    Parameters
    ----------
    material
        Picks and truth.
    beta
        How many times as much recall counts as precision.
    radius_fraction
        How far off a hit may be, as a fraction of the object's radius.
    as_shrec
        Whether to add SHREC's scoring.
    places
        Whether to tell where errors are, for which every tomogram is opened.
    """
    picks, truth, table = material.picks, material.truth, material.objects
    fraction = radius_fraction
    ranked = picks if material.candidates is None else material.candidates
    loose = czii.score(picks, truth, objects=table, beta=beta, radius_fraction=fraction)
    matched = match_runs(picks, truth, objects=table, radius_fraction=fraction)
    where = None
    if places:
        extents = material.extents()
        where = depth_and_border.measure(matched, objects=table, extents=extents)
    return Evaluation(
        loose,
        one_to_one.score(picks, truth, objects=table, beta=beta, radius_fraction=fraction),
        average_precision.score(ranked, truth, objects=table, radius_fraction=fraction),
        localisation.measure(matched, objects=table),
        confusion.measure(matched, objects=table, radius_fraction=fraction),
        any_object.score(picks, truth, objects=table, radius_fraction=fraction),
        where,
        shrec.score(picks, truth, objects=table, owners=_owners(material)) if as_shrec else None,
        likely_axes(picks, truth, objects=table, radius_fraction=fraction),
        material.voxel_spacing(),
    )


def _owners(material: Material) -> dict[str, np.ndarray]:
    """Return what each pick stands on, in the runs that have SHREC's occupancy mask."""
    owners: dict[str, np.ndarray] = {}
    if material.project is None:
        return owners
    truth = {part.run: part for part in material.truth}
    for found in material.picks:
        run = material.project[found.run]
        source = next(iter(run.pick_files), None)
        if OCCUPANCY not in run.segmentations or not isinstance(source, LocatedPicks):
            continue
        lines = read_locations(source.path, objects=material.objects).lines
        if len(lines) == len(truth[found.run]):  # else a particle outside was dropped on reading
            mask = run.segmentation(OCCUPANCY)
            owners[found.run] = shrec.particle_at(
                found, mask.data, geometry=mask.geometry, lines=lines
            )
    return owners
