"""The output folder of a job that goes over runs: which are done, so that it can go on."""

from __future__ import annotations

import json
import logging
import shutil
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from tomoscout.commands._ahead import read_ahead
from tomoscout.core.errors import UserError
from tomoscout.io._atomic import CannotWriteError, disk_errors, write_json
from tomoscout.io.project import Run

logger = logging.getLogger(__name__)


class Ledger:
    """Which runs of a job are done: a JSON file in its output folder, so that it can go on.

    As a context it leaves nothing behind if the block fails before anything is done.

    Parameters
    ----------
    folder
        Output folder; made when missing. One that holds other things is refused.
    job
        Name of the verb, and of the file.
    settings
        What the results depend on. A folder that holds results of other settings is refused.
    overwrite
        Start anew in a folder that holds results of this job.
    """

    def __init__(
        self, folder: Path, job: str, settings: dict[str, Any], *, overwrite: bool
    ) -> None:
        self.path = folder / f"{job}.json"
        self.settings = settings
        self.runs: dict[str, Any] = {}
        self._made = not folder.exists()
        if folder.is_file():
            raise UserError(f"{folder}: is a file; give a folder for the results")
        if self.path.exists():
            if overwrite:
                shutil.rmtree(folder)
            else:
                self._go_on()
        elif not self._made and any(folder.iterdir()):
            raise UserError(
                f"{folder}: exists and holds other things than results of '{job}' (which "
                "--overwrite would replace): choose another folder"
            )
        with disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        self._save()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        folder = self.path.parent
        if kind is None or self.runs or any(path != self.path for path in folder.iterdir()):
            return
        self.path.unlink(missing_ok=True)
        if self._made:
            with suppress(OSError):
                folder.rmdir()

    def work(
        self,
        runs: Sequence[Run],
        do: Callable[..., dict[str, Any]],
        *,
        read: Callable[[Run], Any] | None = None,
    ) -> list[str]:
        """Do the runs that are not done yet; return what went wrong with those that failed.

        A run that fails does not stop the others, unless it is the only one or nothing more can
        be written.

        Parameters
        ----------
        runs
            Runs of the job.
        do
            Works on one run, given with what ``read`` gave for it, and returns the facts to note.
        read
            Reads what a run needs; it does so for the next run while one is worked on.
        """
        failed = []
        for run in runs:
            self._refuse_namesake(run)
        todo = self.todo(runs)
        ready: Generator[tuple[Run, Callable[[], Any] | None], None, None]
        ready = read_ahead(todo, read) if read else ((run, None) for run in todo)
        with closing(ready):  # else what is being read goes on after an error
            for run, material in ready:
                started = time.monotonic()
                try:
                    facts = do(run) if material is None else do(run, material())
                except UserError as error:
                    if len(runs) == 1 or isinstance(error, CannotWriteError):
                        raise
                    failed.append(str(error))
                    logger.warning("%s", error)
                else:
                    seconds = round(time.monotonic() - started, 1)
                    self.done(run.name, {"seconds": seconds, "tomograms": sources_of(run), **facts})
        return failed

    def _refuse_namesake(self, run: Run) -> None:
        """Refuse a run of the name of one that is done, but of other tomograms."""
        old = self.runs.get(run.name, {}).get("tomograms")
        if old is not None and old != sources_of(run):
            raise UserError(
                f"{self.path.parent}: holds results of another run '{run.name}' "
                f"({', '.join(old.values())}): choose another folder, or --overwrite to start anew"
            )

    def todo(self, runs: Sequence[Run]) -> list[Run]:
        """Return the runs that are not done yet."""
        return [run for run in runs if run.name not in self.runs]

    def done(self, run: str, facts: dict[str, Any]) -> None:
        """Note that a run's results are complete on disk."""
        self.runs[run] = facts
        self._save()

    def _go_on(self) -> None:
        """Take over what an earlier job of the same settings has done."""
        try:
            old = json.loads(self.path.read_text("utf-8"))
            settings, runs = old["settings"], dict(old["runs"])
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{self.path}: cannot be read, so it is not known which runs are done: "
                "--overwrite to start anew, or choose another folder"
            ) from error
        if runs and settings != self.settings:
            raise UserError(
                f"{self.path.parent}: holds results of other settings: choose another folder, "
                "or --overwrite to start anew"
            )
        self.runs = runs

    def _save(self) -> None:
        """Write the file, whole or not at all."""
        write_json(self.path, {"settings": self.settings, "runs": self.runs}, overwrite=True)


def sources_of(run: Run) -> dict[str, str]:
    """Return where each tomogram of a run is; remote ones are told apart by their kind alone."""
    return {
        kind: str(source.resolve()) if isinstance(source, Path) else "remote"
        for kind, source in run.tomograms.items()
    }
