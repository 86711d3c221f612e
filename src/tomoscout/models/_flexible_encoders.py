"""The encoders of ``flexible_unet``: MONAI's, without what classifies pictures.

Each maps `(b, c, z, y, x)` to five maps at strides 2, 4, 8, 16 and 32.
"""

from __future__ import annotations

from typing import Any, Literal

from torch import nn

EncoderName = Literal[
    "resnet10", "resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "resnet200",
    "efficientnet-b0", "efficientnet-b1", "efficientnet-b2", "efficientnet-b3", "efficientnet-b4",
    "efficientnet-b5", "efficientnet-b6", "efficientnet-b7", "efficientnet-b8",
]  # fmt: skip
"""Encoders that can be built."""

UNUSED = ("_conv_head", "_bn1", "_fc")
"""Modules that only classify: an EfficientNet as published has them, ours does not."""


def build_encoder(name: EncoderName, in_channels: int) -> tuple[nn.Module, tuple[int, ...]]:
    """Build an encoder with random weights.

    Returns
    -------
    encoder
        Takes a patch and returns its maps, fine to coarse.
    widths
        Channels of the maps.
    """
    from monai.networks.nets.efficientnet import EfficientNetEncoder  # slow to import
    from monai.networks.nets.resnet import ResNetEncoder

    kind = ResNetEncoder if name.startswith("resnet") else EfficientNetEncoder
    options: dict[str, Any] = {"in_channels": in_channels, "spatial_dims": 3}
    encoder = kind(model_name=name, pretrained=False, **options)
    widths = kind.num_channels_per_output()[kind.get_encoder_names().index(name)]
    for unused in (*UNUSED, "_conv_head_padding", "_avg_pooling", "_dropout"):
        if hasattr(encoder, unused):
            delattr(encoder, unused)
    _use_torchs_swish(encoder)
    return encoder, widths


def _use_torchs_swish(encoder: nn.Module) -> None:
    """Replace MONAI's swish, which cannot be exported, by torch's, which gives the same."""
    for module in encoder.modules():
        if hasattr(module, "_swish"):
            module._swish = nn.SiLU(inplace=True)
