"""What can be set about a discovery, beside its encoder and its clusters."""

from __future__ import annotations

from pydantic import Field

from tomoscout.core import usual
from tomoscout.core.settings import Settings


class LookSettings(Settings):
    """How tomograms are looked at, and what becomes a pick."""

    stride: int = Field(default=usual.STRIDE, ge=1)
    """Voxels between the crops of the grid."""
    radius: float = Field(default=usual.RADIUS, gt=0)
    """Of the particles, about, in ångström."""
    threshold: float = Field(default=usual.THRESHOLD, gt=0, le=1)
    """Lowest score of a pick."""
