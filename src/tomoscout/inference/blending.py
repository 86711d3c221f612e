"""Scores of several networks for the same cells made into one score per object.

``probabilities``: their mean, by the members' shares. ``logits``: their geometric mean. Where
all members are softmax networks for the same objects, objects and background share one sum, and
the result is brought back to it: of equal shares this is the softmax of the mean logits. Members
without a background of their own (sigmoid, sized), or that know other objects, are asked object by
object, each against all else: the mean of the logarithms of their odds.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Float16
from torch import Tensor

from tomoscout.inference.ensemble import Ensemble

_LEAST = 2.0**-24  # the smallest number above 0 in float16
_MOST = 1 - 2.0**-12  # float16 cannot tell what lies above from 1


def blend_scores(
    parts: Sequence[Float16[np.ndarray, "_ z y x"]], model: Ensemble
) -> Float16[np.ndarray, "o z y x"]:
    """Return one probability per object and cell.

    Parameters
    ----------
    parts
        One per member, with its own objects in its own order.
    model
        Says how; ``ranks``, which need whole maps, are not among the ways (``rank_match``).
    """
    blended = np.empty((len(model.objects), *parts[0].shape[1:]), np.float16)
    # Plane by plane, so that the last bit of a cell does not depend on how many planes came along.
    for z in range(blended.shape[1]):
        scores = [torch.from_numpy(part[:, z]).float() for part in parts]
        blended[:, z] = blend_tensors(scores, model).half().numpy()
    return blended


def blend_tensors(
    scores: Sequence[Float[Tensor, " _ *cells"]], model: Ensemble
) -> Float[Tensor, " o *cells"]:
    """Return one probability per object and cell, of any part of a tomogram; it can be traced.

    Parameters
    ----------
    scores
        One per member, with its own objects in its own order.
    model
        Says how; not by ``ranks``.
    """
    channels = [{name: c for c, name in enumerate(m.objects.names)} for m in model.members]
    means = []
    for name in model.objects.names:
        known = [
            (share, score[channel[name]])
            for share, score, channel in zip(model.shares[name], scores, channels, strict=True)
            if share
        ]
        means.append(_mean(known, model))
    blended = torch.stack(means)
    if model.is_joint and (model.blend == "logits" or _differ(model)):
        blended /= blended.sum(0) + _background(scores, model)
    return blended


def _mean(known: Sequence[tuple[float, Tensor]], model: Ensemble) -> Tensor:
    """Return the mean of one object's scores, before a common sum is looked at."""
    total = torch.zeros_like(known[0][1])
    for share, score in known:
        total += share * (_open(score, model) if model.blend == "logits" else score)
    if model.blend != "logits":
        return total
    return total.exp() if model.is_joint else total.sigmoid()


def _open(score: Tensor, model: Ensemble) -> Tensor:
    """Return what is averaged for a geometric mean."""
    if model.is_joint:
        return score.clamp(min=_LEAST).log()
    return score.clamp(_LEAST, _MOST).logit()


def _background(scores: Sequence[Float[Tensor, " _ *cells"]], model: Ensemble) -> Tensor:
    """Return the members' mean background, each counting as it does over all objects."""
    total = torch.zeros_like(scores[0][0])
    for share, part in zip(np.mean(list(model.shares.values()), axis=0), scores, strict=True):
        rest = (1 - part.sum(0)).clamp(min=_LEAST)
        total += float(share) * (rest.log() if model.blend == "logits" else rest)
    return total.exp() if model.blend == "logits" else total


def _differ(model: Ensemble) -> bool:
    """Tell whether members count differently for different objects, as specialists do."""
    return len(set(model.shares.values())) > 1
