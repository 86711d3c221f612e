"""Augmentations. Each file: ``Settings`` and ``apply(volume, picks, *, settings, rng)``.

``apply`` returns a new (Volume, Picks): the image and its points move together, in ångström,
relative to the crop's corner. Each has a probability of its own, draws only from ``rng`` and
leaves its input as it was.
"""

from __future__ import annotations

from tomoscout.core.registry import Registry

AUGMENTATIONS = Registry(__name__, "Settings", "apply")
