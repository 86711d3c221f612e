"""The first half of the short ``tomoscout demo``: a tomogram that no weights have seen."""

from __future__ import annotations

from pathlib import Path

SHAPE = (184, 480, 480)
CROWDING = 1.5


def simulate_fresh(output: Path, *, seed: int, overwrite: bool) -> Path:
    """Simulate a tomogram with the full microscope; return its project.

    Parameters
    ----------
    output
        Folder of the demo.
    seed
        Another number simulates another tomogram.
    overwrite
        Start anew in a folder that already holds a demo.

    Raises
    ------
    UserError
        If there are no weights to pick it with.
    """
    from tomoscout.commands._console import console
    from tomoscout.commands.simulate import simulate
    from tomoscout.core.errors import UserError
    from tomoscout.inference.find import find_weights

    try:
        find_weights()
    except UserError as error:  # told before the work, with what the demo can do about it
        raise UserError(f"{error}; or make some: tomoscout demo --train") from error
    console.rule("1 of 4  simulate", align="left")
    folder = output / "simulated"
    simulate(folder, runs=1, shape=SHAPE, crowding=CROWDING, seed=seed, overwrite=overwrite)
    return folder / "copick.json"
