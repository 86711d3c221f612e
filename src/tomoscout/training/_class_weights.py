"""How much each class counts: what a recipe may say about it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tomoscout.core.settings import Settings


class ClassWeights(Settings):
    """Weights of background and objects in the loss."""

    method: Literal["none", "given", "inverse", "effective"] = "none"
    """``none`` leaves them to the loss."""
    background: float = Field(default=1.0, ge=0)
    """Of background."""
    object: float = Field(default=1.0, ge=0)
    """Of each object that ``objects`` does not name."""
    objects: dict[str, float] = Field(default_factory=dict)
    """Of objects, by name."""
    limit: float = Field(default=50.0, gt=0)
    """Largest ratio of two measured weights."""
    beta: float = Field(default=0.9999, ge=0, lt=1)
    """Of the effective number."""
