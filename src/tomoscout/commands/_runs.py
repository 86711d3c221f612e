"""What the verbs that go over runs share: choosing the runs, checking the objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tomoscout.core.errors import UserError
from tomoscout.io.project import Project, Run

if TYPE_CHECKING:  # it loads torch
    from tomoscout.inference.weights import Detector


def split_names(names: str, *, flag: str = "--runs") -> list[str]:
    """Split a comma-separated list of runs; one without a name is refused."""
    split = [name.strip() for name in names.split(",") if name.strip()]
    if not split:
        raise UserError(f"{flag}: no run in '{names}': give names, separated by commas")
    return split


def choose_runs(project: Project, names: str | None) -> tuple[Run, ...]:
    """Return the runs named in a comma-separated list, or all of them."""
    return project.runs if names is None else project.select(split_names(names)).runs


def check_objects(detector: Detector, project: Project) -> None:
    """Refuse weights that find objects which the project's own table does not have.

    Only a copick configuration brings a table of its own; other layouts take the detector's.
    """
    if project.layout != "copick":
        return
    missing = sorted(set(detector.objects.names) - set(project.objects.names))
    if missing:
        raise UserError(
            f"{detector.source} finds {', '.join(missing)}, which {project.path} does not list "
            f"(it has {', '.join(project.objects.names)}): use other weights, or add the objects"
        )
