"""Link what was found in slices, disc by disc, into particles.

Boxes of one object in nearby slices that lie above each other are joined, directly or through
others (union-find, as connected components of the pairs that a KD-tree finds; nothing recurses).
Each set becomes a particle at the mean of its boxes, weighted by confidence, so that its z is finer
than the slices. Its evidence is the sum of its boxes' confidences divided by a power of their
number, and its score ``1 - exp(-evidence)``, which rises with the evidence and lies in (0, 1].

Two rules of the CZII challenge's YOLO entries are at hand, ``chain`` and ``cluster``, with their
parameters, and put right in four places. The lateral tolerance of ``chain``, a sixteenth of the
radius, is less than a voxel (4 to 9 Å) and parts one particle's discs when a box is a pixel off: it
is 15 Å at least. Slices called 10 Å apart may be 10.012: one percent is allowed for. Particles on
top of each other form one chain: one longer than a particle is cut where its discs are smallest.
And a particle found in two pieces counts once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Shaped
from pydantic import Field
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from tomoscout.core.objects import ObjectTable
from tomoscout.core.picks import Picks
from tomoscout.core.settings import Settings
from tomoscout.ops._stacks import part_stacks
from tomoscout.ops.suppress import suppress

_SLACK = 1.01


@dataclass(frozen=True, eq=False)
class Boxes:
    """What was found in the slices of one run.

    Attributes
    ----------
    zyx
        `(n, 3)` centres in ångström; z is the slice's.
    objects
        `(n,)` object names.
    scores
        `(n,)` confidences, 0 to 1.
    radii
        `(n,)` radii of the discs, in ångström: half of the boxes' edges.
    """

    zyx: Float[np.ndarray, "n 3"]
    objects: Shaped[np.ndarray, " n"]
    scores: Float[np.ndarray, " n"]
    radii: Float[np.ndarray, " n"]

    def __len__(self) -> int:
        return len(self.zyx)

    def __getitem__(self, chosen: np.ndarray) -> Boxes:
        """Return the boxes of a mask or an index array."""
        return Boxes(
            self.zyx[chosen], self.objects[chosen], self.scores[chosen], self.radii[chosen]
        )


class LinkRule(Settings):
    """Which boxes belong together, and which sets of them are particles."""

    lateral: float = Field(default=15.0, ge=0)
    """Farthest that two linked boxes lie apart in y and x together, in ångström."""
    lateral_radii: float = Field(default=0.0, ge=0)
    """The same as a fraction of the radius; the larger of the two counts."""
    axial: float = Field(default=20.0, gt=0)
    """Farthest that two linked boxes lie apart in z, in ångström."""
    reach: float | None = Field(default=None, gt=0)
    """Farthest in all directions together, as a fraction of the radius; None has no such limit."""
    first_score: float = Field(default=0.15, ge=0, lt=1)
    """Boxes of a lower confidence are dropped at once."""
    exponent: float = Field(default=0.5, ge=0, le=1)
    """Power of the number of boxes that their summed confidence is divided by: at 0 long chains
    win, at 1 sure ones."""
    min_boxes: int = Field(default=2, ge=1)
    """Fewest boxes of a particle."""
    min_boxes_of: dict[str, int] = Field(default={})
    """The same for single objects."""
    min_evidence: dict[str, float] = Field(default={})
    """Evidence that particles of an object must exceed; 0 for those not named."""
    longest: float = Field(default=2.4, gt=0)
    """Longest chain, in radii, that is taken as one particle."""
    distance: float = Field(default=1.0, ge=0)
    """Particles of an object nearer than this to a better one are dropped, in radii."""


_NAMES = ("apo-ferritin", "beta-amylase", "beta-galactosidase", "ribosome", "thyroglobulin",
          "virus-like-particle")  # fmt: skip

RULES: dict[str, LinkRule] = {
    "chain": LinkRule(
        lateral_radii=1 / 16,
        reach=1.0,
        min_evidence=dict(zip(_NAMES, (0.5, 0.0, 0.2, 0.5, 0.2, 0.5), strict=True)),
    ),
    "cluster": LinkRule(
        lateral=20.0,
        axial=30.0,
        first_score=0.19,
        exponent=0.34,
        min_boxes_of=dict(zip(_NAMES, (4, 1, 2, 9, 4, 8), strict=True)),
    ),
}
"""The challenge's two rules, for boxes in every slice of 10 Å."""


def link(boxes: Boxes, *, objects: ObjectTable, rule: LinkRule) -> Picks:
    """Link the boxes of one run into picks, best first; the boxes' order does not matter.

    Parameters
    ----------
    boxes
        From all slices.
    objects
        Radii by name; boxes of other objects are left out.
    rule
        From ``RULES``, or your own.
    """
    # Sorted, so that not even sums depend on the order.
    boxes = boxes[np.lexsort((boxes.scores, *boxes.zyx.T[::-1]))]
    boxes = boxes[boxes.scores >= max(rule.first_score, np.finfo(np.float32).tiny)]
    parts = [
        _link_one(boxes[boxes.objects == entry.name], entry.name, entry.radius, rule)
        for entry in objects.each()
    ]
    return Picks.concatenate(parts).best_first()


def chains(
    zyx: Float[np.ndarray, "n 3"],
    *,
    lateral: float,
    axial: float,
    reach: float | None = None,
) -> Int[np.ndarray, " n"]:
    """Give sets of points that are linked, directly or through others, a number each.

    Parameters
    ----------
    zyx
        Points.
    lateral, axial
        Farthest that two linked points lie apart in y and x together, and in z; bounds included.
    reach
        Farthest in all directions together; None has no such limit.

    Returns
    -------
    Int[np.ndarray, " n"]
        A number from 0, without gaps, for each point.
    """
    # Scaled, so that one ball holds the cylinder; a ball of 1.5 holds its rim at 1.41.
    scale = np.array([axial, lateral, lateral])
    scaled = zyx / np.maximum(scale, 1e-6)
    a, b = cKDTree(scaled).query_pairs(1.5, output_type="ndarray").T
    apart = zyx[a] - zyx[b]
    linked = (np.abs(apart[:, 0]) <= axial) & (np.hypot(apart[:, 1], apart[:, 2]) <= lateral)
    if reach is not None:
        linked &= np.linalg.norm(apart, axis=1) <= reach
    a, b = a[linked], b[linked]
    graph = coo_array((np.ones(len(a), bool), (a, b)), shape=(len(zyx), len(zyx)))
    return np.asarray(connected_components(graph, directed=False)[1], np.intp)


def _link_one(boxes: Boxes, name: str, radius: float, rule: LinkRule) -> Picks:
    """Link the boxes of one object."""
    if not len(boxes):
        return Picks.empty()
    group = chains(
        boxes.zyx,
        lateral=max(rule.lateral, rule.lateral_radii * radius),
        axial=rule.axial * _SLACK,
        reach=None if rule.reach is None else rule.reach * radius,
    )
    group = part_stacks(
        group,
        boxes.zyx[:, 0],
        boxes.scores * boxes.radii,
        longest=rule.longest * radius,
        apart=radius,
    )
    count, total = np.bincount(group), np.bincount(group, boxes.scores)
    centre = [np.bincount(group, boxes.scores * axis) / total for axis in boxes.zyx.T]
    evidence = total / count**rule.exponent
    kept = count >= rule.min_boxes_of.get(name, rule.min_boxes)
    kept &= evidence > rule.min_evidence.get(name, 0.0)
    found = Picks(np.stack(centre, axis=1)[kept], name, -np.expm1(-evidence[kept]))
    return found[suppress(found.zyx, evidence[kept], rule.distance * radius)]
