"""Tomograms with known truth: molecules, scenes and the microscope.

`simulate` draws a scene (who stands where), looks up what its molecules look like (shapes, then
densities on voxels), renders it and looks at it through the quick microscope.
"""

from __future__ import annotations

import os

import numpy as np

from tomoscout.core.objects import CZII, ObjectTable
from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume
from tomoscout.simulation.density import Density, rasterise
from tomoscout.simulation.quick import QuickSettings, draw, image
from tomoscout.simulation.render import render
from tomoscout.simulation.scene import Arrangement, Scene, arrange
from tomoscout.simulation.shapes import blobs
from tomoscout.simulation.surroundings import DEBRIS

__all__ = ["QuickSettings", "Scene", "simulate"]


def simulate(
    *,
    seed: int,
    scene: Scene | None = None,
    microscope: QuickSettings | None = None,
    objects: ObjectTable = CZII,
    name: str = "simulated",
    wobble: float = 3.0,
    workers: int | None = None,
) -> tuple[Volume, Picks]:
    """Simulate a tomogram and its true picks; the same arguments give the same bytes.

    Parameters
    ----------
    seed
        Decides the scene, the look of its molecules, the imaging conditions and the noise.
    scene
        What the tomogram holds.
    microscope
        Ranges of imaging conditions.
    objects
        What to place; objects without a model of their own become lumps of their radius.
    name
        Run name.
    wobble
        How far the molecules' domains stray from the published shapes, in ångström: a detector
        should not learn our models by heart.
    workers
        Threads, by default one per core; the result does not depend on it.
    """
    scene = scene or Scene()
    for_scene, for_shapes, for_image = np.random.default_rng(seed).spawn(3)
    arrangement = arrange(scene, objects=objects, rng=for_scene, run=name)
    volume = render(
        arrangement,
        shape=scene.shape,
        voxel_spacing=scene.voxel_spacing,
        densities=_densities(arrangement, objects, scene.voxel_spacing, wobble, for_shapes),
        occupancy={n: float(np.exp(0.12 * for_shapes.normal())) for n in objects.names},
    )
    tomogram = image(
        volume,
        voxel_spacing=scene.voxel_spacing,
        conditions=draw(microscope or QuickSettings(), for_image),
        rng=for_image,
        workers=workers or os.cpu_count() or 1,
    )
    return Volume(tomogram, scene.voxel_spacing, name), arrangement.picks


def _densities(
    arrangement: Arrangement,
    objects: ObjectTable,
    voxel_spacing: float,
    wobble: float,
    rng: np.random.Generator,
) -> dict[str, Density]:
    """Draw this tomogram's variant of every molecule, at half the volume's voxel spacing."""
    variant = int(rng.integers(2**31))
    kinds = [*objects.objects, *DEBRIS]
    return {
        kind.name: rasterise(
            blobs(kind, variant=variant, wobble=wobble), voxel_spacing=voxel_spacing / 2
        )
        for kind in kinds
    }
