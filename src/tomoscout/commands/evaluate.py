"""``tomoscout evaluate``: score picks against the truth, as the challenge does and otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

if TYPE_CHECKING:
    from tomoscout.commands._evaluate_runs import Material


def evaluate(
    picks: Path,
    truth: Path,
    *,
    voxel_spacing: float | None = None,
    objects: Path | None = None,
    runs: str | None = None,
    candidates: Path | None = None,
    any_object: bool = False,
    metric: Literal["czii", "shrec"] | None = None,
    beta: float | None = None,
    radius_fraction: float | None = None,
    output: Annotated[Path | None, Parameter(alias="-o")] = None,
    overwrite: bool = False,
) -> None:
    """Score picks against the truth, per object and over all of them.

    The score is that of the CZII challenge (F4 within half a radius). Beside it stand a stricter
    one, in which every pick and every particle has one partner at most, average precision, and
    how far off the hits are; the files also hold F1, which object is taken for which, and where
    in the tomogram particles are missed.

    Parameters
    ----------
    picks
        Pick file, a folder of them, or the folder that ``tomoscout pick`` wrote.
    truth
        Project with annotated runs, or a pick file or folder.
    voxel_spacing
        Edge of a voxel in Å, where the truth's tomograms do not say.
    objects
        Table of objects (YAML or copick config), instead of the project's own.
    runs
        Comma-separated runs to score, also those without picks; those of the picks by default.
    candidates
        Picks before thresholds, for average precision; those beside the picks when not given.
    any_object
        Tell only which particles have a pick on them, whatever it is called; names that no table
        knows, such as those of clusters and blobs, will do.
    metric
        Add SHREC's scoring (shrec) or leave it out (czii); it is added for SHREC's data.
    beta
        How many times as much recall counts as precision; the challenge's 4 when not given.
    radius_fraction
        How far off a hit may be, in radii; the challenge's 0.5 when not given.
    output
        Folder for evaluation.json, evaluation.csv and confusion.csv, or for any_object.json.
    overwrite
        Replace these files.
    """
    from tomoscout.commands._console import console
    from tomoscout.commands._evaluate_files import ANY_OBJECT, FILES, write_evaluation
    from tomoscout.commands._evaluate_runs import gather
    from tomoscout.commands._evaluate_scores import score_all
    from tomoscout.commands._evaluate_table import remarks, score_table, shrec_table
    from tomoscout.core.errors import UserError
    from tomoscout.metrics import BETA, REACH

    for flag, value in (("--beta", beta), ("--radius-fraction", radius_fraction)):
        if value is not None and not 0 < value < float("inf"):
            raise UserError(f"{flag}: give a number above 0, found {value:g}")
    of_names = {"--candidates": candidates, "--metric": metric, "--beta": beta}
    for flag in [flag for flag, given in of_names.items() if any_object and given is not None]:
        raise UserError(f"{flag} has no meaning with --any-object: leave out one of them")
    files = (ANY_OBJECT,) if any_object else FILES
    for target in [output / name for name in files] if output else []:
        if target.exists() and not overwrite:
            raise UserError(f"{target}: exists: pass --overwrite to replace it")
    material = gather(
        picks,
        truth,
        candidates=candidates,
        voxel_spacing=voxel_spacing,
        objects=objects,
        runs=runs,
        any_object=any_object,
    )
    fraction = REACH if radius_fraction is None else radius_fraction
    facts = {
        "picks": str(picks),
        "truth": str(truth),
        "left_out": list(material.left_out),
        "radius_fraction": fraction,
    }
    if any_object:
        _show_any_object(material, fraction, facts, output)
        return
    of_shrec = material.project is not None and material.project.layout == "shrec"
    found = score_all(
        material,
        beta=BETA if beta is None else beta,
        radius_fraction=fraction,
        as_shrec=metric == "shrec" or (metric is None and of_shrec),
        places=output is not None,
    )
    console.print(score_table(found))
    for remark in remarks(found, material):
        console.print(remark, highlight=False, markup=False)
    if found.shrec is not None:
        console.print(shrec_table(found.shrec))
    if output is not None:
        paths = write_evaluation(output, found, facts)
        shown = ", ".join(str(path) for path in paths)
        console.print(f"evaluation: {shown}", highlight=False, markup=False)


def _show_any_object(
    material: Material, fraction: float, facts: dict[str, object], output: Path | None
) -> None:
    """Count picks whatever they are called; print the counts, and write them."""
    from tomoscout.commands._console import console
    from tomoscout.commands._evaluate_files import write_any_object
    from tomoscout.commands._evaluate_table import any_object_table, left_out
    from tomoscout.metrics.any_object import score

    found = score(
        material.picks, material.truth, objects=material.objects, radius_fraction=fraction
    )
    console.print(any_object_table(found))
    for remark in left_out(material):
        console.print(remark, highlight=False, markup=False)
    if output is not None:
        path = write_any_object(output, found, facts)
        console.print(f"evaluation: {path}", highlight=False, markup=False)
