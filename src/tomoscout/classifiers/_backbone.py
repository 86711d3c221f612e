"""The backbone of a classifier: an encoder without its projection."""

from __future__ import annotations

from typing import Any

from torch import nn

from tomoscout.core.errors import UserError
from tomoscout.core.settings import Choice
from tomoscout.core.settings import Settings as BaseSettings
from tomoscout.encoders import ENCODERS, Mapped


class BackboneSettings(BaseSettings):
    """What every classifier has."""

    backbone: Choice = Choice(name="resnet3d", widths=[32, 64, 128])
    """Encoder and its settings: ``resnet3d`` sees crops whole, ``resnet18_flat`` and
    ``resnet50_flat`` single slices."""


def build_backbone(choice: Choice) -> Any:
    """Build an encoder that offers a map, and leave its projection out.

    Raises
    ------
    UserError
        If the encoder is unknown, or has no map.
    """
    module, settings = choice.resolve(ENCODERS)
    network: nn.Module = module.build(settings)
    if not isinstance(network, Mapped):
        raise UserError(
            f"backbone '{choice.name}': it has no map of features to classify by: "
            "choose resnet3d, or one of the flat ones"
        )
    network.projector = nn.Identity()
    return network
