"""What the verbs that go over runs share: choosing runs, checking objects, the output folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tomoscout.core.errors import UserError
from tomoscout.inference.weights import Detector
from tomoscout.io._atomic import write_json
from tomoscout.io.project import Project, Run


def choose_runs(project: Project, names: str | None) -> tuple[Run, ...]:
    """Return the runs named in a comma-separated list, or all of them."""
    if names is None:
        return project.runs
    return project.select([name.strip() for name in names.split(",") if name.strip()]).runs


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


class Ledger:
    """Which runs of a job are done: a JSON file in its output folder, so that it can go on.

    Parameters
    ----------
    folder
        Output folder; made when missing.
    job
        Name of the verb, and of the file.
    settings
        What the results depend on. A folder that holds results of other settings is refused.
    overwrite
        Start anew.
    """

    def __init__(
        self, folder: Path, job: str, settings: dict[str, Any], *, overwrite: bool
    ) -> None:
        self.path = folder / f"{job}.json"
        self.settings = settings
        self.runs: dict[str, Any] = {}
        if folder.is_file():
            raise UserError(f"{folder}: is a file; give a folder for the results")
        if self.path.exists():
            old = json.loads(self.path.read_text("utf-8"))
            if overwrite:
                shutil.rmtree(folder)
            elif old["settings"] != settings:
                raise UserError(
                    f"{folder}: holds results of other settings: choose another folder, "
                    "or --overwrite to start anew"
                )
            else:
                self.runs = old["runs"]
        elif folder.exists() and any(folder.iterdir()) and not overwrite:
            raise UserError(f"{folder}: exists and is not empty; choose another, or --overwrite")
        folder.mkdir(parents=True, exist_ok=True)
        self._save()

    def todo(self, runs: Sequence[Run]) -> list[Run]:
        """Return the runs that are not done yet."""
        return [run for run in runs if run.name not in self.runs]

    def done(self, run: str, facts: dict[str, Any]) -> None:
        """Note that a run's results are complete on disk."""
        self.runs[run] = facts
        self._save()

    def _save(self) -> None:
        """Write the file, whole or not at all."""
        write_json(self.path, {"settings": self.settings, "runs": self.runs}, overwrite=True)
