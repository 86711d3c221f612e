"""``tomoscout merge``: picks of several methods, as one."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

if TYPE_CHECKING:
    from tomoscout.commands._merge_inputs import Method
    from tomoscout.core.objects import ObjectTable
    from tomoscout.core.picks import Picks

logger = logging.getLogger(__name__)


def merge(
    *picks: Path,
    output: Annotated[Path, Parameter(alias="-o")],
    shares: str | None = None,
    within: float = 0.5,
    missing: Literal["zero", "ignore"] = "zero",
    score: Literal["mean", "max"] = "mean",
    scale: Literal["none", "ranks"] = "none",
    threshold: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    candidates: bool = False,
    runs: str | None = None,
    objects: Path | None = None,
    project: Path | None = None,
    voxel_spacing: float | None = None,
    overwrite: bool = False,
) -> None:
    """Merge the picks of several methods, such as a U-Net and a slice detector.

    Picks of one object by different methods, nearer than a part of its radius, become one: at
    their mean place, with their mean score. Networks that see the same tomograms are better joined
    before picking (pick --model A --model B).

    Parameters
    ----------
    picks
        Pick files, or folders that pick, link or merge wrote; two or more.
    output
        Folder for picks.csv, picks.star and copick JSON, or a pick file.
    shares
        How much each input counts, with commas between: 0.7,0.3. Equal when not given.
    within
        How near picks must be, as a part of the object's radius.
    missing
        What an input that looks for an object says of a particle it did not find: a score of zero,
        or it is ignored.
    score
        The merged score: the mean by shares, or the best.
    scale
        ranks puts the scores of the inputs on one scale first, by the order of an object's picks
        over all runs; none takes them as they are.
    threshold
        Lowest merged score of a pick, as ``object=0.4`` (may be repeated) or one number for all.
    candidates
        Merge what 'pick' kept below its thresholds too (its folder candidates).
    runs
        Comma-separated runs; those that all inputs have when not given.
    objects
        Table of objects with their radii (YAML or copick config); the project's, or the CZII
        challenge's, when not given.
    project
        Project with the tomograms, for pick files that count voxels or from the centre.
    voxel_spacing
        Edge of a voxel in Å, where the project's tomograms do not say.
    overwrite
        Replace the output.
    """
    from tomoscout.commands._console import console
    from tomoscout.commands._merge_flags import check_output, parse_shares, parse_thresholds
    from tomoscout.commands._merge_inputs import read_method
    from tomoscout.commands._picks import Lattices
    from tomoscout.core.errors import UserError
    from tomoscout.core.objects import CZII, read_objects
    from tomoscout.io.project import open_project
    from tomoscout.ops.fuse import check_shares

    if len(picks) < 2:
        raise UserError(f"merge: found {len(picks)} input: give the picks of two methods or more")
    if not 0 < within <= 2:
        raise UserError(f"--within {within:g}: a part of the radius, above 0 and at most 2")
    counts = parse_shares(shares, len(picks))
    check_shares(counts, len(picks))
    check_output(output, overwrite=overwrite)
    opened = None if project is None else open_project(project, voxel_spacing=voxel_spacing)
    table = CZII if opened is None else opened.objects
    table = table if objects is None else read_objects(objects)
    limits = parse_thresholds(threshold, table)
    lattices = None if opened is None else Lattices(opened)
    methods = [
        read_method(path, objects=table, lattices=lattices, candidates=candidates) for path in picks
    ]
    chosen = _choose(methods, runs)
    parts = _merge(
        methods, chosen, table, shares=counts, within=within, missing=missing, combine=score,
        scale=scale == "ranks",
    )  # fmt: skip
    parts = [part.above(dict.fromkeys(table.names, 0.0) | limits) for part in parts]
    settings = {
        "picks": [str(path) for path in picks],
        "shares": list(counts),
        "within": within,
        "missing": missing,
        "score": score,
        "scale": scale,
        "thresholds": limits,
        "candidates": candidates,
    }
    looked_for = [n for n in table.names if any(n in method.looks_for for method in methods)]
    written = _write(parts, output, settings, looked_for, overwrite=overwrite)
    for part in parts:
        found = "  ".join(f"{name} {len(part.of(name))}" for name in looked_for)
        console.print(f"{part.run or 'picks'}: {found}", highlight=False, markup=False)
    console.print(f"picks: {', '.join(map(str, written))}", highlight=False, markup=False)


def _merge(
    methods: Sequence[Method],
    runs: Sequence[str],
    table: ObjectTable,
    *,
    shares: Sequence[float],
    within: float,
    scale: bool,
    **how: Any,
) -> list[Picks]:
    """Merge object by object; only methods that look for an object have a say in it."""
    import numpy as np

    from tomoscout.core.picks import Picks
    from tomoscout.ops.fuse import Points, fuse
    from tomoscout.ops.same_scale import same_scale

    merged: dict[str, list[Picks]] = {run: [] for run in runs}
    for entry in table.each():
        at = [i for i, method in enumerate(methods) if entry.name in method.looks_for]
        if not at:
            continue
        of = [[methods[i].picks[run].of(entry.name) for run in runs] for i in at]
        scores = [np.concatenate([part.score_array for part in parts]) for parts in of]
        scores = same_scale(scores) if scale else scores
        ends = [np.cumsum([len(part) for part in parts])[:-1] for parts in of]
        split = [np.split(all_, end) for all_, end in zip(scores, ends, strict=True)]
        for r, run in enumerate(runs):
            points = [Points(of[m][r].zyx, split[m][r]) for m in range(len(at))]
            found = fuse(points, reach=within * entry.radius, shares=[shares[i] for i in at], **how)
            together = Picks.concatenate([of[m][r] for m in range(len(at))])
            turned = together.rotations
            poses = None if turned is None else turned[found.seeds]
            merged[run].append(Picks(found.zyx, entry.name, found.scores, poses, run))
    frames = {run: _extent(methods, run) for run in runs}
    return [
        Picks.concatenate([Picks.empty(run, frames[run]), *parts]) for run, parts in merged.items()
    ]


def _extent(methods: Sequence[Method], run: str) -> tuple[float, float, float] | None:
    """Return the edges of a run's tomogram, if any method knows them."""
    return next((m.extents[run] for m in methods if run in m.extents), None)


def _choose(methods: Sequence[Method], names: str | None) -> list[str]:
    """Return the runs that all methods have, or those asked for."""
    from tomoscout.commands._runs import split_names
    from tomoscout.core.errors import UserError, did_you_mean

    everywhere = list(dict.fromkeys(run for method in methods for run in method.picks))
    common = [run for run in everywhere if all(run in method.picks for method in methods)]
    if names is not None:
        for name in (wanted := split_names(names)):
            for method in methods:
                if name not in method.picks:
                    raise UserError(
                        f"{method.path}: no picks of run '{name}': it has "
                        f"{', '.join(list(method.picks)[:10])}." + did_you_mean(name, method.picks)
                    )
        return wanted
    if not common:
        listed = "; ".join(f"{m.path}: {', '.join(list(m.picks)[:3]) or 'none'}" for m in methods)
        raise UserError(f"merge: no run that all inputs have ({listed})")
    if left := [run for run in everywhere if run not in common]:
        logger.warning("not merged, since not all inputs have them: %s", ", ".join(left[:10]))
    return common


def _write(
    parts: Sequence[Picks],
    output: Path,
    settings: dict[str, Any],
    names: Sequence[str],
    *,
    overwrite: bool,
) -> list[Path]:
    """Write a file, or a folder as ``pick`` does; it appears whole or not at all."""
    from tomoscout.io._atomic import atomic_path, write_json
    from tomoscout.io.picks import write_picks
    from tomoscout.io.picks.copick import write_overlay

    if output.suffix:
        return write_picks(parts, output, overwrite=overwrite)
    tables = ["picks.csv"]
    if all(part.extent is not None for part in parts):
        tables.append("picks.star")
    else:
        logger.warning("no picks.star: it counts from the tomograms' centres: give --project")
    facts = {
        part.run: {"extent": part.extent, "picks": {name: len(part.of(name)) for name in names}}
        for part in parts
    }
    with atomic_path(output, overwrite=overwrite) as folder:
        folder.mkdir()
        for name in tables:
            write_picks(parts, folder / name)
        if all(part.run for part in parts):
            write_overlay(parts, folder, names=names)
        write_json(folder / "merge.json", {"settings": settings, "runs": facts}, overwrite=True)
    return [output / name for name in tables]
