"""A weight soup: the mean of several networks' weights, as quick as one of them.

Networks that were trained from the same start, on different folds or at different stages, often
lie in one valley of the loss, and their mean is better than each of them (Wortsman et al., 2022,
arXiv:2203.05482). Networks from different random starts do not, and their mean knows nothing:
`alikeness` tells the two apart. An ensemble is surer and takes as many times longer.

Statistics of batch norms are averaged as those of a mixture: the variance of all is the mean of the
variances plus the variance of the means. They can be measured anew (``norms``), which suits
the mean network better where its members differ much.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tomoscout.core.errors import UserError
from tomoscout.inference.card import Card, Origin
from tomoscout.inference.norms import BATCH_NORMS
from tomoscout.inference.weights import Detector
from tomoscout.models import MODELS
from tomoscout.ops.precision import channels_last

_SAME = ("activation", "stride", "normalise", "together")  # what all cards must say alike
_SAME_SPACING = 0.03
_INHERITED = ("kind", "target", "loss")  # what a training that starts from weights takes over


def soup(detectors: Sequence[Detector], *, shares: Sequence[float] | None = None) -> Detector:
    """Average networks of one kind.

    The card's thresholds are the members' means, where all have one, and count as not tuned;
    scores are left out. All runs that a member has seen count as seen.

    Parameters
    ----------
    detectors
        Two or more, of the same network for the same objects.
    shares
        How much each counts, above 0; equal when not given.

    Raises
    ------
    UserError
        If they are not alike enough to be averaged, saying in what they differ.
    """
    if len(detectors) < 2:
        raise UserError(f"soup: found {len(detectors)} weights: give two or more")
    given = np.asarray([1.0] * len(detectors) if shares is None else shares, np.float64)
    if len(given) != len(detectors):
        raise UserError(f"shares: found {len(given)} for {len(detectors)} weights: give one each")
    if not (np.isfinite(given).all() and (given > 0).all()):
        raise UserError(f"shares: found {', '.join(f'{s:g}' for s in given)}: each must be above 0")
    for other in detectors[1:]:
        _check_alike(detectors[0], other)
    portions = (given / given.sum()).tolist()
    network = copy.deepcopy(detectors[0].network)
    states = [detector.network.state_dict() for detector in detectors]
    network.load_state_dict(
        {name: _mean([state[name] for state in states], portions) for name in states[0]}
    )
    _mix_variances(network, states, portions)
    channels_last(network)
    return Detector(network.eval(), _card(detectors, portions), _name(detectors))


def alikeness(detectors: Sequence[Detector]) -> list[float]:
    """Return the cosine between each network's weights and the first one's.

    Networks of one start stay above some 0.5; of random ones it is near 0, and their soup is void.
    Vectors (norms, biases), which are alike in all networks, are left out.
    """
    flat = [
        torch.cat([t.flatten().double() for t in d.network.state_dict().values() if t.ndim > 1])
        for d in detectors
    ]
    return [float(torch.nn.functional.cosine_similarity(flat[0], other, dim=0)) for other in flat]


def _check_alike(first: Detector, other: Detector) -> None:
    """Refuse to average what means different things."""
    ours, theirs = first.card, other.card
    kinds = [(card.model.name, card.model.resolve(MODELS)[1]) for card in (ours, theirs)]
    between = f"{first.source} and {other.source} cannot be averaged"
    remedy = "use them as an ensemble (--model A --model B)"
    if kinds[0] != kinds[1]:
        told = [f"{card.model.name} {card.model.options}" for card in (ours, theirs)]
        raise UserError(f"{between}: their networks are {told[0]} and {told[1]}: {remedy}")
    names = [card.object_table.names for card in (ours, theirs)]
    if names[0] != names[1]:
        raise UserError(
            f"{between}: they find {', '.join(names[0])} and {', '.join(names[1])}: {remedy}"
        )
    for field in _SAME:
        values = getattr(ours, field), getattr(theirs, field)
        if values[0] != values[1]:
            raise UserError(f"{between}: {field} is {values[0]} and {values[1]}: {remedy}")
    if abs(theirs.voxel_spacing / ours.voxel_spacing - 1) > _SAME_SPACING:
        raise UserError(
            f"{between}: they were trained at {ours.voxel_spacing:g} and "
            f"{theirs.voxel_spacing:g} Å per voxel: pick with each and merge the picks"
        )


def _mean(tensors: Sequence[Tensor], portions: Sequence[float]) -> Tensor:
    """Average in double precision; of whole numbers (counts) the largest is kept."""
    if not tensors[0].is_floating_point():
        return torch.stack([tensor.cpu() for tensor in tensors]).amax(0)
    total = sum(tensor.double() * share for tensor, share in zip(tensors, portions, strict=True))
    assert isinstance(total, Tensor)
    return total.to(tensors[0].dtype)


def _mix_variances(
    network: Any, states: Sequence[dict[str, Tensor]], portions: Sequence[float]
) -> None:
    """Add the variance of the members' means to the mean of their variances."""
    for path, module in network.named_modules():
        if isinstance(module, BATCH_NORMS) and module.running_var is not None:
            means = [state[f"{path}.running_mean"].double() for state in states]
            middle = sum(mean * share for mean, share in zip(means, portions, strict=True))
            spread = [share * (m - middle) ** 2 for m, share in zip(means, portions, strict=True)]
            module.running_var += torch.stack(spread).sum(0).to(module.running_var.dtype)


def _card(detectors: Sequence[Detector], portions: Sequence[float]) -> Card:
    """Say what the soup is made of, and what is not known about it."""
    cards = [detector.card for detector in detectors]
    names = [
        name for name in cards[0].object_table.names if all(name in c.thresholds for c in cards)
    ]
    thresholds = {
        name: sum(c.thresholds[name] * share for c, share in zip(cards, portions, strict=True))
        for name in names
        if all(name in card.thresholds for card in cards)
    }
    seen = tuple(dict.fromkeys(run for card in cards for run in card.trained_on))
    members = [
        {"name": d.name, "fingerprint": d.fingerprint, "share": round(share, 6)}
        for d, share in zip(detectors, portions, strict=True)
    ]
    made_of = ", ".join(f"{m['share']:.3g} of {m['name']}" for m in members)
    prints = hashlib.sha256(" ".join(str(m["fingerprint"]) for m in members).encode())
    return cards[0].model_copy(
        update={
            "thresholds": thresholds,
            "tuned_on": (),
            "score": {},
            "trained_on": seen,
            "origin": Origin(
                name=_name(detectors), fingerprint=prints.hexdigest()[:16], trained_on=seen
            ),
            "notes": f"A soup of weights: {made_of}. Its thresholds are the means of theirs, and "
            "not tuned: run 'tomoscout tune'.",
            "recipe": {k: v for k, v in cards[0].recipe.items() if k in _INHERITED}
            | {"soup": members},
        }
    )


def _name(detectors: Sequence[Detector]) -> str:
    """Return what the soup is called before it has a file."""
    return "soup of " + ", ".join(Path(detector.name).name for detector in detectors)
