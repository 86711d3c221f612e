"""What the channels of a network stand for, by the way its logits become probabilities.

``softmax``: background is channel 0 and the objects share one sum. ``sigmoid``: one channel per
object, each on its own. ``sized``: one channel per object, and a last one that tells how large the
particle's disc is in this slice, as a fraction of its radius.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

Activation = Literal["softmax", "sigmoid", "sized"]


def channel_names(activation: Activation, objects: Sequence[str]) -> list[str]:
    """Return what each channel of the logits stands for; the empty name is background."""
    if activation == "softmax":
        return ["", *objects]
    return [*objects, "(size)"] if activation == "sized" else list(objects)
