"""PyTorch itself, with batch norms folded into the convolutions before them.

A batch norm in use is a fixed scale and shift per channel, and a convolution can have both in its
weights. That saves a pass over each map: a tenth of the time where maps are large and channels few.
Which convolution a norm follows is seen by sending a small patch through the network.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from tomoscout.core.geometry import Shape
from tomoscout.inference.backends._prepared import Finest, Prepared, Run, prepared
from tomoscout.models import Network
from tomoscout.ops.precision import channels_last

_CONVOLUTIONS = (nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_NORMS = (nn.BatchNorm2d, nn.BatchNorm3d)


def prepare(
    network: Network,
    *,
    tile: Shape,
    in_channels: int = 1,
    device: torch.device,
    folder: Path | None = None,
    bf16: bool = True,
) -> Prepared:
    """Make a network ready; nothing is kept in the folder. See the family."""

    def make(bf16: bool) -> Run:
        small = _smaller(tile, network.divisor)
        x = torch.randn(1, in_channels, *small, generator=torch.Generator().manual_seed(0))
        x = x.to(device)
        folded = copy.deepcopy(network)
        fold_norms(folded, x)
        with torch.inference_mode():
            expected, found = network(x)[0], folded(x)[0]
        # A map that is also used as it was before its norm cannot be had any more.
        if float((found - expected).abs().max()) > 1e-3 * float(expected.abs().max() + 1):
            folded = copy.deepcopy(network)
        channels_last(folded)
        return Finest(folded, bf16=bf16).eval()

    return prepared(
        "torch",
        network,
        make,
        tile=tile,
        in_channels=in_channels,
        device=device,
        bf16=bf16,
        trial=False,
    )


def fold_norms(network: Any, example: Tensor) -> int:
    """Fold batch norms into the convolutions they follow, in place.

    Parameters
    ----------
    network
        In use, not in training; a norm that was folded becomes an identity.
    example
        A patch to send through it. A pair is folded if the norm is given what the convolution
        returned and both are called once.

    Returns
    -------
    int
        How many were folded.
    """
    pairs = _pairs(network, example)
    with torch.no_grad():
        for convolution, norm in pairs:
            convolution.weight, convolution.bias = fuse_conv_bn_weights(
                convolution.weight,
                convolution.bias,
                norm.running_mean,
                norm.running_var,
                norm.eps,
                norm.weight,
                norm.bias,
                transpose=isinstance(convolution, nn.ConvTranspose2d | nn.ConvTranspose3d),
            )
    folded = {norm for _, norm in pairs}
    for module in network.modules():
        for name, child in module.named_children():
            if child in folded:
                setattr(module, name, nn.Identity())
    return len(pairs)


def _smaller(tile: Shape, divisor: Shape) -> Shape:
    """Return a patch that the network takes, no larger than a tile."""
    z, y, x = (min(n, 2 * d) for n, d in zip(tile, divisor, strict=True))
    return z, y, x


def _pairs(network: Any, example: Tensor) -> list[tuple[Any, Any]]:
    """Return the convolutions and the norms that follow them at once."""
    made: list[
        tuple[Tensor, nn.Module]
    ] = []  # holds the maps, so that none is mistaken for another
    calls: list[nn.Module] = []
    follows: dict[nn.Module, nn.Module] = {}

    def convolved(module: nn.Module, _: Any, result: Tensor) -> None:
        made.append((result, module))
        calls.append(module)

    def normed(module: nn.Module, given: tuple[Tensor, ...]) -> None:
        calls.append(module)
        made_by = next((maker for result, maker in reversed(made) if result is given[0]), None)
        if made_by is not None:
            follows[module] = made_by

    hooks = []
    for module in network.modules():
        if isinstance(module, _CONVOLUTIONS):
            hooks.append(module.register_forward_hook(convolved))
        elif isinstance(module, _NORMS) and module.running_mean is not None:
            hooks.append(module.register_forward_pre_hook(normed))
    with torch.inference_mode():
        network(example)
    for hook in hooks:
        hook.remove()
    return [
        (convolution, norm)
        for norm, convolution in follows.items()
        if calls.count(norm) == 1 == calls.count(convolution)
        and list(follows.values()).count(convolution) == 1
    ]
