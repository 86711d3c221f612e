"""Look weights over before they are trusted: header, card, tensors, and a forward pass."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from tomoscout.core.errors import UserError
from tomoscout.inference.card import Card, read_card
from tomoscout.inference.download import checksum
from tomoscout.inference.weights import Detector, load_detector, out_channels
from tomoscout.pickers import PICKERS

_EDGE = 32  # voxels a side of the trial patch, at least


class Check(NamedTuple):
    """One thing that was looked at and found right."""

    what: str
    found: str


def verify(path: Path, *, sha256: str | None = None) -> Iterator[Check]:
    """Look weights over, telling what was found; what is wrong raises.

    Parameters
    ----------
    path
        Weights file.
    sha256
        Checksum that the file must have, when it is known.

    Raises
    ------
    UserError
        At the first thing that is wrong.
    """
    found = checksum(path)
    if sha256 is not None and found != sha256:
        raise UserError(
            f"{path}: its sha256 is {found}, not {sha256} as asked: copy the file again, or check "
            "the checksum"
        )
    yield Check("file", f"{path.stat().st_size / 1e6:.1f} MB, sha256 {found}")
    card = read_card(path)
    _check_card(card, path)
    yield Check("card", f"{card.model.name} for {', '.join(card.object_table.names)}")
    detector = load_detector(path)
    yield Check("tensors", _check_tensors(detector, path))
    yield Check("forward pass", _try_out(detector, path))


def _check_card(card: Card, path: Path) -> None:
    """Refuse a card whose parts do not go together."""
    names = card.object_table.names
    for name, threshold in card.thresholds.items():
        if name not in names or not 0 < threshold <= 1:
            raise UserError(
                f"{path}: its card has a threshold of {threshold:g} for '{name}': expected "
                f"numbers above 0 and up to 1 for {', '.join(names)}; run 'tomoscout tune' anew"
            )
    for choice in (card.picker, *card.pickers.values()):
        choice.resolve(PICKERS)


def _check_tensors(detector: Detector, path: Path) -> str:
    """Refuse numbers that are none; say how many there are."""
    tensors: dict[str, Tensor] = detector.network.state_dict()
    for name, tensor in tensors.items():
        bad = int((~tensor.isfinite()).sum())
        if bad:
            raise UserError(
                f"{path}: {bad} of {tensor.numel()} numbers in '{name}' are not finite: copy the "
                "file again, or train anew"
            )
    count = sum(tensor.numel() for tensor in tensors.values())
    return (
        f"{len(tensors)}, with {count / 1e6:.2f} million finite numbers stored as "
        f"{detector.card.dtype}; fingerprint {detector.fingerprint}"
    )


def _try_out(detector: Detector, path: Path) -> str:
    """Send noise through the network; refuse outputs that are not what the card says."""
    card, network = detector.card, detector.network
    shape = [-(-_EDGE // d) * d for d in network.divisor]
    patch = torch.randn(1, 1, *shape, generator=torch.Generator().manual_seed(0))
    started = time.perf_counter()
    with torch.inference_mode():
        logits: Tensor = network(patch)[0]
    seconds = time.perf_counter() - started
    channels = out_channels(card.activation, card.objects)
    wanted = (1, channels, *(n // card.stride for n in shape))
    if tuple(logits.shape) != wanted:
        raise UserError(
            f"{path}: a patch {tuple(shape)} gives logits {tuple(logits.shape)}, but its card "
            f"(stride {card.stride}, {len(card.objects)} objects) says {wanted}: train anew"
        )
    if not bool(logits.isfinite().all()):
        raise UserError(f"{path}: noise gives scores that are not finite: train anew")
    size = " x ".join(map(str, shape))
    return f"{size} voxels to {channels} channels at stride {card.stride} in {seconds:.2f} s"
