"""What the recipes of all trainings on crops share: which crops, and how grey values are scaled."""

from __future__ import annotations

from typing import Any

import torch
from pydantic import Field, model_validator

from tomoscout.core.geometry import Shape
from tomoscout.core.settings import Settings
from tomoscout.ops.crops import nearest_shape
from tomoscout.ops.normalise import NormaliseSettings
from tomoscout.training.settings import TrainingSettings


class CropRecipe(Settings):
    """Crops of a network that sees them one by one; a base of recipes."""

    kind: str | None = None
    """Kind of tomogram; None takes ``denoised`` or the only one."""
    normalise: NormaliseSettings = NormaliseSettings()
    """How grey values are brought to one scale, in training and in use."""
    crop: float = Field(default=320.0, gt=0)
    """Edge of a crop, in ångström: about one and a half of the largest particle."""
    slab: float = Field(default=0.0, ge=0)
    """How much along z each plane is averaged over first, in ångström, for networks that look at
    slices; 0 takes planes as they are."""
    training: TrainingSettings
    """The loop."""

    @model_validator(mode="after")
    def _only_what_counts(self) -> CropRecipe:
        self.training.check_for_crops()
        return self

    def crop_voxels(self, voxel_spacing: float) -> Shape:
        """Return the voxels (z, y, x) of a crop: the nearest that the network can take."""
        network = self.shapes()
        return nearest_shape(self.crop / voxel_spacing, network.divisor, flat=network.flat)

    def shapes(self) -> Any:
        """Build the network without memory: its shapes cost nothing so."""
        with torch.device("meta"):  # and it leaves the random numbers alone
            return self._build()

    def _build(self) -> Any:
        """Build the network."""
        raise NotImplementedError
