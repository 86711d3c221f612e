"""The pick files in a folder, whether it is a plain one or a copick tree."""

from __future__ import annotations

from pathlib import Path

# From the folder of one run's picks up to a project with splits (train/overlay/ExperimentRuns).
# Fixed depths: a search through every folder would walk the chunks of every tomogram.
_TREES = (
    "Picks",
    "*/Picks",
    "ExperimentRuns/*/Picks",
    "*/ExperimentRuns/*/Picks",
    "*/*/ExperimentRuns/*/Picks",
)


def pick_files(folder: Path, suffixes: set[str]) -> list[Path]:
    """Return the pick files that lie in a folder and in the copick trees below it, sorted."""
    folders = [folder, *(found for tree in _TREES for found in folder.glob(tree))]
    files = {
        path
        for place in folders
        if place.is_dir()
        for path in place.iterdir()
        if path.suffix.lower() in suffixes and path.is_file() and not path.name.startswith(".")
    }
    return sorted(files)


def authors(files: list[Path]) -> set[str]:
    """Return the ``<user>_<session>`` that copick files begin with."""
    parts = [path.stem.split("_") for path in files if path.parent.name == "Picks"]
    return {f"{part[0]}_{part[1]}" for part in parts if len(part) == 3}
