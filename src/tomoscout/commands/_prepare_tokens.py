"""Token cubes of all runs, in the pair of files that a token transformer is trained on."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tomoscout.commands._console import progress
from tomoscout.commands._prepare_settings import PrepareSettings
from tomoscout.data.cubes import cut_cubes
from tomoscout.io._atomic import atomic_path
from tomoscout.io.project import Project, Run

IMAGES = "segmentation_training_input_data.pt"
LABELS = "segmentation_training_labels.pt"


@dataclass(frozen=True)
class Tokens:
    """Cuts the cubes of one run after the other, and joins them.

    Attributes
    ----------
    project
        Where tomograms and picks come from.
    output
        Folder for the pair; ``runs`` in it holds the pair of each run, to go on from.
    settings
        Which cubes, and what their labels are.
    kind
        Kind of tomogram.
    previews
        Whether a chart of the labels is drawn.
    """

    project: Project
    output: Path
    settings: PrepareSettings
    kind: str | None
    previews: bool = False

    def run(self, run: Run) -> dict[str, Any]:
        """Cut one run; return how many cubes it has, and labelled tokens of each object."""
        # By name, so that a run's cubes do not depend on which other runs there are.
        rng = np.random.default_rng([self.settings.cubes.seed, zlib.crc32(run.name.encode())])
        objects = run.objects
        with progress(100, f"tokens {run.name}") as bar:
            images, labels = cut_cubes(
                run.tomogram(self.kind),
                run.picks(),
                objects=objects,
                target=self.settings.target,
                settings=self.settings.cubes,
                rng=rng,
                progress=bar.fraction,
            )
        for name, array in ((IMAGES, images), (LABELS, labels)):
            _save(self.output / "runs" / run.name / name, torch.from_numpy(array))
        counts = np.bincount(labels.ravel(), minlength=len(objects) + 1)[1:].tolist()
        return {"cubes": len(labels), "tokens": dict(zip(objects.names, counts, strict=True))}

    def tell(self, facts: dict[str, Any]) -> str:
        """Say what a run gave."""
        counted = "  ".join(f"{name} {count}" for name, count in facts["tokens"].items())
        return f"{facts['cubes']} cubes, tokens of {counted}"

    def join(self, runs: dict[str, Any]) -> None:
        """Write the pair of all runs, in order of their names, and draw what labels they have."""
        for name in (IMAGES, LABELS):
            files = [self.output / "runs" / run / name for run in sorted(runs)]
            # Mapped, not read: the memory of the whole is needed once, not twice.
            parts = [torch.load(f, weights_only=True, mmap=True) for f in files]
            _save(self.output / name, torch.cat(parts))
        if self.previews:
            from tomoscout.commands._prepare_check import write_chart

            counts = {name: (facts["tokens"], None) for name, facts in runs.items()}
            write_chart(
                self.output / "previews", counts, objects=self.project.objects, what="tokens"
            )

    def where(self) -> str:
        """Say where the files are."""
        return f"tokens: {self.output / IMAGES}, {self.output / LABELS}"


def _save(path: Path, tensor: torch.Tensor) -> None:
    """Write a tensor, whole or not at all."""
    with atomic_path(path, overwrite=True) as temporary:
        torch.save(tensor, temporary)
