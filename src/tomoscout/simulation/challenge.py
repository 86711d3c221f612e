"""Figures of the CZII challenge's tomograms, which random scenes imitate.

From the picks of its seven labelled tomograms (1269 of them; apo-ferritin, beta-amylase,
beta-galactosidase, ribosome, thyroglobulin, virus-like particle in that order):

* picks per tomogram 53.6, 12.4, 16.0, 47.3, 35.9, 16.1, with a scatter between tomograms of 20
  to 41 %, 32 % on average;
* distance to the nearest of a kind, 5th percentile 99, 271, 376, 240, 320, 349 Å and median 130,
  859, 761, 300, 589, 783 Å; labels scatter by about 10 Å, so the ferritins' 99 Å are balls of
  120 Å in touch;
* 61 % of the ferritins have another within 160 Å, mostly in pairs (37) and triples (19), then 5, 5,
  0, 2, 1 groups of 4 to 8, one of 12 and one of 19; 60 % of the ribosomes have another within
  310 Å, in 41 pairs, 16 triples, then 4, 5, 0 and 4 groups of 4 to 7; of the other four, 0 to 4 %
  have one as near;
* the picks' slab, its slope taken out, is 0.37 to 0.64 of the volume's z thick, with its middle at
  0.36 to 0.47; it rises by up to 0.36 of z across the volume, 0.17 in the root mean square;
  nothing lies above 0.84;
* within the slab, from its lower surface (0) to its upper (1), the median heights are 0.27, 0.50,
  0.48, 0.68, 0.46, 0.48: ferritin has gathered at one surface and ribosomes near the other;
* the number of picks in a ninth of the area scatters by about 0.3 beyond chance.

A hundred random scenes have 55.0, 11.7, 16.3, 47.6, 35.2, 16.3 picks; nearest neighbours at 120,
343, 314, 237, 264, 348 Å (5th percentile) and 141, 965, 807, 299, 588, 800 Å (median); 58 % of the
ferritins and 56 % of the ribosomes in groups; and the middle of their picks at 0.41 of z.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tomoscout.core.errors import UserError
from tomoscout.core.objects import ObjectTable

CZII_VOLUME = 1842.0 * 6308.0 * 6308.0  # Å^3 of one of them
CZII_AREA = 6308.0 * 6308.0

CZII_COUNTS = {
    "apo-ferritin": 54,
    "beta-amylase": 12,
    "beta-galactosidase": 16,
    "ribosome": 47,
    "thyroglobulin": 36,
    "virus-like-particle": 16,
}
"""Mean particles per tomogram."""

CONTACT = {
    "apo-ferritin": 59.0,
    "beta-amylase": 60.0,
    "beta-galactosidase": 80.0,
    "ribosome": 116.0,
    "thyroglobulin": 100.0,
    "virus-like-particle": 140.0,
}
"""Half the distance at which neighbours of a kind touch, Å."""


@dataclass(frozen=True)
class Habit:
    """How an object is spread over the ice.

    Attributes
    ----------
    grouped
        Share of particles that stand in groups.
    strings
        Share of groups that are long strings; the others are small clumps.
    gap
        Widest distance of neighbours in a group, in units of twice the contact radius.
    level
        Exponents of the beta distribution of the height in the ice.
    """

    grouped: float = 0.0
    strings: float = 0.0
    gap: float = 1.2
    level: tuple[float, float] = (1.6, 1.6)


HABITS = {
    "apo-ferritin": Habit(grouped=0.60, strings=0.05, gap=1.25, level=(0.8, 1.6)),
    "beta-amylase": Habit(level=(1.9, 1.9)),
    "beta-galactosidase": Habit(level=(1.7, 1.8)),
    "ribosome": Habit(grouped=0.60, gap=1.38, level=(1.6, 1.1)),
    "thyroglobulin": Habit(level=(1.3, 1.5)),
    "virus-like-particle": Habit(level=(2.3, 2.4)),
}
"""Habits by object name."""


def contact_radius(
    name: str, objects: ObjectTable, contacts: Mapping[str, float] | None = None
) -> float:
    """Return half the distance, in ångström, at which two of an object touch.

    Parameters
    ----------
    name
        Of the object.
    objects
        Table whose radius is taken for objects without a figure of their own.
    contacts
        Radii, in ångström, that come before the challenge's.

    Raises
    ------
    UserError
        If the table does not have the object, or its radius is not above 0.
    """
    listed = objects[name].radius
    radius = (contacts or {}).get(name, CONTACT.get(name, listed))
    if not 0 < radius < float("inf"):
        raise UserError(f"{name}: the contact radius must be above 0 Å, found {radius:g}")
    return float(radius)
