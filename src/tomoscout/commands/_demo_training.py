"""The first half of ``tomoscout demo --train``: small tomograms, and a detector from them."""

from __future__ import annotations

from pathlib import Path

RUNS = 12
SHAPE = (128, 256, 256)
HELD_OUT_SHAPE = (128, 384, 384)
CROWDING = 3.0
# Few tomograms are to be alike enough to learn from in minutes.
ALIKE = ("vary.crowding=1,1", "vary.debris=1,1")


def simulate_and_train(
    output: Path, *, steps: int | None, seed: int, device: str, overwrite: bool
) -> tuple[Path, Path]:
    """Simulate tomograms and train on them; return the held-out project and the weights' folder.

    Parameters
    ----------
    output
        Folder of the demo.
    steps
        Training steps, instead of the demo recipe's.
    seed
        Another number simulates other tomograms.
    device
        auto, cpu, cuda or cuda:N.
    overwrite
        Start anew in a folder that already holds a demo.
    """
    from tomoscout.commands._console import console
    from tomoscout.commands.train import train

    training, held_out, model = output / "training", output / "heldout", output / "model"
    console.rule("1 of 5  simulate", align="left")
    _simulate(training, runs=RUNS, shape=SHAPE, seed=seed, overwrite=overwrite)
    _simulate(held_out, runs=1, shape=HELD_OUT_SHAPE, seed=seed + 1000, overwrite=overwrite)
    console.rule("2 of 5  train", align="left")
    train(
        training / "copick.json",
        output=model,
        recipe="demo",
        validation="TS_sim_0,TS_sim_1",
        device=device,
        overwrite=overwrite,
        settings=() if steps is None else (f"training.steps={steps}",),
    )
    return held_out / "copick.json", model


def _simulate(
    folder: Path, *, runs: int, shape: tuple[int, int, int], seed: int, overwrite: bool
) -> None:
    """Simulate with the quick microscope, which leaves the minutes to the training."""
    from tomoscout.commands.simulate import simulate

    simulate(
        folder,
        runs=runs,
        shape=shape,
        seed=seed,
        physics="quick",
        crowding=CROWDING,
        overwrite=overwrite,
        settings=ALIKE,
    )
