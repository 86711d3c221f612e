"""Who stands where: particles with poses, and the clutter around them.

Counts follow the CZII challenge's tomograms, scaled by volume. Ribosomes come in touching
groups and ferritin in strings, as they do there; some particles are cut by the border; nothing
overlaps. Small proteins, aggregates and filaments stand between them, unlabelled.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Float
from pydantic import Field, NonNegativeInt, PositiveInt

from tomoscout.core.geometry import Geometry
from tomoscout.core.objects import ObjectTable
from tomoscout.core.picks import Picks
from tomoscout.core.settings import Settings
from tomoscout.simulation.clutter import Clutter
from tomoscout.simulation.ranges import PositiveRange
from tomoscout.simulation.stage import Stage, pour
from tomoscout.simulation.surroundings import (
    CZII_VOLUME,
    Placed,
    furnish,
    litter,
    random_rotation,
)

# Mean particles per tomogram over the seven labelled tomograms of the challenge.
CZII_COUNTS = {
    "apo-ferritin": 54,
    "beta-amylase": 12,
    "beta-galactosidase": 16,
    "ribosome": 47,
    "thyroglobulin": 36,
    "virus-like-particle": 16,
}
# Half the distance at which neighbours of a kind touch, Å: from nearest labelled neighbours.
CONTACT = {
    "apo-ferritin": 60.0,
    "beta-amylase": 55.0,
    "beta-galactosidase": 80.0,
    "ribosome": 122.0,
    "thyroglobulin": 100.0,
    "virus-like-particle": 145.0,
}
CLUSTERED = {"apo-ferritin": 0.65, "ribosome": 0.6}  # share that stands in groups


class Scene(Settings):
    """What a simulated tomogram holds."""

    shape: tuple[PositiveInt, PositiveInt, PositiveInt] = (184, 630, 630)
    """Voxels of the tomogram, (z, y, x)."""
    voxel_spacing: float = Field(default=10.012444, gt=0)
    """Edge of one voxel, in ångström."""
    counts: dict[str, NonNegativeInt] | None = None
    """Particles per object, those beyond the border included; by default as in the challenge."""
    crowding: float = Field(default=1.0, gt=0)
    """Multiplies the default counts."""
    spread: float = Field(default=0.3, ge=0)
    """Scatter of the default counts between tomograms, as a fraction."""
    ice: PositiveRange = (0.5, 0.75)
    """Thickness of the ice as a fraction of the volume's z, lowest and highest."""
    clustering: float = Field(default=1.0, ge=0, le=1.5)
    """Multiplies the share of ribosomes and ferritin that stand in groups."""
    debris: float = Field(default=1.0, ge=0)
    """Amount of small proteins, aggregates and filaments, in units of the usual amount."""
    vesicles: float = Field(default=4.0, ge=0)
    """Mean number of vesicles in a tomogram of the challenge's size."""
    beads: float = Field(default=1.5, ge=0)
    """Mean number of gold beads in a tomogram of the challenge's size."""
    carbon: float = Field(default=0.25, ge=0, le=1)
    """How often a carbon edge crosses a corner."""


@dataclass(frozen=True)
class Arrangement:
    """A scene drawn: truth, and everything that is drawn without being truth.

    Attributes
    ----------
    picks
        Particles whose centre lies in the volume, with rotations.
    cut
        Particles whose centre lies outside, but which reach in.
    debris
        Small proteins, members of aggregates and filaments.
    clutter
        Vesicles, beads, carbon.
    """

    picks: Picks
    cut: Picks
    debris: tuple[Placed, ...]
    clutter: tuple[Clutter, ...]


def arrange(
    scene: Scene, *, objects: ObjectTable, rng: np.random.Generator, run: str = ""
) -> Arrangement:
    """Draw a scene: particles first, the largest before the smaller, then what is unlabelled.

    Particles that find no place after many attempts are left out, so an overfull scene has fewer
    than asked for; compare the counts of the picks.
    """
    stage = _open(scene, objects, rng)
    placed: list[Placed] = []
    counts = _counts(scene, objects, rng)
    for name in sorted(counts, key=lambda n: -contact_radius(n, objects)):
        radius = contact_radius(name, objects)
        share = min(1.0, CLUSTERED.get(name, 0.0) * scene.clustering)
        for zyx in _populate(stage, counts[name], radius, share, string=name == "apo-ferritin"):
            placed.append(Placed(name, zyx, radius, random_rotation(rng)))
    debris = litter(stage, amount=scene.debris)
    geometry = Geometry(scene.shape, scene.voxel_spacing)
    picks = _picks(placed, run, geometry)
    inside = geometry.contains(picks.zyx)
    return Arrangement(picks[inside], picks[~inside], tuple(debris), tuple(stage.clutter))


def contact_radius(name: str, objects: ObjectTable) -> float:
    """Return half the distance, in ångström, at which two of an object touch."""
    return CONTACT.get(name, objects[name].radius)


def _open(scene: Scene, objects: ObjectTable, rng: np.random.Generator) -> Stage:
    """Pour the ice and place what particles must avoid."""
    radii = [contact_radius(name, objects) for name in objects.names]
    stage = pour(
        Geometry(scene.shape, scene.voxel_spacing),
        thickness=scene.ice,
        largest_radius=max(100.0, *radii),
        rng=rng,
    )
    furnish(stage, vesicles=scene.vesicles, beads=scene.beads, carbon=scene.carbon)
    return stage


def _counts(scene: Scene, objects: ObjectTable, rng: np.random.Generator) -> dict[str, int]:
    """Return how many of each object to place: at least one of each, unless told."""
    if scene.counts is not None:
        return {objects[name].name: count for name, count in scene.counts.items()}
    share = np.prod(np.array(scene.shape) * scene.voxel_spacing) / CZII_VOLUME * scene.crowding
    sides = np.array(scene.shape[1:]) * scene.voxel_spacing
    counts = {}
    for name in objects.names:
        # Some stand beyond the border, unlabelled: the margin they may stand in comes on top.
        margin = float(np.prod(1 + 1.6 * contact_radius(name, objects) / sides))
        mean = CZII_COUNTS.get(name, 30) * share * margin
        counts[name] = max(1, round(mean * float(np.exp(scene.spread * rng.normal()))))
    return counts


def _populate(
    stage: Stage, count: int, radius: float, share: float, *, string: bool
) -> list[Float[np.ndarray, " 3"]]:
    """Place particles of one kind, a share of them in strings or in groups."""
    placed: list[Float[np.ndarray, " 3"]] = []
    # A group has 7.5 members on average, so fewer seeds than members start one.
    starts = share / (7.5 - 6.5 * share)
    while len(placed) < count:
        left = count - len(placed)
        size = int(stage.rng.integers(3, 13)) if stage.rng.random() < starts else 1
        margin = 0.8 * radius if placed else 0.0  # one of each, at least, is labelled
        seed = stage.attempt(partial(stage.spot, margin), radius)
        if seed is None:
            break
        placed.append(seed)
        placed.extend(_grow(stage, seed, radius, min(size, left) - 1, string=string))
    return placed


def _grow(
    stage: Stage, seed: Float[np.ndarray, " 3"], radius: float, more: int, *, string: bool
) -> list[Float[np.ndarray, " 3"]]:
    """Add neighbours in touch with a group's last member (a string) or any of them."""
    members = [seed]
    heading = stage.rng.normal(size=3)
    for _ in range(more):
        start = members[-1 if string else int(stage.rng.integers(len(members)))]

        def step(
            start: Float[np.ndarray, " 3"] = start, heading: Float[np.ndarray, " 3"] = heading
        ) -> Float[np.ndarray, " 3"]:
            way = heading * (1.0 if string else 0.0) + stage.rng.normal(size=3) * 0.8
            way /= np.linalg.norm(way)
            return start + way * radius * stage.rng.uniform(2.0, 2.35)

        found = stage.attempt(step, radius, attempts=20)
        if found is None:
            break
        heading = (found - start) / radius
        members.append(found)
    return members[1:]


def _picks(placed: list[Placed], run: str, geometry: Geometry) -> Picks:
    """Return placed particles as picks."""
    if not placed:
        return Picks.empty(run, geometry.extent)
    return Picks(
        zyx=np.array([p.zyx for p in placed]),
        objects=np.array([p.name for p in placed]),
        rotations=np.array([p.rotation for p in placed]),
        run=run,
        extent=geometry.extent,
    )
