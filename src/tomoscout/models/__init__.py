"""Networks. Each file: ``Settings`` and ``build(settings, in_channels, out_channels)``.

The module's ``forward`` takes `(b, c, z, y, x)` and returns a tuple of logits from fine to
coarse (length 1 without deep supervision). It carries ``strides: tuple[int, ...]`` (one per
output) and ``divisor: (z, y, x)``; a patch whose shape is not a multiple of the divisor raises
and names the nearest right one.
"""

from __future__ import annotations

from tomoscout.core.registry import Registry

MODELS = Registry(__name__, "Settings", "build")
