"""Picks as copick JSON: one file per object, in Å, with a 4x4 matrix per point.

The format of the CZII challenge and of copick projects. Choose it to hand picks to copick,
ChimeraX or another project; scores and poses are kept. A point lies at its ``location`` plus
the translation of its matrix. Files say ``trust_orientation`` even where nobody measured one,
so poses count as known only if they are trusted and at least one is not the identity.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tomoscout.core.errors import UserError
from tomoscout.core.picks import Picks
from tomoscout.io._atomic import atomic_path
from tomoscout.io.picks._formats import NotPicksError
from tomoscout.io.picks._hints import ReadHints, WriteHints, split_stem
from tomoscout.io.picks._rows import one_object, poses, read_text, to_picks

SUFFIXES = (".json",)


def read(path: Path, hints: ReadHints) -> list[Picks]:
    """Read one file: the picks of one object in one run.

    The run is the folder's in a copick tree, else the file's ``run_name``, else ``hints.run``.

    Raises
    ------
    UserError
        If the file is not JSON, or JSON but not picks.
    """
    content = _load(path)
    points = content["points"]
    run = _run_of_folder(path) or content.get("run_name") or hints.run or ""
    name = (
        content.get("pickable_object_name")
        or hints.object_name
        or split_stem(path.stem, hints.objects)[1]
    )
    if not points:
        return [Picks.empty(run, hints.extent_of(run))]
    try:
        xyz = np.array([[point["location"][axis] for axis in "xyz"] for point in points], float)
        matrices = np.array([_matrix(point) for point in points], float).reshape(-1, 4, 4)
        scores = np.array([_score(point) for point in points], float)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{path}: expected points with 'location' x, y, z and a 4x4 'transformation_', "
            f"found one without ({type(error).__name__}: {error})"
        ) from error
    return to_picks(
        path,
        [run] * len(points),
        zyx=(xyz + matrices[:, :3, 3])[:, ::-1],
        objects=[name] * len(points),
        scores=scores,
        rotations=matrices[:, :3, :3] if content.get("trust_orientation", True) else None,
        hints=hints,
    )


def write(picks: Sequence[Picks], path: Path, hints: WriteHints) -> None:
    """Write the picks of one object in one run.

    Raises
    ------
    UserError
        If there are several objects or runs: they need a folder (`write_overlay`).
    """
    joined = one_object(picks, path)
    name = joined.names[0] if len(joined) else split_stem(path.stem)[1]
    _save(joined, path, name=name, user=hints.user, session=hints.session)


def write_overlay(
    picks: Sequence[Picks],
    root: Path,
    *,
    user: str = "tomoscout",
    session: str = "0",
    names: Sequence[str] = (),
    overwrite: bool = True,
) -> list[Path]:
    """Write picks into a copick tree, one file per run and object; return the files.

    Parameters
    ----------
    picks
        Picks of any runs and objects.
    root
        The overlay's root, which holds or will hold ``ExperimentRuns``.
    user, session
        Who made the picks and in which session; characters copick refuses become ``-``.
    names
        Objects that get a file even if none was found, so that a second writing with fewer
        objects leaves no stale picks behind.
    overwrite
        Whether files that exist are replaced.

    Raises
    ------
    UserError
        If picks have no run name, or a file exists and ``overwrite`` is off; nothing is
        written then.
    """
    files: dict[Path, Picks] = {}
    called: dict[Path, str] = {}  # the object of each file; its name there loses underscores
    for part in picks:
        if part.run in ("", ".", "..") or "/" in part.run or "\\" in part.run:
            raise UserError(f"{root}: picks of run '{part.run}' need a plain run name for copick")
        for name in dict.fromkeys([*part.names, *names]):
            file = f"{plain(user)}_{plain(session)}_{plain(name)}.json"
            path = root / "ExperimentRuns" / part.run / "Picks" / file
            called.setdefault(path, name)
            more = part.of(name)
            files[path] = Picks.concatenate([files[path], more]) if path in files else more
    if not overwrite and (there := [path for path in files if path.exists()]):
        raise UserError(f"{there[0]}: exists: pass --overwrite to replace it")
    for path, part in files.items():
        _save(part, path, name=called[path], user=plain(user), session=plain(session))
    return list(files)


def plain(name: str) -> str:
    """Return a name copick accepts: no underscore, space or path separator."""
    return re.sub(r"[_\s/\\:]+", "-", name)


def _load(path: Path) -> dict[str, Any]:
    """Return the file's content if it looks like picks."""
    text = read_text(path, expected="copick JSON")
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(f"{path}: expected copick JSON, found broken JSON ({error})") from error
    if isinstance(content, dict) and isinstance(content.get("points"), list):
        return content
    keys = ", ".join(list(content)[:5]) if isinstance(content, dict) else type(content).__name__
    raise NotPicksError(
        f"{path}: JSON but not picks: expected 'pickable_object_name' and 'points', "
        f"found {keys or 'nothing'}"
    )


def _run_of_folder(path: Path) -> str:
    """Return the run that a copick tree files the picks under, or nothing."""
    parents = path.absolute().parents
    in_tree = (
        len(parents) > 2 and parents[0].name == "Picks" and parents[2].name == "ExperimentRuns"
    )
    return parents[1].name if in_tree else ""


def _matrix(point: dict[str, Any]) -> Any:
    """Return a point's 4x4 matrix; older files spell its key without the underscore."""
    found = point.get("transformation_", point.get("transformation"))
    return np.eye(4) if found is None else found


def _score(point: dict[str, Any]) -> float:
    """Return a point's score; truth has none."""
    score = point.get("score")
    return 1.0 if score is None else float(score)


def _save(picks: Picks, path: Path, *, name: str, user: str, session: str) -> None:
    """Write one file, each point on a line of its own so that it can be read and compared."""
    head = {
        "pickable_object_name": name,
        "user_id": user,
        "session_id": session,
        "run_name": picks.run or None,
        "voxel_spacing": None,
        "unit": "angstrom",
        "trust_orientation": picks.rotations is not None,
    }
    matrices = np.tile(np.eye(4), (len(picks), 1, 1))
    matrices[:, :3, :3] = poses(picks)
    points = [
        {
            "location": dict(zip("xyz", map(float, zyx[::-1]), strict=True)),
            "transformation_": matrix.tolist(),
            "instance_id": 0,
            "score": float(score),
        }
        for zyx, matrix, score in zip(picks.zyx, matrices, picks.score_array, strict=True)
    ]
    lines = ",\n  ".join(json.dumps(point) for point in points)
    body = f"[\n  {lines}\n ]" if points else "[]"
    text = json.dumps(head, ensure_ascii=False, indent=1)[:-2] + f',\n "points": {body}\n}}\n'
    with atomic_path(path, overwrite=True) as temporary:
        temporary.write_text(text, encoding="utf-8")
