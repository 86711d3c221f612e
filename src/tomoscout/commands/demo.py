"""``tomoscout demo``: the whole way in minutes, on simulated tomograms."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

RUNS = 12
SHAPE = (128, 256, 256)
HELD_OUT_SHAPE = (128, 384, 384)
CROWDING = 3.0


def demo(
    *,
    output: Annotated[Path, Parameter(alias="-o")] = Path("demo"),
    steps: int | None = None,
    seed: int = 0,
    device: str = "auto",
    overwrite: bool = False,
) -> None:
    """Simulate tomograms, train a detector, pick a held-out tomogram, score it, draw the page.

    Thirteen small tomograms are simulated: ten to train on, two to choose weights and thresholds
    on, and one that nothing was fitted to, whose score is reported. Minutes on two CPU cores.

    Parameters
    ----------
    output
        Folder for everything.
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
    from tomoscout.commands.evaluate import evaluate
    from tomoscout.commands.pick import pick
    from tomoscout.commands.report import report
    from tomoscout.commands.simulate import simulate
    from tomoscout.commands.train import train

    training, held_out = output / "training", output / "heldout"
    model, picks = output / "model", output / "picks"
    console.rule("1 of 5  simulate", align="left")
    simulate(training, runs=RUNS, shape=SHAPE, seed=seed, crowding=CROWDING, overwrite=overwrite)
    simulate(
        held_out,
        runs=1,
        shape=HELD_OUT_SHAPE,
        seed=seed + 1000,
        crowding=CROWDING,
        overwrite=overwrite,
    )
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
    console.rule("3 of 5  pick the held-out tomogram", align="left")
    pick(
        held_out / "copick.json",
        model=str(model),
        output=picks,
        device=device,
        overwrite=overwrite,
    )
    console.rule("4 of 5  score it", align="left")
    evaluate(picks, held_out / "copick.json", output=output / "evaluation", overwrite=True)
    console.rule("5 of 5  draw the page", align="left")
    report(
        picks,
        held_out / "copick.json",
        output=output / "report.html",
        training=model,
        title="Tomoscout demo: a simulated tomogram that nothing was fitted to",
        overwrite=True,
    )
    console.rule("done", align="left")
    console.print(
        f"page    {output / 'report.html'}\n"
        f"picks   {picks / 'picks.star'}  {picks / 'picks.csv'}  {picks / 'ExperimentRuns'}\n"
        f"model   {model / 'model.safetensors'}\n"
        f"score   {_score(output / 'evaluation' / 'evaluation.json')}\n"
        f"next    tomoscout pick YOUR_TOMOGRAM.mrc --voxel-spacing 10 --model {model} -o picks/",
        highlight=False,
    )


def _score(path: Path) -> str:
    """Return the scores of the held-out tomogram in one line."""
    import json

    scores = json.loads(path.read_text("utf-8"))["scores"]["czii"]
    parts = [f"{name} {facts['f_beta']:.2f}" for name, facts in scores["objects"].items()]
    return f"F4 {scores['weighted']:.3f} weighted: " + "  ".join(parts)
