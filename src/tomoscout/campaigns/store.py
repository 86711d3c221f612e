"""What of a campaign is done: one file per piece of work, which appears whole or not at all.

A piece is found again by a name that holds a digest of all it depends on (``MapJob.folder``,
``Row.key``). So a campaign that was killed goes on; one with a further experiment, picker or test
run does only what is new; and weights trained anew are not taken for those of before.

::

    maps/<experiment>/<model>/<views>-<digest>/<run>.scores.zarr    a score map
    maps/.../<run>.json                         there when the map is complete
    maps/.../predict.json                       with which weights, for `pick --scores`
    work/studies.db                             trials of searches
    work/<row>-<digest>/parameters.json         what the row was tuned to
    work/<row>-<digest>/<run>-<digest>.json     its counts on one run
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tomoscout.campaigns._jobs import MapJob, Row, digest, plain
from tomoscout.campaigns.plan import Plan
from tomoscout.core.errors import UserError
from tomoscout.core.parameters import Parameters
from tomoscout.core.settings import validate
from tomoscout.io._atomic import disk_errors, write_json
from tomoscout.metrics import Counts

FACTS = "run_parameters.json"
"""What the campaign was told; it marks the folder as one of a campaign."""


class Store:
    """The folder of a campaign.

    Parameters
    ----------
    folder
        Made when missing; one that holds other things than a campaign is refused.

    Raises
    ------
    UserError
        If the folder is a file, or of something else.
    """

    def __init__(self, folder: Path) -> None:
        if folder.is_file():
            raise UserError(f"{folder}: is a file; give a folder for the campaign")
        if folder.exists() and any(folder.iterdir()) and not (folder / FACTS).is_file():
            raise UserError(
                f"{folder}: exists and holds other things than a campaign: choose another folder"
            )
        self.folder = folder

    def begin(self, facts: Mapping[str, Any]) -> None:
        """Make the folder, and note what the campaign was told."""
        with disk_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        write_json(self.folder / FACTS, dict(facts), overwrite=True)

    @property
    def studies(self) -> Path:
        """Where trials of searches are kept."""
        return self.folder / "work" / "studies.db"

    def map_path(self, job: MapJob) -> Path:
        """Return where a score map is, or is to be."""
        return self.folder / "maps" / job.folder / f"{job.name}.scores.zarr"

    def describe_maps(self, job: MapJob, facts: Callable[[], Mapping[str, Any]]) -> None:
        """Note beside score maps how they are made, unless it stands there."""
        path = self.map_path(job).with_name("predict.json")
        if not path.is_file():
            write_json(path, {"settings": dict(facts()), "runs": {}}, overwrite=True)

    def has_map(self, job: MapJob) -> bool:
        """Tell whether a score map is complete."""
        note = _read(self._note(job)) or {}
        return note.get("identity") == job.identity and self.map_path(job).is_dir()

    def keep_map(self, job: MapJob, seconds: float | None) -> None:
        """Note that a score map is complete, and how long it took; None where it is not known."""
        content = {"run": job.run.name, "identity": job.identity, "seconds": seconds}
        write_json(self._note(job), content, overwrite=True)

    def is_noted(self, job: MapJob) -> bool:
        """Tell whether a map of that name was noted as complete, if of another tomogram."""
        return self._note(job).is_file()

    def drop_map(self, job: MapJob) -> None:
        """Remove a score map; its note comes last, since a map without one counts as complete."""
        _remove(self.map_path(job))
        self._note(job).unlink(missing_ok=True)

    def seconds(self, job: MapJob) -> float | None:
        """Return how long a score map took, where it is known."""
        content = _read(self._note(job)) or {}
        seconds = content.get("seconds")
        return None if seconds is None else float(seconds)

    def parameters(self, row: Row) -> Parameters | None:
        """Return what a row was tuned to; None before it was."""
        path = self._row(row) / "parameters.json"
        content = _read(path)
        return None if content is None else validate(Parameters, content, source=str(path))

    def keep_parameters(self, row: Row, parameters: Parameters) -> None:
        """Keep what a row was tuned to."""
        content = parameters.model_dump(mode="json")
        write_json(self._row(row) / "parameters.json", content, overwrite=True)

    def counts(self, row: Row, job: MapJob) -> dict[str, Counts] | None:
        """Return a row's counts on one run, by object; None before it was scored."""
        content = _read(self._counts(row, job))
        if content is None:
            return None
        return {name: Counts(*numbers) for name, numbers in content["counts"].items()}

    def keep_counts(self, row: Row, job: MapJob, counts: Mapping[str, Counts]) -> None:
        """Keep a row's counts on one run."""
        content = {
            "run": job.run.name,
            "counts": {name: [c.tp, c.fp, c.fn] for name, c in counts.items()},
        }
        write_json(self._counts(row, job), content, overwrite=True)

    def todo(self, row: Row) -> list[MapJob]:
        """Return the score maps of a row that are not scored yet."""
        return [job for job in row.tested if not self._counts(row, job).is_file()]

    def forget(self, plan: Plan) -> None:
        """Remove all that is there of a plan, so that it is done anew."""
        for job in plan.maps:
            self.drop_map(job)
        for row in plan.rows:
            _remove(self._row(row))
        self.studies.unlink(missing_ok=True)

    def summary(self, plan: Plan) -> tuple[int, int]:
        """Return how many score maps, and how many rows, of a plan are done."""
        maps = sum(self.has_map(job) for job in plan.maps)
        rows = sum(not self.todo(row) for row in plan.rows)
        return maps, rows

    def _note(self, job: MapJob) -> Path:
        return self.map_path(job).with_name(f"{job.name}.json")

    def _row(self, row: Row) -> Path:
        return self.folder / "work" / row.key

    def _counts(self, row: Row, job: MapJob) -> Path:
        name = f"{plain(job.run.name)}-{digest([job.identity, job.run.truth])}.json"
        return self._row(row) / name


def _read(path: Path) -> dict[str, Any] | None:
    """Read a file of ours; None where there is none, or none that can be read."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def _remove(folder: Path) -> None:
    """Remove a folder: under another name first, so that no half of it is found."""
    if folder.exists():
        with disk_errors(folder):
            aside = folder.with_name(f"{folder.name}.removed")
            shutil.rmtree(aside, ignore_errors=True)
            folder.rename(aside)
            shutil.rmtree(aside)


def results(store: Store, rows: Sequence[Row]) -> dict[str, dict[str, dict[str, Counts]]]:
    """Return the counts of finished rows: by key of the row, by run, by object.

    Raises
    ------
    UserError
        If a row is not finished.
    """
    found: dict[str, dict[str, dict[str, Counts]]] = {}
    for row in rows:
        of_runs = {job.run.name: store.counts(row, job) for job in row.tested}
        if None in of_runs.values():
            raise UserError(f"{row.title}: not scored to the end: run the campaign again")
        found[row.key] = {run: counts for run, counts in of_runs.items() if counts is not None}
    return found
