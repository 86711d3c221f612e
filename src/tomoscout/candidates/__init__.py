"""Candidates: where to look, without labels. Each file: ``Settings`` and ``find``.

``find(volume, *, settings, rng) -> Picks`` takes a tomogram, protein dark, in memory or on disk,
and returns places in ångström that deserve a look, all called `candidate`, of no named run. Scores
say how much a place stands out, in standard deviations; best come first. What a file draws at
random it draws from ``rng``. Nothing but the volume is looked at: a file that asked for picks would
leak the truth into what is to be trained without.
"""

from __future__ import annotations

from tomoscout.core.registry import Registry

CANDIDATES = Registry(__name__, "Settings", "find")
