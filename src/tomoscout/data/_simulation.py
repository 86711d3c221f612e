"""What to simulate while a training goes on, and the call that does it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from pydantic import Field
from torch.utils.data import get_worker_info

from tomoscout import simulation
from tomoscout.core.objects import ObjectTable
from tomoscout.core.settings import validate
from tomoscout.data.blobs import BlobSettings
from tomoscout.simulation.molecules import Molecule, realise
from tomoscout.simulation.preset import Simulation, Vary, run_preset


class DataSettings(Simulation):
    """Where patches come from; all but the first three are for ``simulation``."""

    source: Literal["project", "simulation", "blobs"] = "project"
    """``project``: annotated runs. ``simulation``: tomograms simulated meanwhile; the runs of a
    project, if one is given, are then only validated on. ``blobs``: runs of a project, with their
    dark blobs in place of picks; no label is looked at."""
    blobs: BlobSettings = BlobSettings()
    """Which dark blobs are learnt, where ``source`` says so."""
    labels: str | None = None
    """Segmentation of a project's runs that targets with labels (``masks``) learn from; None takes
    the only one, or the one called ``class_mask`` or ``objects``."""
    preset: str | None = None
    """Preset of the simulation that lies under the settings made here."""
    molecules: tuple[str, ...] = ()
    """What objects look like, ``name=file``, instead of the package's models."""
    scene: simulation.Scene = simulation.Scene(shape=(184, 256, 256))
    """What a simulated tomogram holds, and its size."""
    physics: Literal["full", "quick"] = "quick"
    """Microscope: ``quick`` costs half of what ``full`` does, at this size."""
    vary: Vary = Vary(spacing=0.03)
    """What differs between tomograms."""
    patches_per_tomogram: int = Field(default=32, ge=1)
    """Patches drawn before a new tomogram takes the place of the oldest; fewer cost more time."""
    streams: int = Field(default=8, ge=1)
    """Series of tomograms among which batches take turns; worker processes share the work when
    their number divides this one."""
    kept: int = Field(default=3, ge=1)
    """Newest tomograms of each stream, from which a batch is drawn."""
    validation: int = Field(default=6, ge=0)
    """Simulated tomograms to validate on when no project is given; the same for every seed."""


def prepare(molecules: Mapping[str, Molecule], voxel_spacing: float) -> dict[str, Molecule]:
    """Put given molecules on voxels as fine as the simulator draws them, once and for all."""
    return {n: realise(m, voxel_spacing=voxel_spacing / 2) for n, m in molecules.items()}


def of_kinds(settings: DataSettings, kinds: Sequence[str]) -> DataSettings:
    """Return the settings with these kinds of tomogram to make; with their own if there are none.

    Raises
    ------
    UserError
        If a kind is unknown, or the microscope cannot make it.
    """
    if not kinds:
        return settings
    values = settings.model_dump() | {"kinds": tuple(dict.fromkeys(kinds))}
    return validate(DataSettings, values, source="kinds of simulated tomograms")


def simulate_one(
    settings: DataSettings,
    *,
    entropy: np.random.SeedSequence,
    objects: ObjectTable,
    molecules: Mapping[str, Molecule],
    name: str,
    truth: bool = False,
) -> simulation.Simulated:
    """Simulate one tomogram: the one place that knows how `simulation.simulate` is called."""
    return run_preset(
        settings,
        seed=int(entropy.generate_state(1, np.uint64)[0]),
        objects=objects,
        distractors=settings.distractor_table(),
        molecules=molecules,
        name=name,
        truth=truth,
        # Workers each have a core; the training's own process waits, so all cores are free.
        workers=None if get_worker_info() is None else 1,
    )
