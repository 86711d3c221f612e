"""A network with its activation, or several as one: from a normalised tile to probabilities.

What is exported, so that other programs need to know neither channels nor activations nor strides.
Coarser members are interpolated linearly onto the finest one's cells, as ``lattice`` does it for
whole tomograms, and blended as ``blending`` does it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from math import lcm
from typing import Any

import torch
from torch import Tensor, nn

from tomoscout import __version__
from tomoscout.core.errors import UserError
from tomoscout.core.geometry import Shape
from tomoscout.inference.blending import blend_tensors
from tomoscout.inference.ensemble import Ensemble
from tomoscout.inference.weights import Detector
from tomoscout.ops.activations import probabilities

_TILE: Shape = (96, 192, 192)


class Joint(nn.Module):
    """`(1, 1, z, y, x)` normalised grey values -> `(1, object, z, y, x)` probabilities.

    Parameters
    ----------
    model
        A detector, or an ensemble whose members see tomograms normalised alike.
    bf16
        Whether the networks compute in bf16; probabilities are float32 in any case.

    Raises
    ------
    UserError
        If the members cannot share one tile, or are blended by what needs whole tomograms.
    """

    def __init__(self, model: Detector | Ensemble, *, bf16: bool = False) -> None:
        super().__init__()
        self.members: Sequence[Detector] = (
            model.members if isinstance(model, Ensemble) else (model,)
        )
        _check(model, self.members)
        self.networks = nn.ModuleList(member.network for member in self.members)  # type: ignore[misc]
        self.model = model
        self.bf16 = bf16

    def forward(self, x: Tensor) -> Tensor:
        """Return the probabilities."""
        with torch.autocast(x.device.type, torch.bfloat16, self.bf16, cache_enabled=False):
            logits = [network(x)[0] for network in self.networks]
        stride = self.model.card.stride
        cells = [int(n) // stride for n in x.shape[2:]]
        scores = []
        for member, found in zip(self.members, logits, strict=True):
            score = probabilities(found.float(), member.card.activation)
            if member.card.stride != stride:
                score = nn.functional.interpolate(
                    score, cells, mode="trilinear", align_corners=False
                )
            scores.append(score[0])
        if isinstance(self.model, Detector):
            return scores[0][None]
        return blend_tensors(scores, self.model)[None]


def describe(model: Detector | Ensemble, *, tile: Shape, bf16: bool) -> dict[str, Any]:
    """Return what those who use an exported file must know, as plain values for JSON.

    Parameters
    ----------
    model
        What was exported.
    tile
        Voxels (z, y, x) of the tiles it takes.
    bf16
        Whether it computes in bf16 inside.
    """
    card = model.card
    members = model.members if isinstance(model, Ensemble) else (model,)
    z, y, x = tile
    cells = [str(n // card.stride) for n in tile]
    facts: dict[str, Any] = {
        "tomoscout": __version__,
        "input": f"float32 (1, 1, {z}, {y}, {x}): z, y, x; normalised grey values, protein dark",
        "output": f"float32 (1, {len(card.objects)}, {', '.join(cells)}): probability of each "
        "object in each cell",
        "cells": "cell j covers voxels stride * j to stride * j + stride - 1",
        "objects": [dict(row) for row in card.objects],
        "stride": card.stride,
        "voxel_spacing": card.voxel_spacing,
        "normalise": card.normalise.model_dump(mode="json"),
        "tile": list(tile),
        "precision": "bfloat16" if bf16 else "float32",
        "thresholds": card.thresholds,
        "tuned_on": list(card.tuned_on),
        "trained_on": list(card.trained_on),
        "picker": card.picker.model_dump(mode="json"),
        "together": card.together,
        "members": [{"name": m.name, "fingerprint": m.fingerprint} for m in members],
        "notes": card.notes,
    }
    if isinstance(model, Ensemble):
        facts |= {
            "blend": model.blend,
            "shares": {name: list(shares) for name, shares in model.shares.items()},
        }
    plain: dict[str, Any] = json.loads(json.dumps(facts))
    return plain


def default_tile(model: Detector | Ensemble) -> Shape:
    """Return the tile that a network is made for, or else one that suits processors and memory."""
    members = model.members if isinstance(model, Ensemble) else (model,)
    own = [member.network.tile for member in members if hasattr(member.network, "tile")]
    if own:
        z, y, x = own[0]
    else:
        divisor = _divisor(members)
        z, y, x = (max(n // d, 1) * d for n, d in zip(_TILE, divisor, strict=True))
    return z, y, x


def check_tile(model: Detector | Ensemble, tile: Shape) -> None:
    """Refuse a tile that a member cannot take, naming the nearest that all can.

    Raises
    ------
    UserError
        If an edge is not above 0 and a multiple of what all networks need.
    """
    members = model.members if isinstance(model, Ensemble) else (model,)
    divisor = _divisor(members)
    if any(n <= 0 or n % d for n, d in zip(tile, divisor, strict=True)):
        right = [max(round(n / d), 1) * d for n, d in zip(tile, divisor, strict=True)]
        raise UserError(
            f"--tile {_text(tile)}: edges must be multiples of {_text(divisor)} voxels (z, y, x): "
            f"use {_text(right)}"
        )


def _divisor(members: Sequence[Detector]) -> list[int]:
    """Return what the edges of a tile must be multiples of."""
    strides = [member.card.stride for member in members]
    return [lcm(*strides, *(m.network.divisor[axis] for m in members)) for axis in range(3)]


def _check(model: Detector | Ensemble, members: Sequence[Detector]) -> None:
    """Refuse what one tile alone cannot answer."""
    if isinstance(model, Ensemble) and model.blend == "ranks":
        raise UserError(
            "--blend ranks: ranks are counted over a whole tomogram, which a file for tiles does "
            "not see: export with probabilities or logits"
        )
    first = members[0].card.normalise
    for member in members[1:]:
        if member.card.normalise != first:
            raise UserError(
                f"{members[0].source} and {member.source} normalise grey values differently "
                f"({first} and {member.card.normalise}), so one tile cannot serve both: export each"
            )


def _text(shape: Sequence[int]) -> str:
    """Write a shape as the flag takes it."""
    return ",".join(map(str, shape))
