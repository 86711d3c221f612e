"""The encoding half of a detector, so that the detector can be trained without labels first.

The detector stands whole in ``detector``; its state dict there is that of a file of weights, with a
trained encoder and a decoder as fresh as it was built. Features are the mean over the deepest map.
Choose it to pretrain; to discover, ``resnet3d`` is cheaper and made for crops.
"""

from __future__ import annotations

import copy
import inspect
from typing import Any

import torch
from jaxtyping import Float, Float32
from pydantic import Field
from torch import Tensor, nn

from tomoscout.core.errors import UserError
from tomoscout.core.geometry import Shape
from tomoscout.core.settings import Choice
from tomoscout.core.settings import Settings as BaseSettings
from tomoscout.encoders._projection import projection
from tomoscout.models import MODELS, Encoding


class Settings(BaseSettings):
    """What can be set about the encoder."""

    model: Choice = Choice(name="scout_unet")
    """The detector's network and its settings."""
    channels: int = Field(default=1, ge=1)
    """Channels of the detector's logits, which training without labels leaves as they are."""
    projection: tuple[int, ...] = Field(default=(256, 128), min_length=1)
    """Widths of the projection's layers; the last is what objectives compare."""
    projection_norm: bool = True
    """Batch norm behind the projection's inner layers."""


class DetectorEncoder(nn.Module):
    """A detector's deepest map, pooled: `(b, 1, z, y, x)` -> `(b, features)`."""

    flat = False

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        module, options = settings.model.resolve(MODELS)
        detector: nn.Module = module.build(options, 1, settings.channels)
        if not isinstance(detector, Encoding):
            raise UserError(
                f"model '{settings.model.name}': it has no deepest features to learn without "
                f"labels: choose {', '.join(_encoding())}"
            )
        self.detector = detector
        self.features, self.projection = detector.width, settings.projection[-1]
        self.divisor: Shape = detector.divisor
        self.projector = projection(
            self.features, settings.projection, norm=settings.projection_norm
        )
        _hold_still(self.detector)

    def forward(self, x: Float[Tensor, "b 1 z y x"]) -> Float32[Tensor, "b f"]:
        """Return the features."""
        return self.detector.encode(x).float().mean(dim=(2, 3, 4))

    def project(self, features: Float[Tensor, "b f"]) -> Float[Tensor, "b p"]:
        """Return the projections."""
        return self.projector(features)


def _encoding() -> list[str]:
    """Names of the networks that can be trained so."""
    return [
        name
        for name in MODELS.names()
        if any(inspect.isclass(c) and hasattr(c, "encode") for c in vars(MODELS[name]).values())
    ]


def _hold_still(detector: nn.Module) -> None:
    """Switch off the gradient of parameters that the deepest features do not depend on."""
    with torch.inference_mode(False), torch.enable_grad():
        ghost: Any = copy.deepcopy(detector).to("meta").eval()  # shapes alone: costs nothing
        patch = torch.zeros(1, 1, *(2 * n for n in ghost.divisor), device="meta")
        names, parameters = zip(*ghost.named_parameters(), strict=True)
        slopes = torch.autograd.grad(ghost.encode(patch).sum(), parameters, allow_unused=True)
    for name, slope in zip(names, slopes, strict=True):
        detector.get_parameter(name).requires_grad_(slope is not None)


def build(settings: Settings) -> nn.Module:
    """Build the encoder with random weights."""
    return DetectorEncoder(settings)
