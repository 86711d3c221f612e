"""Score maps that ``predict`` wrote, as ``pick --scores`` is given them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tomoscout.core.errors import UserError
from tomoscout.core.objects import ObjectTable
from tomoscout.io.project import Project, Run
from tomoscout.io.scores import Scores, read_scores

if TYPE_CHECKING:  # they load torch
    from tomoscout.core.parameters import Parameters
    from tomoscout.inference.ensemble import Ensemble
    from tomoscout.inference.weights import Detector

_SUFFIX = ".scores.zarr"


def read_noted(folder: Path) -> dict[str, Any]:
    """Return the settings that ``predict`` noted beside its maps; nothing for other maps."""
    try:
        noted = json.loads((folder / "predict.json").read_text(encoding="utf-8"))["settings"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return noted if isinstance(noted, dict) else {}


def map_runs(folder: Path, objects: ObjectTable) -> Project:
    """Return the maps in a folder as a project, for those who do not give the tomograms' own."""
    if not folder.is_dir():
        raise UserError(f"--scores {folder}: no such folder")
    found = sorted(folder.glob(f"*{_SUFFIX}"))
    if not found:
        raise UserError(
            f"--scores {folder}: no score map (RUN{_SUFFIX}) in it: make some with "
            f"'tomoscout predict TOMOGRAMS -o {folder}'"
        )
    runs = tuple(
        Run(path.name.removesuffix(_SUFFIX), {"scores": path}, (), objects) for path in found
    )
    return Project(folder, "scores", objects, runs)


def read_map(folder: Path, run: Run) -> Scores:
    """Open the finished map of a run."""
    path = folder / f"{run.name}{_SUFFIX}"
    if not path.exists():
        raise UserError(f"run '{run.name}': no score map {path}: predict it, or leave it out")
    return read_scores(path)


def refuse_other_weights(folder: Path, noted: dict[str, Any], model: Detector | Ensemble) -> None:
    """Refuse weights that the maps were not made with: their thresholds mean nothing here."""
    made_with = noted.get("weights")
    if made_with is not None and made_with != model.fingerprint:
        raise UserError(
            f"--scores {folder}: these maps were made with {noted.get('model')}, not with "
            f"{model.source}: leave --model away, or predict anew"
        )


def refuse_other_ways(folder: Path, noted: dict[str, Any], asked: Mapping[str, str | None]) -> None:
    """Refuse maps that were made in another way than asked: their thresholds differ."""
    for name, way in asked.items():
        made = noted.get(name)
        if made and way and made != way:
            what = "views" if name == "tta" else name
            raise UserError(
                f"--scores {folder}: these maps were made with the {what} '{made}', "
                f"not '{way}': predict anew with --{name} {way}"
            )


def refuse_other_shares(
    folder: Path, model: Detector | Ensemble, parameters: Parameters | None
) -> None:
    """Refuse maps in which the models count otherwise than the parameters say."""
    from tomoscout.inference.ensemble import Ensemble

    if parameters is None or not isinstance(model, Ensemble):
        return
    for name, shares in parameters.shares.items():
        made = model.shares[name]
        wanted = model.with_parameters(parameters).shares[name]
        if any(abs(one - other) > 1e-6 for one, other in zip(made, wanted, strict=True)):
            told = ",".join(f"{share:g}" for share in shares)
            raise UserError(
                f"--scores {folder}: these maps were made with other shares of '{name}' than the "
                f"parameters have: predict anew with --shares {name}={told}"
            )
