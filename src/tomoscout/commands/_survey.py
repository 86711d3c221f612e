"""Runs through an encoder, kept on disk: a stopped job goes on with those that are missing."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tomoscout.commands._ledger import sources_of
from tomoscout.core.errors import UserError
from tomoscout.core.settings import Choice
from tomoscout.io._atomic import CannotWriteError
from tomoscout.io.embeddings import SUFFIX, EmbeddedRun, read_embeddings, write_embeddings
from tomoscout.io.project import Run

if TYPE_CHECKING:  # they load torch
    from tomoscout.inference.encoder_weights import EncoderWeights

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Look:
    """How runs are looked at.

    Attributes
    ----------
    kind
        Kind of tomogram; None takes ``denoised`` or the only one.
    candidates
        How places worth a look are found.
    stride
        Voxels between the crops of the grid.
    radius
        Of the particles, about, in ångström.
    device
        Where to compute.
    """

    kind: str | None
    candidates: Choice
    stride: int
    radius: float
    device: str

    def noted(self) -> dict[str, Any]:
        """Return what embeddings depend on."""
        return {
            "kind": self.kind,
            "candidates": self.candidates.model_dump(mode="json"),
            "stride": self.stride,
            "radius": self.radius,
        }


class Surveyed:
    """Embedded runs on disk, read one at a time: together they may not fit into memory.

    Attributes
    ----------
    names
        Of the runs.
    failed
        What went wrong with others.
    """

    def __init__(self) -> None:
        self.failed: list[str] = []
        self._files: dict[str, tuple[Path, str]] = {}

    @property
    def names(self) -> list[str]:
        """Names of the runs."""
        return list(self._files)

    def __len__(self) -> int:
        return len(self._files)

    def __iter__(self) -> Iterator[EmbeddedRun]:
        for path, made_by in self._files.values():
            found = read_embeddings(path, made_by=made_by)
            if found is None:  # another job wrote over it meanwhile
                raise UserError(f"{path}: has changed meanwhile: run the same command again")
            yield found

    def add(self, run: str, path: Path, made_by: str) -> None:
        """Note a run whose file is complete."""
        self._files[run] = (path, made_by)


def survey(runs: Sequence[Run], encoder: EncoderWeights, folder: Path, *, look: Look) -> Surveyed:
    """Embed runs, those that are not there yet; one that fails does not stop the others.

    Raises
    ------
    UserError
        If no run can be embedded, or nothing can be written.
    """
    done = Surveyed()
    for run in runs:
        try:
            _embed(run, encoder, folder, look, done)
        except UserError as error:
            if isinstance(error, CannotWriteError):
                raise
            done.failed.append(str(error))
            logger.warning("%s", error)
    if not done.names:
        first = done.failed[0]
        raise UserError(first if len(runs) == 1 else f"no run could be used; the first: {first}")
    return done


def _embed(run: Run, encoder: EncoderWeights, folder: Path, look: Look, done: Surveyed) -> None:
    """Embed a run, unless that has been done."""
    from tomoscout.commands._console import progress
    from tomoscout.data.candidates import candidates_in
    from tomoscout.discovery.embed import embed_run

    made_by = json.dumps(
        {
            "encoder": encoder.fingerprint,
            "tomograms": sources_of(run),
            "changed": _changed(run),
            "voxel_spacing": run.voxel_spacing,
            **look.noted(),
        },
        sort_keys=True,
    )
    path = folder / f"{run.name}{SUFFIX}"
    if read_embeddings(path, made_by=made_by) is None:
        volume = run.tomogram(look.kind).load()
        bright = encoder.card.normalise.invert
        with progress(100, f"embed {run.name}") as bar:
            places = candidates_in(volume, look.candidates, bright=bright, seed=0)
            made = embed_run(
                volume, encoder, places=places, stride=look.stride, radius=look.radius,
                device=look.device, progress=bar.fraction,
            )  # fmt: skip
        write_embeddings(made, path, made_by=made_by, overwrite=True)
    done.add(run.name, path, made_by)


def _changed(run: Run) -> dict[str, int]:
    """Return when each tomogram of a run was written last: one may be made anew in its place."""
    return {
        kind: source.stat().st_mtime_ns
        for kind, source in run.tomograms.items()
        if isinstance(source, Path)
    }
