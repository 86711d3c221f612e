"""One run, simulated: a scene, its molecules, a microscope, and the truth."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float32

from tomoscout.core.errors import UserError, did_you_mean
from tomoscout.core.objects import CZII, ObjectTable
from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume
from tomoscout.simulation import physics, quick
from tomoscout.simulation.labels import label_volume
from tomoscout.simulation.looks import contact_of, draw_looks
from tomoscout.simulation.molecules import Molecule
from tomoscout.simulation.physics import PhysicsSettings
from tomoscout.simulation.quick import QuickSettings
from tomoscout.simulation.reconstruction import KINDS
from tomoscout.simulation.render import render
from tomoscout.simulation.scene import Arrangement, Scene, arrange
from tomoscout.simulation.simulated import Simulated


def simulate(
    *,
    seed: int,
    scene: Scene | None = None,
    microscope: PhysicsSettings | QuickSettings | None = None,
    objects: ObjectTable = CZII,
    distractors: ObjectTable | None = None,
    strangers: float = 8.0,
    molecules: Mapping[str, Molecule] | None = None,
    given: Picks | None = None,
    kinds: Sequence[str] = ("denoised",),
    truth: bool = False,
    name: str = "simulated",
    wobble: float = 3.0,
    cargo: tuple[float, float] = (0.8, 1.0),
    workers: int | None = None,
    device: torch.device | None = None,
    progress: Callable[[float], None] | None = None,
) -> Simulated:
    """Simulate a run and its truth; the same arguments give the same bytes on a processor.

    Parameters
    ----------
    seed
        Decides the scene, the look of its molecules, the imaging conditions and the noise.
    scene
        What the tomogram holds.
    microscope
        Ranges of imaging conditions; its type chooses the microscope. The quick one by default.
    objects
        What to place; objects without a model of their own become lumps of their radius.
    distractors
        Objects that stand among them and are not picked.
    strangers
        Mean number of each distractor in a tomogram of the challenge's size; a run draws its own
        number of each, often none.
    molecules
        Looks of objects or distractors, by name, instead of the package's models.
    given
        Where the objects stand; at random when None.
    kinds
        Kinds of tomogram to make; the quick microscope knows ``denoised`` only.
    truth
        Whether the density and the label volumes are returned as well.
    name
        Run name.
    wobble
        How far the molecules' domains stray from the published shapes, in ångström: a detector
        should not learn our models by heart. Given molecules are blurred by up to as much.
    cargo
        How full hollow models are, lowest and highest, as a share of the most they hold.
    workers
        Threads, by default one per core; the result does not depend on it.
    device
        Where the full microscope projects; the processor by default.
    progress
        Called with the share that is done.

    Raises
    ------
    UserError
        If a kind or a molecule's name is unknown, or given picks do not fit the scene.
    """
    scene = scene or Scene()
    looks = dict(molecules or {})
    everything = _together(objects, distractors)
    _check(kinds, looks, everything, microscope)
    foreign = [] if distractors is None else distractors.names
    for_scene, for_shapes, for_image = np.random.default_rng(seed).spawn(3)
    densities = draw_looks(everything, looks, scene.voxel_spacing, wobble, cargo, for_shapes)
    arrangement = arrange(
        scene,
        objects=everything,
        rng=for_scene,
        run=name,
        given=given,
        contacts={key: contact_of(densities[key]) for key in [*looks, *foreign]},
        means={key: float(for_shapes.exponential(strangers)) for key in foreign},
    )
    volume = render(
        arrangement,
        shape=scene.shape,
        voxel_spacing=scene.voxel_spacing,
        densities=densities,
        occupancy={n: float(np.exp(0.12 * for_shapes.normal())) for n in everything.names},
    )
    known = Volume(volume.copy(), scene.voxel_spacing, name) if truth else None
    tomograms, tilts = _image(
        volume,
        scene,
        microscope or QuickSettings(),
        kinds=kinds,
        thickness=arrangement.thickness,
        rng=for_image,
        workers=workers or os.cpu_count() or 1,
        device=device,
        progress=progress,
    )
    placed, arrangement = arrangement.placed, _without(arrangement, distractors)
    labels = None
    if truth:
        labels = label_volume(
            arrangement,
            shape=scene.shape,
            voxel_spacing=scene.voxel_spacing,
            densities=densities,
            objects=objects,
        )
    named = {kind: Volume(t, scene.voxel_spacing, name) for kind, t in tomograms.items()}
    return Simulated(
        named,
        arrangement.picks,
        known,
        labels,
        asked={n: arrangement.asked.get(n, 0) for n in objects.names},
        placed={n: placed.get(n, 0) for n in objects.names},
        clutter=arrangement.clutter,
        tilts=tilts,
    )


def _together(objects: ObjectTable, distractors: ObjectTable | None) -> ObjectTable:
    """Return one table of all that is placed."""
    extra = () if distractors is None else distractors.objects
    return ObjectTable(objects=(*objects.objects, *extra))


def _without(arrangement: Arrangement, distractors: ObjectTable | None) -> Arrangement:
    """Return an arrangement whose picks are objects only."""
    if distractors is None:
        return arrangement
    keep = ~np.isin(arrangement.picks.objects, distractors.names)
    return replace(arrangement, picks=arrangement.picks[keep])


def _check(
    kinds: Sequence[str],
    looks: Mapping[str, Molecule],
    objects: ObjectTable,
    microscope: PhysicsSettings | QuickSettings | None,
) -> None:
    """Refuse what does not exist before any time is spent."""
    for kind in kinds:
        if kind not in KINDS:
            raise UserError(
                f"unknown kind of tomogram '{kind}': choose from {', '.join(KINDS)}."
                + did_you_mean(kind, KINDS)
            )
        if kind != "denoised" and not isinstance(microscope, PhysicsSettings):
            raise UserError(
                f"the quick microscope makes 'denoised' tomograms only, not '{kind}': use the full "
                "one (--physics full)"
            )
    if not kinds:
        raise UserError(f"no kind of tomogram asked for: choose from {', '.join(KINDS)}")
    for key in looks:
        if key not in objects.names:
            raise UserError(
                f"a molecule for '{key}', which is none of the objects {', '.join(objects.names)}."
                + did_you_mean(key, objects.names)
            )


def _image(
    volume: Float32[np.ndarray, "z y x"],
    scene: Scene,
    microscope: PhysicsSettings | QuickSettings,
    *,
    kinds: Sequence[str],
    thickness: float,
    rng: np.random.Generator,
    workers: int,
    device: torch.device | None,
    progress: Callable[[float], None] | None,
) -> tuple[dict[str, Float32[np.ndarray, "z y x"]], tuple[float, ...] | None]:
    """Look at the scene through the microscope that the settings belong to.

    Returns the tomograms by kind, and the tilts where there are any.
    """
    if isinstance(microscope, PhysicsSettings):
        conditions = physics.draw(microscope, rng)
        tomograms = physics.image(
            volume,
            voxel_spacing=scene.voxel_spacing,
            conditions=conditions,
            thickness=thickness,
            rng=rng,
            kinds=kinds,
            workers=workers,
            device=device,
            progress=progress,
        )
        return tomograms, tuple(conditions.series.degrees.tolist())
    tomogram = quick.image(
        volume,
        voxel_spacing=scene.voxel_spacing,
        conditions=quick.draw(microscope, rng),
        rng=rng,
        workers=workers,
    )
    return {"denoised": tomogram}, None
