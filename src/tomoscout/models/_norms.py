"""Which normalisation stands where in a network: one kind throughout, or a mix of two.

Batch norm learns one scale from all patches and is exact in use; instance norm measures each patch
on its own and so takes tomograms of any contrast, but forgets how strong a patch's signal was.
``mix`` has instance norm where the tomogram comes in and batch norm everywhere deeper.
"""

from __future__ import annotations

from typing import Literal

from torch import nn

Kind = Literal["batch", "instance"]


def set_norm(module: nn.Module, kind: Kind) -> None:
    """Give every batch or instance norm inside a module the wanted kind, fresh.

    Parameters
    ----------
    module
        Part of a network; norms of other kinds (group, layer) stay.
    kind
        ``batch``, or ``instance`` without learnt scales, as MONAI builds it.
    """
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm3d | nn.InstanceNorm3d):
            make = nn.BatchNorm3d if kind == "batch" else nn.InstanceNorm3d
            setattr(module, name, make(child.num_features))
        else:
            set_norm(child, kind)
