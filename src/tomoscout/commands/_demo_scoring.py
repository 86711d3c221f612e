"""The second half of ``tomoscout demo``: pick the tomogram, score the picks, draw the page."""

from __future__ import annotations

from pathlib import Path


def score(
    project: Path,
    *,
    output: Path,
    model: Path | None,
    title: str,
    follow: str,
    device: str,
    overwrite: bool,
) -> None:
    """Pick, evaluate and report; end with five lines: page, picks, model, score, next.

    Parameters
    ----------
    project
        Project with the one tomogram and its truth.
    output
        Folder of the demo.
    model
        Folder of the training; the shipped weights when None.
    title
        Heading of the page.
    follow
        The command to try next.
    device
        auto, cpu, cuda or cuda:N.
    overwrite
        Start anew in a folder that already holds a demo.
    """
    from tomoscout.commands._console import console
    from tomoscout.commands._prediction import PredictionFlags
    from tomoscout.commands.evaluate import evaluate
    from tomoscout.commands.pick import pick
    from tomoscout.commands.report import report
    from tomoscout.inference.find import DEFAULT, find_weights

    picks, page = output / "picks", output / "report.html"
    before, count = (1, 4) if model is None else (2, 5)
    console.rule(f"{before + 1} of {count}  pick", align="left")
    pick(
        project,
        output=picks,
        flags=PredictionFlags(model=() if model is None else (str(model),), device=device),
        overwrite=overwrite,
    )
    console.rule(f"{before + 2} of {count}  score it", align="left")
    evaluate(picks, project, output=output / "evaluation", overwrite=True)
    console.rule(f"{before + 3} of {count}  draw the page", align="left")
    report(picks, project, output=page, training=model, title=title, overwrite=True)
    weights = str(find_weights(model)) if model else f"{DEFAULT}  {find_weights()}"
    console.rule("done", align="left")
    console.print(
        f"page    {page}\n"
        f"picks   {picks / 'picks.star'}  {picks / 'picks.csv'}  {picks / 'ExperimentRuns'}\n"
        f"model   {weights}\n"
        f"score   {_told(output / 'evaluation' / 'evaluation.json')}\n"
        f"next    {follow}",
        highlight=False,
    )


def _told(path: Path) -> str:
    """Return the scores in one line."""
    import json

    scores = json.loads(path.read_text("utf-8"))["scores"]["czii"]
    parts = [f"{name} {facts['f_beta']:.2f}" for name, facts in scores["objects"].items()]
    return f"F4 {scores['weighted']:.3f} weighted: " + "  ".join(parts)
