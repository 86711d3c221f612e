"""What is scored: the runs, their picks, and the truth of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from tomoscout.commands._picks import open_truth, picks_by_run
from tomoscout.commands._runs import split_names
from tomoscout.core.errors import UserError, did_you_mean
from tomoscout.core.geometry import Geometry
from tomoscout.core.objects import ObjectTable
from tomoscout.core.picks import Picks, by_run
from tomoscout.io.project import Project


@dataclass(frozen=True)
class Material:
    """Picks and truth of the runs to score.

    Attributes
    ----------
    project
        Where the truth is from; None for pick files.
    objects
        Radii and weights.
    runs
        Names of the runs.
    picks
        Picks of the runs that have any.
    candidates
        Picks from before thresholds, of the same runs, where there are some.
    truth
        One per run.
    left_out
        Annotated runs that are not scored.
    """

    project: Project | None
    objects: ObjectTable
    runs: tuple[str, ...]
    picks: tuple[Picks, ...]
    candidates: tuple[Picks, ...] | None
    truth: tuple[Picks, ...]
    left_out: tuple[str, ...]

    def extents(self) -> dict[str, tuple[float, float, float]]:
        """Return the size of each run's tomogram, in ångström, where the project has it."""
        return {name: geometry.extent for name, geometry in self._lattices()}

    def voxel_spacing(self) -> float | None:
        """Return the edge of a voxel, in ångström, of the first run that has a tomogram."""
        return next((geometry.voxel_spacing for _, geometry in self._lattices()), None)

    def _lattices(self) -> Iterator[tuple[str, Geometry]]:
        """Open one tomogram after the other; those that do not say their spacing are passed."""
        if self.project is None:
            return
        for name in self.runs:
            try:
                geometry = self.project[name].geometry
            except UserError:  # positions in Å are scored without it
                continue
            if geometry is not None:
                yield name, geometry


def gather(
    picks: Path,
    truth: Path,
    *,
    candidates: Path | None,
    voxel_spacing: float | None,
    objects: Path | None,
    runs: str | None,
    any_object: bool = False,
) -> Material:
    """Read picks and truth, and choose the runs: those asked for, or those that both sides have.

    With ``any_object`` picks may be of objects that the table lacks.

    Raises
    ------
    UserError
        If a file cannot be read, a run asked for has no truth, or no run is in common.
    """
    project, table, parts = open_truth(truth, voxel_spacing=voxel_spacing, objects=objects)
    known = by_run(parts)
    annotated = list(known) if project is None else _annotated(project)
    wanted = None if runs is None else split_names(runs)
    try:  # with the table all the same: a file's name may say which of its objects it holds
        found = picks_by_run(picks, project, table, runs=wanted or annotated)
    except UserError:
        if not any_object:
            raise
        found = picks_by_run(picks, project, None, runs=wanted or annotated)
    if annotated == [""] and len(found) == 1:  # the truth names no run: it is that of the picks
        annotated = list(found)
        known = {annotated[0]: replace(known[""], run=annotated[0])}
    chosen = _choose(wanted, annotated, list(found), picks=picks, truth=truth)
    if project is not None:
        known = {name: project[name].picks() for name in chosen}
    if candidates is None and not any_object and (picks / "candidates").is_dir():
        candidates = picks / "candidates"
    before = None
    if candidates is not None:
        more = picks_by_run(candidates, project, table, runs=wanted or annotated)
        every = (more.get(name, found.get(name)) for name in chosen)
        before = tuple(part for part in every if part is not None)
    return Material(
        project,
        table,
        tuple(chosen),
        tuple(found[name] for name in chosen if name in found),
        before,
        tuple(known[name] for name in chosen),
        tuple(name for name in annotated if name not in chosen),
    )


def _annotated(project: Project) -> list[str]:
    """Names of the runs that have picks, or an error when none has."""
    names = [run.name for run in project.runs if run.has_picks]
    if not names:
        raise UserError(
            f"{project.path}: none of its {len(project)} runs has picks to compare with"
        )
    return names


def _choose(
    wanted: list[str] | None, annotated: list[str], found: list[str], *, picks: Path, truth: Path
) -> list[str]:
    """Return the runs to score: those asked for, or else those that both sides have."""
    for name in wanted or []:
        if name not in annotated:
            raise UserError(
                f"{truth}: no truth for run '{name}': it has {', '.join(annotated[:10])}."
                + did_you_mean(name, annotated)
            )
    chosen = wanted or [name for name in annotated if name in found]
    if not found:
        raise UserError(f"{picks}: holds no picks: to count all as missed, name runs with --runs")
    if not chosen:
        raise UserError(
            f"{picks}: no run in common with {truth}: the picks are of "
            f"{', '.join(found[:5]) or 'no run'}, the truth is of {', '.join(annotated[:5])}"
        )
    return chosen
