"""A copick project: a configuration (JSON) and two trees, ``static`` and ``overlay``.

Local projects are read here, without the copick package; projects on ssh, s3 or the data portal
are opened through it. A project that was moved opens too: where a root does not exist, ``static``
and ``overlay`` beside the configuration are taken.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tomoscout.core.errors import UserError
from tomoscout.core.objects import ObjectTable, from_copick
from tomoscout.io.layouts._experiments import find_runs
from tomoscout.io.project import Project

RANK = 15

CONFIG = "copick.json"
_KEYS = ("pickable_objects", "config_type")
_URL = re.compile(r"^([a-z][a-z0-9+.-]+)://(.*)$")
_LOCAL = {"", "local", "file"}


def matches(path: Path) -> bool:
    """Tell whether the path is a configuration, or a folder with one.

    Picks and much else are JSON too: a file of any other name than ``copick.json`` must hold
    one of a configuration's own keys, be the rest of it broken or not.
    """
    if path.is_dir():
        return (path / CONFIG).is_file()
    if path.suffix.lower() != ".json":
        return False
    text = path.read_text(encoding="utf-8", errors="replace")
    return path.name == CONFIG or any(f'"{key}"' in text for key in _KEYS)


def open_layout(
    path: Path, *, voxel_spacing: float | None = None, objects: ObjectTable | None = None
) -> Project:
    """Open the project; a run is read at the spacing nearest to ``voxel_spacing`` or 10 Å.

    Raises
    ------
    UserError
        If the file is no copick configuration, its folders are missing, or it is a remote
        project and copick is not installed.
    """
    config = path / CONFIG if path.is_dir() else path
    content = _read_config(config)
    table = objects or from_copick(content, source=str(config))
    if _is_remote(content):
        from tomoscout.io.layouts._remote import find_remote_runs

        runs = find_remote_runs(config, objects=table, voxel_spacing=voxel_spacing)
    else:
        runs = find_runs(
            _roots(config, content),
            objects=table,
            voxel_spacing=voxel_spacing,
            segmentation_names=_label_names(content),
        )
    return Project(path=path, layout="copick", objects=table, runs=runs)


def _read_config(path: Path) -> dict[str, Any]:
    """Read the configuration."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise UserError(f"{path}: not a copick configuration ({error})") from error
    if not isinstance(content, dict) or "pickable_objects" not in content:
        raise UserError(f"{path}: not a copick configuration: no 'pickable_objects' in it")
    return content


def _label_names(content: dict[str, Any]) -> dict[int, str]:
    """Return which object each value of a segmentation stands for; particles or not."""
    found = {item["name"]: item.get("label") for item in content["pickable_objects"]}
    return {
        label: name for name, label in found.items() if isinstance(label, int) and 0 < label < 256
    }


def _split(root: str) -> tuple[str, str]:
    """Split a root into its scheme, empty for a plain path, and its path."""
    url = _URL.match(root)
    return (url[1], url[2]) if url else ("", root)


def _is_remote(content: dict[str, Any]) -> bool:
    """Tell whether the project, or a part of it, is not on this machine's disks."""
    if content.get("config_type", "filesystem") != "filesystem":
        return True
    roots = [str(content[key]) for key in ("static_root", "overlay_root") if content.get(key)]
    return any(_split(root)[0] not in _LOCAL for root in roots)


def _roots(config: Path, content: dict[str, Any]) -> list[Path]:
    """Return the trees that exist, static before overlay."""
    roots = []
    asked = []
    for part in ("static", "overlay"):
        value = content.get(f"{part}_root")
        if not value:
            continue
        root = config.parent / Path(_split(str(value))[1]).expanduser()  # absolute ones stay so
        asked.append(str(root))
        beside = config.parent / part
        if root.is_dir() or beside.is_dir():
            roots.append(root if root.is_dir() else beside)
        elif part == "static":
            raise UserError(f"{config}: its static_root {root} does not exist: correct the path")
    if not roots:
        raise UserError(
            f"{config}: no folder to read: found {', '.join(asked) or 'neither root'} in it"
        )
    return roots
