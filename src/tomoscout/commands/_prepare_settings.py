"""Settings of ``tomoscout prepare``, given as ``--section.key value``."""

from __future__ import annotations

from pydantic import Field, field_validator

from tomoscout.core.settings import Choice, Settings
from tomoscout.data.cubes import CubeSettings


class SliceSettings(Settings):
    """Slices in YOLO's dataset format."""

    step: int = Field(default=1, ge=1)
    """Voxels from one slice to the next."""
    reach: float = Field(default=0.8, gt=0, lt=1)
    """How far from a centre slices count as cutting the particle, as a fraction of its radius."""
    percentiles: tuple[float, float] = (0.5, 99.5)
    """Of the tomogram's grey values, that become black and white."""

    @field_validator("percentiles")
    @classmethod
    def _in_order(cls, found: tuple[float, float]) -> tuple[float, float]:
        if not 0 <= found[0] < found[1] <= 100:
            raise ValueError(f"two rising percentiles between 0 and 100 are needed, found {found}")
        return found


class PrepareSettings(Settings):
    """What is written, and how."""

    target: Choice = Choice(name="spheres")
    """What masks are drawn by; the settings of the tokens' labels."""
    cubes: CubeSettings = CubeSettings()
    """Which cubes are cut for tokens."""
    yolo: SliceSettings = SliceSettings()
    """Slices for a YOLO."""
