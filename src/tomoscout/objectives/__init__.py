"""Losses on pairs of views. Each file: ``Settings`` and ``build(settings, *, projection)``.

``build`` returns a module for projections of ``projection`` numbers. Its ``forward(a, b, *,
conflict, labels)`` takes two tensors `(n, projection)`, ``a[i]`` and ``b[i]`` being two views of
crop ``i``, and returns one number to make small. ``conflict`` `(2n, 2n)`, over the rows of ``a``
and then of ``b``, marks pairs that must not count as negatives, such as crops that overlap
(`ops.conflicts`); the two views of a crop stay a positive pair whatever it says. ``labels`` `(n,)`
are what the crops hold, below 0 where nobody knows; a file that cannot do without says
``NEEDS_LABELS = True``. Only directions count, not lengths, and in full precision under autocast.

``watch(a, b) -> dict[str, float]`` says how the training goes: ``spread`` is 1 when projections
point everywhere and 0 when they have collapsed into one; ``positive_cosine`` and
``negative_cosine`` are means over views of the same and of different crops.

What an objective remembers of earlier batches lies in its buffers, and so in checkpoints.
"""

from __future__ import annotations

from tomoscout.core.registry import Registry

OBJECTIVES = Registry(__name__, "Settings", "build")
