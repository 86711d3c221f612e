"""Losses. Each file: ``Settings``, ``ACTIVATION``, ``TARGETS`` and ``build(settings, *, weights)``.

``ACTIVATION`` says what the network's channels are (``core.activation``): ``"softmax"`` has one
more than there are objects, background, first; ``"sigmoid"`` one per object. ``TARGETS`` names the
targets the loss is made for; the pair is checked when a recipe is read.

``weights``, one per channel of the logits, say how much each class counts; None counts them as the
loss's own settings say. The module's ``forward(logits, target)`` takes logits `(b, c, z, y, x)` and
a target `(b, o, z, y, x)` in [0, 1] without background, both float32; targets may be soft (mixup).
One that leaves cells out whose target is NaN, where nothing is annotated, sets
``TAKES_UNKNOWN = True``.
A loss that is a sum of others also has ``parts(logits, target) -> tuple[Tensor, ...]``, the terms
before they are weighted and added, and ``shares: tuple[float, ...]``, by which they are.
"""

from __future__ import annotations

from tomoscout.core.registry import Registry

LOSSES = Registry(__name__, "Settings", "ACTIVATION", "TARGETS", "build")
