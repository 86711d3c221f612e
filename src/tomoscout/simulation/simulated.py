"""What a simulation gives: tomograms, and the truth about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume
from tomoscout.simulation.clutter import Clutter
from tomoscout.simulation.labels import Labels


@dataclass(frozen=True)
class Simulated:
    """A simulated run and its truth.

    Attributes
    ----------
    tomograms
        By kind: ``denoised``, ``wbp``, ``ctfdeconvolved``, ``isonetcorrected``.
    picks
        True centres and poses of the objects.
    density
        The scene before any microscope, in units of solid protein; None unless asked for.
    labels
        Which voxel belongs to which object and particle; None unless asked for.
    asked
        How many of each object were to be placed.
    placed
        How many found a place, those whose centre lies beyond the border included.
    clutter
        Vesicles, beads and whatever else stands there that is no particle.
    tilts
        Angles of the tilt series in degrees, ascending; None where the microscope takes none.
    """

    tomograms: Mapping[str, Volume]
    picks: Picks
    density: Volume | None
    labels: Labels | None
    asked: Mapping[str, int]
    placed: Mapping[str, int] = field(default_factory=dict)
    clutter: tuple[Clutter, ...] = ()
    tilts: tuple[float, ...] | None = None

    @property
    def tomogram(self) -> Volume:
        """The denoised tomogram, or the first kind there is."""
        return self.tomograms.get("denoised") or next(iter(self.tomograms.values()))
