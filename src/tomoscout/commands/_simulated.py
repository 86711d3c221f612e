"""Given picks in, simulated runs out: what ``simulate`` reads and writes beside settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tomoscout.commands._picks import is_project, one_format
from tomoscout.core.errors import UserError, did_you_mean
from tomoscout.core.geometry import Geometry
from tomoscout.core.objects import ObjectTable
from tomoscout.core.picks import Picks, by_run
from tomoscout.io.picks import ReadHints
from tomoscout.io.picks._hints import split_stem
from tomoscout.io.picks._read import read_runs
from tomoscout.io.project import open_project
from tomoscout.io.project_writer import write_copick_config, write_run, write_segmentation
from tomoscout.io.shrec_writer import write_shrec_model
from tomoscout.simulation import object_of
from tomoscout.simulation.labels import mark_clutter

if TYPE_CHECKING:
    from tomoscout.core.volume import Volume
    from tomoscout.simulation import Simulated
    from tomoscout.simulation.molecules import Molecule
    from tomoscout.simulation.preset import Preset, Simulation

Write = Callable[[int, str, "Simulated"], None]


def own_seed(seed: int, index: int) -> int:
    """Return the seed of one run, which does not depend on how many there are."""
    return int(np.random.SeedSequence([seed, index]).generate_state(1)[0])


def run_name(index: int, standing: Mapping[str, Picks], preset: Preset) -> str:
    """Return the name of a run: its own, or after the picks it is a twin of."""
    if preset.layout == "shrec":
        return f"model_{index}"
    if not standing:
        return f"TS_sim_{index}"
    name = list(standing)[index % len(standing)] or "TS_sim"
    again = index // len(standing)
    return f"{name}_twin" + (f"_{again}" if again else "")


def read_given(
    path: Path, table: ObjectTable, *, geometry: Geometry, object_name: str | None
) -> dict[str, Picks]:
    """Read where particles are to stand, by run.

    Parameters
    ----------
    path
        Project, pick file or folder of pick files.
    table
        Objects that are placed.
    geometry
        Of the tomograms to be made, for files that count from the centre.
    object_name
        Name of the particles of a file that names none; a table of one says it already.

    Raises
    ------
    UserError
        If nothing can be read, or there is a pick of an object that the table lacks.
    """
    if not path.exists() or is_project(path):
        parts = [run.picks() for run in open_project(path).runs if run.has_picks]
    else:
        file = one_format(path)
        stem = split_stem(file.stem, table)[1]
        only = table.names[0] if len(table) == 1 else stem if stem in table.names else None
        # Without the table, so that the one check below is the same for files and projects.
        parts = read_runs(file, ReadHints(geometry=geometry, object_name=object_name or only))
    found = {run: picks for run, picks in by_run(parts).items() if len(picks)}
    if not found:
        raise UserError(f"{path}: no picks in it to put particles at")
    strangers = sorted({n for p in found.values() for n in p.names} - set(table.names))
    if strangers:
        raise UserError(
            f"{path}: picks of {', '.join(strangers)}, which are none of the objects "
            f"({', '.join(table.names)}): give a table with --objects, or --molecule "
            f"{strangers[0]}=FILE.{did_you_mean(strangers[0], table.names)}"
        )
    return found


def check_given(
    standing: Mapping[str, Picks], preset: Preset, *, preset_name: str, runs: int
) -> None:
    """Refuse a twin of nothing, and picks outside the volume, before anything is written."""
    if preset.needs_picks and not standing:
        raise UserError(f"--preset {preset_name} makes twins of given picks: give them by --picks")
    scene = preset.scene
    # Positions are in ångström: the volume must hold them at the finest spacing that is drawn.
    smallest = Geometry(scene.shape, scene.voxel_spacing * (1 - preset.vary.spacing))
    for run, picks in list(standing.items())[:runs]:
        outside = int((~smallest.contains(picks.zyx)).sum())
        if outside:
            whose = f" of run '{run}'" if run else ""
            edges = " x ".join(f"{edge:.0f}" for edge in smallest.extent)
            raise UserError(
                f"--picks: {outside} of {len(picks)} picks{whose} lie outside the volume, which "
                f"is {edges} Å (z, y, x): give a larger --shape, or the right --voxel-spacing"
            )


def with_counts(preset: Preset, table: ObjectTable, *others: ObjectTable | None) -> Preset:
    """Return the preset with its numbers of objects, if it has any, brought to other tables.

    Objects that the preset knows and nobody places now are left out; those it does not know come
    in the median number.

    Raises
    ------
    UserError
        If there is a number of an object that is nowhere.
    """
    counts = preset.scene.counts
    if counts is None:
        return preset
    known = [name for part in (table, *others) if part is not None for name in part.names]
    for name in counts:
        if name not in known and name not in preset.table.names:
            raise UserError(
                f"scene.counts: '{name}' is none of the objects {', '.join(known)}."
                + did_you_mean(name, known)
            )
    usual = int(np.median(list(counts.values()))) if counts else 0
    new = {name: usual for name in table.names if name not in preset.table.names}
    kept = {name: count for name, count in counts.items() if name in known}
    scene = preset.scene.model_copy(update={"counts": {**new, **kept}})
    return preset.model_copy(update={"scene": scene})


def writer(preset: Preset, output: Path, table: ObjectTable, *, truth: bool) -> Write:
    """Return what writes one simulated run in the preset's layout."""
    if preset.layout == "shrec":
        return lambda index, name, made: _write_model(output, index, made, table)

    def write(index: int, name: str, made: Simulated) -> None:
        _write_run(output, name, made, truth=truth)
        write_copick_config(output, table, name="Tomoscout simulation", overwrite=True)

    return write


def _write_run(output: Path, name: str, made: Simulated, *, truth: bool) -> None:
    """Write a run as copick has it."""
    for number, (kind, volume) in enumerate(made.tomograms.items()):
        picks = made.picks if number == 0 else None
        write_run(output, name, volume, picks, kind=kind, overwrite=True)
    if truth and made.labels is not None:
        for part, data in (("objects", made.labels.classes), ("particles", made.labels.occupancy)):
            labels = _like(made, data)
            write_segmentation(output, name, labels, name=part, overwrite=True)


def _write_model(output: Path, index: int, made: Simulated, table: ObjectTable) -> None:
    """Write a run as SHREC 2021 has it."""
    if made.labels is None or made.density is None:  # never: the verb asks for them
        raise ValueError("a SHREC model needs its truth")
    spacing = made.tomogram.voxel_spacing
    labels, clutter = mark_clutter(
        made.labels,
        made.clutter,
        particles=len(made.picks),
        voxel_spacing=spacing,
        objects=table,
    )
    unposed = np.tile(np.eye(3), (len(clutter), 1, 1))  # is not written
    write_shrec_model(
        output,
        index,
        grandmodel=made.density,
        reconstruction=made.tomograms.get("wbp") or made.tomogram,
        classes=labels.classes,
        occupancy=labels.occupancy,
        picks=Picks.concatenate([made.picks, replace(clutter, rotations=unposed)]),
        objects=table,
        tilt_angles=made.tilts,
        decimals=2,
        overwrite=True,
    )


def _like(made: Simulated, data: np.ndarray) -> Volume:
    """Return a volume on the tomogram's lattice."""
    return replace(made.tomogram, data=data)


def tables(
    preset: Simulation, molecules: Mapping[str, Molecule], *, given: ObjectTable
) -> tuple[ObjectTable, ObjectTable | None]:
    """Return the table of what is picked, and that of what stands among it.

    A molecule that no table knows makes a table of its own: the given molecules are what is
    looked for then, and the objects of ``given`` stand among them.
    """
    others = preset.distractor_table()
    strangers = [] if others is None else others.names
    if all(name in given.names or name in strangers for name in molecules):
        return given, others
    own = tuple(
        given[name] if name in given.names else object_of(name, molecule)
        for name, molecule in molecules.items()
        if name not in strangers
    )
    among = [entry for entry in given.each() if entry.name not in molecules]
    among += [] if others is None else list(others.each())
    return ObjectTable(objects=own), ObjectTable(objects=tuple(among)) if among else None
