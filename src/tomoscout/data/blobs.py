"""Dark blobs as labels that nobody made: what a detector can be taught before anyone annotates.

What stands out clearly as a round dark blob is a particle more often than not. A network that is
taught these blobs cannot learn which of them chance put there, as nothing tells these from other
ice; it learns what most of them have in common, and finds that also where no filter does (on
simulated tomograms it comes near one that is taught the truth: docs/results.md). Choose it
(``data.source: blobs``, recipe ``self-taught``) where there are tomograms and no label at all. It
says where particles are and about how large, not which: gold and debris are blobs as well.

Learning from noisy labels of one's own: Lee, 2013, "Pseudo-Label", ICML workshop.
"""

from __future__ import annotations

from dataclasses import replace

from pydantic import Field

from tomoscout.candidates import dog
from tomoscout.core.objects import ObjectTable, ObjectType
from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume


class BlobSettings(dog.Settings):
    """Which blobs are labels; fewer and clearer ones than candidates are."""

    threshold: float = 3.5
    """Standard deviations of the filtered tomogram by which a blob stands out."""
    tomograms: int = Field(default=16, ge=1)
    """How many tomograms are learnt from at most, drawn of all; they are held in memory."""


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
        Tomogram as it is.
    settings
        Which blobs.
    bright
        Whether protein is bright in it.

    Raises
    ------
    UserError
        If a voxel is not a number, or all have the same value.
    """
    dark = replace(volume, data=-volume.read()) if bright else volume
    return replace(dog.find_sized(dark, settings=settings), run=volume.name)
