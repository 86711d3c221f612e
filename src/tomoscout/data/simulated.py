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

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from tomoscout.core.errors import UserError
from tomoscout.core.objects import ObjectTable
from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume
from tomoscout.data._simulation import DataSettings, of_kinds, prepare, simulate_one
from tomoscout.data.pool import Cut, Key, Pool
from tomoscout.data.runs import TrainingRun, load_run
from tomoscout.data.sampling import SamplingSettings
from tomoscout.data.streams import Streams
from tomoscout.ops.normalise import NormaliseSettings
from tomoscout.simulation.molecules import Molecule

__all__ = ["DataSettings", "SimulatedTomograms", "validation_names", "validation_tomograms"]

_LOOKED_AT = 4  # tomograms in which every object must be seen; a rare one may miss the first

_TRAINING, _VALIDATION = 0, 1  # two series of seeds that share none


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
    kinds
        Kinds of tomogram that patches are drawn from, all made of each scene; the denoised one, or
        the settings' first, when empty. Each costs 2 bytes per voxel of every tomogram alive.
    needs_labels
        Whether the true label volume is kept too, for another byte per voxel.

    Raises
    ------
    UserError
        If an object is in none of the first tomograms, unless that is allowed, or the microscope
        cannot make one of the kinds.
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
        kinds: Sequence[str] = (),
        needs_labels: bool = False,
    ) -> None:
        self.settings = of_kinds(settings, kinds)
        self.kinds = tuple(dict.fromkeys(kinds))
        self.needs_labels = needs_labels
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
        made = simulate_one(
            self.settings,
            entropy=entropy,
            objects=self.objects,
            molecules=self.molecules,
            name=f"simulated {number}",
            truth=self.needs_labels,
        )
        volumes = [made.tomograms[kind] for kind in self.kinds] or [made.tomogram]
        labels = None
        if made.labels is not None:
            labels = replace(volumes[0], data=made.labels.classes)
        # Protein is dark in simulations, whatever it is in the user's files.
        dark = self.normalise.model_copy(update={"invert": False})
        return load_run(volumes[0], made.picks, normalise=dark, others=volumes[1:], labels=labels)

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


def validation_names(settings: DataSettings) -> tuple[str, ...]:
    """Return the names of the tomograms that `validation_tomograms` simulates."""
    return tuple(f"simulated-{index}" for index in range(settings.validation))


def validation_tomograms(
    settings: DataSettings,
    *,
    objects: ObjectTable,
    molecules: Mapping[str, Molecule] | None = None,
    bright: bool = False,
    kind: str | None = None,
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
    kind
        Kind of tomogram; the denoised one, or the settings' first, when None.

    Raises
    ------
    UserError
        If the microscope cannot make that kind.
    """
    found = []
    settings = of_kinds(settings, [kind] if kind else [])
    looks = prepare(molecules or {}, settings.scene.voxel_spacing)
    nominal = settings.vary.model_copy(update={"spacing": 0.0})
    for index, name in enumerate(validation_names(settings)):
        made = simulate_one(
            settings.model_copy(update={"vary": nominal}),
            entropy=np.random.SeedSequence([_VALIDATION, index]),
            objects=objects,
            molecules=looks,
            name=name,
        )
        volume = made.tomogram
        found.append((replace(volume, data=-volume.read()) if bright else volume, made.picks))
    return found
