"""``tomoscout prepare``: training data as files, for programs that want them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

if TYPE_CHECKING:
    from tomoscout.commands._prepare_settings import PrepareSettings
    from tomoscout.io.project import Project, Run


def prepare(
    project: Path,
    *,
    output: Annotated[Path, Parameter(alias="-o")],
    what: Literal["masks", "tokens", "yolo"] = "masks",
    target: str | None = None,
    name: str = "masks",
    npy: bool = False,
    previews: bool = False,
    validation: str | None = None,
    runs: str | None = None,
    kind: str | None = None,
    objects: Path | None = None,
    voxel_spacing: float | None = None,
    overwrite: bool = False,
    settings: Annotated[tuple[str, ...], Parameter(name="--set")] = (),
) -> None:
    """Write training masks, token cubes or YOLO slices of a project's annotated runs.

    For other programs, and for looking at: 'train' needs none of these, it draws its targets on
    the fly. A job that was stopped goes on where it was; a run that fails is reported at the end
    and does not stop the others.

    Parameters
    ----------
    project
        Copick config, Kaggle folder, or folder of tomograms with pick files beside them.
    output
        Folder for the files.
    what
        masks: a label volume per run, as copick segmentation (OME-Zarr), in a project with the
        picks. tokens: one pair of .pt files, (n, 1, 96, 96, 96) cubes and (n, 4096) labels.
        yolo: slices as pictures with boxes, in YOLO's dataset format.
    target
        What masks are drawn by: spheres (--target.radius 0.5 of the object's), points (one voxel
        each) or heatmaps; spheres when not given. Tokens have their own (--target.threshold 0.3).
    name
        Name of the segmentation.
    npy
        Write each label volume as npy/RUN.npy too.
    previews
        Draw each label volume as PNG: outlines and the particles' circles on slices, and all of it
        from above; pick it as if a network had answered with it, and say the F4 that it reaches.
        Masks and tokens: draw how many labels each object has.
    validation
        Comma-separated runs that go to YOLO's val folders.
    runs
        Comma-separated names; all runs that have picks when not given.
    kind
        Kind of tomogram, such as denoised or wbp.
    objects
        Table of objects (YAML or copick config), instead of the project's own.
    voxel_spacing
        Edge of a voxel in Å, where the files' headers do not say.
    overwrite
        Start anew in a folder that already holds prepared files.
    settings
        More settings, ``section.key=value``; also as ``--section.key value``, such as
        ``--target.radius 0.4``, ``--cubes.empty 0.2``, ``--yolo.step 2``.
    """
    from tomoscout.commands._console import console
    from tomoscout.commands._ledger import Ledger
    from tomoscout.core.errors import UserError
    from tomoscout.io.project import open_project

    _check_flags(what, target=target, npy=npy, previews=previews, validation=validation)
    chosen = _settings(what, target, settings)
    opened = open_project(project, voxel_spacing=voxel_spacing, objects=objects)
    picked = _annotated(opened, runs)
    held_out = _held_out(validation, picked)
    record = {
        "what": what,
        "name": name,
        "npy": npy,
        "previews": previews,
        "kind": kind,
        "voxel_spacing": voxel_spacing,
        "validation": held_out,
        "objects": opened.objects.model_dump(mode="json"),
        "settings": chosen.model_dump(mode="json"),
    }
    do: Any
    finish: Any = None
    if what == "masks":
        from tomoscout.commands._prepare_masks import Masks

        do = finish = Masks(
            opened, output, chosen.target, kind, name=name, npy=npy, previews=previews
        )
    elif what == "tokens":
        from tomoscout.commands._prepare_tokens import Tokens

        do = finish = Tokens(opened, output, chosen, kind, previews)
    else:
        from tomoscout.commands._prepare_slices import Slices

        do = Slices(opened, output, chosen.yolo, kind, held_out)
    with Ledger(output, "prepare", record, overwrite=overwrite) as ledger:
        failed = ledger.work(picked, do.run)
        for run in picked:
            if run.name in ledger.runs:
                console.print(f"{run.name}: {do.tell(ledger.runs[run.name])}", highlight=False)
        if finish is not None and ledger.runs:
            finish.join(ledger.runs)
        if ledger.runs:
            console.print(do.where(), highlight=False)
        if failed:
            raise UserError(f"{len(failed)} of {len(picked)} runs failed; the first: {failed[0]}")


def _check_flags(
    what: str, *, target: str | None, npy: bool, previews: bool, validation: str | None
) -> None:
    """Refuse flags that say nothing about what is written."""
    from tomoscout.core.errors import UserError

    for flag, given, meant in (
        ("--target", target is not None, ("masks",)),
        ("--npy", npy, ("masks",)),
        ("--previews", previews, ("masks", "tokens")),
        ("--validation", validation is not None, ("yolo",)),
    ):
        if given and what not in meant:
            kinds = " or ".join(meant)
            raise UserError(f"{flag} is for --what {kinds}, not for {what}: leave it out")


def _settings(what: str, target: str | None, pairs: tuple[str, ...]) -> PrepareSettings:
    """Lay the flags over the defaults; the tokens' labels have a target of their own."""
    from tomoscout.commands._prepare_settings import PrepareSettings
    from tomoscout.core.settings import merge, parse_overrides, validate
    from tomoscout.targets import TARGETS

    name = "tokens" if what == "tokens" else target or "spheres"
    values = merge({"target": {"name": name}}, parse_overrides(pairs))
    chosen = validate(PrepareSettings, values, source="prepare")
    chosen.target.resolve(TARGETS)
    return chosen


def _annotated(project: Project, names: str | None) -> list[Run]:
    """Return the runs to work on: those that have picks, or those named."""
    from tomoscout.commands._runs import choose_runs
    from tomoscout.core.errors import UserError

    found = [r for r in choose_runs(project, names) if names is not None or r.has_picks]
    if not found:
        raise UserError(
            f"{project.path}: no run has picks: put pick files beside the tomograms, or give a "
            "project that has some"
        )
    return found


def _held_out(names: str | None, runs: list[Run]) -> list[str]:
    """Return the runs of YOLO's validation; each must be one of those worked on."""
    from tomoscout.commands._runs import split_names
    from tomoscout.core.errors import UserError, did_you_mean

    known = [run.name for run in runs]
    held_out = [] if names is None else split_names(names, flag="--validation")
    for name in held_out:
        if name not in known:
            raise UserError(
                f"--validation: no run '{name}': there are {', '.join(known)}."
                + did_you_mean(name, known)
            )
    return sorted(set(held_out))
