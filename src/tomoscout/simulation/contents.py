"""What a simulated tomogram holds, and how much of it: the settings of a scene."""

from __future__ import annotations

from pydantic import Field, NonNegativeInt, PositiveInt, field_validator

from tomoscout.core.settings import Settings
from tomoscout.simulation.ranges import NonNegativeRange, PositiveRange


class Scene(Settings):
    """What a simulated tomogram holds."""

    shape: tuple[PositiveInt, PositiveInt, PositiveInt] = (184, 630, 630)
    """Voxels of the tomogram, (z, y, x)."""
    voxel_spacing: float = Field(default=10.012444, gt=0)
    """Edge of one voxel, in ångström."""
    counts: dict[str, NonNegativeInt] | None = None
    """Particles per object, those beyond the border included; by default as in the challenge."""
    crowding: float = Field(default=1.0, gt=0)
    """Multiplies the default counts."""
    spread: float = Field(default=0.3, ge=0)
    """Scatter of the default counts between tomograms, as a fraction."""
    clustering: float = Field(default=1.0, ge=0, le=1.5)
    """Multiplies the share of ribosomes and ferritin that stand in groups."""
    patchiness: float = Field(default=0.3, ge=0, le=2)
    """Scatter of the population over the plane of the grid, as a fraction."""
    ice: PositiveRange = (0.38, 0.66)
    """Thickness of the ice as a fraction of the volume's z, lowest and highest."""
    slope: float = Field(default=0.3, ge=0, le=1)
    """Largest rise of the ice across the volume, as a fraction of the volume's z."""
    wedge: NonNegativeRange = (0.0, 0.3)
    """Fraction by which the ice grows thicker across the volume, lowest and highest."""
    lens: NonNegativeRange = (0.0, 0.2)
    """Fraction by which the ice is thinner in the middle of a hole than at its rim."""
    ceiling: float = Field(default=0.85, gt=0.1, le=1)
    """Fraction of the volume's z above which nothing stands."""
    debris: float = Field(default=1.0, ge=0)
    """Amount of small proteins and their aggregates, in units of the usual amount."""
    cytosol: NonNegativeRange = (0.0, 0.0)
    """Fraction of the ice filled with unlabelled proteins of 10 to 300 kDa; 0.25 is a cell."""
    vesicles: float = Field(default=4.0, ge=0)
    """Mean number of vesicles in a tomogram of the challenge's size."""
    decorated: float = Field(default=0.4, ge=0, le=1)
    """Share of vesicles with proteins on their membrane, which carry no label."""
    filled: float = Field(default=0.3, ge=0, le=1)
    """Share of vesicles with a dense content of soluble proteins."""
    beads: float = Field(default=1.5, ge=0)
    """Mean number of gold beads in a tomogram of the challenge's size."""
    actin: float = Field(default=3.0, ge=0)
    """Mean number of actin-like filaments in a tomogram of the challenge's size."""
    microtubules: float = Field(default=0.0, ge=0)
    """Mean number of microtubules in a tomogram of the challenge's size."""
    contamination: float = Field(default=0.3, ge=0)
    """Mean number of ice crystals on the surface in a tomogram of the challenge's size."""
    carbon: float = Field(default=0.25, ge=0, le=1)
    """How often a carbon edge crosses a corner."""

    @field_validator("lens")
    @classmethod
    def _leaves_ice(cls, ends: tuple[float, float]) -> tuple[float, float]:
        if ends[1] > 0.9:
            raise ValueError("must be at most 0.9: some ice has to be left")
        return ends

    @field_validator("cytosol")
    @classmethod
    def _can_be_packed(cls, ends: tuple[float, float]) -> tuple[float, float]:
        if ends[1] > 0.3:  # molecules put down at random jam soon above it
            raise ValueError("must be at most 0.3 of the volume")
        return ends
