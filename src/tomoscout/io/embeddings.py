"""Embedded tomograms on disk: the vectors of a grid and of single places, one file per run.

The file is numpy's own (``.npz``, nothing pickled) and appears whole or not at all, so a run is
embedded or it is not: a survey of many runs goes on with those that are missing.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float16, Float32, Int

from tomoscout.core.errors import UserError
from tomoscout.core.geometry import Geometry
from tomoscout.io._atomic import atomic_path

SUFFIX = ".embeddings.npz"
"""What files end with."""


@dataclass(frozen=True, eq=False)
class EmbeddedRun:
    """The embeddings of one run.

    Attributes
    ----------
    run
        Its name.
    geometry
        Of the grid, whose crops are centred on its cells.
    extent
        Edges (z, y, x) of the tomogram, in ångström.
    vectors
        `(z, y, x, f)` embedding of each cell's crop.
    darkness
        `(z, y, x)` how much darker each cell is than its surroundings.
    places
        `(n, 3)` candidates, in ångström.
    place_vectors
        `(n, f)` their embeddings.
    """

    run: str
    geometry: Geometry
    extent: tuple[float, float, float]
    vectors: Float16[np.ndarray, "z y x f"]
    darkness: Float32[np.ndarray, "z y x"]
    places: Float[np.ndarray, "n 3"]
    place_vectors: Float16[np.ndarray, "n f"]

    def rows(
        self, some: Int[np.ndarray, " n"] | slice = slice(None)
    ) -> Float32[np.ndarray, "cells f"]:
        """Embeddings of the grid, x running fastest, or of some of its cells."""
        return self.vectors.reshape(-1, self.vectors.shape[-1])[some].astype(np.float32)


def write_embeddings(
    found: EmbeddedRun, path: str | PathLike[str], *, made_by: str, overwrite: bool = False
) -> None:
    """Write the embeddings of a run.

    Parameters
    ----------
    found
        What to write.
    path
        The file.
    made_by
        What they depend on, as a short text, for `read_embeddings`.
    overwrite
        Whether a file of that name is replaced.
    """
    note = {
        "run": found.run,
        "shape": list(found.geometry.shape),
        "voxel_spacing": found.geometry.voxel_spacing,
        "stride": found.geometry.stride,
        "extent": list(found.extent),
        "made_by": made_by,
    }
    with atomic_path(path, overwrite=overwrite) as temporary, temporary.open("wb") as file:
        np.savez(
            file,
            note=np.frombuffer(json.dumps(note).encode(), np.uint8),
            vectors=found.vectors,
            darkness=found.darkness,
            places=found.places,
            place_vectors=found.place_vectors,
        )


def read_embeddings(path: str | PathLike[str], *, made_by: str) -> EmbeddedRun | None:
    """Read the embeddings of a run; None if there are none, or they depend on something else.

    Raises
    ------
    UserError
        If the file is broken.
    """
    path = Path(path)
    if not path.exists():
        return None
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as content:
            note = json.loads(content["note"].tobytes())
            if note["made_by"] != made_by:
                return None
            z, y, x = note["shape"]
            return EmbeddedRun(
                note["run"],
                Geometry((z, y, x), float(note["voxel_spacing"]), int(note["stride"])),
                tuple(note["extent"]),
                content["vectors"],
                content["darkness"],
                content["places"],
                content["place_vectors"],
            )
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise UserError(
            f"{path}: cannot be read ({error}): delete it, and run the same command again"
        ) from error
