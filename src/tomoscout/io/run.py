"""A run: one tilt series, with its tomograms, label volumes and picks, however they are stored.

Nothing but names is kept; a file is opened when what is in it is asked for.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from tomoscout.core.errors import UserError, did_you_mean
from tomoscout.core.geometry import Geometry
from tomoscout.core.objects import ObjectTable
from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume
from tomoscout.io._owners import PickSource, RemotePicks, choose_files
from tomoscout.io.layouts._beside import clean_name, run_name
from tomoscout.io.volumes import read_volume
from tomoscout.io.volumes._spacing import SpacingUnknownError

logger = logging.getLogger(__name__)

TomogramSource = Path | Callable[[], Volume]
"""Where a tomogram is: a path, or for remote projects a function that opens it."""


@dataclass(frozen=True)
class Run:
    """One tilt series of one grid position: its tomograms and its picks.

    Attributes
    ----------
    name
        What the field calls it, such as ``TS_5_4``.
    tomograms
        Where each kind of reconstruction is (``denoised``, ``wbp`` ...).
    pick_files
        Files with picks of this run; some may hold other runs too.
    objects
        The objects that picks may name.
    voxel_spacing
        Edge of a voxel in ångström, from the user: it wins over what the file says.
    nominal_spacing
        The same from a folder's rounded name, or as a challenge publishes it: it serves only
        where the file says nothing.
    default_kind
        Kind of reconstruction to take when none is asked for.
    segmentations
        Where label volumes of the tomogram are, by name, for layouts that have them.
    segmentation_names
        What their values mean, by object name, where a layout says it; else they are the labels
        of ``objects``.
    """

    name: str
    tomograms: Mapping[str, TomogramSource]
    pick_files: tuple[PickSource, ...]
    objects: ObjectTable
    voxel_spacing: float | None = None
    nominal_spacing: float | None = None
    default_kind: str = "denoised"
    segmentations: Mapping[str, TomogramSource] = field(default_factory=dict)
    segmentation_names: Mapping[int, str] = field(default_factory=dict)

    @property
    def has_picks(self) -> bool:
        """Whether there are files with picks; they may hold none."""
        return bool(self.pick_files)

    @cached_property
    def geometry(self) -> Geometry | None:
        """The lattice of the tomogram, or None for a run that has only picks."""
        if not self.tomograms:
            return None
        favourite = self.default_kind
        kind = favourite if favourite in self.tomograms else next(iter(self.tomograms))
        return self.tomogram(kind).geometry

    def tomogram(self, kind: str | None = None) -> Volume:
        """Open a tomogram; its voxels stay on disk until they are read.

        Parameters
        ----------
        kind
            Kind of reconstruction. By default ``denoised`` (in SHREC's data
            ``reconstruction``), or the only one there is.

        Raises
        ------
        UserError
            If there is no such kind, or no default to take.
        """
        return self._open(self.tomograms[self._kind(kind)])

    def segmentation(self, name: str) -> Volume:
        """Open a label volume of the tomogram; its voxels stay on disk until they are read.

        Parameters
        ----------
        name
            Which one, such as ``class_mask`` or ``occupancy_mask`` of SHREC's data.

        Raises
        ------
        UserError
            If there is none of that name.
        """
        if name not in self.segmentations:
            found = ", ".join(self.segmentations) or "none"
            raise UserError(
                f"run '{self.name}': no segmentation '{name}', found {found}."
                + did_you_mean(name, self.segmentations)
            )
        return self._open(self.segmentations[name])

    def picks(self, *, user: str | None = None, session: str | None = None) -> Picks:
        """Read the picks of all objects; those outside the tomogram are dropped with a warning.

        Parameters
        ----------
        user, session
            Whose picks, and of which session, where the layout tells them apart.

        Raises
        ------
        UserError
            If the run has no pick files, several users picked the same object and none is
            chosen, or a file is broken or names an unknown object.
        """
        if not self.pick_files:
            raise UserError(f"run '{self.name}': no picks, neither beside its tomogram nor inside")
        files = choose_files(self.pick_files, user=user, session=session, run=self.name)
        # Empty parts have no poses; joined with others, they would take theirs away.
        parts = [part for file in files if len(part := self._read_picks(file))]
        extent = None if self.geometry is None else self.geometry.extent
        return replace(Picks.concatenate(parts), run=self.name, extent=extent)

    def _open(self, source: TomogramSource) -> Volume:
        """Open a volume under the run's name."""
        if not isinstance(source, Path):
            return replace(source(), name=self.name)
        try:
            volume = read_volume(source, voxel_spacing=self.voxel_spacing)
        except SpacingUnknownError:
            if self.nominal_spacing is None:
                raise
            # By its name alone, so that a project of many runs has it said once.
            logger.warning(
                "%s: does not know its voxel size: %g Å is taken, as its project's layout has it",
                source.name, self.nominal_spacing,
            )  # fmt: skip
            volume = read_volume(source, voxel_spacing=self.nominal_spacing)
        return replace(volume, name=self.name)

    def _kind(self, kind: str | None) -> str:
        """Choose among the tomograms."""
        kinds = list(self.tomograms)
        if not kinds:
            raise UserError(f"run '{self.name}': no tomogram, only picks")
        if kind is None and len(kinds) == 1:
            return kinds[0]
        wanted = self.default_kind if kind is None else kind
        if wanted in kinds:
            return wanted
        listed = ", ".join(kinds)
        if kind is None:
            raise UserError(f"run '{self.name}': choose a kind of tomogram: {listed}")
        raise UserError(
            f"run '{self.name}': no tomogram '{kind}', found {listed}." + did_you_mean(kind, kinds)
        )

    def _read_picks(self, source: PickSource) -> Picks:
        """Read this run's picks from one file, checking names and positions."""
        from tomoscout.io.picks._names import as_in

        picks = source.fetch() if isinstance(source, RemotePicks) else self._read_file(source)
        picks = as_in(self.objects, picks, source=source)
        if self.geometry is None or not len(picks):
            return picks
        inside = self.geometry.contains(picks.zyx)
        if not inside.all():
            logger.warning(
                "%s: %d of %d picks of run '%s' lie outside the tomogram and are dropped: is the "
                "voxel spacing %g Å right?",
                source, len(picks) - int(inside.sum()), len(picks), self.name,
                self.geometry.voxel_spacing,
            )  # fmt: skip
        return picks[inside]

    def _read_file(self, file: Path) -> Picks:
        """Read this run's picks from a file that may call the run ``TS_1.tomostar``."""
        from tomoscout.io.picks import ReadHints
        from tomoscout.io.picks._read import read_runs

        hints = ReadHints(geometry=self.geometry, run=self.name, objects=self.objects)
        filled = [part for part in read_runs(file, hints) if len(part)]
        mine = [part for part in filled if part.run == self.name]
        if not mine and len(filled) == 1 and run_name(file.name) == self.name:
            mine = filled  # its own file needs no name
        mine = mine or [part for part in filled if clean_name(part.run) == self.name]
        if filled and not mine:
            others = ", ".join(part.run for part in filled[:5])
            logger.warning("%s: holds no picks of run '%s', only of %s", file, self.name, others)
        return Picks.concatenate(mine)
