"""Patches of tomograms that are simulated while the training goes on, and never come back.

A network sees each tomogram for a few steps only, so it cannot learn one by heart, and there
is nothing to store. Choose it to train without annotated tomograms, or for longer than the
simulated ones on disk stay new.

Tomogram t is a function of (seed, t); patch i of epoch e draws from the last few tomograms of
its stream (see `streams`), which ones being a function of (e, i). So patches depend neither on
the number of workers nor on what was drawn before, and a resumed training is the same bit for
bit, once it has simulated the tomograms alive at that point again.

With the defaults, a tomogram of 184 x 256 x 256 voxels takes the quick microscope 1.1 s on one
core, 34 ms for each of the 32 patches drawn while it is the newest: 0.14 s for a batch of 4 at 96³,
where a step of recipe ``scout`` takes about 0.65 s on two cores. To cut a patch of one that is
alive takes 8 ms. Three tomograms are alive in each of eight streams, 24 MB each: 0.6 GB in all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import numpy as np
from pydantic import Field
from torch.utils.data import get_worker_info

from tomoscout import simulation
from tomoscout.core.errors import UserError
from tomoscout.core.objects import ObjectTable
from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume
from tomoscout.data.pool import Cut, Key, Pool
from tomoscout.data.runs import TrainingRun, load_run
from tomoscout.data.sampling import SamplingSettings
from tomoscout.data.streams import Streams
from tomoscout.ops.normalise import NormaliseSettings
from tomoscout.simulation.molecules import Molecule, realise
from tomoscout.simulation.preset import Simulation, Vary, run_preset

_LOOKED_AT = 4  # tomograms in which every object must be seen; a rare one may miss the first

_TRAINING, _VALIDATION = 0, 1  # two series of seeds that share none


class DataSettings(Simulation):
    """Where patches come from; all but the first are for ``simulation``."""

    source: Literal["project", "simulation"] = "project"
    """``project``: annotated runs. ``simulation``: tomograms simulated meanwhile; the runs of a
    project, if one is given, are then only validated on."""
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


class SimulatedTomograms:
    """An endless supply of simulated tomograms to cut patches from.

    Parameters
    ----------
    settings
        What to simulate, and how long each is used.
    objects
        What to place, and to balance.
    sampling
        Which patches are drawn.
    normalise
        How grey values are brought to one scale.
    streams
        How patches are dealt to the series of tomograms.
    seed
        Decides every tomogram.
    molecules
        Looks of objects, by name, instead of the package's models.

    Raises
    ------
    UserError
        If an object is in none of the first tomograms, unless that is allowed.
    """

    def __init__(
        self,
        settings: DataSettings,
        *,
        objects: ObjectTable,
        sampling: SamplingSettings,
        normalise: NormaliseSettings,
        streams: Streams,
        seed: int = 0,
        molecules: Mapping[str, Molecule] | None = None,
    ) -> None:
        self.settings = settings
        self.molecules = prepare(molecules or {}, settings.scene.voxel_spacing)
        self.objects = objects
        self.normalise = normalise
        self.streams = streams
        self.seed = seed
        # The few tomograms alive may lack a rare object for a while.
        self._sampling = sampling.model_copy(update={"allow_missing": True})
        self._alive: dict[int, dict[int, TrainingRun]] = {}
        self._pools: dict[int, Pool] = {}
        if not sampling.allow_missing:
            self._check_objects()

    def draw(self, key: Key, rng: np.random.Generator) -> Cut:
        """Draw a patch from the tomograms alive at its turn, simulating those that are missing."""
        stream, position = self.streams.place(key)
        return self._pool(stream, position // self.settings.patches_per_tomogram).draw(key, rng)

    def _pool(self, stream: int, newest: int) -> Pool:
        """Return a stream's tomograms alive when its ``newest``-th is the last one made."""
        first = max(0, newest + 1 - self.settings.kept)
        numbers = [n * self.streams.count + stream for n in range(first, newest + 1)]
        alive = self._alive.get(stream, {})
        if list(alive) != numbers:
            # The old ones go before new ones come: they need the memory.
            alive = self._alive[stream] = {n: alive[n] for n in numbers if n in alive}
            self._pools.pop(stream, None)
            made = {n: alive[n] if n in alive else self._run(n) for n in numbers}
            self._alive[stream] = made
            self._pools[stream] = Pool(
                list(made.values()), objects=self.objects, sampling=self._sampling
            )
        return self._pools[stream]

    def _run(self, number: int) -> TrainingRun:
        """Simulate a tomogram and bring it to the network's scale."""
        entropy = np.random.SeedSequence([_TRAINING, self.seed, number])
        volume, picks = _simulate(
            self.settings,
            entropy=entropy,
            objects=self.objects,
            molecules=self.molecules,
            name=f"simulated {number}",
        )
        # Protein is dark in simulations, whatever it is in the user's files.
        dark = self.normalise.model_copy(update={"invert": False})
        return load_run(volume, picks, normalise=dark)

    def _check_objects(self) -> None:
        """Refuse objects that never occur; the tomograms looked at are the first to be used."""
        missing = self.objects.names
        looked_at = min(_LOOKED_AT, self.streams.per_process)
        for stream in range(looked_at):
            found = set(self._pool(stream, 0).runs[0].picks.names)
            missing = [name for name in missing if name not in found]
            if not missing:
                return
        raise UserError(
            f"no particle of {', '.join(missing)} in the first {looked_at} simulated tomograms: "
            "make data.scene.shape larger, look at data.scene.counts, take it out of the table of "
            "objects, or set sampling.allow_missing"
        )


def prepare(molecules: Mapping[str, Molecule], voxel_spacing: float) -> dict[str, Molecule]:
    """Put given molecules on voxels as fine as the simulator draws them, once and for all."""
    return {n: realise(m, voxel_spacing=voxel_spacing / 2) for n, m in molecules.items()}


def validation_names(settings: DataSettings) -> tuple[str, ...]:
    """Return the names of the tomograms that `validation_tomograms` simulates."""
    return tuple(f"simulated-{index}" for index in range(settings.validation))


def validation_tomograms(
    settings: DataSettings,
    *,
    objects: ObjectTable,
    molecules: Mapping[str, Molecule] | None = None,
    bright: bool = False,
) -> list[tuple[Volume, Picks]]:
    """Simulate the tomograms to validate on: none is ever trained on, whatever the seed.

    Parameters
    ----------
    settings
        What to simulate, and how many. The voxel spacing is the scene's, without jitter.
    objects
        What to place.
    molecules
        Looks of objects, by name, instead of the package's models.
    bright
        Whether protein is to be bright, as where ``normalise.invert`` is set.
    """
    found = []
    looks = prepare(molecules or {}, settings.scene.voxel_spacing)
    nominal = settings.vary.model_copy(update={"spacing": 0.0})
    for index, name in enumerate(validation_names(settings)):
        volume, picks = _simulate(
            settings.model_copy(update={"vary": nominal}),
            entropy=np.random.SeedSequence([_VALIDATION, index]),
            objects=objects,
            molecules=looks,
            name=name,
        )
        found.append((replace(volume, data=-volume.read()) if bright else volume, picks))
    return found


def _simulate(
    settings: DataSettings,
    *,
    entropy: np.random.SeedSequence,
    objects: ObjectTable,
    molecules: Mapping[str, Molecule],
    name: str,
) -> tuple[Volume, Picks]:
    """Simulate one tomogram: the one place that knows how `simulation.simulate` is called."""
    made = run_preset(
        settings,
        seed=int(entropy.generate_state(1, np.uint64)[0]),
        objects=objects,
        distractors=settings.distractor_table(),
        molecules=molecules,
        name=name,
        # Workers each have a core; the training's own process waits, so all cores are free.
        workers=None if get_worker_info() is None else 1,
    )
    return made.tomogram, made.picks
