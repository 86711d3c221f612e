"""What surrounds the particles: membranes, gold, fibres, carbon and crystals of ice."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tomoscout.simulation.challenge import CZII_AREA, CZII_VOLUME
from tomoscout.simulation.clutter import LEAFLETS, Bead, CarbonEdge, Clutter, Vesicle
from tomoscout.simulation.crystals import Crystal
from tomoscout.simulation.debris import DEBRIS, Placed, litter, random_rotation
from tomoscout.simulation.fibres import ACTIN, MICROTUBULE, Fibre, FibreKind, draw_axis
from tomoscout.simulation.stage import Stage

__all__ = ["CZII_VOLUME", "DEBRIS", "Placed", "furnish", "litter", "random_rotation"]

_TRIES = 40  # places tried for each thing where particles stand already


def furnish(
    stage: Stage,
    *,
    vesicles: float = 0.0,
    beads: float = 0.0,
    carbon: float = 0.0,
    actin: float = 0.0,
    microtubules: float = 0.0,
    contamination: float = 0.0,
) -> None:
    """Put vesicles, gold beads, fibres, crystals and perhaps a carbon edge on a stage.

    What would touch a particle that stands there already is drawn again, and in the end left out.

    Parameters
    ----------
    stage
        Where; they are added to its clutter.
    vesicles, beads, actin, microtubules, contamination
        Mean numbers in a tomogram of the challenge's area.
    carbon
        Probability of a carbon edge.
    """
    rng = stage.rng
    area = float(stage.extent[1] * stage.extent[2]) / CZII_AREA
    if rng.random() < carbon:
        _put(stage, _carbon)
    for mean, draw in (
        (contamination, _crystal),
        (microtubules, lambda stage: _fibre(stage, MICROTUBULE)),
        (vesicles, _vesicle),
        (beads, _bead),
        (actin, lambda stage: _fibre(stage, ACTIN)),
    ):
        for _ in range(rng.poisson(mean * area)):
            _put(stage, draw)


def _put(stage: Stage, draw: Callable[[Stage], Clutter | None]) -> None:
    """Draw a thing until it touches no particle."""
    for _ in range(_TRIES):
        thing = draw(stage)
        if thing is not None and stage.put(thing):
            return


def _vesicle(stage: Stage) -> Vesicle | None:
    """Draw a vesicle that mostly lies in the ice, flattened where the ice is thin.

    It may lie inside another; None where their membranes would cross.
    """
    rng = stage.rng
    size = float(np.exp(rng.uniform(np.log(110), np.log(800))))
    y, x = size * rng.uniform(0.8, 1.2, 2)
    zyx = stage.spots(1, level=(3.0, 3.0))
    low, high = stage.ice.surfaces(zyx[:, 1], zyx[:, 2])
    tall = min(size, max(0.5 * float(high[0] - low[0]), 60.0))
    dents = rng.normal(size=3) * (0.06, 0.03, 0.02)
    vesicle = Vesicle(
        _three(zyx[0]),
        (float(tall), float(y), float(x)),
        float(rng.uniform(0, np.pi)),
        _three(dents),
    )
    membrane, _ = vesicle.surface(rng.normal(size=(400, 3)))
    clear = all(np.all(thing.clearance(membrane) > LEAFLETS) for thing in stage.clutter)
    return vesicle if clear else None


def _bead(stage: Stage) -> Bead:
    """Draw a gold bead of about 10 nm."""
    rng = stage.rng
    return Bead(_three(stage.spots(1)[0]), float(rng.uniform(35, 60)), float(rng.uniform(8, 16)))


def _fibre(stage: Stage, kind: FibreKind) -> Fibre | None:
    """Draw a fibre that starts anywhere and ends at the ice's surface or at the next thing."""
    length = float(stage.rng.uniform(800, 9000))
    start = stage.spots(1)[0]
    nodes = draw_axis(start, kind=kind, length=length, rng=stage.rng)
    low, high = stage.ice.surfaces(nodes[:, 1], nodes[:, 2])
    free = (nodes[:, 0] >= low) & (nodes[:, 0] <= high)
    free &= np.all(np.abs(nodes - stage.extent / 2) < stage.extent / 2 + kind.radius, axis=1)
    for thing in stage.clutter:
        free &= thing.clearance(nodes) > kind.radius
    count = int(np.argmin(free)) if not free.all() else len(free)
    if count * kind.rise < 3 * kind.radius:
        return None
    return Fibre(tuple(_three(node) for node in nodes[:count]), kind)


def _crystal(stage: Stage) -> Crystal:
    """Draw a crystal that lies on one of the ice's surfaces, half sunk in."""
    rng = stage.rng
    radius = float(np.exp(rng.uniform(np.log(150), np.log(700))))
    _, y, x = (float(value) for value in stage.spots(1)[0])
    low, high = (float(z[0]) for z in stage.ice.surfaces(np.array([y]), np.array([x])))
    sunk = float(rng.uniform(0.2, 0.8)) * radius
    z = high + sunk if rng.random() < 0.5 else low - sunk
    return Crystal((z, y, x), radius, float(rng.uniform(0.25, 0.7)), int(rng.integers(2**31)))


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


def _three(values: np.ndarray) -> tuple[float, float, float]:
    """Return three numbers as a tuple, which compares by value."""
    z, y, x = (float(value) for value in values)
    return z, y, x
