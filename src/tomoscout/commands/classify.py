"""``tomoscout classify``: a second look at picks, which drops background and sorts out objects."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from tomoscout.core import usual

if TYPE_CHECKING:
    from tomoscout.core.picks import Picks
    from tomoscout.inference.classifier_weights import ClassifierWeights
    from tomoscout.inference.second_look import SecondLook
    from tomoscout.io.project import Run


def classify(
    project: Path,
    *,
    picks: Path,
    model: str,
    output: Annotated[Path, Parameter(alias="-o")],
    scores: Literal["multiply", "replace"] = usual.SECOND_SCORES,
    drop: float = usual.DROP,
    rename: bool = False,
    turns: int = 1,
    runs: str | None = None,
    kind: str | None = None,
    objects: Path | None = None,
    voxel_spacing: float | None = None,
    device: str = "auto",
    overwrite: bool = False,
) -> None:
    """Have a classifier look at picks again: background is dropped, the others get new scores.

    Picks may come from 'pick', 'discover', 'find' or any other program. Those of an object that the
    classifier does not know, such as candidates, get the name of the most probable one. Writes
    picks.star, picks.csv and copick JSON; a stopped job goes on.

    Parameters
    ----------
    project
        Tomogram, folder of tomograms, copick config or Kaggle folder.
    picks
        Picks to look at: a file in any format, a folder of picks, or a project.
    model
        Weights of 'tomoscout teach': its folder, or a .safetensors file.
    output
        Folder for the picks.
    scores
        multiply a pick's score by the probability of its object, or replace it.
    drop
        Probability of background above which a pick is dropped; 1 keeps all.
    rename
        Call all picks the object that is most probable there, also those that have a name.
    turns
        Quarter turns about the beam that each crop is looked at from, 1 to 4.
    runs
        Comma-separated runs; those with picks, or searched in vain, when not given.
    kind
        Kind of tomogram; that of the training, or the only one, when not given.
    objects
        Table of objects (YAML or copick config), instead of the project's own.
    voxel_spacing
        Edge of a voxel in Å, where the files' headers do not say.
    device
        auto, cpu, cuda or cuda:N.
    overwrite
        Start anew in a folder that already holds classified picks.
    """
    from tomoscout.commands._ledger import Ledger
    from tomoscout.commands._picks import given_picks
    from tomoscout.commands._runs import choose_runs, kind_to_use
    from tomoscout.commands._tables import conclude
    from tomoscout.core.errors import UserError
    from tomoscout.core.settings import validate
    from tomoscout.inference.classifier_weights import load_classifier
    from tomoscout.inference.second_look import SecondLook
    from tomoscout.io.project import open_project
    from tomoscout.ops.precision import choose_device

    choose_device(device)
    if not 1 <= turns <= 4:
        raise UserError(f"--turns {turns}: choose 1 to 4 quarter turns")
    asked = {"scores": scores, "drop": drop, "rename": rename}
    look = validate(SecondLook, asked, source="flags")
    classifier = load_classifier(model)
    opened = open_project(project, voxel_spacing=voxel_spacing, objects=objects)
    given = given_picks(
        picks, opened, None, flag="--picks", voxel_spacing=voxel_spacing, table=objects,
        searched=True,
    )  # fmt: skip
    chosen = [run for run in choose_runs(opened, runs) if runs is not None or run.name in given]
    kind = kind_to_use(kind, classifier, opened)
    noted = {
        **asked, "model": classifier.fingerprint, "picks": _digest(given), "turns": turns,
        "kind": kind, "voxel_spacing": voxel_spacing,
    }  # fmt: skip

    def one(run: Run) -> dict[str, Any]:
        return _look_at(
            run, given.get(run.name), classifier, look, kind=kind, turns=turns, device=device,
            output=output,
        )  # fmt: skip

    with Ledger(output, "classify", noted, overwrite=overwrite) as ledger:
        failed = ledger.work(chosen, one)
        conclude(output, ledger.runs, [run.name for run in chosen], failed)


def _look_at(
    run: Run,
    picks: Picks | None,
    classifier: ClassifierWeights,
    look: SecondLook,
    *,
    kind: str | None,
    turns: int,
    device: str,
    output: Path,
) -> dict[str, Any]:
    """Classify the picks of a run, and write those that stay; return what the tables need."""
    from dataclasses import replace

    from tomoscout.commands._console import progress
    from tomoscout.core.picks import Picks
    from tomoscout.discovery.embed import as_trained
    from tomoscout.inference.classifying import classify_at
    from tomoscout.inference.second_look import second_look
    from tomoscout.io.picks.copick import write_overlay

    names = classifier.card.objects.names
    volume = run.tomogram(kind).load()
    extent = volume.geometry.extent
    picks = replace(picks or Picks.empty(), run=run.name, extent=extent)
    picks = replace(picks, objects=_as_known(picks, classifier))
    with progress(100, f"classify {run.name}") as bar:
        probability = classify_at(
            as_trained(volume, classifier), classifier, picks.zyx, turns=turns, device=device,
            progress=bar.fraction,
        )  # fmt: skip
    kept = second_look(picks, probability, objects=names, settings=look).best_first()
    write_overlay([kept], output, names=names)
    counts = {name: len(kept.of(name)) for name in names}
    return {"extent": extent, "looked_at": len(picks), "picks": counts}


def _as_known(picks: Picks, classifier: ClassifierWeights) -> Any:
    """Return the names of picks as the classifier writes them, where it knows them."""
    import numpy as np

    from tomoscout.core.aliases import find

    names = classifier.card.objects.names
    return np.array([find(str(name), names) or str(name) for name in picks.objects], str)


def _digest(given: Mapping[str, Picks]) -> str:
    """Return a short text that differs for other picks."""
    digest = hashlib.sha256()
    for run, picks in sorted(given.items()):
        digest.update(f"{run} {' '.join(map(str, picks.objects))}".encode())
        digest.update(picks.zyx.tobytes() + picks.score_array.tobytes())
    return digest.hexdigest()[:16]
