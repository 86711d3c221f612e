"""``tomoscout pick``: the main job, from tomograms to picks."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from tomoscout.commands._prediction import NO_FLAGS, PredictionFlags

if TYPE_CHECKING:
    from tomoscout.commands._drawing import Drawing
    from tomoscout.core.picks import Picks
    from tomoscout.inference.ensemble import Ensemble
    from tomoscout.inference.score_map import ScoreMap
    from tomoscout.inference.weights import Detector
    from tomoscout.io.project import Run
    from tomoscout.io.scores import Extent


def pick(
    source: Path | None = None,
    *,
    output: Annotated[Path, Parameter(alias="-o")] = Path("picks"),
    flags: PredictionFlags = NO_FLAGS,
    objects: str | None = None,
    threshold: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    params: Path | None = None,
    together: bool | None = None,
    picker: str | None = None,
    settings: Annotated[tuple[str, ...], Parameter(name="--set", show=False)] = (),
    scores: Path | None = None,
    overwrite: bool = False,
) -> None:
    """Find the particles of a tomogram, or of every run of a project.

    Writes picks.star (RELION 5), picks.csv and copick JSON, and of a Kaggle folder
    submission.csv. A job that was stopped goes on where it was, within a large tomogram too; a run
    that fails is reported at the end and does not stop the others.

    Parameters
    ----------
    source
        Tomogram (.mrc, .rec, .map, .zarr), folder of tomograms, copick config or Kaggle folder.
    output
        Folder for the picks.
    objects
        Comma-separated names of the objects to pick; all that the weights find when not given.
    threshold
        Lowest score of a pick, as ``object=0.4`` (may be repeated) or one number for all.
    params
        Parameters that 'tomoscout tune' or a campaign wrote (JSON): thresholds, pickers, views, and
        how several weights are joined; flags come before them.
    together
        Pick all objects from one map, and call each pick by what is likeliest there; for objects
        that are sizes or kinds of one thing. What the parameters or the weights say when not given.
    picker
        How picks are drawn from score maps, such as local_max or components; its settings are
        given as --picker.distance 1.0. What the parameters or the weights say when not given.
    scores
        Folder of score maps that 'tomoscout predict' wrote, instead of predicting; the source may
        then be left out.
    overwrite
        Start anew in a folder that already holds picks.
    """
    from tomoscout.commands._drawing import choose_drawing, parse_picker
    from tomoscout.commands._ledger import Ledger
    from tomoscout.commands._runs import check_objects, choose_runs, split_names
    from tomoscout.commands._score_sources import Maps, Tomograms
    from tomoscout.commands._tables import conclude
    from tomoscout.core.errors import UserError
    from tomoscout.core.parameters import read_parameters
    from tomoscout.ops.precision import choose_device

    choose_device(flags.device)
    choice = parse_picker(picker, settings)
    parameters = None if params is None else read_parameters(params)
    opened: Tomograms | Maps
    if scores is not None:
        opened = Maps.open(scores, source, flags, parameters)
    elif source is not None:
        opened = Tomograms.open(source, flags, parameters)
    else:
        raise UserError(
            "nothing to pick: give a tomogram, a project, or score maps with --scores. "
            "See tomoscout pick --help"
        )
    wanted = split_names(objects, flag="--objects") if objects else opened.model.objects.names
    drawing = choose_drawing(
        opened.model,
        objects=wanted,
        threshold=threshold,
        picker=choice,
        parameters=parameters,
        together=together,
    )
    check_objects(opened.model, opened.project, drawing.thresholds)
    chosen = choose_runs(opened.project, flags.runs)
    ledger = Ledger(output, "pick", opened.noted | drawing.noted(), overwrite=overwrite)

    def one(run: Run, material: Any) -> dict[str, Any]:
        with opened.map_of(run, material, output) as (found, extent):
            picks = _draw(run.name, found, opened.model, drawing, extent=extent, output=output)
        counts = {name: len(picks.of(name)) for name in drawing.thresholds}
        return {"extent": picks.extent, "picks": counts}

    with ledger:
        failed = ledger.work(chosen, one, read=opened.read)
        conclude(
            output,
            ledger.runs,
            [run.name for run in chosen],
            failed,
            submission=opened.project.layout == "kaggle",
        )


def _draw(
    name: str,
    scores: ScoreMap,
    model: Detector | Ensemble,
    drawing: Drawing,
    *,
    extent: Extent,
    output: Path,
) -> Picks:
    """Pick one run; write its copick JSON, and the candidates below the thresholds."""
    from tomoscout.core.picks import Picks
    from tomoscout.inference.detect import FLOOR
    from tomoscout.inference.find_all import find_all
    from tomoscout.io.picks import write_picks
    from tomoscout.io.picks.copick import write_overlay

    limits = drawing.thresholds
    draw = partial(find_all, scores, model, pickers=drawing.pickers, together=drawing.together)
    frame = Picks.empty(name, extent)
    found = draw(thresholds=limits)
    below = draw(thresholds=dict.fromkeys(limits, FLOOR))
    write_picks(Picks.concatenate([frame, below]), output / "candidates" / f"{name}.csv")
    picks = Picks.concatenate([frame, found])
    write_overlay([picks], output, user="tomoscout", session="0", names=list(limits))
    return picks
