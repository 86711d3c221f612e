"""``tomoscout simulate``: tomograms with known truth, written as a whole project."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

if TYPE_CHECKING:
    from tomoscout.core.picks import Picks


def simulate(
    output: Path,
    *,
    preset: str = "czii",
    runs: int = 4,
    shape: tuple[int, int, int] | None = None,
    voxel_spacing: float | None = None,
    seed: int = 0,
    physics: str | None = None,
    kinds: str | None = None,
    molecule: tuple[str, ...] = (),
    picks: Path | None = None,
    object_name: str | None = None,
    crowding: float | None = None,
    debris: float | None = None,
    max_tilt: tuple[float, float] | None = None,
    objects: Path | None = None,
    truth: bool = False,
    device: str = "cpu",
    overwrite: bool = False,
    settings: Annotated[tuple[str, ...], Parameter(name="--set")] = (),
) -> None:
    """Simulate tomograms with known particles, as a project in the layout of copick and CZII.

    Every run draws its own molecules, scene and imaging conditions. Stopped half-way, the same
    command goes on where it was; with a higher --runs it adds runs. The same settings and seed give
    the same tomograms.

    Parameters
    ----------
    output
        Folder of the project; made when missing.
    preset
        czii, czii-twin, shrec, in-situ, training, or a YAML file.
    runs
        How many tomograms.
    shape
        Voxels of each, z y x; as the preset has it when not given.
    voxel_spacing
        Edge of a voxel in Å; as the preset has it when not given.
    seed
        Another number gives other tomograms.
    physics
        Microscope: full (a tilt series, reconstructed) or quick (one filter, four times faster).
    kinds
        Comma-separated kinds of tomogram: denoised, wbp, ctfdeconvolved, isonetcorrected, or all.
    molecule
        What an object looks like, ``name=file``: a map (.mrc) or an atomic model (.cif, .pdb). A
        map's mass in kDa goes behind it, ``name=file@465``. May be repeated. With a name that no
        table knows, the given molecules are the objects, and the table's stand among them unpicked.
    picks
        Where the particles stand, instead of at random: any file or project of picks.
    object_name
        Name of the particles of a pick file that does not name them.
    crowding
        Particles per volume, in units of the CZII challenge's.
    debris
        Unlabelled small proteins, aggregates and filaments, in units of the usual amount.
    max_tilt
        Lowest and highest end of the tilt range, in degrees.
    objects
        Object table: a copick configuration or YAML; the preset's when not given.
    truth
        Write label volumes as well: which voxel belongs to which object, and to which particle.
    device
        Where the full microscope projects: cpu, auto, cuda or cuda:N. Only cpu repeats bit for bit.
    overwrite
        Replace what the folder holds.
    settings
        Any setting of the preset, ``section.key=value``; also as ``--section.key value``, such as
        ``--scene.beads 3`` or ``--full.defocus 20000,30000``.
    """
    from tomoscout.commands._console import console, progress
    from tomoscout.commands._ledger import Ledger
    from tomoscout.commands._molecules import read_molecules
    from tomoscout.commands._simulated import (
        check_given,
        own_seed,
        read_given,
        run_name,
        tables,
        with_counts,
        writer,
    )
    from tomoscout.core.errors import UserError
    from tomoscout.core.geometry import Geometry
    from tomoscout.core.objects import read_objects
    from tomoscout.ops.precision import choose_device
    from tomoscout.simulation.preset import read_preset, run_preset

    if runs < 1:
        raise UserError(f"--runs: at least 1 tomogram, found {runs}")
    if seed < 0:
        raise UserError(f"--seed: 0 or above, found {seed}")
    where = choose_device(device)
    chosen = read_preset(
        preset,
        _overrides(
            settings,
            physics=physics,
            kinds=None if kinds is None else _kinds(kinds),
            scene={
                "shape": shape,
                "voxel_spacing": voxel_spacing,
                "crowding": crowding,
                "debris": debris,
            },
            full={"max_tilt": max_tilt},
            quick={"max_tilt": max_tilt},
        ),
    )
    molecules = read_molecules(molecule, resolution=2 * chosen.scene.voxel_spacing)
    table, distractors = tables(
        chosen, molecules, given=read_objects(objects) if objects else chosen.table
    )
    chosen = with_counts(chosen, table, distractors)
    lattice = Geometry(chosen.scene.shape, chosen.scene.voxel_spacing)
    standing = {}
    if picks is not None:
        standing = read_given(picks, table, geometry=lattice, object_name=object_name)
    elif object_name is not None:
        raise UserError("--object-name is for the file of --picks: give it too")
    check_given(standing, chosen, preset_name=preset, runs=runs)
    ledger = Ledger(
        output,
        "simulation",
        {
            "seed": seed,
            "preset": chosen.model_dump(mode="json"),
            "objects": table.model_dump(mode="json"),
            "molecules": sorted(molecule),
            "picks": str(picks) if picks else None,
            "truth": truth,
            "version": _version(),
        },
        overwrite=overwrite,
    )
    write = writer(chosen, output, table, truth=truth)
    with ledger:
        todo = [i for i in range(runs) if run_name(i, standing, chosen) not in ledger.runs]
        with progress(len(todo), "simulate") as bar:
            for done, index in enumerate(todo):
                name = run_name(index, standing, chosen)
                made = run_preset(
                    chosen,
                    seed=own_seed(seed, index),
                    objects=table,
                    distractors=distractors,
                    molecules=molecules,
                    given=_stand(standing, index),
                    truth=truth or chosen.layout == "shrec",
                    name=name,
                    device=where,
                    progress=lambda share, done=done: bar.update(done + share),
                )
                # A run that is not in the ledger yet was cut short: write it anew.
                write(index, name, made)
                found = {n: len(made.picks.of(n)) for n in table.names}
                facts = {
                    "seed": own_seed(seed, index),
                    "particles": found,
                    "asked": dict(made.asked),
                    "placed": dict(made.placed),
                }
                ledger.done(name, facts)
                bar.update(done + 1)
    for index in range(runs):
        name = run_name(index, standing, chosen)
        console.print(f"{name}: {_tell(ledger.runs[name])}", highlight=False)
    kept = runs - len(todo)
    project = output if chosen.layout == "shrec" else output / "copick.json"
    console.print(
        f"{project}: {runs} tomograms" + (f" ({kept} kept)" if kept else ""), highlight=False
    )


def _overrides(settings: tuple[str, ...], **flags: Any) -> dict[str, Any]:
    """Lay the flags that were given over the ``--set`` ones."""
    from tomoscout.core.settings import merge, parse_overrides

    sections = {
        key: {k: v for k, v in value.items() if v is not None} if isinstance(value, dict) else value
        for key, value in flags.items()
    }
    given = {key: value for key, value in sections.items() if value not in (None, {})}
    return merge(parse_overrides(settings), given)


def _kinds(text: str) -> list[str]:
    """Split a list of kinds; ``all`` stands for all of them."""
    from tomoscout.simulation import KINDS

    return list(KINDS) if text == "all" else [kind.strip() for kind in text.split(",")]


def _stand(standing: dict[str, Picks], index: int) -> Picks | None:
    """Return the given picks of a run, or None where they are drawn."""
    return list(standing.values())[index % len(standing)] if standing else None


def _tell(facts: dict[str, Any]) -> str:
    """Say in words what a run holds, and what found no place."""
    parts = []
    for name, count in facts["particles"].items():
        asked, placed = facts["asked"].get(name, count), facts["placed"].get(name, count)
        # Some stand beyond the border on purpose: what counts is who found no place at all.
        parts.append(f"{name} {count}" + (f" of {asked}" if placed < 0.7 * asked else ""))
    return "  ".join(parts) or "no particle fitted"


def _version() -> str:
    """Return the version of the package that made the tomograms."""
    from importlib.metadata import version

    return version("tomoscout")
