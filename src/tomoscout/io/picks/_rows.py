"""From rows of several runs to one `Picks` per run, and back to joined columns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, Shaped

from tomoscout.core.errors import UserError
from tomoscout.core.picks import Picks
from tomoscout.io.picks._hints import ReadHints


def read_text(path: Path, *, expected: str) -> str:
    """Return a file's text, or raise in one line."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file") from error
    except (UnicodeDecodeError, IsADirectoryError) as error:
        raise UserError(f"{path}: expected {expected}, found no text") from error


def to_picks(
    path: Path,
    runs: Sequence[str],
    *,
    zyx: Float[np.ndarray, "n 3"],
    objects: Sequence[str],
    scores: Float[np.ndarray, " n"] | None,
    rotations: Float[np.ndarray, "n 3 3"] | None,
    hints: ReadHints,
) -> list[Picks]:
    """Group rows by run, in order of first appearance, keeping the rows' order.

    Poses that are the identity in a whole run are taken as unknown: that is how writers
    fill a column they must have.
    """
    if not np.isfinite(zyx).all():
        row = int(np.flatnonzero(~np.isfinite(zyx).all(axis=1))[0]) + 1
        raise UserError(f"{path}: a coordinate of pick {row} is not a finite number")
    if scores is not None and not np.isfinite(scores).all():
        row = int(np.flatnonzero(~np.isfinite(scores))[0]) + 1
        raise UserError(f"{path}: the score of pick {row} is not a finite number")
    names = np.asarray(objects, dtype=str)
    columns = np.asarray(runs, dtype=str)
    parts = []
    for run in dict.fromkeys(runs):
        rows = columns == run
        poses = None if rotations is None or is_identity(rotations[rows]) else rotations[rows]
        parts.append(
            Picks(
                zyx=zyx[rows],
                objects=names[rows],
                scores=None if scores is None else scores[rows],
                rotations=poses,
                run=run,
                extent=hints.extent_of(run),
            )
        )
    return parts


def is_identity(rotations: Float[np.ndarray, "n 3 3"]) -> bool:
    """Tell whether every matrix leaves everything where it is."""
    return bool(np.allclose(rotations, np.eye(3), atol=1e-9))


def poses(picks: Picks) -> Float[np.ndarray, "n 3 3"]:
    """Return the rotations, identity where they are unknown."""
    if picks.rotations is not None:
        return picks.rotations
    return np.broadcast_to(np.eye(3), (len(picks), 3, 3))


def run_names(picks: Sequence[Picks], path: Path) -> Shaped[np.ndarray, " n"]:
    """Return one run name per row; a run without a name takes the file's."""
    names = [np.full(len(part), part.run or path.stem) for part in picks]
    return np.concatenate([np.zeros(0, "<U1"), *names])


def one_object(picks: Sequence[Picks], path: Path) -> Picks:
    """Return the picks of a file that can hold one object of one run, or raise."""
    filled = [part for part in picks if len(part)] or list(picks[:1])
    names = sorted({name for part in filled for name in part.names})
    runs = list(dict.fromkeys(part.run for part in filled))
    for kind, found in (("object", names), ("run", runs)):
        if len(found) > 1:
            raise UserError(
                f"{path}: a {path.suffix} file holds one object of one run, found {len(found)} "
                f"{kind}s ({', '.join(found)}): give a folder instead"
            )
    return Picks.concatenate(filled)


def all_ones(scores: Float[np.ndarray, " n"]) -> bool:
    """Tell whether no pick was scored."""
    return bool(np.all(scores == 1))
