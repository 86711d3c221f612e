"""Runs through an encoder, kept on disk: a stopped job goes on with those that are missing."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
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


def survey(
    runs: Sequence[Run], encoder: EncoderWeights, folder: Path, *, look: Look
) -> tuple[dict[str, EmbeddedRun], list[str]]:
    """Embed runs, those that are not there yet; one that fails does not stop the others.

    Returns
    -------
    tuple
        The runs that are embedded, and what went wrong with the others.

    Raises
    ------
    UserError
        If no run can be embedded, or nothing can be written.
    """
    found: dict[str, EmbeddedRun] = {}
    failed: list[str] = []
    for run in runs:
        try:
            found[run.name] = _embedded(run, encoder, folder, look)
        except UserError as error:
            if isinstance(error, CannotWriteError):
                raise
            failed.append(str(error))
            logger.warning("%s", error)
    if not found:
        raise UserError(failed[0] if len(failed) == 1 else f"no run worked; first: {failed[0]}")
    return found, failed


def _embedded(run: Run, encoder: EncoderWeights, folder: Path, look: Look) -> EmbeddedRun:
    """Return the embeddings of a run, from disk or made now."""
    import numpy as np

    from tomoscout.candidates import CANDIDATES
    from tomoscout.commands._console import progress
    from tomoscout.discovery.embed import embed_run
    from tomoscout.inference.card_file import digest_of

    family, settings = look.candidates.resolve(CANDIDATES)
    encoded = {"encoder": digest_of(encoder.network.state_dict()), "tomograms": sources_of(run)}
    made_by = json.dumps(encoded | look.noted(), sort_keys=True)
    path = folder / f"{run.name}{SUFFIX}"
    if (old := read_embeddings(path, made_by=made_by)) is not None:
        return old
    volume = run.tomogram(look.kind).load()
    with progress(100, f"embed {run.name}") as bar:
        dark = volume
        if encoder.card.normalise.invert:
            dark = replace(volume, data=-volume.read())
        places = family.find(dark, settings=settings, rng=np.random.default_rng(0)).zyx
        made = embed_run(
            volume, encoder, places=places, stride=look.stride, radius=look.radius,
            device=look.device, progress=bar.fraction,
        )  # fmt: skip
    write_embeddings(made, path, made_by=made_by, overwrite=True)
    return made
