"""What the verbs that go over runs share: choosing the runs, checking the objects."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tomoscout.core.errors import UserError
from tomoscout.io.project import Project, Run

if TYPE_CHECKING:  # they load torch
    from tomoscout.inference.classifier_weights import ClassifierWeights
    from tomoscout.inference.encoder_weights import EncoderWeights
    from tomoscout.inference.ensemble import Ensemble
    from tomoscout.inference.weights import Detector


def split_names(names: str, *, flag: str = "--runs") -> list[str]:
    """Split a comma-separated list of names; one without any is refused."""
    split = [name.strip() for name in names.split(",") if name.strip()]
    if not split:
        what = "object" if flag == "--objects" else "run"
        raise UserError(f"{flag}: no {what} in '{names}': give names, separated by commas")
    return split


def held_out_names(names: str | None) -> list[str] | None:
    """Split the runs of ``--validation``; ``none`` is the empty list, nothing leaves it open."""
    if names is None:
        return None
    return [] if names == "none" else split_names(names, flag="--validation")


def choose_runs(project: Project, names: str | None) -> tuple[Run, ...]:
    """Return the runs named in a comma-separated list, or all of them."""
    return project.runs if names is None else project.select(split_names(names)).runs


def check_objects(
    detector: Detector | Ensemble,
    project: Project,
    wanted: Iterable[str] | None = None,
    *,
    scored: bool = False,
) -> None:
    """Refuse weights that find objects which the project's own table does not have.

    Only a copick configuration brings a table of its own; other layouts take the detector's.
    When only some objects are ``wanted``, only these count. Dark blobs, which no label stands for,
    are in no table; nor in a truth, so none may be among what is ``scored``.
    """
    from tomoscout.candidates.dog import is_blob

    blobs = [name for name in detector.objects.names if is_blob(name)]
    if scored and blobs:
        raise UserError(
            f"{detector.source} finds dark blobs ({', '.join(blobs)}), of which there is no truth "
            "to tune on: choose a threshold yourself (pick --threshold)"
        )
    if project.layout != "copick":
        return
    names = detector.objects.names if wanted is None else list(wanted)
    missing = sorted(name for name in set(names) - set(project.objects.names) if not is_blob(name))
    if missing:
        raise UserError(
            f"{detector.source} finds {', '.join(missing)}, which {project.path} does not list "
            f"(it has {', '.join(project.objects.names)}): use other weights (--model), add the "
            "objects to it, or pick only some (--objects)"
        )


def kind_to_use(
    kind: str | None,
    detector: Detector | Ensemble | ClassifierWeights | EncoderWeights,
    project: Project,
) -> str | None:
    """Return the kind of tomogram asked for, else what the weights were trained on.

    A tomogram that does not say what kind it is (a file, a folder of files) is taken as it is.
    """
    if kind is not None or all(set(run.tomograms) <= {"tomogram"} for run in project.runs):
        return kind
    members = getattr(detector, "members", (detector,))
    trained_on: set[str | None] = {member.card.recipe.get("kind") for member in members}
    if len(trained_on) > 1:
        listed = ", ".join(sorted(str(found) for found in trained_on))
        raise UserError(
            f"{detector.source}: trained on different kinds of tomogram ({listed}): choose one "
            "with --kind"
        )
    return trained_on.pop()
