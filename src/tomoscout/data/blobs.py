"""Dark blobs as labels that nobody made: what a detector can be taught before anyone annotates.

What stands out clearly as a round dark blob is a particle more often than not. A network that is
taught these blobs learns first what most of them have in common, the look of particles, and only
much later which of them were chance; a short training says better than the filter where particles
are (on simulated tomograms it comes near one that is taught the truth: docs/results.md). Choose it
(``data.source: blobs``, recipe ``self-taught``) where there are tomograms and no label at all. It
says where particles are and about how large, not which: gold and debris are blobs as well.

Learning from noisy labels of one's own: Lee, 2013, "Pseudo-Label", ICML workshop.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from pydantic import Field, field_validator

from tomoscout.candidates import dog
from tomoscout.core.errors import UserError
from tomoscout.core.objects import ObjectTable, ObjectType
from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume

logger = logging.getLogger(__name__)


class BlobSettings(dog.Settings):
    """Which blobs are labels; fewer and clearer ones than candidates are."""

    threshold: float = 3.5
    """Standard deviations of the filtered tomogram by which a blob stands out."""
    tomograms: int = Field(default=16, ge=1)
    """How many tomograms are learnt from at most, drawn of all; they are held in memory."""

    @field_validator("diameters")
    @classmethod
    def _differ(cls, diameters: tuple[float, ...]) -> tuple[float, ...]:
        names = [dog.blob_name(diameter) for diameter in diameters]
        if len(set(names)) < len(names):
            raise ValueError(f"diameters must differ, found {', '.join(map(str, diameters))}")
        return diameters


def blob_objects(settings: BlobSettings) -> ObjectTable:
    """Return the objects that blobs are learnt as: one for each diameter, half of it its radius."""
    return ObjectTable(
        objects=tuple(
            ObjectType(name=dog.blob_name(diameter), radius=diameter / 2)
            for diameter in settings.diameters
        )
    )


def blobs_in(volume: Volume, settings: BlobSettings, *, bright: bool) -> Picks:
    """Find the blobs of a tomogram, named by their size, in ångström.

    Parameters
    ----------
    volume
        Tomogram as it is; it is read in slabs.
    settings
        Which blobs.
    bright
        Whether protein is bright in it.

    Raises
    ------
    UserError
        If a voxel is not a number, or all have the same value.
    """
    return replace(dog.find_sized(volume, settings=settings, bright=bright), run=volume.name)


def check_blobs(found: Sequence[Picks], settings: BlobSettings) -> None:
    """Say how many blobs of each size are taught; refuse to teach none at all.

    Raises
    ------
    UserError
        If no tomogram has a blob.
    """
    counts = {
        name: sum(len(picks.of(name)) for picks in found) for name in blob_objects(settings).names
    }
    if not any(counts.values()):
        raise UserError(
            f"no dark blob stands out by {settings.threshold:g} standard deviations in "
            f"{len(found)} tomograms: lower data.blobs.threshold, or set normalise.invert where "
            "protein is bright"
        )
    told = ", ".join(f"{name} {count}" for name, count in counts.items())
    logger.info("dark blobs taught: %s", told)
    if none := [name for name, count in counts.items() if not count]:
        logger.warning("%s: none stands out, and none will be found", ", ".join(none))
