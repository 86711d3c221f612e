"""Label volumes of runs, in a project of their own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tomoscout.commands._console import progress
from tomoscout.core.objects import ObjectTable
from tomoscout.core.picks import Picks
from tomoscout.core.settings import Choice
from tomoscout.core.volume import Volume
from tomoscout.data.masks import draw_labels
from tomoscout.io._atomic import atomic_path
from tomoscout.io._owners import owner_of
from tomoscout.io.picks.copick import plain, write_overlay
from tomoscout.io.project import Project, Run
from tomoscout.io.project_writer import write_copick_config, write_segmentation

_USER, _TREE = "prepare", "ExperimentRuns"


@dataclass(frozen=True)
class Masks:
    """Draws the label volume of one run after the other.

    Attributes
    ----------
    project
        Where tomograms and picks come from.
    output
        Folder that becomes a copick project: segmentations and picks in its overlay, and the
        tomograms where they are, if they all lie in one tree of copick's.
    target
        What is drawn.
    kind
        Kind of tomogram whose lattice the volumes have.
    name
        Of the segmentation.
    npy
        Whether arrays are written besides.
    previews
        Whether pictures are, and the masks read back as picks.
    """

    project: Project
    output: Path
    target: Choice
    kind: str | None
    name: str
    npy: bool
    previews: bool

    def run(self, run: Run) -> dict[str, Any]:
        """Write one run; return how many voxels each object has."""
        volume, picks, objects = run.tomogram(self.kind), run.picks(), run.objects
        with progress(100, f"masks {run.name}") as bar:
            labels = draw_labels(
                picks,
                objects=objects,
                geometry=volume.geometry,
                target=self.target,
                progress=bar.fraction,
            )
            drawn = replace(volume, data=labels)
            write_segmentation(
                self.output, run.name, drawn, name=self.name, user=_USER, overwrite=True
            )
            if self.npy:
                _write_npy(self.output / "npy" / f"{run.name}.npy", labels)
            seen = self._look(run.name, volume, drawn, picks, objects) if self.previews else {}
            plainly = np.array([plain(str(name)) for name in np.asarray(picks.objects)], str)
            named = replace(picks, objects=plainly, run=run.name)
            named = named[~np.isin(plainly, _in_tree(run))]
            write_overlay([named], self.output / "overlay", user=_USER, session="0")
        self._write_config()
        counts = np.bincount(labels.ravel(), minlength=len(objects) + 1)[1:].tolist()
        voxels = dict(zip(objects.names, counts, strict=True))
        return {"picks": len(picks), "voxels": voxels, **seen}

    def tell(self, facts: dict[str, Any]) -> str:
        """Say what a run holds."""
        counted = "  ".join(f"{name} {count}" for name, count in facts["voxels"].items())
        told = f"{facts['picks']} picks, voxels of {counted}"
        if (f4 := facts.get("f4")) is not None:
            told += ", read back with F4 of " + "  ".join(f"{k} {v:.3f}" for k, v in f4.items())
        return told

    def join(self, runs: dict[str, Any]) -> None:
        """Draw how many particles the masks of each run give back, of how many."""
        if self.previews:
            from tomoscout.commands._prepare_check import write_chart

            counts = {name: (facts["found"], facts["particles"]) for name, facts in runs.items()}
            write_chart(
                self.output / "previews", counts, objects=self.project.objects, what="particles"
            )

    def where(self) -> str:
        """Say where the files are."""
        return f"masks: {self.output / 'copick.json'}, segmentation {self.name}"

    def _look(
        self, name: str, volume: Volume, drawn: Volume, picks: Picks, objects: ObjectTable
    ) -> dict[str, Any]:
        """Draw the pictures of a run; return what its masks are worth."""
        from tomoscout.commands._prepare_check import check, read_back
        from tomoscout.commands._prepare_previews import write_previews, write_projection
        from tomoscout.reporting.outcomes import judge

        folder = self.output / "previews"
        write_previews(folder, volume, drawn, picks, objects=objects, run=name)
        found = read_back(np.asarray(drawn.data), geometry=drawn.geometry, objects=objects)
        outcome = judge(found, picks, objects=objects)
        write_projection(folder, drawn, outcome, objects=objects, run=name)
        return check(found, picks, objects=objects).facts()

    def _write_config(self) -> None:
        """Make the folder a copick project, with the tomograms where they are."""
        roots = {_root(run) for run in self.project.runs}
        static = roots.pop() if len(roots) == 1 else None
        if static is None:  # copick wants the folder to be there, be it empty
            static = self.output / "static"
            static.mkdir(exist_ok=True)
        title = f"Masks of {self.project.path.name}"
        write_copick_config(
            self.output, self.project.objects, name=title, static=static, overwrite=True
        )


def _root(run: Run) -> Path | None:
    """Return the root of copick's tree that a run's tomogram lies in, or None."""
    for source in run.tomograms.values():
        if isinstance(source, Path) and len(source.parts) > 4 and source.parts[-4] == _TREE:
            return source.absolute().parents[3]
    return None


def _in_tree(run: Run) -> list[str]:
    """Return the objects whose picks lie beside the tomograms: a copy would be a second maker's."""
    root = _root(run)
    files = [f for f in run.pick_files if isinstance(f, Path) and root in f.absolute().parents]
    return [plain(owner.object) for file in files if (owner := owner_of(file)) is not None]


def _write_npy(path: Path, labels: np.ndarray) -> None:
    """Write an array, whole or not at all."""
    with atomic_path(path, overwrite=True) as temporary, temporary.open("wb") as file:
        np.save(file, labels, allow_pickle=False)
