"""Blend pairs of patches, and their targets alike.

Three of the four best entries to the CZII challenge that trained on point or heatmap targets
used it and needed about twice the steps; it hurt detectors that assign boxes. It works on
batches after targets are drawn, so it is no augmentation of one volume and its picks.
(Zhang et al. 2018, arXiv:1710.09412.)
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor


def mixup(
    image: Float[Tensor, "b c z y x"],
    target: Float[Tensor, "b o u v w"],
    *,
    alpha: float,
    rng: np.random.Generator,
) -> tuple[Float[Tensor, "b c z y x"], Float[Tensor, "b o u v w"]]:
    """Blend each sample of a batch with another one of it.

    Parameters
    ----------
    image, target
        Batches of the same length; a batch of one stays as it is.
    alpha
        Parameter of the Beta distribution that shares are drawn from: 1 draws them evenly from
        0 to 1, smaller values mix less.
    rng
        Source of the shares and of the pairing.
    """
    if len(image) < 2:
        return image, target
    shares = torch.from_numpy(rng.beta(alpha, alpha, len(image)).astype(np.float32))
    shift = int(rng.integers(1, len(image)))  # nobody is paired with itself
    share = shares.to(image.device).view(-1, 1, 1, 1, 1)
    return (
        torch.lerp(image.roll(shift, 0), image, share),
        torch.lerp(target.roll(shift, 0), target, share),
    )
