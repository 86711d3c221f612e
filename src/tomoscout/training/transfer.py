"""Start a training from weights: what is taken over, and what starts fresh.

All tensors are taken over as they are, but for the output layers, which have a row per channel.
There an object that both know keeps its row, in whatever order the objects come, and so does
background; a new object's row starts fresh, and that of one no longer asked for is left behind.

Which axes are such rows is nowhere written down: the network is built twice, without memory, for
different numbers of channels, and the axes that follow are the rows. So a new model needs nothing
to be fine-tuned, as long as these axes have one entry per channel. Where a tensor has two of
them, what it would mix between known and new objects starts at zero: new objects leave the logits
of known ones as they were.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tomoscout.core.activation import channel_names
from tomoscout.core.errors import UserError
from tomoscout.inference.card import Card
from tomoscout.inference.weights import Detector, out_channels
from tomoscout.models import MODELS


def take_over(init: Detector, detector: Detector) -> None:
    """Copy what fits from weights into the network of a detector that is to be trained.

    Parameters
    ----------
    init
        Weights to start from.
    detector
        Has a network with fresh weights, which are replaced in place.

    Raises
    ------
    UserError
        If the networks differ in more than their objects.
    """
    old, fresh = init.network.state_dict(), detector.network.state_dict()
    if _channels(init.card) == _channels(detector.card):
        axes: dict[str, tuple[int, ...]] = dict.fromkeys(fresh, ())
    else:
        axes = _channel_axes(detector.card)
    if old.keys() != fresh.keys() or any(
        _inner(old[name], axes[name]) != _inner(fresh[name], axes[name]) for name in fresh
    ):
        raise UserError(
            f"model {_told(detector.card)}: {init.source} are weights of {_told(init.card)}: "
            "leave the model's settings out, or start from other weights"
        )
    pairs = _pairs(_channels(init.card), _channels(detector.card))
    objects = _pairs(init.card.object_table.names, detector.card.object_table.names)
    whole = len(_channels(detector.card))  # else a layer for the objects alone, as of a detector
    merged = {
        name: _merge(
            old[name],
            fresh[name],
            axes[name],
            objects if axes[name] and fresh[name].shape[axes[name][0]] < whole else pairs,
        )
        for name in fresh
    }
    detector.network.load_state_dict(merged)


def _channels(card: Card) -> list[str]:
    """Return the object of each output channel; background is the empty name."""
    return channel_names(card.activation, card.object_table.names)


def _pairs(before: list[str], now: list[str]) -> list[tuple[int, int]]:
    """Return the old and the new row of each name that both know."""
    return [(before.index(name), now.index(name)) for name in now if name in before]


def _channel_axes(card: Card) -> dict[str, tuple[int, ...]]:
    """Return the axes of each tensor that have one entry per output channel."""
    count = out_channels(card.activation, card.objects)
    allowed = {(count, count + 1), (len(card.objects), len(card.objects) + 1)}
    these, wider = _shapes(card, count), _shapes(card, count + 1)
    axes: dict[str, tuple[int, ...]] = {}
    for name, shape in these.items():
        other = wider.get(name, ())
        if len(other) != len(shape):
            raise _cannot_tell(card)
        axes[name] = tuple(k for k in range(len(shape)) if shape[k] != other[k])
        if any((shape[k], other[k]) not in allowed for k in axes[name]):
            raise _cannot_tell(card)
    return axes


def _cannot_tell(card: Card) -> UserError:
    """Say that a network's outputs cannot be told apart."""
    return UserError(
        f"model '{card.model.name}': which of its tensors belong to which object cannot be told: "
        "start from weights for the same objects in the same order"
    )


def _shapes(card: Card, channels: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the network's tensors for a number of channels."""
    module, settings = card.model.resolve(MODELS)
    with torch.device("meta"):  # costs nothing, and leaves the random numbers alone
        network = module.build(settings, 1, channels)
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


def _inner(tensor: Tensor, axes: tuple[int, ...]) -> list[int]:
    """Return the lengths that must agree: all but the rows."""
    return [n for k, n in enumerate(tensor.shape) if k not in axes]


def _merge(
    old: Tensor, fresh: Tensor, axes: tuple[int, ...], pairs: list[tuple[int, int]]
) -> Tensor:
    """Return a tensor with the old rows of known objects and fresh rows of new ones."""
    if not axes:
        return old
    before = torch.tensor([row for row, _ in pairs], dtype=torch.long)
    now = torch.tensor([row for _, row in pairs], dtype=torch.long)
    is_fresh = torch.ones_like(fresh, dtype=torch.bool)
    for axis in axes:
        rows = fresh.shape[axis]
        wider = old.new_zeros([*old.shape[:axis], rows, *old.shape[axis + 1 :]])
        old = wider.index_copy(axis, now, old.index_select(axis, before))
        is_fresh = is_fresh.index_fill(axis, now, value=False)
    return torch.where(is_fresh, fresh, old)


def _told(card: Card) -> str:
    """Return a network's name and settings for a message."""
    options = ", ".join(f"{key} {value}" for key, value in card.model.options.items())
    return f"'{card.model.name}'" + (f" with {options}" if options else "")
