"""``tomoscout simulate``: tomograms with known truth, written as a whole project."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tomoscout.core.picks import Picks


def simulate(
    output: Path,
    *,
    runs: int = 4,
    shape: tuple[int, int, int] = (184, 630, 630),
    voxel_spacing: float = 10.012444,
    seed: int = 0,
    crowding: float = 1.0,
    debris: float = 1.0,
    noise: tuple[float, float] | None = None,
    max_tilt: tuple[float, float] | None = None,
    objects: Path | None = None,
    overwrite: bool = False,
) -> None:
    """Simulate tomograms with known particles, as a project in the layout of copick and CZII.

    Every run draws its own molecules, scene and imaging conditions. Stopped half-way, the same
    command goes on where it was; with a higher --runs it adds runs. The same settings and seed give
    the same tomograms.

    Parameters
    ----------
    output
        Folder of the project; made when missing.
    runs
        How many tomograms.
    shape
        Voxels of each, z y x.
    voxel_spacing
        Edge of a voxel in Å.
    seed
        Another number gives other tomograms.
    crowding
        Particles per volume, in units of the CZII challenge's.
    debris
        Unlabelled small proteins, aggregates and filaments, in units of the usual amount.
    noise
        Lowest and highest noise of a 10 Å voxel, in units of solid protein.
    max_tilt
        Lowest and highest end of the tilt range, in degrees.
    objects
        Object table: a copick configuration or YAML; the six CZII objects when not given.
    overwrite
        Replace what the folder holds.
    """
    import numpy as np

    from tomoscout import simulation
    from tomoscout.commands._console import console, progress
    from tomoscout.commands._ledger import Ledger
    from tomoscout.core.errors import UserError
    from tomoscout.core.objects import CZII, read_objects
    from tomoscout.core.settings import validate
    from tomoscout.io.project_writer import write_copick_config, write_run

    if runs < 1:
        raise UserError(f"--runs: at least 1 tomogram, found {runs}")
    if seed < 0:
        raise UserError(f"--seed: 0 or above, found {seed}")
    table = read_objects(objects) if objects else CZII
    scene = validate(
        simulation.Scene,
        {"shape": shape, "voxel_spacing": voxel_spacing, "crowding": crowding, "debris": debris},
        source="simulate",
    )
    ranges = {"noise": noise, "max_tilt": max_tilt}
    microscope = validate(
        simulation.QuickSettings,
        {key: value for key, value in ranges.items() if value is not None},
        source="simulate",
    )
    ledger = Ledger(
        output,
        "simulation",
        {
            "seed": seed,
            "scene": scene.model_dump(mode="json"),
            "microscope": microscope.model_dump(mode="json"),
            "objects": table.model_dump(mode="json"),
            "version": _version(),
        },
        overwrite=overwrite,
    )
    write_copick_config(output, table, name="Tomoscout simulation", overwrite=True)
    todo = [index for index in range(runs) if _name(index) not in ledger.runs]
    with progress(len(todo), "simulate") as bar:
        for index in todo:
            own_seed = int(np.random.SeedSequence([seed, index]).generate_state(1)[0])
            volume, picks = simulation.simulate(
                seed=own_seed, scene=scene, microscope=microscope, objects=table, name=_name(index)
            )
            # A run that is not in the ledger yet was cut short: write it anew.
            write_run(output, _name(index), volume, picks, overwrite=True)
            ledger.done(_name(index), {"seed": own_seed, "particles": _counts(picks)})
            bar.advance(1)
    for index in range(runs):
        found = ledger.runs[_name(index)]["particles"]
        listing = "  ".join(f"{name} {count}" for name, count in found.items())
        console.print(f"{_name(index)}: {listing or 'no particle fitted'}", highlight=False)
    kept = runs - len(todo)
    console.print(
        f"{output / 'copick.json'}: {runs} tomograms" + (f" ({kept} kept)" if kept else ""),
        highlight=False,
    )


def _name(index: int) -> str:
    """Return the name of a run."""
    return f"TS_sim_{index}"


def _counts(picks: Picks) -> dict[str, int]:
    """Count the picks of each object."""
    return {name: len(picks.of(name)) for name in picks.names}


def _version() -> str:
    """Return the version of the package that made the tomograms."""
    from importlib.metadata import version

    return version("tomoscout")
