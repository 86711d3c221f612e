"""``tomoscout demo``: a fresh simulated tomogram picked and scored, or the whole cycle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def demo(
    *,
    train: bool = False,
    output: Annotated[Path | None, Parameter(alias="-o")] = None,
    steps: int | None = None,
    seed: int = 0,
    device: str = "auto",
    overwrite: bool = False,
) -> None:
    """Simulate a tomogram, pick it with the shipped weights, score it, draw the page.

    The tomogram is fresh: the full microscope takes it now, and the weights have never seen it.
    Under a minute on two CPU cores.

    With --train, the whole cycle in minutes: thirteen small tomograms are simulated with the quick
    microscope, ten to train on, two to choose weights and thresholds on, and one that nothing was
    fitted to, whose score is reported.

    Parameters
    ----------
    train
        Train a detector first, instead of using the shipped weights.
    output
        Folder for everything; demo, or demo-train with --train, when not given.
    steps
        Training steps, instead of the demo recipe's; only with --train.
    seed
        Another number simulates other tomograms.
    device
        auto, cpu, cuda or cuda:N.
    overwrite
        Start anew in a folder that already holds a demo.
    """
    from tomoscout.commands._demo_fresh import simulate_fresh
    from tomoscout.commands._demo_scoring import score
    from tomoscout.commands._demo_training import simulate_and_train
    from tomoscout.core.errors import UserError
    from tomoscout.ops.precision import choose_device

    if steps is not None and not train:
        raise UserError("--steps: of the training, which the short demo does without: add --train")
    choose_device(device)
    if train:
        output = output or Path("demo-train")
        project, model = simulate_and_train(
            output, steps=steps, seed=seed, device=device, overwrite=overwrite
        )
        title = "Tomoscout demo: a simulated tomogram that nothing was fitted to"
        follow = f"tomoscout pick YOUR_TOMOGRAM.mrc --voxel-spacing 10 --model {model} -o picks/"
    else:
        output = output or Path("demo")
        project, model = simulate_fresh(output, seed=seed, overwrite=overwrite), None
        title = "Tomoscout demo: a fresh simulated tomogram, picked with the shipped weights"
        follow = "tomoscout pick YOUR_TOMOGRAM.mrc -o picks/, or the whole cycle: make demo-train"
    score(
        project,
        output=output,
        model=model,
        title=title,
        follow=follow,
        device=device,
        overwrite=overwrite,
    )
