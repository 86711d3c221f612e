"""The scoring of the SHREC challenges: which particle a pick stands on, then what it is called.

Two questions are kept apart. Localisation: a pick hits the particle on whose voxels it stands
(``occupancy_mask.mrc``, dilated by one voxel), whatever it is called; where there is no such mask,
the nearest particle in whose radius it lies. Particles with a hit are found, however many they
have; picks on nothing are false. Classification: a particle counts as what its first pick calls
it, and each class gets an F1 among the particles. Choose it to compare with published numbers on
SHREC's data; it knows no distance from the centre other than as an average.

It follows the script of 2021, peculiarities included: precision is particles found by picks made,
so that second hits lower it although they are no false alarms, and a pick on nothing costs no
class anything. Objects of weight 0 (4V94 in the official results) are taken out of truth and hits,
but a pick by such a name, or on such a particle, still is a pick made. First is the surest pick;
of equal ones the first in the file. Distances are in ångström, the script's in voxels. Vesicles
and fiducials are nothing here; the script left vesicles out and scored fiducials as a class.

Gubins et al., SHREC 2021: Classification in cryo-electron tomograms, doi:10.2312/3dor.20211307.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Bool, Int

from tomoscout.core.geometry import Geometry
from tomoscout.core.objects import ObjectTable
from tomoscout.core.picks import Picks
from tomoscout.core.shrec import SHREC21
from tomoscout.core.volume import Array3D
from tomoscout.metrics._nearest import NOTHING, nearest_in_reach
from tomoscout.metrics._runs import labels_of, paired
from tomoscout.metrics._shrec_result import ShrecResult

REACH_SHREC = 1.0
"""How far from the centre a particle reaches, as a fraction of its radius, where no mask says."""


def score(
    picks: Sequence[Picks] | Picks,
    truth: Sequence[Picks] | Picks,
    *,
    objects: ObjectTable = SHREC21,
    radius_fraction: float = REACH_SHREC,
    owners: Mapping[str, Int[np.ndarray, " n"]] | None = None,
) -> ShrecResult:
    """Score picks as the challenges did.

    Parameters
    ----------
    picks
        Predictions. Runs that the truth lacks are ignored.
    truth
        All particles of the runs.
    objects
        Radii; objects of weight 0 are left out.
    radius_fraction
        How far from its centre a particle reaches, as a fraction of its radius, in runs that
        ``owners`` does not tell of.
    owners
        By run: for each pick the row of the particle that it stands on, -1 for nothing, as
        `particle_at` finds them.

    Raises
    ------
    UserError
        If a pick or a truth has a name that the table lacks.
    """
    reach = {one.name: one.radius * radius_fraction for one in objects.each()}
    total = ShrecResult.empty(objects)
    for run, (found, known) in paired(picks, truth).items():
        given = None if owners is None else owners.get(run)
        if given is None:
            given = nearest_in_reach(found.zyx, known, objects=objects, reach=reach)
        total = total + _score_run(found, known, np.asarray(given, np.intp), objects)
    return total


def particle_at(
    picks: Picks, occupancy: Array3D, *, geometry: Geometry, lines: Int[np.ndarray, " m"]
) -> Int[np.ndarray, " n"]:
    """Return the row of the particle on whose voxels each pick stands; -1 for nothing.

    Only the voxels at the picks are read. As in the script, the mask grows by one voxel, larger
    numbers over smaller ones, and picks outside count as on the outermost voxel.

    Parameters
    ----------
    picks
        Where to look.
    occupancy
        Number of the particle at each voxel, 0 for none.
    geometry
        The lattice of the mask.
    lines
        `(m,)` number of each particle of the truth in the mask.
    """
    last = np.array(occupancy.shape) - 1
    voxels = np.clip(np.rint(geometry.to_cells(picks.zyx)).astype(int), 0, last)
    rows = {int(number): row for row, number in enumerate(lines)}
    numbers = [_number_at(occupancy, z, y, x) for z, y, x in voxels.tolist()]
    return np.array([rows.get(number, NOTHING) for number in numbers], np.intp)


def _number_at(occupancy: Array3D, z: int, y: int, x: int) -> int:
    """Return the largest number at a voxel and its six neighbours."""
    low = [max(0, i - 1) for i in (z, y, x)]
    cube = np.asarray(
        occupancy[tuple(slice(a, i + 2) for a, i in zip(low, (z, y, x), strict=True))]
    )
    k, j, i = z - low[0], y - low[1], x - low[2]
    return int(max(cube[:, j, i].max(), cube[k, :, i].max(), cube[k, j, :].max()))


def _score_run(
    found: Picks, known: Picks, on: Int[np.ndarray, " n"], objects: ObjectTable
) -> ShrecResult:
    """Count one run, given what each pick stands on."""
    k = len(objects)
    is_scored: Bool[np.ndarray, " k"] = np.array([one.weight > 0 for one in objects.each()])
    called, true = labels_of(found, objects), labels_of(known, objects)
    order = np.argsort(-found.score_array, kind="stable")
    hits = order[on[order] != NOTHING]
    hits = hits[is_scored[true[on[hits]]]]
    particles, first, times = np.unique(on[hits], return_index=True, return_counts=True)
    surest = hits[first]
    # A class that is left out is no answer: the particle is found, and called nothing.
    answer = np.where(is_scored[called[surest]], called[surest], k)
    table = np.zeros((k, k + 1), int)
    np.add.at(table, (true[particles], answer), 1)
    unseen = np.setdiff1d(np.flatnonzero(is_scored[true]), particles)
    np.add.at(table, (true[unseen], k), 1)
    off = np.linalg.norm(found.zyx[surest] - known.zyx[particles], axis=1)
    return ShrecResult(
        objects,
        n_predicted=len(found),
        false=np.bincount(called[on == NOTHING], minlength=k),
        table=table,
        multiple=np.bincount(true[particles[times > 1]], minlength=k),
        distances={n: off[true[particles] == i] for i, n in enumerate(objects.names)},
    )
