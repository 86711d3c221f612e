"""What a pick file leaves unsaid: given by the caller on reading, chosen on writing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tomoscout.core.aliases import at_end
from tomoscout.core.errors import UserError
from tomoscout.core.geometry import Geometry
from tomoscout.core.objects import ObjectTable

Centre = Literal["half", "half-minus-one"]
"""Where RELION's centre lies: at half the tomogram's size, or one unbinned pixel before it."""


@dataclass(frozen=True)
class ReadHints:
    """What a reader may be told besides the path.

    Attributes
    ----------
    geometry
        Lattice of the tomogram, or one lattice per run name, for voxels and centred positions.
    run
        Name of the run of a file that names none.
    object_name
        Name of the particles of a file that names none.
    objects
        The project's objects; they help to take a file name such as ``TS_5_4_ribosome`` apart.
    pixel_size
        Unbinned pixel of the tilt series, in ångström, for RELION files that do not hold it.
    centre
        Which of the two definitions of RELION's centre the file's author used.
    voxel_spacing
        Edge of a voxel in ångström, where the geometry is not known but voxels are counted.
    """

    geometry: Geometry | Mapping[str, Geometry] | None = None
    run: str | None = None
    object_name: str | None = None
    objects: ObjectTable | None = None
    pixel_size: float | None = None
    centre: Centre = "half"
    voxel_spacing: float | None = None

    def geometry_of(self, run: str) -> Geometry | None:
        """Return the lattice of a run's tomogram, when it is known."""
        if self.geometry is None or isinstance(self.geometry, Geometry):
            return self.geometry
        return self.geometry.get(run)

    def extent_of(self, run: str) -> tuple[float, float, float] | None:
        """Return the edges of a run's tomogram in ångström, when they are known."""
        geometry = self.geometry_of(run)
        return None if geometry is None else geometry.extent

    def spacing_of(self, run: str) -> float | None:
        """Return the edge of a voxel of a run's tomogram in ångström, when it is known."""
        geometry = self.geometry_of(run)
        return self.voxel_spacing if geometry is None else geometry.voxel_spacing

    def known_object(self, path: Path) -> str | None:
        """Return the object named by the caller, or else by the end of the file's name.

        Only an object of the project is recognised in a file's name; a file called
        ``particles.star`` says nothing.
        """
        if self.object_name or self.objects is None:
            return self.object_name
        name = split_stem(path.stem, self.objects)[1]
        return name if name in self.objects.names else None


@dataclass(frozen=True)
class WriteHints:
    """What a writer may be told besides the picks and the path.

    Attributes
    ----------
    voxel_spacing
        Edge of a voxel in ångström, or one per run name, for formats that count voxels (ndjson).
    kaggle
        Whether a CSV must have exactly the columns of the CZII challenge.
    pixel_size
        Unbinned pixel of the tilt series, in ångström; the centre ``half-minus-one`` needs it.
    centre
        Which of the two definitions of RELION's centre to use.
    user, session
        Who made the picks, and in which session, for copick.
    """

    voxel_spacing: float | Mapping[str, float] | None = None
    kaggle: bool = False
    pixel_size: float | None = None
    centre: Centre = "half"
    user: str = "tomoscout"
    session: str = "0"

    def spacing_of(self, run: str) -> float | None:
        """Return the edge of a voxel of a run's tomogram in ångström, when it is known."""
        if isinstance(self.voxel_spacing, Mapping):
            return self.voxel_spacing.get(run)
        return self.voxel_spacing


def split_stem(stem: str, objects: ObjectTable | None = None) -> tuple[str, str]:
    """Split ``<run>_<object>`` into both; a stem without ``_`` is all object.

    Run names hold underscores and copick's object names do not, so the last underscore
    separates them, unless the project has a longer object name that fits, or one that goes by a
    longer name elsewhere.
    """
    found = at_end(stem, objects.names) if objects else None
    run, _, name = stem.rpartition("_")
    return found or (run, name)


def centre_offset(
    extent: tuple[float, float, float], *, centre: Centre, pixel_size: float | None
) -> tuple[float, float, float]:
    """Return the position (z, y, x) in ångström that RELION calls the centre of a tomogram.

    ``half`` is half of each edge (RELION's tomogram_set.cpp, and copick); ``half-minus-one``
    lies one unbinned pixel before it (pytom-match-pick, after RELION's issue 1137).
    """
    z, y, x = (edge / 2 for edge in extent)
    if centre == "half":
        return z, y, x
    if pixel_size is None:
        raise UserError("the centre 'half-minus-one' counts unbinned pixels: give the pixel size")
    return z - pixel_size, y - pixel_size, x - pixel_size
