"""What the same objects are called elsewhere.

The CryoET Data Portal annotates the challenge's tomograms, and simulations of them (datasets 10440
to 10446), under names of its own, written with spaces, hyphens or underscores from file to file.
Neither case nor separators tell objects apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

PORTAL_NAMES = {
    "apo-ferritin": ("ferritin-complex",),
    "beta-amylase": (),
    "beta-galactosidase": (),
    "ribosome": ("cytosolic-ribosome",),
    "thyroglobulin": (),
    "virus-like-particle": ("pp7-vlp", "virus-like-capsid"),
}
"""Other names of the challenge's objects, by the challenge's own."""

_SEPARATORS = re.compile(r"[\W_]+")


def bare(name: str) -> str:
    """Return a name without what does not count: case and separators.

    Examples
    --------
    >>> bare("Beta_Galactosidase")
    'betagalactosidase'
    """
    return _SEPARATORS.sub("", name).lower()


_COMMON = {bare(one): name for name, others in PORTAL_NAMES.items() for one in (name, *others)}


def common_name(name: str) -> str:
    """Return the challenge's name of an object that it has, however written; else the name itself.

    Examples
    --------
    >>> common_name("cytosolic_ribosome"), common_name("membrane")
    ('ribosome', 'membrane')
    """
    return _COMMON.get(bare(name), name)


def spellings(own: Iterable[str]) -> dict[str, str]:
    """Return the names that objects may go by: their own, and others that stand for one of them."""
    names = list(own)
    known = {name: name for name in names}
    for common, others in PORTAL_NAMES.items():
        meant = [name for name in names if common_name(name) == common]
        if len(meant) == 1:
            known |= {other: meant[0] for other in (common, *others) if other not in known}
    return known


def find(name: str, own: Iterable[str]) -> str | None:
    """Return which of some objects a name stands for, or None; an exact name comes first."""
    names = list(own)
    if name in names:
        return name
    for same in (bare, lambda one: bare(common_name(one))):
        found = [one for one in names if same(one) == same(name)]
        if len(found) == 1:
            return found[0]
    return None


def at_end(stem: str, own: Iterable[str]) -> tuple[str, str] | None:
    """Split ``<what>_<object>`` where it ends with one of some objects; the longest name wins.

    Examples
    --------
    >>> at_end("TS_5_4_ferritin_complex", ["apo-ferritin", "ribosome"])
    ('TS_5_4', 'apo-ferritin')
    """
    known = spellings(own)
    for spelling in sorted(known, key=len, reverse=True):
        words = "[-_ ]?".join(map(re.escape, filter(None, _SEPARATORS.split(spelling))))
        if words and (match := re.fullmatch(rf"(?:(.*)_)?{words}", stem, re.IGNORECASE)):
            return (match[1] or "").rstrip("_"), known[spelling]
    return None
