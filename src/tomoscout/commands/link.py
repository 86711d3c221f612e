"""``tomoscout link``: what a YOLO found in slices, linked into picks."""

from __future__ import annotations

import hashlib
import logging
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

if TYPE_CHECKING:
    from tomoscout.core.objects import ObjectTable
    from tomoscout.core.picks import Picks
    from tomoscout.io.project import Project, Run
    from tomoscout.io.yolo_predictions import LabelFiles
    from tomoscout.ops.link import LinkRule

logger = logging.getLogger(__name__)


def link(
    labels: Path,
    project: Path,
    *,
    output: Annotated[Path, Parameter(alias="-o")] = Path("picks"),
    rule: str = "cluster",
    classes: str | None = None,
    objects: str | None = None,
    runs: str | None = None,
    voxel_spacing: float | None = None,
    overwrite: bool = False,
) -> None:
    """Link the boxes that an external YOLO found in slices into picks.

    The slices are those of the dataset that 'tomoscout prepare' writes, predicted with text files
    and confidences (Ultralytics: save_txt=True save_conf=True). Writes picks.star, picks.csv and
    copick JSON, as 'pick' does. A job that was stopped goes on where it was.

    Parameters
    ----------
    labels
        Folder with a RUN_z0012.txt per slice: lines of class, centre, edges and confidence.
    project
        Project with the tomograms: their voxels and edges turn boxes into ångström.
    output
        Folder for the picks.
    rule
        Which boxes belong together: chain (within 15 Å and the next slice but one), cluster
        (within 20 Å and 30 Å in z, a least number of slices per object), or a YAML file with the
        settings of ``tomoscout.ops.link.LinkRule``.
    classes
        Comma-separated object names of the classes 0, 1, ...; the project's objects in their order,
        as in the dataset, when not given.
    objects
        Comma-separated names of the objects to link; all when not given.
    runs
        Comma-separated names; all that have predictions when not given.
    voxel_spacing
        Edge of a voxel in Å, where the files' headers do not say.
    overwrite
        Start anew in a folder that already holds picks.
    """
    from tomoscout.commands._ledger import Ledger
    from tomoscout.commands._runs import choose_runs
    from tomoscout.commands._tables import conclude
    from tomoscout.core.errors import UserError
    from tomoscout.io.project import open_project
    from tomoscout.io.yolo_predictions import label_files

    chosen_rule = _rule(rule)
    opened = open_project(project, voxel_spacing=voxel_spacing)
    names, wanted = _names(opened, classes, objects)
    files = label_files(labels, runs=opened.names)
    chosen = [run for run in choose_runs(opened, runs) if files[run.name] or runs is not None]
    if others := len(opened) - len(chosen) if runs is None else 0:
        logger.warning("%s: no predictions of %d of %d runs", labels, others, len(opened))
    settings = {
        "labels": str(labels.resolve()),
        "rule": chosen_rule.model_dump(mode="json"),
        "classes": names,
        "objects": wanted.names,
        "voxel_spacing": voxel_spacing,
    }

    digests = {run.name: _digest(files[run.name]) for run in chosen}

    def one(run: Run) -> dict[str, Any]:
        found = _link_run(run, files[run.name], names, wanted, chosen_rule, output)
        counts = {name: len(found.of(name)) for name in wanted.names}
        facts = {"slices": len(files[run.name]), "labels": digests[run.name]}
        return {"extent": found.extent, **facts, "picks": counts}

    with Ledger(output, "link", settings, overwrite=overwrite) as ledger:
        for name, digest in digests.items():
            if ledger.runs.get(name, {}).get("labels", digest) != digest:
                raise UserError(
                    f"{labels}: other predictions of run '{name}' than {output} was made from: "
                    "choose another folder, or --overwrite to start anew"
                )
        failed = ledger.work(chosen, one)
        conclude(output, ledger.runs, [run.name for run in chosen], failed)


def _digest(files: LabelFiles) -> str:
    """Return a short text that differs where a slice has other predictions."""
    digest = hashlib.sha256()
    for z, path in sorted(files.items()):
        with suppress(OSError):  # its reader will say what is wrong with it
            digest.update(f"{z} {path.stat().st_size} ".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _rule(name: str) -> LinkRule:
    """Return a rule by name, or read it from a YAML file."""
    from tomoscout.core.errors import UserError, did_you_mean
    from tomoscout.core.settings import read_yaml, validate
    from tomoscout.ops.link import RULES, LinkRule

    if name in RULES:
        return RULES[name]
    if Path(name).suffix in (".yaml", ".yml"):
        return validate(LinkRule, read_yaml(Path(name)), source=name)
    raise UserError(
        f"--rule {name}: choose from {', '.join(RULES)}, or give a YAML file."
        + did_you_mean(name, RULES)
    )


def _names(
    project: Project, classes: str | None, objects: str | None
) -> tuple[list[str], ObjectTable]:
    """Return the names of the classes in order, and the table of the objects to link."""
    from tomoscout.commands._runs import split_names
    from tomoscout.core.errors import UserError, did_you_mean
    from tomoscout.core.objects import ObjectTable

    names = project.objects.names
    if classes is not None:
        names = split_names(classes, flag="--classes")
        for name in names:
            project.objects[name]  # raises, and names the nearest
    wanted = names if objects is None else split_names(objects, flag="--objects")
    for name in wanted:
        if name not in names:
            raise UserError(
                f"--objects {name}: the classes are {', '.join(names)}." + did_you_mean(name, names)
            )
    return names, ObjectTable(objects=tuple(project.objects[name] for name in wanted))


def _link_run(
    run: Run,
    files: LabelFiles,
    names: list[str],
    objects: ObjectTable,
    rule: LinkRule,
    output: Path,
) -> Picks:
    """Link one run and write its copick JSON."""
    from dataclasses import replace

    from tomoscout.core.errors import UserError
    from tomoscout.io.picks.copick import write_overlay
    from tomoscout.io.yolo_predictions import read_yolo
    from tomoscout.ops.link import link as link_boxes

    geometry = run.geometry
    if geometry is None:
        raise UserError(f"run '{run.name}': no tomogram, so boxes cannot become ångström")
    boxes = read_yolo(files, geometry=geometry, names=names)
    found = link_boxes(boxes, objects=objects, rule=rule)
    found = replace(found, run=run.name, extent=geometry.extent)
    write_overlay([found], output, user="tomoscout", session="0", names=objects.names)
    return found
