"""Who stands where: particles with poses, and the clutter around them.

Particles stand at random, in the CZII challenge's statistics (`challenge`), or at given picks.
Random ones never overlap, some are cut by the border. What is unlabelled (small proteins,
aggregates, vesicles, gold, fibres, crystals, a carbon edge) stands where particles leave room.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from tomoscout.core.geometry import Geometry
from tomoscout.core.objects import ObjectTable
from tomoscout.core.picks import Picks
from tomoscout.simulation.challenge import (
    CONTACT,
    CZII_COUNTS,
    CZII_VOLUME,
    HABITS,
    Habit,
    contact_radius,
)
from tomoscout.simulation.clutter import Clutter
from tomoscout.simulation.contents import Scene
from tomoscout.simulation.debris import Placed, litter, random_rotations
from tomoscout.simulation.given import stand
from tomoscout.simulation.ice import Ice, draw_ice, draw_patches, ice_around
from tomoscout.simulation.placement import Crowd
from tomoscout.simulation.population import populate
from tomoscout.simulation.stage import Stage
from tomoscout.simulation.surroundings import furnish

__all__ = ["CONTACT", "CZII_COUNTS", "Arrangement", "Scene", "arrange", "contact_radius"]


@dataclass(frozen=True)
class Arrangement:
    """A scene drawn: truth, and everything that is drawn without being truth.

    Attributes
    ----------
    picks
        Particles whose centre lies in the volume, with rotations; given picks in their order.
    cut
        Particles whose centre lies outside, but which reach in.
    debris
        Small proteins, members of aggregates, proteins on membranes, cytosol.
    clutter
        Vesicles, beads, fibres, crystals, carbon.
    asked
        How many of each object were asked for; `placed` tells how many found a place.
    ice
        The slab in which all of it stands.
    """

    picks: Picks
    cut: Picks
    debris: tuple[Placed, ...]
    clutter: tuple[Clutter, ...]
    asked: dict[str, int] = field(default_factory=dict)
    ice: Ice | None = None

    @property
    def placed(self) -> dict[str, int]:
        """How many of each object asked for stand in the scene, those cut by the border too."""
        found = Counter([*map(str, self.picks.objects), *map(str, self.cut.objects)])
        return {name: found[name] for name in self.asked}

    @property
    def thickness(self) -> float:
        """Mean thickness of the ice, in ångström; 0 where there is none."""
        return 0.0 if self.ice is None else self.ice.mean_thickness


def arrange(
    scene: Scene,
    *,
    objects: ObjectTable,
    rng: np.random.Generator,
    run: str = "",
    given: Picks | None = None,
    contacts: Mapping[str, float] | None = None,
    means: Mapping[str, float] | None = None,
) -> Arrangement:
    """Draw a scene: particles first, the largest before the smaller, then what is unlabelled.

    Particles that find no place after many attempts are left out, so an overfull scene has fewer
    than asked for: compare `Arrangement.placed` with `Arrangement.asked`.

    Parameters
    ----------
    scene
        What it holds.
    objects
        Particles that occur, with their radii.
    rng
        Draws everything; the same state draws the same scene.
    run
        Name of the run in the picks.
    given
        Where particles stand, instead of at random: exactly there, in these poses (random ones
        where there are none), even where two overlap. The scene's counts do not matter then, and
        ice and clutter are drawn around them.
    contacts
        Half the distance, in ångström, at which two of an object touch, for objects whose
        radius in the table does not say it.
    means
        Mean number in a tomogram of the challenge's size, for objects that may well be missing.

    Raises
    ------
    UserError
        If counts or given picks name an object that the table lacks, or a given pick lies
        outside the volume.
    """
    geometry = Geometry(scene.shape, scene.voxel_spacing)
    radii = {name: contact_radius(name, objects, contacts) for name in objects.names}
    if given is None:
        stage = _open(scene, geometry, rng)
        _furnish(stage, scene)
        picks, asked = _at_random(stage, scene, objects, radii, run, means or {})
    else:
        picks = stand(given, objects=objects, geometry=geometry, run=run, rng=rng)
        asked = {name: len(picks.of(name)) for name in picks.names}
        stage = _open(scene, geometry, rng, around=picks.zyx)
        stage.crowd.put(picks.zyx, np.array([radii[str(name)] for name in picks.objects]))
        _furnish(stage, scene)
    debris = litter(
        stage,
        amount=scene.debris,
        decorated=scene.decorated,
        filled=scene.filled,
        cytosol=float(rng.uniform(*scene.cytosol)),
    )
    inside = geometry.contains(picks.zyx)
    return Arrangement(
        picks[inside], picks[~inside], tuple(debris), tuple(stage.clutter), asked, stage.ice
    )


def _open(
    scene: Scene,
    geometry: Geometry,
    rng: np.random.Generator,
    around: Float[np.ndarray, "n 3"] | None = None,
) -> Stage:
    """Pour the ice."""
    ice = draw_ice(
        geometry.extent,
        thickness=scene.ice,
        slope=scene.slope,
        wedge=scene.wedge,
        lens=scene.lens,
        ceiling=scene.ceiling,
        rng=rng,
    )
    if around is not None:
        ice = ice_around(around, ice=ice)
    patches = draw_patches(geometry.extent, strength=scene.patchiness, rng=rng)
    return Stage(np.array(geometry.extent), ice, patches, Crowd(), [], rng)


def _furnish(stage: Stage, scene: Scene) -> None:
    """Place what particles must avoid, or what must avoid the particles."""
    furnish(
        stage,
        vesicles=scene.vesicles,
        beads=scene.beads,
        carbon=scene.carbon,
        actin=scene.actin,
        microtubules=scene.microtubules,
        contamination=scene.contamination,
    )


def _at_random(
    stage: Stage,
    scene: Scene,
    objects: ObjectTable,
    radii: Mapping[str, float],
    run: str,
    means: Mapping[str, float],
) -> tuple[Picks, dict[str, int]]:
    """Place particles at random; return them, and how many were asked for."""
    asked = _counts(scene, objects, radii, means, stage.rng)
    extent = (float(stage.extent[0]), float(stage.extent[1]), float(stage.extent[2]))
    parts = [Picks(np.zeros((0, 3)), "", rotations=np.zeros((0, 3, 3)), run=run, extent=extent)]
    for name in sorted(asked, key=lambda n: -radii[n]):
        habit = HABITS.get(name, Habit())
        zyx = populate(stage, asked[name], radii[name], habit, clustering=scene.clustering)
        turns = random_rotations(len(zyx), stage.rng)
        parts.append(Picks(zyx, name, rotations=turns, run=run, extent=extent))
    return Picks.concatenate(parts), asked


def _counts(
    scene: Scene,
    objects: ObjectTable,
    radii: Mapping[str, float],
    means: Mapping[str, float],
    rng: np.random.Generator,
) -> dict[str, int]:
    """Return how many of each object to place: at least one of each, unless told."""
    if scene.counts is not None:
        return {objects[name].name: count for name, count in scene.counts.items()}
    share = np.prod(np.array(scene.shape) * scene.voxel_spacing) / CZII_VOLUME * scene.crowding
    sides = np.array(scene.shape[1:]) * scene.voxel_spacing
    counts = {}
    for name in objects.names:
        # Some stand beyond the border, unlabelled: the margin they may stand in comes on top.
        margin = float(np.prod(1 + 1.6 * radii[name] / sides))
        mean = means.get(name, CZII_COUNTS.get(name, 30)) * share * margin
        # The second term makes the mean of the scattered counts the mean asked for.
        scatter = scene.spread * rng.normal() - scene.spread**2 / 2
        drawn = mean * float(np.exp(scatter))
        counts[name] = int(rng.poisson(drawn)) if name in means else max(1, round(drawn))
    return counts
