"""What surrounds the particles: membranes, gold and carbon first, then unlabelled debris."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from tomoscout.core.objects import ObjectType
from tomoscout.simulation.clutter import Bead, CarbonEdge, Vesicle
from tomoscout.simulation.stage import Stage

CZII_VOLUME = 1842.0 * 6308.0 * 6308.0  # Å^3 of one of them
# Small proteins of 10 to 300 kDa, from which all debris is made.
DEBRIS = tuple(
    ObjectType(name=f"debris-{i}", radius=float(r)) for i, r in enumerate(np.linspace(16, 49, 12))
)


@dataclass(frozen=True)
class Placed:
    """A molecule and its pose; ``name`` is an object or a kind of debris, ``radius`` its sphere."""

    name: str
    zyx: Float[np.ndarray, " 3"]
    radius: float
    rotation: Float[np.ndarray, "3 3"]


def furnish(stage: Stage, *, vesicles: float, beads: float, carbon: float) -> None:
    """Put vesicles, gold beads and perhaps a carbon edge on an empty stage.

    Parameters
    ----------
    stage
        Where; they are added to its clutter.
    vesicles, beads
        Mean numbers in a tomogram of the challenge's area.
    carbon
        Probability of a carbon edge.
    """
    rng = stage.rng
    area = float(stage.extent[1] * stage.extent[2]) / (6308.0 * 6308.0)
    if rng.random() < carbon:
        stage.clutter.append(_carbon(stage))
    stage.clutter.extend(_vesicle(stage) for _ in range(rng.poisson(vesicles * area)))
    stage.clutter.extend(_bead(stage) for _ in range(rng.poisson(beads * area)))


def litter(stage: Stage, *, amount: float) -> list[Placed]:
    """Place small proteins, aggregates of them, and filaments; 1 is the usual amount."""
    rng = stage.rng
    share = float(np.prod(stage.extent)) / CZII_VOLUME * amount
    placed: list[Placed] = []

    def put(kind: int, zyx: Float[np.ndarray, " 3"]) -> None:
        radius = DEBRIS[kind].radius
        if stage.attempt(lambda: zyx, radius, attempts=1) is not None:
            placed.append(Placed(DEBRIS[kind].name, zyx, radius, random_rotation(rng)))

    for _ in range(rng.poisson(12 * share)):  # aggregates
        core, size = stage.spot(0.0), rng.uniform(80, 220)
        for _ in range(int(rng.integers(6, 30))):
            put(int(rng.integers(2, 9)), core + rng.normal(size=3) * size / 2)
    for _ in range(rng.poisson(6 * share)):  # filaments
        at, way = stage.spot(0.0), rng.normal(size=3) * (0.4, 1, 1)
        for _ in range(int(rng.integers(6, 40))):
            way = way / np.linalg.norm(way) + rng.normal(size=3) * 0.06
            at = at + way / np.linalg.norm(way) * 52.0
            put(3, at)
    for _ in range(rng.poisson(rng.uniform(500, 2500) * share)):  # alone
        put(int(len(DEBRIS) * rng.random() ** 2), stage.spot(0.0))  # mostly small
    return placed


def random_rotation(rng: np.random.Generator) -> Float[np.ndarray, "3 3"]:
    """Draw a rotation, uniform on SO(3)."""
    return Rotation.from_quat(rng.normal(size=4)).as_matrix()


def _vesicle(stage: Stage) -> Vesicle:
    """Draw a vesicle that mostly lies in the ice, flattened where the ice is thin."""
    rng = stage.rng
    size = float(np.exp(rng.uniform(np.log(110), np.log(800))))
    tall = min(size, 0.55 * (stage.ice[1] - stage.ice[0]))
    y, x = size * rng.uniform(0.8, 1.2, 2)
    z0, y0, x0 = stage.spot(0.0)
    dents = rng.normal(size=3) * (0.06, 0.03, 0.02)
    return Vesicle(
        (float(z0), float(y0), float(x0)),
        (float(tall), float(y), float(x)),
        float(rng.uniform(0, np.pi)),
        (float(dents[0]), float(dents[1]), float(dents[2])),
    )


def _bead(stage: Stage) -> Bead:
    """Draw a gold bead of about 10 nm."""
    z, y, x = (float(value) for value in stage.spot(0.0))
    return Bead((z, y, x), float(stage.rng.uniform(35, 60)), float(stage.rng.uniform(8, 16)))


def _carbon(stage: Stage) -> CarbonEdge:
    """Draw a hole whose rim crosses one corner of the volume."""
    rng = stage.rng
    corner = rng.integers(0, 2, 2) * stage.extent[1:]
    hole = float(rng.uniform(4000, 9000))
    inward = stage.extent[1:] / 2 - corner
    inward = inward / np.linalg.norm(inward) + rng.normal(size=2) * 0.25
    inward /= np.linalg.norm(inward)
    depth = rng.uniform(0.05, 0.3) * float(stage.extent[1:].min())
    y, x = corner + inward * (hole + depth)
    z = rng.uniform(0.3, 0.6) * stage.extent[0]
    half = rng.uniform(120, 350)
    return CarbonEdge(
        (float(y), float(x)),
        hole,
        (float(z - half), float(z + half)),
        float(rng.uniform(0.15, 0.35)),
        int(rng.integers(2**31)),
    )
