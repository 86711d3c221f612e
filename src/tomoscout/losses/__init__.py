"""Losses. Each file: ``Settings``, ``ACTIVATION``, ``TARGETS`` and ``build(settings)``.

``ACTIVATION`` is ``"softmax"`` (the network has one more channel, background, first) or
``"sigmoid"`` (one channel per object). ``TARGETS`` names the targets the loss is made for; the
pair is checked when a recipe is read. The module's ``forward(logits, target)`` takes logits
`(b, c, z, y, x)` and a target `(b, o, z, y, x)` in [0, 1] without background, both float32.
"""

from __future__ import annotations

from tomoscout.core.registry import Registry

LOSSES = Registry(__name__, "Settings", "ACTIVATION", "TARGETS", "build")
