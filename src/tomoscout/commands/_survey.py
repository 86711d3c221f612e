"""Runs through an encoder, kept on disk: a stopped job goes on with those that are missing."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tomoscout.commands._ledger import sources_of
from tomoscout.core.errors import UserError
from tomoscout.core.settings import Choice
from tomoscout.io._atomic import CannotWriteError
from tomoscout.io.embeddings import SUFFIX, EmbeddedRun, read_embeddings, write_embeddings
from tomoscout.io.project import Run

if TYPE_CHECKING:  # they load torch
    from tomoscout.inference.encoder_weights import EncoderWeights

logger = logging.getLogger(__name__)


def survey(
    runs: Sequence[Run],
    encoder: EncoderWeights,
    folder: Path,
    *,
    kind: str | None,
    candidates: Choice,
    stride: int,
    radius: float,
    device: str,
) -> dict[str, EmbeddedRun]:
    """Embed runs, those that are not there yet; one that fails does not stop the others.

    Raises
    ------
    UserError
        If no run can be embedded, or nothing can be written.
    """
    found, failed = {}, []
    for run in runs:
        try:
            found[run.name] = _embedded(
                run, encoder, folder, kind=kind, candidates=candidates, stride=stride,
                radius=radius, device=device,
            )  # fmt: skip
        except UserError as error:
            if isinstance(error, CannotWriteError):
                raise
            failed.append(str(error))
            logger.warning("%s", error)
    if not found:
        raise UserError(f"no run could be embedded; the first: {failed[0] if failed else 'none'}")
    return found


def _embedded(
    run: Run,
    encoder: EncoderWeights,
    folder: Path,
    *,
    kind: str | None,
    candidates: Choice,
    stride: int,
    radius: float,
    device: str,
) -> EmbeddedRun:
    """Return the embeddings of a run, from disk or made now."""
    import numpy as np

    from tomoscout.candidates import CANDIDATES
    from tomoscout.commands._console import progress
    from tomoscout.discovery.embed import embed_run
    from tomoscout.inference.card_file import digest_of

    family, settings = candidates.resolve(CANDIDATES)
    made_by = json.dumps(
        {
            "encoder": digest_of(encoder.network.state_dict()),
            "tomograms": sources_of(run),
            "kind": kind,
            "candidates": candidates.model_dump(mode="json"),
            "stride": stride,
            "radius": radius,
        },
        sort_keys=True,
    )
    path = folder / f"{run.name}{SUFFIX}"
    if (old := read_embeddings(path, made_by=made_by)) is not None:
        return old
    volume = run.tomogram(kind).load()
    with progress(100, f"embed {run.name}") as bar:
        dark = volume
        if encoder.card.normalise.invert:
            dark = replace(volume, data=-volume.read())
        places = family.find(dark, settings=settings, rng=np.random.default_rng(0)).zyx
        made = embed_run(
            volume, encoder, places=places, stride=stride, radius=radius, device=device,
            progress=bar.fraction,
        )  # fmt: skip
    write_embeddings(made, path, made_by=made_by, overwrite=True)
    return made
