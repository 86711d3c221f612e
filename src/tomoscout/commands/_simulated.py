"""Given picks in, simulated runs out: what ``simulate`` reads and writes beside settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tomoscout.commands._picks import open_truth
from tomoscout.core.errors import UserError
from tomoscout.core.objects import ObjectTable
from tomoscout.core.picks import Picks, by_run
from tomoscout.io.project_writer import write_copick_config, write_run, write_segmentation
from tomoscout.io.shrec_writer import write_shrec_model
from tomoscout.simulation import object_of

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


def read_given(path: Path, table: ObjectTable) -> dict[str, Picks]:
    """Read where particles are to stand, by run.

    Raises
    ------
    UserError
        If nothing can be read, or there is not a single pick of the table's objects.
    """
    project, _, parts = open_truth(path, voxel_spacing=None, objects=None)
    if project is not None:
        parts = [run.picks() for run in project.runs if run.has_picks]
    found = {run: picks for run, picks in by_run(parts).items() if len(picks)}
    if not found:
        raise UserError(f"{path}: no picks in it to put particles at")
    strangers = sorted({n for p in found.values() for n in p.names} - set(table.names))
    if strangers:
        raise UserError(
            f"{path}: picks of {', '.join(strangers)}, which are none of the objects "
            f"({', '.join(table.names)}): give a table with --objects, or --molecule "
            f"{strangers[0]}=FILE"
        )
    return found


def check_given(
    standing: Mapping[str, Picks], preset: Preset, *, preset_name: str, runs: int
) -> None:
    """Refuse a twin of nothing, and picks outside the volume, before anything is written."""
    if preset.needs_picks and not standing:
        raise UserError(f"--preset {preset_name} makes twins of given picks: give them by --picks")
    extent = np.array(preset.scene.shape) * preset.scene.voxel_spacing
    for run, picks in list(standing.items())[:runs]:
        outside = int(np.any((picks.zyx < 0) | (picks.zyx > extent), axis=1).sum())
        if outside:
            raise UserError(
                f"--picks: {outside} of {len(picks)} picks of run '{run}' lie outside the volume, "
                "which is "
                f"{' x '.join(f'{e:.0f}' for e in extent)} Å (z, y, x): give a larger --shape"
            )


def writer(preset: Preset, output: Path, table: ObjectTable, *, truth: bool) -> Write:
    """Return what writes one simulated run in the preset's layout."""
    if preset.layout == "shrec":
        return lambda index, name, made: _write_model(output, index, made, table)
    write_copick_config(output, table, name="Tomoscout simulation", overwrite=True)
    return lambda index, name, made: _write_run(output, name, made, truth=truth)


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
    write_shrec_model(
        output,
        index,
        grandmodel=made.density,
        reconstruction=made.tomograms.get("wbp") or made.tomogram,
        classes=made.labels.classes,
        occupancy=made.labels.occupancy,
        picks=made.picks,
        objects=table,
        decimals=2,
        overwrite=True,
    )


def _like(made: Simulated, data: np.ndarray) -> Volume:
    """Return a volume on the tomogram's lattice."""
    from dataclasses import replace

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
