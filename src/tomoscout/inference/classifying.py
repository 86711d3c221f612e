"""What a classifier makes of crops at given places of a tomogram."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Float32

from tomoscout.core.volume import Volume
from tomoscout.inference.at_places import Progress, check_spacing, crops_of
from tomoscout.inference.classifier_weights import ClassifierWeights
from tomoscout.ops.normalise import Normaliser, measure
from tomoscout.ops.precision import autocast, choose_device

_BATCH = 64  # crops at once: more gain nothing on a processor


@torch.inference_mode()
def classify_at(
    volume: Volume,
    classifier: ClassifierWeights,
    zyx: Float[np.ndarray, "n 3"],
    *,
    turns: int = 1,
    normaliser: Normaliser | None = None,
    batch: int = _BATCH,
    device: str | torch.device = "auto",
    bf16: bool = True,
    progress: Progress | None = None,
) -> Float32[np.ndarray, "n k"]:
    """Return the probability of each class for crops centred at given places.

    Parameters
    ----------
    volume
        Tomogram at (nearly) the classifier's voxel spacing, in memory or on disk.
    classifier
        What tells classes apart; the first is background.
    zyx
        Centres, in ångström.
    turns
        Quarter turns about the beam that probabilities are averaged over, 1 to 4.
    normaliser
        The tomogram's scale, if it has been measured.
    batch
        Crops that go through the classifier at once.
    device, bf16
        Where and how to compute; bf16 only where it is fast.
    progress
        Told the share done, 0 to 1.

    Raises
    ------
    UserError
        If the tomogram is unusable or of another voxel spacing, or the device is not there.
    """
    if not 1 <= turns <= 4:
        raise ValueError(f"turns {turns}: choose 1 to 4 quarter turns")
    card = classifier.card
    check_spacing(volume, card.voxel_spacing, what="classifier")
    where = device if isinstance(device, torch.device) else choose_device(device)
    network = classifier.network.to(where).eval()
    scale = normaliser or measure(volume, card.normalise)
    found = [np.zeros((0, len(card.classes)), np.float32)]
    for crops in crops_of(volume, zyx, card.crop, normaliser=scale, batch=batch, progress=progress):
        x = torch.from_numpy(crops)[:, None].to(where)
        with autocast(where, bf16):
            logits = [network(torch.rot90(x, turn, (-2, -1))) for turn in range(turns)]
        seen = [torch.softmax(one.float(), dim=1) for one in logits]
        found.append(torch.stack(seen).mean(dim=0).cpu().numpy())
    return np.concatenate(found)
