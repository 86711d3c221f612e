"""Slices of all runs in YOLO's dataset format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tomoscout.commands._console import progress
from tomoscout.commands._prepare_settings import SliceSettings
from tomoscout.io.project import Project, Run
from tomoscout.io.yolo import write_yolo


@dataclass(frozen=True)
class Slices:
    """Writes the slices of one run after the other.

    Attributes
    ----------
    project
        Where tomograms and picks come from.
    output
        Root of the dataset.
    settings
        Which slices, and which boxes.
    kind
        Kind of tomogram.
    validation
        Runs for validation; the others are for training.
    """

    project: Project
    output: Path
    settings: SliceSettings
    kind: str | None
    validation: Sequence[str]

    def run(self, run: Run) -> dict[str, Any]:
        """Write one run; return how many slices, and for what."""
        split: Any = "val" if run.name in self.validation else "train"
        with progress(1, f"slices {run.name}") as bar:
            count = write_yolo(
                self.output,
                run.tomogram(self.kind),
                replace(run.picks(), run=run.name),
                objects=run.objects,
                split=split,
                step=self.settings.step,
                reach=self.settings.reach,
                percentiles=self.settings.percentiles,
            )
            bar.update(1)
        return {"slices": count, "split": split}

    def tell(self, facts: dict[str, Any]) -> str:
        """Say what a run gave."""
        return f"{facts['slices']} slices, {facts['split']}"

    def where(self) -> str:
        """Say where the files are."""
        return f"slices: {self.output / 'data.yaml'}"
